//! Commands on keys of any type.

mod dump;
mod existence;
mod expire;
mod moving;
mod object;
mod scan;
mod sort;
#[cfg(test)]
mod tests;
mod ttl;
mod wait;

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
    sort::COMMANDS,
    wait::COMMANDS,
];
