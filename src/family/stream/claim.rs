//! XCLAIM and XAUTOCLAIM: taking over what is pending for another consumer.

use super::{
    DELETES, UPDATES, id_at, idle_until, made_consumer, see_consumer, start_at, stream_with_group, unix_ms,
    write_entry, write_id,
};
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group as Docs, Ran};
use crate::protocol::reply::Reply;
use crate::types::Stream;
use crate::types::stream::{ConsumerId, Group, Log, Pending, StreamId};

/// XCLAIM and XAUTOCLAIM.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "XAUTOCLAIM",
        "Makes a consumer the owner of what has been pending for long, going through it in parts.",
        Docs::Stream,
    )
    .since("6.2.0")
    .arity(Arity::AtLeast(6))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::STREAM)
    .keys(DELETES)
    .args(&[
        Arg::key("key", 0),
        Arg::string("group"),
        Arg::string("consumer"),
        Arg::string("min-idle-time"),
        Arg::string("start"),
        Arg::integer("count").token("COUNT").optional(),
        Arg::word("justid", "JUSTID").optional(),
    ])
    .tips(&["nondeterministic_output"])
    .history(&[("7.0.0", "Deleted entries are forgotten, and their ids returned.")])
    .run(Exec::Keys(xautoclaim)),
    Command::new(
        "XCLAIM",
        "Makes a consumer the owner of entries that are pending for others.",
        Docs::Stream,
    )
    .since("5.0.0")
    .complexity("O(log N)")
    .arity(Arity::AtLeast(6))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::STREAM)
    .keys(UPDATES)
    .args(&[
        Arg::key("key", 0),
        Arg::string("group"),
        Arg::string("consumer"),
        Arg::string("min-idle-time"),
        Arg::string("id").multiple(),
        Arg::integer("ms").token("IDLE").optional(),
        Arg::unix_time("unix-time-milliseconds").token("TIME").optional(),
        Arg::integer("count").token("RETRYCOUNT").optional(),
        Arg::word("force", "FORCE").optional(),
        Arg::word("justid", "JUSTID").optional(),
        Arg::string("lastid").token("LASTID").optional(),
    ])
    .tips(&["nondeterministic_output"])
    .run(Exec::Keys(xclaim)),
];

/// Pending entries that XAUTOCLAIM claims when COUNT does not say.
const COUNT_DEFAULT: usize = 100;
/// How many of them it looks at, idle or not, for each one that it may claim.
const LOOKS_EACH: usize = 10;
/// More than this is no COUNT.
const COUNT_MAX: i64 = i64::MAX / 16;
/// Valkey allocates 16 bytes for each of COUNT; this is what no machine has.
const COUNT_OF_ALL_MEMORY: i64 = 1 << 40;

/// How claimed entries are delivered.
struct Delivery {
    now_ms: u64,
    time_ms: u64,
    count: Option<u64>,
    only_ids: bool,
}

impl Delivery {
    /// Gives the entry at `id`, which is there, to `consumer` and writes it.
    fn hand_over(
        &self,
        reply: &mut Reply,
        log: &Log,
        group: &mut Group,
        consumer: ConsumerId,
        id: StreamId,
        count: u64,
    ) {
        let count = match self.count {
            Some(count) => count,
            None if self.only_ids => count,
            None => count + 1,
        };
        group.put(id, Pending::new(consumer, self.time_ms, count));
        group.consumer_mut(consumer).active_ms = self.now_ms as i64;
        match log.get(id).filter(|_| !self.only_ids) {
            Some(entry) => write_entry(reply, entry),
            None => write_id(reply, id),
        }
    }
}

/// The options of XCLAIM.
struct Options {
    /// How many ids there are.
    ids: usize,
    time_ms: Option<i64>,
    count: Option<i64>,
    force: bool,
    only_ids: bool,
    last_id: StreamId,
}

impl Options {
    fn parse(args: Args<'_>, now_ms: i64) -> Result<Self, Error> {
        let ids = (5..args.len()).take_while(|at| id_at(args, *at, 0).is_ok()).count();
        let mut options = Options {
            ids,
            time_ms: None,
            count: None,
            force: false,
            only_ids: false,
            last_id: StreamId::MIN,
        };
        let mut at = 5 + ids;
        while at < args.len() {
            let more = args.len() - 1 - at > 0;
            let number = |text| args.int(at + 1).map_err(|_| Error::Text(text));
            let taken = if args.is(at, "FORCE") {
                options.force = true;
                1
            } else if args.is(at, "JUSTID") {
                options.only_ids = true;
                1
            } else if more && args.is(at, "IDLE") {
                let idle_ms = number("ERR Invalid IDLE option argument for XCLAIM")?;
                options.time_ms = Some(now_ms.saturating_sub(idle_ms));
                2
            } else if more && args.is(at, "TIME") {
                options.time_ms = Some(number("ERR Invalid TIME option argument for XCLAIM")?);
                2
            } else if more && args.is(at, "RETRYCOUNT") {
                options.count = Some(number("ERR Invalid RETRYCOUNT option argument for XCLAIM")?);
                2
            } else if more && args.is(at, "LASTID") {
                options.last_id = id_at(args, at + 1, 0)?;
                2
            } else {
                return Err(Error::quoting("ERR Unrecognized XCLAIM option '", args.at(at), "'"));
            };
            at += taken;
        }
        Ok(options)
    }
}

