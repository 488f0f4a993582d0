//! Commands on keys of any type.

mod dump;
mod existence;
mod expire;
mod moving;
mod object;
mod scan;
#[cfg(test)]
mod tests;
mod ttl;

use crate::command::Command;

/// The family, file by file.
pub const COMMANDS: &[&[Command]] = &[
    existence::COMMANDS,
    expire::COMMANDS,
    ttl::COMMANDS,
    moving::COMMANDS,
    scan::COMMANDS,
    object::COMMANDS,
    dump::COMMANDS,
];
