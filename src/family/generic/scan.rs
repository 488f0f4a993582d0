//! Commands that walk over all keys.

use crate::base::glob;
use crate::base::time::UnixMillis;
use crate::command::exec::Owner;
use crate::command::scan::{cursor, write_page};
use crate::command::{
    Acl, Arg, Args, Arity, Command, Context, Error, Exec, Expiring, Flags, Group, Part, Ran, ScanOptions, Scans,
};
use crate::keyspace::Entry;
use crate::protocol::reply::Reply;

/// KEYS, SCAN and RANDOMKEY.
pub const COMMANDS: &[Command] = &[
    Command::new("KEYS", "Returns all keys that match a pattern.", Group::Generic)
        .complexity("O(N)")
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY)
        .acl(Acl::KEYSPACE.or(Acl::DANGEROUS))
        .args(&[Arg::pattern("pattern")])
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
        .run(Exec::Whole {
            part: keys_part,
            combine: keys_combine,
        }),
    Command::new("SCAN", "Returns some keys and where to go on.", Group::Generic)
        .since("2.8.0")
        .arity(Arity::AtLeast(2))
        .flags(Flags::READONLY)
        .acl(Acl::KEYSPACE)
        .args(&[
            Arg::integer("cursor"),
            Arg::pattern("pattern").token("MATCH").optional(),
            Arg::integer("count").token("COUNT").optional(),
            Arg::string("type").token("TYPE").since("6.0.0").optional(),
        ])
        .tips(&[
            "nondeterministic_output",
            "request_policy:special",
            "response_policy:special",
        ])
        .history(&[("6.0.0", "The option `TYPE`.")])
        .run(Exec::Shard {
            shard: scan_shard,
            run: scan,
        }),
    Command::new("RANDOMKEY", "Returns a random key.", Group::Generic)
        .arity(Arity::Exactly(1))
        .flags(Flags::READONLY)
        .acl(Acl::KEYSPACE)
        .tips(&[
            "request_policy:all_shards",
            "response_policy:special",
            "nondeterministic_output",
        ])
        .run(Exec::Whole {
            part: random_part,
            combine: random_combine,
        }),
];

/// The bits that cursors of one database fit.
/// How many hidden keys RANDOMKEY passes over before it answers one.
const HIDDEN_TRIES_MAX: usize = 100;
const DB_CURSOR_MASK: u64 = (1 << 48) - 1;

fn is_live(entry: &Entry, now: UnixMillis) -> bool {
    entry.expires_at().is_none_or(|at| at > now)
}

fn keys_part(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Part, Error> {
    let pattern = args.at(1);
    let now = ctx.keys.horizon();
    let everything = pattern == b"*";
    let mut keys = Reply::default();
    let mut part = Part::default();
    for entry in ctx.keys.space.db(ctx.keys.db).iter() {
        if (everything || glob::matches(pattern, entry.key())) && is_live(entry, now) {
            keys.bulk(entry.key());
            part.count += 1;
        }
    }
    part.bytes = keys.into_bytes();
    Ok(part)
}

fn keys_combine(parts: &[Part], _: Args<'_>, reply: &mut Reply) {
    let count: i64 = parts.iter().map(|part| part.count).sum();
    reply.array(usize::try_from(count).expect("counts of keys are not negative"));
    parts.iter().for_each(|part| reply.raw(&part.bytes));
}

/// A cursor is `cursor of the shard's database * shards + shard`; only the beginning of shard 0 is 0, and that of the shard that has all there is to find.
fn scan_shard(args: Args<'_>, shards: u16, owner: Owner<'_>) -> Result<u16, Error> {
    let shard = cursor(args, 1)? % u64::from(shards);
    let options = ScanOptions::parse(args, 2, Scans::Keys)?;
    Ok(options.confined_to().map_or(shard as u16, owner))
}

fn scan(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (shard, shards) = (u64::from(ctx.shard.0.0), u64::from(ctx.shard.1));
    let from = (cursor(args, 1)? / shards) & DB_CURSOR_MASK;
    let options = ScanOptions::parse(args, 2, Scans::Keys)?;
    let now = ctx.keys.horizon();
    let mut keys = Reply::default();
    let mut count = 0;
    let mut expired: Vec<Box<[u8]>> = Vec::new();
    let db = ctx.keys.space.db(ctx.keys.db);
    let next = db.scan(from, options.count, &mut |entry| {
        if !options.takes(entry.kind().name()) || !options.matches(entry.key()) {
            return;
        }
        if is_live(entry, now) {
            keys.bulk(entry.key());
            count += 1;
        } else {
            expired.push(entry.key().into());
        }
    });
    if ctx.keys.expiring == Expiring::Removed {
        expired.iter().for_each(|key| ctx.keys.remove_expired(key));
    }
    let next = match next {
        0 if shard + 1 == shards || options.confined_to().is_some() => 0,
        0 => shard + 1,
        next => next * shards + shard,
    };
    write_page(ctx.reply, next, count, &keys);
    Ok(())
}

/// One key of this shard, how many there are, and a random number: the numbers of all shards together decide whose key it is.
fn random_part(ctx: &mut Context<'_>, _: Args<'_>) -> Result<Part, Error> {
    let now = ctx.keys.horizon();
    let draw = (ctx.rng.next_u64() >> 1) as i64;
    let mut part = Part {
        numbers: vec![draw],
        ..Part::default()
    };
    let mut tries_left = HIDDEN_TRIES_MAX;
    while let Some(entry) = ctx.keys.space.db(ctx.keys.db).random(ctx.rng) {
        let stays = ctx.keys.expiring != Expiring::Removed;
        if is_live(entry, now) || stays && tries_left == 0 {
            let mut key = Reply::default();
            key.bulk(entry.key());
            part.bytes = key.into_bytes();
            part.count = i64::try_from(ctx.keys.space.db(ctx.keys.db).len()).expect("a count of keys is below 2^63");
            break;
        }
        if stays {
            tries_left -= 1;
            continue;
        }
        let key: Box<[u8]> = entry.key().into();
        ctx.keys.remove_expired(&key);
    }
    Ok(part)
}

fn random_combine(parts: &[Part], _: Args<'_>, reply: &mut Reply) {
    let keys: i64 = parts.iter().map(|part| part.count).sum();
    let draw = parts
        .iter()
        .flat_map(|part| &part.numbers)
        .fold(0, |draw, number| draw ^ number);
    let mut left = draw.checked_rem(keys).unwrap_or(0);
    let chosen = parts.iter().find(|part| {
        left -= part.count;
        left < 0
    });
    match chosen {
        Some(part) => reply.raw(&part.bytes),
        None => reply.null(),
    }
}
