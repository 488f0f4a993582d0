//! Words for what is done with the interpreter's stack everywhere.
//!
//! Owns thin wrappers that give slices for pointers. It must not know any function of the sandbox.

use super::ffi::{self, State};
use super::runtime::{Outcome, Raise};
use std::ffi::{c_char, c_int};

/// Pushes a string.
///
/// # Safety
/// The stack has room, as everywhere in this module; the heap's limit is lifted or no frame below has anything to drop.
pub unsafe fn push_bytes(lua: *mut State, bytes: &[u8]) {
    // SAFETY: the bytes are copied.
    unsafe { ffi::lua_pushlstring(lua, bytes.as_ptr().cast::<c_char>(), bytes.len()) }
}

/// The bytes of the string or number at `index`; a number is turned into a string in place.
///
/// # Safety
/// The value stays on the stack as long as the answer is used.
pub unsafe fn bytes_at<'a>(lua: *mut State, index: c_int) -> Option<&'a [u8]> {
    let mut len = 0;
    // SAFETY: Lua answers a block of `len` bytes, or null; the collector moves nothing.
    unsafe {
        let text = ffi::lua_tolstring(lua, index, &mut len);
        (!text.is_null()).then(|| std::slice::from_raw_parts(text.cast::<u8>(), len))
    }
}

/// Whether the value at `index` is a string or a number.
///
/// # Safety
/// As [`push_bytes`].
pub unsafe fn is_text(lua: *mut State, index: c_int) -> bool {
    // SAFETY: reads a type.
    matches!(unsafe { ffi::lua_type(lua, index) }, ffi::STRING | ffi::NUMBER)
}

/// Drops the topmost `count` values.
///
/// # Safety
/// There are so many.
pub unsafe fn pop(lua: *mut State, count: c_int) {
    // SAFETY: as the caller promises.
    unsafe { ffi::lua_settop(lua, -count - 1) }
}

/// Looks `field` up in the table at `index`, without metamethods, and pushes what is there.
///
/// # Safety
/// There is a table at `index`.
pub unsafe fn push_field(lua: *mut State, index: c_int, field: &str) {
    let below = if index < 0 && index > ffi::REGISTRY {
        index - 1
    } else {
        index
    };
    // SAFETY: as the caller promises.
    unsafe {
        push_bytes(lua, field.as_bytes());
        ffi::lua_rawget(lua, below);
    }
}

/// Sets `field` of the table at `index` to the value on top of the stack, which it takes.
///
/// # Safety
/// There is a table at `index`, which is not read-only.
pub unsafe fn set_field(lua: *mut State, index: c_int, field: &str) {
    let below = if index < 0 && index > ffi::REGISTRY {
        index - 1
    } else {
        index
    };
    // SAFETY: as the caller promises.
    unsafe {
        push_bytes(lua, field.as_bytes());
        ffi::lua_insert(lua, -2);
        ffi::lua_rawset(lua, below);
    }
}

/// Sets `field` of the table on top of the stack to a function.
///
/// # Safety
/// As [`set_field`].
pub unsafe fn set_function(lua: *mut State, field: &str, function: ffi::Function) {
    // SAFETY: as the caller promises.
    unsafe {
        ffi::lua_pushcclosure(lua, function, 0);
        set_field(lua, -2, field);
    }
}

/// Sets `field` of the table on top of the stack to a string.
///
/// # Safety
/// As [`set_field`].
pub unsafe fn set_text(lua: *mut State, field: &str, text: &str) {
    // SAFETY: as the caller promises.
    unsafe {
        push_bytes(lua, text.as_bytes());
        set_field(lua, -2, field);
    }
}

/// Sets `field` of the table on top of the stack to a number.
///
/// # Safety
/// As [`set_field`].
pub unsafe fn set_number(lua: *mut State, field: &str, number: f64) {
    // SAFETY: as the caller promises.
    unsafe {
        ffi::lua_pushnumber(lua, number);
        set_field(lua, -2, field);
    }
}

/// Raises a text after the place of the caller.
///
/// # Safety
/// As [`push_bytes`].
pub unsafe fn located(lua: *mut State, text: &[u8]) -> Outcome {
    // SAFETY: as the caller promises.
    unsafe { push_bytes(lua, text) };
    Err(Raise::Located)
}

/// Pushes an error table: `{err = text, ignore_error_stats_update = true?}`.
///
/// # Safety
/// As [`push_bytes`].
pub unsafe fn push_error(lua: *mut State, text: &[u8], counted: bool) {
    // SAFETY: a fresh table is not read-only.
    unsafe {
        ffi::lua_createtable(lua, 0, 2);
        push_bytes(lua, text);
        set_field(lua, -2, "err");
        if counted {
            ffi::lua_pushboolean(lua, 1);
            set_field(lua, -2, "ignore_error_stats_update");
        }
    }
}

/// Whether the value at `index` is a number or a string that reads as one.
///
/// # Safety
/// As [`push_bytes`].
pub unsafe fn is_number(lua: *mut State, index: c_int) -> bool {
    // SAFETY: reads a value.
    unsafe { ffi::lua_isnumber(lua, index) != 0 }
}

/// Pushes a table of functions and sets it in the globals below it.
///
/// # Safety
/// As [`set_field`].
pub unsafe fn set_library(lua: *mut State, name: &str, functions: &[(&str, ffi::Function)]) {
    // SAFETY: as the caller promises.
    unsafe {
        ffi::lua_createtable(lua, 0, functions.len() as c_int + 4);
        for (name, function) in functions {
            set_function(lua, name, *function);
        }
        ffi::lua_pushvalue(lua, -1);
        set_field(lua, -3, name);
    }
}
