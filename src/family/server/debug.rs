//! DEBUG: what tests need of the server's inside.

use std::time::Duration;

use crate::command::context;
use crate::command::session::SessionContext;
use crate::command::{
    Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Guard, Key, KeyFlags, Local, Part, Ran, syntax,
};
use crate::keyspace::access;
use crate::protocol::reply::Reply;

const OPERATOR: Flags = Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE);

const GUARD: Guard = Guard {
    toggle: |config| config.enable_debug_command,
    refusal: "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a \
              local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
};

const fn sub(name: &'static str, summary: &'static str, arity: Arity) -> Command {
    Command::new(name, summary, Group::Server)
        .inside("DEBUG")
        .arity(arity)
        .flags(OPERATOR)
        .guarded(GUARD)
}

/// DEBUG.
pub const COMMANDS: &[Command] = &[
    Command::new("DEBUG", "Commands for tests of the server.", Group::Server)
        .complexity("Depends on subcommand.")
        .arity(Arity::AtLeast(2))
        .flags(OPERATOR)
        .guarded(GUARD)
        .system()
        .subcommands(SUBCOMMANDS),
];

const SUBCOMMANDS: &[Command] = &[
    sub("ERROR", "Answers this error.", Arity::Exactly(3))
        .args(&[Arg::string("text")])
        .run(Exec::Session(error)),
    sub("HELP", "Tells what DEBUG can do.", Arity::Exactly(2)).run(Exec::Session(help)),
    sub("OBJECT", "Tells how a value is stored.", Arity::AtLeast(3))
        .keys(&[Key::at(2).flags(KeyFlags::RO)])
        .args(&[Arg::key("key", 0)])
        .run(Exec::Keys(object)),
    sub(
        "SET-ACTIVE-EXPIRE",
        "Turns the search for expired keys off (0) or on (1).",
        Arity::Exactly(3),
    )
    .args(&[Arg::integer("on")])
    .run(Exec::Everywhere {
        changes: true,
        reroutes: crate::command::exec::reroutes_nothing,
        part: set_active_expire,
        combine: ok,
    }),
    sub(
        "SLEEP",
        "Stops the whole server for so many seconds.",
        Arity::Exactly(3),
    )
    .args(&[Arg::double("seconds")])
    .run(Exec::Everywhere {
        changes: true,
        reroutes: crate::command::exec::reroutes_nothing,
        part: sleep,
        combine: ok,
    }),
];

/// The longest stop, in seconds.
const SLEEP_MAX_S: f64 = 3600.0;

fn ok(_: &[Part], _: Args<'_>, reply: &mut Reply) {
    reply.ok();
}

fn error(_: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    Err(Error::Quoted(args.at(2).to_vec()))
}

fn help(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    syntax::write_help("DEBUG", SUBCOMMANDS, ctx.reply);
    Ok(())
}

fn object(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (now, how) = (ctx.keys.now_ms(), context::frequency(ctx.config));
    let entry = ctx.keys.inspect(args.at(2)).ok_or(Error::NoSuchKey)?;
    let access = entry.access();
    let used = match how {
        Some(how) => format!(
            "lfu_freq:{} lfu_access_time_minutes:{}",
            access::frequency(access, now, how),
            access >> 8
        ),
        None => format!("lru:{access} lru_seconds_idle:{}", access::idle_s(access, now)),
    };
    let text = format!(
        "Value at:0x0 refcount:1 encoding:{} serializedlength:{} {used}",
        entry.encoding(),
        entry.heap_bytes()
    );
    ctx.reply.simple(&text);
    Ok(())
}

fn set_active_expire(local: &mut dyn Local, args: Args<'_>) -> Result<Part, Error> {
    local.set_active_expire(args.int(2).unwrap_or(0) != 0);
    Ok(Part::default())
}

/// Every shard sleeps, so that nothing happens meanwhile; a word that is no number is 0, as for Valkey.
fn sleep(_: &mut dyn Local, args: Args<'_>) -> Result<Part, Error> {
    let seconds = args.float(2).unwrap_or(0.0).clamp(0.0, SLEEP_MAX_S);
    std::thread::sleep(Duration::from_secs_f64(seconds));
    Ok(Part::default())
}
