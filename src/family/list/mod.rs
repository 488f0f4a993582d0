//! Commands on lists. What waits for a list to be filled is declared here and tried here; who waits, the shard knows.

mod edit;
mod pop;
mod push;
mod read;
mod transfer;

#[cfg(test)]
mod tests;

use crate::command::effects::Class;
use crate::command::{Args, Command, Context, Error};
use crate::types::list::{End, Limit};

/// The family, file by file.
pub const COMMANDS: &[&[Command]] = &[
    push::COMMANDS,
    pop::COMMANDS,
    read::COMMANDS,
    edit::COMMANDS,
    transfer::COMMANDS,
];

/// The error of a count or rank that is the least integer, which has no counterpart above zero.
const NOT_IN_RANGE: Error =
    Error::Text("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");

/// When lists count as long.
fn limit(ctx: &Context<'_>) -> Limit {
    Limit::from_directive(ctx.config.list_max_listpack_size)
}

/// The end that word `at` names.
fn end_at(args: Args<'_>, at: usize) -> Result<End, Error> {
    if args.is(at, "LEFT") {
        Ok(End::Left)
    } else if args.is(at, "RIGHT") {
        Ok(End::Right)
    } else {
        Err(Error::Syntax)
    }
}

/// Records that elements were added to the list at `key`.
fn pushed(ctx: &mut Context<'_>, key: &[u8], end: End) {
    let event = match end {
        End::Left => "lpush",
        End::Right => "rpush",
    };
    ctx.keys.changed(key, Class::List, event);
}

/// Records that elements were taken from the list at `key`, and removes it when that was all.
fn popped(ctx: &mut Context<'_>, key: &[u8], end: End, emptied: bool) {
    let event = match end {
        End::Left => "lpop",
        End::Right => "rpop",
    };
    ctx.keys.changed(key, Class::List, event);
    if emptied {
        ctx.keys.remove_emptied(key);
    }
}

/// The word that names an end.
fn end_name(end: End) -> &'static [u8] {
    match end {
        End::Left => b"LEFT",
        End::Right => b"RIGHT",
    }
}

/// The command that takes from this end of the one list that it names.
fn pop_name(end: End) -> &'static [u8] {
    match end {
        End::Left => b"LPOP",
        End::Right => b"RPOP",
    }
}

/// The command that adds at this end.
fn push_name(end: End) -> &'static [u8] {
    match end {
        End::Left => b"LPUSH",
        End::Right => b"RPUSH",
    }
}
