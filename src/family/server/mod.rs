//! Commands on the server itself: its configuration, its statistics, its clock, its end.

mod basic;
mod config;

use crate::command::Command;

/// The family, in the order of the documentation.
pub const COMMANDS: &[&[Command]] = &[basic::COMMANDS, config::COMMANDS];

#[cfg(test)]
mod tests;
