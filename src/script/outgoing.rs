//! What a script returns or raises as a reply.
//!
//! Owns the conversion of values of Lua to RESP2 and RESP3. It must not know who asked.

use super::ffi::{self, State};
use super::{readonly, stack};
use crate::protocol::reply::{Reply, Resp};

/// Writes the value on top of the stack, which it takes. `script_resp` is the protocol that the script has chosen.
///
/// # Safety
/// The heap's limit is lifted.
pub unsafe fn write_value(lua: *mut State, script_resp: Resp, reply: &mut Reply) {
    // SAFETY: as the caller promises; each level asks for room.
    unsafe {
        if ffi::lua_checkstack(lua, 8) == 0 {
            reply.error("ERR reached lua stack limit");
            stack::pop(lua, 1);
            return;
        }
        match ffi::lua_type(lua, -1) {
            ffi::STRING => reply.bulk(stack::bytes_at(lua, -1).unwrap_or_default()),
            ffi::NUMBER => reply.int(truncated(ffi::lua_tonumber(lua, -1))),
            ffi::BOOLEAN => {
                let value = ffi::lua_toboolean(lua, -1) != 0;
                match (script_resp, value) {
                    (Resp::V3, _) => reply.bool(value),
                    (Resp::V2, true) => reply.int(1),
                    (Resp::V2, false) => reply.null(),
                }
            }
            ffi::TABLE => return write_table(lua, script_resp, reply),
            _ => reply.null(),
        }
        stack::pop(lua, 1);
    }
}

/// The integer a number stands for: what does not fit becomes the least one, as on x86.
pub fn truncated(number: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) {
        number as i64
    } else {
        i64::MIN
    }
}

/// Writes the table on top of the stack, which it takes.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn write_table(lua: *mut State, script_resp: Resp, reply: &mut Reply) {
    // SAFETY: as the caller's; eight values at most are pushed before the next level asks for room.
    unsafe {
        readonly::uncover(lua, -1);
        if field_of(lua, "err", ffi::STRING) {
            reply.error_bytes(without_line_end(until_nul(
                stack::bytes_at(lua, -1).unwrap_or_default(),
            )));
        } else if field_of(lua, "ok", ffi::STRING) {
            write_status(until_nul(stack::bytes_at(lua, -1).unwrap_or_default()), reply);
        } else if field_of(lua, "double", ffi::NUMBER) {
            reply.double(ffi::lua_tonumber(lua, -1));
        } else if field_of(lua, "map", ffi::TABLE) {
            readonly::uncover(lua, -1);
            write_map(lua, script_resp, reply);
        } else if field_of(lua, "set", ffi::TABLE) {
            readonly::uncover(lua, -1);
            write_set(lua, script_resp, reply);
        } else if field_of(lua, "big_number", ffi::STRING) {
            write_big_number(stack::bytes_at(lua, -1).unwrap_or_default(), reply);
        } else if field_of(lua, "verbatim_string", ffi::TABLE) && write_verbatim(lua, reply) {
        } else {
            write_array(lua, script_resp, reply);
            ffi::lua_pushnil(lua);
        }
        stack::pop(lua, 2);
    }
}

/// Pushes a field of the table on top of the stack if it has this type; whether it did.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn field_of(lua: *mut State, field: &str, kind: std::ffi::c_int) -> bool {
    // SAFETY: as the caller's.
    unsafe {
        stack::push_field(lua, -1, field);
        let fits = ffi::lua_type(lua, -1) == kind;
        if !fits {
            stack::pop(lua, 1);
        }
        fits
    }
}

/// Status and error texts are strings of C in Valkey: they end at the first zero byte.
pub fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Of an error's text Valkey takes the line ends away that it ends with.
fn without_line_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
    &text[..end.map_or(0, |last| last + 1)]
}

fn one_line(text: &[u8]) -> Vec<u8> {
    let plain = |&byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte };
    text.iter().map(plain).collect()
}

fn write_status(text: &[u8], reply: &mut Reply) {
    reply.raw(b"+");
    reply.raw(&one_line(text));
    reply.raw(b"\r\n");
}

fn write_big_number(text: &[u8], reply: &mut Reply) {
    let text = one_line(until_nul(text));
    match reply.resp() {
        Resp::V2 => reply.bulk(&text),
        Resp::V3 => {
            reply.raw(b"(");
            reply.raw(&text);
            reply.raw(b"\r\n");
        }
    }
}

