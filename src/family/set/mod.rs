//! Commands on sets. How members are stored the structure knows.

mod combine;
mod random;
mod read;
mod scan;
mod write;

#[cfg(test)]
mod tests;

use crate::command::{Command, Error, Keys};
use crate::config::Config;
use crate::protocol::reply::Reply;
use crate::types::Set;
use crate::types::set::{Limits, Member};

/// The family, file by file.
pub const COMMANDS: &[&[Command]] = &[
    read::COMMANDS,
    write::COMMANDS,
    random::COMMANDS,
    scan::COMMANDS,
    combine::COMMANDS,
];

/// Up to where sets keep their small forms.
fn limits(config: &Config) -> Limits {
    Limits {
        ints: config.set_max_intset_entries,
        entries: config.set_max_listpack_entries,
        value_bytes: config.set_max_listpack_value,
    }
}

/// The set at `key`, for a command that only reads.
fn lookup<'k>(keys: &'k mut Keys<'_>, key: &[u8]) -> Result<Option<&'k Set>, Error> {
    match keys.lookup(key) {
        None => Ok(None),
        Some(entry) => entry.set().map(Some).ok_or(Error::WrongType),
    }
}

/// Writes `len` members as a set.
fn write_members<'m>(reply: &mut Reply, len: usize, members: impl Iterator<Item = Member<'m>>) {
    reply.set(len);
    members.for_each(|member| reply.bulk(&member));
}
