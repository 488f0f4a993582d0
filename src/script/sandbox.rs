//! What a script sees: the globals of scripts, of functions, and of library code while it is loaded.
//!
//! Owns the lists of what is allowed, and makes everything read-only. It must not know what the functions do.
//!
//! Functions have an empty table of globals whose metatable looks names up elsewhere: in the globals of running functions, or in those of
//! loading code, which are few. So what code sees depends on when it looks.

use super::ffi::{self, State};
use super::runtime::{Outcome, export};
use super::{calls, catching, library, loading, random, readonly, server_api, spread, stack};
use std::ffi::c_int;

/// Globals of the basic library that stay out.
const LEFT_OUT: [&str; 7] = ["dofile", "getfenv", "loadfile", "newproxy", "print", "setfenv", "debug"];
/// Numbers of the server's tables.
const NUMBERS: [(&str, f64); 11] = [
    ("LOG_DEBUG", 0.0),
    ("LOG_VERBOSE", 1.0),
    ("LOG_NOTICE", 2.0),
    ("LOG_WARNING", 3.0),
    ("REPL_NONE", 0.0),
    ("REPL_AOF", 1.0),
    ("REPL_SLAVE", 2.0),
    ("REPL_REPLICA", 2.0),
    ("REPL_ALL", 3.0),
    ("REDIS_VERSION_NUM", 0x0007_0204 as f64),
    ("VALKEY_VERSION_NUM", 0x0009_0102 as f64),
];
/// Texts of the server's tables.
const TEXTS: [(&str, &str); 3] = [
    ("REDIS_VERSION", "7.2.4"),
    ("VALKEY_VERSION", "9.1.2"),
    ("SERVER_NAME", "valkey"),
];
/// Functions that scripts and functions can call.
const FUNCTIONS: [(&str, ffi::Function); 9] = [
    ("call", calls::call),
    ("pcall", calls::pcall),
    ("error_reply", server_api::error_reply),
    ("status_reply", server_api::status_reply),
    ("sha1hex", server_api::sha1hex),
    ("log", server_api::log),
    ("setresp", server_api::setresp),
    ("set_repl", server_api::set_repl),
    ("acl_check_cmd", server_api::acl_check_cmd),
];
/// Functions that only scripts can call.
const SCRIPT_FUNCTIONS: [(&str, ffi::Function); 3] = [
    ("replicate_commands", server_api::replicate_commands),
    ("breakpoint", server_api::breakpoint),
    ("debug", server_api::debug),
];
/// Functions that library code can call while it is loaded.
const LOADING_FUNCTIONS: [(&str, ffi::Function); 2] = [
    ("register_function", library::register_function),
    ("log", server_api::log),
];

export! { unknown_global = unknown_global_inner }

/// Tables of globals, as references in the registry.
#[derive(Clone, Copy, Debug)]
pub struct Globals {
    pub script: c_int,
    /// What is behind the read-only table `script`.
    pub script_true: c_int,
    pub function: c_int,
    /// The metatable of `function`, whose `__index` is switched.
    switch: c_int,
    running: c_int,
    loading: c_int,
}

impl Globals {
    /// Makes library code see what it may use while it is loaded, or functions what they may use while they run.
    ///
    /// # Safety
    /// `lua` is the interpreter of these globals.
    pub unsafe fn set_loading(&self, lua: *mut State, loading: bool) {
        // SAFETY: references of the registry are tables.
        unsafe {
            ffi::lua_rawgeti(lua, ffi::REGISTRY, self.switch);
            ffi::lua_rawgeti(lua, ffi::REGISTRY, if loading { self.loading } else { self.running });
            stack::set_field(lua, -2, "__index");
            stack::pop(lua, 1);
        }
    }
}

