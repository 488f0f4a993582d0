//! Commands that return or store a range of a sorted set, by rank, score or name, in either direction.

use std::ops::Range;

use super::bounds::{Names, Scores};
use super::{lookup, write_members};
use crate::base::range;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::types::SortedSet;

/// ZRANGE, its older spellings, and ZRANGESTORE.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "ZRANGE",
        "Returns the members of a sorted set between two ranks, scores or names.",
        Group::SortedSet,
    )
    .since("1.2.0")
    .complexity("O(log(N)+M)")
    .arity(Arity::AtLeast(4))
    .flags(Flags::READONLY)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).read()])
    .args(&[
        Arg::key("key", 0),
        Arg::string("start"),
        Arg::string("stop"),
        Arg::one_of(
            "sortby",
            &[Arg::word("byscore", "BYSCORE"), Arg::word("bylex", "BYLEX")],
        )
        .since("6.2.0")
        .optional(),
        Arg::word("rev", "REV").since("6.2.0").optional(),
        Arg::block("limit", &[Arg::integer("offset"), Arg::integer("count")])
            .token("LIMIT")
            .since("6.2.0")
            .optional(),
        Arg::word("withscores", "WITHSCORES").optional(),
    ])
    .history(&[("6.2.0", "REV, BYSCORE, BYLEX and LIMIT.")])
    .run(Exec::Keys(zrange)),
    Command::new(
        "ZREVRANGE",
        "Returns the members of a sorted set between two ranks, highest score first.",
        Group::SortedSet,
    )
    .since("1.2.0")
    .complexity("O(log(N)+M)")
    .arity(Arity::AtLeast(4))
    .flags(Flags::READONLY)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).read()])
    .args(&[
        Arg::key("key", 0),
        Arg::integer("start"),
        Arg::integer("stop"),
        Arg::word("withscores", "WITHSCORES").optional(),
    ])
    .run(Exec::Keys(zrevrange)),
    Command::new(
        "ZRANGEBYSCORE",
        "Returns the members of a sorted set between two scores.",
        Group::SortedSet,
    )
    .since("1.0.5")
    .complexity("O(log(N)+M)")
    .arity(Arity::AtLeast(4))
    .flags(Flags::READONLY)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).read()])
    .args(&[
        Arg::key("key", 0),
        Arg::double("min"),
        Arg::double("max"),
        Arg::word("withscores", "WITHSCORES").since("2.0.0").optional(),
        Arg::block("limit", &[Arg::integer("offset"), Arg::integer("count")])
            .token("LIMIT")
            .optional(),
    ])
    .history(&[("2.0.0", "WITHSCORES.")])
    .run(Exec::Keys(zrangebyscore)),
    Command::new(
        "ZREVRANGEBYSCORE",
        "Returns the members of a sorted set between two scores, highest first.",
        Group::SortedSet,
    )
    .since("2.2.0")
    .complexity("O(log(N)+M)")
    .arity(Arity::AtLeast(4))
    .flags(Flags::READONLY)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).read()])
    .args(&[
        Arg::key("key", 0),
        Arg::double("max"),
        Arg::double("min"),
        Arg::word("withscores", "WITHSCORES").optional(),
        Arg::block("limit", &[Arg::integer("offset"), Arg::integer("count")])
            .token("LIMIT")
            .optional(),
    ])
    .history(&[("2.1.6", "Bounds may be exclusive.")])
    .run(Exec::Keys(zrevrangebyscore)),
    Command::new(
        "ZRANGEBYLEX",
        "Returns the members of a sorted set between two names, all scores being equal.",
        Group::SortedSet,
    )
    .since("2.8.9")
    .complexity("O(log(N)+M)")
    .arity(Arity::AtLeast(4))
    .flags(Flags::READONLY)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).read()])
    .args(&[
        Arg::key("key", 0),
        Arg::string("min"),
        Arg::string("max"),
        Arg::block("limit", &[Arg::integer("offset"), Arg::integer("count")])
            .token("LIMIT")
            .optional(),
    ])
    .run(Exec::Keys(zrangebylex)),
    Command::new(
        "ZREVRANGEBYLEX",
        "Returns the members of a sorted set between two names, last first, all scores being equal.",
        Group::SortedSet,
    )
    .since("2.8.9")
    .complexity("O(log(N)+M)")
    .arity(Arity::AtLeast(4))
    .flags(Flags::READONLY)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).read()])
    .args(&[
        Arg::key("key", 0),
        Arg::string("max"),
        Arg::string("min"),
        Arg::block("limit", &[Arg::integer("offset"), Arg::integer("count")])
            .token("LIMIT")
            .optional(),
    ])
    .run(Exec::Keys(zrevrangebylex)),
    Command::new(
        "ZRANGESTORE",
        "Stores the members of a sorted set between two ranks, scores or names under another key.",
        Group::SortedSet,
    )
    .since("6.2.0")
    .complexity("O(log(N)+M)")
    .arity(Arity::AtLeast(5))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).flags(KeyFlags::OW | KeyFlags::UPDATE), Key::at(2).read()])
    .args(&[
        Arg::key("dst", 0),
        Arg::key("src", 1),
        Arg::string("min"),
        Arg::string("max"),
        Arg::one_of(
            "sortby",
            &[Arg::word("byscore", "BYSCORE"), Arg::word("bylex", "BYLEX")],
        )
        .optional(),
        Arg::word("rev", "REV").optional(),
        Arg::block("limit", &[Arg::integer("offset"), Arg::integer("count")])
            .token("LIMIT")
            .optional(),
    ])
    .run(Exec::Keys(zrangestore)),
];

