//! Values of Lua as JSON text.
//!
//! Owns what is a list, what is an object, and what cannot be written. It must not know the options' functions.

use super::super::ffi;
use super::super::lua::Lua;
use super::super::runtime::Raise;
use super::number::write_general;
use super::{Invalid, Options};
use std::ffi::c_int;

/// Writes the value on top of the stack.
pub struct Encoder<'a> {
    lua: &'a Lua,
    options: Options,
    text: &'a mut Vec<u8>,
}

impl<'a> Encoder<'a> {
    pub fn new(lua: &'a Lua, options: Options, text: &'a mut Vec<u8>) -> Encoder<'a> {
        Encoder { lua, options, text }
    }

    /// Writes the value on top of the stack, which stays; `depth` tables are open.
    pub fn value(&mut self, depth: i32) -> Result<(), Raise> {
        let lua = self.lua;
        match lua.kind(-1) {
            ffi::STRING => self.string(lua.bytes(-1).unwrap_or_default()),
            ffi::NUMBER => self.number(lua.number(-1))?,
            ffi::BOOLEAN => self
                .text
                .extend_from_slice(if lua.truth(-1) { b"true" } else { b"false" }),
            ffi::TABLE => self.table(depth.saturating_add(1))?,
            ffi::NIL => self.text.extend_from_slice(b"null"),
            ffi::LIGHT_USERDATA if lua.is_null(-1) => self.text.extend_from_slice(b"null"),
            _ => return Err(self.refusal(-1, "type not supported")),
        }
        Ok(())
    }

    fn refusal(&self, index: c_int, reason: &str) -> Raise {
        let text = format!("Cannot serialise {}: {reason}", self.lua.kind_name(index));
        self.lua.located(&text)
    }

    fn table(&mut self, depth: i32) -> Result<(), Raise> {
        self.lua.uncover(-1);
        let len = self.list_length()?;
        if depth > self.options.encode_depth || !self.lua.has_room(4) {
            return Err(self
                .lua
                .located(&format!("Cannot serialise, excessive nesting ({depth})")));
        }
        match len {
            Some(len) if len > 0 => self.list(len, depth),
            _ => self.object(depth),
        }
    }

    /// The largest key of the table, if all keys are positive integers and not too many are missing.
    fn list_length(&self) -> Result<Option<c_int>, Raise> {
        let lua = self.lua;
        let (mut largest, mut items) = (0i32, 0.0f64);
        lua.push_nil();
        while lua.next(-2) {
            lua.pop(1);
            let key = lua.number(-1);
            if lua.kind(-1) != ffi::NUMBER || key.floor() != key || key < 1.0 {
                lua.pop(1);
                return Ok(None);
            }
            if key > f64::from(largest) {
                // What does not fit becomes the least integer, as on x86.
                largest = if key < 2_147_483_648.0 { key as i32 } else { i32::MIN };
            }
            items += 1.0;
        }
        let Options {
            sparse_ratio,
            sparse_safe,
            sparse_convert,
            ..
        } = self.options;
        let most = items * f64::from(sparse_ratio);
        let sparse = sparse_ratio > 0 && f64::from(largest) > most && largest > sparse_safe;
        match (sparse, sparse_convert) {
            (false, _) => Ok(Some(largest)),
            (true, true) => Ok(None),
            (true, false) => Err(self.refusal(-1, "excessively sparse array")),
        }
    }

    fn list(&mut self, len: c_int, depth: i32) -> Result<(), Raise> {
        self.text.push(b'[');
        for place in 1..=len {
            if place > 1 {
                self.text.push(b',');
            }
            self.lua.push_element(-1, place);
            self.value(depth)?;
            self.lua.pop(1);
        }
        self.text.push(b']');
        Ok(())
    }

    fn object(&mut self, depth: i32) -> Result<(), Raise> {
        let lua = self.lua;
        self.text.push(b'{');
        let mut first = true;
        lua.push_nil();
        while lua.next(-2) {
            if !std::mem::take(&mut first) {
                self.text.push(b',');
            }
            match lua.kind(-2) {
                ffi::NUMBER => {
                    self.text.push(b'"');
                    self.number_at(lua.number(-2), -2)?;
                    self.text.push(b'"');
                }
                ffi::STRING => self.string(lua.bytes(-2).unwrap_or_default()),
                _ => return Err(self.refusal(-2, "table key must be a number or string")),
            }
            self.text.push(b':');
            self.value(depth)?;
            lua.pop(1);
        }
        self.text.push(b'}');
        Ok(())
    }

    fn number(&mut self, number: f64) -> Result<(), Raise> {
        self.number_at(number, -1)
    }

    fn number_at(&mut self, number: f64, index: c_int) -> Result<(), Raise> {
        match self.options.encode_invalid {
            _ if number.is_finite() => write_general(number, self.options.precision as usize, self.text),
            Invalid::Refused => return Err(self.refusal(index, "must not be NaN or Inf")),
            Invalid::Written if number.is_nan() => self.text.extend_from_slice(b"nan"),
            Invalid::Written => write_general(number, self.options.precision as usize, self.text),
            Invalid::Null => self.text.extend_from_slice(b"null"),
        }
        Ok(())
    }

    fn string(&mut self, bytes: &[u8]) {
        self.text.reserve(bytes.len().saturating_add(2));
        self.text.push(b'"');
        for &byte in bytes {
            match byte {
                b'"' => self.text.extend_from_slice(b"\\\""),
                b'\\' => self.text.extend_from_slice(b"\\\\"),
                b'/' => self.text.extend_from_slice(b"\\/"),
                0x08 => self.text.extend_from_slice(b"\\b"),
                b'\t' => self.text.extend_from_slice(b"\\t"),
                b'\n' => self.text.extend_from_slice(b"\\n"),
                0x0c => self.text.extend_from_slice(b"\\f"),
                b'\r' => self.text.extend_from_slice(b"\\r"),
                0..0x20 | 0x7f => self.text.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => self.text.push(byte),
            }
        }
        self.text.push(b'"');
    }
}
