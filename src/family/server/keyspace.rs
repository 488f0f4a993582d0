//! Commands on whole databases: they see (and change) all shards at one instant.

use crate::base::id::DbIndex;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Part};
use crate::protocol::reply::Reply;

const FLUSH_TIPS: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];
const FLUSH_HOW: &[Arg] = &[Arg::one_of(
    "flush-type",
    &[
        Arg::word("async", "ASYNC").since("4.0.0"),
        Arg::word("sync", "SYNC").since("6.2.0"),
    ],
)
.optional()];

/// DBSIZE, FLUSHALL, FLUSHDB, SWAPDB.
pub const COMMANDS: &[Command] = &[
    Command::new("DBSIZE", "Counts the keys of the selected database.", Group::Server)
        .arity(Arity::Exactly(1))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::KEYSPACE)
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"])
        .run(Exec::Whole {
            part: dbsize,
            combine: |parts, _, reply| reply.int(parts.iter().map(|part| part.count).sum()),
        }),
    Command::new("FLUSHALL", "Removes the keys of all databases.", Group::Server)
        .complexity("O(N) where N is the total number of keys in all databases")
        .arity(Arity::AtLeast(1))
        .flags(Flags::WRITE)
        .acl(Acl::KEYSPACE.or(Acl::DANGEROUS))
        .tips(FLUSH_TIPS)
        .history(FLUSH_HISTORY)
        .args(FLUSH_HOW)
        .run(Exec::Whole {
            part: flush_all,
            combine: done,
        }),
    Command::new("FLUSHDB", "Removes the keys of the selected database.", Group::Server)
        .complexity("O(N) where N is the number of keys in the selected database")
        .arity(Arity::AtLeast(1))
        .flags(Flags::WRITE)
        .acl(Acl::KEYSPACE.or(Acl::DANGEROUS))
        .tips(FLUSH_TIPS)
        .history(FLUSH_HISTORY)
        .args(FLUSH_HOW)
        .run(Exec::Whole {
            part: flush_db,
            combine: done,
        }),
    Command::new("SWAPDB", "Exchanges two databases.", Group::Server)
        .since("4.0.0")
        .complexity("O(N) where N is the count of clients watching or blocking on keys from both databases.")
        .arity(Arity::Exactly(3))
        .flags(Flags::WRITE.or(Flags::FAST))
        .acl(Acl::KEYSPACE.or(Acl::DANGEROUS))
        .args(&[Arg::integer("index1"), Arg::integer("index2")])
        .run(Exec::Whole {
            part: swapdb,
            combine: done,
        }),
];

const FLUSH_HISTORY: &[(&str, &str)] = &[
    ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
    ("6.2.0", "Added the `SYNC` flushing mode modifier."),
];

fn done(_: &[Part], _: Args<'_>, reply: &mut Reply) {
    reply.ok();
}

fn dbsize(ctx: &mut Context<'_>, _: Args<'_>) -> Result<Part, Error> {
    Ok(Part::count(ctx.keys.space.db(ctx.keys.db).len() as i64))
}

/// Contents are always freed off the command's path, so both modes are the same here.
fn check_mode(args: Args<'_>) -> Result<(), Error> {
    match args.len() {
        1 => Ok(()),
        2 if args.is(1, "ASYNC") || args.is(1, "SYNC") => Ok(()),
        _ => Err(Error::Syntax),
    }
}

fn flush_all(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Part, Error> {
    check_mode(args)?;
    for db in 0..ctx.keys.space.databases() {
        flush(ctx, DbIndex(db as u32));
    }
    Ok(Part::default())
}

fn flush_db(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Part, Error> {
    check_mode(args)?;
    let db = ctx.keys.db;
    flush(ctx, db);
    Ok(Part::default())
}

fn flush(ctx: &mut Context<'_>, db: DbIndex) {
    ctx.keys.effects.dirty += ctx.keys.space.flush(db) as u64;
    ctx.keys.effects.forget_reads();
}

fn swapdb(ctx: &mut Context<'_>, args: Args<'_>) -> Result<Part, Error> {
    const INT: std::ops::RangeInclusive<i64> = i32::MIN as i64..=i32::MAX as i64;
    let index = |at: usize, error: &'static str| args.int_in(at, INT, Error::Text(error));
    let one = index(1, "ERR invalid first DB index")?;
    let other = index(2, "ERR invalid second DB index")?;
    let databases = ctx.keys.space.databases();
    let db = |index: i64| {
        let index = usize::try_from(index).ok().filter(|index| *index < databases);
        index.map(|index| DbIndex(index as u32)).ok_or(Error::DbOutOfRange)
    };
    let (one, other) = (db(one)?, db(other)?);
    if one != other {
        ctx.keys.space.swap(one, other);
    }
    ctx.keys.effects.dirty += 1;
    Ok(Part::default())
}
