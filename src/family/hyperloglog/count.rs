//! Adding, counting and merging.

use super::{corrupted, edit, empty, read, write};
use crate::command::{Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::types::hyperloglog::{self, Encoding, Hit, Union};

/// PFADD, PFCOUNT and PFMERGE.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "PFADD",
        "Adds elements to a HyperLogLog, which is created when missing.",
        Group::HyperLogLog,
    )
    .since("2.8.9")
    .arity(Arity::AtLeast(2))
    .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
    .acl(Acl::HYPERLOGLOG)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::INSERT)])
    .args(&[Arg::key("key", 0), Arg::string("element").optional().multiple()])
    .run(Exec::Keys(pfadd)),
    Command::new(
        "PFCOUNT",
        "Tells about how many distinct elements were added to a HyperLogLog, or to any of several.",
        Group::HyperLogLog,
    )
    .since("2.8.9")
    .arity(Arity::AtLeast(2))
    .flags(Flags::READONLY)
    .acl(Acl::HYPERLOGLOG)
    .keys(&[Key::at(1)
        .range(-1, 1)
        .flags(KeyFlags::RW | KeyFlags::ACCESS)
        .notes("RW because it may change the internal representation of the key, and propagate to replicas")])
    .args(&[Arg::key("key", 0).multiple()])
    .run(Exec::Keys(pfcount)),
    Command::new(
        "PFMERGE",
        "Adds to a HyperLogLog all that others have counted.",
        Group::HyperLogLog,
    )
    .since("2.8.9")
    .complexity("O(N)")
    .arity(Arity::AtLeast(2))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::HYPERLOGLOG)
    .keys(&[
        Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::INSERT),
        Key::at(2).range(-1, 1).read(),
    ])
    .args(&[Arg::key("destkey", 0), Arg::key("sourcekey", 1).optional().multiple()])
    .run(Exec::Keys(pfmerge)),
];

fn pfadd(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let sparse_max = ctx.config.hll_sparse_max_bytes;
    let mut updated = false;
    let entry = ctx.keys.get_or_insert(key, || {
        updated = true;
        empty(key)
    });
    let (bytes, encoding) = write(entry)?;
    let mut hits = args.from(2).map(Hit::of);
    if encoding == Encoding::Dense {
        hits.for_each(|hit| updated |= hyperloglog::raise_dense(bytes, hit));
    } else {
        // Only what changes runs makes them move.
        let first = hits.find_map(|hit| match hyperloglog::would_raise(bytes, hit) {
            Ok(false) => None,
            would => Some(would.map(|_| hit)),
        });
        if let Some(first) = first.transpose().map_err(corrupted)? {
            edit(entry, |bytes| {
                let mut hits = std::iter::once(first).chain(hits);
                hits.try_for_each(|hit| hyperloglog::raise(bytes, hit, sparse_max).map(drop))
            })?;
            updated = true;
        }
    }
    if updated {
        hyperloglog::invalidate(write(entry)?.0);
        ctx.keys.changed(key, Class::String, "pfadd");
    }
    ctx.reply.int(i64::from(updated));
    Ok(())
}

fn pfcount(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    if args.len() > 2 {
        let (union, _) = union(ctx, args)?;
        ctx.reply.int(union.count() as i64);
        return Ok(());
    }
    let Some(entry) = ctx.keys.lookup_mut(key) else {
        ctx.reply.int(0);
        return Ok(());
    };
    let (bytes, _) = write(entry)?;
    let cached = hyperloglog::cached(bytes);
    let count = match cached {
        Some(count) => count,
        None => {
            let count = hyperloglog::count(bytes).map_err(corrupted)?;
            hyperloglog::set_cached(bytes, count);
            count
        }
    };
    if cached.is_none() {
        ctx.keys.touched(key);
    }
    ctx.reply.int(count as i64);
    Ok(())
}

/// The union of all that the words name, and whether any of it is dense.
fn union(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(Union, bool), Error> {
    let mut union = Union::default();
    let mut dense = false;
    for key in args.from(1) {
        if let Some(entry) = ctx.keys.lookup(key) {
            let (bytes, encoding) = read(entry)?;
            dense |= encoding == Encoding::Dense;
            union.merge(bytes).map_err(corrupted)?;
        }
    }
    Ok((union, dense))
}

fn pfmerge(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let (union, dense) = union(ctx, args)?;
    let sparse_max = ctx.config.hll_sparse_max_bytes;
    let entry = ctx.keys.get_or_insert(key, || empty(key));
    edit(entry, |bytes| {
        if dense {
            hyperloglog::make_dense(bytes)?;
        }
        union.store(bytes, sparse_max)
    })?;
    ctx.keys.changed(key, Class::String, "pfadd");
    ctx.reply.ok();
    Ok(())
}
