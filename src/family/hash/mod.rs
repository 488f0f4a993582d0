//! Commands on hashes.

mod count;
mod expire;
mod fields;
mod random;
mod read;
mod scan;
#[cfg(test)]
mod tests;
mod ttl;
mod with_expiry;
mod write;

use crate::command::{Command, Context, Error, Key, KeyFlags, Keys};
use crate::types::Hash;
use crate::types::hash::{Limits, Setting, Ttl};

/// The family, file by file.
pub const COMMANDS: &[&[Command]] = &[
    write::COMMANDS,
    read::COMMANDS,
    count::COMMANDS,
    random::COMMANDS,
    scan::COMMANDS,
    expire::COMMANDS,
    ttl::COMMANDS,
    with_expiry::COMMANDS,
];

/// The hash is read, and what is in it returned.
const READS: &[Key] = &[Key::at(1).read()];
/// The hash is looked at.
const LOOKS: &[Key] = &[Key::at(1).flags(KeyFlags::RO)];

/// How a command sets fields.
fn setting(ctx: &Context<'_>, ttl: Ttl) -> Setting {
    Setting {
        limits: Limits {
            entries: ctx.config.hash_max_listpack_entries,
            value_bytes: ctx.config.hash_max_listpack_value,
        },
        now: ctx.keys.horizon(),
        ttl,
    }
}

/// The hash at `key`, for a command that only reads.
fn lookup<'k>(keys: &'k mut Keys<'_>, key: &[u8]) -> Result<Option<&'k Hash>, Error> {
    match keys.lookup(key) {
        None => Ok(None),
        Some(entry) => entry.hash().map(Some).ok_or(Error::WrongType),
    }
}
