//! Commands on streams.

mod add;
mod claim;
mod group;
mod info;
mod pending;
mod production;
mod range;
mod read;
mod references;
mod release;
mod remove;
#[cfg(test)]
mod tests;
mod trim;

use crate::base::time::UnixMillis;
use crate::command::error::quotable;
use crate::command::{Args, Class, Command, Context, Error, Key, KeyFlags};
use crate::protocol::reply::Reply;
use crate::types::Stream;
use crate::types::stream::{ConsumerId, Entry, Group, Limits, Packed, StreamId};

/// The family, file by file.
pub const COMMANDS: &[&[Command]] = &[
    add::COMMANDS,
    claim::COMMANDS,
    group::COMMANDS,
    info::COMMANDS,
    pending::COMMANDS,
    production::COMMANDS,
    range::COMMANDS,
    read::COMMANDS,
    references::COMMANDS,
    release::COMMANDS,
    remove::COMMANDS,
    trim::COMMANDS,
];

const INVALID_ID: Error = Error::Text("ERR Invalid stream ID specified as stream command argument");

/// The stream is read, and what is in it returned.
const READS: &[Key] = &[Key::at(1).read()];
/// The stream is changed.
const UPDATES: &[Key] = &[Key::at(1).flags(KeyFlags::RW | KeyFlags::UPDATE)];
/// Something is taken from the stream.
const DELETES: &[Key] = &[Key::at(1).flags(KeyFlags::RW | KeyFlags::DELETE)];

/// When nodes are full.
fn limits(ctx: &Context<'_>) -> Limits {
    Limits {
        node_bytes: ctx.config.stream_node_max_bytes,
        node_entries: ctx.config.stream_node_max_entries,
    }
}

/// The stream at `key`, for a command that only reads.
fn lookup<'k>(ctx: &'k mut Context<'_>, key: &[u8]) -> Result<(Option<&'k Stream>, &'k mut Reply), Error> {
    match ctx.keys.lookup(key) {
        None => Ok((None, ctx.reply)),
        Some(entry) => Ok((Some(entry.stream().ok_or(Error::WrongType)?), ctx.reply)),
    }
}

/// Word `at` as an id; without a number it has `seq`.
fn id_at(args: Args<'_>, at: usize, seq: u64) -> Result<StreamId, Error> {
    args.get(at)
        .and_then(|word| StreamId::parse(word, seq))
        .ok_or(INVALID_ID)
}

/// The words from `from` on as ids, all of which must be right before anything is done.
fn ids(args: Args<'_>, from: usize) -> Result<Vec<StreamId>, Error> {
    (from..args.len()).map(|at| id_at(args, at, 0)).collect()
}

/// Word `at` as the first id of a range: `-`, `+`, an id, or with a bracket one that is left out.
fn start_at(args: Args<'_>, at: usize) -> Result<StreamId, Error> {
    let none = Error::Text("ERR invalid start ID for the interval");
    match bound(args.at(at), 0)? {
        (id, true) => id.next().ok_or(none),
        (id, false) => Ok(id),
    }
}

/// As [`start_at`], for the last id of a range.
fn end_at(args: Args<'_>, at: usize) -> Result<StreamId, Error> {
    let none = Error::Text("ERR invalid end ID for the interval");
    match bound(args.at(at), u64::MAX)? {
        (id, true) => id.previous().ok_or(none),
        (id, false) => Ok(id),
    }
}

/// An end of a range, and whether it is left out.
fn bound(word: &[u8], seq: u64) -> Result<(StreamId, bool), Error> {
    let parse = |word| StreamId::parse(word, seq).ok_or(INVALID_ID);
    match word {
        b"-" => Ok((StreamId::MIN, false)),
        b"+" => Ok((StreamId::MAX, false)),
        [b'(', rest @ ..] if !rest.is_empty() => Ok((parse(rest)?, true)),
        _ => Ok((parse(word)?, false)),
    }
}

/// A time as deliveries keep it.
fn unix_ms(time: UnixMillis) -> u64 {
    u64::try_from(time.0).unwrap_or(0)
}

/// When something was delivered at the latest that has been idle for `idle_ms` (which may be negative: everything was); none when nothing can
/// have been.
fn idle_until(now: UnixMillis, idle_ms: i64) -> Option<u64> {
    if idle_ms <= 0 {
        return Some(u64::MAX);
    }
    u64::try_from(now.0.saturating_sub(idle_ms)).ok()
}

/// The consumer called `name`, who asks for something; and whether it has just been made.
fn see_consumer(group: &mut Group, name: &[u8], now: UnixMillis) -> (ConsumerId, bool) {
    match group.find(name) {
        Some(consumer) => {
            group.consumer_mut(consumer).seen_ms = now.0;
            (consumer, false)
        }
        None => (group.add_consumer(name, now.0), true),
    }
}

/// Tells that a consumer was made.
fn made_consumer(ctx: &mut Context<'_>, key: &[u8]) {
    ctx.keys.effects.dirty += 1;
    ctx.keys.event(key, Class::Stream, "xgroup-createconsumer");
}

/// The stream at `key`, to be changed, and the group called `name` in it; an error when either is missing.
fn stream_with_group<'k>(ctx: &'k mut Context<'_>, key: &[u8], name: &[u8]) -> Result<&'k mut Stream, Error> {
    let stream = ctx.keys.stream_mut(key)?;
    let stream = stream.filter(|stream| stream.groups.contains_key(name));
    stream.ok_or_else(|| no_key_or_group(key, name, b"'"))
}

#[cold]
fn no_key_or_group(key: &[u8], group: &[u8], end: &[u8]) -> Error {
    let parts: [&[u8]; 5] = [
        b"NOGROUP No such key '",
        quotable(key),
        b"' or consumer group '",
        quotable(group),
        end,
    ];
    Error::Quoted(parts.concat())
}

/// The error of a group that the stream at `key` does not have.
#[cold]
fn no_group_in(key: &[u8], group: &[u8]) -> Error {
    let parts: [&[u8]; 5] = [
        b"NOGROUP No such consumer group '",
        quotable(group),
        b"' for key name '",
        quotable(key),
        b"'",
    ];
    Error::Quoted(parts.concat())
}

/// The error of a subcommand's options.
#[cold]
fn subcommand_syntax(args: Args<'_>, container: &str) -> Error {
    let after = format!("'. Try {container} HELP.");
    Error::quoting(
        "ERR unknown subcommand or wrong number of arguments for '",
        args.at(1),
        &after,
    )
}

fn write_id(reply: &mut Reply, id: StreamId) {
    reply.bulk(id.text().as_bytes());
}

/// Writes an entry: its id, its fields and values.
fn write_entry(reply: &mut Reply, entry: Entry<'_>) {
    reply.array(2);
    write_body(reply, entry);
}

/// Writes an entry with how long it has been idle in milliseconds, and how often it had been delivered.
fn write_claimed(reply: &mut Reply, entry: Entry<'_>, idle_ms: i64, count: u64) {
    reply.array(4);
    write_body(reply, entry);
    reply.int(idle_ms);
    reply.int(count as i64);
}

fn write_body(reply: &mut Reply, entry: Entry<'_>) {
    write_id(reply, entry.id);
    let pairs = entry.pairs();
    reply.array(2 * pairs.len());
    for item in pairs.flat_map(|(field, value)| [field, value]) {
        match item {
            Packed::Bytes(bytes) => reply.bulk(bytes),
            Packed::Int(number) => reply.bulk_int(number),
        }
    }
}
