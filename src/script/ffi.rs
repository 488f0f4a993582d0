//! The interpreter's C interface as far as it is used: the declarations of `mlua-sys` under the names used here.
//!
//! Owns names, no behaviour. Functions that can raise a Lua error leave by `longjmp`: they are called only from frames that own nothing
//! to drop. Callers keep that the interpreter is live and, where memory is taken, that the heap's limit is lifted.

use std::ffi::c_int;

/// The allocator: (userdata, block, old size, new size).
pub use mlua_sys::lua_Alloc as Allocator;
/// A function that Lua can call: it takes its arguments from the stack and answers how many results it pushed.
pub use mlua_sys::lua_CFunction as Function;
/// A function's activation record.
pub use mlua_sys::lua_Debug as Activation;
/// An interpreter, or one of its coroutines.
pub use mlua_sys::lua_State as State;

pub use mlua_sys::{
    LUA_GCCOLLECT as GC_COLLECT, LUA_GLOBALSINDEX as GLOBALS, LUA_MASKCOUNT as MASK_COUNT,
    LUA_MULTRET as MULTIPLE_RESULTS, LUA_REGISTRYINDEX as REGISTRY, LUA_SIGNATURE as BYTECODE, LUA_TBOOLEAN as BOOLEAN,
    LUA_TFUNCTION as FUNCTION, LUA_TLIGHTUSERDATA as LIGHT_USERDATA, LUA_TNIL as NIL, LUA_TNUMBER as NUMBER,
    LUA_TSTRING as STRING, LUA_TTABLE as TABLE, LUA_YIELD as YIELD,
};

/// The first upvalue of the running C function.
pub const FIRST_UPVALUE: c_int = mlua_sys::lua_upvalueindex(1);
/// Its second upvalue.
pub const SECOND_UPVALUE: c_int = mlua_sys::lua_upvalueindex(2);

pub use mlua_sys::{
    lua_call, lua_checkstack, lua_close, lua_concat, lua_createtable, lua_error, lua_gc, lua_getallocf, lua_getinfo,
    lua_getmetatable, lua_getstack, lua_gettop, lua_insert, lua_iscfunction, lua_isnumber, lua_load, lua_newstate,
    lua_newthread, lua_newuserdata, lua_next, lua_objlen, lua_pcall, lua_pushboolean, lua_pushcclosure,
    lua_pushlightuserdata, lua_pushlstring_ as lua_pushlstring, lua_pushnil, lua_pushnumber, lua_pushvalue,
    lua_rawget_ as lua_rawget, lua_rawgeti_ as lua_rawgeti, lua_rawset, lua_rawseti_ as lua_rawseti, lua_remove,
    lua_replace, lua_resume_ as lua_resume, lua_sethook, lua_setmetatable, lua_settop, lua_status, lua_toboolean,
    lua_tocfunction, lua_tolstring, lua_tonumber, lua_topointer, lua_tothread, lua_touserdata, lua_type, lua_typename,
    lua_xmove,
};
pub use mlua_sys::{
    luaL_argerror, luaL_checkany, luaL_checklstring, luaL_checktype, luaL_optlstring, luaL_ref, luaL_typerror,
    luaL_unref, luaL_where,
};
pub use mlua_sys::{luaopen_base, luaopen_math, luaopen_os, luaopen_string, luaopen_table};

// SAFETY: for callers: both are live threads of one interpreter. The interpreter exports it; `mlua-sys` does not declare it.
unsafe extern "C-unwind" {
    /// Hands the depth of C calls on to a coroutine, so that nested ones cannot exhaust the stack of the process.
    pub fn lua_setlevel(from: *mut State, to: *mut State);
}
