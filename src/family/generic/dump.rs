//! Values as payloads, for other servers.

use crate::base::number::parse_i64;
use crate::base::time::UnixMillis;
use crate::command::{Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::config::Config;
use crate::format::{self, Limits, dump};
use crate::keyspace::{Entry, Value, access};

/// DUMP, RESTORE and RESTORE-ASKING.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "DUMP",
        "Returns the value of a key as bytes that RESTORE takes.",
        Group::Generic,
    )
    .since("2.6.0")
    .arity(Arity::Exactly(2))
    .flags(Flags::READONLY)
    .acl(Acl::KEYSPACE)
    .keys(&[Key::at(1).read()])
    .args(&[Arg::key("key", 0)])
    .tips(&["nondeterministic_output"])
    .run(Exec::Keys(write)),
    restoring(
        "RESTORE",
        "Creates a key from the bytes that DUMP returned.",
        Group::Generic,
    )
    .since("2.6.0")
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .history(&[
        ("3.0.0", "The option `REPLACE`."),
        ("5.0.0", "The options `ABSTTL`, `IDLETIME` and `FREQ`."),
    ]),
    restoring(
        "RESTORE-ASKING",
        "As RESTORE, for keys of slots that are being imported.",
        Group::Server,
    )
    .since("3.0.0")
    .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::ASKING))
    .history(&[
        ("3.0.0", "The option `REPLACE`."),
        ("5.0.0", "The options `ABSTTL`, `IDLETIME` and `FREQ`."),
    ])
    .system(),
];

const fn restoring(name: &'static str, summary: &'static str, group: Group) -> Command {
    Command::new(name, summary, group)
        .arity(Arity::AtLeast(4))
        .acl(Acl::KEYSPACE.or(Acl::DANGEROUS))
        .keys(OVERWRITTEN)
        .args(RESTORE_ARGS)
        .run(Exec::Keys(restore))
}

const OVERWRITTEN: &[Key] = &[Key::at(1).flags(KeyFlags::OW | KeyFlags::UPDATE)];

const RESTORE_ARGS: &[Arg] = &[
    Arg::key("key", 0),
    Arg::integer("ttl"),
    Arg::string("serialized-value"),
    Arg::word("replace", "REPLACE").since("3.0.0").optional(),
    Arg::word("absttl", "ABSTTL").since("5.0.0").optional(),
    Arg::integer("seconds").token("IDLETIME").since("5.0.0").optional(),
    Arg::integer("frequency").token("FREQ").since("5.0.0").optional(),
];

fn write(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now = ctx.keys.horizon();
    let Some(entry) = ctx.keys.lookup(args.at(1)) else {
        ctx.reply.null();
        return Ok(());
    };
    let mut payload = Vec::new();
    format::write(entry, now, ctx.config, &mut payload);
    dump::seal(&mut payload);
    ctx.reply.bulk(&payload);
    Ok(())
}

/// The options of one run.
#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_s: Option<i64>,
    frequency: Option<u8>,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Self, Error> {
        let mut options = Options::default();
        let mut at = 4;
        while at < args.len() {
            let has_value = at + 1 < args.len();
            if args.is(at, "REPLACE") {
                options.replace = true;
            } else if args.is(at, "ABSTTL") {
                options.absolute = true;
            } else if args.is(at, "IDLETIME") && has_value && options.frequency.is_none() {
                at += 1;
                let idle_s = args.int(at)?;
                if idle_s < 0 {
                    return Err(Error::Text("ERR Invalid IDLETIME value, must be >= 0"));
                }
                options.idle_s = Some(idle_s);
            } else if args.is(at, "FREQ") && has_value && options.idle_s.is_none() {
                at += 1;
                let invalid = Error::Text("ERR Invalid FREQ value, must be >= 0 and <= 255");
                options.frequency = Some(u8::try_from(args.int(at)?).map_err(|_| invalid)?);
            } else {
                return Err(Error::Syntax);
            }
            at += 1;
        }
        Ok(options)
    }

    /// When the key expires, by the words; one that would be too far away has passed, as in Valkey.
    fn deadline(&self, args: Args<'_>, now: UnixMillis) -> Result<Option<UnixMillis>, Error> {
        match args.int(2)? {
            0 => Ok(None),
            ..0 => Err(Error::Text("ERR Invalid TTL value, must be >= 0")),
            at if self.absolute => Ok(Some(UnixMillis(at))),
            ttl => Ok(Some(UnixMillis(ttl.wrapping_add(now.0)))),
        }
    }

    /// What is recorded of accesses, if the policy in force asks for what was told.
    fn access(&self, now: UnixMillis, config: &Config) -> Option<u32> {
        match (self.idle_s, self.frequency) {
            (Some(idle_s), _) if !config.maxmemory_policy.is_lfu() => Some(access::idle_for(idle_s, now)),
            (_, Some(frequency)) if config.maxmemory_policy.is_lfu() => Some(access::used_often(frequency, now)),
            _ => None,
        }
    }
}

fn restore(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let options = Options::parse(args)?;
    let exists = ctx.keys.get(key).is_some();
    if exists && !options.replace {
        return Err(Error::Text("BUSYKEY Target key name already exists."));
    }
    let now = ctx.keys.now_ms();
    let deadline = options.deadline(args, now)?;
    let wrong = |_| Error::Text("ERR DUMP payload version or checksum are wrong");
    let bytes = dump::open(args.at(3)).map_err(wrong)?;
    let damaged = |_| Error::Text("ERR Bad data format");
    let value = format::read(bytes, &Limits::of(ctx.config)).map_err(damaged)?;
    if deadline.is_some_and(|at| at <= ctx.keys.horizon()) {
        if ctx.keys.take(key).is_some() {
            ctx.keys.changed(key, Class::Generic, "del");
        }
    } else {
        let entry = match value {
            Value::String(bytes) if parse_i64(&bytes).is_some() => Entry::string(key, &bytes),
            value => Entry::new(key, value),
        };
        // What was there is deleted, not overwritten: the key is new.
        ctx.keys.take(key);
        ctx.keys.insert(entry.expiring(deadline));
        if let Some(access) = options.access(now, ctx.config) {
            ctx.keys.set_access(key, access);
        }
        ctx.keys.changed(key, Class::Generic, "restore");
    }
    ctx.reply.ok();
    Ok(())
}
