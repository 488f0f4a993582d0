//! Commands that move an element from one list to another, at once or when there is one.

use smallvec::SmallVec;

use super::{end_at, end_name, limit, pop_name, popped, push_name, pushed};
use crate::command::{
    Acl, Arg, Args, Arity, Attempt, Command, Context, Error, Exec, Flags, Footprint, Group, Key, KeyFlags, Ran,
};
use crate::protocol::reply::Reply;
use crate::types::Kind;
use crate::types::list::End;

/// LMOVE and its relatives.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "LMOVE",
        "Moves an element from an end of one list to an end of another and returns it.",
        Group::List,
    )
    .since("6.2.0")
    .arity(Arity::Exactly(5))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::LIST)
    .keys(&[
        Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE),
        Key::at(2).flags(KeyFlags::RW | KeyFlags::INSERT),
    ])
    .args(&[
        Arg::key("source", 0),
        Arg::key("destination", 1),
        Arg::one_of("wherefrom", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
        Arg::one_of("whereto", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
    ])
    .footprint(Footprint::End(|args, number| {
        moved_at(args, number, [end_at(args, 3).ok()?, end_at(args, 4).ok()?])
    }))
    .run(Exec::Keys(lmove)),
    Command::new(
        "RPOPLPUSH",
        "Moves the tail of one list to the head of another and returns it.",
        Group::List,
    )
    .since("1.2.0")
    .arity(Arity::Exactly(3))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::LIST)
    .keys(&[
        Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE),
        Key::at(2).flags(KeyFlags::RW | KeyFlags::INSERT),
    ])
    .args(&[Arg::key("source", 0), Arg::key("destination", 1)])
    .footprint(Footprint::End(|args, number| {
        moved_at(args, number, [End::Right, End::Left])
    }))
    .run(Exec::Keys(rpoplpush)),
    Command::new(
        "BLMOVE",
        "Moves an element from an end of one list to an end of another, waiting for one.",
        Group::List,
    )
    .since("6.2.0")
    .arity(Arity::Exactly(6))
    .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::BLOCKING))
    .acl(Acl::LIST)
    .keys(&[
        Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE),
        Key::at(2).flags(KeyFlags::RW | KeyFlags::INSERT),
    ])
    .args(&[
        Arg::key("source", 0),
        Arg::key("destination", 1),
        Arg::one_of("wherefrom", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
        Arg::one_of("whereto", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
        Arg::double("timeout"),
    ])
    .run(Exec::Blocking {
        attempt: blmove,
        timeout: blmove_timeout,
        timed_out: Reply::null_array,
        denied: Reply::null,
        waits_for: Kind::List,
    }),
    Command::new(
        "BRPOPLPUSH",
        "Moves the tail of one list to the head of another, waiting for one.",
        Group::List,
    )
    .since("2.2.0")
    .arity(Arity::Exactly(4))
    .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::BLOCKING))
    .acl(Acl::LIST)
    .keys(&[
        Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE),
        Key::at(2).flags(KeyFlags::RW | KeyFlags::INSERT),
    ])
    .args(&[
        Arg::key("source", 0),
        Arg::key("destination", 1),
        Arg::double("timeout"),
    ])
    .history(&[("6.0.0", "The timeout may have a fraction.")])
    .run(Exec::Blocking {
        attempt: brpoplpush,
        timeout: brpoplpush_timeout,
        timed_out: Reply::null_array,
        denied: Reply::null,
        waits_for: Kind::List,
    }),
];

/// From which end of the source to which end of the destination.
type Ends = (End, End);

const TAIL_TO_HEAD: Ends = (End::Right, End::Left);

fn ends(args: Args<'_>) -> Result<Ends, Error> {
    Ok((end_at(args, 3)?, end_at(args, 4)?))
}

fn lmove(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let ends = ends(args)?;
    transfer_or_null(ctx, args, ends)
}

fn rpoplpush(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    transfer_or_null(ctx, args, TAIL_TO_HEAD)
}

fn transfer_or_null(ctx: &mut Context<'_>, args: Args<'_>, ends: Ends) -> Ran {
    if transfer(ctx, args, ends)? == Attempt::Nothing {
        ctx.reply.null();
    }
    Ok(())
}

fn blmove(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Attempt, Error> {
    blmove_timeout(args)?;
    transfer(ctx, args, ends(args)?)
}

/// The timeout, once the ends have been found right: their errors come first.
fn blmove_timeout(args: Args<'_>) -> Result<f64, Error> {
    ends(args)?;
    args.timeout_s(5)
}

fn brpoplpush(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Attempt, Error> {
    brpoplpush_timeout(args)?;
    transfer(ctx, args, TAIL_TO_HEAD)
}

fn brpoplpush_timeout(args: Args<'_>) -> Result<f64, Error> {
    args.timeout_s(3)
}

/// Moves one element from the list at word 1 to the list at word 2 and writes it.
fn transfer(ctx: &mut Context<'_>, args: Args<'_>, (from, to): Ends) -> Result<Attempt, Error> {
    let limit = limit(ctx);
    let (source, destination) = (args.at(1), args.at(2));
    if ctx.keys.list(source)?.is_none() {
        return Ok(Attempt::Nothing);
    }
    // An error must leave the source as it is.
    ctx.keys.list(destination)?;
    let Some(list) = ctx.keys.list_mut(source)? else {
        return Ok(Attempt::Nothing);
    };
    let Some(item) = list.pop_with(from, SmallVec::<[u8; 256]>::from_slice) else {
        return Ok(Attempt::Nothing);
    };
    list.has_shrunk(limit);
    ctx.reply.bulk(&item);
    let list = ctx.keys.list_or_create(destination)?;
    list.will_grow(limit, 1, item.len());
    list.push(to, &item);
    pushed(ctx, destination, to);
    let emptied = ctx.keys.list(source)?.is_some_and(|list| list.is_empty());
    popped(ctx, source, from, emptied);
    if source == destination {
        // The list is not gone in between, however short it is.
        ctx.keys.redo([b"LMOVE", source, source, end_name(from), end_name(to)]);
    } else {
        ctx.keys.redo([pop_name(from), source]);
        ctx.keys.redo([push_name(to), destination, &item]);
    }
    Ok(Attempt::Served)
}

/// The end of a transfer's source (number 0) or destination that changes, and what it may lose; `None` when both are one list.
fn moved_at(args: Args<'_>, number: usize, ends: [End; 2]) -> Option<(End, usize)> {
    (args.at(1) != args.at(2)).then(|| (ends[number], 1 - number))
}
