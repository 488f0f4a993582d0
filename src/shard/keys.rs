//! Which keys a request names, and for which it may wait. Knows no lock and no value.

use crate::command::{Args, Command, KeyFlags};

/// The keys of a request, each once.
pub fn keys_of(command: &Command, args: Args<'_>) -> Vec<Box<[u8]>> {
    let mut keys: Vec<Box<[u8]>> = command
        .key_positions(args)
        .into_iter()
        .map(|at| args.at(at).into())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The keys for which a blocking command waits: all but those it only inserts into.
pub fn waited_keys(command: &Command, args: Args<'_>) -> Vec<Box<[u8]>> {
    let mut positions = Vec::new();
    for key in command.keys.iter().filter(|key| !key.flags.has(KeyFlags::INSERT)) {
        key.positions(args, &mut positions);
    }
    let mut keys: Vec<Box<[u8]>> = positions.into_iter().map(|at| args.at(at).into()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}
