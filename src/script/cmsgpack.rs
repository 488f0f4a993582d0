//! The library `cmsgpack`: MessagePack, one value after the other.
//!
//! Owns the encoding and the decoding. It must not know where the bytes go. Input of any kind is answered or refused.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use super::ffi::{self, State};
use super::lua::{Lua, functions};
use super::runtime::{Outcome, Raise};
use super::stack;
use std::ffi::c_int;

/// A table this deep is packed as nil.
const NESTING_MAX: usize = 16;

functions! { pack = pack_inner, unpack = unpack_inner, unpack_one = unpack_one_inner, unpack_limit = unpack_limit_inner }

/// Adds the library to the globals on top of the stack.
///
/// # Safety
/// As for [`super::sandbox::build`].
pub unsafe fn open(lua: *mut State) {
    let functions: [(&str, ffi::Function); 4] = [
        ("pack", pack),
        ("unpack", unpack),
        ("unpack_one", unpack_one),
        ("unpack_limit", unpack_limit),
    ];
    // SAFETY: as the caller promises.
    unsafe {
        stack::set_library(lua, "cmsgpack", &functions);
        stack::set_text(lua, "_NAME", "cmsgpack");
        stack::set_text(lua, "_VERSION", "lua-cmsgpack 0.4.0");
        stack::set_text(lua, "_COPYRIGHT", "Copyright (C) 2012, Redis Ltd.");
        stack::set_text(lua, "_DESCRIPTION", "MessagePack C implementation for Lua");
        stack::pop(lua, 1);
    }
}

fn pack_inner(lua: &Lua) -> Outcome {
    let count = lua.top();
    if count == 0 {
        return Err(Raise::Argument(0, c"MessagePack pack needs input."));
    }
    let mut packed = Vec::new();
    for index in 1..=count {
        if !lua.has_room(4) {
            return Err(lua.located("stack overflow (Too many arguments for MessagePack pack.)"));
        }
        lua.push_copy(index);
        pack_value(lua, 0, &mut packed);
    }
    lua.push_bytes(&packed);
    Ok(1)
}

/// Packs the value on top of the stack, which it takes.
fn pack_value(lua: &Lua, level: usize, packed: &mut Vec<u8>) {
    match lua.kind(-1) {
        ffi::STRING => pack_string(lua.bytes(-1).unwrap_or_default(), packed),
        ffi::NUMBER => pack_number(lua.number(-1), packed),
        ffi::BOOLEAN => packed.push(if lua.truth(-1) { 0xc3 } else { 0xc2 }),
        ffi::TABLE if level < NESTING_MAX && lua.has_room(8) => match list_length(lua) {
            Some(len) => pack_list(lua, len, level, packed),
            None => pack_map(lua, level, packed),
        },
        _ => packed.push(0xc0),
    }
    lua.pop(1);
}

