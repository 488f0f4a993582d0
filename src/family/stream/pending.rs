//! XACK and XPENDING: what was delivered and is not acknowledged.

use super::{READS, UPDATES, end_at, id_at, idle_until, lookup, no_key_or_group, start_at, write_id};
use crate::base::time::UnixMillis;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group as Docs, Ran};
use crate::protocol::reply::Reply;
use crate::types::stream::{Flow, Group, StreamId};

/// XACK and XPENDING.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "XACK",
        "Acknowledges entries that were delivered to a consumer of a group.",
        Docs::Stream,
    )
    .since("5.0.0")
    .arity(Arity::AtLeast(4))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::STREAM)
    .keys(UPDATES)
    .args(&[Arg::key("key", 0), Arg::string("group"), Arg::string("id").multiple()])
    .run(Exec::Keys(xack)),
    Command::new(
        "XPENDING",
        "Returns what is delivered to the consumers of a group and not acknowledged.",
        Docs::Stream,
    )
    .since("5.0.0")
    .complexity("O(N)")
    .arity(Arity::AtLeast(3))
    .flags(Flags::READONLY)
    .acl(Acl::STREAM)
    .keys(READS)
    .args(&[
        Arg::key("key", 0),
        Arg::string("group"),
        Arg::block(
            "filters",
            &[
                Arg::integer("min-idle-time").token("IDLE").since("6.2.0").optional(),
                Arg::string("start"),
                Arg::string("end"),
                Arg::integer("count"),
                Arg::string("consumer").optional(),
            ],
        )
        .optional(),
    ])
    .tips(&["nondeterministic_output"])
    .history(&[("6.2.0", "The IDLE option and exclusive ranges.")])
    .run(Exec::Keys(xpending)),
];

fn xack(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let stream = ctx.keys.stream_mut(args.at(1))?;
    let Some(group) = stream.and_then(|stream| stream.groups.get_mut(args.at(2))) else {
        ctx.reply.int(0);
        return Ok(());
    };
    // All ids must be right before any is acknowledged.
    (3..args.len()).try_for_each(|at| id_at(args, at, 0).map(drop))?;
    let ids = (3..args.len()).filter_map(|at| id_at(args, at, 0).ok());
    let acknowledged = ids.filter(|id| group.remove(*id)).count();
    ctx.keys.effects.dirty += acknowledged as u64;
    ctx.reply.count(acknowledged);
    Ok(())
}

/// The filters of XPENDING, read.
struct Filters<'a> {
    /// Since when it has been pending, at least; none when nothing can be that old.
    until_ms: Option<u64>,
    start: StreamId,
    end: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Filters<'a> {
    fn parse(args: Args<'a>, now: UnixMillis) -> Result<Self, Error> {
        let mut at = 3;
        let mut idle_ms = 0;
        if args.len() < 6 || args.len() > 9 {
            return Err(Error::Syntax);
        }
        if args.is(at, "IDLE") {
            idle_ms = args.int(at + 1)?;
            if args.len() < 8 {
                return Err(Error::Syntax);
            }
            at += 2;
        }
        let count = usize::try_from(args.int(at + 2)?).unwrap_or(0);
        let (start, end) = (start_at(args, at)?, end_at(args, at + 1)?);
        Ok(Filters {
            until_ms: idle_until(now, idle_ms),
            start,
            end,
            count,
            consumer: args.get(at + 3),
        })
    }
}

fn xpending(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (key, name) = (args.at(1), args.at(2));
    let now = ctx.keys.now_ms();
    let filters = match args.len() {
        3 => None,
        _ => Some(Filters::parse(args, now)?),
    };
    let (stream, reply) = lookup(ctx, key)?;
    let group = stream.and_then(|stream| stream.groups.get(name));
    let group = group.ok_or_else(|| no_key_or_group(key, name, b"'"))?;
    match filters {
        None => write_summary(reply, group),
        Some(filters) => write_filtered(reply, group, &filters, now.0),
    }
    Ok(())
}

fn write_summary(reply: &mut Reply, group: &Group) {
    reply.array(4);
    reply.count(group.pending_len());
    let Some((first, last)) = group.pending_ends() else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    write_id(reply, first);
    write_id(reply, last);
    let busy = || group.consumers().filter(|consumer| consumer.pending_len() > 0);
    reply.array(busy().count());
    for consumer in busy() {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_int(consumer.pending_len() as i64);
    }
}

fn write_filtered(reply: &mut Reply, group: &Group, filters: &Filters<'_>, now_ms: i64) {
    let mark = reply.len();
    let mut written = 0;
    let mut write = |id: StreamId| {
        if id > filters.end || written == filters.count {
            return Flow::Break(());
        }
        let pending = group.pending(id).expect("what is visited is pending");
        reply.array(4);
        write_id(reply, id);
        reply.bulk(group.name(pending.consumer()));
        reply.int(pending.idle_ms(now_ms));
        reply.int(pending.count() as i64);
        written += 1;
        Flow::Continue(())
    };
    if let Some(until_ms) = filters.until_ms {
        match filters.consumer.map(|name| group.find(name)) {
            None => group.walk(filters.start, until_ms, &mut |id, _| write(id)),
            Some(Some(consumer)) => group.walk_of(consumer, filters.start, until_ms, &mut write),
            Some(None) => {}
        }
    }
    reply.array_at(mark, written);
}
