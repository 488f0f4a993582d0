//! Commands that set or clear when a key expires.

use crate::command::{
    Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, ExpiryCondition, ExpiryForm, Flags, Group, Key,
    KeyFlags, Ran,
};

const KEYS: &[Key] = &[Key::at(1).flags(KeyFlags::RW | KeyFlags::UPDATE)];

const HISTORY: &[(&str, &str)] = &[("7.0.0", "The options `NX`, `XX`, `GT` and `LT`.")];

const CONDITION: Arg = Arg::one_of(
    "condition",
    &[
        Arg::word("nx", "NX"),
        Arg::word("xx", "XX"),
        Arg::word("gt", "GT"),
        Arg::word("lt", "LT"),
    ],
)
.since("7.0.0")
.optional();

/// EXPIRE and its relatives.
pub const COMMANDS: &[Command] = &[
    Command::new("EXPIRE", "Lets a key expire after some seconds.", Group::Generic)
        .arity(Arity::AtLeast(3))
        .flags(Flags::WRITE.or(Flags::FAST))
        .acl(Acl::KEYSPACE)
        .keys(KEYS)
        .args(&[Arg::key("key", 0), Arg::integer("seconds"), CONDITION])
        .history(HISTORY)
        .run(Exec::Keys(expire)),
    Command::new("PEXPIRE", "Lets a key expire after some milliseconds.", Group::Generic)
        .since("2.6.0")
        .arity(Arity::AtLeast(3))
        .flags(Flags::WRITE.or(Flags::FAST))
        .acl(Acl::KEYSPACE)
        .keys(KEYS)
        .args(&[Arg::key("key", 0), Arg::integer("milliseconds"), CONDITION])
        .history(HISTORY)
        .run(Exec::Keys(pexpire)),
    Command::new(
        "EXPIREAT",
        "Lets a key expire at a Unix time in seconds.",
        Group::Generic,
    )
    .since("1.2.0")
    .arity(Arity::AtLeast(3))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::KEYSPACE)
    .keys(KEYS)
    .args(&[Arg::key("key", 0), Arg::unix_time("unix-time-seconds"), CONDITION])
    .history(HISTORY)
    .run(Exec::Keys(expireat)),
    Command::new(
        "PEXPIREAT",
        "Lets a key expire at a Unix time in milliseconds.",
        Group::Generic,
    )
    .since("2.6.0")
    .arity(Arity::AtLeast(3))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::KEYSPACE)
    .keys(KEYS)
    .args(&[Arg::key("key", 0), Arg::unix_time("unix-time-milliseconds"), CONDITION])
    .history(HISTORY)
    .run(Exec::Keys(pexpireat)),
    Command::new("PERSIST", "Clears the expiry of a key.", Group::Generic)
        .since("2.2.0")
        .arity(Arity::Exactly(2))
        .flags(Flags::WRITE.or(Flags::FAST))
        .acl(Acl::KEYSPACE)
        .keys(KEYS)
        .args(&[Arg::key("key", 0)])
        .run(Exec::Keys(persist)),
];

fn expire(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    set_deadline(ctx, args, ExpiryForm::EX, "expire")
}

fn pexpire(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    set_deadline(ctx, args, ExpiryForm::PX, "pexpire")
}

fn expireat(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    set_deadline(ctx, args, ExpiryForm::EXAT, "expireat")
}

fn pexpireat(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    set_deadline(ctx, args, ExpiryForm::PXAT, "pexpireat")
}

fn set_deadline(ctx: &mut Context<'_>, args: Args<'_>, form: ExpiryForm, command: &'static str) -> Ran {
    let key = args.at(1);
    let condition = ExpiryCondition::parse(args, 3..args.len())?;
    let now = ctx.keys.now_ms();
    let deadline = form.deadline(args.int(2)?, now).ok_or(Error::InvalidExpire(command))?;
    let present = ctx.keys.get(key).map(|entry| entry.expires_at());
    let set = present.is_some_and(|present| condition.holds(present, deadline));
    if set && deadline <= ctx.keys.horizon() {
        ctx.keys.remove_expired(key);
    } else if set {
        ctx.keys.set_expiry(key, Some(deadline));
        ctx.keys.changed(key, Class::Generic, "expire");
    }
    ctx.reply.int(i64::from(set));
    Ok(())
}

fn persist(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let expires = ctx.keys.get(key).is_some_and(|entry| entry.expires_at().is_some());
    if expires {
        ctx.keys.set_expiry(key, None);
        ctx.keys.changed(key, Class::Generic, "persist");
    }
    ctx.reply.int(i64::from(expires));
    Ok(())
}