/// What a range goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Name,
}

/// What a command of the family fixes by its name; what it leaves open, options may say.
#[derive(Clone, Copy, Debug)]
struct Form {
    /// The word of the sorted set's key.
    source: usize,
    by: Option<By>,
    reverse: Option<bool>,
    stores: bool,
}

/// The bounds, read.
enum Bounds<'a> {
    Ranks(i64, i64),
    Scores(Scores),
    Names(Names<'a>),
}

/// What is asked for.
struct Query<'a> {
    bounds: Bounds<'a>,
    reverse: bool,
    with_scores: bool,
    offset: i64,
    /// Below zero: all.
    limit: i64,
}

/// The options of a request, before they are checked against each other.
struct Options {
    by: Option<By>,
    reverse: Option<bool>,
    with_scores: bool,
    offset: i64,
    limit: i64,
}

impl Options {
    fn parse(args: Args<'_>, form: Form) -> Result<Self, Error> {
        let mut options = Options {
            by: form.by,
            reverse: form.reverse,
            with_scores: false,
            offset: 0,
            limit: -1,
        };
        let mut at = form.source + 3;
        while at < args.len() {
            if !form.stores && args.is(at, "WITHSCORES") {
                options.with_scores = true;
            } else if args.is(at, "LIMIT") && at + 2 < args.len() {
                options.offset = args.int(at + 1)?;
                options.limit = args.int(at + 2)?;
                at += 2;
            } else if options.reverse.is_none() && args.is(at, "REV") {
                options.reverse = Some(true);
            } else if options.by.is_none() && args.is(at, "BYLEX") {
                options.by = Some(By::Name);
            } else if options.by.is_none() && args.is(at, "BYSCORE") {
                options.by = Some(By::Score);
            } else {
                return Err(Error::Syntax);
            }
            at += 1;
        }
        Ok(options)
    }
}

