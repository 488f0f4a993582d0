//! Commands that take elements from an end of a list, at once or when there are some.

use super::{limit, pop_name, popped};
use crate::command::{
    Acl, Arg, Args, Arity, Attempt, Command, Context, Error, Exec, Flags, Footprint, Group, Key, KeyFlags, MultiPop,
    Ran,
};
use crate::protocol::reply::Reply;
use crate::types::Kind;
use crate::types::list::End;

/// LPOP and its relatives.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "LPOP",
        "Removes and returns elements from the head of a list.",
        Group::List,
    )
    .complexity("O(N)")
    .arity(Arity::AtLeast(2))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::LIST)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE)])
    .args(&[Arg::key("key", 0), Arg::integer("count").since("6.2.0").optional()])
    .history(&[("6.2.0", "The count argument.")])
    .footprint(Footprint::End(|args, _| Some((End::Left, losses(args)?))))
    .run(Exec::Keys(lpop)),
    Command::new(
        "RPOP",
        "Removes and returns elements from the tail of a list.",
        Group::List,
    )
    .complexity("O(N)")
    .arity(Arity::AtLeast(2))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::LIST)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE)])
    .args(&[Arg::key("key", 0), Arg::integer("count").since("6.2.0").optional()])
    .history(&[("6.2.0", "The count argument.")])
    .footprint(Footprint::End(|args, _| Some((End::Right, losses(args)?))))
    .run(Exec::Keys(rpop)),
    Command::new(
        "BLPOP",
        "Takes the head of the first list that has one, waiting for it.",
        Group::List,
    )
    .since("2.0.0")
    .complexity("O(N)")
    .arity(Arity::AtLeast(3))
    .flags(Flags::WRITE.or(Flags::BLOCKING))
    .acl(Acl::LIST)
    .keys(&[Key::at(1)
        .range(-2, 1)
        .flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE)])
    .args(&[Arg::key("key", 0).multiple(), Arg::double("timeout")])
    .history(&[("6.0.0", "The timeout may have a fraction.")])
    .undone_by(|_| "LPUSH")
    .run(Exec::Blocking {
        attempt: blpop,
        timeout: last_timeout,
        timed_out: Reply::null_array,
        denied: Reply::null_array,
        waits_for: Kind::List,
    }),
    Command::new(
        "BRPOP",
        "Takes the tail of the first list that has one, waiting for it.",
        Group::List,
    )
    .since("2.0.0")
    .complexity("O(N)")
    .arity(Arity::AtLeast(3))
    .flags(Flags::WRITE.or(Flags::BLOCKING))
    .acl(Acl::LIST)
    .keys(&[Key::at(1)
        .range(-2, 1)
        .flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE)])
    .args(&[Arg::key("key", 0).multiple(), Arg::double("timeout")])
    .history(&[("6.0.0", "The timeout may have a fraction.")])
    .undone_by(|_| "RPUSH")
    .run(Exec::Blocking {
        attempt: brpop,
        timeout: last_timeout,
        timed_out: Reply::null_array,
        denied: Reply::null_array,
        waits_for: Kind::List,
    }),
    Command::new(
        "LMPOP",
        "Takes several elements from the first of several lists that has any.",
        Group::List,
    )
    .since("7.0.0")
    .complexity("O(N+M)")
    .arity(Arity::AtLeast(4))
    .flags(Flags::WRITE)
    .acl(Acl::LIST)
    .keys(&[Key::at(1)
        .counted(0, 1, 1)
        .flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE)])
    .args(&[
        Arg::integer("numkeys"),
        Arg::key("key", 0).multiple(),
        Arg::one_of("where", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
        Arg::integer("count").token("COUNT").optional(),
    ])
    .run(Exec::Keys(lmpop)),
    Command::new(
        "BLMPOP",
        "Takes several elements from the first of several lists that has any, waiting for one.",
        Group::List,
    )
    .since("7.0.0")
    .complexity("O(N+M)")
    .arity(Arity::AtLeast(5))
    .flags(Flags::WRITE.or(Flags::BLOCKING))
    .acl(Acl::LIST)
    .keys(&[Key::at(2)
        .counted(0, 1, 1)
        .flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE)])
    .args(&[
        Arg::double("timeout"),
        Arg::integer("numkeys"),
        Arg::key("key", 0).multiple(),
        Arg::one_of("where", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
        Arg::integer("count").token("COUNT").optional(),
    ])
    .undone_by(pushed_back_by)
    .run(Exec::Blocking {
        attempt: blmpop,
        timeout: blmpop_timeout,
        timed_out: Reply::null_array,
        denied: Reply::null_array,
        waits_for: Kind::List,
    }),
];

