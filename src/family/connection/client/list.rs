//! CLIENT LIST and CLIENT INFO: sessions as lines of text.

use super::filter::Filter;
use super::tracking::redirect_told;
use super::{NOT_TYPE, OPERATOR, OWN, sub};
use crate::base::time::Now;
use crate::command::session::SessionContext;
use crate::command::{Arg, Args, Arity, Command, Error, Exec, Local, Part, Ran, Session};
use crate::protocol::reply::{Reply, Resp};

pub const INFO: Command = sub("INFO", "Tells about the connection.")
    .since("6.2.0")
    .arity(Arity::Exactly(2))
    .flags(OWN)
    .tips(&["nondeterministic_output"])
    .run(Exec::Session(info));

pub const LIST: Command = sub("LIST", "Tells about open connections.")
    .since("2.4.0")
    .complexity("O(N) where N is the number of client connections")
    .arity(Arity::AtLeast(2))
    .flags(OPERATOR)
    .args(&[
        Arg::one_of("client-type", TYPE).token("TYPE").optional().since("5.0.0"),
        Arg::integer("client-id")
            .token("ID")
            .optional()
            .multiple()
            .since("6.2.0"),
        Arg::string("username").token("USER").optional().since("8.1.0"),
        Arg::string("addr")
            .token("ADDR")
            .display("ip:port")
            .optional()
            .since("8.1.0"),
        Arg::string("laddr")
            .token("LADDR")
            .display("ip:port")
            .optional()
            .since("8.1.0"),
        Arg::one_of("skipme", super::filter::YES_NO)
            .token("SKIPME")
            .optional()
            .since("8.1.0"),
        Arg::integer("maxage").token("MAXAGE").optional().since("8.1.0"),
        Arg::string("name").token("NAME").optional().since("9.0.0"),
        Arg::integer("idle").token("IDLE").optional().since("9.0.0"),
        Arg::string("flags").token("FLAGS").optional().since("9.0.0"),
        Arg::string("lib-name").token("LIB-NAME").optional().since("9.0.0"),
        Arg::string("lib-ver").token("LIB-VER").optional().since("9.0.0"),
        Arg::integer("db").token("DB").optional().since("9.0.0"),
        Arg::string("capa").token("CAPA").optional().since("9.0.0"),
        Arg::string("ip").token("IP").optional().since("9.0.0"),
        Arg::one_of("not-client-type", TYPE)
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
    ])
    .tips(&["nondeterministic_output"])
    .run(Exec::Everywhere {
        changes: false,
        reroutes: crate::command::exec::reroutes_nothing,
        part: list_part,
        combine: list_combine,
    });

const TYPE: &[Arg] = &[NOT_TYPE[0], NOT_TYPE[1], NOT_TYPE[4], NOT_TYPE[5]];

fn info(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    let line = line(ctx.session, ctx.now);
    ctx.reply.verbatim("txt", line.as_bytes());
    Ok(())
}

fn list_part(local: &mut dyn Local, args: Args<'_>) -> Result<Part, Error> {
    let filter = Filter::parse(args, 2, false, local.config().databases)?;
    let (now, caller) = (local.now(), local.caller());
    let mut lines = String::new();
    local.each_session(&mut |session| {
        if filter.takes(session, now, caller) {
            lines.push_str(&line(session, now));
        }
    });
    Ok(Part::bytes(lines.into_bytes()))
}

/// Lines of all shards in the order in which the clients connected.
fn list_combine(parts: &[Part], _: Args<'_>, reply: &mut Reply) {
    let mut lines: Vec<&[u8]> = parts
        .iter()
        .flat_map(|part| part.bytes.split_inclusive(|&byte| byte == b'\n'))
        .collect();
    lines.sort_by_key(|line| client_of(line));
    reply.verbatim("txt", &lines.concat());
}

/// The number in the `id=` with which a line begins.
fn client_of(line: &[u8]) -> u64 {
    let digits = line.iter().skip("id=".len()).take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit & 0x0f))
}

/// The letters that tell a client's state.
pub fn flags(session: &Session) -> String {
    let tracking = session.tracking.as_deref();
    let unix = session.local_address.ends_with(":0");
    let letters = [
        (session.from_primary, 'M'),
        (session.monitor, 'O'),
        (session.is_subscriber(), 'P'),
        (session.multi.is_some(), 'x'),
        (session.blocked, 'b'),
        (tracking.is_some(), 't'),
        (tracking.is_some_and(|tracking| tracking.redirect_is_broken), 'R'),
        (tracking.is_some_and(|tracking| tracking.is_broadcast()), 'B'),
        (session.closing, 'c'),
        (unix, 'U'),
        (session.no_evict && !session.from_primary, 'e'),
        (session.no_touch, 'T'),
    ];
    let set: String = letters
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, letter)| *letter)
        .collect();
    if set.is_empty() { "N".to_owned() } else { set }
}

fn line(session: &Session, now: Now) -> String {
    let queued = match &session.multi {
        Some(multi) => multi.queue.len() as i64,
        None if session.watched.is_empty() => -1,
        None => 0,
    };
    let multi_bytes = session.queued_bytes();
    let total = size_of::<Session>() + session.input_bytes + session.output_bytes + multi_bytes + session.names_bytes();
    let command = session
        .last_command
        .map_or_else(|| "NULL".to_owned(), |command| command.full_name());
    let resp = match session.resp {
        Resp::V2 => 2,
        Resp::V3 => 3,
    };
    format!(
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} capa={} db={} sub={} psub={} ssub={} multi={queued} \
         watch={} qbuf={} qbuf-free=0 argv-mem=0 multi-mem={multi_bytes} rbs=0 rbp=0 obl={} oll=0 omem=0 tot-mem={total} \
         events=r cmd={command} user=default redir={} resp={resp} lib-name={} lib-ver={} tot-net-in={} tot-net-out={} \
         tot-cmds={}\n",
        session.client,
        session.address,
        session.local_address,
        session.fd,
        String::from_utf8_lossy(&session.name),
        age_s(session, now),
        idle_s(session, now),
        flags(session),
        if session.redirect_capable { "r" } else { "" },
        session.db.0,
        session.channels.len(),
        session.patterns.len(),
        session.shard_channels.len(),
        session.watched.len(),
        session.input_bytes,
        session.output_bytes,
        redirect_told(session.tracking.as_deref()),
        String::from_utf8_lossy(&session.lib_name),
        String::from_utf8_lossy(&session.lib_version),
        session.received_bytes,
        session.sent_bytes,
        session.commands_total,
    )
}

/// Seconds since the client connected.
pub fn age_s(session: &Session, now: Now) -> i64 {
    now.unix_us / 1_000_000 - session.connected_unix_s
}

/// Seconds since the client's last command.
pub fn idle_s(session: &Session, now: Now) -> i64 {
    (now.mono_us.saturating_sub(session.active_mono_us) / 1_000_000) as i64
}
