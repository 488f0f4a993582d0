//! Commands that set or clear when fields expire.

use super::fields;
use crate::command::{
    Acl, Arg, Args, Arity, Class, Command, Context, Exec, ExpiryCondition, ExpiryForm, Flags, Group, Key, KeyFlags, Ran,
};

const KEYS: &[Key] = &[Key::at(1).flags(KeyFlags::RW | KeyFlags::UPDATE)];

const CONDITION: Arg = Arg::one_of(
    "condition",
    &[
        Arg::word("nx", "NX"),
        Arg::word("xx", "XX"),
        Arg::word("gt", "GT"),
        Arg::word("lt", "LT"),
    ],
)
.optional();

const fn command(name: &'static str, summary: &'static str, arity: Arity) -> Command {
    Command::new(name, summary, Group::Hash)
        .since("9.0.0")
        .complexity("O(N)")
        .arity(arity)
        .flags(Flags::WRITE.or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(KEYS)
}

/// HEXPIRE and its relatives.
pub const COMMANDS: &[Command] = &[
    command("HEXPIRE", "Lets fields expire after some seconds.", Arity::AtLeast(6))
        .args(&[
            Arg::key("key", 0),
            Arg::integer("seconds"),
            CONDITION,
            fields::FIELDS_OF_HEXPIRE,
        ])
        .run(Exec::Keys(hexpire)),
    command(
        "HPEXPIRE",
        "Lets fields expire after some milliseconds.",
        Arity::AtLeast(6),
    )
    .args(&[
        Arg::key("key", 0),
        Arg::integer("milliseconds"),
        CONDITION.since("9.0.0"),
        fields::FIELDS,
    ])
    .run(Exec::Keys(hpexpire)),
    command(
        "HEXPIREAT",
        "Lets fields expire at a Unix time in seconds.",
        Arity::AtLeast(6),
    )
    .args(&[
        Arg::key("key", 0),
        Arg::integer("unix-time-seconds"),
        CONDITION.since("9.0.0"),
        fields::FIELDS,
    ])
    .run(Exec::Keys(hexpireat)),
    command(
        "HPEXPIREAT",
        "Lets fields expire at a Unix time in milliseconds.",
        Arity::AtLeast(6),
    )
    .args(&[
        Arg::key("key", 0),
        Arg::integer("unix-time-milliseconds"),
        CONDITION.since("9.0.0"),
        fields::FIELDS,
    ])
    .run(Exec::Keys(hpexpireat)),
    command("HPERSIST", "Clears the expiry of fields.", Arity::AtLeast(5))
        .args(&[Arg::key("key", 0), fields::FIELDS])
        .run(Exec::Keys(hpersist)),
];

/// What the commands of this file answer for each field.
mod answer {
    /// There is no such field.
    pub const MISSING: i64 = -2;
    /// HPERSIST: the field does not expire.
    pub const FOREVER: i64 = -1;
    /// The condition did not hold.
    pub const REFUSED: i64 = 0;
    /// Done.
    pub const DONE: i64 = 1;
    /// The new time has passed, so the field is gone.
    pub const EXPIRED: i64 = 2;
}

fn hexpire(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    expire(ctx, args, ExpiryForm::EX, "hexpire")
}

fn hpexpire(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    expire(ctx, args, ExpiryForm::PX, "hpexpire")
}

fn hexpireat(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    expire(ctx, args, ExpiryForm::EXAT, "hexpireat")
}

fn hpexpireat(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    expire(ctx, args, ExpiryForm::PXAT, "hpexpireat")
}

fn expire(ctx: &mut Context<'_>, args: Args<'_>, form: ExpiryForm, command: &'static str) -> Ran {
    let key = args.at(1);
    let at = fields::find(args, 3)?;
    let condition = ExpiryCondition::parse(args, 3..at)?;
    let fields = fields::parse(args, at, 1)?;
    let deadline = form.deadline_from_now_on(args, 2, ctx.keys.now_ms(), command)?;
    let now = ctx.keys.horizon();
    let Some(hash) = ctx.keys.hash_mut(key)? else {
        return all_missing(ctx, fields.len());
    };
    ctx.reply.array(fields.len());
    let (mut set, mut expired) = (0, 0);
    for field in fields {
        let answer = match hash.expiry(field, now) {
            None => answer::MISSING,
            Some(present) if !condition.holds(present, deadline) => answer::REFUSED,
            Some(_) if deadline <= now => {
                expired += usize::from(hash.take_out(field));
                answer::EXPIRED
            }
            Some(_) => {
                hash.set_expiry(field, Some(deadline));
                set += 1;
                answer::DONE
            }
        };
        ctx.reply.int(answer);
    }
    let emptied = hash.is_empty();
    if set > 0 {
        ctx.keys.changed(key, Class::Hash, "hexpire");
    }
    if expired > 0 {
        ctx.keys.fields_expired(key, expired);
    }
    if emptied {
        ctx.keys.remove_emptied(key);
    }
    Ok(())
}

fn hpersist(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let fields = fields::parse_third(args, None)?;
    let now = ctx.keys.horizon();
    let Some(hash) = ctx.keys.hash_mut(key)? else {
        return all_missing(ctx, fields.len());
    };
    ctx.reply.array(fields.len());
    let mut cleared = 0;
    for field in fields {
        let answer = match hash.expiry(field, now) {
            None => answer::MISSING,
            Some(None) => answer::FOREVER,
            Some(Some(_)) => {
                hash.set_expiry(field, None);
                cleared += 1;
                answer::DONE
            }
        };
        ctx.reply.int(answer);
    }
    if cleared > 0 {
        ctx.keys.changed(key, Class::Hash, "hpersist");
    }
    Ok(())
}

fn all_missing(ctx: &mut Context<'_>, fields: usize) -> Ran {
    ctx.reply.array(fields);
    (0..fields).for_each(|_| ctx.reply.int(answer::MISSING));
    Ok(())
}
