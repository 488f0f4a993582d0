//! Commands that combine several sorted sets, or sets, whose members then count as having the score 1.

use hashbrown::HashMap;

use super::write_members;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::keyspace::{Db, Entry};
use crate::types::set::Member;
use crate::types::sorted_set::compare;
use crate::types::{Kind, Set, SortedSet};

/// ZUNION, ZINTER, ZDIFF, their storing forms, and ZINTERCARD.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "ZUNION",
        "Returns the members of any of several sorted sets, their scores combined.",
        Group::SortedSet,
    )
    .since("6.2.0")
    .complexity("O(N)+O(M*log(M))")
    .arity(Arity::AtLeast(3))
    .flags(Flags::READONLY)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).counted(0, 1, 1).read()])
    .args(&[
        Arg::integer("numkeys"),
        Arg::key("key", 0).multiple(),
        Arg::integer("weight").token("WEIGHTS").optional().multiple(),
        Arg::one_of(
            "aggregate",
            &[
                Arg::word("sum", "SUM"),
                Arg::word("min", "MIN"),
                Arg::word("max", "MAX"),
            ],
        )
        .token("AGGREGATE")
        .optional(),
        Arg::word("withscores", "WITHSCORES").optional(),
    ])
    .run(Exec::Keys(zunion)),
    Command::new(
        "ZINTER",
        "Returns the members common to several sorted sets, their scores combined.",
        Group::SortedSet,
    )
    .since("6.2.0")
    .complexity("O(N*K)+O(M*log(M))")
    .arity(Arity::AtLeast(3))
    .flags(Flags::READONLY)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).counted(0, 1, 1).read()])
    .args(&[
        Arg::integer("numkeys"),
        Arg::key("key", 0).multiple(),
        Arg::integer("weight").token("WEIGHTS").optional().multiple(),
        Arg::one_of(
            "aggregate",
            &[
                Arg::word("sum", "SUM"),
                Arg::word("min", "MIN"),
                Arg::word("max", "MAX"),
            ],
        )
        .token("AGGREGATE")
        .optional(),
        Arg::word("withscores", "WITHSCORES").optional(),
    ])
    .run(Exec::Keys(zinter)),
    Command::new(
        "ZDIFF",
        "Returns the members of a sorted set that others lack.",
        Group::SortedSet,
    )
    .since("6.2.0")
    .complexity("O(L + (N-K)log(N))")
    .arity(Arity::AtLeast(3))
    .flags(Flags::READONLY)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).counted(0, 1, 1).read()])
    .args(&[
        Arg::integer("numkeys"),
        Arg::key("key", 0).multiple(),
        Arg::word("withscores", "WITHSCORES").optional(),
    ])
    .run(Exec::Keys(zdiff)),
    Command::new(
        "ZINTERCARD",
        "Counts the members common to several sorted sets.",
        Group::SortedSet,
    )
    .since("7.0.0")
    .complexity("O(N*K)")
    .arity(Arity::AtLeast(3))
    .flags(Flags::READONLY)
    .acl(Acl::SORTEDSET)
    .keys(&[Key::at(1).counted(0, 1, 1).read()])
    .args(&[
        Arg::integer("numkeys"),
        Arg::key("key", 0).multiple(),
        Arg::integer("limit").token("LIMIT").optional(),
    ])
    .run(Exec::Keys(zintercard)),
    Command::new(
        "ZUNIONSTORE",
        "Stores the members of any of several sorted sets, their scores combined.",
        Group::SortedSet,
    )
    .since("2.0.0")
    .complexity("O(N)+O(M log(M))")
    .arity(Arity::AtLeast(4))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::SORTEDSET)
    .keys(&[
        Key::at(1).flags(KeyFlags::OW | KeyFlags::UPDATE),
        Key::at(2).counted(0, 1, 1).read(),
    ])
    .args(&[
        Arg::key("destination", 0),
        Arg::integer("numkeys"),
        Arg::key("key", 1).multiple(),
        Arg::integer("weight").token("WEIGHTS").optional().multiple(),
        Arg::one_of(
            "aggregate",
            &[
                Arg::word("sum", "SUM"),
                Arg::word("min", "MIN"),
                Arg::word("max", "MAX"),
            ],
        )
        .token("AGGREGATE")
        .optional(),
    ])
    .run(Exec::Keys(zunionstore)),
    Command::new(
        "ZINTERSTORE",
        "Stores the members common to several sorted sets, their scores combined.",
        Group::SortedSet,
    )
    .since("2.0.0")
    .complexity("O(N*K)+O(M*log(M))")
    .arity(Arity::AtLeast(4))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::SORTEDSET)
    .keys(&[
        Key::at(1).flags(KeyFlags::OW | KeyFlags::UPDATE),
        Key::at(2).counted(0, 1, 1).read(),
    ])
    .args(&[
        Arg::key("destination", 0),
        Arg::integer("numkeys"),
        Arg::key("key", 1).multiple(),
        Arg::integer("weight").token("WEIGHTS").optional().multiple(),
        Arg::one_of(
            "aggregate",
            &[
                Arg::word("sum", "SUM"),
                Arg::word("min", "MIN"),
                Arg::word("max", "MAX"),
            ],
        )
        .token("AGGREGATE")
        .optional(),
    ])
    .run(Exec::Keys(zinterstore)),
    Command::new(
        "ZDIFFSTORE",
        "Stores the members of a sorted set that others lack.",
        Group::SortedSet,
    )
    .since("6.2.0")
    .complexity("O(L + (N-K)log(N))")
    .arity(Arity::AtLeast(4))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::SORTEDSET)
    .keys(&[
        Key::at(1).flags(KeyFlags::OW | KeyFlags::UPDATE),
        Key::at(2).counted(0, 1, 1).read(),
    ])
    .args(&[
        Arg::key("destination", 0),
        Arg::integer("numkeys"),
        Arg::key("key", 1).multiple(),
    ])
    .run(Exec::Keys(zdiffstore)),
];

