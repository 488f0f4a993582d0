//! `pcall` and the coroutine functions that catch errors: they let an abandoned script go on unwinding.
//!
//! Owns these functions and the handler that tells where an error came from. They run code of the script, so none of them has
//! anything to drop.

use super::ffi::{self, State};
use super::runtime::{Raise, export, raise_now, runtime};
use super::{readonly, stack};
use std::ffi::{CStr, c_int};

/// `pcall(f, ...)`: an error table is answered as its text.
///
/// # Safety
/// Called by Lua only.
pub unsafe extern "C-unwind" fn pcall(lua: *mut State) -> c_int {
    // SAFETY: nothing here is to be dropped when an error passes through.
    unsafe {
        ffi::lua_pushboolean(lua, 1);
        ffi::lua_insert(lua, 1);
        // Without arguments the function is the value just pushed, which fails as a call of a boolean.
        let count = ffi::lua_gettop(lua);
        if count == 1 {
            ffi::lua_pushboolean(lua, 1);
        }
        let status = ffi::lua_pcall(lua, (count - 2).max(0), ffi::MULTIPLE_RESULTS, 0);
        if runtime(lua).stopped().is_some() {
            return raise_now(lua, Raise::Stopped);
        }
        if status == 0 {
            return ffi::lua_gettop(lua);
        }
        if ffi::lua_type(lua, -1) == ffi::TABLE {
            stack::push_field(lua, -1, "err");
            let replaces = ffi::lua_toboolean(lua, -1) != 0;
            if replaces {
                ffi::lua_remove(lua, -2);
            } else {
                stack::pop(lua, 1);
            }
        }
        ffi::lua_pushboolean(lua, 0);
        ffi::lua_insert(lua, -2);
        2
    }
}

/// `xpcall(f, handler)`.
///
/// # Safety
/// Called by Lua only.
pub unsafe extern "C-unwind" fn xpcall(lua: *mut State) -> c_int {
    // SAFETY: nothing here is to be dropped when an error passes through.
    unsafe {
        ffi::luaL_checkany(lua, 2);
        ffi::lua_settop(lua, 2);
        ffi::lua_insert(lua, 1);
        let status = ffi::lua_pcall(lua, 0, ffi::MULTIPLE_RESULTS, 1);
        if runtime(lua).stopped().is_some() {
            return raise_now(lua, Raise::Stopped);
        }
        ffi::lua_pushboolean(lua, c_int::from(status == 0));
        ffi::lua_replace(lua, 1);
        ffi::lua_gettop(lua)
    }
}

/// `coroutine.resume(co, ...)`.
///
/// # Safety
/// Called by Lua only.
pub unsafe extern "C-unwind" fn resume(lua: *mut State) -> c_int {
    // SAFETY: nothing here is to be dropped when an error passes through.
    unsafe {
        let coroutine = ffi::lua_tothread(lua, 1);
        if coroutine.is_null() {
            return ffi::luaL_argerror(lua, 1, c"coroutine expected".as_ptr());
        }
        match resume_with(lua, coroutine, ffi::lua_gettop(lua) - 1) {
            Some(results) => {
                ffi::lua_pushboolean(lua, 1);
                ffi::lua_insert(lua, -(results + 1));
                results + 1
            }
            None => {
                ffi::lua_pushboolean(lua, 0);
                ffi::lua_insert(lua, -2);
                2
            }
        }
    }
}

/// `coroutine.wrap(f)`.
///
/// # Safety
/// Called by Lua only.
pub unsafe extern "C-unwind" fn wrap(lua: *mut State) -> c_int {
    // SAFETY: nothing here is to be dropped when an error passes through.
    unsafe {
        if ffi::lua_type(lua, 1) != ffi::FUNCTION || ffi::lua_iscfunction(lua, 1) != 0 {
            return ffi::luaL_argerror(lua, 1, c"Lua function expected".as_ptr());
        }
        let coroutine = ffi::lua_newthread(lua);
        ffi::lua_pushvalue(lua, 1);
        ffi::lua_xmove(lua, coroutine, 1);
        ffi::lua_pushcclosure(lua, resume_wrapped, 1);
        1
    }
}

/// What `coroutine.wrap` answers.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe extern "C-unwind" fn resume_wrapped(lua: *mut State) -> c_int {
    // SAFETY: nothing here is to be dropped when an error passes through; the coroutine is the first upvalue.
    unsafe {
        let coroutine = ffi::lua_tothread(lua, ffi::FIRST_UPVALUE);
        match resume_with(lua, coroutine, ffi::lua_gettop(lua)) {
            Some(results) => results,
            None => {
                if stack::is_text(lua, -1) {
                    ffi::luaL_where(lua, 1);
                    ffi::lua_insert(lua, -2);
                    ffi::lua_concat(lua, 2);
                }
                ffi::lua_error(lua)
            }
        }
    }
}

/// Why a coroutine cannot be resumed.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn objection(lua: *mut State, coroutine: *mut State) -> Option<&'static CStr> {
    // SAFETY: both threads are alive; a zeroed activation record is what the call fills.
    unsafe {
        if lua == coroutine {
            return Some(c"cannot resume running coroutine");
        }
        match ffi::lua_status(coroutine) {
            ffi::YIELD => None,
            0 => {
                let mut activation = std::mem::zeroed();
                if ffi::lua_getstack(coroutine, 0, &mut activation) > 0 {
                    Some(c"cannot resume normal coroutine")
                } else if ffi::lua_gettop(coroutine) == 0 {
                    Some(c"cannot resume dead coroutine")
                } else {
                    None
                }
            }
            _ => Some(c"cannot resume dead coroutine"),
        }
    }
}

