//! Commands on the server itself: its configuration, its statistics, its clock, its end; and on whole databases.

mod basic;
mod config;
mod keyspace;

use crate::command::Command;

/// The family, in the order of the documentation.
pub const COMMANDS: &[&[Command]] = &[basic::COMMANDS, config::COMMANDS, keyspace::COMMANDS];

#[cfg(test)]
mod tests;
