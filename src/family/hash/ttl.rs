//! Commands that tell when fields expire.

use super::{READS, fields, lookup};
use crate::base::time::UnixMillis;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Ran};

/// The answer for a field that is not there.
const MISSING: i64 = -2;
/// The answer for a field that does not expire.
const FOREVER: i64 = -1;

const ARGS: &[Arg] = &[Arg::key("key", 0), fields::FIELDS];

const fn command(name: &'static str, summary: &'static str) -> Command {
    Command::new(name, summary, Group::Hash)
        .since("9.0.0")
        .complexity("O(N)")
        .arity(Arity::AtLeast(5))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(READS)
        .args(ARGS)
}

/// HTTL and its relatives.
pub const COMMANDS: &[Command] = &[
    command("HTTL", "Tells after how many seconds fields expire.").run(Exec::Keys(httl)),
    command("HPTTL", "Tells after how many milliseconds fields expire.").run(Exec::Keys(hpttl)),
    command("HEXPIRETIME", "Tells the Unix time in seconds at which fields expire.").run(Exec::Keys(hexpiretime)),
    command(
        "HPEXPIRETIME",
        "Tells the Unix time in milliseconds at which fields expire.",
    )
    .run(Exec::Keys(hpexpiretime)),
];

fn httl(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_expiries(ctx, args, |at, now| nearest_second(at.0 - now.0))
}

fn hpttl(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_expiries(ctx, args, |at, now| at.0 - now.0)
}

fn hexpiretime(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_expiries(ctx, args, |at, _| nearest_second(at.0))
}

fn hpexpiretime(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_expiries(ctx, args, |at, _| at.0)
}

/// Replies with what `shown` makes of each field's expiry and the time.
fn reply_expiries(ctx: &mut Context<'_>, args: Args<'_>, shown: impl Fn(UnixMillis, UnixMillis) -> i64) -> Ran {
    let fields = fields::parse_third(args, Some(Error::Syntax))?;
    let now = ctx.keys.now_ms();
    let hash = lookup(&mut ctx.keys, args.at(1))?;
    ctx.reply.array(fields.len());
    for field in fields {
        ctx.reply.int(match hash.and_then(|hash| hash.expiry(field, now)) {
            None => MISSING,
            Some(None) => FOREVER,
            Some(Some(at)) => shown(at, now),
        });
    }
    Ok(())
}

fn nearest_second(milliseconds: i64) -> i64 {
    milliseconds / 1000 + i64::from(milliseconds % 1000 >= 500)
}
