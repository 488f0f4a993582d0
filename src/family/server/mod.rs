//! Commands on the server itself: its configuration, its statistics, its clock, its end.

mod basic;
mod config;
mod debug;
mod info;
mod keyspace;
mod memory;
mod memory_report;
mod persistence;
mod replication;
mod route;

use crate::command::Command;

/// The family, in the order of the documentation.
pub const COMMANDS: &[&[Command]] = &[
    basic::COMMANDS,
    config::COMMANDS,
    debug::COMMANDS,
    info::COMMANDS,
    keyspace::COMMANDS,
    memory::COMMANDS,
    persistence::COMMANDS,
    replication::COMMANDS,
    route::COMMANDS,
];

#[cfg(test)]
mod tests;
