/*
** Standard Operating System library: only the clock of the process
** See Copyright Notice in lua.h
*/

#include <time.h>

#define loslib_c
#define LUA_LIB

#include "lua.h"

#include "lauxlib.h"
#include "lualib.h"


static int os_clock (lua_State *L) {
  lua_pushnumber(L, ((lua_Number)clock())/(lua_Number)CLOCKS_PER_SEC);
  return 1;
}


static const luaL_Reg syslib[] = {
  {"clock", os_clock},
  {NULL, NULL}
};


LUALIB_API int luaopen_os (lua_State *L) {
  luaL_register(L, LUA_OSLIBNAME, syslib);
  return 1;
}