fn lpop(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    pop(ctx, args, "lpop", End::Left)
}

fn rpop(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    pop(ctx, args, "rpop", End::Right)
}

fn pop(ctx: &mut Context<'_>, args: Args<'_>, name: &str, end: End) -> Ran {
    let key = args.at(1);
    match args.len() {
        2 => pop_one(ctx, key, end),
        3 => {
            let count = args.int_in(2, 0..=i64::MAX, Error::NotPositive)?;
            match ctx.keys.list(key)? {
                None => ctx.reply.null_array(),
                Some(_) if count == 0 => ctx.reply.array(0),
                Some(_) => pop_several(ctx, key, end, usize::try_from(count).unwrap_or(usize::MAX))?,
            }
            Ok(())
        }
        _ => Err(Error::Arity(name.into())),
    }
}

/// Writes and removes the element at `end`, or writes a null.
fn pop_one(ctx: &mut Context<'_>, key: &[u8], end: End) -> Ran {
    let limit = limit(ctx);
    let Some(list) = ctx.keys.list_mut(key)? else {
        ctx.reply.null();
        return Ok(());
    };
    list.pop_with(end, |item| ctx.reply.bulk(item));
    list.has_shrunk(limit);
    let emptied = list.is_empty();
    popped(ctx, key, end, emptied);
    Ok(())
}

/// Writes and removes up to `count` elements of the list at `key`, which exists.
fn pop_several(ctx: &mut Context<'_>, key: &[u8], end: End, count: usize) -> Ran {
    let limit = limit(ctx);
    let Some(list) = ctx.keys.list_mut(key)? else {
        return Ok(());
    };
    let count = count.min(list.len());
    ctx.reply.array(count);
    for _ in 0..count {
        list.pop_with(end, |item| ctx.reply.bulk(item));
    }
    list.has_shrunk(limit);
    let emptied = list.is_empty();
    popped(ctx, key, end, emptied);
    Ok(())
}

fn blpop(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Attempt, Error> {
    pop_first(ctx, args, End::Left)
}

fn brpop(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Attempt, Error> {
    pop_first(ctx, args, End::Right)
}

fn last_timeout(args: Args<'_>) -> Result<f64, Error> {
    args.timeout_s(args.len() - 1)
}

fn pop_first(ctx: &mut Context<'_>, args: Args<'_>, end: End) -> Result<Attempt, Error> {
    last_timeout(args)?;
    for key in args.from(1).take(args.len() - 2) {
        if ctx.keys.list(key)?.is_some() {
            ctx.reply.array(2);
            ctx.reply.bulk(key);
            pop_one(ctx, key, end)?;
            ctx.keys.redo([pop_name(end), key]);
            return Ok(Attempt::Served);
        }
    }
    Ok(Attempt::Nothing)
}

const ENDS: [(&str, End); 2] = [("LEFT", End::Left), ("RIGHT", End::Right)];

fn pop_from_first(ctx: &mut Context<'_>, args: Args<'_>, pop: MultiPop<End>) -> Result<Attempt, Error> {
    for key in pop.keys(args) {
        if ctx.keys.list(key)?.is_some() {
            ctx.reply.array(2);
            ctx.reply.bulk(key);
            pop_several(ctx, key, pop.end, pop.count)?;
            let count = pop.count.to_string();
            ctx.keys.redo([pop_name(pop.end), key, count.as_bytes()]);
            return Ok(Attempt::Served);
        }
    }
    Ok(Attempt::Nothing)
}

fn lmpop(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let pop = MultiPop::parse(args, 1, ENDS)?;
    if pop_from_first(ctx, args, pop)? == Attempt::Nothing {
        ctx.reply.null_array();
    }
    Ok(())
}

fn blmpop(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Attempt, Error> {
    let pop = MultiPop::parse(args, 2, ENDS)?;
    args.timeout_s(1)?;
    pop_from_first(ctx, args, pop)
}

/// What puts back the elements that BLMPOP took.
fn pushed_back_by(args: Args<'_>) -> &'static str {
    match MultiPop::parse(args, 2, ENDS) {
        Ok(MultiPop { end: End::Right, .. }) => "RPUSH",
        _ => "LPUSH",
    }
}

/// The timeout, once the other words have been found right: their errors come first.
fn blmpop_timeout(args: Args<'_>) -> Result<f64, Error> {
    MultiPop::parse(args, 2, ENDS)?;
    args.timeout_s(1)
}

/// How many elements LPOP and RPOP take; `None` when they refuse.
fn losses(args: Args<'_>) -> Option<usize> {
    args.get(2).map_or(Some(1), |_| usize::try_from(args.int(2).ok()?).ok())
}
