//! Commands that return fields and values.

use super::lookup;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::types::Hash;

/// HGET and its relatives.
pub const COMMANDS: &[Command] = &[
    Command::new("HGET", "Returns the value of a field of a hash.", Group::Hash)
        .since("2.0.0")
        .complexity("O(1)")
        .arity(Arity::Exactly(3))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(&[Key::at(1).read()])
        .args(&[Arg::key("key", 0), Arg::string("field")])
        .run(Exec::Keys(hget)),
    Command::new("HMGET", "Returns the values of fields of a hash.", Group::Hash)
        .since("2.0.0")
        .complexity("O(N)")
        .arity(Arity::AtLeast(3))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(&[Key::at(1).read()])
        .args(&[Arg::key("key", 0), Arg::string("field").multiple()])
        .run(Exec::Keys(hmget)),
    Command::new("HGETALL", "Returns all fields and values of a hash.", Group::Hash)
        .since("2.0.0")
        .complexity("O(N)")
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY)
        .acl(Acl::HASH)
        .keys(&[Key::at(1).read()])
        .args(&[Arg::key("key", 0)])
        .tips(&["nondeterministic_output_order"])
        .run(Exec::Keys(hgetall)),
    Command::new("HLEN", "Returns the number of fields of a hash.", Group::Hash)
        .since("2.0.0")
        .complexity("O(1)")
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(&[Key::at(1).flags(KeyFlags::RO)])
        .args(&[Arg::key("key", 0)])
        .run(Exec::Keys(hlen)),
    Command::new("HEXISTS", "Tells whether a hash has a field.", Group::Hash)
        .since("2.0.0")
        .complexity("O(1)")
        .arity(Arity::Exactly(3))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(&[Key::at(1).flags(KeyFlags::RO)])
        .args(&[Arg::key("key", 0), Arg::string("field")])
        .run(Exec::Keys(hexists)),
];

fn hget(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    match lookup(&mut ctx.keys, args.at(1))?.and_then(|hash| hash.get(args.at(2))) {
        None => ctx.reply.null(),
        Some(value) => ctx.reply.bulk(value),
    }
    Ok(())
}

fn hmget(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let hash = lookup(&mut ctx.keys, args.at(1))?;
    let fields = args.from(2);
    ctx.reply.array(fields.len());
    for field in fields {
        match hash.and_then(|hash| hash.get(field)) {
            None => ctx.reply.null(),
            Some(value) => ctx.reply.bulk(value),
        }
    }
    Ok(())
}

fn hgetall(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let hash = lookup(&mut ctx.keys, args.at(1))?;
    ctx.reply.map(hash.map_or(0, Hash::len));
    for (field, value) in hash.iter().flat_map(|hash| hash.iter()) {
        ctx.reply.bulk(field);
        ctx.reply.bulk(value);
    }
    Ok(())
}

fn hlen(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let len = lookup(&mut ctx.keys, args.at(1))?.map_or(0, Hash::len);
    ctx.reply.count(len);
    Ok(())
}

fn hexists(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let hash = lookup(&mut ctx.keys, args.at(1))?;
    ctx.reply
        .count(usize::from(hash.is_some_and(|hash| hash.get(args.at(2)).is_some())));
    Ok(())
}
