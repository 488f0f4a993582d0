//! The library `struct`: numbers and strings in the layouts of C.
//!
//! Owns the grammar of formats. Sizes and alignments are those of a 64-bit machine, whatever this one is.

use super::ffi::State;
use super::lua::{Lua, functions};
use super::runtime::{Outcome, Raise};
use super::stack;
use std::ffi::c_int;

/// Longest integer in bytes.
const INTEGER_BYTES_MAX: usize = 32;
/// What `!` alone aligns to.
const ALIGN_MAX: usize = 8;

functions! { pack = pack_inner, unpack = unpack_inner, size = size_inner }

/// Adds the library to the globals on top of the stack.
///
/// # Safety
/// As for [`super::sandbox::build`].
pub unsafe fn open(lua: *mut State) {
    // SAFETY: as the caller promises.
    unsafe {
        stack::set_library(lua, "struct", &[("pack", pack), ("unpack", unpack), ("size", size)]);
        stack::pop(lua, 1);
    }
}

/// A format that is being read.
struct Format<'a> {
    rest: &'a [u8],
    big_endian: bool,
    align: usize,
}

impl<'a> Format<'a> {
    /// The format at index 1; a zero byte ends it.
    fn new(lua: &'a Lua) -> Result<Format<'a>, Raise> {
        let text = lua.check_bytes(1)?;
        let end = memchr::memchr(0, text).unwrap_or(text.len());
        Ok(Format {
            rest: &text[..end],
            big_endian: false,
            align: 1,
        })
    }

    /// The next option with its size.
    fn next(&mut self, lua: &Lua) -> Result<Option<(u8, usize)>, Raise> {
        let Some((&option, rest)) = self.rest.split_first() else {
            return Ok(None);
        };
        self.rest = rest;
        let size = match option {
            b'B' | b'b' | b'x' => 1,
            b'H' | b'h' => 2,
            b'L' | b'l' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.digits(lua, 1)?,
            b'i' | b'I' => self.integer_size(lua)?,
            _ => 0,
        };
        Ok(Some((option, size)))
    }

    fn integer_size(&mut self, lua: &Lua) -> Result<usize, Raise> {
        let size = self.digits(lua, 4)?;
        if size > INTEGER_BYTES_MAX {
            let text = format!("integral size {size} is larger than limit of {INTEGER_BYTES_MAX}");
            return Err(lua.located(&text));
        }
        Ok(size)
    }

    fn digits(&mut self, lua: &Lua, default: usize) -> Result<usize, Raise> {
        let mut number = None;
        while let [digit @ b'0'..=b'9', rest @ ..] = self.rest {
            let digit = i32::from(digit - b'0');
            let longer = number
                .unwrap_or(0i32)
                .checked_mul(10)
                .and_then(|tens| tens.checked_add(digit));
            number = Some(longer.ok_or_else(|| lua.located("integral size overflow"))?);
            self.rest = rest;
        }
        Ok(number.map_or(default, |number| number as usize))
    }

    /// How many bytes align an option of this size at `position`.
    fn padding(&self, position: usize, option: u8, size: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        let size = size.min(self.align);
        if size == 0 {
            return 0;
        }
        size.wrapping_sub(position & (size - 1)) & (size - 1)
    }

    /// Takes an option that only controls.
    fn control(&mut self, lua: &Lua, option: u8) -> Result<(), Raise> {
        match option {
            b' ' => {}
            b'>' => self.big_endian = true,
            b'<' => self.big_endian = false,
            b'!' => {
                let align = self.digits(lua, ALIGN_MAX)?;
                if !align.is_power_of_two() {
                    return Err(lua.located(&format!("alignment {align} is not a power of 2")));
                }
                self.align = align;
            }
            _ => {
                lua.push_bytes(&[b"invalid format option '", &[option][..], b"'"].concat());
                return Err(Raise::ArgumentText(1));
            }
        }
        Ok(())
    }
}

fn pack_inner(lua: &Lua) -> Outcome {
    let mut format = Format::new(lua)?;
    // An argument that is missing reads as nil.
    lua.push_nil();
    let mut packed = Vec::new();
    let mut argument = 2;
    let mut total = 0usize;
    while let Some((option, mut size)) = format.next(lua)? {
        let padding = format.padding(total, option, size);
        total += padding;
        packed.resize(packed.len() + padding, 0);
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                put_integer(lua.check_number(argument)?, size, format.big_endian, &mut packed);
                argument += 1;
            }
            b'x' => packed.push(0),
            b'f' => {
                let bits = (lua.check_number(argument)? as f32).to_bits();
                put_bits(u64::from(bits), size, format.big_endian, &mut packed);
                argument += 1;
            }
            b'd' => {
                put_bits(
                    lua.check_number(argument)?.to_bits(),
                    size,
                    format.big_endian,
                    &mut packed,
                );
                argument += 1;
            }
            b'c' | b's' => {
                let text = lua.check_bytes(argument)?;
                argument += 1;
                if size == 0 {
                    size = text.len();
                }
                let Some(kept) = text.get(..size) else {
                    return Err(Raise::Argument(argument, c"string too short"));
                };
                packed.extend_from_slice(kept);
                if option == b's' {
                    packed.push(0);
                    size += 1;
                }
            }
            _ => format.control(lua, option)?,
        }
        total += size;
    }
    lua.push_bytes(&packed);
    Ok(1)
}

