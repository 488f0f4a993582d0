//! XINFO: what a stream, its groups and their consumers are like.

use super::{lookup, no_group_in, subcommand_syntax, write_entry, write_id};
use crate::command::syntax::write_help;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group as Docs, Key, KeyFlags, Ran};
use crate::protocol::reply::Reply;
use crate::types::Stream;
use crate::types::stream::{ConsumerId, Entry, Flow, Group, Log, Production, StreamId};

/// XINFO.
pub const COMMANDS: &[Command] = &[
    Command::new("XINFO", "The subcommands that tell about streams.", Docs::Stream)
        .since("5.0.0")
        .complexity("Depends on the subcommand.")
        .arity(Arity::AtLeast(2))
        .subcommands(SUBCOMMANDS),
];

const KEYS: &[Key] = &[Key::at(2).flags(KeyFlags::RO | KeyFlags::ACCESS)];

const fn sub(name: &'static str, summary: &'static str) -> Command {
    Command::new(name, summary, Docs::Stream)
        .inside("XINFO")
        .since("5.0.0")
        .acl(Acl::STREAM)
}

const SUBCOMMANDS: &[Command] = &[
    sub("CONSUMERS", "Lists the consumers of a group.")
        .arity(Arity::Exactly(4))
        .flags(Flags::READONLY)
        .keys(KEYS)
        .args(&[Arg::key("key", 0), Arg::string("group")])
        .tips(&["nondeterministic_output"])
        .history(&[("7.2.0", "The field inactive.")])
        .run(Exec::Keys(consumers)),
    sub("GROUPS", "Lists the groups of a stream.")
        .arity(Arity::Exactly(3))
        .flags(Flags::READONLY)
        .keys(KEYS)
        .args(&[Arg::key("key", 0)])
        .history(&[("7.0.0", "The fields entries-read and lag.")])
        .run(Exec::Keys(groups)),
    sub("HELP", "Lists the subcommands.")
        .arity(Arity::Exactly(2))
        .flags(Flags::LOADING.or(Flags::STALE))
        .run(Exec::Keys(help)),
    sub("STREAM", "Tells what a stream is like, with FULL also what is in it.")
        .arity(Arity::AtLeast(3))
        .flags(Flags::READONLY)
        .keys(KEYS)
        .args(&[
            Arg::key("key", 0),
            Arg::block(
                "full-block",
                &[
                    Arg::word("full", "FULL"),
                    Arg::integer("count").token("COUNT").optional(),
                ],
            )
            .optional(),
        ])
        .history(&[
            ("6.0.0", "The FULL modifier."),
            (
                "7.0.0",
                "The fields max-deleted-entry-id, entries-added, recorded-first-entry-id, entries-read and lag.",
            ),
            (
                "7.2.0",
                "The field active-time; seen-time is when the consumer last tried.",
            ),
        ])
        .run(Exec::Keys(stream)),
];

/// Entries, and pending ones of each group and consumer, that FULL shows when COUNT does not say.
const COUNT_DEFAULT: usize = 10;

fn found<'k>(ctx: &'k mut Context<'_>, args: Args<'_>) -> Result<(&'k Stream, &'k mut Reply), Error> {
    let (stream, reply) = lookup(ctx, args.at(2))?;
    Ok((stream.ok_or(Error::NoSuchKey)?, reply))
}

fn consumers(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now_ms = ctx.keys.now_ms().0;
    let (stream, reply) = found(ctx, args)?;
    let group = stream.groups.get(args.at(3));
    let group = group.ok_or_else(|| no_group_in(args.at(2), args.at(3)))?;
    reply.array(group.consumers().len());
    for consumer in group.consumers() {
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(consumer.name());
        reply.bulk(b"pending");
        reply.count(consumer.pending_len());
        reply.bulk(b"idle");
        reply.int((now_ms - consumer.seen_ms).max(0));
        reply.bulk(b"inactive");
        reply.int(match consumer.active_ms {
            -1 => -1,
            active_ms => (now_ms - active_ms).max(0),
        });
    }
    Ok(())
}

fn groups(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (stream, reply) = found(ctx, args)?;
    reply.array(stream.groups.len());
    for (name, group) in &stream.groups {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(name);
        reply.bulk(b"consumers");
        reply.count(group.consumers().len());
        reply.bulk(b"pending");
        reply.count(group.pending_len());
        write_progress(reply, &stream.log, group);
    }
    Ok(())
}

/// How far a group has come: three fields.
fn write_progress(reply: &mut Reply, log: &Log, group: &Group) {
    reply.bulk(b"last-delivered-id");
    write_id(reply, group.last_id);
    reply.bulk(b"entries-read");
    match group.entries_read.or_else(|| log.entries_ever_to(group.last_id)) {
        Some(count) => reply.int(count as i64),
        None => reply.null(),
    }
    reply.bulk(b"lag");
    reply.int(log.count_after(group.last_id) as i64);
}

/// How much FULL shows; `None` without it.
fn full_count(args: Args<'_>) -> Result<Option<usize>, Error> {
    if args.len() == 3 {
        return Ok(None);
    }
    let counted = args.len() == 6 && args.is(4, "COUNT");
    if !args.is(3, "FULL") || args.len() != 4 && !counted {
        return Err(subcommand_syntax(args, "XINFO"));
    }
    Ok(Some(match if counted { args.int(5)? } else { -1 } {
        0 => usize::MAX,
        ..0 => COUNT_DEFAULT,
        count => usize::try_from(count).unwrap_or(usize::MAX),
    }))
}

