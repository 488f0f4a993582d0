//! XNACK: giving pending entries back, for whoever claims next (Redis 8.8).

use super::references::{IDS, counted_ids};
use super::{UPDATES, id_at, no_key_or_group, stream_with_group};
use crate::command::{Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Group as Docs, Ran};
use crate::types::Stream;
use crate::types::stream::StreamId;

/// XNACK.
pub const COMMANDS: &[Command] = &[Command::new(
    "XNACK",
    "Releases pending entries of a group, so that any consumer can claim them at once.",
    Docs::Stream,
)
.since("8.8.0")
.arity(Arity::AtLeast(7))
.flags(Flags::WRITE.or(Flags::FAST))
.acl(Acl::STREAM)
.keys(UPDATES)
.args(&[
    Arg::key("key", 0),
    Arg::string("group"),
    Arg::one_of(
        "mode",
        &[
            Arg::word("silent", "SILENT"),
            Arg::word("fail", "FAIL"),
            Arg::word("fatal", "FATAL"),
        ],
    ),
    IDS,
    Arg::integer("count").token("RETRYCOUNT").optional(),
    Arg::word("force", "FORCE").optional(),
])
.run(Exec::Keys(xnack))];

/// How a release counts.
#[derive(Clone, Copy)]
enum Mode {
    /// The delivery did not count.
    Silent,
    /// The delivery failed.
    Fail,
    /// All deliveries will.
    Fatal,
}

impl Mode {
    fn named(args: Args<'_>, at: usize) -> Option<Self> {
        let names = [("SILENT", Mode::Silent), ("FAIL", Mode::Fail), ("FATAL", Mode::Fatal)];
        names
            .into_iter()
            .find(|(name, _)| args.is(at, name))
            .map(|(_, mode)| mode)
    }

    /// How often an entry counts as delivered that was so `count` times.
    fn count(self, count: u64) -> u64 {
        match self {
            Mode::Silent => count.saturating_sub(1),
            Mode::Fail => count,
            Mode::Fatal => u64::MAX,
        }
    }
}

struct Options {
    mode: Mode,
    ids: Vec<StreamId>,
    count: Option<u64>,
    force: bool,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Self, Error> {
        let mode = Mode::named(args, 3).ok_or(Error::Text("ERR mode must be SILENT, FAIL, or FATAL"))?;
        let (mut ids, mut count, mut force) = (None, None, false);
        let mut at = 4;
        while at < args.len() {
            let more = at + 1 < args.len();
            if args.is(at, "IDS") && more && ids.is_none() {
                let (first, counted) = ids_at(args, at)?;
                at = first + counted;
                ids = Some(first..at);
            } else if args.is(at, "RETRYCOUNT") && more {
                let number = u64::try_from(args.int(at + 1)?);
                count = Some(number.map_err(|_| Error::Text("ERR Invalid RETRYCOUNT value, must be >= 0"))?);
                at += 2;
            } else if args.is(at, "FORCE") {
                force = true;
                at += 1;
            } else {
                return Err(Error::quoting("ERR Unrecognized XNACK option '", args.at(at), "'"));
            }
        }
        let ids = ids.ok_or(Error::Text("ERR syntax error, expected IDS keyword"))?;
        let ids = ids.map(|at| id_at(args, at, 0)).collect::<Result<_, Error>>()?;
        Ok(Options {
            mode,
            ids,
            count,
            force,
        })
    }
}

/// As [`counted_ids`], with this command's words for what is wrong.
fn ids_at(args: Args<'_>, at: usize) -> Result<(usize, usize), Error> {
    args.int_in(
        at + 1,
        1..=i64::MAX,
        Error::Text("ERR numids must be a positive integer"),
    )?;
    counted_ids(args, at).map_err(|_| Error::Text("ERR number of IDs doesn't match numids"))
}

fn xnack(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (key, name) = (args.at(1), args.at(2));
    stream_with_group(ctx, key, name)?;
    let options = Options::parse(args)?;
    let Stream { log, groups, .. } = stream_with_group(ctx, key, name)?;
    let group = groups.get_mut(name).ok_or_else(|| no_key_or_group(key, name, b"'"))?;
    let mut released = 0;
    for id in options.ids {
        let count = match group.pending(id) {
            Some(pending) => options.mode.count(pending.count()),
            None if options.force && log.get(id).is_some() => options.mode.count(0),
            None => continue,
        };
        group.release(id, options.count.unwrap_or(count));
        released += 1;
    }
    ctx.keys.effects.dirty += released as u64;
    if released > 0 {
        // Nothing to tell, but those who wait to claim may be ready.
        ctx.keys.event(key, Class::Stream, "");
    }
    ctx.reply.count(released);
    Ok(())
}
