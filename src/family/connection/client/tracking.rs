//! What a client that caches what it reads says about that: TRACKING (which the coordinator does), CACHING, TRACKINGINFO, GETREDIR.

use super::{OWN, OWN_BUSY, sub};
use crate::command::session::SessionContext;
use crate::command::tracking::{Mode, Tracking};
use crate::command::{Arg, Args, Arity, Command, Control, Error, Exec, Ran};

pub const CACHING: Command = sub("CACHING", "Says whether the next command's keys are tracked.")
    .since("6.0.0")
    .arity(Arity::Exactly(3))
    .flags(OWN_BUSY)
    .args(&[Arg::one_of("mode", &[Arg::word("yes", "YES"), Arg::word("no", "NO")])])
    .run(Exec::Session(caching));

pub const GETREDIR: Command = sub("GETREDIR", "Answers the client to which invalidations go.")
    .since("6.0.0")
    .arity(Arity::Exactly(2))
    .flags(OWN_BUSY)
    .run(Exec::Session(getredir));

pub const TRACKING: Command = sub(
    "TRACKING",
    "Tells the client when keys change that it has read, so that it can cache them.",
)
.since("6.0.0")
.arity(Arity::AtLeast(3))
.flags(OWN)
.args(&[
    Arg::one_of("status", &[Arg::word("on", "ON"), Arg::word("off", "OFF")]),
    Arg::integer("client-id").token("REDIRECT").optional(),
    Arg::string("prefix").token("PREFIX").optional().multiple_token(),
    Arg::word("bcast", "BCAST").optional(),
    Arg::word("optin", "OPTIN").optional(),
    Arg::word("optout", "OPTOUT").optional(),
    Arg::word("noloop", "NOLOOP").optional(),
])
.run(Exec::Control(Control::Tracking));

pub const TRACKINGINFO: Command = sub("TRACKINGINFO", "Tells how the connection's keys are tracked.")
    .since("6.2.0")
    .arity(Arity::Exactly(2))
    .flags(OWN)
    .run(Exec::Session(trackinginfo));

fn caching(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    let Some(tracking) = &mut ctx.session.tracking else {
        return Err(Error::Text(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    };
    let (mode, refusal) = if args.is(2, "YES") {
        (
            Mode::OptIn,
            "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
        )
    } else if args.is(2, "NO") {
        (
            Mode::OptOut,
            "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
        )
    } else {
        return Err(Error::Syntax);
    };
    if tracking.mode != mode {
        return Err(Error::Text(refusal));
    }
    tracking.caching = true;
    ctx.reply.ok();
    Ok(())
}

/// As CLIENT LIST and GETREDIR tell it: 0 for none, -1 without tracking.
pub fn redirect_told(tracking: Option<&Tracking>) -> i64 {
    tracking.map_or(-1, |tracking| {
        let client = tracking.redirect.map_or(0, |client| client.0);
        i64::try_from(client).expect("clients are counted from 1")
    })
}

fn getredir(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    ctx.reply.int(redirect_told(ctx.session.tracking.as_deref()));
    Ok(())
}

fn flags(tracking: &Tracking) -> Vec<&'static str> {
    let mut flags = vec!["on"];
    flags.extend(match tracking.mode {
        Mode::Reads => None,
        Mode::OptIn => Some("optin"),
        Mode::OptOut => Some("optout"),
        Mode::Broadcast => Some("bcast"),
    });
    flags.extend(match tracking.mode {
        Mode::OptIn if tracking.caching => Some("caching-yes"),
        Mode::OptOut if tracking.caching => Some("caching-no"),
        _ => None,
    });
    flags.extend(tracking.skips_own.then_some("noloop"));
    flags.extend(tracking.redirect_is_broken.then_some("broken_redirect"));
    flags
}

fn trackinginfo(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    let tracking = ctx.session.tracking.as_deref();
    let flags = tracking.map_or_else(|| vec!["off"], flags);
    ctx.reply.map(3);
    ctx.reply.bulk(b"flags");
    ctx.reply.set(flags.len());
    flags.iter().for_each(|flag| ctx.reply.bulk(flag.as_bytes()));
    ctx.reply.bulk(b"redirect");
    ctx.reply.int(redirect_told(tracking));
    ctx.reply.bulk(b"prefixes");
    ctx.reply.array(tracking.map_or(0, |tracking| tracking.prefixes.len()));
    for prefix in tracking.iter().flat_map(|tracking| &tracking.prefixes) {
        ctx.reply.bulk(prefix);
    }
    Ok(())
}
