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
    family::bitmap::COMMANDS,
    family::connection::COMMANDS,
    family::generic::COMMANDS,
    family::geo::COMMANDS,
    family::hash::COMMANDS,
    family::hyperloglog::COMMANDS,
    family::list::COMMANDS,
    family::pubsub::COMMANDS,
    family::scripting::COMMANDS,
    family::server::COMMANDS,
    family::set::COMMANDS,
    family::sorted_set::COMMANDS,
    family::stream::COMMANDS,
    family::string::COMMANDS,
    family::transactions::COMMANDS,
];

/// The longest name a lookup looks at, in bytes.
const NAME_MAX: usize = 32;

/// Why commands cannot be renamed as the configuration says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenameError {
    /// There is no such command.
    #[error("No such command in rename-command: '{0}'")]
    Unknown(String),
    /// The new name is another command's.
    #[error("Target command name already exists: '{0}'")]
    Taken(String),
    /// The new name is too long to be looked up.
    #[error("Command names have at most {NAME_MAX} bytes: '{0}'")]
    TooLong(String),
}

type Index = HashMap<Box<[u8]>, &'static Command, foldhash::fast::FixedState>;

static INDEX: OnceLock<Index> = OnceLock::new();

/// Gives commands other names, or with an empty one takes them away, in this process for good; before anything is looked up.
pub fn rename(renames: &[(String, String)]) -> Result<(), RenameError> {
    let index = index_with(renames)?;
    assert!(INDEX.set(index).is_ok(), "commands are renamed before the first lookup");
    Ok(())
}

fn index_with(renames: &[(String, String)]) -> Result<Index, RenameError> {
    let named = |command: &'static Command| (command.name.as_bytes().into(), command);
    let mut index: Index = all().map(named).collect();
    for (from, to) in renames {
        let command = index.remove(from.to_ascii_uppercase().as_bytes());
        let command = command.ok_or_else(|| RenameError::Unknown(from.clone()))?;
        if to.is_empty() {
            continue;
        }
        if to.len() > NAME_MAX {
            return Err(RenameError::TooLong(to.clone()));
        }
        if index
            .insert(to.to_ascii_uppercase().as_bytes().into(), command)
            .is_some()
        {
            return Err(RenameError::Taken(to.clone()));
        }
    }
    Ok(index)
}

fn index() -> &'static Index {
    INDEX.get_or_init(|| index_with(&[]).expect("without renames nothing is unknown"))
}

/// The command called `name`, ASCII case ignored; O(1).
pub fn find(name: &[u8]) -> Option<&'static Command> {
    let mut upper = [0; NAME_MAX];
    let upper = upper.get_mut(..name.len())?;
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    index().get(&*upper).copied()
}

/// The command that is declared as `name`, ASCII case ignored, whatever it has been renamed to; O(1).
pub fn find_declared(name: &[u8]) -> Option<&'static Command> {
    static DECLARED: OnceLock<Index> = OnceLock::new();
    let declared = DECLARED.get_or_init(|| index_with(&[]).expect("without renames nothing is unknown"));
    declared.get(&*name.to_ascii_uppercase()).copied()
}

/// The subcommand of `container` called `name`, ASCII case ignored.
pub fn find_sub(container: &'static Command, name: &[u8]) -> Option<&'static Command> {
    container
        .subcommands
        .iter()
        .find(|command| command.name.as_bytes().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_renamed_and_taken_away() {
        let rename = |renames: &[(&str, &str)]| {
            let renames: Vec<(String, String)> = renames
                .iter()
                .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
                .collect();
            index_with(&renames)
        };
        let index = rename(&[("get", "fetch"), ("ECHO", ""), ("Set", "GET")]).expect("the names are right");
        let name = |word: &str| index.get(word.as_bytes()).map(|command| command.name);
        assert_eq!(
            (name("FETCH"), name("GET"), name("SET"), name("ECHO")),
            (Some("GET"), Some("SET"), None, None)
        );
        for (renames, want) in [
            ([("nosuch", "x")], RenameError::Unknown("nosuch".to_owned())),
            ([("get", "set")], RenameError::Taken("set".to_owned())),
        ] {
            assert_eq!(rename(&renames).err(), Some(want));
        }
        let long = "x".repeat(NAME_MAX + 1);
        assert_eq!(
            rename(&[("get", &long)]).err(),
            Some(RenameError::TooLong(long.clone()))
        );
    }
}
