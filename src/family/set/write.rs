//! Commands that add and remove members.

use crate::command::effects::Class;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Exec, Flags, Group, Key, KeyFlags, Ran};

/// SADD, SREM.
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
];

fn sadd(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let set = ctx.keys.set_or_create(key)?;
    let added = args.from(2).filter(|member| set.insert(member)).count();
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