/// The 64 bits a number stands for; beyond the range they are what x86 makes of it.
fn integer_bits(number: f64) -> u64 {
    if number < 0.0 {
        if number >= -9_223_372_036_854_775_808.0 {
            number as i64 as u64
        } else {
            1 << 63
        }
    } else if number < 18_446_744_073_709_551_616.0 {
        number as u64
    } else if number.is_nan() {
        1 << 63
    } else {
        0
    }
}

fn put_integer(number: f64, size: usize, big_endian: bool, packed: &mut Vec<u8>) {
    put_bits(integer_bits(number), size, big_endian, packed);
}

/// Appends the low `size` bytes of `bits`; beyond eight they are zero.
fn put_bits(bits: u64, size: usize, big_endian: bool, packed: &mut Vec<u8>) {
    let start = packed.len();
    let bytes = bits.to_le_bytes();
    packed.extend((0..size).map(|index| bytes.get(index).copied().unwrap_or_default()));
    if big_endian {
        packed[start..].reverse();
    }
}

/// Reads an integer of any size, of which the low 64 bits count.
fn take_integer(bytes: &[u8], big_endian: bool, signed: bool) -> f64 {
    let mut bits = 0u64;
    let mut add = |byte: &u8| bits = bits << 8 | u64::from(*byte);
    if big_endian {
        bytes.iter().for_each(&mut add);
    } else {
        bytes.iter().rev().for_each(&mut add);
    }
    if !signed {
        return bits as f64;
    }
    // The shift counts modulo 64, as the machine's does for sizes beyond eight.
    let mask = u64::MAX << ((bytes.len() as u32).wrapping_mul(8).wrapping_sub(1) & 63);
    if bits & mask != 0 {
        bits |= mask;
    }
    bits as i64 as f64
}

fn unpack_inner(lua: &Lua) -> Outcome {
    const SHORT: Raise = Raise::Argument(2, c"data string too short");
    let mut format = Format::new(lua)?;
    let data = lua.check_bytes(2)?;
    let start = lua.integer_or(3, 1)?;
    if start == 0 {
        return Err(Raise::Argument(3, c"offset must be 1 or greater"));
    }
    // A negative place is far behind every string.
    let mut at = (start as usize).wrapping_sub(1);
    let mut pushed: c_int = 0;
    while let Some((option, mut size)) = format.next(lua)? {
        at = at.saturating_add(format.padding(at, option, size));
        let bytes = at.checked_add(size).and_then(|end| data.get(at..end)).ok_or(SHORT)?;
        if !lua.has_room(2) {
            return Err(lua.located("stack overflow (too many results)"));
        }
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                lua.push_number(take_integer(bytes, format.big_endian, option.is_ascii_lowercase()));
                pushed += 1;
            }
            b'x' => {}
            b'f' => {
                let bits = bytes_to_bits(bytes, format.big_endian);
                lua.push_number(f64::from(f32::from_bits(bits as u32)));
                pushed += 1;
            }
            b'd' => {
                lua.push_number(f64::from_bits(bytes_to_bits(bytes, format.big_endian)));
                pushed += 1;
            }
            b'c' if size == 0 => {
                if pushed == 0 || !lua.is_number(-1) {
                    return Err(lua.located("format 'c0' needs a previous size"));
                }
                let given = lua.number(-1);
                size = if given < 0.0 {
                    usize::MAX
                } else {
                    integer_bits(given) as usize
                };
                let text = at.checked_add(size).and_then(|end| data.get(at..end)).ok_or(SHORT)?;
                lua.pop(1);
                lua.push_bytes(text);
            }
            b'c' => {
                lua.push_bytes(bytes);
                pushed += 1;
            }
            b's' => {
                let rest = data.get(at..).unwrap_or_default();
                let Some(len) = memchr::memchr(0, rest) else {
                    return Err(lua.located("unfinished string in data"));
                };
                lua.push_bytes(&rest[..len]);
                size = len + 1;
                pushed += 1;
            }
            _ => format.control(lua, option)?,
        }
        at = at.saturating_add(size);
    }
    lua.push_number(at.wrapping_add(1) as i64 as f64);
    Ok(pushed + 1)
}

fn bytes_to_bits(bytes: &[u8], big_endian: bool) -> u64 {
    let join = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
    if big_endian {
        bytes.iter().fold(0, join)
    } else {
        bytes.iter().rev().fold(0, join)
    }
}

fn size_inner(lua: &Lua) -> Outcome {
    let mut format = Format::new(lua)?;
    let mut total = 0usize;
    while let Some((option, size)) = format.next(lua)? {
        total += format.padding(total, option, size);
        match option {
            b's' => return Err(Raise::Argument(1, c"option 's' has no fixed size")),
            b'c' if size == 0 => return Err(Raise::Argument(1, c"option 'c0' has no fixed size")),
            _ if !option.is_ascii_alphanumeric() => format.control(lua, option)?,
            _ => {}
        }
        total += size;
    }
    lua.push_number(total as f64);
    Ok(1)
}