/// Opens the libraries and builds all tables of globals.
///
/// # Safety
/// `lua` is a fresh interpreter, and the heap's limit is lifted.
pub unsafe fn build(lua: *mut State) -> Globals {
    // SAFETY: as the caller promises; nothing here can fail without a limit.
    unsafe {
        for open in [
            ffi::luaopen_base,
            ffi::luaopen_table,
            ffi::luaopen_string,
            ffi::luaopen_math,
            ffi::luaopen_os,
        ] {
            ffi::lua_pushcclosure(lua, open as ffi::Function, 0);
            ffi::lua_call(lua, 0, 0);
        }
        ffi::lua_pushvalue(lua, ffi::GLOBALS);
        super::bits::open(lua);
        super::cjson::open(lua);
        super::cmsgpack::open(lua);
        super::structs::open(lua);
        for name in LEFT_OUT {
            ffi::lua_pushnil(lua);
            stack::set_field(lua, -2, name);
        }
        replace_functions(lua);
        readonly::open(lua);
        cover_tables(lua);
        show_string_metatable(lua);
        let running = running_globals(lua);
        let loading = loading_globals(lua);
        push_server(lua, true, &[&FUNCTIONS[..], &SCRIPT_FUNCTIONS[..]]);
        set_server(lua);
        for name in ["__redis__err__handler", "__server__err__handler"] {
            stack::set_function(lua, name, catching::err_handler);
        }
        guard(lua);
        ffi::lua_pushvalue(lua, -1);
        let script_true = ffi::luaL_ref(lua, ffi::REGISTRY);
        cover_globals(lua);
        ffi::lua_pushvalue(lua, -1);
        ffi::lua_replace(lua, ffi::GLOBALS);
        let script = ffi::luaL_ref(lua, ffi::REGISTRY);
        let (function, switch) = switched_globals(lua);
        let globals = Globals {
            script,
            script_true,
            function,
            switch,
            running,
            loading,
        };
        globals.set_loading(lua, false);
        globals
    }
}

/// Replaces functions of the basic libraries, which are in the globals on top of the stack, and leaves of `os` the clock.
// SAFETY: for callers: as for `build`.
unsafe fn replace_functions(lua: *mut State) {
    // SAFETY: as the caller's.
    unsafe {
        for (name, function) in [
            ("pcall", catching::pcall as ffi::Function),
            ("xpcall", catching::xpcall),
            ("load", loading::load),
            ("loadstring", loading::loadstring),
            ("unpack", spread::unpack),
        ] {
            stack::set_function(lua, name, function);
        }
        for (table, name, function) in [
            ("coroutine", "resume", catching::resume as ffi::Function),
            ("coroutine", "wrap", catching::wrap),
            ("math", "random", random::random),
            ("math", "randomseed", random::randomseed),
        ] {
            stack::push_field(lua, -1, table);
            stack::set_function(lua, name, function);
            stack::pop(lua, 1);
        }
        ffi::lua_createtable(lua, 0, 1);
        stack::push_field(lua, -2, "os");
        stack::push_field(lua, -1, "clock");
        stack::set_field(lua, -3, "clock");
        stack::pop(lua, 1);
        stack::set_field(lua, -2, "os");
    }
}

/// Makes the libraries in the globals on top of the stack read-only.
// SAFETY: for callers: as for `build`.
unsafe fn cover_tables(lua: *mut State) {
    // SAFETY: as the caller's; fields that exist may change during an iteration. The globals themselves come later.
    unsafe {
        ffi::lua_pushnil(lua);
        stack::set_field(lua, -2, "_G");
        ffi::lua_pushnil(lua);
        while ffi::lua_next(lua, -2) != 0 {
            if ffi::lua_type(lua, -1) == ffi::TABLE {
                readonly::cover(lua);
                ffi::lua_pushvalue(lua, -2);
                ffi::lua_insert(lua, -2);
                ffi::lua_rawset(lua, -4);
            } else {
                stack::pop(lua, 1);
            }
        }
    }
}

/// Replaces the globals on top of the stack by their read-only table, which they have as `_G`.
// SAFETY: for callers: as for `build`.
unsafe fn cover_globals(lua: *mut State) {
    // SAFETY: as the caller's.
    unsafe {
        ffi::lua_pushvalue(lua, -1);
        readonly::cover(lua);
        ffi::lua_pushvalue(lua, -1);
        stack::set_field(lua, -3, "_G");
        ffi::lua_remove(lua, -2);
    }
}

