//! Commands that remove members from a sorted set by name or by range.

use std::ops::Range;

use super::bounds::{Names, Scores};
use crate::base::range;
use crate::command::effects::Class;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Exec, Flags, Footprint, Group, Key, KeyFlags, Ran};
use crate::types::SortedSet;

/// ZREM and the ZREMRANGEBY family.
pub const COMMANDS: &[Command] = &[
    Command::new("ZREM", "Removes members from a sorted set.", Group::SortedSet)
        .since("1.2.0")
        .complexity("O(M*log(N))")
        .arity(Arity::AtLeast(3))
        .flags(Flags::WRITE.or(Flags::FAST))
        .acl(Acl::SORTEDSET)
        .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::DELETE)])
        .args(&[Arg::key("key", 0), Arg::string("member").multiple()])
        .history(&[("2.4.0", "Several members at once.")])
        .footprint(Footprint::Named)
        .run(Exec::Keys(zrem)),
    Command::new(
        "ZREMRANGEBYRANK",
        "Removes the members of a sorted set between two ranks.",
        Group::SortedSet,
    )
    .since("2.0.0")
    .complexity("O(log(N)+M)")
    .arity(Arity::Exactly(4))
    .flags(Flags::WRITE)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::DELETE)])
    .args(&[Arg::key("key", 0), Arg::integer("start"), Arg::integer("stop")])
    .run(Exec::Keys(zremrangebyrank)),
    Command::new(
        "ZREMRANGEBYSCORE",
        "Removes the members of a sorted set between two scores.",
        Group::SortedSet,
    )
    .since("1.2.0")
    .complexity("O(log(N)+M)")
    .arity(Arity::Exactly(4))
    .flags(Flags::WRITE)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::DELETE)])
    .args(&[Arg::key("key", 0), Arg::double("min"), Arg::double("max")])
    .run(Exec::Keys(zremrangebyscore)),
    Command::new(
        "ZREMRANGEBYLEX",
        "Removes the members of a sorted set between two names, all scores being equal.",
        Group::SortedSet,
    )
    .since("2.8.9")
    .complexity("O(log(N)+M)")
    .arity(Arity::Exactly(4))
    .flags(Flags::WRITE)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::DELETE)])
    .args(&[Arg::key("key", 0), Arg::string("min"), Arg::string("max")])
    .run(Exec::Keys(zremrangebylex)),
];

fn zrem(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let Some(set) = ctx.keys.sorted_set_mut(key)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let removed = args.from(2).filter(|member| set.remove(member)).count();
    let emptied = set.is_empty();
    ctx.reply.count(removed);
    removed_from(ctx, key, "zrem", removed, emptied);
    Ok(())
}

/// Records that `removed` members went from the sorted set at `key`, and removes it when that was all.
fn removed_from(ctx: &mut Context<'_>, key: &[u8], event: &'static str, removed: usize, emptied: bool) {
    if removed > 0 {
        ctx.keys.changed(key, Class::SortedSet, event);
    }
    if emptied {
        ctx.keys.remove_emptied(key);
    }
}

fn zremrangebyrank(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (start, stop) = (args.int(2)?, args.int(3)?);
    let ranks = |set: &SortedSet| range::inclusive(start, stop, set.len());
    remove_range(ctx, args, "zremrangebyrank", ranks)
}

fn zremrangebyscore(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let scores = Scores::parse(args.at(2), args.at(3))?;
    remove_range(ctx, args, "zremrangebyscore", |set| scores.ranks(set))
}

fn zremrangebylex(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let names = Names::parse(args.at(2), args.at(3))?;
    remove_range(ctx, args, "zremrangebylex", |set| names.ranks(set))
}

fn remove_range(
    ctx: &mut Context<'_>,
    args: Args<'_>,
    event: &'static str,
    ranks: impl FnOnce(&SortedSet) -> Range<usize>,
) -> Ran {
    let key = args.at(1);
    let Some(set) = ctx.keys.sorted_set_mut(key)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let ranks = ranks(set);
    let removed = ranks.len();
    set.remove_range(ranks);
    let emptied = set.is_empty();
    ctx.reply.count(removed);
    removed_from(ctx, key, event, removed, emptied);
    Ok(())
}
