//! CORELANE: what only this server can tell.

use crate::base::hash::{owner, slot};
use crate::command::session::SessionContext;
use crate::command::{Arg, Args, Arity, Command, Error, Exec, Flags, Group, Ran, syntax};
use crate::config::affinity::{Affinity, Why};

const fn sub(name: &'static str, summary: &'static str, arity: Arity) -> Command {
    Command::new(name, summary, Group::Server)
        .inside("CORELANE")
        .arity(arity)
        .flags(Flags::LOADING.or(Flags::STALE))
}

/// CORELANE.
pub const COMMANDS: &[Command] = &[
    Command::new("CORELANE", "Commands on what only this server has.", Group::Server)
        .arity(Arity::AtLeast(2))
        .subcommands(SUBCOMMANDS),
];

const SUBCOMMANDS: &[Command] = &[
    sub("HELP", "Tells what CORELANE can do.", Arity::Exactly(2)).run(Exec::Session(help)),
    sub(
        "ROUTE",
        "Tells the shard and the slot of keys, and which part of each decides.",
        Arity::AtLeast(3),
    )
    .complexity("O(N) when N is the number of keys")
    .args(&[Arg::string("key").multiple()])
    .run(Exec::Session(route)),
];

fn help(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    syntax::write_help("CORELANE", SUBCOMMANDS, ctx.reply);
    Ok(())
}

fn route(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    let rules = Affinity::new(&ctx.config.affinity).map_err(|error| Error::Composed(format!("ERR {error}")))?;
    let keys = args.from(2);
    ctx.reply.array(keys.len());
    for key in keys {
        let (part, why) = rules.explain(key);
        let slot = slot(part);
        ctx.reply.map(5);
        ctx.reply.bulk(b"key");
        ctx.reply.bulk(key);
        ctx.reply.bulk(b"shard");
        ctx.reply.int(owner(slot, ctx.shards).0.into());
        ctx.reply.bulk(b"slot");
        ctx.reply.int(slot.0.into());
        ctx.reply.bulk(b"part");
        ctx.reply.bulk(part);
        ctx.reply.bulk(b"rule");
        match why {
            Why::Tag => ctx.reply.bulk(b"hash tag"),
            Why::Rule(rule) => ctx.reply.bulk(rule.as_bytes()),
            Why::Key => ctx.reply.bulk(b"whole key"),
        }
    }
    Ok(())
}
