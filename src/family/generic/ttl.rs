//! Commands that tell when a key expires.

use crate::command::{Acl, Arg, Args, Arity, Command, Context, Exec, Flags, Group, Key, Ran};

/// The reply for a key that is not there.
const MISSING: i64 = -2;
/// The reply for a key that does not expire.
const FOREVER: i64 = -1;

/// TTL and its relatives.
pub const COMMANDS: &[Command] = &[
    Command::new("TTL", "Tells after how many seconds a key expires.", Group::Generic)
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::KEYSPACE)
        .keys(&[Key::at(1).read()])
        .args(&[Arg::key("key", 0)])
        .tips(&["nondeterministic_output"])
        .history(&[("2.8.0", "The reply -2.")])
        .run(Exec::Keys(ttl)),
    Command::new(
        "PTTL",
        "Tells after how many milliseconds a key expires.",
        Group::Generic,
    )
    .since("2.6.0")
    .arity(Arity::Exactly(2))
    .flags(Flags::READONLY.or(Flags::FAST))
    .acl(Acl::KEYSPACE)
    .keys(&[Key::at(1).read()])
    .args(&[Arg::key("key", 0)])
    .tips(&["nondeterministic_output"])
    .history(&[("2.8.0", "The reply -2.")])
    .run(Exec::Keys(pttl)),
    Command::new(
        "EXPIRETIME",
        "Tells the Unix time in seconds at which a key expires.",
        Group::Generic,
    )
    .since("7.0.0")
    .arity(Arity::Exactly(2))
    .flags(Flags::READONLY.or(Flags::FAST))
    .acl(Acl::KEYSPACE)
    .keys(&[Key::at(1).read()])
    .args(&[Arg::key("key", 0)])
    .run(Exec::Keys(expiretime)),
    Command::new(
        "PEXPIRETIME",
        "Tells the Unix time in milliseconds at which a key expires.",
        Group::Generic,
    )
    .since("7.0.0")
    .arity(Arity::Exactly(2))
    .flags(Flags::READONLY.or(Flags::FAST))
    .acl(Acl::KEYSPACE)
    .keys(&[Key::at(1).read()])
    .args(&[Arg::key("key", 0)])
    .run(Exec::Keys(pexpiretime)),
];

fn ttl(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now = ctx.keys.now_ms();
    reply_expiry(ctx, args, |at| nearest_second(at - now.0))
}

fn pttl(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now = ctx.keys.now_ms();
    reply_expiry(ctx, args, |at| at - now.0)
}

fn expiretime(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_expiry(ctx, args, nearest_second)
}

fn pexpiretime(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_expiry(ctx, args, |at| at)
}

/// Replies with what `shown` makes of the expiry, in Unix milliseconds; it lies ahead, or the key would be gone.
fn reply_expiry(ctx: &mut Context<'_>, args: Args<'_>, shown: impl FnOnce(i64) -> i64) -> Ran {
    let number = match ctx.keys.inspect(args.at(1)).map(|entry| entry.expires_at()) {
        None => MISSING,
        Some(None) => FOREVER,
        Some(Some(at)) => shown(at.0),
    };
    ctx.reply.int(number);
    Ok(())
}

fn nearest_second(milliseconds: i64) -> i64 {
    milliseconds / 1000 + i64::from(milliseconds % 1000 >= 500)
}
