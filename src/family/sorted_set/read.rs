//! Commands that ask a sorted set for scores, ranks and counts.

use std::ops::Range;

use super::bounds::{Names, Scores};
use super::lookup;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::types::SortedSet;
use crate::types::sorted_set::Edge;

/// ZCARD, ZSCORE, ZRANK, ZCOUNT and their relatives.
pub const COMMANDS: &[Command] = &[
    Command::new("ZCARD", "Tells how many members a sorted set has.", Group::SortedSet)
        .since("1.2.0")
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::SORTEDSET)
        .keys(&[Key::at(1).flags(KeyFlags::RO)])
        .args(&[Arg::key("key", 0)])
        .run(Exec::Keys(zcard)),
    Command::new(
        "ZSCORE",
        "Returns the score of a member of a sorted set.",
        Group::SortedSet,
    )
    .since("1.2.0")
    .arity(Arity::Exactly(3))
    .flags(Flags::READONLY.or(Flags::FAST))
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).read()])
    .args(&[Arg::key("key", 0), Arg::string("member")])
    .run(Exec::Keys(zscore)),
    Command::new(
        "ZMSCORE",
        "Returns the scores of several members of a sorted set.",
        Group::SortedSet,
    )
    .since("6.2.0")
    .complexity("O(N)")
    .arity(Arity::AtLeast(3))
    .flags(Flags::READONLY.or(Flags::FAST))
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).read()])
    .args(&[Arg::key("key", 0), Arg::string("member").multiple()])
    .run(Exec::Keys(zmscore)),
    Command::new(
        "ZRANK",
        "Tells how many members stand before a member of a sorted set.",
        Group::SortedSet,
    )
    .since("2.0.0")
    .complexity("O(log(N))")
    .arity(Arity::AtLeast(3))
    .flags(Flags::READONLY.or(Flags::FAST))
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).read()])
    .args(&[
        Arg::key("key", 0),
        Arg::string("member"),
        Arg::word("withscore", "WITHSCORE").optional(),
    ])
    .history(&[("7.2.0", "WITHSCORE.")])
    .run(Exec::Keys(zrank)),
    Command::new(
        "ZREVRANK",
        "Tells how many members stand behind a member of a sorted set.",
        Group::SortedSet,
    )
    .since("2.0.0")
    .complexity("O(log(N))")
    .arity(Arity::AtLeast(3))
    .flags(Flags::READONLY.or(Flags::FAST))
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).read()])
    .args(&[
        Arg::key("key", 0),
        Arg::string("member"),
        Arg::word("withscore", "WITHSCORE").optional(),
    ])
    .history(&[("7.2.0", "WITHSCORE.")])
    .run(Exec::Keys(zrevrank)),
    Command::new(
        "ZCOUNT",
        "Counts the members of a sorted set between two scores.",
        Group::SortedSet,
    )
    .since("2.0.0")
    .complexity("O(log(N))")
    .arity(Arity::Exactly(4))
    .flags(Flags::READONLY.or(Flags::FAST))
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).read()])
    .args(&[Arg::key("key", 0), Arg::double("min"), Arg::double("max")])
    .run(Exec::Keys(zcount)),
    Command::new(
        "ZLEXCOUNT",
        "Counts the members of a sorted set between two names, all scores being equal.",
        Group::SortedSet,
    )
    .since("2.8.9")
    .complexity("O(log(N))")
    .arity(Arity::Exactly(4))
    .flags(Flags::READONLY.or(Flags::FAST))
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).read()])
    .args(&[Arg::key("key", 0), Arg::string("min"), Arg::string("max")])
    .run(Exec::Keys(zlexcount)),
];

fn zcard(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let len = lookup(ctx, args.at(1))?.map_or(0, SortedSet::len);
    ctx.reply.count(len);
    Ok(())
}

fn zscore(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let score = lookup(ctx, args.at(1))?.and_then(|set| set.score(args.at(2)));
    write_score(ctx, score);
    Ok(())
}

fn write_score(ctx: &mut Context<'_>, score: Option<f64>) {
    match score {
        Some(score) => ctx.reply.double(score),
        None => ctx.reply.null(),
    }
}

fn zmscore(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let members = args.from(2);
    let mut scores = vec![None; members.len()];
    if let Some(set) = lookup(ctx, args.at(1))? {
        for (score, member) in scores.iter_mut().zip(members) {
            *score = set.score(member);
        }
    }
    ctx.reply.array(scores.len());
    scores.into_iter().for_each(|score| write_score(ctx, score));
    Ok(())
}

fn zrank(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    rank(ctx, args, "zrank", Edge::Min)
}

fn zrevrank(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    rank(ctx, args, "zrevrank", Edge::Max)
}

fn rank(ctx: &mut Context<'_>, args: Args<'_>, name: &str, from: Edge) -> Ran {
    let with_score = match args.len() {
        3 => false,
        4 if args.is(3, "WITHSCORE") => true,
        4 => return Err(Error::Syntax),
        _ => return Err(Error::Arity(name.into())),
    };
    let found = lookup(ctx, args.at(1))?.and_then(|set| {
        let (rank, score) = set.rank(args.at(2))?;
        let rank = match from {
            Edge::Min => rank,
            Edge::Max => set.len() - 1 - rank,
        };
        Some((rank, score))
    });
    match found {
        Some((rank, score)) if with_score => {
            ctx.reply.array(2);
            ctx.reply.count(rank);
            ctx.reply.double(score);
        }
        Some((rank, _)) => ctx.reply.count(rank),
        None if with_score => ctx.reply.null_array(),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn zcount(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let scores = Scores::parse(args.at(2), args.at(3))?;
    count(ctx, args, |set| scores.ranks(set))
}

fn zlexcount(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let names = Names::parse(args.at(2), args.at(3))?;
    count(ctx, args, |set| names.ranks(set))
}

fn count(ctx: &mut Context<'_>, args: Args<'_>, ranks: impl FnOnce(&SortedSet) -> Range<usize>) -> Ran {
    let count = lookup(ctx, args.at(1))?.map_or(0, |set| ranks(set).len());
    ctx.reply.count(count);
    Ok(())
}
