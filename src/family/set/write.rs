//! Commands that add, remove and move members.

use super::limits;
use crate::command::effects::Class;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Exec, Flags, Group, Key, KeyFlags, Ran};

/// SADD, SREM, SMOVE.
pub const COMMANDS: &[Command] = &[
    Command::new("SADD", "Adds members to a set.", Group::Set)
        .arity(Arity::AtLeast(3))
        .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
        .acl(Acl::SET)
        .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::INSERT)])
        .args(&[Arg::key("key", 0), Arg::string("member").multiple()])
        .history(&[("2.4.0", "Several members at once.")])
        .run(Exec::Keys(sadd)),
    Command::new("SREM", "Removes members from a set.", Group::Set)
        .complexity("O(N)")
        .arity(Arity::AtLeast(3))
        .flags(Flags::WRITE.or(Flags::FAST))
        .acl(Acl::SET)
        .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::DELETE)])
        .args(&[Arg::key("key", 0), Arg::string("member").multiple()])
        .history(&[("2.4.0", "Several members at once.")])
        .run(Exec::Keys(srem)),
    Command::new("SMOVE", "Moves a member from one set to another.", Group::Set)
        .arity(Arity::Exactly(4))
        .flags(Flags::WRITE.or(Flags::FAST))
        .acl(Acl::SET)
        .keys(&[
            Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE),
            Key::at(2).flags(KeyFlags::RW | KeyFlags::INSERT),
        ])
        .args(&[Arg::key("source", 0), Arg::key("destination", 1), Arg::string("member")])
        .run(Exec::Keys(smove)),
];

fn sadd(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let limits = limits(ctx.config);
    let set = ctx.keys.set_or_create(key)?;
    set.will_grow(limits, args.from(2));
    let added = args.from(2).filter(|member| set.insert(member, limits)).count();
    ctx.reply.count(added);
    if added > 0 {
        ctx.keys.changed(key, Class::Set, "sadd");
    }
    Ok(())
}

fn srem(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let Some(set) = ctx.keys.set_mut(key)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let removed = args.from(2).filter(|member| set.remove(member)).count();
    let emptied = set.is_empty();
    ctx.reply.count(removed);
    if removed > 0 {
        ctx.keys.changed(key, Class::Set, "srem");
    }
    if emptied {
        ctx.keys.remove_emptied(key);
    }
    Ok(())
}

fn smove(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (from, to, member) = (args.at(1), args.at(2), args.at(3));
    if ctx.keys.set(from)?.is_none() {
        ctx.reply.int(0);
        return Ok(());
    }
    // A destination of another type is refused before anything is taken.
    ctx.keys.set(to)?;
    let Some(set) = ctx.keys.set_mut(from)? else {
        unreachable!("the source was there a moment ago");
    };
    let found = if from == to {
        set.contains(member)
    } else {
        set.remove(member)
    };
    ctx.reply.int(i64::from(found));
    if !found || from == to {
        return Ok(());
    }
    let emptied = set.is_empty();
    ctx.keys.changed(from, Class::Set, "srem");
    if emptied {
        ctx.keys.remove_emptied(from);
    }
    let limits = limits(ctx.config);
    let set = ctx.keys.set_or_create(to)?;
    set.will_grow(limits, [member].into_iter());
    if set.insert(member, limits) {
        ctx.keys.changed(to, Class::Set, "sadd");
    }
    ctx.keys.redo([b"SREM", from, member]);
    ctx.keys.redo([b"SADD", to, member]);
    Ok(())
}
