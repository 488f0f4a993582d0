//! Commands that add elements at an end of a list.

use super::{limit, pushed};
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Exec, Flags, Footprint, Group, Key, KeyFlags, Ran};
use crate::types::list::End;

/// LPUSH and its relatives.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "LPUSH",
        "Prepends elements to a list, which is created when missing.",
        Group::List,
    )
    .arity(Arity::AtLeast(3))
    .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
    .acl(Acl::LIST)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::INSERT)])
    .args(&[Arg::key("key", 0), Arg::string("element").multiple()])
    .history(&[("2.4.0", "Several elements at once.")])
    .footprint(Footprint::End(|_, _| Some((End::Left, 0))))
    .run(Exec::Keys(lpush)),
    Command::new(
        "RPUSH",
        "Appends elements to a list, which is created when missing.",
        Group::List,
    )
    .arity(Arity::AtLeast(3))
    .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
    .acl(Acl::LIST)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::INSERT)])
    .args(&[Arg::key("key", 0), Arg::string("element").multiple()])
    .history(&[("2.4.0", "Several elements at once.")])
    .footprint(Footprint::End(|_, _| Some((End::Right, 0))))
    .run(Exec::Keys(rpush)),
    Command::new("LPUSHX", "Prepends elements to a list only if it exists.", Group::List)
        .since("2.2.0")
        .arity(Arity::AtLeast(3))
        .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
        .acl(Acl::LIST)
        .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::INSERT)])
        .args(&[Arg::key("key", 0), Arg::string("element").multiple()])
        .history(&[("4.0.0", "Several elements at once.")])
        .footprint(Footprint::End(|_, _| Some((End::Left, 0))))
        .run(Exec::Keys(lpushx)),
    Command::new("RPUSHX", "Appends elements to a list only if it exists.", Group::List)
        .since("2.2.0")
        .arity(Arity::AtLeast(3))
        .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
        .acl(Acl::LIST)
        .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::INSERT)])
        .args(&[Arg::key("key", 0), Arg::string("element").multiple()])
        .history(&[("4.0.0", "Several elements at once.")])
        .footprint(Footprint::End(|_, _| Some((End::Right, 0))))
        .run(Exec::Keys(rpushx)),
];

fn lpush(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    push(ctx, args, End::Left)
}

fn rpush(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    push(ctx, args, End::Right)
}

fn lpushx(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    push_existing(ctx, args, End::Left)
}

fn rpushx(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    push_existing(ctx, args, End::Right)
}

fn push(ctx: &mut Context<'_>, args: Args<'_>, end: End) -> Ran {
    let key = args.at(1);
    let limit = limit(ctx);
    let items = args.from(2);
    let list = ctx.keys.list_or_create(key)?;
    list.will_grow(limit, items.len(), items.clone().map(<[u8]>::len).sum());
    list.extend(end, items);
    ctx.reply.count(list.len());
    pushed(ctx, key, end);
    Ok(())
}

fn push_existing(ctx: &mut Context<'_>, args: Args<'_>, end: End) -> Ran {
    if ctx.keys.list(args.at(1))?.is_some() {
        return push(ctx, args, end);
    }
    ctx.reply.int(0);
    Ok(())
}
