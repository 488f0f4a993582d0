//! Commands that add members to a sorted set and change scores.

use crate::command::effects::Class;
use crate::command::{
    Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Footprint, Group, Key, KeyFlags, Ran,
};
use crate::types::SortedSet;
use crate::types::sorted_set::Limits;

/// ZADD and ZINCRBY.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "ZADD",
        "Adds members with scores to a sorted set, or changes the scores of members it has.",
        Group::SortedSet,
    )
    .since("1.2.0")
    .complexity("O(log(N))")
    .arity(Arity::AtLeast(4))
    .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::UPDATE)])
    .args(&[
        Arg::key("key", 0),
        Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
            .since("3.0.2")
            .optional(),
        Arg::one_of("comparison", &[Arg::word("gt", "GT"), Arg::word("lt", "LT")])
            .since("6.2.0")
            .optional(),
        Arg::word("change", "CH").since("3.0.2").optional(),
        Arg::word("increment", "INCR").since("3.0.2").optional(),
        Arg::block("data", &[Arg::double("score"), Arg::string("member")]).multiple(),
    ])
    .history(&[
        ("2.4.0", "Several members at once."),
        ("3.0.2", "XX, NX, CH and INCR."),
        ("6.2.0", "GT and LT."),
    ])
    .footprint(Footprint::Named)
    .run(Exec::Keys(zadd)),
    Command::new(
        "ZINCRBY",
        "Adds to the score of a member of a sorted set.",
        Group::SortedSet,
    )
    .since("1.2.0")
    .complexity("O(log(N))")
    .arity(Arity::Exactly(4))
    .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE)])
    .args(&[Arg::key("key", 0), Arg::integer("increment"), Arg::string("member")])
    .footprint(Footprint::Named)
    .run(Exec::Keys(zincrby)),
];

/// The options of ZADD.
#[derive(Clone, Copy, Debug, Default)]
struct Options {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
    ch: bool,
    incr: bool,
}

impl Options {
    /// Reads option words from word 2 on; answers where the scores begin.
    fn parse(args: Args<'_>) -> (Self, usize) {
        let mut options = Options::default();
        let mut at = 2;
        while at < args.len() {
            let flag = match args.at(at).to_ascii_uppercase().as_slice() {
                b"NX" => &mut options.nx,
                b"XX" => &mut options.xx,
                b"GT" => &mut options.gt,
                b"LT" => &mut options.lt,
                b"CH" => &mut options.ch,
                b"INCR" => &mut options.incr,
                _ => break,
            };
            *flag = true;
            at += 1;
        }
        (options, at)
    }

    fn check(self, pairs: usize) -> Result<(), Error> {
        let Options {
            nx, xx, gt, lt, incr, ..
        } = self;
        let problem = if nx && xx {
            "ERR XX and NX options at the same time are not compatible"
        } else if u8::from(gt) + u8::from(lt) + u8::from(nx) > 1 {
            "ERR GT, LT, and/or NX options at the same time are not compatible"
        } else if incr && pairs > 1 {
            "ERR INCR option supports a single increment-element pair"
        } else {
            return Ok(());
        };
        Err(Error::Text(problem))
    }

    /// Gives `member` the score that the options allow.
    fn apply(self, set: &mut SortedSet, member: &[u8], given: f64, limits: Limits) -> Result<Outcome, Error> {
        let mut outcome = Ok(Outcome::Refused);
        set.update(member, limits, |old| {
            outcome = self.decide(old, given);
            match outcome {
                Ok(Outcome::Added(score) | Outcome::Updated(score)) => Some(score),
                _ => None,
            }
        });
        outcome
    }

    /// What becomes of a member with the score `old`.
    fn decide(self, old: Option<f64>, given: f64) -> Result<Outcome, Error> {
        let Some(old) = old else {
            let outcome = if self.xx {
                Outcome::Refused
            } else {
                Outcome::Added(given)
            };
            return Ok(outcome);
        };
        if self.nx {
            return Ok(Outcome::Refused);
        }
        let score = if self.incr { old + given } else { given };
        if score.is_nan() {
            return Err(Error::Text("ERR resulting score is not a number (NaN)"));
        }
        Ok(if self.lt && score >= old || self.gt && score <= old {
            Outcome::Refused
        } else if score == old {
            Outcome::Same(score)
        } else {
            Outcome::Updated(score)
        })
    }
}

/// What becomes of one member.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// An option stands against it.
    Refused,
    Added(f64),
    Updated(f64),
    Same(f64),
}

fn zadd(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (options, first) = Options::parse(args);
    add(ctx, args, options, first)
}

fn zincrby(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    // As in ZADD a word that names an option is no score.
    let (options, first) = Options::parse(args);
    add(ctx, args, Options { incr: true, ..options }, first)
}

fn add(ctx: &mut Context<'_>, args: Args<'_>, options: Options, first: usize) -> Ran {
    let words = args.len() - first;
    if words == 0 || !words.is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    options.check(words / 2)?;
    // All scores are read before anything changes.
    for at in (first..args.len()).step_by(2) {
        args.float(at)?;
    }
    let key = args.at(1);
    if options.xx && ctx.keys.sorted_set(key)?.is_none() {
        if options.incr {
            ctx.reply.null();
        } else {
            ctx.reply.int(0);
        }
        return Ok(());
    }
    let limits = ctx.sorted_set_limits();
    let set = ctx.keys.sorted_set_or_create(key)?;
    let lengths = args.from(first + 1).step_by(2).map(<[u8]>::len);
    set.expect(words / 2, lengths.max().unwrap_or(0), limits);
    let mut tally = Tally::default();
    for at in (first..args.len()).step_by(2) {
        let given = args.float(at)?;
        tally.count(options.apply(set, args.at(at + 1), given, limits)?);
    }
    match tally.last {
        Outcome::Refused if options.incr => ctx.reply.null(),
        Outcome::Added(score) | Outcome::Updated(score) | Outcome::Same(score) if options.incr => {
            ctx.reply.double(score);
        }
        _ => ctx
            .reply
            .count(tally.added + if options.ch { tally.updated } else { 0 }),
    }
    if tally.added + tally.updated > 0 {
        let event = if options.incr { "zincr" } else { "zadd" };
        ctx.keys.changed(key, Class::SortedSet, event);
    }
    Ok(())
}

/// What has been done so far.
struct Tally {
    added: usize,
    updated: usize,
    last: Outcome,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            added: 0,
            updated: 0,
            last: Outcome::Refused,
        }
    }
}

impl Tally {
    fn count(&mut self, outcome: Outcome) {
        self.last = outcome;
        match outcome {
            Outcome::Added(_) => self.added += 1,
            Outcome::Updated(_) => self.updated += 1,
            Outcome::Refused | Outcome::Same(_) => {}
        }
    }
}
