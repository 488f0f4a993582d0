//! What operators do to clients: KILL, UNBLOCK, PAUSE, UNPAUSE.

use super::filter::{Filter, YES_NO};
use super::{NOT_TYPE, OPERATOR, sub};
use crate::base::id::ClientId;
use crate::command::local::Unblock;
use crate::command::{Arg, Args, Arity, Command, Error, Exec, Local, Part};
use crate::protocol::reply::Reply;

pub const KILL: Command = sub("KILL", "Closes connections.")
    .since("2.4.0")
    .complexity("O(N) where N is the number of client connections")
    .arity(Arity::AtLeast(3))
    .flags(OPERATOR)
    .args(&[Arg::one_of(
        "filter",
        &[
            Arg::string("old-format").display("ip:port").deprecated_since("2.8.12"),
            Arg::one_of("new-format", NEW_FORMAT).multiple(),
        ],
    )])
    .run(Exec::Everywhere {
        changes: true,
        reroutes: crate::command::exec::reroutes_nothing,
        part: kill_part,
        combine: kill_combine,
    });

const NEW_FORMAT: &[Arg] = &[
    Arg::integer("client-id")
        .token("ID")
        .optional()
        .multiple()
        .since("2.8.12"),
    Arg::one_of("client-type", TYPE)
        .token("TYPE")
        .optional()
        .since("2.8.12"),
    Arg::string("username").token("USER").optional(),
    Arg::string("addr").token("ADDR").optional().display("ip:port"),
    Arg::string("laddr")
        .token("LADDR")
        .optional()
        .display("ip:port")
        .since("6.2.0"),
    Arg::one_of("skipme", YES_NO).token("SKIPME").optional(),
    Arg::integer("maxage").token("MAXAGE").optional().since("8.0.0"),
    Arg::string("name").token("NAME").optional().since("9.0.0"),
    Arg::integer("idle").token("IDLE").optional().since("9.0.0"),
    Arg::string("flags").token("FLAGS").optional().since("9.0.0"),
    Arg::string("lib-name").token("LIB-NAME").optional().since("9.0.0"),
    Arg::string("lib-ver").token("LIB-VER").optional().since("9.0.0"),
    Arg::integer("db").token("DB").optional().since("9.0.0"),
    Arg::string("capa").token("CAPA").optional().since("9.0.0"),
    Arg::string("ip").token("IP").optional().since("9.0.0"),
    Arg::one_of("not-client-type", NOT_TYPE)
        .token("NOT-TYPE")
        .optional()
        .since("9.0.0"),
    Arg::integer("not-client-id")
        .token("NOT-ID")
        .optional()
        .multiple()
        .since("9.0.0"),
    Arg::string("not-username").token("NOT-USER").optional().since("9.0.0"),
    Arg::string("not-addr")
        .token("NOT-ADDR")
        .display("ip:port")
        .optional()
        .since("9.0.0"),
    Arg::string("not-laddr")
        .token("NOT-LADDR")
        .display("ip:port")
        .optional()
        .since("9.0.0"),
    Arg::string("not-name").token("NOT-NAME").optional().since("9.0.0"),
    Arg::string("not-flags").token("NOT-FLAGS").optional().since("9.0.0"),
    Arg::string("not-lib-name")
        .token("NOT-LIB-NAME")
        .optional()
        .since("9.0.0"),
    Arg::string("not-lib-ver")
        .token("NOT-LIB-VER")
        .optional()
        .since("9.0.0"),
    Arg::integer("not-db").token("NOT-DB").optional().since("9.0.0"),
    Arg::string("not-capa").token("NOT-CAPA").optional().since("9.0.0"),
    Arg::string("not-ip").token("NOT-IP").optional().since("9.0.0"),
];

const TYPE: &[Arg] = &[
    NOT_TYPE[0],
    NOT_TYPE[1].since("3.2.0"),
    NOT_TYPE[2].since("8.0.0"),
    NOT_TYPE[3],
    NOT_TYPE[4].since("5.0.0"),
    NOT_TYPE[5],
];

