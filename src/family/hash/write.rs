//! Commands that set and delete fields.

use super::setting;
use crate::command::{
    Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Footprint, Group, Key, KeyFlags, Ran,
};
use crate::types::hash::{Found, Ttl};

const PAIR: &[Arg] = &[Arg::string("field"), Arg::string("value")];

/// HSET and its relatives.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "HSET",
        "Sets fields of a hash, which is created when missing.",
        Group::Hash,
    )
    .since("2.0.0")
    .arity(Arity::AtLeast(4))
    .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
    .acl(Acl::HASH)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::UPDATE)])
    .args(&[Arg::key("key", 0), Arg::block("data", PAIR).multiple()])
    .history(&[("4.0.0", "Several fields at once.")])
    .footprint(Footprint::Named)
    .run(Exec::Keys(hset)),
    Command::new("HMSET", "Sets fields of a hash, as HSET, and answers OK.", Group::Hash)
        .since("2.0.0")
        .complexity("O(N)")
        .arity(Arity::AtLeast(4))
        .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::UPDATE)])
        .args(&[Arg::key("key", 0), Arg::block("data", PAIR).multiple()])
        .footprint(Footprint::Named)
        .run(Exec::Keys(hmset)),
    Command::new("HSETNX", "Sets a field of a hash if it is not there yet.", Group::Hash)
        .since("2.0.0")
        .arity(Arity::Exactly(4))
        .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::INSERT)])
        .args(&[Arg::key("key", 0), Arg::string("field"), Arg::string("value")])
        .footprint(Footprint::Named)
        .run(Exec::Keys(hsetnx)),
    Command::new(
        "HDEL",
        "Deletes fields of a hash, and the hash with its last field.",
        Group::Hash,
    )
    .since("2.0.0")
    .complexity("O(N)")
    .arity(Arity::AtLeast(3))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::HASH)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::DELETE)])
    .args(&[Arg::key("key", 0), Arg::string("field").multiple()])
    .history(&[("2.4.0", "Several fields at once.")])
    .footprint(Footprint::Named)
    .run(Exec::Keys(hdel)),
];

/// Sets all pairs and tells how many fields are new.
fn set_pairs(ctx: &mut Context<'_>, args: Args<'_>, command: &str) -> Result<usize, Error> {
    if args.len() % 2 == 1 {
        return Err(Error::Arity(command.into()));
    }
    let key = args.at(1);
    let setting = setting(ctx, Ttl::Never);
    let hash = ctx.keys.hash_or_create(key)?;
    hash.will_grow(setting.limits, args.from(2));
    let mut words = args.from(2);
    let (mut added, mut expired) = (0, 0);
    while let (Some(field), Some(value)) = (words.next(), words.next()) {
        let found = hash.set(field, value, setting);
        added += usize::from(found.is_new());
        expired += usize::from(found == Found::Expired);
    }
    if expired > 0 {
        ctx.keys.fields_expired(key, expired);
    }
    ctx.keys.changed(key, Class::Hash, "hset");
    Ok(added)
}

fn hset(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let added = set_pairs(ctx, args, "hset")?;
    ctx.reply.count(added);
    Ok(())
}

fn hmset(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    set_pairs(ctx, args, "hmset")?;
    ctx.reply.ok();
    Ok(())
}

fn hsetnx(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (key, field) = (args.at(1), args.at(2));
    let setting = setting(ctx, Ttl::Never);
    let hash = ctx.keys.hash_or_create(key)?;
    let missing = hash.get(field, setting.now).is_none();
    if missing {
        hash.will_grow(setting.limits, args.from(2));
        if hash.set(field, args.at(3), setting) == Found::Expired {
            ctx.keys.fields_expired(key, 1);
        }
        ctx.keys.changed(key, Class::Hash, "hset");
    }
    ctx.reply.int(i64::from(missing));
    Ok(())
}

fn hdel(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let now = ctx.keys.horizon();
    let Some(hash) = ctx.keys.hash_mut(key)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let deleted = args.from(2).filter(|field| hash.remove(field, now)).count();
    let emptied = hash.is_empty();
    if deleted > 0 {
        ctx.keys.changed(key, Class::Hash, "hdel");
    }
    if emptied {
        ctx.keys.remove_emptied(key);
    }
    ctx.reply.count(deleted);
    Ok(())
}
