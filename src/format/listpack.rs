//! Listpacks: strings and integers in one buffer, each followed by its length so that it can be walked backwards.
//!
//! ```text
//! total bytes (4), number of elements (2, all ones: unknown), elements, 0xff
//! 0xxxxxxx                       an integer from 0 to 127
//! 110xxxxx xxxxxxxx              an integer of 13 bits
//! 11110001 to 11110100           an integer of 2, 3, 4 or 8 bytes, little-endian
//! 10llllll, 1110llll llllllll    the length of a string
//! 11110000                       the length of a string in 4 bytes, little-endian
//! ```

use std::borrow::Cow;

use super::Damaged;
use super::source::Source;
use crate::base::number::parse_i64;

const HEADER_BYTES: usize = 6;
/// Bytes of a listpack without elements.
pub const EMPTY_BYTES: usize = HEADER_BYTES + 1;
const END: u8 = 0xff;
const COUNT_UNKNOWN: u16 = u16::MAX;

const STRING_32: u8 = 0xf0;
const INT_16: u8 = 0xf1;
const INT_24: u8 = 0xf2;
const INT_32: u8 = 0xf3;
const INT_64: u8 = 0xf4;

/// An element of a compact form.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item<'a> {
    /// An integer.
    Int(i64),
    /// A string.
    Bytes(&'a [u8]),
}

impl<'a> Item<'a> {
    /// The bytes, an integer's as digits.
    pub fn bytes(self) -> Cow<'a, [u8]> {
        match self {
            Item::Int(number) => itoa::Buffer::new().format(number).as_bytes().to_vec().into(),
            Item::Bytes(bytes) => bytes.into(),
        }
    }

    /// Hands the bytes, an integer's as digits, to `take`.
    pub fn with_bytes<T>(self, take: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            Item::Int(number) => take(itoa::Buffer::new().format(number).as_bytes()),
            Item::Bytes(bytes) => take(bytes),
        }
    }
}

/// A listpack that is being written.
pub struct Listpack {
    bytes: Vec<u8>,
    count: usize,
}

impl Default for Listpack {
    fn default() -> Self {
        Listpack {
            bytes: vec![0; HEADER_BYTES],
            count: 0,
        }
    }
}

impl Listpack {
    /// Bytes of the whole.
    pub fn len(&self) -> usize {
        self.bytes.len() + 1
    }

    /// Number of elements.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Appends a string, as an integer when it spells one.
    pub fn push(&mut self, item: &[u8]) {
        match parse_i64(item) {
            Some(number) => self.push_int(number),
            None => self.push_bytes(item),
        }
    }

    /// Appends an integer.
    pub fn push_int(&mut self, number: i64) {
        let start = self.bytes.len();
        let bytes = &mut self.bytes;
        match number {
            0..=127 => bytes.push(number as u8),
            -4096..=4095 => {
                bytes.push(0xc0 | (number >> 8 & 0x1f) as u8);
                bytes.push(number as u8);
            }
            _ => {
                let (form, len) = match number {
                    -0x8000..=0x7fff => (INT_16, 2),
                    -0x80_0000..=0x7f_ffff => (INT_24, 3),
                    -0x8000_0000..=0x7fff_ffff => (INT_32, 4),
                    _ => (INT_64, 8),
                };
                bytes.push(form);
                bytes.extend_from_slice(&number.to_le_bytes()[..len]);
            }
        }
        self.end_element(start);
    }

    fn push_bytes(&mut self, item: &[u8]) {
        let start = self.bytes.len();
        let bytes = &mut self.bytes;
        match item.len() {
            len @ 0..64 => bytes.push(0x80 | len as u8),
            len @ 64..4096 => bytes.extend_from_slice(&[0xe0 | (len >> 8) as u8, len as u8]),
            len => {
                bytes.push(STRING_32);
                bytes.extend_from_slice(&(len as u32).to_le_bytes());
            }
        }
        bytes.extend_from_slice(item);
        self.end_element(start);
    }

    /// Writes the length of the element that began at `start`: seven bits a byte, the highest first.
    fn end_element(&mut self, start: usize) {
        let len = self.bytes.len() - start;
        for at in (0..back_bytes(len)).rev() {
            let more = if at + 1 == back_bytes(len) { 0 } else { 0x80 };
            self.bytes.push(more | (len >> (7 * at) & 0x7f) as u8);
        }
        self.count += 1;
    }

    /// The bytes of the whole.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.push(END);
        let total = self.bytes.len() as u32;
        let count = u16::try_from(self.count).unwrap_or(COUNT_UNKNOWN);
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        self.bytes[4..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
        self.bytes
    }
}

/// Bytes that tell the length of an element of `len` bytes. The steps are one less than seven bits hold, as Valkey's are.
fn back_bytes(len: usize) -> usize {
    match len {
        0..128 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// The elements of a listpack.
pub fn items(bytes: &[u8]) -> Result<Vec<Item<'_>>, Damaged> {
    let mut source = Source::new(bytes);
    let total = u32::from_le_bytes(source.array()?) as usize;
    let count = u16::from_le_bytes(source.array()?);
    if total != bytes.len() || bytes.last() != Some(&END) {
        return Err(Damaged);
    }
    let mut items = Vec::new();
    while source.len() > 1 {
        let before = source.len();
        items.push(item(&mut source)?);
        let len = before - source.len();
        let back = source.take(back_bytes(len))?;
        let told = back.iter().fold(0, |told, byte| told << 7 | usize::from(byte & 0x7f));
        if told != len {
            return Err(Damaged);
        }
    }
    let fits = source.len() == 1 && (count == COUNT_UNKNOWN || usize::from(count) == items.len());
    if fits { Ok(items) } else { Err(Damaged) }
}

fn item<'a>(source: &mut Source<'a>) -> Result<Item<'a>, Damaged> {
    let first = source.byte()?;
    let len = match first {
        0..0x80 => return Ok(Item::Int(i64::from(first))),
        0x80..0xc0 => usize::from(first & 0x3f),
        0xc0..0xe0 => {
            let value = i16::from(first & 0x1f) << 8 | i16::from(source.byte()?);
            return Ok(Item::Int(i64::from(value << 3 >> 3)));
        }
        0xe0..0xf0 => usize::from(first & 0x0f) << 8 | usize::from(source.byte()?),
        STRING_32 => u32::from_le_bytes(source.array()?) as usize,
        INT_16 => return Ok(Item::Int(i64::from(i16::from_le_bytes(source.array()?)))),
        INT_24 => {
            let [low, middle, high] = source.array()?;
            return Ok(Item::Int(i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8)));
        }
        INT_32 => return Ok(Item::Int(i64::from(i32::from_le_bytes(source.array()?)))),
        INT_64 => return Ok(Item::Int(i64::from_le_bytes(source.array()?))),
        _ => return Err(Damaged),
    };
    Ok(Item::Bytes(source.take(len)?))
}
