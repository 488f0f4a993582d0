//! What a client says about itself: names, modes, capabilities.

use super::{ON_OFF, OWN, OWN_BUSY, check_name, sub};
use crate::command::session::{ReplyMode, SessionContext};
use crate::command::{Arg, Args, Arity, Command, Error, Exec, Flags, Ran};

pub const CAPA: Command = sub("CAPA", "Tells what the client is capable of.")
    .since("8.0.0")
    .arity(Arity::AtLeast(3))
    .flags(OWN_BUSY)
    .args(&[Arg::string("capability").multiple()])
    .run(Exec::Session(capa));

pub const GETNAME: Command = sub("GETNAME", "Answers the name of the connection.")
    .since("2.6.9")
    .arity(Arity::Exactly(2))
    .flags(OWN_BUSY)
    .run(Exec::Session(getname));

pub const ID: Command = sub("ID", "Answers the number of the connection, which is never used again.")
    .since("5.0.0")
    .arity(Arity::Exactly(2))
    .flags(OWN_BUSY)
    .run(Exec::Session(id));

pub const IMPORT_SOURCE: Command = sub("IMPORT-SOURCE", "Marks the client as the source of an import.")
    .since("8.1.0")
    .arity(Arity::Exactly(3))
    .flags(OWN)
    .args(&[ON_OFF])
    .run(Exec::Session(import_source));

pub const NO_EVICT: Command = sub("NO-EVICT", "Keeps the connection when memory is short.")
    .since("7.0.0")
    .arity(Arity::Exactly(3))
    .flags(OWN_BUSY.or(Flags::ADMIN))
    .args(&[ON_OFF])
    .run(Exec::Session(no_evict));

pub const NO_TOUCH: Command = sub("NO-TOUCH", "Leaves the access times of keys alone.")
    .since("7.2.0")
    .arity(Arity::Exactly(3))
    .flags(OWN_BUSY)
    .args(&[ON_OFF])
    .run(Exec::Session(no_touch));

pub const REPLY: Command = sub("REPLY", "Chooses which replies are sent.")
    .since("3.2.0")
    .arity(Arity::Exactly(3))
    .flags(OWN_BUSY.or(Flags::NO_MULTI))
    .args(&[Arg::one_of(
        "action",
        &[
            Arg::word("on", "ON"),
            Arg::word("off", "OFF"),
            Arg::word("skip", "SKIP"),
        ],
    )])
    .run(Exec::Session(reply));

pub const SETINFO: Command = sub("SETINFO", "Tells the client library's name or version.")
    .since("7.2.0")
    .arity(Arity::Exactly(4))
    .flags(OWN_BUSY)
    .args(&[Arg::one_of(
        "attr",
        &[
            Arg::string("libname").token("LIB-NAME"),
            Arg::string("libver").token("LIB-VER"),
        ],
    )])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .run(Exec::Session(setinfo));

pub const SETNAME: Command = sub("SETNAME", "Names the connection.")
    .since("2.6.9")
    .arity(Arity::Exactly(3))
    .flags(OWN_BUSY)
    .args(&[Arg::string("connection-name")])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .run(Exec::Session(setname));

fn capa(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    // What is not known is passed over, so that newer clients work.
    if (2..args.len()).any(|at| args.is(at, "redirect")) {
        ctx.session.redirect_capable = true;
    }
    ctx.reply.ok();
    Ok(())
}

fn getname(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    if ctx.session.name.is_empty() {
        ctx.reply.null();
    } else {
        ctx.reply.bulk(&ctx.session.name);
    }
    Ok(())
}

fn id(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    let client = i64::try_from(ctx.session.client.0).expect("clients are counted from 1");
    ctx.reply.int(client);
    Ok(())
}

fn import_source(_: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    Err(Error::Text("ERR Server is not in import mode"))
}

fn on_off(args: Args<'_>) -> Result<bool, Error> {
    match (args.is(2, "ON"), args.is(2, "OFF")) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(Error::Syntax),
    }
}

fn no_evict(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    ctx.session.no_evict = on_off(args)?;
    ctx.reply.ok();
    Ok(())
}

fn no_touch(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    ctx.session.no_touch = on_off(args)?;
    ctx.reply.ok();
    Ok(())
}

fn reply(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    if args.is(2, "ON") {
        ctx.session.reply_mode = ReplyMode::On;
        ctx.reply.ok();
    } else if args.is(2, "OFF") {
        ctx.session.reply_mode = ReplyMode::Off;
    } else if !args.is(2, "SKIP") {
        return Err(Error::Syntax);
    } else if ctx.session.reply_mode != ReplyMode::Off {
        ctx.session.reply_mode = ReplyMode::SkipThis;
    }
    Ok(())
}

fn setinfo(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    let field = match (args.is(2, "LIB-NAME"), args.is(2, "LIB-VER")) {
        (true, _) => &mut ctx.session.lib_name,
        (_, true) => &mut ctx.session.lib_version,
        _ => {
            return Err(Error::quoting("ERR Unrecognized option '", args.at(2), "'"));
        }
    };
    check_name(args.at(3), args.at(2))?;
    *field = args.at(3).into();
    ctx.reply.ok();
    Ok(())
}

fn setname(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    check_name(args.at(2), b"Client names")?;
    ctx.session.name = args.at(2).into();
    ctx.reply.ok();
    Ok(())
}