/// Resumes with the topmost values as arguments and answers how many results it pushed; none when an error was pushed instead.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn resume_with(lua: *mut State, coroutine: *mut State, arguments: c_int) -> Option<c_int> {
    // SAFETY: nothing here is to be dropped when an error passes through.
    unsafe {
        if ffi::lua_checkstack(coroutine, arguments) == 0 {
            stack::push_bytes(lua, b"too many arguments to resume");
            raise_now(lua, Raise::Located);
        }
        if let Some(text) = objection(lua, coroutine) {
            stack::push_bytes(lua, text.to_bytes());
            return None;
        }
        ffi::lua_xmove(lua, coroutine, arguments);
        ffi::lua_setlevel(lua, coroutine);
        let status = ffi::lua_resume(coroutine, arguments);
        if runtime(lua).stopped().is_some() {
            raise_now(lua, Raise::Stopped);
        }
        if status != 0 && status != ffi::YIELD {
            ffi::lua_xmove(coroutine, lua, 1);
            return None;
        }
        let results = ffi::lua_gettop(coroutine);
        if ffi::lua_checkstack(lua, results + 1) == 0 {
            stack::push_bytes(lua, b"too many results to resume");
            raise_now(lua, Raise::Located);
        }
        ffi::lua_xmove(coroutine, lua, results);
        Some(results)
    }
}

export! { describe_error = describe_error_inner, err_handler = err_handler_inner }

/// What Valkey's handler of errors, a script by that name, ends with when it is to describe a read-only table.
const HANDLER_SOURCE: &[u8] = b"@err_handler_def";
const HANDLER_LINE: f64 = 10.0;
const HANDLER_REFUSAL: &[u8] = b"err_handler_def:10: Attempt to modify a readonly table";

/// The handler of errors, as scripts can call it.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn err_handler_inner(lua: *mut State) -> super::runtime::Outcome {
    // SAFETY: Lua called us; the index is asked for only when there is a value.
    unsafe {
        if ffi::lua_gettop(lua) > 0 && readonly::is_front(lua, 1) {
            stack::push_bytes(lua, HANDLER_REFUSAL);
            return Err(Raise::Value);
        }
        describe_error_inner(lua)
    }
}

/// Pushes where the error came from: a source and a line; false, and nothing pushed, when that is not known.
// SAFETY: for callers: as above, and one value is on the stack.
unsafe fn push_place(lua: *mut State) -> bool {
    // SAFETY: as the caller's; the activation record is filled before it is read.
    unsafe {
        let mut activation: ffi::Activation = std::mem::zeroed();
        if ffi::lua_getstack(lua, 1, &mut activation) == 0 {
            return false;
        }
        ffi::lua_getinfo(lua, c"nSl".as_ptr(), &mut activation);
        if CStr::from_ptr(activation.what) == c"C" {
            if ffi::lua_getstack(lua, 2, &mut activation) == 0 {
                return false;
            }
            ffi::lua_getinfo(lua, c"nSl".as_ptr(), &mut activation);
        }
        stack::push_bytes(lua, CStr::from_ptr(activation.source).to_bytes());
        ffi::lua_pushnumber(lua, f64::from(activation.currentline));
        true
    }
}

/// The handler of errors that nobody caught: makes a table of what was raised and adds the place.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn describe_error_inner(lua: *mut State) -> super::runtime::Outcome {
    // SAFETY: Lua called us with one value; the activation record is filled before it is read.
    unsafe {
        if ffi::lua_gettop(lua) == 0 {
            ffi::lua_pushnil(lua);
        }
        ffi::lua_settop(lua, 1);
        // The refusal that `err_handler` raises is the handler's own, and not its caller's.
        let refuses = readonly::is_front(lua, 1)
            || ffi::lua_type(lua, 1) == ffi::STRING && stack::bytes_at(lua, 1) == Some(HANDLER_REFUSAL);
        if ffi::lua_type(lua, 1) != ffi::TABLE {
            let mut text = b"ERR ".to_vec();
            text.extend_from_slice(&plain_text(lua));
            stack::push_error(lua, &text, false);
            ffi::lua_insert(lua, 1);
            ffi::lua_settop(lua, 1);
        }
        if refuses {
            ffi::lua_settop(lua, 0);
            stack::push_error(lua, &[b"ERR ", HANDLER_REFUSAL].concat(), false);
            stack::push_bytes(lua, HANDLER_SOURCE);
            ffi::lua_pushnumber(lua, HANDLER_LINE);
        } else if !push_place(lua) {
            return Ok(1);
        }
        stack::set_field(lua, 1, "line");
        stack::set_field(lua, 1, "source");
        Ok(1)
    }
}

/// The value at index 1, which is no table, as `tostring` shows it.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn plain_text(lua: *mut State) -> Vec<u8> {
    // SAFETY: as the caller's.
    unsafe {
        match ffi::lua_type(lua, 1) {
            ffi::NIL => b"nil".to_vec(),
            ffi::BOOLEAN if ffi::lua_toboolean(lua, 1) != 0 => b"true".to_vec(),
            ffi::BOOLEAN => b"false".to_vec(),
            ffi::STRING | ffi::NUMBER => stack::bytes_at(lua, 1).unwrap_or_default().to_vec(),
            kind => {
                let name = CStr::from_ptr(ffi::lua_typename(lua, kind));
                format!("{}: {:p}", name.to_string_lossy(), ffi::lua_topointer(lua, 1)).into_bytes()
            }
        }
    }
}