/// Writes the pairs of the table on top of the stack.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn write_map(lua: *mut State, script_resp: Resp, reply: &mut Reply) {
    // SAFETY: as the caller's; a copy of the key is written, so that the iteration keeps its own.
    unsafe {
        reply.map(count_pairs(lua));
        ffi::lua_pushnil(lua);
        while ffi::lua_next(lua, -2) != 0 {
            ffi::lua_pushvalue(lua, -2);
            write_value(lua, script_resp, reply);
            write_value(lua, script_resp, reply);
        }
    }
}

/// Writes the keys of the table on top of the stack.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn write_set(lua: *mut State, script_resp: Resp, reply: &mut Reply) {
    // SAFETY: as for maps.
    unsafe {
        reply.set(count_pairs(lua));
        ffi::lua_pushnil(lua);
        while ffi::lua_next(lua, -2) != 0 {
            stack::pop(lua, 1);
            ffi::lua_pushvalue(lua, -1);
            write_value(lua, script_resp, reply);
        }
    }
}

// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn count_pairs(lua: *mut State) -> usize {
    let mut count = 0;
    // SAFETY: as the caller's.
    unsafe {
        ffi::lua_pushnil(lua);
        while ffi::lua_next(lua, -2) != 0 {
            stack::pop(lua, 1);
            count += 1;
        }
    }
    count
}

/// Writes the table on top of the stack as a verbatim string; false when it is none.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn write_verbatim(lua: *mut State, reply: &mut Reply) -> bool {
    // SAFETY: as the caller's.
    unsafe {
        if !field_of(lua, "format", ffi::STRING) {
            stack::pop(lua, 1);
            return false;
        }
        stack::push_field(lua, -2, "string");
        let fits = ffi::lua_type(lua, -1) == ffi::STRING;
        if fits {
            let format = stack::bytes_at(lua, -2).unwrap_or_default();
            let text = stack::bytes_at(lua, -1).unwrap_or_default();
            let mut padded = *b"   ";
            for (into, &from) in padded.iter_mut().zip(format) {
                *into = from;
            }
            reply.verbatim(&String::from_utf8_lossy(&padded), text);
        }
        stack::pop(lua, if fits { 2 } else { 3 });
        fits
    }
}

/// Writes the elements from 1 to the first nil of the table on top of the stack.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn write_array(lua: *mut State, script_resp: Resp, reply: &mut Reply) {
    // SAFETY: as the caller's.
    unsafe {
        let mut len = 0;
        loop {
            ffi::lua_rawgeti(lua, -1, len + 1);
            let last = ffi::lua_type(lua, -1) == ffi::NIL;
            stack::pop(lua, 1);
            if last {
                break;
            }
            len += 1;
        }
        reply.array(len as usize);
        for index in 1..=len {
            ffi::lua_rawgeti(lua, -1, index);
            write_value(lua, script_resp, reply);
        }
    }
}

/// The text of the error on top of the stack, which the handler has made a table.
///
/// # Safety
/// The heap's limit is lifted.
pub unsafe fn error_text(lua: *mut State) -> Vec<u8> {
    // SAFETY: as the caller promises.
    unsafe {
        if ffi::lua_type(lua, -1) != ffi::TABLE {
            let text = stack::bytes_at(lua, -1).unwrap_or(b"unknown error");
            return [b"ERR ", text].concat();
        }
        stack::push_field(lua, -1, "err");
        let text = until_nul(stack::bytes_at(lua, -1).unwrap_or(b"ERR unknown error")).to_vec();
        stack::pop(lua, 1);
        text
    }
}

/// As [`error_text`], with the place where the script failed.
///
/// # Safety
/// As for [`error_text`].
pub unsafe fn failure_text(lua: *mut State) -> Vec<u8> {
    // SAFETY: as the caller promises.
    unsafe {
        let mut text = error_text(lua);
        if ffi::lua_type(lua, -1) == ffi::TABLE {
            stack::push_field(lua, -1, "source");
            stack::push_field(lua, -2, "line");
            if let (Some(source), Some(line)) = (stack::bytes_at(lua, -2), stack::bytes_at(lua, -1)) {
                text.extend_from_slice(b" script: on ");
                text.extend_from_slice(source);
                text.push(b':');
                text.extend_from_slice(line);
                text.push(b'.');
            }
            stack::pop(lua, 2);
        }
        text
    }
}