fn stream(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now_ms = ctx.keys.now_ms().0;
    let (stream, reply) = found(ctx, args)?;
    let full = full_count(args)?;
    let log = &stream.log;
    let known = if stream.production.is_some() { 6 } else { 0 };
    reply.map(known + if full.is_some() { 9 } else { 10 });
    reply.bulk(b"length");
    reply.count(log.len() as usize);
    reply.bulk(b"radix-tree-keys");
    reply.count(log.nodes_len());
    reply.bulk(b"radix-tree-nodes");
    reply.count(log.nodes_len() + 1);
    reply.bulk(b"last-generated-id");
    write_id(reply, log.last_id());
    reply.bulk(b"max-deleted-entry-id");
    write_id(reply, log.max_deleted_id());
    reply.bulk(b"entries-added");
    reply.count(log.entries_added() as usize);
    reply.bulk(b"recorded-first-entry-id");
    write_id(reply, log.first().map_or(StreamId::MIN, |entry| entry.id));
    if let Some(production) = &stream.production {
        write_production(reply, production, now_ms);
    }
    if let Some(count) = full {
        write_contents(reply, stream, count);
    } else {
        reply.bulk(b"groups");
        reply.count(stream.groups.len());
        for (name, entry) in [("first-entry", log.first()), ("last-entry", log.last())] {
            reply.bulk(name.as_bytes());
            match entry {
                Some(entry) => write_entry(reply, entry),
                None => reply.null(),
            }
        }
    }
    Ok(())
}

/// What producers have added: six fields.
fn write_production(reply: &mut Reply, production: &Production, now_ms: i64) {
    let (memory, tally) = (production.memory(), production.tally(now_ms));
    let fields = [
        ("idmp-duration", memory.duration_s),
        ("idmp-maxsize", memory.tokens_max as u64),
        ("pids-tracked", tally.producers as u64),
        ("iids-tracked", tally.tokens as u64),
        ("iids-added", tally.added),
        ("iids-duplicates", tally.duplicates),
    ];
    for (name, number) in fields {
        reply.bulk(name.as_bytes());
        reply.int(number as i64);
    }
}

/// Counts what is written, up to `count`.
fn flow(written: &mut usize, count: usize) -> Flow {
    *written += 1;
    if *written < count {
        Flow::Continue(())
    } else {
        Flow::Break(())
    }
}

/// Writes up to `count` entries, and as many pending ones of each group and consumer.
fn write_contents(reply: &mut Reply, stream: &Stream, count: usize) {
    reply.bulk(b"entries");
    let (mark, mut written) = (reply.len(), 0);
    stream.log.range(StreamId::MIN, StreamId::MAX, &mut |entry: Entry<'_>| {
        write_entry(reply, entry);
        flow(&mut written, count)
    });
    reply.array_at(mark, written);
    reply.bulk(b"groups");
    reply.array(stream.groups.len());
    for (name, group) in &stream.groups {
        reply.map(if group.released_len() > 0 { 8 } else { 7 });
        reply.bulk(b"name");
        reply.bulk(name);
        write_progress(reply, &stream.log, group);
        reply.bulk(b"pel-count");
        reply.count(group.pending_len());
        if group.released_len() > 0 {
            reply.bulk(b"nacked-count");
            reply.count(group.released_len());
        }
        reply.bulk(b"pending");
        let (mark, mut written) = (reply.len(), 0);
        group.walk(StreamId::MIN, u64::MAX, &mut |id, pending| {
            reply.array(4);
            write_id(reply, id);
            reply.bulk(group.name(pending.consumer()));
            reply.int(pending.time_ms() as i64);
            reply.int(pending.count() as i64);
            flow(&mut written, count)
        });
        reply.array_at(mark, written);
        reply.bulk(b"consumers");
        reply.array(group.consumers().len());
        for consumer in group.consumers() {
            let found = group.find(consumer.name()).expect("consumers are found by their names");
            write_consumer(reply, group, found, count);
        }
    }
}

fn write_consumer(reply: &mut Reply, group: &Group, found: ConsumerId, count: usize) {
    let consumer = group.consumer(found);
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(consumer.name());
    reply.bulk(b"seen-time");
    reply.int(consumer.seen_ms);
    reply.bulk(b"active-time");
    reply.int(consumer.active_ms);
    reply.bulk(b"pel-count");
    reply.count(consumer.pending_len());
    reply.bulk(b"pending");
    let (mark, mut written) = (reply.len(), 0);
    group.walk_of(found, StreamId::MIN, u64::MAX, &mut |id| {
        let pending = group.pending(id).expect("what a consumer has is pending for the group");
        reply.array(3);
        write_id(reply, id);
        reply.int(pending.time_ms() as i64);
        reply.int(pending.count() as i64);
        flow(&mut written, count)
    });
    reply.array_at(mark, written);
}

fn help(ctx: &mut Context<'_>, _: Args<'_>) -> Ran {
    write_help("XINFO", SUBCOMMANDS, ctx.reply);
    Ok(())
}
