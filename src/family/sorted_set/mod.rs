//! Commands on sorted sets. What waits for one to be filled is declared here and tried here; who waits, the shard knows.

mod add;
mod bounds;
mod combine;
mod pop;
mod range;
mod read;
mod remove;
mod sample;

#[cfg(test)]
mod tests;

use crate::command::{Command, Context, Error};
use crate::protocol::reply::{Reply, Resp};
use crate::types::SortedSet;

/// The family, file by file.
pub const COMMANDS: &[&[Command]] = &[
    add::COMMANDS,
    remove::COMMANDS,
    read::COMMANDS,
    range::COMMANDS,
    pop::COMMANDS,
    combine::COMMANDS,
    sample::COMMANDS,
];

/// The sorted set at `key`, for a command that only reads.
fn lookup<'k>(ctx: &'k mut Context<'_>, key: &[u8]) -> Result<Option<&'k SortedSet>, Error> {
    match ctx.keys.lookup(key) {
        None => Ok(None),
        Some(entry) => entry.sorted_set().map(Some).ok_or(Error::WrongType),
    }
}

/// Writes `len` members, with their scores on demand: beside each other in RESP2, as pairs in RESP3.
fn write_members<'m>(reply: &mut Reply, len: usize, with_scores: bool, members: impl Iterator<Item = (&'m [u8], f64)>) {
    let pairs = with_scores && reply.resp() == Resp::V3;
    let flat = with_scores && !pairs;
    reply.array(if flat { len * 2 } else { len });
    for (member, score) in members {
        if pairs {
            reply.array(2);
        }
        reply.bulk(member);
        if with_scores {
            reply.double(score);
        }
    }
}
