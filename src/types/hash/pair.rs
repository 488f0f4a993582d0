//! A field, its value and when it expires, as a record of a table.
//!
//! When it expires (0xfe and eight bytes, only if it does), the length of the field (a byte, or 0xff and four bytes), the field,
//! the value.

use crate::base::time::UnixMillis;
use crate::types::records::Naming;

/// Lengths of fields below take one byte.
const SHORT: usize = 0xfe;
/// The first byte of a pair that expires; the time follows.
const EXPIRES: u8 = 0xfe;
/// The first byte of a length of four bytes, which follow.
const LONG: u8 = 0xff;
const EXPIRY_BYTES: usize = 9;
const LONG_BYTES: usize = 5;

/// Pairs are named by their fields.
#[derive(Clone, Debug, Default)]
pub struct ByField;

impl Naming for ByField {
    #[inline]
    fn name(record: &[u8]) -> &[u8] {
        Pair(record).field()
    }
}

/// A pair that is stored.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a>(pub &'a [u8]);

impl<'a> Pair<'a> {
    /// Where the field begins and ends.
    #[inline]
    fn bounds(self) -> (usize, usize) {
        let start = if self.0[0] == EXPIRES { EXPIRY_BYTES } else { 0 };
        match self.0[start] {
            LONG => {
                let len = self.0[start + 1..start + LONG_BYTES].try_into().expect("four bytes");
                let start = start + LONG_BYTES;
                (start, start + u32::from_le_bytes(len) as usize)
            }
            len => (start + 1, start + 1 + usize::from(len)),
        }
    }

    /// The field.
    #[inline]
    pub fn field(self) -> &'a [u8] {
        let (start, end) = self.bounds();
        &self.0[start..end]
    }

    /// The value.
    pub fn value(self) -> &'a [u8] {
        &self.0[self.bounds().1..]
    }

    /// Field and value.
    pub fn both(self) -> (&'a [u8], &'a [u8]) {
        let (start, end) = self.bounds();
        (&self.0[start..end], &self.0[end..])
    }

    /// When it expires.
    pub fn expires_at(self) -> Option<UnixMillis> {
        let bytes = self.0.strip_prefix(&[EXPIRES])?.first_chunk()?;
        Some(UnixMillis(i64::from_le_bytes(*bytes)))
    }

    /// Whether it has expired at `now`.
    pub fn has_expired(self, now: UnixMillis) -> bool {
        self.expires_at().is_some_and(|at| at <= now)
    }
}

/// What stands before the field.
pub struct Head {
    bytes: [u8; EXPIRY_BYTES + LONG_BYTES],
    len: usize,
}

impl Head {
    /// Of a pair with this field.
    pub fn new(field: &[u8], expires_at: Option<UnixMillis>) -> Self {
        let mut head = Head {
            bytes: [0; EXPIRY_BYTES + LONG_BYTES],
            len: 0,
        };
        if let Some(at) = expires_at {
            head.push(&[EXPIRES]);
            head.push(&at.0.to_le_bytes());
        }
        if field.len() < SHORT {
            head.push(&[field.len() as u8]);
        } else {
            let len = u32::try_from(field.len()).expect("a bulk is limited far below 4 GiB");
            head.push(&[LONG]);
            head.push(&len.to_le_bytes());
        }
        head
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// The parts of the record.
    pub fn record<'a>(&'a self, field: &'a [u8], value: &'a [u8]) -> [&'a [u8]; 3] {
        [&self.bytes[..self.len], field, value]
    }
}
