//! WAIT and WAITAOF: waiting until writes have reached others, or the disk. There are no replicas, so who asks for some waits until the time is up.
//! With `appendfsync always` what was answered is on disk.

use crate::command::{Acl, Arg, Args, Arity, Attempt, Command, Context, Error, Exec, Flags, Group};
use crate::config::SyncPolicy;
use crate::protocol::reply::Reply;
use crate::types::Kind;

const fn waits(name: &'static str, summary: &'static str) -> Command {
    Command::new(name, summary, Group::Generic)
        .flags(Flags::BLOCKING)
        .acl(Acl::CONNECTION)
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
}

/// WAIT and WAITAOF.
pub const COMMANDS: &[Command] = &[
    waits("WAIT", "Waits until replicas have what the connection has written.")
        .since("3.0.0")
        .arity(Arity::Exactly(3))
        .args(&[Arg::integer("numreplicas"), Arg::integer("timeout")])
        .run(Exec::Blocking {
            attempt: wait,
            timeout: |args| {
                args.int(1)?;
                args.timeout_ms(2)
            },
            timed_out: write_replicas,
            denied: write_replicas,
            waits_for: Kind::String,
        }),
    waits(
        "WAITAOF",
        "Waits until the append-only files have what the connection has written.",
    )
    .since("7.2.0")
    .arity(Arity::Exactly(4))
    .args(&[
        Arg::integer("numlocal"),
        Arg::integer("numreplicas"),
        Arg::integer("timeout"),
    ])
    .run(Exec::Blocking {
        attempt: waitaof,
        timeout: |args| {
            counts(args)?;
            args.timeout_ms(3)
        },
        timed_out: write_files,
        denied: write_files,
        waits_for: Kind::String,
    }),
];

/// Of how many files here and at replicas WAITAOF asks.
fn counts(args: Args<'_>) -> Result<(i64, i64), Error> {
    let local = args.int(1)?;
    if !(0..=1).contains(&local) {
        return Err(Error::Text("ERR value is out of range, value must between 0 and 1"));
    }
    let replicas = args.int_in(2, 0..=i64::MAX, Error::NotPositive)?;
    Ok((local, replicas))
}

/// Refused on a replica, which has no replicas of its own.
const ON_REPLICA: Error = Error::Text(
    "ERR WAIT cannot be used with replica instances. Please also note that if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.",
);
const AOF_ON_REPLICA: Error = Error::Text(
    "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are not propagated.",
);

fn wait(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Attempt, Error> {
    if ctx.config.is_replica() {
        return Err(ON_REPLICA);
    }
    if args.int(1)? > 0 {
        return Ok(Attempt::Nothing);
    }
    write_replicas(ctx.reply);
    Ok(Attempt::Served)
}

fn waitaof(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Attempt, Error> {
    let (local, replicas) = counts(args)?;
    if ctx.config.is_replica() {
        return Err(AOF_ON_REPLICA);
    }
    if local > 0 && !ctx.config.appendonly {
        return Err(Error::Text(
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    let is_on_disk = ctx.config.appendonly && ctx.config.appendfsync == SyncPolicy::Always;
    if local > 0 && !is_on_disk {
        return Err(Error::Text("ERR WAITAOF with numlocal needs appendfsync always."));
    }
    if replicas > 0 {
        return Ok(Attempt::Nothing);
    }
    ctx.reply.array(2);
    ctx.reply.int(i64::from(is_on_disk));
    ctx.reply.int(0);
    Ok(Attempt::Served)
}

/// How many replicas have everything: none.
fn write_replicas(reply: &mut Reply) {
    reply.int(0);
}

/// How many files here and at replicas are known to have everything when replicas were asked for: none.
fn write_files(reply: &mut Reply) {
    reply.array(2);
    reply.int(0);
    reply.int(0);
}