fn xclaim(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now = ctx.keys.now_ms();
    let (key, name) = (args.at(1), args.at(2));
    stream_with_group(ctx, key, name)?;
    let invalid = Error::Text("ERR Invalid min-idle-time argument for XCLAIM");
    let idle_ms = args.int_in(4, i64::MIN..=i64::MAX, invalid)?;
    let options = Options::parse(args, now.0)?;
    let delivery = Delivery {
        now_ms: unix_ms(now),
        // A time before all times or still to come is this moment.
        time_ms: options
            .time_ms
            .filter(|time| (0..=now.0).contains(time))
            .map_or(unix_ms(now), |time| time as u64),
        count: options.count.and_then(|count| u64::try_from(count).ok()),
        only_ids: options.only_ids,
    };
    let until_ms = idle_until(now, idle_ms);
    let Stream { log, groups, .. } = ctx.keys.stream_mut(key)?.expect("the stream was just found");
    let group = groups.get_mut(name).expect("the group was just found");
    let moves_on = options.last_id > group.last_id;
    if moves_on {
        (group.last_id, group.entries_read) = (options.last_id, log.entries_read_to(options.last_id));
    }
    let (consumer, made) = see_consumer(group, args.at(3), now);
    let mark = ctx.reply.len();
    let (mut claimed, mut dirty) = (0, u64::from(moves_on));
    for id in (5..5 + options.ids).filter_map(|at| id_at(args, at, 0).ok()) {
        let pending = group.pending(id);
        if log.get(id).is_none() {
            dirty += u64::from(group.remove(id));
            continue;
        }
        let count = match pending {
            Some(pending) if until_ms.is_some_and(|until| pending.time_ms() <= until) => pending.count(),
            None if options.force => 1,
            _ => continue,
        };
        delivery.hand_over(ctx.reply, log, group, consumer, id, count);
        (claimed, dirty) = (claimed + 1, dirty + 1);
    }
    ctx.reply.array_at(mark, claimed);
    ctx.keys.effects.dirty += dirty;
    if made {
        made_consumer(ctx, key);
    }
    Ok(())
}

/// COUNT and JUSTID of XAUTOCLAIM.
fn auto_options(args: Args<'_>) -> Result<(i64, bool), Error> {
    let (mut count, mut only_ids) = (COUNT_DEFAULT as i64, false);
    let mut at = 6;
    while at < args.len() {
        if args.is(at, "COUNT") && at + 1 < args.len() {
            count = args.int_in(at + 1, 1..=COUNT_MAX, Error::Text("ERR COUNT must be > 0"))?;
            at += 2;
        } else if args.is(at, "JUSTID") {
            only_ids = true;
            at += 1;
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok((count, only_ids))
}

fn xautoclaim(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now = ctx.keys.now_ms();
    let (key, name) = (args.at(1), args.at(2));
    let invalid = Error::Text("ERR Invalid min-idle-time argument for XAUTOCLAIM");
    let idle_ms = args.int_in(4, i64::MIN..=i64::MAX, invalid)?;
    let start = start_at(args, 5)?;
    let (count, only_ids) = auto_options(args)?;
    let mut claimed = Reply::new(Vec::new(), ctx.reply.resp());
    let Stream { log, groups, .. } = stream_with_group(ctx, key, name)?;
    if count > COUNT_OF_ALL_MEMORY {
        return Err(Error::Text(
            "ERR Insufficient memory, failed allocating transient memory, COUNT too high.",
        ));
    }
    let group = groups.get_mut(name).expect("the group was just found");
    let (consumer, made) = see_consumer(group, args.at(3), now);
    let delivery = Delivery {
        now_ms: unix_ms(now),
        time_ms: unix_ms(now),
        count: None,
        only_ids,
    };
    let until_ms = idle_until(now, idle_ms);
    let (mut claimed_len, mut deleted) = (0, Vec::new());
    let mut from = Some(start);
    let mut looks = (count as usize).saturating_mul(LOOKS_EACH);
    while claimed_len + deleted.len() < count as usize {
        // The first ones are looked at in turn, idle or not, as in Valkey, which then stops. What is idle behind them is found by its time.
        let oldest = if looks > 0 { Some(u64::MAX) } else { until_ms };
        looks = looks.saturating_sub(1);
        let next = from.zip(oldest).and_then(|(from, until_ms)| group.next(from, until_ms));
        let Some((id, pending)) = next else {
            from = None;
            break;
        };
        from = id.next();
        if !log.contains(id) {
            group.remove(id);
            deleted.push(id);
        } else if until_ms.is_some_and(|until| pending.time_ms() <= until) {
            delivery.hand_over(&mut claimed, log, group, consumer, id, pending.count());
            claimed_len += 1;
        }
    }
    let next = from.and_then(|from| group.next(from, u64::MAX));
    ctx.reply.array(3);
    write_id(ctx.reply, next.map_or(StreamId::MIN, |(id, _)| id));
    ctx.reply.array(claimed_len);
    ctx.reply.raw(claimed.bytes());
    ctx.reply.array(deleted.len());
    deleted.iter().for_each(|id| write_id(ctx.reply, *id));
    ctx.keys.effects.dirty += (claimed_len + deleted.len()) as u64;
    if made {
        made_consumer(ctx, key);
    }
    Ok(())
}
