//! A member as it is read: bytes of the set's memory, or the digits of an integer.

use std::ops::Deref;

/// A member; equal to another when the bytes are.
#[derive(Clone, Copy, Debug)]
pub enum Member<'a> {
    /// In the set's memory.
    Bytes(&'a [u8]),
    /// Kept as an integer.
    Digits(Digits),
}

/// The decimal digits of an integer, with its sign.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    text: [u8; 20],
    len: u8,
}

impl Digits {
    /// The digits of `number`.
    pub fn of(number: i64) -> Self {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(number).as_bytes();
        let mut text = [0; 20];
        text[..digits.len()].copy_from_slice(digits);
        let len = digits.len() as u8;
        Digits { text, len }
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.len)]
    }
}

impl Deref for Member<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Member::Bytes(bytes) => bytes,
            Member::Digits(digits) => digits.as_bytes(),
        }
    }
}

impl PartialEq for Member<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Member<'_> {}

impl std::hash::Hash for Member<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}
