//! Commands that only read a list.

use crate::base::range;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::keyspace::Entry;
use crate::types::List;

/// LLEN, LINDEX, LRANGE, LPOS.
pub const COMMANDS: &[Command] = &[
    Command::new("LLEN", "Tells how many elements a list has.", Group::List)
        .arity(Arity::Exactly(2))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::LIST)
        .keys(&[Key::at(1).flags(KeyFlags::RO)])
        .args(&[Arg::key("key", 0)])
        .run(Exec::Keys(llen)),
    Command::new("LINDEX", "Returns the element at an index of a list.", Group::List)
        .complexity("O(N)")
        .arity(Arity::Exactly(3))
        .flags(Flags::READONLY)
        .acl(Acl::LIST)
        .keys(&[Key::at(1).read()])
        .args(&[Arg::key("key", 0), Arg::integer("index")])
        .run(Exec::Keys(lindex)),
    Command::new(
        "LRANGE",
        "Returns the elements between two indexes of a list.",
        Group::List,
    )
    .complexity("O(S+N)")
    .arity(Arity::Exactly(4))
    .flags(Flags::READONLY)
    .acl(Acl::LIST)
    .keys(&[Key::at(1).read()])
    .args(&[Arg::key("key", 0), Arg::integer("start"), Arg::integer("stop")])
    .run(Exec::Keys(lrange)),
    Command::new("LPOS", "Finds where an element stands in a list.", Group::List)
        .since("6.0.6")
        .complexity("O(N)")
        .arity(Arity::AtLeast(3))
        .flags(Flags::READONLY)
        .acl(Acl::LIST)
        .keys(&[Key::at(1).read()])
        .args(&[
            Arg::key("key", 0),
            Arg::string("element"),
            Arg::integer("rank").token("RANK").optional(),
            Arg::integer("num-matches").token("COUNT").optional(),
            Arg::integer("len").token("MAXLEN").optional(),
        ])
        .run(Exec::Keys(lpos)),
];

/// The list at `key`, for a command that only reads.
fn lookup<'k>(ctx: &'k mut Context<'_>, key: &[u8]) -> Result<Option<&'k List>, Error> {
    let list = |entry: &'k Entry| entry.list().ok_or(Error::WrongType);
    ctx.keys.lookup(key).map(list).transpose()
}

fn llen(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let len = lookup(ctx, args.at(1))?.map_or(0, List::len);
    ctx.reply.count(len);
    Ok(())
}

/// The place that `index` (negative: from the tail) names in a list of `len` elements; it may lie behind the tail.
pub(super) fn place(index: i64, len: usize) -> Option<usize> {
    if index < 0 {
        len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
    } else {
        usize::try_from(index).ok()
    }
}

fn lindex(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let Some(entry) = ctx.keys.lookup(args.at(1)) else {
        ctx.reply.null();
        return Ok(());
    };
    let list = entry.list().ok_or(Error::WrongType)?;
    match place(args.int(2)?, list.len()).and_then(|at| list.get(at)) {
        Some(item) => ctx.reply.bulk(item),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn lrange(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (start, stop) = (args.int(2)?, args.int(3)?);
    let Some(entry) = ctx.keys.lookup(args.at(1)) else {
        ctx.reply.array(0);
        return Ok(());
    };
    let list = entry.list().ok_or(Error::WrongType)?;
    let range = range::inclusive(start, stop, list.len());
    ctx.reply.array(range.len());
    list.visit(range, |item| ctx.reply.bulk(item));
    Ok(())
}

/// What LPOS is asked for.
struct Search {
    /// Matches to pass over first.
    skip: u64,
    from_tail: bool,
    /// Matches to report; `None` reports one, not as an array.
    count: Option<u64>,
    /// Elements to look at.
    maxlen: u64,
}

impl Search {
    fn parse(args: Args<'_>) -> Result<Self, Error> {
        let mut search = Search {
            skip: 0,
            from_tail: false,
            count: None,
            maxlen: u64::MAX,
        };
        let mut at = 3;
        while at < args.len() {
            if at + 1 == args.len() {
                return Err(Error::Syntax);
            }
            if args.is(at, "RANK") {
                let rank = rank_at(args, at + 1)?;
                search.skip = rank.unsigned_abs() - 1;
                search.from_tail = rank < 0;
            } else if args.is(at, "COUNT") {
                let error = Error::Text("ERR COUNT can't be negative");
                let count = args.int_in(at + 1, 0..=i64::MAX, error)?;
                search.count = Some(unlimited_when_zero(count));
            } else if args.is(at, "MAXLEN") {
                let error = Error::Text("ERR MAXLEN can't be negative");
                let maxlen = args.int_in(at + 1, 0..=i64::MAX, error)?;
                search.maxlen = unlimited_when_zero(maxlen);
            } else {
                return Err(Error::Syntax);
            }
            at += 2;
        }
        Ok(search)
    }

    /// Visits the places of the matches, in the order of the search.
    fn run(&self, list: &List, element: &[u8], mut found: impl FnMut(usize)) {
        let maxlen = usize::try_from(self.maxlen).unwrap_or(usize::MAX);
        let skip = usize::try_from(self.skip).unwrap_or(usize::MAX);
        let count = usize::try_from(self.count.unwrap_or(1)).unwrap_or(usize::MAX);
        let equal = |(at, item): (usize, &[u8])| (item == element).then_some(at);
        if self.from_tail {
            let last = list.len().saturating_sub(1);
            let items = list.iter_back().take(maxlen).enumerate();
            items
                .filter_map(equal)
                .skip(skip)
                .take(count)
                .for_each(|at| found(last - at));
        } else {
            let items = list.iter_from(0).take(maxlen).enumerate();
            items.filter_map(equal).skip(skip).take(count).for_each(found);
        }
    }
}

fn unlimited_when_zero(limit: i64) -> u64 {
    if limit == 0 { u64::MAX } else { limit.unsigned_abs() }
}

fn rank_at(args: Args<'_>, at: usize) -> Result<i64, Error> {
    match args.int(at)? {
        0 => Err(Error::Text(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
        )),
        i64::MIN => Err(super::NOT_IN_RANGE),
        rank => Ok(rank),
    }
}

fn lpos(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let search = Search::parse(args)?;
    let mut places = Vec::new();
    if let Some(list) = lookup(ctx, args.at(1))? {
        search.run(list, args.at(2), |at| places.push(at));
    }
    match (search.count, places.first()) {
        (Some(_), _) => {
            ctx.reply.array(places.len());
            places.iter().for_each(|&at| ctx.reply.count(at));
        }
        (None, Some(&at)) => ctx.reply.count(at),
        (None, None) => ctx.reply.null(),
    }
    Ok(())
}
