//! Commands that return strings or parts of them; those that change only the expiry, too.

use super::options::{Accepts, Expiry, FORMS, Options};
use super::{reply_value, string_in};
use crate::base::range;
use crate::command::{Acl, Arg, Args, Arity, Class, Command, Context, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::keyspace::StringRef;

/// GET and its relatives.
pub const COMMANDS: &[Command] = &[
    Command::new("GET", "Returns the string value of a key.", Group::String)
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::STRING)
        .keys(&[Key::at(1).read()])
        .args(&[Arg::key("key", 0)])
        .run(Exec::Keys(get)),
    Command::new("MGET", "Returns the string values of several keys.", Group::String)
        .complexity("O(N)")
        .arity(Arity::AtLeast(2))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::STRING)
        .keys(&[Key::at(1).range(-1, 1).read()])
        .args(&[Arg::key("key", 0).multiple()])
        .tips(&["request_policy:multi_shard"])
        .run(Exec::Keys(mget)),
    Command::new(
        "GETEX",
        "Returns the string value of a key and sets or clears its expiry.",
        Group::String,
    )
    .since("6.2.0")
    .arity(Arity::AtLeast(2))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::STRING)
    .keys(&[Key::at(1)
        .flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE)
        .notes("RW and UPDATE because it changes the TTL")])
    .args(&[Arg::key("key", 0), Arg::one_of("expiration", GETEX_FORMS).optional()])
    .run(Exec::Keys(getex)),
    Command::new(
        "GETDEL",
        "Returns the string value of a key and deletes the key.",
        Group::String,
    )
    .since("6.2.0")
    .arity(Arity::Exactly(2))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::STRING)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE)])
    .args(&[Arg::key("key", 0)])
    .run(Exec::Keys(getdel)),
    Command::new("STRLEN", "Returns the length of a string.", Group::String)
        .since("2.2.0")
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::STRING)
        .keys(&[Key::at(1).flags(KeyFlags::RO)])
        .args(&[Arg::key("key", 0)])
        .run(Exec::Keys(strlen)),
    Command::new(
        "GETRANGE",
        "Returns the part of a string between two offsets.",
        Group::String,
    )
    .since("2.4.0")
    .complexity("O(N)")
    .arity(Arity::Exactly(4))
    .flags(Flags::READONLY)
    .acl(Acl::STRING)
    .keys(&[Key::at(1).read()])
    .args(&[Arg::key("key", 0), Arg::integer("start"), Arg::integer("end")])
    .run(Exec::Keys(getrange)),
    Command::new("SUBSTR", "The old name of GETRANGE.", Group::String)
        .complexity("O(N)")
        .arity(Arity::Exactly(4))
        .flags(Flags::READONLY)
        .acl(Acl::STRING)
        .keys(&[Key::at(1).read()])
        .args(&[Arg::key("key", 0), Arg::integer("start"), Arg::integer("end")])
        .run(Exec::Keys(getrange)),
];

const GETEX_FORMS: &[Arg] = &[FORMS[0], FORMS[1], FORMS[2], FORMS[3], Arg::word("persist", "PERSIST")];

fn get(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_value(ctx, args.at(1)).map(drop)
}

fn mget(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    ctx.reply.array(args.len() - 1);
    for key in args.from(1) {
        match ctx.keys.lookup(key).and_then(|entry| entry.as_string()) {
            None => ctx.reply.null(),
            Some(StringRef::Bytes(bytes)) => ctx.reply.bulk(bytes),
            Some(StringRef::Int(number)) => ctx.reply.bulk_int(number),
        }
    }
    Ok(())
}

fn getex(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let options = Options::parse(args, 2, Accepts::GetEx)?;
    let now = ctx.keys.now_ms();
    let deadline = options.deadline(args, now, "getex")?;
    if !reply_value(ctx, key)? {
        return Ok(());
    }
    match deadline {
        Some(at) if at <= ctx.keys.horizon() => ctx.keys.remove_expired(key),
        Some(at) => {
            ctx.keys.set_expiry(key, Some(at));
            ctx.keys.changed(key, Class::Generic, "expire");
        }
        None if options.expiry == Some(Expiry::Persist) && expires(ctx, key) => {
            ctx.keys.set_expiry(key, None);
            ctx.keys.changed(key, Class::Generic, "persist");
        }
        None => {}
    }
    Ok(())
}

fn expires(ctx: &mut Context<'_>, key: &[u8]) -> bool {
    ctx.keys.get(key).is_some_and(|entry| entry.expires_at().is_some())
}

fn getdel(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    if reply_value(ctx, key)? {
        ctx.keys.take(key);
        ctx.keys.changed(key, Class::Generic, "del");
    }
    Ok(())
}

fn strlen(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let len = match ctx.keys.lookup(args.at(1)) {
        None => 0,
        Some(entry) => match string_in(entry)? {
            StringRef::Bytes(bytes) => bytes.len(),
            StringRef::Int(number) => itoa::Buffer::new().format(number).len(),
        },
    };
    ctx.reply.count(len);
    Ok(())
}

fn getrange(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (start, end) = (args.int(2)?, args.int(3)?);
    let Some(entry) = ctx.keys.lookup(args.at(1)) else {
        ctx.reply.bulk(b"");
        return Ok(());
    };
    let bytes = string_in(entry)?.bytes();
    let part = if start < 0 && end < 0 && start > end {
        0..0
    } else {
        // Unlike an index, an end before the first byte means the first byte.
        let len = i64::try_from(bytes.len()).expect("a length in memory is below 2^63");
        let end = if end < 0 { end.saturating_add(len).max(0) } else { end };
        range::inclusive(start, end, bytes.len())
    };
    ctx.reply.bulk(&bytes[part]);
    Ok(())
}
