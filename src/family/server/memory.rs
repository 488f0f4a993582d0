//! MEMORY: what values take.

use super::info::Facts;
use super::memory_report::{doctor, stats};
use crate::command::session::SessionContext;
use crate::command::{Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Part, Ran, syntax};

const fn sub(name: &'static str, summary: &'static str) -> Command {
    Command::new(name, summary, Group::Server)
        .inside("MEMORY")
        .since("4.0.0")
}

/// MEMORY.
pub const COMMANDS: &[Command] = &[Command::new("MEMORY", "Commands on memory.", Group::Server)
    .since("4.0.0")
    .complexity("Depends on subcommand.")
    .arity(Arity::AtLeast(2))
    .subcommands(SUBCOMMANDS)];

/// Whatever is told of all shards together.
const TOLD: &[&str] = &[
    "nondeterministic_output",
    "request_policy:all_shards",
    "response_policy:special",
];

const SUBCOMMANDS: &[Command] = &[
    sub("DOCTOR", "Tells what is wrong with the memory, if anything.")
        .complexity("O(1)")
        .arity(Arity::Exactly(2))
        .tips(TOLD)
        .run(Exec::Everywhere {
            changes: false,
            reroutes: crate::command::exec::reroutes_nothing,
            part: |local, _| Ok(Facts::part(local)),
            combine: |parts, _, reply| doctor(&Facts::new(parts), reply),
        }),
    sub("HELP", "Tells what MEMORY can do.")
        .arity(Arity::Exactly(2))
        .flags(Flags::LOADING.or(Flags::STALE))
        .run(Exec::Session(help)),
    sub("MALLOC-STATS", "Tells what the allocator tells of itself.")
        .complexity("")
        .arity(Arity::Exactly(2))
        .flags(Flags::LOADING)
        .tips(TOLD)
        .run(Exec::Session(malloc_stats)),
    sub("PURGE", "Has the allocator give back what it does not use.")
        .complexity("")
        .arity(Arity::Exactly(2))
        .flags(Flags::LOADING)
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .run(Exec::Everywhere {
            changes: true,
            reroutes: crate::command::exec::reroutes_nothing,
            part: |local, _| {
                local.purge_memory();
                Ok(Part::default())
            },
            combine: |_, _, reply| reply.ok(),
        }),
    sub("STATS", "Tells what takes memory.")
        .complexity("O(1)")
        .arity(Arity::Exactly(2))
        .tips(TOLD)
        .run(Exec::Everywhere {
            changes: false,
            reroutes: crate::command::exec::reroutes_nothing,
            part: |local, _| Ok(Facts::part(local)),
            combine: |parts, _, reply| stats(&Facts::new(parts), reply),
        }),
    sub("USAGE", "Answers how many bytes a key and its value take.")
        .complexity("O(N) where N is the number of samples.")
        .arity(Arity::AtLeast(3))
        .flags(Flags::READONLY)
        .keys(&[Key::at(2).flags(KeyFlags::RO)])
        .args(&[Arg::key("key", 0), Arg::integer("count").token("SAMPLES").optional()])
        .run(Exec::Keys(usage)),
];

fn help(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    syntax::write_help("MEMORY", SUBCOMMANDS, ctx.reply);
    Ok(())
}

/// Valkey's answer with any allocator but jemalloc.
fn malloc_stats(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    ctx.reply.bulk(b"Stats not supported for the current allocator");
    Ok(())
}

/// Bytes are counted, not sampled, so that SAMPLES is only checked.
fn usage(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let mut at = 3;
    while at < args.len() {
        if !args.is(at, "SAMPLES") || at + 1 >= args.len() {
            return Err(Error::Syntax);
        }
        if args.int(at + 1)? < 0 {
            return Err(Error::Syntax);
        }
        at += 2;
    }
    match ctx.keys.inspect_quietly(args.at(2)).map(|entry| entry.heap_bytes()) {
        Some(bytes) => ctx.reply.count(bytes),
        None => ctx.reply.null(),
    }
    Ok(())
}
