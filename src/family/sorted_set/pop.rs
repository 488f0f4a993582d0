//! Commands that take members from an end of a sorted set, at once or when there are some.

use crate::command::effects::Class;
use crate::command::{
    Acl, Arg, Args, Arity, Attempt, Command, Context, Error, Exec, Flags, Footprint, Group, Key, KeyFlags, MultiPop,
    Ran,
};
use crate::protocol::reply::{Reply, Resp};
use crate::types::Kind;
use crate::types::sorted_set::Edge;

/// ZPOPMIN and its relatives.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "ZPOPMIN",
        "Removes and returns the members of a sorted set with the lowest scores.",
        Group::SortedSet,
    )
    .since("5.0.0")
    .complexity("O(log(N)*M)")
    .arity(Arity::AtLeast(2))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE)])
    .args(&[Arg::key("key", 0), Arg::integer("count").optional()])
    .footprint(Footprint::Edge(|args| Some((Edge::Min, losses(args)?))))
    .run(Exec::Keys(zpopmin)),
    Command::new(
        "ZPOPMAX",
        "Removes and returns the members of a sorted set with the highest scores.",
        Group::SortedSet,
    )
    .since("5.0.0")
    .complexity("O(log(N)*M)")
    .arity(Arity::AtLeast(2))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE)])
    .args(&[Arg::key("key", 0), Arg::integer("count").optional()])
    .footprint(Footprint::Edge(|args| Some((Edge::Max, losses(args)?))))
    .run(Exec::Keys(zpopmax)),
    Command::new(
        "ZMPOP",
        "Takes members from an end of the first of several sorted sets that has any.",
        Group::SortedSet,
    )
    .since("7.0.0")
    .complexity("O(K)")
    .arity(Arity::AtLeast(4))
    .flags(Flags::WRITE)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1)
        .counted(0, 1, 1)
        .flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE)])
    .args(&[
        Arg::integer("numkeys"),
        Arg::key("key", 0).multiple(),
        Arg::one_of("where", &[Arg::word("min", "MIN"), Arg::word("max", "MAX")]),
        Arg::integer("count").token("COUNT").optional(),
    ])
    .run(Exec::Keys(zmpop)),
    Command::new(
        "BZPOPMIN",
        "Takes the member with the lowest score from the first sorted set that has one, waiting for it.",
        Group::SortedSet,
    )
    .since("5.0.0")
    .complexity("O(log(N))")
    .arity(Arity::AtLeast(3))
    .flags(Flags::WRITE.or(Flags::BLOCKING).or(Flags::FAST))
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1)
        .range(-2, 1)
        .flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE)])
    .args(&[Arg::key("key", 0).multiple(), Arg::double("timeout")])
    .history(&[("6.0.0", "The timeout may have a fraction.")])
    .undone_by(|_| "ZADD")
    .run(Exec::Blocking {
        attempt: bzpopmin,
        timeout: last_timeout,
        timed_out: Reply::null_array,
        denied: Reply::null_array,
        waits_for: Kind::SortedSet,
    }),
    Command::new(
        "BZPOPMAX",
        "Takes the member with the highest score from the first sorted set that has one, waiting for it.",
        Group::SortedSet,
    )
    .since("5.0.0")
    .complexity("O(log(N))")
    .arity(Arity::AtLeast(3))
    .flags(Flags::WRITE.or(Flags::BLOCKING).or(Flags::FAST))
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1)
        .range(-2, 1)
        .flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE)])
    .args(&[Arg::key("key", 0).multiple(), Arg::double("timeout")])
    .history(&[("6.0.0", "The timeout may have a fraction.")])
    .undone_by(|_| "ZADD")
    .run(Exec::Blocking {
        attempt: bzpopmax,
        timeout: last_timeout,
        timed_out: Reply::null_array,
        denied: Reply::null_array,
        waits_for: Kind::SortedSet,
    }),
    Command::new(
        "BZMPOP",
        "Takes members from an end of the first of several sorted sets that has any, waiting for one.",
        Group::SortedSet,
    )
    .since("7.0.0")
    .complexity("O(K)")
    .arity(Arity::AtLeast(5))
    .flags(Flags::WRITE.or(Flags::BLOCKING))
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(2)
        .counted(0, 1, 1)
        .flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE)])
    .args(&[
        Arg::double("timeout"),
        Arg::integer("numkeys"),
        Arg::key("key", 0).multiple(),
        Arg::one_of("where", &[Arg::word("min", "MIN"), Arg::word("max", "MAX")]),
        Arg::integer("count").token("COUNT").optional(),
    ])
    .undone_by(|_| "ZADD")
    .run(Exec::Blocking {
        attempt: bzmpop,
        timeout: bzmpop_timeout,
        timed_out: Reply::null_array,
        denied: Reply::null_array,
        waits_for: Kind::SortedSet,
    }),
];

