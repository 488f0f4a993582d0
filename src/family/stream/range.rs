//! XRANGE, XREVRANGE and XLEN.

use super::{READS, end_at, lookup, start_at, write_entry};
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::types::stream::{Entry, Flow};

/// XRANGE and its relatives.
pub const COMMANDS: &[Command] = &[
    Command::new("XLEN", "Returns the number of entries of a stream.", Group::Stream)
        .since("5.0.0")
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::STREAM)
        .keys(&[Key::at(1).flags(KeyFlags::RO)])
        .args(&[Arg::key("key", 0)])
        .run(Exec::Keys(xlen)),
    Command::new("XRANGE", "Returns the entries in a range of ids.", Group::Stream)
        .since("5.0.0")
        .complexity("O(N)")
        .arity(Arity::AtLeast(4))
        .flags(Flags::READONLY)
        .acl(Acl::STREAM)
        .keys(READS)
        .args(&[
            Arg::key("key", 0),
            Arg::string("start"),
            Arg::string("end"),
            Arg::integer("count").token("COUNT").optional(),
        ])
        .history(&[("6.2.0", "Exclusive ranges.")])
        .run(Exec::Keys(xrange)),
    Command::new(
        "XREVRANGE",
        "Returns the entries in a range of ids, the last one first.",
        Group::Stream,
    )
    .since("5.0.0")
    .complexity("O(N)")
    .arity(Arity::AtLeast(4))
    .flags(Flags::READONLY)
    .acl(Acl::STREAM)
    .keys(READS)
    .args(&[
        Arg::key("key", 0),
        Arg::string("end"),
        Arg::string("start"),
        Arg::integer("count").token("COUNT").optional(),
    ])
    .history(&[("6.2.0", "Exclusive ranges.")])
    .run(Exec::Keys(xrevrange)),
];

fn xlen(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (stream, reply) = lookup(ctx, args.at(1))?;
    reply.count(stream.map_or(0, |stream| stream.log.len() as usize));
    Ok(())
}

fn xrange(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    range(ctx, args, false)
}

fn xrevrange(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    range(ctx, args, true)
}

fn range(ctx: &mut Context<'_>, args: Args<'_>, back: bool) -> Ran {
    let (start, end) = if back { (3, 2) } else { (2, 3) };
    let (start, end) = (start_at(args, start)?, end_at(args, end)?);
    let mut count = i64::MAX;
    for at in (4..args.len()).step_by(2) {
        if !args.is(at, "COUNT") || at + 1 == args.len() {
            return Err(Error::Syntax);
        }
        count = args.int(at + 1)?;
    }
    let (stream, reply) = lookup(ctx, args.at(1))?;
    let Some(stream) = stream else {
        reply.array(0);
        return Ok(());
    };
    if count <= 0 {
        reply.null_array();
        return Ok(());
    }
    let mark = reply.len();
    let mut written = 0;
    let mut write = |entry: Entry<'_>| {
        write_entry(reply, entry);
        written += 1;
        if (written as i64) < count {
            Flow::Continue(())
        } else {
            Flow::Break(())
        }
    };
    if back {
        stream.log.range_back(end, start, &mut write);
    } else {
        stream.log.range(start, end, &mut write);
    }
    reply.array_at(mark, written);
    Ok(())
}
