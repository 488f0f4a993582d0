//! Hashes: field-value pairs.

use hashbrown::HashMap;

/// Field-value pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hash {
    fields: HashMap<Box<[u8]>, Box<[u8]>>,
}

impl Hash {
    /// An empty hash.
    pub fn new() -> Self {
        Hash::default()
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        "listpack"
    }

    /// Bytes on the heap besides the structure itself; O(1), estimated from the number of items.
    pub fn heap_bytes(&self) -> usize {
        self.fields.capacity() * 33 + self.fields.len() * 64
    }

    /// The value of `field`.
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        self.fields.get(field).map(|value| &**value)
    }

    /// Sets `field`; tells whether it is new.
    pub fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        self.fields.insert(field.into(), value.into()).is_none()
    }

    /// Removes `field`; tells whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        self.fields.remove(field).is_some()
    }

    /// All pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|(field, value)| (&**field, &**value))
    }
}
