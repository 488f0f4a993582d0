//! Commands that store one string, or delete one on a condition.

use super::options::{Accepts, Condition, Expiry, FORMS, Options};
use super::{equals, reply_value, string_in};
use crate::base::time::UnixMillis;
use crate::command::{
    Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, ExpiryForm, Flags, Group, Key, KeyFlags, Ran,
};

/// SET and its relatives.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "SET",
        "Sets the string value of a key, whatever its type; on a condition and with an expiry if asked.",
        Group::String,
    )
    .arity(Arity::AtLeast(3))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::STRING)
    .keys(&[Key::at(1)
        .flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE | KeyFlags::VARIABLE)
        .notes("RW and ACCESS due to the optional `GET` argument")])
    .key_use(set_key_use)
    .args(&[
        Arg::key("key", 0),
        Arg::string("value"),
        Arg::one_of("condition", SET_CONDITIONS).optional(),
        Arg::word("get", "GET").since("6.2.0").optional(),
        Arg::one_of("expiration", SET_FORMS).optional(),
    ])
    .history(&[
        ("2.6.12", "The options `EX`, `PX`, `NX` and `XX`."),
        ("6.0.0", "The option `KEEPTTL`."),
        ("6.2.0", "The options `GET`, `EXAT` and `PXAT`."),
        ("7.0.0", "`NX` and `GET` together."),
        ("8.1.0", "The option `IFEQ`."),
    ])
    .run(Exec::Keys(set)),
    Command::new(
        "SETNX",
        "Sets the string value of a key that does not exist.",
        Group::String,
    )
    .arity(Arity::Exactly(3))
    .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
    .acl(Acl::STRING)
    .keys(&[Key::at(1).flags(KeyFlags::OW | KeyFlags::INSERT)])
    .args(&[Arg::key("key", 0), Arg::string("value")])
    .run(Exec::Keys(setnx)),
    Command::new(
        "SETEX",
        "Sets the string value of a key and its expiry in seconds.",
        Group::String,
    )
    .since("2.0.0")
    .arity(Arity::Exactly(4))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::STRING)
    .keys(&[Key::at(1).flags(KeyFlags::OW | KeyFlags::UPDATE)])
    .args(&[Arg::key("key", 0), Arg::integer("seconds"), Arg::string("value")])
    .run(Exec::Keys(setex)),
    Command::new(
        "PSETEX",
        "Sets the string value of a key and its expiry in milliseconds.",
        Group::String,
    )
    .since("2.6.0")
    .arity(Arity::Exactly(4))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::STRING)
    .keys(&[Key::at(1).flags(KeyFlags::OW | KeyFlags::UPDATE)])
    .args(&[Arg::key("key", 0), Arg::integer("milliseconds"), Arg::string("value")])
    .run(Exec::Keys(psetex)),
    Command::new(
        "GETSET",
        "Sets the string value of a key and returns the one before.",
        Group::String,
    )
    .arity(Arity::Exactly(3))
    .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
    .acl(Acl::STRING)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE)])
    .args(&[Arg::key("key", 0), Arg::string("value")])
    .run(Exec::Keys(getset)),
    Command::new(
        "DELIFEQ",
        "Deletes a key if it holds the given string value.",
        Group::String,
    )
    .since("9.0.0")
    .arity(Arity::Exactly(3))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::STRING)
    .keys(&[Key::at(1).flags(KeyFlags::RM | KeyFlags::DELETE)])
    .args(&[Arg::key("key", 0), Arg::string("value")])
    .run(Exec::Keys(delifeq)),
];

const SET_CONDITIONS: &[Arg] = &[
    Arg::word("nx", "NX").since("2.6.12"),
    Arg::word("xx", "XX").since("2.6.12"),
    Arg::string("comparison-value").token("IFEQ").since("8.1.0"),
];

const SET_FORMS: &[Arg] = &[
    FORMS[0].since("2.6.12"),
    FORMS[1].since("2.6.12"),
    FORMS[2].since("6.2.0"),
    FORMS[3].since("6.2.0"),
    Arg::word("keepttl", "KEEPTTL").since("6.0.0"),
];

