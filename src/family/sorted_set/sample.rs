//! Commands that draw members at random or go through them in steps.

use hashbrown::HashSet;

use super::{lookup, write_members};
use crate::base::number::DoubleText;
use crate::base::rng::Rng;
use crate::command::scan::cursor;
use crate::command::{
    Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, Ran, ScanOptions, Scans,
};
use crate::types::SortedSet;

/// ZRANDMEMBER and ZSCAN.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "ZRANDMEMBER",
        "Returns members of a sorted set drawn at random.",
        Group::SortedSet,
    )
    .since("6.2.0")
    .complexity("O(N)")
    .arity(Arity::AtLeast(2))
    .flags(Flags::READONLY)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).read()])
    .args(&[
        Arg::key("key", 0),
        Arg::block(
            "options",
            &[Arg::integer("count"), Arg::word("withscores", "WITHSCORES").optional()],
        )
        .optional(),
    ])
    .tips(&["nondeterministic_output"])
    .run(Exec::Keys(zrandmember)),
    Command::new(
        "ZSCAN",
        "Goes through the members of a sorted set in steps.",
        Group::SortedSet,
    )
    .since("2.8.0")
    .arity(Arity::AtLeast(3))
    .flags(Flags::READONLY)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).read()])
    .args(&[
        Arg::key("key", 0),
        Arg::integer("cursor"),
        Arg::pattern("pattern").token("MATCH").optional(),
        Arg::integer("count").token("COUNT").optional(),
        Arg::word("noscores", "NOSCORES").optional(),
    ])
    .tips(&["nondeterministic_output"])
    .history(&[("8.0.0", "NOSCORES.")])
    .run(Exec::Keys(zscan)),
];

fn zrandmember(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    if args.len() > 2 {
        return draw_several(ctx, args);
    }
    let Some(set) = ctx.keys.lookup(args.at(1)) else {
        ctx.reply.null();
        return Ok(());
    };
    let set = set.sorted_set().ok_or(Error::WrongType)?;
    match set.at(ctx.rng.below(set.len() as u64) as usize) {
        Some((member, _)) => ctx.reply.bulk(member),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn draw_several(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let count = args.int(2)?;
    if count == i64::MIN {
        return Err(Error::Text(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    let with_scores = match args.len() {
        3 => false,
        4 if args.is(3, "WITHSCORES") => true,
        _ => return Err(Error::Syntax),
    };
    if with_scores && !(-(i64::MAX / 2)..=i64::MAX / 2).contains(&count) {
        return Err(Error::Text("ERR value is out of range"));
    }
    let Some(entry) = ctx.keys.lookup(args.at(1)) else {
        ctx.reply.array(0);
        return Ok(());
    };
    let set = entry.sorted_set().ok_or(Error::WrongType)?;
    let amount = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count < 0 {
        let rng = &mut *ctx.rng;
        let ranks = (0..amount).map(|_| rng.below(set.len() as u64) as usize);
        let members = ranks.filter_map(|rank| set.at(rank));
        write_members(ctx.reply, amount, with_scores, members);
    } else if amount >= set.len() {
        write_members(ctx.reply, set.len(), with_scores, set.iter());
    } else {
        let ranks = distinct_ranks(ctx.rng, amount, set.len());
        let members = ranks.into_iter().filter_map(|rank| set.at(rank));
        write_members(ctx.reply, amount, with_scores, members);
    }
    Ok(())
}

/// `amount` different numbers below `len`, each as likely as any other (Floyd's sampling).
fn distinct_ranks(rng: &mut Rng, amount: usize, len: usize) -> HashSet<usize> {
    let mut ranks = HashSet::with_capacity(amount);
    for last in len - amount..len {
        let rank = rng.below(last as u64 + 1) as usize;
        if !ranks.insert(rank) {
            ranks.insert(last);
        }
    }
    ranks
}

fn zscan(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let from = cursor(args, 2)?;
    if lookup(ctx, args.at(1))?.is_none() {
        ctx.reply.array(2);
        ctx.reply.bulk(b"0");
        ctx.reply.array(0);
        return Ok(());
    }
    let options = ScanOptions::parse(args, 3, Scans::SortedSet)?;
    let mut found: Vec<(&[u8], f64)> = Vec::new();
    let set = ctx
        .keys
        .space
        .db(ctx.keys.db)
        .get(args.at(1))
        .and_then(|entry| entry.sorted_set());
    let next = set.map_or(0, |set: &SortedSet| {
        set.scan(from, options.count, &mut |member, score| {
            if options.matches(member) {
                found.push((member, score));
            }
        })
    });
    ctx.reply.array(2);
    ctx.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    ctx.reply.array(found.len() * if options.names_only { 1 } else { 2 });
    // Valkey prints the scores of small sets with the fewest digits, those of large ones with 17.
    let is_small = set.is_some_and(|set| set.encoding() == "listpack");
    let mut text = DoubleText::default();
    for (member, score) in found {
        ctx.reply.bulk(member);
        if !options.names_only {
            let text = if is_small {
                text.format(score)
            } else {
                text.format_17(score)
            };
            ctx.reply.bulk(text.as_bytes());
        }
    }
    Ok(())
}