/// Writes a marker for a length: the shortest of those that the format has.
fn pack_length(len: usize, markers: [Option<u8>; 3], packed: &mut Vec<u8>) {
    match (u8::try_from(len), u16::try_from(len), markers) {
        (Ok(len), _, [Some(marker), _, _]) => packed.extend_from_slice(&[marker, len]),
        (_, Ok(len), [_, Some(marker), _]) => {
            packed.push(marker);
            packed.extend_from_slice(&len.to_be_bytes());
        }
        (_, _, [_, _, marker]) => {
            packed.push(marker.unwrap_or_default());
            packed.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
}

fn pack_string(text: &[u8], packed: &mut Vec<u8>) {
    match text.len() {
        len @ 0..32 => packed.push(0xa0 | len as u8),
        len => pack_length(len, [Some(0xd9), Some(0xda), Some(0xdb)], packed),
    }
    packed.extend_from_slice(text);
}

fn pack_number(number: f64, packed: &mut Vec<u8>) {
    let whole = number as i64;
    if number < 9_223_372_036_854_775_808.0 && whole as f64 == number {
        return pack_integer(whole, packed);
    }
    let short = number as f32;
    if f64::from(short) == number {
        packed.push(0xca);
        packed.extend_from_slice(&short.to_be_bytes());
    } else {
        packed.push(0xcb);
        packed.extend_from_slice(&number.to_be_bytes());
    }
}

fn pack_integer(number: i64, packed: &mut Vec<u8>) {
    let mut add = |marker: u8, bytes: &[u8]| {
        packed.push(marker);
        packed.extend_from_slice(bytes);
    };
    match number {
        -32..=0x7f => add(number as u8, &[]),
        0x80..=0xff => add(0xcc, &[number as u8]),
        0x100..=0xffff => add(0xcd, &(number as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => add(0xce, &(number as u32).to_be_bytes()),
        0x1_0000_0000.. => add(0xcf, &number.to_be_bytes()),
        -0x80..=-33 => add(0xd0, &[number as u8]),
        -0x8000..=-0x81 => add(0xd1, &(number as i16).to_be_bytes()),
        -0x8000_0000..=-0x8001 => add(0xd2, &(number as i32).to_be_bytes()),
        i64::MIN..=-0x8000_0001 => add(0xd3, &number.to_be_bytes()),
    }
}

/// How many elements the table on top of the stack has, if its keys are 1, 2, 3 and so on.
fn list_length(lua: &Lua) -> Option<usize> {
    lua.uncover(-1);
    let top = lua.top();
    let (mut count, mut largest) = (0usize, 0.0);
    lua.push_nil();
    while lua.next(-2) {
        lua.pop(1);
        let key = lua.number(-1);
        if lua.kind(-1) != ffi::NUMBER || key <= 0.0 || key as i32 as f64 != key {
            lua.set_top(top);
            return None;
        }
        largest = key.max(largest);
        count = count.saturating_add(1);
    }
    (largest == count as f64).then_some(count)
}

fn pack_list(lua: &Lua, len: usize, level: usize, packed: &mut Vec<u8>) {
    match len {
        0..16 => packed.push(0x90 | len as u8),
        _ => pack_length(len, [None, Some(0xdc), Some(0xdd)], packed),
    }
    for place in 1..=c_int::try_from(len).unwrap_or(c_int::MAX) {
        lua.push_element(-1, place);
        pack_value(lua, level.saturating_add(1), packed);
    }
}

fn pack_map(lua: &Lua, level: usize, packed: &mut Vec<u8>) {
    let mut len = 0usize;
    lua.push_nil();
    while lua.next(-2) {
        lua.pop(1);
        len = len.saturating_add(1);
    }
    match len {
        0..16 => packed.push(0x80 | len as u8),
        _ => pack_length(len, [None, Some(0xde), Some(0xdf)], packed),
    }
    lua.push_nil();
    while lua.next(-2) {
        lua.push_copy(-2);
        pack_value(lua, level.saturating_add(1), packed);
        pack_value(lua, level.saturating_add(1), packed);
    }
}

fn unpack_inner(lua: &Lua) -> Outcome {
    unpack_values(lua, 0, 0)
}

fn unpack_one_inner(lua: &Lua) -> Outcome {
    let offset = lua.integer_or(2, 0)?;
    unpack_values(lua, 1, offset)
}

fn unpack_limit_inner(lua: &Lua) -> Outcome {
    let limit = lua.check_integer(2)?;
    let offset = lua.integer_or(3, 0)?;
    unpack_values(lua, limit, offset)
}

/// Pushes up to `limit` values from `offset` on, after the offset that follows them (-1 at the end); with neither, all values.
fn unpack_values(lua: &Lua, limit: i64, offset: i64) -> Outcome {
    let input = lua.check_bytes(1)?;
    // What the caller gave besides stays below the values; only these are answered.
    let all = limit == 0 && offset == 0;
    // Texts show an `int`.
    let shown = offset as i32;
    let len = input.len();
    let (Ok(start), Ok(mut wanted)) = (usize::try_from(offset), u64::try_from(limit)) else {
        let text = format!("Invalid request to unpack with offset of {shown} and limit of {len}.");
        return Err(lua.located(&text));
    };
    let Some(rest) = input.get(start..) else {
        return Err(lua.located(&format!("Start offset {shown} greater than input length {len}.")));
    };
    if all {
        wanted = i32::MAX as u64;
    }
    let mut source = Source { rest };
    let mut count: c_int = 0;
    let at = lua.top().saturating_add(1);
    while !source.rest.is_empty() && wanted > 0 {
        wanted = wanted.saturating_sub(1);
        source.push(lua).map_err(|error| error.raise(lua))?;
        count = count.saturating_add(1);
    }
    if !all {
        if !lua.has_room(1) {
            return Err(lua.located("stack overflow (in function mp_unpack_full)"));
        }
        let left = source.rest.len();
        lua.push_number(if left == 0 {
            -1.0
        } else {
            len.saturating_sub(left) as f64
        });
        lua.insert(at);
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// Why input is refused.
enum Refusal {
    Missing,
    BadFormat,
    Deep(&'static str),
    Key(&'static str),
}

impl Refusal {
    fn raise(self, lua: &Lua) -> Raise {
        match self {
            Refusal::Missing => lua.located("Missing bytes in input."),
            Refusal::BadFormat => lua.located("Bad data format in input."),
            Refusal::Deep(place) => {
                // The stack is full: make room for the text.
                lua.set_top(1);
                lua.located(&format!("stack overflow ({place})"))
            }
            Refusal::Key(text) => lua.plain(text),
        }
    }
}

/// Input that is still to be read.
struct Source<'a> {
    rest: &'a [u8],
}

impl Source<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], Refusal> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Refusal::Missing)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        self.take(N)?.try_into().map_err(|_| Refusal::Missing)
    }

    fn length(&mut self, bytes: usize) -> Result<usize, Refusal> {
        let join = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
        Ok(self.take(bytes)?.iter().fold(0, join))
    }

    /// Pushes the next value.
    fn push(&mut self, lua: &Lua) -> Result<(), Refusal> {
        if !lua.has_room(1) {
            return Err(Refusal::Deep(
                "too many return values at once; use unpack_one or unpack_limit instead.",
            ));
        }
        let [marker] = self.array::<1>()?;
        match marker {
            0x00..=0x7f => lua.push_number(f64::from(marker)),
            0xe0..=0xff => lua.push_number(f64::from(marker as i8)),
            0xcc => lua.push_number(f64::from(u8::from_be_bytes(self.array()?))),
            0xcd => lua.push_number(f64::from(u16::from_be_bytes(self.array()?))),
            0xce => lua.push_number(f64::from(u32::from_be_bytes(self.array()?))),
            // Read as signed: so does the peer.
            0xcf => lua.push_number(i64::from_be_bytes(self.array()?) as f64),
            0xd0 => lua.push_number(f64::from(i8::from_be_bytes(self.array()?))),
            0xd1 => lua.push_number(f64::from(i16::from_be_bytes(self.array()?))),
            0xd2 => lua.push_number(f64::from(i32::from_be_bytes(self.array()?))),
            0xd3 => lua.push_number(i64::from_be_bytes(self.array()?) as f64),
            0xc0 => lua.push_nil(),
            0xc2 => lua.push_truth(false),
            0xc3 => lua.push_truth(true),
            0xca => lua.push_number(f64::from(f32::from_be_bytes(self.array()?))),
            0xcb => lua.push_number(f64::from_be_bytes(self.array()?)),
            0xa0..=0xbf => return self.push_string(lua, usize::from(marker & 0x1f)),
            0xd9 => return self.push_measured(lua, 1, Self::push_string),
            0xda => return self.push_measured(lua, 2, Self::push_string),
            0xdb => return self.push_measured(lua, 4, Self::push_string),
            0x90..=0x9f => return self.push_list(lua, usize::from(marker & 0x0f)),
            0xdc => return self.push_measured(lua, 2, Self::push_list),
            0xdd => return self.push_measured(lua, 4, Self::push_list),
            0x80..=0x8f => return self.push_map(lua, usize::from(marker & 0x0f)),
            0xde => return self.push_measured(lua, 2, Self::push_map),
            0xdf => return self.push_measured(lua, 4, Self::push_map),
            0xc1 | 0xc4..=0xc9 | 0xd4..=0xd8 => return Err(Refusal::BadFormat),
        }
        Ok(())
    }

    /// Reads a length of `bytes` bytes and pushes what has it.
    fn push_measured(
        &mut self,
        lua: &Lua,
        bytes: usize,
        push: fn(&mut Self, &Lua, usize) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let len = self.length(bytes)?;
        push(self, lua, len)
    }

    fn push_string(&mut self, lua: &Lua, len: usize) -> Result<(), Refusal> {
        lua.push_bytes(self.take(len)?);
        Ok(())
    }

    fn push_list(&mut self, lua: &Lua, len: usize) -> Result<(), Refusal> {
        lua.push_table(len.min(self.rest.len()), 0);
        if !lua.has_room(1) {
            return Err(Refusal::Deep("in function mp_decode_to_lua_array"));
        }
        for place in 1..=c_int::try_from(len).unwrap_or(c_int::MAX) {
            // The place stays below the element, so that nesting is limited as in the original.
            lua.push_number(f64::from(place));
            self.push(lua)?;
            lua.set_pair(-3).map_err(Refusal::Key)?;
        }
        Ok(())
    }

    fn push_map(&mut self, lua: &Lua, len: usize) -> Result<(), Refusal> {
        lua.push_table(0, len.min(self.rest.len()));
        if !lua.has_room(1) {
            return Err(Refusal::Deep("in function mp_decode_to_lua_hash"));
        }
        for _ in 0..len {
            self.push(lua)?;
            self.push(lua)?;
            lua.set_pair(-3).map_err(Refusal::Key)?;
        }
        Ok(())
    }
}