fn zpopmin(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    pop(ctx, args, Edge::Min)
}

fn zpopmax(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    pop(ctx, args, Edge::Max)
}

fn pop(ctx: &mut Context<'_>, args: Args<'_>, edge: Edge) -> Ran {
    let count = match args.len() {
        2 => 1,
        3 => args.int_in(2, 0..=i64::MAX, Error::NotPositive)?,
        _ => return Err(Error::Syntax),
    };
    let key = args.at(1);
    let len = ctx.keys.sorted_set(key)?.map_or(0, |set| set.len());
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(len);
    if args.len() == 3 && ctx.reply.resp() == Resp::V3 {
        ctx.reply.array(count);
        return take(ctx, key, edge, count, true);
    }
    ctx.reply.array(count * 2);
    take(ctx, key, edge, count, false)
}

/// Writes and removes `count` members of the sorted set at `key`, which has as many; each as an array of its own or not.
fn take(ctx: &mut Context<'_>, key: &[u8], edge: Edge, count: usize, as_pairs: bool) -> Ran {
    let Some(set) = ctx.keys.sorted_set_mut(key)? else {
        return Ok(());
    };
    for _ in 0..count {
        set.pop_with(edge, |member, score| {
            if as_pairs {
                ctx.reply.array(2);
            }
            ctx.reply.bulk(member);
            ctx.reply.double(score);
        });
    }
    let emptied = set.is_empty();
    if count > 0 {
        let event = match edge {
            Edge::Min => "zpopmin",
            Edge::Max => "zpopmax",
        };
        ctx.keys.changed(key, Class::SortedSet, event);
    }
    if emptied {
        ctx.keys.remove_emptied(key);
    }
    Ok(())
}

/// The command that takes from the one sorted set that it names.
fn pop_name(edge: Edge) -> &'static [u8] {
    match edge {
        Edge::Min => b"ZPOPMIN",
        Edge::Max => b"ZPOPMAX",
    }
}

fn bzpopmin(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Attempt, Error> {
    pop_first(ctx, args, Edge::Min)
}

fn bzpopmax(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Attempt, Error> {
    pop_first(ctx, args, Edge::Max)
}

fn last_timeout(args: Args<'_>) -> Result<f64, Error> {
    args.timeout_s(args.len() - 1)
}

fn pop_first(ctx: &mut Context<'_>, args: Args<'_>, edge: Edge) -> Result<Attempt, Error> {
    last_timeout(args)?;
    for key in args.from(1).take(args.len() - 2) {
        if ctx.keys.sorted_set(key)?.is_some() {
            ctx.reply.array(3);
            ctx.reply.bulk(key);
            take(ctx, key, edge, 1, false)?;
            ctx.keys.redo([pop_name(edge), key]);
            return Ok(Attempt::Served);
        }
    }
    Ok(Attempt::Nothing)
}

const EDGES: [(&str, Edge); 2] = [("MIN", Edge::Min), ("MAX", Edge::Max)];

fn pop_from_first(ctx: &mut Context<'_>, args: Args<'_>, pop: MultiPop<Edge>) -> Result<Attempt, Error> {
    for key in pop.keys(args) {
        if let Some(set) = ctx.keys.sorted_set(key)? {
            let count = pop.count.min(set.len());
            ctx.reply.array(2);
            ctx.reply.bulk(key);
            ctx.reply.array(count);
            take(ctx, key, pop.end, count, true)?;
            let count = count.to_string();
            ctx.keys.redo([pop_name(pop.end), key, count.as_bytes()]);
            return Ok(Attempt::Served);
        }
    }
    Ok(Attempt::Nothing)
}

fn zmpop(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let pop = MultiPop::parse(args, 1, EDGES)?;
    if pop_from_first(ctx, args, pop)? == Attempt::Nothing {
        ctx.reply.null_array();
    }
    Ok(())
}

fn bzmpop(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Attempt, Error> {
    let pop = MultiPop::parse(args, 2, EDGES)?;
    args.timeout_s(1)?;
    pop_from_first(ctx, args, pop)
}

/// The timeout, once the other words have been found right: their errors come first.
fn bzmpop_timeout(args: Args<'_>) -> Result<f64, Error> {
    MultiPop::parse(args, 2, EDGES)?;
    args.timeout_s(1)
}

/// How many members ZPOPMIN and ZPOPMAX take; `None` when they refuse.
fn losses(args: Args<'_>) -> Option<usize> {
    args.get(2).map_or(Some(1), |_| usize::try_from(args.int(2).ok()?).ok())
}