/// Stores `value` at `key` over whatever is there, with the expiry `at` or none, and records it.
pub(super) fn store(ctx: &mut Context<'_>, key: &[u8], value: &[u8], at: Option<UnixMillis>) {
    ctx.keys.put_string(key, value, at);
    ctx.keys.changed(key, Class::String, "set");
    if at.is_some() {
        ctx.keys.event(key, Class::Generic, "expire");
    }
}

/// As [`store`], leaving the expiry of an existing key alone.
pub(super) fn store_keeping_expiry(ctx: &mut Context<'_>, key: &[u8], value: &[u8]) {
    let keeps_digits = ctx.keys.keeps_digits;
    match ctx.keys.get_mut(key) {
        Some(entry) if keeps_digits => entry.set_bytes(value),
        Some(entry) => entry.set_string(value),
        None => {
            ctx.keys.put_string(key, value, None);
        }
    }
    ctx.keys.changed(key, Class::String, "set");
}

/// SET reads the key only if it is to answer the old value.
fn set_key_use(args: Args<'_>) -> KeyFlags {
    if args.from(3).any(|word| word.eq_ignore_ascii_case(b"GET")) {
        KeyFlags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE)
    } else {
        KeyFlags(KeyFlags::OW | KeyFlags::UPDATE)
    }
}

fn set(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (key, value) = (args.at(1), args.at(2));
    if args.len() == 3 {
        store(ctx, key, value, None);
        ctx.reply.ok();
        return Ok(());
    }
    let options = Options::parse(args, 3, Accepts::Set)?;
    let now = ctx.keys.now_ms();
    let deadline = options.deadline(args, now, "set")?;
    if options.get {
        reply_value(ctx, key)?;
    }
    if !holds(ctx, key, options.condition)? {
        if !options.get {
            ctx.reply.null();
        }
        return Ok(());
    }
    match deadline {
        // A value that would be gone at once is not stored, but what is there goes.
        Some(at) if at <= ctx.keys.horizon() => {
            if ctx.keys.get(key).is_some() {
                ctx.keys.remove_expired(key);
            }
        }
        _ if options.expiry == Some(Expiry::Keep) => store_keeping_expiry(ctx, key, value),
        _ => store(ctx, key, value, deadline),
    }
    if !options.get {
        ctx.reply.ok();
    }
    Ok(())
}

fn holds(ctx: &mut Context<'_>, key: &[u8], condition: Option<Condition<'_>>) -> Result<bool, Error> {
    Ok(match condition {
        None => true,
        Some(Condition::Missing) => ctx.keys.get(key).is_none(),
        Some(Condition::Present) => ctx.keys.get(key).is_some(),
        Some(Condition::Equal(bytes)) => match ctx.keys.get(key) {
            None => false,
            Some(entry) => equals(string_in(entry)?, bytes),
        },
    })
}

fn setnx(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let missing = ctx.keys.get(key).is_none();
    if missing {
        store(ctx, key, args.at(2), None);
    }
    ctx.reply.int(i64::from(missing));
    Ok(())
}

fn setex(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    store_for(ctx, args, ExpiryForm::EX, "setex")
}

fn psetex(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    store_for(ctx, args, ExpiryForm::PX, "psetex")
}

fn store_for(ctx: &mut Context<'_>, args: Args<'_>, form: ExpiryForm, command: &'static str) -> Ran {
    let at = form.positive_deadline(args, 2, ctx.keys.now_ms(), command)?;
    store(ctx, args.at(1), args.at(3), Some(at));
    ctx.reply.ok();
    Ok(())
}

fn getset(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    reply_value(ctx, key)?;
    store(ctx, key, args.at(2), None);
    Ok(())
}

fn delifeq(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let equal = holds(ctx, key, Some(Condition::Equal(args.at(2))))?;
    if equal {
        ctx.keys.take(key);
        ctx.keys.changed(key, Class::Generic, "del");
    }
    ctx.reply.int(i64::from(equal));
    Ok(())
}
