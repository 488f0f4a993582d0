//! PING, ECHO, SELECT, QUIT, RESET.

use crate::base::id::DbIndex;
use crate::command::session::SessionContext;
use crate::command::{Acl, Arg, Args, Arity, Command, Control, Error, Exec, Flags, Group, Ran};

const ALWAYS: Flags = Flags::FAST.or(Flags::LOADING).or(Flags::STALE);
const UNAUTHENTICATED: Flags = ALWAYS.or(Flags::NO_AUTH).or(Flags::NOSCRIPT).or(Flags::ALLOW_BUSY);

pub const COMMANDS: &[Command] = &[
    Command::new("ECHO", "Answers its argument.", Group::Connection)
        .arity(Arity::Exactly(2))
        .flags(ALWAYS)
        .acl(Acl::CONNECTION)
        .args(&[Arg::string("message")])
        .run(Exec::Session(echo)),
    Command::new("PING", "Answers PONG, or its argument.", Group::Connection)
        .arity(Arity::AtLeast(1))
        .flags(Flags::FAST)
        .acl(Acl::CONNECTION)
        .args(&[Arg::string("message").optional()])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .for_subscribers()
        .run(Exec::Session(ping)),
    Command::new("QUIT", "Closes the connection.", Group::Connection)
        .arity(Arity::AtLeast(1))
        .flags(UNAUTHENTICATED)
        .acl(Acl::CONNECTION)
        .for_subscribers()
        .run(Exec::Control(Control::Quit)),
    Command::new(
        "RESET",
        "Brings the connection back to its first state.",
        Group::Connection,
    )
    .since("6.2.0")
    .arity(Arity::Exactly(1))
    .flags(UNAUTHENTICATED)
    .acl(Acl::CONNECTION)
    .for_subscribers()
    .run(Exec::Control(Control::Reset)),
    Command::new("SELECT", "Changes the selected database.", Group::Connection)
        .arity(Arity::Exactly(2))
        .flags(ALWAYS.or(Flags::ALLOW_BUSY))
        .acl(Acl::CONNECTION)
        .args(&[Arg::integer("index")])
        .run(Exec::Session(select)),
];

fn echo(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    ctx.reply.bulk(args.at(1));
    Ok(())
}

fn ping(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    if args.len() > 2 {
        return Err(Error::Arity("ping".to_owned()));
    }
    let message = args.get(1);
    if ctx.session.subscribed_only() {
        // A RESP2 subscriber tells replies from messages by their shape.
        ctx.reply.array(2);
        ctx.reply.bulk(b"pong");
        ctx.reply.bulk(message.unwrap_or_default());
        return Ok(());
    }
    match message {
        Some(message) => ctx.reply.bulk(message),
        None => ctx.reply.simple("PONG"),
    }
    Ok(())
}

fn select(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    let index = i32::try_from(args.int(1)?)
        .map_err(|_| Error::Text("ERR value is out of range, value must between -2147483648 and 2147483647"))?;
    match u32::try_from(index) {
        Ok(index) if (index as usize) < ctx.config.databases => ctx.session.db = DbIndex(index),
        _ => return Err(Error::DbOutOfRange),
    }
    ctx.reply.ok();
    Ok(())
}
