//! Bytes that are read from the front, none of them twice, none behind the end.

use std::borrow::Cow;

use super::{Damaged, length, lzf};

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    /// All of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Source(bytes)
    }

    /// Whether nothing is left.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes are left.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next bytes, as many as the array has.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Damaged)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, Damaged> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// A length.
    pub fn length(&mut self) -> Result<u64, Damaged> {
        let first = self.byte()?;
        self.length_after(first)
    }

    fn length_after(&mut self, first: u8) -> Result<u64, Damaged> {
        match first & length::FORM {
            length::SIX_BITS => Ok(u64::from(first)),
            length::FOURTEEN_BITS => Ok(u64::from(first & 0x3f) << 8 | u64::from(self.byte()?)),
            _ if first == length::WORD => Ok(u64::from(u32::from_be_bytes(self.array()?))),
            _ if first == length::DOUBLE_WORD => Ok(u64::from_be_bytes(self.array()?)),
            _ => Err(Damaged),
        }
    }

    /// How many things follow; each takes at least `bytes_min` bytes. A collection is never empty.
    pub fn count(&mut self, bytes_min: usize) -> Result<usize, Damaged> {
        let count = usize::try_from(self.length()?).map_err(|_| Damaged)?;
        if count > 0 && count <= self.len() / bytes_min {
            Ok(count)
        } else {
            Err(Damaged)
        }
    }

    /// A string: bytes, an integer's digits, or compressed.
    pub fn string(&mut self) -> Result<Cow<'a, [u8]>, Damaged> {
        let first = self.byte()?;
        let number = match first {
            length::INT8 => i32::from(i8::from_le_bytes(self.array()?)),
            length::INT16 => i32::from(i16::from_le_bytes(self.array()?)),
            length::INT32 => i32::from_le_bytes(self.array()?),
            length::LZF => {
                let (packed, len) = (self.size()?, self.size()?);
                return Ok(lzf::decompress(self.take(packed)?, len)?.into());
            }
            _ => {
                let len = usize::try_from(self.length_after(first)?).map_err(|_| Damaged)?;
                return Ok(self.take(len)?.into());
            }
        };
        Ok(itoa::Buffer::new().format(number).as_bytes().to_vec().into())
    }

    fn size(&mut self) -> Result<usize, Damaged> {
        usize::try_from(self.length()?).map_err(|_| Damaged)
    }
}
