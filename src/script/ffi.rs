//! Declarations of the interpreter's C interface (`vendor/lua/lua.h`, `lauxlib.h`), as far as it is used.
//!
//! Owns names and types, no behaviour. Functions that can raise a Lua error leave by `longjmp`: they are called only from frames that
//! own nothing to drop.

use std::ffi::{c_char, c_int, c_void};

/// An interpreter, or one of its coroutines.
#[repr(C)]
pub struct State {
    opaque: [u8; 0],
}

/// A function that Lua can call: it takes its arguments from the stack and answers how many results it pushed.
pub type Function = unsafe extern "C-unwind" fn(lua: *mut State) -> c_int;
/// The allocator: (userdata, block, old size, new size).
pub type Allocator = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, usize, usize) -> *mut c_void;
/// What is called while a script runs.
pub type Hook = unsafe extern "C-unwind" fn(lua: *mut State, activation: *mut Activation);

/// `lua_Debug`: a function's activation record.
#[repr(C)]
pub struct Activation {
    pub event: c_int,
    pub name: *const c_char,
    pub namewhat: *const c_char,
    pub what: *const c_char,
    pub source: *const c_char,
    pub currentline: c_int,
    pub nups: c_int,
    pub linedefined: c_int,
    pub lastlinedefined: c_int,
    pub short_src: [c_char; 60],
    pub i_ci: c_int,
}

pub const REGISTRY: c_int = -10000;
pub const GLOBALS: c_int = -10002;
/// The first upvalue of the running C function.
pub const FIRST_UPVALUE: c_int = GLOBALS - 1;
pub const MULTIPLE_RESULTS: c_int = -1;

pub const YIELD: c_int = 1;

pub const NIL: c_int = 0;
pub const BOOLEAN: c_int = 1;
pub const LIGHT_USERDATA: c_int = 2;
pub const NUMBER: c_int = 3;
pub const STRING: c_int = 4;
pub const TABLE: c_int = 5;
pub const FUNCTION: c_int = 6;

pub const MASK_COUNT: c_int = 1 << 3;

pub const GC_COLLECT: c_int = 2;

// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe extern "C-unwind" {
    pub fn lua_newstate(allocator: Allocator, userdata: *mut c_void) -> *mut State;
    pub fn lua_close(lua: *mut State);
    pub fn lua_getallocf(lua: *mut State, userdata: *mut *mut c_void) -> Allocator;

    pub fn lua_gettop(lua: *mut State) -> c_int;
    pub fn lua_settop(lua: *mut State, index: c_int);
    pub fn lua_pushvalue(lua: *mut State, index: c_int);
    pub fn lua_remove(lua: *mut State, index: c_int);
    pub fn lua_replace(lua: *mut State, index: c_int);
    pub fn lua_insert(lua: *mut State, index: c_int);
    pub fn lua_checkstack(lua: *mut State, extra: c_int) -> c_int;
    pub fn lua_xmove(from: *mut State, to: *mut State, count: c_int);

    pub fn lua_isnumber(lua: *mut State, index: c_int) -> c_int;
    pub fn lua_iscfunction(lua: *mut State, index: c_int) -> c_int;
    pub fn lua_isreadonly(lua: *mut State, index: c_int) -> c_int;
    pub fn lua_setlevel(from: *mut State, to: *mut State);
    pub fn lua_type(lua: *mut State, index: c_int) -> c_int;
    pub fn lua_typename(lua: *mut State, kind: c_int) -> *const c_char;
    pub fn lua_tonumber(lua: *mut State, index: c_int) -> f64;
    pub fn lua_toboolean(lua: *mut State, index: c_int) -> c_int;
    pub fn lua_tolstring(lua: *mut State, index: c_int, len: *mut usize) -> *const c_char;
    pub fn lua_tothread(lua: *mut State, index: c_int) -> *mut State;
    pub fn lua_touserdata(lua: *mut State, index: c_int) -> *mut c_void;
    pub fn lua_pushlightuserdata(lua: *mut State, pointer: *mut c_void);
    pub fn lua_newuserdata(lua: *mut State, bytes: usize) -> *mut c_void;
    pub fn lua_topointer(lua: *mut State, index: c_int) -> *const c_void;

    pub fn lua_pushnil(lua: *mut State);
    pub fn lua_pushnumber(lua: *mut State, number: f64);
    pub fn lua_pushboolean(lua: *mut State, value: c_int);
    pub fn lua_pushlstring(lua: *mut State, bytes: *const c_char, len: usize);
    pub fn lua_pushcclosure(lua: *mut State, function: Function, upvalues: c_int);

    pub fn lua_rawget(lua: *mut State, index: c_int);
    pub fn lua_rawgeti(lua: *mut State, index: c_int, key: c_int);
    pub fn lua_rawset(lua: *mut State, index: c_int);
    pub fn lua_rawseti(lua: *mut State, index: c_int, key: c_int);
    pub fn lua_createtable(lua: *mut State, array: c_int, hash: c_int);
    pub fn lua_getmetatable(lua: *mut State, index: c_int) -> c_int;
    pub fn lua_setmetatable(lua: *mut State, index: c_int) -> c_int;
    pub fn lua_setreadonly(lua: *mut State, index: c_int, readonly: c_int);
    pub fn lua_next(lua: *mut State, index: c_int) -> c_int;
    pub fn lua_concat(lua: *mut State, count: c_int);

    pub fn lua_call(lua: *mut State, arguments: c_int, results: c_int);
    pub fn lua_pcall(lua: *mut State, arguments: c_int, results: c_int, handler: c_int) -> c_int;
    pub fn lua_error(lua: *mut State) -> c_int;
    /// As `lua_error`, past the handlers of `xpcall`.
    pub fn lua_throw(lua: *mut State) -> c_int;
    pub fn lua_resume(lua: *mut State, arguments: c_int) -> c_int;
    pub fn lua_status(lua: *mut State) -> c_int;
    pub fn lua_newthread(lua: *mut State) -> *mut State;
    pub fn lua_gc(lua: *mut State, what: c_int, data: c_int) -> c_int;

    pub fn lua_sethook(lua: *mut State, hook: Option<Hook>, mask: c_int, count: c_int) -> c_int;
    pub fn lua_getstack(lua: *mut State, level: c_int, activation: *mut Activation) -> c_int;
    pub fn lua_getinfo(lua: *mut State, what: *const c_char, activation: *mut Activation) -> c_int;

    pub fn luaL_loadbuffer(lua: *mut State, bytes: *const c_char, len: usize, name: *const c_char) -> c_int;
    pub fn luaL_ref(lua: *mut State, table: c_int) -> c_int;
    pub fn luaL_unref(lua: *mut State, table: c_int, reference: c_int);
    pub fn luaL_where(lua: *mut State, level: c_int);
    pub fn luaL_argerror(lua: *mut State, argument: c_int, message: *const c_char) -> c_int;
    pub fn luaL_typerror(lua: *mut State, argument: c_int, expected: *const c_char) -> c_int;

    pub fn luaopen_base(lua: *mut State) -> c_int;
    pub fn luaopen_table(lua: *mut State) -> c_int;
    pub fn luaopen_string(lua: *mut State) -> c_int;
    pub fn luaopen_math(lua: *mut State) -> c_int;
    pub fn luaopen_os(lua: *mut State) -> c_int;
}
