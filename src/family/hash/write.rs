//! Commands that set and remove fields.

use crate::command::effects::Class;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};

/// HSET, HSETNX, HDEL.
pub const COMMANDS: &[Command] = &[
    Command::new("HSET", "Sets fields of a hash.", Group::Hash)
        .since("2.0.0")
        .complexity("O(1)")
        .arity(Arity::AtLeast(4))
        .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::UPDATE)])
        .args(&[
            Arg::key("key", 0),
            Arg::block("data", &[Arg::string("field"), Arg::string("value")]).multiple(),
        ])
        .history(&[("4.0.0", "Several fields at once.")])
        .run(Exec::Keys(hset)),
    Command::new("HSETNX", "Sets a field of a hash that does not have it.", Group::Hash)
        .since("2.0.0")
        .complexity("O(1)")
        .arity(Arity::Exactly(4))
        .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::INSERT)])
        .args(&[Arg::key("key", 0), Arg::string("field"), Arg::string("value")])
        .run(Exec::Keys(hsetnx)),
    Command::new("HDEL", "Removes fields from a hash.", Group::Hash)
        .since("2.0.0")
        .complexity("O(N)")
        .arity(Arity::AtLeast(3))
        .flags(Flags::WRITE.or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::DELETE)])
        .args(&[Arg::key("key", 0), Arg::string("field").multiple()])
        .history(&[("2.4.0", "Several fields at once.")])
        .run(Exec::Keys(hdel)),
];

fn hset(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    if !args.len().is_multiple_of(2) {
        return Err(Error::Arity("hset".to_owned()));
    }
    let key = args.at(1);
    let hash = ctx.keys.hash_or_create(key)?;
    let fields = (2..args.len()).step_by(2);
    let added = fields.filter(|&at| hash.set(args.at(at), args.at(at + 1))).count();
    ctx.reply.count(added);
    ctx.keys.changed(key, Class::Hash, "hset");
    Ok(())
}

fn hsetnx(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (key, field) = (args.at(1), args.at(2));
    let hash = ctx.keys.hash_or_create(key)?;
    if hash.get(field).is_some() {
        ctx.reply.int(0);
        return Ok(());
    }
    hash.set(field, args.at(3));
    ctx.reply.int(1);
    ctx.keys.changed(key, Class::Hash, "hset");
    Ok(())
}

fn hdel(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let Some(hash) = ctx.keys.hash_mut(key)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let removed = args.from(2).filter(|field| hash.remove(field)).count();
    let emptied = hash.is_empty();
    ctx.reply.count(removed);
    if removed > 0 {
        ctx.keys.changed(key, Class::Hash, "hdel");
    }
    if emptied {
        ctx.keys.remove_emptied(key);
    }
    Ok(())
}
