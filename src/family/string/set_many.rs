//! Commands that store several strings at once.

use super::options::{Accepts, Condition, Expiry, FORMS, Options};
use super::set::{store, store_keeping_expiry};
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};

/// MSET and its relatives.
pub const COMMANDS: &[Command] = &[
    Command::new("MSET", "Sets the string values of several keys.", Group::String)
        .since("1.0.1")
        .complexity("O(N)")
        .arity(Arity::AtLeast(3))
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .acl(Acl::STRING)
        .keys(&[Key::at(1).range(-1, 2).flags(KeyFlags::OW | KeyFlags::UPDATE)])
        .args(&[Arg::block("data", PAIR).multiple()])
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .run(Exec::Keys(mset)),
    Command::new(
        "MSETNX",
        "Sets the string values of several keys if none of them exists.",
        Group::String,
    )
    .since("1.0.1")
    .complexity("O(N)")
    .arity(Arity::AtLeast(3))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::STRING)
    .keys(&[Key::at(1).range(-1, 2).flags(KeyFlags::OW | KeyFlags::INSERT)])
    .args(&[Arg::block("data", PAIR).multiple()])
    .run(Exec::Keys(msetnx)),
    Command::new(
        "MSETEX",
        "Sets the string values and the expiry of several keys, if all or none of them exist when asked.",
        Group::String,
    )
    .since("9.1.0")
    .complexity("O(N)")
    .arity(Arity::AtLeast(4))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::STRING)
    .keys(&[Key::at(1).counted(0, 1, 2).flags(KeyFlags::OW | KeyFlags::UPDATE)])
    .args(&[
        Arg::integer("numkeys"),
        Arg::block("data", PAIR).multiple(),
        Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")]).optional(),
        Arg::one_of("expiration", MSETEX_FORMS).optional(),
    ])
    .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
    .run(Exec::Keys(msetex)),
];

const PAIR: &[Arg] = &[Arg::key("key", 0), Arg::string("value")];

const MSETEX_FORMS: &[Arg] = &[FORMS[0], FORMS[1], FORMS[2], FORMS[3], Arg::word("keepttl", "KEEPTTL")];

/// The words of the pairs must be whole.
fn check_pairs(args: Args<'_>, command: &str) -> Result<(), Error> {
    if args.len() % 2 == 1 {
        Ok(())
    } else {
        Err(Error::Arity(command.into()))
    }
}

fn mset(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    check_pairs(args, "mset")?;
    for at in (1..args.len()).step_by(2) {
        store(ctx, args.at(at), args.at(at + 1), None);
    }
    ctx.reply.ok();
    Ok(())
}

fn msetnx(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    check_pairs(args, "msetnx")?;
    let free = (1..args.len()).step_by(2).all(|at| ctx.keys.get(args.at(at)).is_none());
    if free {
        for at in (1..args.len()).step_by(2) {
            store(ctx, args.at(at), args.at(at + 1), None);
        }
    }
    ctx.reply.int(i64::from(free));
    Ok(())
}

fn msetex(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let invalid = Error::Text("ERR invalid numkeys value or out of range");
    let count = args.int_in(1, 1..=i64::from(i32::MAX), invalid)? as usize;
    if count > (args.len() - 2) / 2 {
        return Err(Error::Syntax);
    }
    let end = 2 + 2 * count;
    let options = Options::parse(args, end, Accepts::MSetEx)?;
    let deadline = options.deadline(args, ctx.keys.now_ms(), "msetex")?;
    let mut keys = (2..end).step_by(2).map(|at| args.at(at));
    let holds = match options.condition {
        Some(Condition::Missing) => keys.all(|key| ctx.keys.get(key).is_none()),
        Some(Condition::Present) => keys.all(|key| ctx.keys.get(key).is_some()),
        Some(Condition::Equal(_)) | None => true,
    };
    if holds {
        for at in (2..end).step_by(2) {
            let (key, value) = (args.at(at), args.at(at + 1));
            if options.expiry == Some(Expiry::Keep) {
                store_keeping_expiry(ctx, key, value);
            } else {
                store(ctx, key, value, deadline);
            }
        }
    }
    ctx.reply.int(i64::from(holds));
    Ok(())
}
