//! `unpack`: the elements of a table as values.
//!
//! Owns the check of the range, which the interpreter's own function leaves to an overflow that compilers take for impossible.

use super::ffi::{self, State};
use super::outgoing::truncated;
use super::runtime::{Outcome, Raise, export};
use super::stack;
use std::ffi::c_int;

export! { unpack = unpack_inner }

/// The bound at `index`, or `default` for no value.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn bound_at(lua: *mut State, index: c_int, default: c_int) -> Result<c_int, Raise> {
    // SAFETY: reads the stack.
    unsafe {
        if ffi::lua_type(lua, index) <= ffi::NIL {
            return Ok(default);
        }
        if !stack::is_number(lua, index) {
            return Err(Raise::Kind(index, c"number"));
        }
        Ok(truncated(ffi::lua_tonumber(lua, index)) as c_int)
    }
}

// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn unpack_inner(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us; elements are pushed once there is room for all of them.
    unsafe {
        if ffi::lua_type(lua, 1) != ffi::TABLE {
            return Err(Raise::Kind(1, c"table"));
        }
        let first = bound_at(lua, 2, 1)?;
        let last = bound_at(lua, 3, ffi::lua_objlen(lua, 1) as c_int)?;
        if first > last {
            return Ok(0);
        }
        let count = last.checked_sub(first).and_then(|less| less.checked_add(1));
        let Some(count) = count.filter(|&count| ffi::lua_checkstack(lua, count) != 0) else {
            return stack::located(lua, b"too many results to unpack");
        };
        for index in first..=last {
            ffi::lua_rawgeti(lua, 1, index);
        }
        Ok(count)
    }
}
