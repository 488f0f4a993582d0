//! A field and its value in one allocation.

use crate::base::size_class::good_size;
use crate::types::dict::Item;

/// Lengths of fields below take one byte.
const SHORT: usize = 0xff;

/// The length of the field (a byte, or 0xff and four bytes), the field, the value.
#[derive(Clone, Debug)]
pub struct Pair(Box<[u8]>);

impl Pair {
    /// A field and its value.
    pub fn new(field: &[u8], value: &[u8]) -> Self {
        let len = u32::try_from(field.len()).expect("a bulk is limited far below 4 GiB");
        let header = match field.len() {
            0..SHORT => &[len as u8][..],
            _ => &[[SHORT as u8].as_slice(), &len.to_le_bytes()].concat(),
        };
        Pair([header, field, value].concat().into_boxed_slice())
    }

    /// Where the field begins and ends.
    fn bounds(&self) -> (usize, usize) {
        match self.0[0] {
            0xff => {
                let len = self.0[1..5].try_into().expect("four bytes");
                (5, 5 + u32::from_le_bytes(len) as usize)
            }
            len => (1, 1 + usize::from(len)),
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

    /// Replaces the value, in place when it is as long as the old one.
    pub fn set_value(&mut self, value: &[u8]) {
        let start = self.bounds().1;
        if self.0.len() - start == value.len() {
            self.0[start..].copy_from_slice(value);
        } else {
            self.0 = [&self.0[..start], value].concat().into_boxed_slice();
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
