//! Commands on hashes. How fields are stored the structure knows.

mod read;
mod write;

#[cfg(test)]
mod tests;

use crate::command::{Command, Error, Keys};
use crate::types::Hash;

/// The family, file by file.
pub const COMMANDS: &[&[Command]] = &[read::COMMANDS, write::COMMANDS];

/// The hash at `key`, for a command that only reads.
fn lookup<'k>(keys: &'k mut Keys<'_>, key: &[u8]) -> Result<Option<&'k Hash>, Error> {
    match keys.lookup(key) {
        None => Ok(None),
        Some(entry) => entry.hash().map(Some).ok_or(Error::WrongType),
    }
}
