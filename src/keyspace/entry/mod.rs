//! One key with its value and expiry. Knows the values' types; knows no table and no clock.

mod block;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use crate::base::number::parse_i64;
use crate::base::size_class::good_size;
use crate::base::time::UnixMillis;
use crate::types::{Hash, Kind, List, Set, SortedSet, Stream};

pub use block::Entry;

/// A value to be stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Bytes.
    String(Vec<u8>),
    /// A 64-bit integer, read as its decimal digits.
    Int(i64),
    /// A list.
    List(Box<List>),
    /// A hash.
    Hash(Box<Hash>),
    /// A set.
    Set(Box<Set>),
    /// A sorted set.
    SortedSet(Box<SortedSet>),
    /// A stream.
    Stream(Box<Stream>),
}

/// A string value as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringRef<'a> {
    /// Stored as an integer.
    Int(i64),
    /// Stored as bytes.
    Bytes(&'a [u8]),
}

impl<'a> StringRef<'a> {
    /// The bytes that clients read: an integer's digits are made.
    pub fn bytes(self) -> Cow<'a, [u8]> {
        match self {
            StringRef::Bytes(bytes) => bytes.into(),
            StringRef::Int(number) => itoa::Buffer::new().format(number).as_bytes().to_vec().into(),
        }
    }
}

/// A stored value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ValueRef<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    List(&'a List),
    Hash(&'a Hash),
    Set(&'a Set),
    SortedSet(&'a SortedSet),
    Stream(&'a Stream),
}

macro_rules! collections {
    ($($type:ident => $read:ident);* $(;)?) => {
        $(impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Value::$type(Box::new(value))
            }
        })*

        impl Entry {
            $(
                /// The collection, when it is of this type.
                pub fn $read(&self) -> Option<&$type> {
                    match self.value() {
                        ValueRef::$type(value) => Some(value),
                        _ => None,
                    }
                }
            )*
        }
    };
}

collections! {
    List => list;
    Hash => hash;
    Set => set;
    SortedSet => sorted_set;
    Stream => stream;
}

impl Entry {
    /// An entry that does not expire. Bytes stay bytes, even when they spell an integer.
    pub fn new(key: &[u8], value: impl Into<Value>) -> Self {
        let mut entry = Entry::with_value(key, value.into(), None);
        entry.name_encoding(false);
        entry
    }

    /// A string entry; digits that spell a 64-bit integer are stored as one.
    pub fn string(key: &[u8], bytes: &[u8]) -> Self {
        if let Some(number) = parse_i64(bytes) {
            return Entry::int(key, number);
        }
        Entry::text(key, bytes)
    }

    /// A string entry; bytes stay bytes, even when they spell an integer.
    pub fn text(key: &[u8], bytes: &[u8]) -> Self {
        let mut entry = Entry::with_bytes(key, bytes, None);
        entry.name_encoding(false);
        entry
    }

    /// A string entry that holds an integer.
    pub fn int(key: &[u8], number: i64) -> Self {
        Entry::with_value(key, Value::Int(number), None)
    }

    /// This entry with another expiry, before it is inserted.
    pub fn expiring(mut self, at: Option<UnixMillis>) -> Self {
        self.set_expires_at(at);
        self
    }

    /// This entry under another key; a collection is not copied.
    pub fn renamed(self, key: &[u8]) -> Self {
        let (raw, access, at) = (self.is_raw(), self.access(), self.expires_at());
        let mut renamed = Entry::with_value(key, self.into_value(), at);
        renamed.name_encoding(raw);
        renamed.set_access(access);
        renamed
    }

    /// The type of the value.
    pub fn kind(&self) -> Kind {
        match self.value() {
            ValueRef::Int(_) | ValueRef::Bytes(_) => Kind::String,
            ValueRef::List(_) => Kind::List,
            ValueRef::Hash(_) => Kind::Hash,
            ValueRef::Set(_) => Kind::Set,
            ValueRef::SortedSet(_) => Kind::SortedSet,
            ValueRef::Stream(_) => Kind::Stream,
        }
    }

    /// The string, when it is one.
    pub fn as_string(&self) -> Option<StringRef<'_>> {
        match self.value() {
            ValueRef::Bytes(bytes) => Some(StringRef::Bytes(bytes)),
            ValueRef::Int(number) => Some(StringRef::Int(number)),
            _ => None,
        }
    }

    /// Replaces the value by a string, keeping key and expiry; digits that spell a 64-bit integer are stored as one.
    /// Writes over the old string when the new one is of about its size.
    pub fn set_string(&mut self, bytes: &[u8]) {
        match parse_i64(bytes) {
            Some(number) => self.set_int(number),
            None => self.set_bytes(bytes),
        }
    }

    /// Replaces the value by these bytes even if they spell an integer (as INCRBYFLOAT does), keeping key and expiry.
    pub fn set_bytes(&mut self, bytes: &[u8]) {
        self.put_bytes(bytes);
        // Valkey overwrites in place too, with the room for the expiry still taken.
        self.name_encoding(false);
    }

    /// Replaces the value by an integer, keeping key and expiry.
    pub fn set_int(&mut self, number: i64) {
        self.put_int(number);
        self.set_raw(false);
    }

    /// Changes the bytes of a string in place (an integer becomes its digits first); `None` when it is no string.
    /// The result stays bytes, as after APPEND in Valkey, even when it spells an integer. Growing is amortised O(1) a byte.
    pub fn edit_string<T>(&mut self, edit: impl FnOnce(&mut Vec<u8>) -> T) -> Option<T> {
        let mut digits = itoa::Buffer::new();
        let start = match self.as_string()? {
            StringRef::Int(number) => digits.format(number).as_bytes(),
            StringRef::Bytes(_) => &[],
        };
        let result = self.edit_bytes(start, edit);
        self.set_raw(true);
        Some(result)
    }

    /// The bytes of a string to be overwritten without changing their number, which never copies (SETBIT, SETRANGE within the
    /// string); `None` when the value is no string or stored as an integer. The encoding becomes "raw" as with [`Entry::edit_string`].
    pub fn string_bytes_mut(&mut self) -> Option<&mut [u8]> {
        self.bytes_mut()?;
        self.set_raw(true);
        self.bytes_mut()
    }

    /// This entry with its string called "raw", whatever its size, as those are that HyperLogLog and bit commands create.
    pub fn raw(mut self) -> Self {
        self.set_raw(true);
        self
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self.value() {
            ValueRef::Int(_) => "int",
            ValueRef::Bytes(_) if self.is_raw() => "raw",
            ValueRef::Bytes(_) => "embstr",
            ValueRef::List(list) => list.encoding(),
            ValueRef::Hash(hash) => hash.encoding(),
            ValueRef::Set(set) => set.encoding(),
            ValueRef::SortedSet(sorted_set) => sorted_set.encoding(),
            ValueRef::Stream(stream) => stream.encoding(),
        }
    }

    /// Bytes that key and value take on the heap, as rounded up by the allocator (see [`good_size`]); O(1).
    pub fn heap_bytes(&self) -> usize {
        let collection = match self.value() {
            ValueRef::Int(_) | ValueRef::Bytes(_) => 0,
            ValueRef::List(list) => good_size(size_of::<List>()) + list.heap_bytes(),
            ValueRef::Hash(hash) => good_size(size_of::<Hash>()) + hash.heap_bytes(),
            ValueRef::Set(set) => good_size(size_of::<Set>()) + set.heap_bytes(),
            ValueRef::SortedSet(sorted_set) => good_size(size_of::<SortedSet>()) + sorted_set.heap_bytes(),
            ValueRef::Stream(stream) => good_size(size_of::<Stream>()) + stream.heap_bytes(),
        };
        self.own_bytes() + collection
    }

    /// When the first field of a hash expires; O(1).
    pub fn field_due(&self) -> Option<UnixMillis> {
        self.hash().and_then(Hash::next_due)
    }

    /// Decides between "embstr" and "raw" for bytes just stored. The name stays when an expiry comes or goes, as in Valkey.
    fn name_encoding(&mut self, raw: bool) {
        let too_long = match self.value() {
            ValueRef::Bytes(bytes) => !is_embedded_in_valkey(self.key().len(), bytes.len(), self.has_expiry()),
            _ => false,
        };
        self.set_raw(raw || too_long);
    }
}

