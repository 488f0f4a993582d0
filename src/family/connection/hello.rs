//! HELLO and AUTH: which protocol, and who asks.

use super::client::check_name;
use crate::command::session::SessionContext;
use crate::command::{Acl, Arg, Args, Arity, Command, Error, Exec, Flags, Group, Ran};
use crate::config::Config;
use crate::protocol::reply::Resp;

/// The version whose behaviour clients may rely on.
const PEER_VERSION: &str = "9.1.2";

const FLAGS: Flags = Flags::FAST
    .or(Flags::LOADING)
    .or(Flags::STALE)
    .or(Flags::NO_AUTH)
    .or(Flags::NOSCRIPT)
    .or(Flags::ALLOW_BUSY);

pub const COMMANDS: &[Command] = &[
    Command::new("AUTH", "Tells who the client is.", Group::Connection)
        .complexity("O(N) where N is the number of passwords defined for the user")
        .arity(Arity::AtLeast(2))
        .flags(FLAGS)
        .acl(Acl::CONNECTION)
        .args(&[
            Arg::string("username").optional().since("6.0.0"),
            Arg::string("password"),
        ])
        .history(&[("6.0.0", "Takes a user name.")])
        .run(Exec::Session(auth)),
    Command::new(
        "HELLO",
        "Tells about the server, and changes the protocol.",
        Group::Connection,
    )
    .since("6.0.0")
    .arity(Arity::AtLeast(1))
    .flags(FLAGS)
    .acl(Acl::CONNECTION)
    .args(&[Arg::block(
        "arguments",
        &[
            Arg::integer("protover"),
            Arg::block("auth", &[Arg::string("username"), Arg::string("password")])
                .token("AUTH")
                .optional(),
            Arg::string("clientname").token("SETNAME").optional(),
        ],
    )
    .optional()])
    .history(&[("6.2.0", "The protocol version became optional.")])
    .run(Exec::Session(hello)),
];

/// Whether the password is right; without one configured, everybody is the default user.
fn log_in(config: &Config, user: &[u8], password: &[u8]) -> Result<(), Error> {
    let known = config.requirepass.as_bytes();
    let accepted = user == b"default" && (known.is_empty() || equal_in_constant_time(known, password));
    if accepted { Ok(()) } else { Err(Error::WrongPass) }
}

/// Compares without telling by its time how much of `given` is right.
fn equal_in_constant_time(known: &[u8], given: &[u8]) -> bool {
    let mut difference = u8::from(known.len() != given.len());
    for (at, byte) in given.iter().enumerate() {
        difference |= byte ^ known[at % known.len()];
    }
    std::hint::black_box(difference) == 0
}

fn auth(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    let (user, password) = match args.len() {
        2 if ctx.config.requirepass.is_empty() => return Err(Error::AuthNotConfigured),
        2 => (b"default".as_slice(), args.at(1)),
        3 => (args.at(1), args.at(2)),
        _ => return Err(Error::Syntax),
    };
    log_in(ctx.config, user, password)?;
    ctx.session.authenticated = true;
    ctx.reply.ok();
    Ok(())
}

fn hello(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    let resp = match args.get(1) {
        None => None,
        Some(_) => match args.int(1) {
            Ok(2) => Some(Resp::V2),
            Ok(3) => Some(Resp::V3),
            Ok(_) => return Err(Error::Text("NOPROTO unsupported protocol version")),
            Err(_) => return Err(Error::Text("ERR Protocol version is not an integer or out of range")),
        },
    };
    let mut credentials = None;
    let mut name = None;
    let mut at = 2;
    while let Some(option) = args.get(at) {
        if args.is(at, "AUTH") && at + 2 < args.len() {
            credentials = Some((args.at(at + 1), args.at(at + 2)));
            at += 3;
        } else if args.is(at, "SETNAME") && at + 1 < args.len() {
            check_name(args.at(at + 1), b"Client names")?;
            name = Some(args.at(at + 1));
            at += 2;
        } else {
            return Err(Error::quoting("ERR Syntax error in HELLO option '", option, "'"));
        }
    }
    if let Some((user, password)) = credentials {
        log_in(ctx.config, user, password)?;
        ctx.session.authenticated = true;
    }
    if !ctx.session.authenticated {
        return Err(Error::Text(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        ctx.session.name = name.into();
    }
    if let Some(resp) = resp {
        ctx.session.resp = resp;
        ctx.reply.set_resp(resp);
    }
    tell_about_server(ctx);
    Ok(())
}

fn tell_about_server(ctx: &mut SessionContext<'_>) {
    let client = i64::try_from(ctx.session.client.0).expect("clients are counted from 1");
    let reply = &mut *ctx.reply;
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"valkey");
    reply.bulk(b"version");
    reply.bulk(PEER_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.int(match ctx.session.resp {
        Resp::V2 => 2,
        Resp::V3 => 3,
    });
    reply.bulk(b"id");
    reply.int(client);
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(if ctx.config.is_replica() { b"replica" } else { b"master" });
    reply.bulk(b"modules");
    reply.array(0);
}
