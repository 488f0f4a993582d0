//! Commands on the connection itself and on other clients' connections.

mod basic;
mod client;
mod hello;

use crate::command::Command;

/// The family, in the order of the documentation.
pub const COMMANDS: &[&[Command]] = &[hello::COMMANDS, basic::COMMANDS, client::COMMANDS];

#[cfg(test)]
mod tests;
