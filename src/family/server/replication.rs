//! REPLICAOF, SLAVEOF, ROLE: of which primary this server is a replica.

use crate::base::number::parse_i64;
use crate::command::{Acl, Arg, Args, Arity, Command, Error, Exec, Flags, Group, Local, Part};
use crate::protocol::reply::Reply;

const REPLICAOF_ARGS: &[Arg] = &[Arg::one_of(
    "args",
    &[
        Arg::block("host-port", &[Arg::string("host"), Arg::integer("port")]),
        Arg::block("no-one", &[Arg::word("no", "NO"), Arg::word("one", "ONE")]),
    ],
)];

const fn turns(name: &'static str, summary: &'static str) -> Command {
    Command::new(name, summary, Group::Server)
        .complexity("O(1)")
        .arity(Arity::Exactly(3))
        .flags(
            Flags::ADMIN
                .or(Flags::NOSCRIPT)
                .or(Flags::STALE)
                .or(Flags::NO_ASYNC_LOADING),
        )
        .args(REPLICAOF_ARGS)
        .run(Exec::Everywhere {
            changes: true,
            reroutes: crate::command::exec::reroutes_nothing,
            part: turn,
            combine: turned,
        })
}

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    turns("REPLICAOF", "Makes the server a replica of another one, or of none.").since("5.0.0"),
    Command::new("ROLE", "Tells whether this is a primary or a replica.", Group::Server)
        .since("2.8.12")
        .arity(Arity::Exactly(1))
        .flags(Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE).or(Flags::FAST))
        .acl(Acl::ADMIN.or(Acl::DANGEROUS))
        .run(Exec::Everywhere {
            changes: false,
            reroutes: crate::command::exec::reroutes_nothing,
            part: role,
            combine: tell_role,
        }),
    turns("SLAVEOF", "Makes the server a replica of another one, or of none.")
        .since("1.0.0")
        .deprecated("5.0.0", "`REPLICAOF`"),
];

/// Host and port that the words tell, or nothing.
fn primary(args: Args<'_>) -> Result<Vec<String>, Error> {
    if args.is(1, "NO") && args.is(2, "ONE") {
        return Ok(Vec::new());
    }
    let port = parse_i64(args.at(2)).and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or(Error::Text("ERR Invalid master port"))?;
    let host = std::str::from_utf8(args.at(1)).map_err(|_| Error::Text("ERR Invalid master host"))?;
    Ok(vec![host.to_owned(), port.to_string()])
}

/// A node takes over what is wanted; its count tells whether that is new.
fn turn(local: &mut dyn Local, args: Args<'_>) -> Result<Part, Error> {
    let wanted = primary(args)?;
    let present = &mut local.config().replicaof;
    let same = present.len() == wanted.len()
        && present
            .iter()
            .zip(&wanted)
            .all(|(one, other)| one.eq_ignore_ascii_case(other));
    if !same {
        *present = wanted;
    }
    Ok(Part::count(i64::from(!same)))
}

fn turned(parts: &[Part], args: Args<'_>, reply: &mut Reply) {
    let is_new = parts.iter().any(|part| part.count > 0);
    if is_new || primary(args).is_ok_and(|primary| primary.is_empty()) {
        return reply.ok();
    }
    reply.simple("OK Already connected to specified master");
}

fn role(local: &mut dyn Local, _: Args<'_>) -> Result<Part, Error> {
    let mut part = Part::default();
    if local.shard().index() == 0
        && let [host, port] = local.config().replicaof.clone().as_slice()
    {
        let (state, offset) = local.primary_link().position();
        let port = port.parse().expect("a port is a number");
        part.numbers = vec![port, offset];
        part.texts = vec![("host", host.clone()), ("state", state.to_owned())];
    }
    Ok(part)
}

fn tell_role(parts: &[Part], _: Args<'_>, reply: &mut Reply) {
    let told = parts
        .first()
        .map(|part| (part.texts.as_slice(), part.numbers.as_slice()));
    let Some(([(_, host), (_, state)], [port, offset])) = told else {
        reply.array(3);
        reply.bulk(b"master");
        reply.int(0);
        return reply.array(0);
    };
    reply.array(5);
    reply.bulk(b"slave");
    reply.bulk(host.as_bytes());
    reply.int(*port);
    reply.bulk(state.as_bytes());
    reply.int(*offset);
}
