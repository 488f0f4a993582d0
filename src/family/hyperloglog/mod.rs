//! Commands that count distinct elements approximately, in strings.

mod count;
mod debug;
#[cfg(test)]
mod tests;

use crate::command::{Command, Error};
use crate::keyspace::{Entry, StringRef, Value};
use crate::types::hyperloglog::{self, Corrupt, Encoding};

/// The family, file by file.
pub const COMMANDS: &[&[Command]] = &[count::COMMANDS, debug::COMMANDS];

const CORRUPTED: Error = Error::Text("INVALIDOBJ Corrupted HLL object detected");

fn corrupted(_: Corrupt) -> Error {
    CORRUPTED
}

/// The bytes of the HyperLogLog in `entry`, and their encoding.
fn read(entry: &Entry) -> Result<(&[u8], Encoding), Error> {
    let bytes = match entry.as_string().ok_or(Error::WrongType)? {
        StringRef::Bytes(bytes) => bytes,
        StringRef::Int(_) => &[],
    };
    let encoding = hyperloglog::encoding(bytes);
    let none = Error::Text("WRONGTYPE Key is not a valid HyperLogLog string value.");
    Ok((bytes, encoding.ok_or(none)?))
}

/// As [`read`], to be changed without changing the length.
fn write(entry: &mut Entry) -> Result<(&mut [u8], Encoding), Error> {
    let (_, encoding) = read(entry)?;
    let bytes = entry.string_bytes_mut();
    Ok((bytes.expect("a HyperLogLog is stored as bytes"), encoding))
}

/// Lets `change` change a HyperLogLog, whatever that does to its length.
fn edit<T>(entry: &mut Entry, change: impl FnOnce(&mut Vec<u8>) -> Result<T, Corrupt>) -> Result<T, Error> {
    let changed = entry.edit_string(change);
    changed.expect("a HyperLogLog is a string").map_err(corrupted)
}

/// An empty one, to be stored.
fn empty(key: &[u8]) -> Entry {
    Entry::new(key, Value::String(hyperloglog::new())).raw()
}
