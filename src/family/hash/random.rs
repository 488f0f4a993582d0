//! HRANDFIELD: fields drawn at random.

use super::{READS, lookup};
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Ran};
use crate::protocol::reply::{Reply, Resp};

/// HRANDFIELD.
pub const COMMANDS: &[Command] = &[Command::new(
    "HRANDFIELD",
    "Returns fields drawn at random, with their values on demand.",
    Group::Hash,
)
.since("6.2.0")
.complexity("O(N)")
.arity(Arity::AtLeast(2))
.flags(Flags::READONLY)
.acl(Acl::HASH)
.keys(READS)
.args(&[
    Arg::key("key", 0),
    Arg::block(
        "options",
        &[Arg::integer("count"), Arg::word("withvalues", "WITHVALUES").optional()],
    )
    .optional(),
])
.tips(&["nondeterministic_output"])
.run(Exec::Keys(hrandfield))];

/// The most fields with repetitions that one reply holds: what they take must not be without bounds.
const REPEATS_MAX: u64 = 1 << 24;

const OUT_OF_RANGE: Error = Error::Text("ERR value is out of range");

fn hrandfield(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now = ctx.keys.horizon();
    if args.len() == 2 {
        let hash = lookup(&mut ctx.keys, args.at(1))?;
        match hash.and_then(|hash| hash.random(ctx.rng, now)) {
            Some((field, _)) => ctx.reply.bulk(field),
            None => ctx.reply.null(),
        }
        return Ok(());
    }
    let count = args.symmetric_int(2)?;
    let with_values = args.is(3, "WITHVALUES");
    if args.len() > 4 || args.len() == 4 && !with_values {
        return Err(Error::Syntax);
    }
    if with_values && !(-(i64::MAX / 2)..=i64::MAX / 2).contains(&count) {
        return Err(OUT_OF_RANGE);
    }
    let Some(hash) = lookup(&mut ctx.keys, args.at(1))? else {
        ctx.reply.array(0);
        return Ok(());
    };
    if count >= 0 {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let drawn = hash.sample(count, ctx.rng, now);
        begin(ctx.reply, drawn.len(), with_values);
        drawn.into_iter().for_each(|pair| write(ctx.reply, pair, with_values));
    } else if count.unsigned_abs() <= REPEATS_MAX {
        let urn = hash.urn(now);
        // All fields may have expired.
        let count = if urn.is_empty() {
            0
        } else {
            count.unsigned_abs() as usize
        };
        begin(ctx.reply, count, with_values);
        let drawn = (0..count).filter_map(|_| urn.draw(ctx.rng));
        drawn.for_each(|pair| write(ctx.reply, pair, with_values));
    } else {
        return Err(OUT_OF_RANGE);
    }
    Ok(())
}

/// Pairs stand beside each other in RESP2, and are arrays of two in RESP3.
fn begin(reply: &mut Reply, count: usize, with_values: bool) {
    let flat = with_values && reply.resp() == Resp::V2;
    reply.array(if flat { count * 2 } else { count });
}

fn write(reply: &mut Reply, (field, value): (&[u8], &[u8]), with_values: bool) {
    if with_values && reply.resp() == Resp::V3 {
        reply.array(2);
    }
    reply.bulk(field);
    if with_values {
        reply.bulk(value);
    }
}
