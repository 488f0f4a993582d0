//! Replies of commands as values of Lua.
//!
//! Owns the conversion of RESP2 and RESP3. It must not know who replied.

use super::ffi::{self, State};
use super::runtime::{Outcome, Raise};
use super::stack;
use std::ffi::c_int;

/// Pushes a reply; whether it is an error reply, which is pushed as an error table.
///
/// # Safety
/// The heap's limit is lifted.
pub unsafe fn push_reply(lua: *mut State, reply: &[u8]) -> Result<bool, Raise> {
    // SAFETY: as the caller promises.
    unsafe {
        if let [b'-', text @ ..] = reply {
            let (line, _) = split_line(text);
            stack::push_error(lua, line, true);
            return Ok(true);
        }
        Parser { rest: reply }.push(lua).map(|_| false)
    }
}

/// The line at the start of `bytes` and what follows it.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\r', bytes) {
        Some(end) => (&bytes[..end], bytes.get(end + 2..).unwrap_or_default()),
        None => (bytes, &[]),
    }
}

/// What is still to be read.
struct Parser<'a> {
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn line(&mut self) -> &'a [u8] {
        let (line, rest) = split_line(self.rest);
        self.rest = rest;
        line
    }

    fn integer(&mut self) -> i64 {
        let line = self.line();
        crate::base::number::parse_i64(line).unwrap_or_default()
    }

    fn bulk(&mut self, len: usize) -> &'a [u8] {
        let bytes = self.rest.get(..len).unwrap_or_default();
        self.rest = self.rest.get(len + 2..).unwrap_or_default();
        bytes
    }

    /// Pushes the next value.
    // SAFETY: for callers: `lua` is live and the heap's limit is lifted.
    unsafe fn push(&mut self, lua: *mut State) -> Outcome {
        let Some((&kind, rest)) = self.rest.split_first() else {
            // SAFETY: as the caller's.
            unsafe { ffi::lua_pushnil(lua) };
            return Ok(1);
        };
        self.rest = rest;
        // SAFETY: as the caller's; room on the stack is asked for before each level.
        unsafe {
            if ffi::lua_checkstack(lua, 6) == 0 {
                return stack::located(lua, b"lua stack limit reach when parsing server.call reply");
            }
            match kind {
                b':' => ffi::lua_pushnumber(lua, self.integer() as f64),
                b'$' => match usize::try_from(self.integer()) {
                    Ok(len) => stack::push_bytes(lua, self.bulk(len)),
                    Err(_) => ffi::lua_pushboolean(lua, 0),
                },
                b'+' => wrapped(lua, "ok", self.line()),
                b'-' => stack::push_error(lua, self.line(), true),
                b'*' | b'>' => return self.push_array(lua),
                b'%' => return self.push_pairs(lua, "map"),
                b'~' => return self.push_set(lua),
                b'_' => {
                    self.line();
                    ffi::lua_pushnil(lua);
                }
                b'#' => ffi::lua_pushboolean(lua, c_int::from(self.line() == b"t")),
                b',' => {
                    let number = std::str::from_utf8(self.line()).ok().and_then(|text| text.parse().ok());
                    ffi::lua_createtable(lua, 0, 1);
                    ffi::lua_pushnumber(lua, number.unwrap_or_default());
                    stack::set_field(lua, -2, "double");
                }
                b'(' => wrapped(lua, "big_number", self.line()),
                b'=' => self.push_verbatim(lua),
                b'|' => return self.push_attributed(lua),
                _ => ffi::lua_pushnil(lua),
            }
        }
        Ok(1)
    }

    // SAFETY: for callers: `lua` is live and the heap's limit is lifted.
    unsafe fn push_array(&mut self, lua: *mut State) -> Outcome {
        // SAFETY: as the caller's.
        unsafe {
            let Ok(len) = c_int::try_from(self.integer()) else {
                ffi::lua_pushboolean(lua, 0);
                return Ok(1);
            };
            if len < 0 {
                ffi::lua_pushboolean(lua, 0);
                return Ok(1);
            }
            ffi::lua_createtable(lua, len, 0);
            for index in 1..=len {
                self.push(lua)?;
                ffi::lua_rawseti(lua, -2, index);
            }
            Ok(1)
        }
    }

    /// `{map = {key = value}}`.
    // SAFETY: for callers: `lua` is live and the heap's limit is lifted.
    unsafe fn push_pairs(&mut self, lua: *mut State, field: &str) -> Outcome {
        // SAFETY: as the caller's. A key that is nil or not a number would raise: such a pair is left out.
        unsafe {
            let pairs = self.integer();
            ffi::lua_createtable(lua, 0, 1);
            ffi::lua_createtable(lua, 0, c_int::try_from(pairs).unwrap_or_default());
            for _ in 0..pairs {
                self.push(lua)?;
                self.push(lua)?;
                set_pair(lua);
            }
            stack::set_field(lua, -2, field);
            Ok(1)
        }
    }

    /// `{set = {member = true}}`.
    // SAFETY: for callers: `lua` is live and the heap's limit is lifted.
    unsafe fn push_set(&mut self, lua: *mut State) -> Outcome {
        // SAFETY: as for pairs.
        unsafe {
            let len = self.integer();
            ffi::lua_createtable(lua, 0, 1);
            ffi::lua_createtable(lua, 0, c_int::try_from(len).unwrap_or_default());
            for _ in 0..len {
                self.push(lua)?;
                ffi::lua_pushboolean(lua, 1);
                set_pair(lua);
            }
            stack::set_field(lua, -2, "set");
            Ok(1)
        }
    }

    /// `{verbatim_string = {format = ..., string = ...}}`.
    // SAFETY: for callers: `lua` is live and the heap's limit is lifted.
    unsafe fn push_verbatim(&mut self, lua: *mut State) {
        let len = usize::try_from(self.integer()).unwrap_or_default();
        let text = self.bulk(len);
        let (format, text) = text.split_at_checked(4).unwrap_or((b"txt:", text));
        // SAFETY: as the caller's.
        unsafe {
            ffi::lua_createtable(lua, 0, 1);
            ffi::lua_createtable(lua, 0, 2);
            stack::push_bytes(lua, text);
            stack::set_field(lua, -2, "string");
            stack::push_bytes(lua, &format[..3]);
            stack::set_field(lua, -2, "format");
            stack::set_field(lua, -2, "verbatim_string");
        }
    }

    /// Attributes are read and left out.
    // SAFETY: for callers: `lua` is live and the heap's limit is lifted.
    unsafe fn push_attributed(&mut self, lua: *mut State) -> Outcome {
        // SAFETY: as the caller's.
        unsafe {
            for _ in 0..self.integer() {
                self.push(lua)?;
                self.push(lua)?;
                stack::pop(lua, 2);
            }
            self.push(lua)
        }
    }
}

/// Pushes `{field = text}`.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn wrapped(lua: *mut State, field: &str, text: &[u8]) {
    // SAFETY: as the caller's.
    unsafe {
        ffi::lua_createtable(lua, 0, 1);
        stack::push_bytes(lua, text);
        stack::set_field(lua, -2, field);
    }
}

/// Sets a pair in the table below it; nil and NaN cannot be keys.
unsafe fn set_pair(lua: *mut State) {
    // SAFETY: as the caller's.
    unsafe {
        let kind = ffi::lua_type(lua, -2);
        if kind == ffi::NIL || (kind == ffi::NUMBER && ffi::lua_tonumber(lua, -2).is_nan()) {
            stack::pop(lua, 2);
        } else {
            ffi::lua_rawset(lua, -3);
        }
    }
}
