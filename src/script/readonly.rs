//! Read-only tables. What code of scripts holds is a front: an empty table whose metatable reads from the true table and refuses
//! assignments.
//!
//! Owns fronts, and the functions of the basic libraries that would see a front's emptiness or write into it. It must not know which
//! tables are read-only.
//!
//! The metatable of a front has the true table under a key that no script can make, the address of a static. Scripts get hold of
//! neither: `getmetatable` shows the metatable of the true table, by its front. Functions that look into a table without its metatable
//! get the true one; those that change a table so work on an empty one, for their checks of arguments, and then fail. The others of the
//! basic libraries see the elements of a table only, of which a read-only table has none.
//!
//! Functions with a part from the interpreter call it in their own frame, so that it finds its arguments, its name and its caller.

use super::ffi::{self, State};
use super::runtime::{Outcome, Raise, export, raise_now};
use super::stack;
use std::ffi::{c_int, c_void};

const REFUSAL: &[u8] = b"Attempt to modify a readonly table";

/// Its address is the key of true tables in metatables of fronts, and in the registry that of the fronts of true tables.
static MARK: u8 = 0;

fn mark() -> *mut c_void {
    (&raw const MARK).cast_mut().cast()
}

export! { refuse = refuse_inner }

/// `__newindex` of fronts.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn refuse_inner(lua: *mut State) -> Outcome {
    // SAFETY: as the caller's.
    unsafe { stack::located(lua, REFUSAL) }
}

/// Prepares an interpreter for fronts, and its functions, which are in the globals on top of the stack.
///
/// # Safety
/// As for [`super::sandbox::build`].
pub unsafe fn open(lua: *mut State) {
    // SAFETY: as the caller promises; the names are functions of the basic libraries, written in C.
    unsafe {
        ffi::lua_pushlightuserdata(lua, mark());
        ffi::lua_createtable(lua, 0, 32);
        ffi::lua_rawset(lua, ffi::REGISTRY);
        stack::push_field(lua, -1, "next");
        ffi::lua_pushvalue(lua, -2);
        wrap(lua, "next", looking);
        stack::push_field(lua, -1, "next");
        ffi::lua_remove(lua, -2);
        ffi::lua_pushcclosure(lua, pairs, 2);
        stack::set_field(lua, -2, "pairs");
        wrap(lua, "rawget", looking);
        wrap(lua, "rawset", changing);
        wrap(lua, "setmetatable", setmetatable);
        stack::set_function(lua, "getmetatable", getmetatable);
        stack::push_field(lua, -1, "table");
        wrap(lua, "foreach", looking);
        wrap(lua, "insert", changing);
        stack::pop(lua, 1);
    }
}

/// Replaces a function of the table on top of the stack by a closure over it.
// SAFETY: for callers: as for `open`.
unsafe fn wrap(lua: *mut State, name: &str, function: ffi::Function) {
    // SAFETY: as the caller's; a function written in C has an address.
    unsafe {
        stack::push_field(lua, -1, name);
        let original = ffi::lua_tocfunction(lua, -1).expect("the library has this function");
        stack::pop(lua, 1);
        ffi::lua_pushlightuserdata(lua, original as *mut c_void);
        ffi::lua_pushcclosure(lua, function, 1);
        stack::set_field(lua, -2, name);
    }
}

/// Replaces the table on top of the stack by its front.
///
/// # Safety
/// The interpreter is prepared, there is room for five values, and the heap's limit is lifted.
pub unsafe fn cover(lua: *mut State) {
    // SAFETY: as the caller promises.
    unsafe {
        ffi::lua_createtable(lua, 0, 0);
        ffi::lua_createtable(lua, 0, 3);
        ffi::lua_pushvalue(lua, -3);
        stack::set_field(lua, -2, "__index");
        stack::set_function(lua, "__newindex", refuse);
        ffi::lua_pushlightuserdata(lua, mark());
        ffi::lua_pushvalue(lua, -4);
        ffi::lua_rawset(lua, -3);
        ffi::lua_setmetatable(lua, -2);
        show_as(lua);
        ffi::lua_remove(lua, -2);
    }
}

/// Lets `getmetatable` show the table below the top of the stack as the front on top; both stay.
///
/// # Safety
/// As for [`cover`].
pub unsafe fn show_as(lua: *mut State) {
    // SAFETY: as the caller promises.
    unsafe {
        push_fronts(lua);
        ffi::lua_pushvalue(lua, -3);
        ffi::lua_pushvalue(lua, -3);
        ffi::lua_rawset(lua, -3);
        stack::pop(lua, 1);
    }
}

// SAFETY: for callers: the interpreter is prepared.
unsafe fn push_fronts(lua: *mut State) {
    // SAFETY: as the caller's.
    unsafe {
        ffi::lua_pushlightuserdata(lua, mark());
        ffi::lua_rawget(lua, ffi::REGISTRY);
    }
}

