//! XREAD and XREADGROUP: what has been added behind an id, or what a group has not got yet, at once or when there is some.

use super::{
    id_at, idle_until, made_consumer, no_key_or_group, see_consumer, unix_ms, write_claimed, write_entry, write_id,
};
use crate::base::time::UnixMillis;
use crate::command::args::OwnedArgs;
use crate::command::waiting::{Look, Waiting};
use crate::command::{
    Acl, Arg, Args, Arity, Attempt, Command, Context, Error, Exec, Flags, Group as Docs, Key, KeyFlags,
};
use crate::keyspace::Entry as Stored;
use crate::protocol::reply::Reply;
use crate::types::stream::{ConsumerId, Entry, Flow, Group, Log, Pending, StreamId};
use crate::types::{Kind, Stream};

/// XREAD and XREADGROUP.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "XREAD",
        "Returns the entries behind an id of each of several streams, waiting for some.",
        Docs::Stream,
    )
    .since("5.0.0")
    .complexity("")
    .arity(Arity::AtLeast(4))
    .flags(Flags::READONLY.or(Flags::BLOCKING))
    .acl(Acl::STREAM)
    .keys(&[Key::after("STREAMS", 1).range_limited(-1, 1, 2).flags(KeyFlags::RO | KeyFlags::ACCESS)])
    .args(&[COUNT, BLOCK, STREAMS])
    .waiting(&Waiting {
        ready: is_read_ready,
        by_time: |_| false,
        fixed: Some(fixed_ids),
        needs_all_keys: false,
    })
    .run(Exec::Blocking {
        attempt: xread,
        timeout: xread_timeout,
        timed_out: Reply::null_array,
        denied: Reply::null_array,
        waits_for: Kind::Stream,
    }),
    Command::new(
        "XREADGROUP",
        "Returns entries of streams that their group has not got yet, or what is pending for a consumer, waiting for some.",
        Docs::Stream,
    )
    .since("5.0.0")
    .complexity("O(M)")
    .arity(Arity::AtLeast(7))
    .flags(Flags::WRITE.or(Flags::BLOCKING))
    .acl(Acl::STREAM)
    .keys(&[Key::after("STREAMS", 4).range_limited(-1, 1, 2).flags(KeyFlags::RO | KeyFlags::ACCESS)])
    .args(&[
        Arg::block("group-block", &[Arg::string("group"), Arg::string("consumer")]).token("GROUP"),
        COUNT,
        BLOCK,
        Arg::integer("min-idle-time").token("CLAIM").since("8.4.0").optional(),
        Arg::word("noack", "NOACK").optional(),
        STREAMS,
    ])
    .waiting(&Waiting {
        ready: is_group_ready,
        by_time: claims,
        fixed: None,
        needs_all_keys: true,
    })
    .run(Exec::Blocking {
        attempt: xreadgroup,
        timeout: xreadgroup_timeout,
        timed_out: Reply::null_array,
        denied: Reply::null_array,
        waits_for: Kind::Stream,
    }),
];

const COUNT: Arg = Arg::integer("count").token("COUNT").optional();
const BLOCK: Arg = Arg::integer("milliseconds").token("BLOCK").optional();
const STREAMS: Arg = Arg::block(
    "streams",
    &[Arg::key("key", 0).multiple(), Arg::string("id").multiple()],
)
.token("STREAMS");

/// The id that stands for what a group has not got yet.
const NEW: StreamId = StreamId::MAX;

/// The words up to the ids, read.
struct Reading<'a> {
    count: usize,
    timeout_s: Option<f64>,
    /// The names of a group and of its consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    no_ack: bool,
    /// What has been pending for so many milliseconds is claimed.
    claim_ms: Option<i64>,
    /// The word of the first key.
    first: usize,
    streams: usize,
}

