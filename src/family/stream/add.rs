//! XADD: appending entries.

use super::production::{PRODUCTION, Token};
use super::references::REFERENCES;
use super::trim::{TRIM, TrimOptions, Trimming};
use super::{INVALID_ID, UPDATES, limits, write_id};
use crate::command::{
    Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Footprint, Group, Key, KeyFlags, Ran,
};
use crate::config::Config;
use crate::types::stream::{Log, Reach, Spelled, StreamId};

/// XADD.
pub const COMMANDS: &[Command] = &[
    Command::new("XADD", "Appends an entry to a stream.", Group::Stream)
        .since("5.0.0")
        .arity(Arity::AtLeast(5))
        .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
        .acl(Acl::STREAM)
        .keys(&[Key::at(1)
            .flags(KeyFlags::RW | KeyFlags::UPDATE)
            .notes("UPDATE instead of INSERT because of the optional trimming feature")])
        .args(&[
            Arg::key("key", 0),
            Arg::word("nomkstream", "NOMKSTREAM").since("6.2.0").optional(),
            REFERENCES,
            PRODUCTION,
            Arg::block("trim", TRIM).optional(),
            Arg::one_of("id-selector", &[Arg::word("auto-id", "*"), Arg::string("id")]),
            Arg::block("data", &[Arg::string("field"), Arg::string("value")]).multiple(),
        ])
        .tips(&["nondeterministic_output"])
        .footprint(Footprint::Ends(footprint))
        .history(&[
            (
                "6.2.0",
                "The NOMKSTREAM option, the MINID trimming strategy and the LIMIT option.",
            ),
            ("7.0.0", "The form <ms>-* of an id."),
            ("8.2.0", "The KEEPREF, DELREF and ACKED options."),
            ("8.6.0", "The IDMP and IDMPAUTO options."),
        ])
        .run(Exec::Keys(xadd)),
    Command::new("XSETID", "Sets the last id of a stream.", Group::Stream)
        .since("5.0.0")
        .arity(Arity::AtLeast(3))
        .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
        .acl(Acl::STREAM)
        .keys(UPDATES)
        .args(&[
            Arg::key("key", 0),
            Arg::string("last-id"),
            Arg::integer("entries-added")
                .token("ENTRIESADDED")
                .since("7.0.0")
                .optional(),
            Arg::string("max-deleted-id")
                .token("MAXDELETEDID")
                .since("7.0.0")
                .optional(),
        ])
        .history(&[("7.0.0", "The ENTRIESADDED and MAXDELETEDID options.")])
        .run(Exec::Keys(xsetid)),
];

/// The most bytes that the fields and values of an entry take together.
const ENTRY_BYTES_MAX: usize = 1 << 30;

/// The words of XADD, read.
struct Addition<'a> {
    no_make: bool,
    token: Option<Token<'a>>,
    trimming: Option<Trimming>,
    /// None for an id by the clock.
    id: Option<Spelled>,
    /// The word of the first field.
    fields: usize,
}

impl<'a> Addition<'a> {
    fn parse(args: Args<'a>, config: &Config) -> Result<Self, Error> {
        let (mut addition, options) = Self::read(args)?;
        addition.trimming = options.finish(config)?;
        addition.check(args)?;
        Ok(addition)
    }

    /// All words but the fields and values, as they stand.
    fn read(args: Args<'a>) -> Result<(Self, TrimOptions), Error> {
        let mut options = TrimOptions::default();
        let (mut no_make, mut id, mut token) = (false, None, None);
        let mut at = 2;
        while at < args.len() && args.at(at) != b"*" {
            match options.take(args, at)? {
                0 if args.is(at, "NOMKSTREAM") => {
                    no_make = true;
                    at += 1;
                }
                0 if let Some((taken, words)) = Token::take(args, at, token.is_some())? => {
                    token = Some(taken);
                    at += words;
                }
                0 => {
                    id = Some(Spelled::parse(args.at(at)).ok_or(INVALID_ID)?);
                    break;
                }
                taken => at += taken,
            }
        }
        let addition = Addition {
            no_make,
            token,
            trimming: None,
            id,
            fields: at + 1,
        };
        Ok((addition, options))
    }

    fn check(&self, args: Args<'_>) -> Result<(), Error> {
        if self.token.is_some() && self.id.is_some() {
            return Err(Error::Text(
                "ERR IDMP/IDMPAUTO can be used only with auto-generated IDs",
            ));
        }
        if self.fields >= args.len() || !(args.len() - self.fields).is_multiple_of(2) {
            return Err(Error::Arity("xadd".into()));
        }
        if matches!(self.id, Some(Spelled::Full(StreamId::MIN) | Spelled::Ms(0))) {
            return Err(Error::Text("ERR The ID specified in XADD must be greater than 0-0"));
        }
        Ok(())
    }