pub const PAUSE: Command = sub("PAUSE", "Holds commands back for a time.")
    .since("3.0.0")
    .arity(Arity::AtLeast(3))
    .flags(OPERATOR)
    .args(&[
        Arg::integer("timeout"),
        Arg::one_of("mode", &[Arg::word("write", "WRITE"), Arg::word("all", "ALL")])
            .optional()
            .since("6.2.0"),
    ])
    .history(&[("6.2.0", "Takes a mode.")])
    .run(Exec::Everywhere {
        changes: true,
        reroutes: crate::command::exec::reroutes_nothing,
        part: pause_part,
        combine: ok,
    });

pub const UNBLOCK: Command = sub("UNBLOCK", "Ends the waiting of a blocked client.")
    .since("5.0.0")
    .complexity("O(log N) where N is the number of client connections")
    .arity(Arity::AtLeast(3))
    .flags(OPERATOR)
    .args(&[
        Arg::integer("client-id"),
        Arg::one_of(
            "unblock-type",
            &[Arg::word("timeout", "TIMEOUT"), Arg::word("error", "ERROR")],
        )
        .optional(),
    ])
    .run(Exec::Everywhere {
        changes: true,
        reroutes: crate::command::exec::reroutes_nothing,
        part: unblock_part,
        combine: unblock_combine,
    });

pub const UNPAUSE: Command = sub("UNPAUSE", "Ends a pause.")
    .since("6.2.0")
    .complexity("O(N) Where N is the number of paused clients")
    .arity(Arity::Exactly(2))
    .flags(OPERATOR)
    .run(Exec::Everywhere {
        changes: true,
        reroutes: crate::command::exec::reroutes_nothing,
        part: unpause_part,
        combine: ok,
    });

fn kill_part(local: &mut dyn Local, args: Args<'_>) -> Result<Part, Error> {
    let (now, caller) = (local.now(), local.caller());
    let mut condemned: Vec<ClientId> = Vec::new();
    if args.len() == 3 {
        let address = args.at(2);
        local.each_session(&mut |session| {
            if session.address.as_bytes() == address {
                condemned.push(session.client);
            }
        });
    } else {
        let filter = Filter::parse(args, 2, true, local.config().databases)?;
        local.each_session(&mut |session| {
            if filter.takes(session, now, caller) {
                condemned.push(session.client);
            }
        });
    }
    let killed = condemned.into_iter().filter(|&client| local.kill(client)).count();
    Ok(Part::count(killed as i64))
}

fn kill_combine(parts: &[Part], args: Args<'_>, reply: &mut Reply) {
    match (args.len(), total(parts)) {
        (3, 0) => reply.error("ERR No such client"),
        (3, _) => reply.ok(),
        (_, killed) => reply.int(killed),
    }
}

fn total(parts: &[Part]) -> i64 {
    parts.iter().map(|part| part.count).sum()
}

fn ok(_: &[Part], _: Args<'_>, reply: &mut Reply) {
    reply.ok();
}

fn pause_part(local: &mut dyn Local, args: Args<'_>) -> Result<Part, Error> {
    let writes_only = match args.get(3) {
        None => false,
        Some(_) if args.is(3, "WRITE") => true,
        Some(_) if args.is(3, "ALL") => false,
        Some(_) => return Err(Error::Text("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let timeout_ms = args
        .int(2)
        .map_err(|_| Error::Text("ERR timeout is not an integer or out of range"))?;
    if timeout_ms < 0 {
        return Err(Error::TimeoutNegative);
    }
    let until = local.now().unix_ms().0.checked_add(timeout_ms);
    local.pause(until.ok_or(Error::TimeoutOutOfRange)?, writes_only);
    Ok(Part::default())
}

fn unpause_part(local: &mut dyn Local, _: Args<'_>) -> Result<Part, Error> {
    local.pause(0, false);
    Ok(Part::default())
}

fn unblock_part(local: &mut dyn Local, args: Args<'_>) -> Result<Part, Error> {
    let how = match args.get(3) {
        None => Unblock::Timeout,
        Some(_) if args.is(3, "TIMEOUT") => Unblock::Timeout,
        Some(_) if args.is(3, "ERROR") => Unblock::Error,
        Some(_) => return Err(Error::Text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let released = u64::try_from(args.int(2)?).is_ok_and(|client| local.unblock(ClientId(client), how));
    Ok(Part::count(i64::from(released)))
}

fn unblock_combine(parts: &[Part], _: Args<'_>, reply: &mut Reply) {
    reply.int(total(parts));
}
