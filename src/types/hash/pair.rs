//! A field, its value and when it expires, in one allocation.

use crate::base::size_class::good_size;
use crate::base::time::UnixMillis;
use crate::types::dict::Item;

/// Lengths of fields below take one byte.
const SHORT: usize = 0xfe;
/// The first byte of a pair that expires; the time follows.
const EXPIRES: u8 = 0xfe;
/// The first byte of a length of four bytes, which follow.
const LONG: u8 = 0xff;
const EXPIRY_BYTES: usize = 9;

/// When it expires (0xfe and eight bytes, only if it does), the length of the field (a byte, or 0xff and four bytes), the field,
/// the value.
#[derive(Clone, Debug)]
pub struct Pair(Box<[u8]>);

impl Pair {
    /// A field and its value.
    pub fn new(field: &[u8], value: &[u8], expires_at: Option<UnixMillis>) -> Self {
        let len = u32::try_from(field.len()).expect("a bulk is limited far below 4 GiB");
        let header = match field.len() {
            0..SHORT => &[len as u8][..],
            _ => &[[LONG].as_slice(), &len.to_le_bytes()].concat(),
        };
        Pair::with_parts(expires_at, &[header, field, value])
    }

    fn with_parts(expires_at: Option<UnixMillis>, parts: &[&[u8]]) -> Self {
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut bytes = Vec::with_capacity(len + expires_at.map_or(0, |_| EXPIRY_BYTES));
        if let Some(at) = expires_at {
            bytes.push(EXPIRES);
            bytes.extend_from_slice(&at.0.to_le_bytes());
        }
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        Pair(bytes.into_boxed_slice())
    }

    /// Where the length of the field stands.
    fn start(&self) -> usize {
        if self.0[0] == EXPIRES { EXPIRY_BYTES } else { 0 }
    }

    /// Where the field begins and ends.
    fn bounds(&self) -> (usize, usize) {
        let start = self.start();
        match self.0[start] {
            LONG => {
                let len = self.0[start + 1..start + 5].try_into().expect("four bytes");
                (start + 5, start + 5 + u32::from_le_bytes(len) as usize)
            }
            len => (start + 1, start + 1 + usize::from(len)),
        }
    }

    /// The field.
    pub fn field(&self) -> &[u8] {
        let (start, end) = self.bounds();
        &self.0[start..end]
    }

    /// The value.
    pub fn value(&self) -> &[u8] {
        &self.0[self.bounds().1..]
    }

    /// Field and value.
    pub fn both(&self) -> (&[u8], &[u8]) {
        (self.field(), self.value())
    }

    /// When it expires.
    pub fn expires_at(&self) -> Option<UnixMillis> {
        let bytes = self.0.strip_prefix(&[EXPIRES])?.first_chunk()?;
        Some(UnixMillis(i64::from_le_bytes(*bytes)))
    }

    /// Whether it has expired at `now`.
    pub fn has_expired(&self, now: UnixMillis) -> bool {
        self.expires_at().is_some_and(|at| at <= now)
    }

    /// Replaces the value, in place when it is as long as the old one.
    pub fn set_value(&mut self, value: &[u8]) {
        let start = self.bounds().1;
        if self.0.len() - start == value.len() {
            self.0[start..].copy_from_slice(value);
        } else {
            self.0 = [&self.0[..start], value].concat().into_boxed_slice();
        }
    }

    /// Sets or clears when it expires, in place when it does before and after.
    pub fn set_expires_at(&mut self, at: Option<UnixMillis>) {
        match at {
            Some(at) if self.start() > 0 => self.0[1..EXPIRY_BYTES].copy_from_slice(&at.0.to_le_bytes()),
            None if self.start() == 0 => {}
            _ => *self = Pair::with_parts(at, &[&self.0[self.start()..]]),
        }
    }
}

impl Item for Pair {
    fn name(&self) -> &[u8] {
        self.field()
    }

    fn heap_bytes(&self) -> usize {
        good_size(self.0.len())
    }
}