impl<'a> Reading<'a> {
    fn parse(args: Args<'a>, in_group: bool) -> Result<Self, Error> {
        let mut reading = Reading {
            count: usize::MAX,
            timeout_s: None,
            group: None,
            no_ack: false,
            claim_ms: None,
            first: 0,
            streams: 0,
        };
        let mut at = 1;
        while at < args.len() {
            let more = args.len() - 1 - at;
            if more > 0 && args.is(at, "BLOCK") {
                reading.timeout_s = Some(args.timeout_ms(at + 1)?);
                at += 2;
            } else if more > 0 && args.is(at, "COUNT") {
                reading.count = match args.int(at + 1)? {
                    ..=0 => usize::MAX,
                    count => usize::try_from(count).unwrap_or(usize::MAX),
                };
                at += 2;
            } else if more > 0 && args.is(at, "STREAMS") {
                if !more.is_multiple_of(2) {
                    return Err(unbalanced(in_group));
                }
                (reading.first, reading.streams) = (at + 1, more / 2);
                break;
            } else if more > 1 && args.is(at, "GROUP") {
                if !in_group {
                    return Err(Error::Text(
                        "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                reading.group = Some((args.at(at + 1), args.at(at + 2)));
                at += 3;
            } else if more > 0 && args.is(at, "CLAIM") {
                reading.claim_ms = Some(min_idle(args, at + 1, in_group)?);
                at += 2;
            } else if args.is(at, "NOACK") {
                if !in_group {
                    return Err(Error::Text(
                        "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                reading.no_ack = true;
                at += 1;
            } else {
                return Err(Error::Syntax);
            }
        }
        if reading.streams == 0 {
            return Err(Error::Syntax);
        }
        if in_group && reading.group.is_none() {
            return Err(Error::Text("ERR Missing GROUP option for XREADGROUP"));
        }
        Ok(reading)
    }

    /// The words of the keys, each with the word of its id.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (first, streams) = (self.first, self.streams);
        (first..first + streams).map(move |at| (at, at + streams))
    }

    /// What nobody was served comes to: waiting, or the reply that there is nothing.
    fn nothing(&self, reply: &mut Reply) -> Attempt {
        if self.timeout_s.is_some() {
            return Attempt::Nothing;
        }
        reply.null_array();
        Attempt::Served
    }
}

/// Word `at` as the time after which what is pending is claimed.
fn min_idle(args: Args<'_>, at: usize, in_group: bool) -> Result<i64, Error> {
    if !in_group {
        return Err(Error::Text(
            "ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.",
        ));
    }
    let any = i64::MIN..=i64::MAX;
    let idle_ms = args.int_in(at, any, Error::Text("ERR min-idle-time is not an integer"))?;
    if idle_ms < 0 {
        return Err(Error::Text("ERR min-idle-time must be a positive integer"));
    }
    Ok(idle_ms)
}

#[cold]
fn unbalanced(in_group: bool) -> Error {
    let (name, symbol) = if in_group { ("xreadgroup", '>') } else { ("xread", '$') };
    Error::Composed(format!(
        "ERR Unbalanced '{name}' list of streams: for each stream key an ID or '{symbol}' must be specified."
    ))
}

fn xread_timeout(args: Args<'_>) -> Result<f64, Error> {
    Ok(Reading::parse(args, false)?.timeout_s.unwrap_or(0.0))
}

fn xreadgroup_timeout(args: Args<'_>) -> Result<f64, Error> {
    Ok(Reading::parse(args, true)?.timeout_s.unwrap_or(0.0))
}

/// The id behind which XREAD looks in a stream, as word `at` spells it.
fn position(args: Args<'_>, at: usize, log: Option<&Log>) -> Result<StreamId, Error> {
    let last = log.map_or(StreamId::MIN, Log::last_id);
    match args.at(at) {
        b"$" => Ok(last),
        // The last entry, unless that was deleted: as in Valkey, the one before it does not take its place.
        b"+" => Ok(last.previous().unwrap_or(StreamId::MIN)),
        b">" => Err(Error::Text(
            "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
        )),
        _ => id_at(args, at, 0),
    }
}

fn xread(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Attempt, Error> {
    let reading = Reading::parse(args, false)?;
    let mut positions = smallvec::SmallVec::<[StreamId; 4]>::new();
    for (key, id) in reading.places() {
        let stream = ctx.keys.lookup_stream(args.at(key))?;
        positions.push(position(args, id, stream.map(|stream| &stream.log))?);
    }
    let mark = ctx.reply.len();
    let mut served = 0;
    for ((key, _), after) in reading.places().zip(positions) {
        let key = args.at(key);
        let Some(stream) = ctx.keys.lookup_stream(key)? else {
            continue;
        };
        let Some(from) = after.next().filter(|_| stream.log.has_after(after)) else {
            continue;
        };
        let mark = begin(ctx.reply, key);
        let written = write_range(ctx.reply, &stream.log, from, reading.count, &write_entry, &mut |_| {});
        ctx.reply.array_at(mark, written);
        served += 1;
    }
    if served == 0 {
        return Ok(reading.nothing(ctx.reply));
    }
    ctx.reply.map_of_pairs_at(mark, served);
    Ok(Attempt::Served)
}

/// Begins the part of the reply for one stream; a mark for its entries.
fn begin(reply: &mut Reply, key: &[u8]) -> usize {
    reply.pair_of_map();
    reply.bulk(key);
    reply.len()
}

/// Writes up to `count` entries from `from` on, telling the id of each; answers how many.
fn write_range(
    reply: &mut Reply,
    log: &Log,
    from: StreamId,
    count: usize,
    write: &dyn Fn(&mut Reply, Entry<'_>),
    told: &mut dyn FnMut(StreamId),
) -> usize {
    let mut written = 0;
    log.range(from, StreamId::MAX, &mut |entry| {
        write(reply, entry);
        told(entry.id);
        written += 1;
        if written < count {
            Flow::Continue(())
        } else {
            Flow::Break(())
        }
    });
    written
}

/// Whether the stream at `key` has something behind the id that the words give it.
fn is_read_ready(stored: Option<&Stored>, key: &[u8], args: Args<'_>, _: UnixMillis) -> bool {
    let Some(log) = stored.and_then(Stored::stream).map(|stream| &stream.log) else {
        return false;
    };
    let Ok(reading) = Reading::parse(args, false) else {
        return true;
    };
    let after = |at| position(args, at, Some(log)).ok();
    let mut places = reading.places().filter(|(at, _)| args.at(*at) == key);
    places.any(|(_, id)| after(id).is_some_and(|id| log.has_after(id)))
}

/// The words with the ids that are meant now in the place of `$` and `+`.
fn fixed_ids(args: Args<'_>, look: Look<'_>) -> OwnedArgs {
    let first_id = Reading::parse(args, false).map_or(args.len(), |reading| reading.first + reading.streams);
    let streams = args.len() - first_id;
    let mut texts = Vec::new();
    for at in first_id..args.len() {
        let last = || {
            look(args.at(at - streams))
                .and_then(Stored::stream)
                .map(|stream| stream.log.last_id())
        };
        let meant = matches!(args.at(at), b"$" | b"+").then(last);
        texts.push(meant.map(|last| last.unwrap_or(StreamId::MIN).text()));
    }
    let words = args.iter().enumerate().map(|(at, word)| {
        let text = at.checked_sub(first_id).and_then(|at| texts[at].as_ref());
        text.map_or(word, |text| text.as_bytes())
    });
    OwnedArgs::from_words(words)
}

fn xreadgroup(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Attempt, Error> {
    let reading = Reading::parse(args, true)?;
    let (name, consumer) = reading.group.expect("XREADGROUP is parsed with a group");
    let mut positions = smallvec::SmallVec::<[StreamId; 4]>::new();
    for (key, id) in reading.places() {
        let stream = ctx.keys.lookup_stream(args.at(key))?;
        if !stream.is_some_and(|stream| stream.groups.contains_key(name)) {
            return Err(no_key_or_group(
                args.at(key),
                name,
                b"' in XREADGROUP with GROUP option",
            ));
        }
        positions.push(group_position(args, id)?);
    }
    let mark = ctx.reply.len();
    let mut served = 0;
    for ((key, id), after) in reading.places().zip(positions) {
        let dirty = ctx.keys.effects.dirty;
        served += usize::from(read_for_group(ctx, args.at(key), name, consumer, after, &reading)?);
        if reading.streams > 1 && dirty != ctx.keys.effects.dirty {
            redo_one(ctx, args, &reading, (key, id));
        }
    }
    if served == 0 {
        return Ok(reading.nothing(ctx.reply));
    }
    ctx.reply.map_of_pairs_at(mark, served);
    Ok(Attempt::Served)
}

/// Records what was read from one of several streams, whose key and id are words `key` and `id`.
fn redo_one(ctx: &mut Context<'_>, args: Args<'_>, reading: &Reading<'_>, (key, id): (usize, usize)) {
    let options = args.from(1).take(reading.first - 1);
    let words = std::iter::once(&b"XREADGROUP"[..])
        .chain(options)
        .chain([args.at(key), args.at(id)]);
    let words: smallvec::SmallVec<[&[u8]; 12]> = words.collect();
    ctx.keys.redo_at(reading.first, words.iter().copied());
}

/// The id behind which XREADGROUP looks in what is pending, or [`NEW`].
fn group_position(args: Args<'_>, at: usize) -> Result<StreamId, Error> {
    match args.at(at) {
        b"$" => Err(Error::Text(
            "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.",
        )),
        b"+" => Err(Error::Text(
            "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set.",
        )),
        b">" => Ok(NEW),
        _ => id_at(args, at, 0),
    }
}

/// Writes what one stream has for a consumer; tells whether that was written.
fn read_for_group(
    ctx: &mut Context<'_>,
    key: &[u8],
    group: &[u8],
    consumer: &[u8],
    after: StreamId,
    reading: &Reading<'_>,
) -> Result<bool, Error> {
    let now = ctx.keys.now_ms();
    let Some(Stream { log, groups, .. }) = ctx.keys.stream_mut(key)? else {
        return Ok(false);
    };
    let Some(group) = groups.get_mut(group) else {
        return Ok(false);
    };
    let (found, made) = see_consumer(group, consumer, now);
    let start = ctx.reply.len();
    let mark = begin(ctx.reply, key);
    let mut forgotten = 0;
    let written = if after == NEW {
        let claimed;
        (claimed, forgotten) = claim(ctx.reply, log, group, found, now, reading);
        let left = reading.count - claimed;
        let news = left > 0 && log.has_after(group.last_id);
        claimed
            + if news {
                deliver(ctx.reply, log, group, found, now, reading, left)
            } else {
                0
            }
    } else {
        recall(ctx.reply, log, group, found, now, after, reading.count)
    };
    let serves = after != NEW || written > 0;
    if serves {
        ctx.reply.array_at(mark, written);
        ctx.keys.effects.dirty += 1;
    } else {
        ctx.reply.truncate(start);
    }
    ctx.keys.effects.dirty += forgotten as u64;
    if made {
        made_consumer(ctx, key);
    }
    Ok(serves)
}

/// Claims what has been pending for as long as CLAIM says, the oldest first, and writes it; answers how many entries. What is pending though its
/// entry is gone is forgotten; answers how much that was.
fn claim(
    reply: &mut Reply,
    log: &Log,
    group: &mut Group,
    consumer: ConsumerId,
    now: UnixMillis,
    reading: &Reading<'_>,
) -> (usize, usize) {
    let Some(until_ms) = reading.claim_ms.and_then(|idle_ms| idle_until(now, idle_ms)) else {
        return (0, 0);
    };
    let (mut found, mut gone) = (Vec::new(), Vec::new());
    group.oldest(until_ms, &mut |id, pending| {
        match log.get(id) {
            Some(entry) => found.push((entry, pending)),
            None => gone.push(id),
        }
        if found.len() < reading.count {
            Flow::Continue(())
        } else {
            Flow::Break(())
        }
    });
    let forgotten = gone.len();
    for id in gone {
        group.remove(id);
    }
    for (entry, pending) in &found {
        write_claimed(reply, *entry, pending.idle_ms(now.0), pending.count());
        let count = pending.count().saturating_add(1);
        group.put(entry.id, Pending::new(consumer, unix_ms(now), count));
    }
    if !found.is_empty() {
        group.consumer_mut(consumer).active_ms = now.0;
    }
    (found.len(), forgotten)
}

/// Writes up to `count` entries that the group has not got yet and records them as pending; answers how many entries.
fn deliver(
    reply: &mut Reply,
    log: &Log,
    group: &mut Group,
    consumer: ConsumerId,
    now: UnixMillis,
    reading: &Reading<'_>,
    count: usize,
) -> usize {
    let from = group.last_id.next().expect("there are entries behind it");
    let mut last = group.last_id;
    let claims = reading.claim_ms.is_some();
    let write = |reply: &mut Reply, entry: Entry<'_>| match claims {
        // Never delivered before.
        true => write_claimed(reply, entry, 0, 0),
        false => write_entry(reply, entry),
    };
    let written = write_range(reply, log, from, count, &write, &mut |id| {
        last = id;
        if !reading.no_ack {
            group.put(id, Pending::new(consumer, unix_ms(now), 1));
        }
    });
    group.last_id = last;
    group.entries_read = log.entries_read_to(last);
    if !reading.no_ack {
        group.consumer_mut(consumer).active_ms = now.0;
    }
    written
}

/// Writes what is pending for a consumer behind `after`, delivered once more; answers how many entries.
fn recall(
    reply: &mut Reply,
    log: &Log,
    group: &mut Group,
    consumer: ConsumerId,
    now: UnixMillis,
    after: StreamId,
    count: usize,
) -> usize {
    let mut found = Vec::new();
    if let Some(from) = after.next() {
        group.walk_of(consumer, from, u64::MAX, &mut |id| {
            found.push(id);
            if found.len() < count {
                Flow::Continue(())
            } else {
                Flow::Break(())
            }
        });
    }
    for &id in &found {
        let Some(entry) = log.get(id) else {
            reply.array(2);
            write_id(reply, id);
            reply.null_array();
            continue;
        };
        write_entry(reply, entry);
        let deliveries = group.pending(id).map_or(0, Pending::count);
        group.put(id, Pending::new(consumer, unix_ms(now), deliveries + 1));
    }
    found.len()
}

/// Whether there is something for the group in the stream at `key`, or an error to tell: nobody waits for what is no stream, or has no group.
fn is_group_ready(stored: Option<&Stored>, key: &[u8], args: Args<'_>, now: UnixMillis) -> bool {
    let Ok(reading) = Reading::parse(args, true) else {
        return true;
    };
    let until_ms = reading.claim_ms.and_then(|idle_ms| idle_until(now, idle_ms));
    let group = reading.group.map_or(&[][..], |(group, _)| group);
    let Some(stream) = stored.and_then(Stored::stream) else {
        return true;
    };
    let Some(group) = stream.groups.get(group) else {
        return true;
    };
    let mut places = reading.places().filter(|(at, _)| args.at(*at) == key);
    places.any(|_| stream.log.has_after(group.last_id) || until_ms.is_some_and(|until| has_idle(stream, group, until)))
}

/// Whether an entry that is there has been pending since `until_ms` or longer.
fn has_idle(stream: &Stream, group: &Group, until_ms: u64) -> bool {
    let mut found = false;
    group.oldest(until_ms, &mut |id, _| {
        found = stream.log.contains(id);
        if found { Flow::Break(()) } else { Flow::Continue(()) }
    });
    found
}

/// Whether XREADGROUP claims what others let lie.
fn claims(args: Args<'_>) -> bool {
    Reading::parse(args, true).is_ok_and(|reading| reading.claim_ms.is_some())
}