    /// The id of the entry.
    fn id(&self, log: Option<&Log>, now_ms: u64) -> Result<StreamId, Error> {
        let last = log.map_or(StreamId::MIN, Log::last_id);
        if last == StreamId::MAX {
            return Err(Error::Text(
                "ERR The stream has exhausted the last possible ID, unable to add more items",
            ));
        }
        let small = Error::Text("ERR The ID specified in XADD is equal or smaller than the target stream top item");
        let id = match self.id {
            None => return Ok(last.after(now_ms)),
            Some(Spelled::Full(id)) => id,
            Some(Spelled::Ms(ms)) => StreamId::new(ms, 0),
            Some(Spelled::AnySeq(ms)) if ms == last.ms => {
                StreamId::new(ms, last.seq.checked_add(1).ok_or(small.clone())?)
            }
            Some(Spelled::AnySeq(ms)) => StreamId::new(ms, 0),
        };
        if id > last { Ok(id) } else { Err(small) }
    }
}

/// What XADD may change.
fn footprint(args: Args<'_>) -> Option<Option<Reach>> {
    let (addition, options) = Addition::read(args).ok()?;
    if addition.token.is_some() {
        return None;
    }
    options.reach()
}

fn xadd(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let addition = Addition::parse(args, ctx.config)?;
    let (key, limits) = (args.at(1), limits(ctx));
    let now_ms = ctx.keys.now_ms().0.max(0) as u64;
    let pairs = args.from(addition.fields);
    if pairs.clone().map(<[u8]>::len).sum::<usize>() > ENTRY_BYTES_MAX {
        return Err(Error::Text("ERR Elements are too large to be stored"));
    }
    if addition.no_make && ctx.keys.stream(key)?.is_none() {
        ctx.reply.null();
        return Ok(());
    }
    let token = addition.token.map(|token| token.spelled(pairs.clone()));
    if let Some((producer, token)) = &token
        && let Some(stream) = ctx.keys.stream_mut(key)?
        && let Some(production) = &mut stream.production
        && let Some(id) = production.duplicate(producer, token, now_ms as i64)
    {
        write_id(ctx.reply, id);
        return Ok(());
    }
    // A stream that has just been made takes any id but 0-0, so that no error leaves it behind.
    let stream = ctx.keys.stream_or_create(key)?;
    let id = addition.id(Some(&stream.log), now_ms)?;
    stream.log.push(id, pairs, limits);
    if let Some((producer, token)) = token {
        let production = stream.production.get_or_insert_default();
        production.remember(producer, &token, id, now_ms as i64);
    }
    let trimmed = addition.trimming.map_or(0, |trimming| trimming.apply(stream));
    ctx.keys.changed(key, Class::Stream, "xadd");
    if trimmed > 0 {
        ctx.keys.event(key, Class::Stream, "xtrim");
    }
    write_id(ctx.reply, id);
    if let Some(trimming) = addition.trimming.filter(|trimming| trimming.depends_on_nodes()) {
        redo_untrimmed(ctx, args, addition.fields);
        trimming.redo(ctx, key, trimmed)?;
    }
    Ok(())
}

/// Records an addition as it is without its trimming; `fields` is the word of the first field.
fn redo_untrimmed(ctx: &mut Context<'_>, args: Args<'_>, fields: usize) {
    if !ctx.keys.effects.redo.is_wanted() {
        return;
    }
    let (mut words, mut options) = (vec![&b"XADD"[..], args.at(1)], TrimOptions::default());
    let mut at = 2;
    while at + 1 < fields {
        if let Ok(trimming @ 1..) = options.take(args, at) {
            at += trimming;
            continue;
        }
        let token = Token::take(args, at, false).ok().flatten();
        let taken = token.map_or(1, |(_, words)| words);
        words.extend(args.from(at).take(taken));
        at += taken;
    }
    words.extend(args.from(fields - 1));
    ctx.keys.redo(words.iter().copied());
}

fn xsetid(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let id = super::id_at(args, 2, 0)?;
    let (mut added, mut deleted) = (None, None);
    for at in (3..args.len()).step_by(2) {
        if at + 1 == args.len() {
            return Err(Error::Syntax);
        } else if args.is(at, "ENTRIESADDED") {
            let count = u64::try_from(args.int(at + 1)?);
            added = Some(count.map_err(|_| Error::Text("ERR entries_added must be positive"))?);
        } else if args.is(at, "MAXDELETEDID") {
            let max = super::id_at(args, at + 1, 0)?;
            if id < max {
                return Err(Error::Text(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
            deleted = Some(max);
        } else {
            return Err(Error::Syntax);
        }
    }
    let key = args.at(1);
    let log = &mut ctx.keys.stream_mut(key)?.ok_or(Error::NoSuchKey)?.log;
    if id < log.max_deleted_id() {
        return Err(Error::Text(
            "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
        ));
    }
    if log.last().is_some_and(|last| id < last.id) {
        return Err(Error::Text(
            "ERR The ID specified in XSETID is smaller than the target stream top item",
        ));
    }
    if added.is_some_and(|added| added < log.len()) {
        return Err(Error::Text(
            "ERR The entries_added specified in XSETID is smaller than the target stream length",
        ));
    }
    log.set_id(id, added, deleted.filter(|max| *max != StreamId::MIN));
    ctx.keys.effects.dirty += 1;
    ctx.keys.event(key, Class::Stream, "xsetid");
    ctx.reply.ok();
    Ok(())
}
