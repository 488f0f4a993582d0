//! Commands on sets. How members are stored the structure knows.

mod read;
mod write;

#[cfg(test)]
mod tests;

use crate::command::{Command, Error, Keys};
use crate::types::Set;

/// The family, file by file.
pub const COMMANDS: &[&[Command]] = &[read::COMMANDS, write::COMMANDS];

/// The set at `key`, for a command that only reads.
fn lookup<'k>(keys: &'k mut Keys<'_>, key: &[u8]) -> Result<Option<&'k Set>, Error> {
    match keys.lookup(key) {
        None => Ok(None),
        Some(entry) => entry.set().map(Some).ok_or(Error::WrongType),
    }
}
