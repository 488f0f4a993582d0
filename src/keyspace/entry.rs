//! One key with its value and expiry.

use crate::base::number::parse_i64;
use crate::base::time::UnixMillis;
use crate::types::{Hash, Kind, List, Set, SortedSet};

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
}

/// A string value as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringRef<'a> {
    /// Stored as an integer.
    Int(i64),
    /// Stored as bytes.
    Bytes(&'a [u8]),
}

macro_rules! from_collection {
    ($($type:ident => $read:ident, $write:ident);* $(;)?) => {
        $(impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Value::$type(Box::new(value))
            }
        })*

        impl Entry {
            $(
                /// The collection, when it is of this type.
                pub fn $read(&self) -> Option<&$type> {
                    match &self.value {
                        Value::$type(value) => Some(value),
                        _ => None,
                    }
                }

                /// The collection to be changed, when it is of this type.
                pub fn $write(&mut self) -> Option<&mut $type> {
                    match &mut self.value {
                        Value::$type(value) => Some(value),
                        _ => None,
                    }
                }
            )*
        }
    };
}

from_collection! {
    List => list, list_mut;
    Hash => hash, hash_mut;
    Set => set, set_mut;
    SortedSet => sorted_set, sorted_set_mut;
}

/// One key with its value and expiry.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    key: Box<[u8]>,
    value: Value,
    expires_at: Option<UnixMillis>,
}

impl Entry {
    /// An entry that does not expire.
    pub fn new(key: &[u8], value: impl Into<Value>) -> Self {
        Entry {
            key: key.into(),
            value: value.into(),
            expires_at: None,
        }
    }

    /// A string entry; digits that spell a 64-bit integer are stored as one.
    pub fn string(key: &[u8], bytes: &[u8]) -> Self {
        let value = match parse_i64(bytes) {
            Some(number) => Value::Int(number),
            None => Value::String(bytes.to_vec()),
        };
        Entry {
            key: key.into(),
            value,
            expires_at: None,
        }
    }

    /// A string entry that holds an integer.
    pub fn int(key: &[u8], number: i64) -> Self {
        Entry {
            key: key.into(),
            value: Value::Int(number),
            expires_at: None,
        }
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// When it expires; only [`super::Db::set_expiry`] changes that, since the database counts.
    pub fn expires_at(&self) -> Option<UnixMillis> {
        self.expires_at
    }

    pub(super) fn set_expires_at(&mut self, at: Option<UnixMillis>) {
        self.expires_at = at;
    }

    /// This entry with another expiry, before it is inserted.
    pub fn expiring(mut self, at: Option<UnixMillis>) -> Self {
        self.expires_at = at;
        self
    }

    /// This entry under another key.
    pub fn renamed(mut self, key: &[u8]) -> Self {
        self.key = key.into();
        self
    }

    /// The type of the value.
    pub fn kind(&self) -> Kind {
        match self.value {
            Value::String(_) | Value::Int(_) => Kind::String,
            Value::List(_) => Kind::List,
            Value::Hash(_) => Kind::Hash,
            Value::Set(_) => Kind::Set,
            Value::SortedSet(_) => Kind::SortedSet,
        }
    }

    /// The string, when it is one.
    pub fn as_string(&self) -> Option<StringRef<'_>> {
        match &self.value {
            Value::String(bytes) => Some(StringRef::Bytes(bytes)),
            Value::Int(number) => Some(StringRef::Int(*number)),
            _ => None,
        }
    }

    /// Replaces the value by a string, keeping key and expiry.
    pub fn set_string(&mut self, bytes: &[u8]) {
        self.value = Entry::string(&[], bytes).value;
    }

    /// Replaces the value by an integer, keeping key and expiry.
    pub fn set_int(&mut self, number: i64) {
        self.value = Value::Int(number);
    }

    /// Changes the bytes of a string in place (an integer becomes its digits first); `None` when it is no string.
    /// The result stays bytes, as after APPEND in Valkey, even when it spells an integer.
    pub fn edit_string<T>(&mut self, edit: impl FnOnce(&mut Vec<u8>) -> T) -> Option<T> {
        if let Value::Int(number) = self.value {
            self.value = Value::String(itoa::Buffer::new().format(number).as_bytes().to_vec());
        }
        match &mut self.value {
            Value::String(bytes) => Some(edit(bytes)),
            _ => None,
        }
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match &self.value {
            Value::Int(_) => "int",
            Value::String(bytes) if bytes.len() <= 44 => "embstr",
            Value::String(_) => "raw",
            Value::List(_) => "listpack",
            Value::Hash(_) => "listpack",
            Value::Set(_) => "listpack",
            Value::SortedSet(_) => "listpack",
        }
    }
}