/// What becomes of the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
    /// The size of the intersection only.
    Count,
}

/// How the scores of one member are combined.
#[derive(Clone, Copy, Debug)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn apply(self, one: f64, other: f64) -> f64 {
        match self {
            Aggregate::Sum => or_zero(one + other),
            Aggregate::Min if other < one => other,
            Aggregate::Max if other > one => other,
            Aggregate::Min | Aggregate::Max => one,
        }
    }
}

/// Opposite infinities make nothing, and nothing counts as zero.
fn or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// What is asked for.
struct Query {
    operation: Operation,
    /// The first key's word.
    first: usize,
    /// One for each key.
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    /// The most that [`Operation::Count`] counts.
    limit: usize,
}

impl Query {
    /// Reads the words from the number of keys, at word `numkeys`, on; looks at the keys before the options, as Valkey does.
    fn parse(
        ctx: &mut Context<'_>,
        args: Args<'_>,
        (operation, name): (Operation, &str),
        numkeys: usize,
    ) -> Result<Self, Error> {
        let count = args.int(numkeys)?;
        if count < 1 {
            return Err(Error::Composed(format!(
                "ERR at least 1 input key is needed for '{name}' command"
            )));
        }
        let first = numkeys + 1;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > args.len() - first {
            return Err(Error::Syntax);
        }
        for key in args.from(first).take(count) {
            let kind = ctx.keys.lookup(key).map(Entry::kind);
            if !matches!(kind, None | Some(Kind::SortedSet | Kind::Set)) {
                return Err(Error::WrongType);
            }
        }
        let mut query = Query {
            operation,
            first,
            weights: vec![1.0; count],
            aggregate: Aggregate::Sum,
            with_scores: false,
            limit: usize::MAX,
        };
        query.parse_options(args, numkeys == 1)?;
        Ok(query)
    }

    fn parse_options(&mut self, args: Args<'_>, replies: bool) -> Result<(), Error> {
        let mut at = self.first + self.weights.len();
        let combines = matches!(self.operation, Operation::Union | Operation::Intersection);
        while at < args.len() {
            let behind = args.len() - at - 1;
            if combines && behind >= self.weights.len() && args.is(at, "WEIGHTS") {
                for weight in &mut self.weights {
                    at += 1;
                    let error = |_| Error::Text("ERR weight value is not a float");
                    *weight = args.float(at).map_err(error)?;
                }
            } else if combines && behind >= 1 && args.is(at, "AGGREGATE") {
                at += 1;
                self.aggregate = match args.at(at).to_ascii_uppercase().as_slice() {
                    b"SUM" => Aggregate::Sum,
                    b"MIN" => Aggregate::Min,
                    b"MAX" => Aggregate::Max,
                    _ => return Err(Error::Syntax),
                };
            } else if replies && self.operation != Operation::Count && args.is(at, "WITHSCORES") {
                self.with_scores = true;
            } else if self.operation == Operation::Count && behind >= 1 && args.is(at, "LIMIT") {
                at += 1;
                let limit = args.int_in(at, 0..=i64::MAX, Error::Text("ERR LIMIT can't be negative"))?;
                self.limit = match limit {
                    0 => usize::MAX,
                    limit => usize::try_from(limit).unwrap_or(usize::MAX),
                };
            } else {
                return Err(Error::Syntax);
            }
            at += 1;
        }
        Ok(())
    }

