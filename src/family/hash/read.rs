//! Commands that return fields and values by name, or all of them.

use super::{LOOKS, READS, lookup};
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Exec, Flags, Group, Ran};
use crate::types::Hash;

const ONE_FIELD: &[Arg] = &[Arg::key("key", 0), Arg::string("field")];
const ONLY_KEY: &[Arg] = &[Arg::key("key", 0)];
const UNORDERED: &[&str] = &["nondeterministic_output_order"];

/// HGET and its relatives.
pub const COMMANDS: &[Command] = &[
    Command::new("HGET", "Returns the value of a field.", Group::Hash)
        .since("2.0.0")
        .arity(Arity::Exactly(3))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(READS)
        .args(ONE_FIELD)
        .run(Exec::Keys(hget)),
    Command::new("HMGET", "Returns the values of several fields.", Group::Hash)
        .since("2.0.0")
        .complexity("O(N)")
        .arity(Arity::AtLeast(3))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(READS)
        .args(&[Arg::key("key", 0), Arg::string("field").multiple()])
        .run(Exec::Keys(hmget)),
    Command::new("HGETALL", "Returns all fields and values.", Group::Hash)
        .since("2.0.0")
        .complexity("O(N)")
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY)
        .acl(Acl::HASH)
        .keys(READS)
        .args(ONLY_KEY)
        .tips(UNORDERED)
        .run(Exec::Keys(hgetall)),
    Command::new("HKEYS", "Returns all fields.", Group::Hash)
        .since("2.0.0")
        .complexity("O(N)")
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY)
        .acl(Acl::HASH)
        .keys(READS)
        .args(ONLY_KEY)
        .tips(UNORDERED)
        .run(Exec::Keys(hkeys)),
    Command::new("HVALS", "Returns all values.", Group::Hash)
        .since("2.0.0")
        .complexity("O(N)")
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY)
        .acl(Acl::HASH)
        .keys(READS)
        .args(ONLY_KEY)
        .tips(UNORDERED)
        .run(Exec::Keys(hvals)),
    Command::new("HLEN", "Returns the number of fields.", Group::Hash)
        .since("2.0.0")
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(LOOKS)
        .args(ONLY_KEY)
        .run(Exec::Keys(hlen)),
    Command::new("HEXISTS", "Tells whether a hash has a field.", Group::Hash)
        .since("2.0.0")
        .arity(Arity::Exactly(3))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(LOOKS)
        .args(ONE_FIELD)
        .run(Exec::Keys(hexists)),
    Command::new("HSTRLEN", "Returns the length of the value of a field.", Group::Hash)
        .since("3.2.0")
        .arity(Arity::Exactly(3))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(LOOKS)
        .args(ONE_FIELD)
        .run(Exec::Keys(hstrlen)),
];

fn hget(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now = ctx.keys.horizon();
    let hash = lookup(&mut ctx.keys, args.at(1))?;
    match hash.and_then(|hash| hash.get(args.at(2), now)) {
        Some(value) => ctx.reply.bulk(value),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn hmget(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now = ctx.keys.horizon();
    let hash = lookup(&mut ctx.keys, args.at(1))?;
    let fields = args.from(2);
    ctx.reply.array(fields.len());
    for field in fields {
        match hash.and_then(|hash| hash.get(field, now)) {
            Some(value) => ctx.reply.bulk(value),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

fn hgetall(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now = ctx.keys.horizon();
    let hash = lookup(&mut ctx.keys, args.at(1))?;
    ctx.reply.map(hash.map_or(0, |hash| hash.live_len(now)));
    for (field, value) in hash.into_iter().flat_map(|hash| hash.iter(now)) {
        ctx.reply.bulk(field);
        ctx.reply.bulk(value);
    }
    Ok(())
}

fn hkeys(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now = ctx.keys.horizon();
    let hash = lookup(&mut ctx.keys, args.at(1))?;
    ctx.reply.array(hash.map_or(0, |hash| hash.live_len(now)));
    let pairs = hash.into_iter().flat_map(|hash| hash.iter(now));
    pairs.for_each(|(field, _)| ctx.reply.bulk(field));
    Ok(())
}

fn hvals(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now = ctx.keys.horizon();
    let hash = lookup(&mut ctx.keys, args.at(1))?;
    ctx.reply.array(hash.map_or(0, |hash| hash.live_len(now)));
    let pairs = hash.into_iter().flat_map(|hash| hash.iter(now));
    pairs.for_each(|(_, value)| ctx.reply.bulk(value));
    Ok(())
}

/// Fields that have expired count until they are taken out, as in Valkey.
fn hlen(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let hash = lookup(&mut ctx.keys, args.at(1))?;
    ctx.reply.count(hash.map_or(0, Hash::len));
    Ok(())
}

fn hexists(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now = ctx.keys.horizon();
    let hash = lookup(&mut ctx.keys, args.at(1))?;
    let found = hash.is_some_and(|hash| hash.get(args.at(2), now).is_some());
    ctx.reply.int(i64::from(found));
    Ok(())
}

fn hstrlen(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now = ctx.keys.horizon();
    let hash = lookup(&mut ctx.keys, args.at(1))?;
    let value = hash.and_then(|hash| hash.get(args.at(2), now));
    ctx.reply.count(value.map_or(0, <[u8]>::len));
    Ok(())
}
