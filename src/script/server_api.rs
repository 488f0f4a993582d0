//! The functions of the tables `redis` and `server`, apart from `call`, `pcall` and `register_function`.
//!
//! Owns their checks and texts. It must not know commands or users: the host does.

use super::ffi::{self, State};
use super::host::{AclCheck, LogLevel};
use super::outgoing::{truncated, until_nul};
use super::runtime::{Outcome, Raise, export, runtime};
use super::stack;
use crate::protocol::reply::Resp;
use std::ffi::c_int;

export! {
    error_reply = error_reply_inner,
    status_reply = status_reply_inner,
    sha1hex = sha1hex_inner,
    log = log_inner,
    setresp = setresp_inner,
    set_repl = set_repl_inner,
    replicate_commands = replicate_commands_inner,
    breakpoint = breakpoint_inner,
    debug = debug_inner,
    acl_check_cmd = acl_check_cmd_inner,
}

/// Raises an error table.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn refuse(lua: *mut State, text: &str) -> Outcome {
    // SAFETY: as the caller's.
    unsafe { stack::push_error(lua, text.as_bytes(), false) };
    Err(Raise::Value)
}

/// Whether there is exactly one argument, a string; otherwise an error table is pushed.
unsafe fn one_string<'a>(lua: *mut State) -> Option<&'a [u8]> {
    // SAFETY: as the caller's.
    unsafe {
        if ffi::lua_gettop(lua) == 1 && ffi::lua_type(lua, 1) == ffi::STRING {
            return stack::bytes_at(lua, 1);
        }
        stack::push_error(lua, b"ERR wrong number or type of arguments", false);
        None
    }
}

unsafe fn error_reply_inner(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us.
    unsafe {
        let Some(text) = one_string(lua) else { return Ok(1) };
        let text = until_nul(text.strip_prefix(b"-").unwrap_or(text));
        match memchr::memchr(b' ', text) {
            Some(space) => {
                let (code, message) = text.split_at(space + 1);
                stack::push_error(lua, &[code, trim_line_ends(message)].concat(), false);
            }
            None => stack::push_error(lua, &[b"ERR ", text].concat(), false),
        }
        Ok(1)
    }
}

fn trim_line_ends(mut text: &[u8]) -> &[u8] {
    while let [b'\r' | b'\n', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b'\r' | b'\n'] = text {
        text = rest;
    }
    text
}

// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn status_reply_inner(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us.
    unsafe {
        let Some(text) = one_string(lua) else { return Ok(1) };
        ffi::lua_createtable(lua, 0, 1);
        stack::push_bytes(lua, text);
        stack::set_field(lua, -2, "ok");
        Ok(1)
    }
}

unsafe fn sha1hex_inner(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us.
    unsafe {
        if ffi::lua_gettop(lua) != 1 {
            return refuse(lua, "ERR wrong number of arguments");
        }
        let digest = super::Sha::of(stack::bytes_at(lua, 1).unwrap_or_default());
        stack::push_bytes(lua, &digest.hex());
        Ok(1)
    }
}

unsafe fn log_inner(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us.
    unsafe {
        let count = ffi::lua_gettop(lua);
        if count < 2 {
            return refuse(lua, "ERR server.log() requires two arguments or more.");
        }
        if !stack::is_number(lua, 1) {
            return refuse(lua, "ERR First argument must be a number (log level).");
        }
        // A number beyond an `int` is none of the levels, and neither is NaN.
        let number = ffi::lua_tonumber(lua, 1);
        let level = match if number.is_nan() { -1 } else { number as i32 } {
            0 => LogLevel::Debug,
            1 => LogLevel::Verbose,
            2 => LogLevel::Notice,
            3 => LogLevel::Warning,
            _ => return refuse(lua, "ERR Invalid log level."),
        };
        let mut text = Vec::new();
        for index in 2..=count {
            if let Some(word) = stack::bytes_at(lua, index) {
                if index != 2 {
                    text.push(b' ');
                }
                text.extend_from_slice(word);
            }
        }
        runtime(lua).host(|host| host.log(level, &text));
        Ok(0)
    }
}

// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn setresp_inner(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us.
    unsafe {
        if ffi::lua_gettop(lua) != 1 {
            return refuse(lua, "ERR server.setresp() requires one argument.");
        }
        let resp = match truncated(ffi::lua_tonumber(lua, 1)) {
            2 => Resp::V2,
            3 => Resp::V3,
            _ => return refuse(lua, "ERR RESP version must be 2 or 3."),
        };
        runtime(lua).resp.set(resp);
        Ok(0)
    }
}

// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn set_repl_inner(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us.
    unsafe {
        if ffi::lua_gettop(lua) != 1 {
            return refuse(lua, "ERR server.set_repl() requires one argument.");
        }
        match truncated(ffi::lua_tonumber(lua, 1)) {
            targets @ 0..=3 => runtime(lua).host(|host| host.set_replication(targets as u8)),
            _ => {
                return refuse(
                    lua,
                    "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
                );
            }
        };
        Ok(0)
    }
}

// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn push_truth(lua: *mut State, value: bool) -> Outcome {
    // SAFETY: as the caller's.
    unsafe { ffi::lua_pushboolean(lua, c_int::from(value)) };
    Ok(1)
}

unsafe fn replicate_commands_inner(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us.
    unsafe { push_truth(lua, true) }
}

/// There is no debugger: a breakpoint is passed.
unsafe fn breakpoint_inner(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us.
    unsafe { push_truth(lua, false) }
}

unsafe fn debug_inner(_lua: *mut State) -> Outcome {
    Ok(0)
}

unsafe fn acl_check_cmd_inner(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us; the words are used before the digits are given back.
    unsafe {
        let runtime = runtime(lua);
        let mut digits = runtime.digits.take();
        let verdict = match super::calls::words(lua, &mut digits) {
            Ok(words) => runtime
                .host(|host| host.acl_check(&words))
                .ok_or("ERR server.acl_check_cmd() can only be called inside a script invocation"),
            Err(text) => Err(text),
        };
        runtime.digits.set(digits);
        match verdict {
            Ok(AclCheck::Allowed) => push_truth(lua, true),
            Ok(AclCheck::Denied) => push_truth(lua, false),
            Ok(AclCheck::UnknownCommand) => refuse(lua, "ERR Invalid command passed to server.acl_check_cmd()"),
            Err(text) => refuse(lua, text),
        }
    }
}