/// Valkey 9 embeds key and string in the object when all of it takes at most two cache lines: 8 bytes of object, the expiry,
/// one byte for the key's header size, the key's header (1, 3 or 5 bytes by its length) and terminator, the value's (3 + 1).
fn is_embedded_in_valkey(key_len: usize, value_len: usize, expires: bool) -> bool {
    let key_header = match key_len {
        0..32 => 1,
        32..256 => 3,
        _ => 5,
    };
    let expiry = if expires { 8 } else { 0 };
    8 + expiry + 1 + key_header + key_len + 1 + 3 + value_len < 128
}

impl ValueRef<'_> {
    fn to_value(self) -> Value {
        match self {
            ValueRef::Int(number) => Value::Int(number),
            ValueRef::Bytes(bytes) => Value::String(bytes.to_vec()),
            ValueRef::List(list) => list.clone().into(),
            ValueRef::Hash(hash) => hash.clone().into(),
            ValueRef::Set(set) => set.clone().into(),
            ValueRef::SortedSet(sorted_set) => sorted_set.clone().into(),
            ValueRef::Stream(stream) => stream.clone().into(),
        }
    }
}

impl Clone for Entry {
    fn clone(&self) -> Self {
        let mut clone = Entry::with_value(self.key(), self.value().to_value(), self.expires_at());
        clone.set_raw(self.is_raw());
        clone.set_access(self.access());
        clone
    }
}

/// Same key, value and expiry; how they are stored and when they were accessed does not count.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key() && self.value() == other.value() && self.expires_at() == other.expires_at()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key().escape_ascii().to_string())
            .field("value", &self.value())
            .field("expires_at", &self.expires_at())
            .finish()
    }
}