/// Makes the globals of running functions from those on top of the stack, which stay.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn running_globals(lua: *mut State) -> c_int {
    // SAFETY: as the caller's.
    unsafe {
        ffi::lua_createtable(lua, 0, 48);
        ffi::lua_pushnil(lua);
        while ffi::lua_next(lua, -3) != 0 {
            ffi::lua_pushvalue(lua, -2);
            ffi::lua_insert(lua, -2);
            ffi::lua_rawset(lua, -4);
        }
        push_server(lua, true, &[&FUNCTIONS[..]]);
        set_server(lua);
        guard(lua);
        ffi::lua_pushvalue(lua, -1);
        cover_globals(lua);
        stack::pop(lua, 1);
        ffi::luaL_ref(lua, ffi::REGISTRY)
    }
}

/// Makes the globals of library code that is loaded.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn loading_globals(lua: *mut State) -> c_int {
    // SAFETY: as the caller's.
    unsafe {
        ffi::lua_createtable(lua, 0, 2);
        push_server(lua, false, &[&LOADING_FUNCTIONS[..]]);
        guard(lua);
        set_server(lua);
        guard(lua);
        ffi::luaL_ref(lua, ffi::REGISTRY)
    }
}

/// Makes the empty globals of functions and their metatable. No code gets hold of either.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn switched_globals(lua: *mut State) -> (c_int, c_int) {
    // SAFETY: as the caller's.
    unsafe {
        ffi::lua_createtable(lua, 0, 0);
        ffi::lua_createtable(lua, 0, 2);
        stack::set_function(lua, "__newindex", readonly::refuse);
        ffi::lua_pushvalue(lua, -1);
        let switch = ffi::luaL_ref(lua, ffi::REGISTRY);
        ffi::lua_setmetatable(lua, -2);
        (ffi::luaL_ref(lua, ffi::REGISTRY), switch)
    }
}

/// Pushes a table of the server with these functions, and the numbers of `set_repl` if it `replicates`.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn push_server(lua: *mut State, replicates: bool, functions: &[&[(&str, ffi::Function)]]) {
    // SAFETY: as the caller's.
    unsafe {
        ffi::lua_createtable(lua, 0, 32);
        for (name, number) in NUMBERS
            .iter()
            .copied()
            .filter(|(name, _)| replicates || !name.starts_with("REPL_"))
        {
            stack::set_number(lua, name, number);
        }
        for (name, text) in TEXTS {
            stack::set_text(lua, name, text);
        }
        for (name, function) in functions.iter().copied().flatten() {
            stack::set_function(lua, name, *function);
        }
    }
}

/// Sets `redis` and `server` of the globals below the top to the read-only table of the one on top, which is taken.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn set_server(lua: *mut State) {
    // SAFETY: as the caller's.
    unsafe {
        readonly::cover(lua);
        ffi::lua_pushvalue(lua, -1);
        stack::set_field(lua, -3, "redis");
        stack::set_field(lua, -2, "server");
    }
}

/// Lets the table on top of the stack complain about names it does not have.
unsafe fn guard(lua: *mut State) {
    // SAFETY: as the caller's.
    unsafe {
        ffi::lua_createtable(lua, 0, 1);
        stack::set_function(lua, "__index", unknown_global);
        ffi::lua_pushvalue(lua, -1);
        readonly::cover(lua);
        stack::pop(lua, 1);
        ffi::lua_setmetatable(lua, -2);
    }
}

/// Lets `getmetatable('')` show a read-only table whose `__index` is the `string` of the globals on top of the stack.
// SAFETY: for callers: as for `build`.
unsafe fn show_string_metatable(lua: *mut State) {
    // SAFETY: as the caller's.
    unsafe {
        stack::push_bytes(lua, b"");
        if ffi::lua_getmetatable(lua, -1) != 0 {
            ffi::lua_createtable(lua, 0, 1);
            stack::push_field(lua, -4, "string");
            stack::set_field(lua, -2, "__index");
            readonly::cover(lua);
            readonly::show_as(lua);
            stack::pop(lua, 2);
        }
        stack::pop(lua, 1);
    }
}

/// `__index` of globals.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn unknown_global_inner(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us with a table and a name.
    unsafe {
        let mut text = b"Script attempted to access nonexistent global variable '".to_vec();
        text.extend_from_slice(stack::bytes_at(lua, 2).unwrap_or(b"(null)"));
        text.push(b'\'');
        stack::located(lua, &text)
    }
}
