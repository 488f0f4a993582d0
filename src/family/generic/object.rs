//! OBJECT: how a value is stored and when it was used.

use crate::command::context;
use crate::command::syntax::write_help;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::keyspace::access;

/// OBJECT.
pub const COMMANDS: &[Command] = &[Command::new(
    "OBJECT",
    "The subcommands that tell how a value is stored.",
    Group::Generic,
)
.since("2.2.3")
.complexity("Depends on the subcommand.")
.arity(Arity::AtLeast(2))
.subcommands(SUBCOMMANDS)];

const KEYS: &[Key] = &[Key::at(2).flags(KeyFlags::RO)];

const ARGS: &[Arg] = &[Arg::key("key", 0)];

const SUBCOMMANDS: &[Command] = &[
    Command::new(
        "ENCODING",
        "Tells the internal representation of a value.",
        Group::Generic,
    )
    .inside("OBJECT")
    .since("2.2.3")
    .arity(Arity::Exactly(3))
    .flags(Flags::READONLY)
    .acl(Acl::KEYSPACE)
    .keys(KEYS)
    .args(ARGS)
    .tips(&["nondeterministic_output"])
    .run(Exec::Keys(encoding)),
    Command::new(
        "FREQ",
        "Tells how often a value is used, on a logarithmic scale.",
        Group::Generic,
    )
    .inside("OBJECT")
    .since("4.0.0")
    .arity(Arity::Exactly(3))
    .flags(Flags::READONLY)
    .acl(Acl::KEYSPACE)
    .keys(KEYS)
    .args(ARGS)
    .tips(&["nondeterministic_output"])
    .run(Exec::Keys(freq)),
    Command::new("HELP", "Lists the subcommands.", Group::Generic)
        .inside("OBJECT")
        .since("6.2.0")
        .arity(Arity::Exactly(2))
        .flags(Flags::LOADING.or(Flags::STALE))
        .acl(Acl::KEYSPACE)
        .run(Exec::Keys(help)),
    Command::new(
        "IDLETIME",
        "Tells for how many seconds a value has not been used.",
        Group::Generic,
    )
    .inside("OBJECT")
    .since("2.2.3")
    .arity(Arity::Exactly(3))
    .flags(Flags::READONLY)
    .acl(Acl::KEYSPACE)
    .keys(KEYS)
    .args(ARGS)
    .tips(&["nondeterministic_output"])
    .run(Exec::Keys(idletime)),
    Command::new(
        "REFCOUNT",
        "Tells how many references to a value there are.",
        Group::Generic,
    )
    .inside("OBJECT")
    .since("2.2.3")
    .arity(Arity::Exactly(3))
    .flags(Flags::READONLY)
    .acl(Acl::KEYSPACE)
    .keys(KEYS)
    .args(ARGS)
    .tips(&["nondeterministic_output"])
    .run(Exec::Keys(refcount)),
];

const LFU_IS_OFF: Error = Error::Text(
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
);

const LFU_IS_ON: Error = Error::Text(
    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
);

fn encoding(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    match ctx.keys.inspect_quietly(args.at(2)).map(|entry| entry.encoding()) {
        Some(encoding) => ctx.reply.bulk(encoding.as_bytes()),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn freq(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (now, how) = (ctx.keys.now_ms(), context::frequency(ctx.config));
    match (ctx.keys.inspect_quietly(args.at(2)).map(|entry| entry.access()), how) {
        (None, _) => ctx.reply.null(),
        (Some(_), None) => return Err(LFU_IS_OFF),
        (Some(access), Some(how)) => ctx.reply.int(access::frequency(access, now, how).into()),
    }
    Ok(())
}

fn idletime(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now = ctx.keys.now_ms();
    match ctx.keys.inspect_quietly(args.at(2)).map(|entry| entry.access()) {
        None => ctx.reply.null(),
        Some(_) if ctx.config.maxmemory_policy.is_lfu() => return Err(LFU_IS_ON),
        Some(access) => ctx.reply.int(access::idle_s(access, now).into()),
    }
    Ok(())
}

fn refcount(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    match ctx.keys.inspect_quietly(args.at(2)) {
        Some(_) => ctx.reply.int(1),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn help(ctx: &mut Context<'_>, _: Args<'_>) -> Ran {
    write_help("OBJECT", SUBCOMMANDS, ctx.reply);
    Ok(())
}
