//! Commands that change elements in the middle of a list.

use super::limit;
use super::read::place;
use crate::base::range;
use crate::command::effects::Class;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::types::list::End;

/// LSET, LINSERT, LREM, LTRIM.
pub const COMMANDS: &[Command] = &[
    Command::new("LSET", "Replaces the element at an index of a list.", Group::List)
        .complexity("O(N)")
        .arity(Arity::Exactly(4))
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .acl(Acl::LIST)
        .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::UPDATE)])
        .args(&[Arg::key("key", 0), Arg::integer("index"), Arg::string("element")])
        .run(Exec::Keys(lset)),
    Command::new(
        "LINSERT",
        "Puts an element before or after another one in a list.",
        Group::List,
    )
    .since("2.2.0")
    .complexity("O(N)")
    .arity(Arity::Exactly(5))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::LIST)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::INSERT)])
    .args(&[
        Arg::key("key", 0),
        Arg::one_of("where", &[Arg::word("before", "BEFORE"), Arg::word("after", "AFTER")]),
        Arg::string("pivot"),
        Arg::string("element"),
    ])
    .run(Exec::Keys(linsert)),
    Command::new("LREM", "Removes elements that equal a value from a list.", Group::List)
        .complexity("O(N+M)")
        .arity(Arity::Exactly(4))
        .flags(Flags::WRITE)
        .acl(Acl::LIST)
        .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::DELETE)])
        .args(&[Arg::key("key", 0), Arg::integer("count"), Arg::string("element")])
        .run(Exec::Keys(lrem)),
    Command::new(
        "LTRIM",
        "Keeps only the elements between two indexes of a list.",
        Group::List,
    )
    .complexity("O(N)")
    .arity(Arity::Exactly(4))
    .flags(Flags::WRITE)
    .acl(Acl::LIST)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::DELETE)])
    .args(&[Arg::key("key", 0), Arg::integer("start"), Arg::integer("stop")])
    .run(Exec::Keys(ltrim)),
];

fn lset(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let limit = limit(ctx);
    let (key, element) = (args.at(1), args.at(3));
    let list = ctx.keys.list_mut(key)?.ok_or(Error::NoSuchKey)?;
    let index = args.int(2)?;
    list.will_grow(limit, 1, element.len());
    // Valkey takes the low 32 bits of the index.
    let index = i64::from(index as i32);
    let replaced = place(index, list.len()).is_some_and(|at| list.set(at, element));
    list.has_shrunk(limit);
    if !replaced {
        return Err(Error::IndexOutOfRange);
    }
    ctx.reply.ok();
    ctx.keys.changed(key, Class::List, "lset");
    Ok(())
}

fn linsert(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let behind = if args.is(2, "AFTER") {
        1
    } else if args.is(2, "BEFORE") {
        0
    } else {
        return Err(Error::Syntax);
    };
    let limit = limit(ctx);
    let key = args.at(1);
    let Some(list) = ctx.keys.list_mut(key)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let (pivot, element) = (args.at(3), args.at(4));
    // Valkey makes room before it knows whether it will be needed.
    list.will_grow(limit, 1, element.len());
    let Some(at) = list.iter_from(0).position(|item| item == pivot) else {
        ctx.reply.int(-1);
        return Ok(());
    };
    list.insert(at + behind, element);
    ctx.reply.count(list.len());
    ctx.keys.changed(key, Class::List, "linsert");
    Ok(())
}

fn lrem(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let count = args.int(2)?;
    if count == i64::MIN {
        return Err(super::NOT_IN_RANGE);
    }
    let (end, most) = match count {
        0 => (End::Left, usize::MAX),
        count => {
            let end = if count > 0 { End::Left } else { End::Right };
            (end, usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX))
        }
    };
    let limit = limit(ctx);
    let key = args.at(1);
    let Some(list) = ctx.keys.list_mut(key)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let removed = list.remove_equal(end, most, args.at(3));
    list.has_shrunk(limit);
    ctx.reply.count(removed);
    let emptied = list.is_empty();
    if removed > 0 {
        ctx.keys.changed(key, Class::List, "lrem");
    }
    if emptied {
        ctx.keys.remove_emptied(key);
    }
    Ok(())
}

fn ltrim(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (start, stop) = (args.int(2)?, args.int(3)?);
    let limit = limit(ctx);
    let key = args.at(1);
    let Some(list) = ctx.keys.list_mut(key)? else {
        ctx.reply.ok();
        return Ok(());
    };
    let keep = range::inclusive(start, stop, list.len());
    let trims = keep.len() < list.len();
    list.drop_at(End::Right, list.len() - keep.end);
    list.drop_at(End::Left, keep.start);
    list.has_shrunk(limit);
    let emptied = list.is_empty();
    ctx.reply.ok();
    if trims {
        ctx.keys.changed(key, Class::List, "ltrim");
    } else {
        // Told all the same, but nothing has changed for those who watch or cache it.
        ctx.keys.event(key, Class::List, "ltrim");
    }
    if emptied {
        ctx.keys.remove_emptied(key);
    }
    Ok(())
}