    /// The inputs with their weights, in the order of the words.
    fn inputs<'k>(&self, db: &'k Db, args: Args<'_>) -> Vec<(Input<'k>, f64)> {
        let keys = args.from(self.first).zip(&self.weights);
        keys.map(|(key, weight)| (Input::at(db, key), *weight)).collect()
    }

    /// The members of the result, in order.
    fn run<'k>(&self, db: &'k Db, args: Args<'_>) -> Vec<(Member<'k>, f64)> {
        let mut inputs = self.inputs(db, args);
        let mut members = match self.operation {
            Operation::Union => {
                inputs.sort_by_key(|(input, _)| input.len());
                self.union(&inputs)
            }
            Operation::Difference => difference(&inputs),
            Operation::Intersection | Operation::Count => {
                inputs.sort_by_key(|(input, _)| input.len());
                self.intersection(&inputs)
            }
        };
        members.sort_unstable_by(|one, other| compare((&one.0, one.1), (&other.0, other.1)));
        members
    }

    fn union<'k>(&self, inputs: &[(Input<'k>, f64)]) -> Vec<(Member<'k>, f64)> {
        let mut scores: HashMap<Member<'k>, f64> = HashMap::new();
        for (input, weight) in inputs {
            input.each(|member, score| {
                let score = or_zero(score * weight);
                let combined = |old: &mut f64| *old = self.aggregate.apply(*old, score);
                scores.entry(member).and_modify(combined).or_insert(score);
                true
            });
        }
        scores.into_iter().collect()
    }

    fn intersection<'k>(&self, inputs: &[(Input<'k>, f64)]) -> Vec<(Member<'k>, f64)> {
        let mut found = Vec::new();
        let Some(((smallest, weight), others)) = inputs.split_first() else {
            return found;
        };
        smallest.each(|member, score| {
            let first = or_zero(score * weight);
            let combined = others.iter().try_fold(first, |score, (input, weight)| {
                let other = input.score(&member)?;
                Some(self.aggregate.apply(score, other * weight))
            });
            found.extend(combined.map(|score| (member, score)));
            found.len() < self.limit
        });
        found
    }
}

fn difference<'k>(inputs: &[(Input<'k>, f64)]) -> Vec<(Member<'k>, f64)> {
    let mut kept = Vec::new();
    if let Some(((first, _), others)) = inputs.split_first() {
        first.each(|member, score| {
            if others.iter().all(|(input, _)| input.score(&member).is_none()) {
                kept.push((member, score));
            }
            true
        });
    }
    kept
}

/// What stands at a key that was found to be a sorted set, a set or nothing.
#[derive(Clone, Copy)]
enum Input<'k> {
    Scored(&'k SortedSet),
    Plain(&'k Set),
    Nothing,
}

impl<'k> Input<'k> {
    fn at(db: &'k Db, key: &[u8]) -> Self {
        let Some(entry) = db.get(key) else {
            return Input::Nothing;
        };
        match (entry.sorted_set(), entry.set()) {
            (Some(set), _) => Input::Scored(set),
            (_, Some(set)) => Input::Plain(set),
            _ => Input::Nothing,
        }
    }

    fn len(&self) -> usize {
        match self {
            Input::Scored(set) => set.len(),
            Input::Plain(set) => set.len(),
            Input::Nothing => 0,
        }
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Input::Scored(set) => set.score(member),
            Input::Plain(set) => set.contains(member).then_some(1.0),
            Input::Nothing => None,
        }
    }

    /// Visits members until `visit` answers false.
    fn each(&self, mut visit: impl FnMut(Member<'k>, f64) -> bool) {
        match *self {
            Input::Scored(set) => {
                set.iter().all(|(member, score)| visit(Member::Bytes(member), score));
            }
            Input::Plain(set) => {
                set.iter().all(|member| visit(member, 1.0));
            }
            Input::Nothing => {}
        }
    }
}

fn zunion(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_combined(ctx, args, (Operation::Union, "zunion"))
}

fn zinter(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_combined(ctx, args, (Operation::Intersection, "zinter"))
}

fn zdiff(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    reply_combined(ctx, args, (Operation::Difference, "zdiff"))
}

fn reply_combined(ctx: &mut Context<'_>, args: Args<'_>, operation: (Operation, &str)) -> Ran {
    let query = Query::parse(ctx, args, operation, 1)?;
    let members = query.run(ctx.keys.space.db(ctx.keys.db), args);
    let borrowed = members.iter().map(|(member, score)| (&**member, *score));
    write_members(ctx.reply, members.len(), query.with_scores, borrowed);
    Ok(())
}

fn zintercard(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let query = Query::parse(ctx, args, (Operation::Count, "zintercard"), 1)?;
    let members = query.run(ctx.keys.space.db(ctx.keys.db), args);
    ctx.reply.count(members.len());
    Ok(())
}

fn zunionstore(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    store_combined(ctx, args, (Operation::Union, "zunionstore"))
}

fn zinterstore(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    store_combined(ctx, args, (Operation::Intersection, "zinterstore"))
}

fn zdiffstore(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    store_combined(ctx, args, (Operation::Difference, "zdiffstore"))
}

fn store_combined(ctx: &mut Context<'_>, args: Args<'_>, operation: (Operation, &'static str)) -> Ran {
    let query = Query::parse(ctx, args, operation, 2)?;
    let members = query.run(ctx.keys.space.db(ctx.keys.db), args);
    let longest = members.iter().map(|(member, _)| member.len()).max();
    let borrowed = members.iter().map(|(member, score)| (&**member, *score));
    let size = (members.len(), longest.unwrap_or(0));
    let combined = SortedSet::from_distinct(borrowed, size, ctx.sorted_set_limits());
    ctx.store_sorted_set(args.at(1), combined, operation.1);
    Ok(())
}
