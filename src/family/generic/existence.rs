//! Commands that delete keys or tell whether they are there and what they hold.

use crate::command::{Acl, Arg, Args, Arity, Command, Context, Exec, Flags, Footprint, Group, Key, KeyFlags, Ran};
use crate::types::Kind;

const SUMMED: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];

/// DEL and its relatives.
pub const COMMANDS: &[Command] = &[
    Command::new("DEL", "Deletes keys and tells how many there were.", Group::Generic)
        .complexity("O(N)")
        .arity(Arity::AtLeast(2))
        .flags(Flags::WRITE)
        .acl(Acl::KEYSPACE)
        .keys(&[Key::at(1).range(-1, 1).flags(KeyFlags::RM | KeyFlags::DELETE)])
        .footprint(Footprint::Presence)
        .args(&[Arg::key("key", 0).multiple()])
        .tips(SUMMED)
        .run(Exec::Keys(del)),
    Command::new(
        "UNLINK",
        "Deletes keys, whose values are freed later, and tells how many there were.",
        Group::Generic,
    )
    .since("4.0.0")
    .arity(Arity::AtLeast(2))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::KEYSPACE)
    .keys(&[Key::at(1).range(-1, 1).flags(KeyFlags::RM | KeyFlags::DELETE)])
    .footprint(Footprint::Presence)
    .args(&[Arg::key("key", 0).multiple()])
    .tips(SUMMED)
    .run(Exec::Keys(del)),
    Command::new("EXISTS", "Tells how many of the keys exist.", Group::Generic)
        .complexity("O(N)")
        .arity(Arity::AtLeast(2))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::KEYSPACE)
        .keys(&[Key::at(1).range(-1, 1).flags(KeyFlags::RO)])
        .args(&[Arg::key("key", 0).multiple()])
        .tips(SUMMED)
        .history(&[("3.0.3", "Several keys at once.")])
        .run(Exec::Keys(exists)),
    Command::new(
        "TOUCH",
        "Marks keys as accessed now and tells how many of them exist.",
        Group::Generic,
    )
    .since("3.2.1")
    .complexity("O(N)")
    .arity(Arity::AtLeast(2))
    .flags(Flags::READONLY.or(Flags::FAST))
    .acl(Acl::KEYSPACE)
    .keys(&[Key::at(1).range(-1, 1).flags(KeyFlags::RO)])
    .args(&[Arg::key("key", 0).multiple()])
    .tips(SUMMED)
    .run(Exec::Keys(touch)),
    Command::new("TYPE", "Tells the type of the value at a key.", Group::Generic)
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::KEYSPACE)
        .keys(&[Key::at(1).flags(KeyFlags::RO)])
        .args(&[Arg::key("key", 0)])
        .run(Exec::Keys(kind)),
];

fn del(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let deleted = args.from(1).filter(|key| ctx.keys.delete(key)).count();
    ctx.reply.count(deleted);
    Ok(())
}

fn exists(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let found = args.from(1).filter(|key| ctx.keys.inspect(key).is_some()).count();
    ctx.reply.count(found);
    Ok(())
}

fn touch(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let touched = args.from(1).filter(|key| ctx.keys.touch(key)).count();
    ctx.reply.count(touched);
    Ok(())
}

fn kind(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let kind = ctx.keys.inspect(args.at(1)).map(|entry| entry.kind());
    ctx.reply.simple(kind.map_or("none", Kind::name));
    Ok(())
}