impl<'a> Query<'a> {
    fn parse(args: Args<'a>, form: Form) -> Result<Self, Error> {
        let options = Options::parse(args, form)?;
        let by = options.by.unwrap_or(By::Rank);
        let reverse = options.reverse.unwrap_or(false);
        if options.limit != -1 && by == By::Rank {
            return Err(Error::Text(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if options.with_scores && by == By::Name {
            return Err(Error::Text(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let (first, second) = (form.source + 1, form.source + 2);
        let (min, max) = if reverse { (second, first) } else { (first, second) };
        let bounds = match by {
            By::Rank => Bounds::Ranks(args.int(first)?, args.int(second)?),
            By::Score => Bounds::Scores(Scores::parse(args.at(min), args.at(max))?),
            By::Name => Bounds::Names(Names::parse(args.at(min), args.at(max))?),
        };
        Ok(Query {
            bounds,
            reverse,
            with_scores: options.with_scores,
            offset: options.offset,
            limit: options.limit,
        })
    }

    /// The ranks asked for, from the low end; O(log n).
    fn ranks(&self, set: &SortedSet) -> Range<usize> {
        let ranks = match self.bounds {
            Bounds::Ranks(start, stop) => {
                let len = set.len();
                let ranks = range::inclusive(start, stop, len);
                return if self.reverse {
                    len - ranks.end..len - ranks.start
                } else {
                    ranks
                };
            }
            Bounds::Scores(scores) => scores.ranks(set),
            Bounds::Names(names) => names.ranks(set),
        };
        self.limited(ranks, set)
    }

    /// The part of `ranks` that LIMIT leaves.
    fn limited(&self, ranks: Range<usize>, set: &SortedSet) -> Range<usize> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let Some(first) = self.first(&ranks, set) else {
            return 0..0;
        };
        if self.reverse {
            let end = first + 1;
            ranks.start.max(end.saturating_sub(limit))..end
        } else {
            first..ranks.end.min(first.saturating_add(limit))
        }
    }

    /// The rank at which the offset begins. One below zero finds nothing in a small set; in a large one it counts from the far
    /// end of the range, as it does in Valkey.
    fn first(&self, ranks: &Range<usize>, set: &SortedSet) -> Option<usize> {
        let from_far_end = self.offset < 0;
        if from_far_end && set.encoding() == "listpack" {
            return None;
        }
        let steps = if from_far_end { -1 - self.offset } else { self.offset };
        let steps = usize::try_from(steps).ok().filter(|steps| *steps < ranks.len())?;
        Some(if from_far_end == self.reverse {
            ranks.start + steps
        } else {
            ranks.end - 1 - steps
        })
    }
}

fn zrange(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_range(ctx, args, None, None)
}

fn zrevrange(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_range(ctx, args, Some(By::Rank), Some(true))
}

fn zrangebyscore(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_range(ctx, args, Some(By::Score), Some(false))
}

fn zrevrangebyscore(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_range(ctx, args, Some(By::Score), Some(true))
}

fn zrangebylex(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_range(ctx, args, Some(By::Name), Some(false))
}

fn zrevrangebylex(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_range(ctx, args, Some(By::Name), Some(true))
}

fn reply_range(ctx: &mut Context<'_>, args: Args<'_>, by: Option<By>, reverse: Option<bool>) -> Ran {
    let form = Form {
        source: 1,
        by,
        reverse,
        stores: false,
    };
    let query = Query::parse(args, form)?;
    let Some(entry) = ctx.keys.lookup(args.at(1)) else {
        ctx.reply.array(0);
        return Ok(());
    };
    let set = entry.sorted_set().ok_or(Error::WrongType)?;
    let ranks = query.ranks(set);
    let len = ranks.len();
    let members = set.range(ranks);
    if query.reverse {
        write_members(ctx.reply, len, query.with_scores, members.rev());
    } else {
        write_members(ctx.reply, len, query.with_scores, members);
    }
    Ok(())
}

fn zrangestore(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let form = Form {
        source: 2,
        by: None,
        reverse: None,
        stores: true,
    };
    let query = Query::parse(args, form)?;
    let limits = ctx.sorted_set_limits();
    let stored = match lookup(ctx, args.at(2))? {
        Some(set) => {
            let ranks = query.ranks(set);
            // By score and name Valkey does not know beforehand how many there will be.
            let count = if matches!(query.bounds, Bounds::Ranks(..)) {
                ranks.len()
            } else {
                0
            };
            let members = set.range(ranks);
            // A small set has no negative zero, so it matters which members are in before it becomes a large one.
            if query.reverse {
                SortedSet::from_distinct(members.rev(), (count, 0), limits)
            } else {
                SortedSet::from_distinct(members, (count, 0), limits)
            }
        }
        None => SortedSet::new(),
    };
    ctx.store_sorted_set(args.at(1), stored, "zrangestore");
    Ok(())
}
