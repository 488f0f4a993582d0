//! Commands on hashes.

mod count;
mod random;
mod read;
mod scan;
#[cfg(test)]
mod tests;
mod write;

use crate::command::{Command, Error, Key, KeyFlags, Keys};
use crate::config::Config;
use crate::types::Hash;
use crate::types::hash::Limits;

/// The family, file by file.
pub const COMMANDS: &[&[Command]] = &[
    write::COMMANDS,
    read::COMMANDS,
    count::COMMANDS,
    random::COMMANDS,
    scan::COMMANDS,
];

/// The hash is read, and what is in it returned.
const READS: &[Key] = &[Key::at(1).read()];
/// The hash is looked at.
const LOOKS: &[Key] = &[Key::at(1).flags(KeyFlags::RO)];

/// Up to where hashes stay packed.
fn limits(config: &Config) -> Limits {
    Limits {
        entries: config.hash_max_listpack_entries,
        value_bytes: config.hash_max_listpack_value,
    }
}

/// The hash at `key`, for a command that only reads.
fn lookup<'k>(keys: &'k mut Keys<'_>, key: &[u8]) -> Result<Option<&'k Hash>, Error> {
    match keys.lookup(key) {
        None => Ok(None),
        Some(entry) => entry.hash().map(Some).ok_or(Error::WrongType),
    }
}