/// Pushes the true table of the front at `index`; false, and nothing pushed, for any other value.
///
/// # Safety
/// There is room for two values.
unsafe fn push_true(lua: *mut State, index: c_int) -> bool {
    // SAFETY: as the caller promises; the fields of metatables are read raw.
    unsafe {
        if ffi::lua_getmetatable(lua, index) == 0 {
            return false;
        }
        ffi::lua_pushlightuserdata(lua, mark());
        ffi::lua_rawget(lua, -2);
        ffi::lua_remove(lua, -2);
        if ffi::lua_type(lua, -1) == ffi::TABLE {
            return true;
        }
        stack::pop(lua, 1);
        false
    }
}

/// Whether a read-only table is at `index`.
///
/// # Safety
/// There is room for two values.
pub unsafe fn is_front(lua: *mut State, index: c_int) -> bool {
    // SAFETY: as the caller promises.
    unsafe {
        let front = push_true(lua, index);
        if front {
            stack::pop(lua, 1);
        }
        front
    }
}

/// Replaces a front at `index` by its true table, for code that reads without metatables and gives the table to nobody.
///
/// # Safety
/// There is room for two values, and `index` is a place on the stack.
pub unsafe fn uncover(lua: *mut State, index: c_int) {
    // SAFETY: as the caller promises.
    unsafe {
        if push_true(lua, index) {
            ffi::lua_replace(lua, if index < 0 { index - 1 } else { index });
        }
    }
}

/// The function of the interpreter that the running one stands for.
// SAFETY: for callers: the running function was made by `wrap`.
unsafe fn original(lua: *mut State) -> ffi::Function {
    // SAFETY: `wrap` has made a pointer of such a function.
    unsafe { std::mem::transmute::<*mut c_void, ffi::Function>(ffi::lua_touserdata(lua, ffi::FIRST_UPVALUE)) }
}

/// A function that looks into its first argument without the metatable.
///
/// # Safety
/// Called by Lua only.
unsafe extern "C-unwind" fn looking(lua: *mut State) -> c_int {
    // SAFETY: Lua has called us; nothing here is to be dropped when an error passes through.
    unsafe {
        uncover(lua, 1);
        original(lua)(lua)
    }
}

/// A function that changes its first argument without the metatable.
///
/// # Safety
/// Called by Lua only.
unsafe extern "C-unwind" fn changing(lua: *mut State) -> c_int {
    // SAFETY: Lua has called us; nothing here is to be dropped when an error passes through.
    unsafe {
        let refused = is_front(lua, 1);
        if refused {
            ffi::lua_createtable(lua, 0, 0);
            ffi::lua_replace(lua, 1);
        }
        let results = original(lua)(lua);
        if refused {
            stack::push_bytes(lua, REFUSAL);
            return raise_now(lua, Raise::Value);
        }
        results
    }
}

/// `setmetatable`: a front has no fields, so its true table becomes the metatable.
///
/// # Safety
/// Called by Lua only.
unsafe extern "C-unwind" fn setmetatable(lua: *mut State) -> c_int {
    // SAFETY: Lua has called us; nothing here is to be dropped when an error passes through.
    unsafe {
        if ffi::lua_gettop(lua) >= 2 {
            uncover(lua, 2);
        }
        changing(lua)
    }
}

/// `getmetatable`, which shows metatables that scripts must not change by their fronts.
///
/// # Safety
/// Called by Lua only.
unsafe extern "C-unwind" fn getmetatable(lua: *mut State) -> c_int {
    // SAFETY: Lua has called us; nothing here is to be dropped when an error passes through.
    unsafe {
        ffi::luaL_checkany(lua, 1);
        uncover(lua, 1);
        if ffi::lua_getmetatable(lua, 1) == 0 {
            ffi::lua_pushnil(lua);
            return 1;
        }
        push_fronts(lua);
        ffi::lua_pushvalue(lua, -2);
        ffi::lua_rawget(lua, -2);
        if ffi::lua_type(lua, -1) == ffi::TABLE {
            return 1;
        }
        stack::pop(lua, 2);
        stack::push_field(lua, -1, "__metatable");
        if ffi::lua_type(lua, -1) == ffi::NIL {
            stack::pop(lua, 1);
        }
        1
    }
}

/// `pairs`: the interpreter's own iterator for all tables but fronts.
///
/// # Safety
/// Called by Lua only.
unsafe extern "C-unwind" fn pairs(lua: *mut State) -> c_int {
    // SAFETY: Lua has called us; nothing here is to be dropped when an error passes through. The upvalues are both iterators.
    unsafe {
        ffi::luaL_checktype(lua, 1, ffi::TABLE);
        let front = is_front(lua, 1);
        ffi::lua_pushvalue(lua, if front { ffi::SECOND_UPVALUE } else { ffi::FIRST_UPVALUE });
        ffi::lua_pushvalue(lua, 1);
        ffi::lua_pushnil(lua);
        3
    }
}
