//! Commands that return members.

use super::{lookup, write_members};
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::types::Set;

/// SMEMBERS, SISMEMBER, SMISMEMBER, SCARD.
pub const COMMANDS: &[Command] = &[
    Command::new("SMEMBERS", "Returns all members of a set.", Group::Set)
        .complexity("O(N)")
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY)
        .acl(Acl::SET)
        .keys(&[Key::at(1).read()])
        .args(&[Arg::key("key", 0)])
        .tips(&["nondeterministic_output_order"])
        .run(Exec::Keys(smembers)),
    Command::new("SISMEMBER", "Tells whether something is a member of a set.", Group::Set)
        .arity(Arity::Exactly(3))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::SET)
        .keys(&[Key::at(1).flags(KeyFlags::RO)])
        .args(&[Arg::key("key", 0), Arg::string("member")])
        .run(Exec::Keys(sismember)),
    Command::new(
        "SMISMEMBER",
        "Tells of each word whether it is a member of a set.",
        Group::Set,
    )
    .since("6.2.0")
    .complexity("O(N)")
    .arity(Arity::AtLeast(3))
    .flags(Flags::READONLY.or(Flags::FAST))
    .acl(Acl::SET)
    .keys(&[Key::at(1).read()])
    .args(&[Arg::key("key", 0), Arg::string("member").multiple()])
    .run(Exec::Keys(smismember)),
    Command::new("SCARD", "Returns the number of members of a set.", Group::Set)
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::SET)
        .keys(&[Key::at(1).flags(KeyFlags::RO)])
        .args(&[Arg::key("key", 0)])
        .run(Exec::Keys(scard)),
];

fn smembers(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    match lookup(&mut ctx.keys, args.at(1))? {
        Some(set) => write_members(ctx.reply, set.len(), set.iter()),
        None => ctx.reply.set(0),
    }
    Ok(())
}

fn sismember(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let set = lookup(&mut ctx.keys, args.at(1))?;
    ctx.reply
        .count(usize::from(set.is_some_and(|set| set.contains(args.at(2)))));
    Ok(())
}

fn smismember(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let set = lookup(&mut ctx.keys, args.at(1))?;
    let members = args.from(2);
    ctx.reply.array(members.len());
    for member in members {
        ctx.reply
            .count(usize::from(set.is_some_and(|set| set.contains(member))));
    }
    Ok(())
}

fn scard(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let len = lookup(&mut ctx.keys, args.at(1))?.map_or(0, Set::len);
    ctx.reply.count(len);
    Ok(())
}
