//! Commands on strings.

mod read;

use crate::command::Command;

/// The family, in the order of the documentation.
pub const COMMANDS: &[&[Command]] = &[read::COMMANDS];
