//! Scripts and functions: declared here, run by the interpreter of the core on which the command runs.

mod eval;
mod function;
mod script;

use crate::command::Command;

/// The family.
pub const COMMANDS: &[&[Command]] = &[eval::COMMANDS, script::COMMANDS, function::COMMANDS];
