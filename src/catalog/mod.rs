//! The families assembled once: lookup by name, and what is derived from the declarations.

mod command;

use std::sync::OnceLock;

use hashbrown::HashMap;

use crate::command::Command;
use crate::family;

/// Every command, family by family.
pub fn all() -> impl Iterator<Item = &'static Command> {
    FAMILIES
        .iter()
        .flat_map(|family| family.iter())
        .flat_map(|file| file.iter())
}

#[rustfmt::skip] // A line each, so that families are added side by side.
const FAMILIES: &[&[&[Command]]] = &[
    command::COMMANDS,
    family::connection::COMMANDS,
    family::generic::COMMANDS,
    family::hash::COMMANDS,
    family::list::COMMANDS,
    family::pubsub::COMMANDS,
    family::server::COMMANDS,
    family::set::COMMANDS,
    family::sorted_set::COMMANDS,
    family::string::COMMANDS,
    family::transactions::COMMANDS,
];

/// The longest name a lookup looks at, in bytes.
const NAME_MAX: usize = 32;

struct Index {
    top: HashMap<&'static [u8], &'static Command, foldhash::fast::FixedState>,
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| Index {
        top: all().map(|command| (command.name.as_bytes(), command)).collect(),
    })
}

/// The command called `name`, ASCII case ignored; O(1).
pub fn find(name: &[u8]) -> Option<&'static Command> {
    let mut upper = [0; NAME_MAX];
    let upper = upper.get_mut(..name.len())?;
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    index().top.get(&*upper).copied()
}

/// The subcommand of `container` called `name`, ASCII case ignored.
pub fn find_sub(container: &'static Command, name: &[u8]) -> Option<&'static Command> {
    container
        .subcommands
        .iter()
        .find(|command| command.name.as_bytes().eq_ignore_ascii_case(name))
}
