//! CLIENT: what a client says about itself, and what operators do to clients.

mod control;
mod filter;
mod list;
mod own;
mod tracking;

use crate::command::session::SessionContext;
use crate::command::{Acl, Arg, Args, Arity, Command, Error, Exec, Flags, Group, Ran, syntax};

const OWN: Flags = Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE);
const OWN_BUSY: Flags = OWN.or(Flags::ALLOW_BUSY);
const OPERATOR: Flags = OWN.or(Flags::ADMIN);

const fn sub(name: &'static str, summary: &'static str) -> Command {
    Command::new(name, summary, Group::Connection)
        .inside("CLIENT")
        .acl(Acl::CONNECTION)
        .keeps_caching()
}

const ON_OFF: Arg = Arg::one_of("enabled", &[Arg::word("on", "ON"), Arg::word("off", "OFF")]);

const NOT_TYPE: &[Arg] = &[
    Arg::word("normal", "NORMAL"),
    Arg::word("master", "MASTER"),
    Arg::word("primary", "PRIMARY"),
    Arg::word("slave", "SLAVE"),
    Arg::word("replica", "REPLICA"),
    Arg::word("pubsub", "PUBSUB"),
];

pub const COMMANDS: &[Command] = &[
    Command::new("CLIENT", "Commands on client connections.", Group::Connection)
        .since("2.4.0")
        .complexity("Depends on subcommand.")
        .arity(Arity::AtLeast(2))
        .keeps_caching()
        .subcommands(SUBCOMMANDS),
];

const SUBCOMMANDS: &[Command] = &[
    tracking::CACHING,
    own::CAPA,
    own::GETNAME,
    tracking::GETREDIR,
    sub("HELP", "Tells what CLIENT can do.")
        .since("5.0.0")
        .arity(Arity::Exactly(2))
        .flags(Flags::LOADING.or(Flags::STALE))
        .run(Exec::Session(help)),
    own::ID,
    own::IMPORT_SOURCE,
    list::INFO,
    control::KILL,
    list::LIST,
    own::NO_EVICT,
    own::NO_TOUCH,
    control::PAUSE,
    own::REPLY,
    own::SETINFO,
    own::SETNAME,
    tracking::TRACKING,
    tracking::TRACKINGINFO,
    control::UNBLOCK,
    control::UNPAUSE,
];

fn help(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    syntax::write_help("CLIENT", SUBCOMMANDS, ctx.reply);
    Ok(())
}

/// Names must not break the lines of CLIENT LIST; `what` begins the error.
pub fn check_name(name: &[u8], what: &[u8]) -> Result<(), Error> {
    if name.iter().all(u8::is_ascii_graphic) {
        return Ok(());
    }
    Err(Error::Quoted(
        [
            b"ERR ",
            what,
            b" cannot contain spaces, newlines or special characters.",
        ]
        .concat(),
    ))
}
