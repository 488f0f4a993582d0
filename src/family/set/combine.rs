//! Commands that combine several sets.

use super::{limits, write_members};
use crate::command::{
    Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Keys, Ran,
};
use crate::keyspace::Entry;
use crate::types::Set;
use crate::types::set::{Limits, Member};

const READ_ALL: &[Key] = &[Key::at(1).range(-1, 1).read()];
const ALL: &[Arg] = &[Arg::key("key", 0).multiple()];
const STORED: &[Key] = &[
    Key::at(1).flags(KeyFlags::OW | KeyFlags::UPDATE),
    Key::at(2).range(-1, 1).read(),
];
const STORE: &[Arg] = &[Arg::key("destination", 0), Arg::key("key", 1).multiple()];

const fn replies(name: &'static str, summary: &'static str, run: fn(&mut Context<'_>, Args<'_>) -> Ran) -> Command {
    Command::new(name, summary, Group::Set)
        .arity(Arity::AtLeast(2))
        .flags(Flags::READONLY)
        .acl(Acl::SET)
        .keys(READ_ALL)
        .args(ALL)
        .tips(&["nondeterministic_output_order"])
        .run(Exec::Keys(run))
}

const fn stores(name: &'static str, summary: &'static str, run: fn(&mut Context<'_>, Args<'_>) -> Ran) -> Command {
    Command::new(name, summary, Group::Set)
        .arity(Arity::AtLeast(3))
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .acl(Acl::SET)
        .keys(STORED)
        .args(STORE)
        .run(Exec::Keys(run))
}

/// SINTER, SUNION, SDIFF, their storing forms, and SINTERCARD.
pub const COMMANDS: &[Command] = &[
    replies("SINTER", "Returns the members common to several sets.", sinter).complexity("O(N*M)"),
    replies("SUNION", "Returns the members of any of several sets.", sunion).complexity("O(N)"),
    replies("SDIFF", "Returns the members of a set that others lack.", sdiff).complexity("O(N)"),
    stores("SINTERSTORE", "Stores the members common to several sets.", sinterstore).complexity("O(N*M)"),
    stores("SUNIONSTORE", "Stores the members of any of several sets.", sunionstore).complexity("O(N)"),
    stores(
        "SDIFFSTORE",
        "Stores the members of a set that others lack.",
        sdiffstore,
    )
    .complexity("O(N)"),
    Command::new("SINTERCARD", "Counts the members common to several sets.", Group::Set)
        .since("7.0.0")
        .complexity("O(N*M)")
        .arity(Arity::AtLeast(3))
        .flags(Flags::READONLY)
        .acl(Acl::SET)
        .keys(&[Key::at(1).counted(0, 1, 1).read()])
        .args(&[
            Arg::integer("numkeys"),
            Arg::key("key", 0).multiple(),
            Arg::integer("limit").token("LIMIT").optional(),
        ])
        .run(Exec::Keys(sintercard)),
];

/// The sets called `names`, in their order, none where there is no set; an error when one is something else.
fn inputs<'k, 'a>(
    keys: &'k mut Keys<'_>,
    names: impl Iterator<Item = &'a [u8]> + Clone,
) -> Result<Vec<Option<&'k Set>>, Error> {
    for key in names.clone() {
        if keys.lookup(key).is_some_and(|entry| entry.set().is_none()) {
            return Err(Error::WrongType);
        }
    }
    let db = keys.space.db(keys.db);
    Ok(names.map(|key| db.get(key).and_then(Entry::set)).collect())
}

/// The sets to intersect, the smallest first; none when one is empty.
fn by_size(sets: Vec<Option<&Set>>) -> Option<Vec<&Set>> {
    let mut sets: Vec<&Set> = sets.into_iter().collect::<Option<_>>()?;
    sets.sort_by_key(|set| set.len());
    Some(sets)
}

/// The members of the first set that all others have too.
fn common<'k>(sets: &[&'k Set]) -> impl Iterator<Item = Member<'k>> {
    let (first, others) = sets.split_first().expect("a command names at least one key");
    first
        .iter()
        .filter(|member| others.iter().all(|set| set.contains(member)))
}

/// The common members as a set, in the form that Valkey gives it.
fn intersection(sets: &[&Set], limits: Limits) -> Set {
    let mut result = if sets[0].keeps_ints() {
        Set::of_ints()
    } else {
        Set::new()
    };
    common(sets).for_each(|member| {
        result.insert(&member, limits);
    });
    result.sort_ints(limits);
    result
}

fn union(sets: &[Option<&Set>], limits: Limits) -> Set {
    let mut result = Set::of_ints();
    for set in sets.iter().flatten() {
        set.iter().for_each(|member| {
            result.insert(&member, limits);
        });
    }
    result
}

/// Either looks every member of the first set up in the others, or takes those of the others out of a copy: what costs less.
/// The form of the result tells which, so the choice is Valkey's.
fn difference(sets: &[Option<&Set>], limits: Limits) -> Set {
    let mut result = Set::of_ints();
    let Some((Some(first), others)) = sets.split_first() else {
        return result;
    };
    let mut others: Vec<&Set> = others.iter().copied().flatten().collect();
    if others.iter().any(|set| std::ptr::eq(*set, *first)) {
        return result;
    }
    let lookups = (others.len() + 1) * first.len();
    let members = first.len() + others.iter().map(|set| set.len()).sum::<usize>();
    let copies = lookups / 2 > members;
    others.sort_by_key(|set| std::cmp::Reverse(set.len()));
    for member in first.iter() {
        if copies || !others.iter().any(|set| set.contains(&member)) {
            result.insert(&member, limits);
        }
    }
    if copies {
        for member in others.iter().flat_map(|set| set.iter()) {
            result.remove(&member);
        }
    }
    result
}

fn sinter(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let sets = by_size(inputs(&mut ctx.keys, args.from(1))?);
    let members: Vec<Member<'_>> = sets.iter().flat_map(|sets| common(sets)).collect();
    write_members(ctx.reply, members.len(), members.into_iter());
    Ok(())
}

fn sunion(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let limits = limits(ctx.config);
    let result = union(&inputs(&mut ctx.keys, args.from(1))?, limits);
    write_members(ctx.reply, result.len(), result.iter());
    Ok(())
}

fn sdiff(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let limits = limits(ctx.config);
    let result = difference(&inputs(&mut ctx.keys, args.from(1))?, limits);
    write_members(ctx.reply, result.len(), result.iter());
    Ok(())
}

fn sintercard(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let none = Error::Text("ERR numkeys should be greater than 0");
    let count = args.int_in(1, 1..=i64::MAX, none)?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > args.len() - 2 {
        return Err(Error::Text("ERR Number of keys can't be greater than number of args"));
    }
    let mut limit = 0;
    let mut at = 2 + count;
    while at < args.len() {
        if !args.is(at, "LIMIT") || at + 1 == args.len() {
            return Err(Error::Syntax);
        }
        limit = args.int_in(at + 1, 0..=i64::MAX, Error::Text("ERR LIMIT can't be negative"))?;
        at += 2;
    }
    let limit = match usize::try_from(limit) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(limit) => limit,
    };
    let sets = by_size(inputs(&mut ctx.keys, args.from(2).take(count))?);
    let found = sets.map_or(0, |sets| common(&sets).take(limit).count());
    ctx.reply.count(found);
    Ok(())
}

fn sinterstore(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let limits = limits(ctx.config);
    let sets = by_size(inputs(&mut ctx.keys, args.from(2))?);
    let result = sets.map_or_else(Set::new, |sets| intersection(&sets, limits));
    store(ctx, args.at(1), result, "sinterstore");
    Ok(())
}

fn sunionstore(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let limits = limits(ctx.config);
    let result = union(&inputs(&mut ctx.keys, args.from(2))?, limits);
    store(ctx, args.at(1), result, "sunionstore");
    Ok(())
}

fn sdiffstore(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let limits = limits(ctx.config);
    let result = difference(&inputs(&mut ctx.keys, args.from(2))?, limits);
    store(ctx, args.at(1), result, "sdiffstore");
    Ok(())
}

/// Puts a result in place of whatever is at `key` and writes its size; an empty one only removes what is there.
fn store(ctx: &mut Context<'_>, key: &[u8], set: Set, event: &'static str) {
    ctx.reply.count(set.len());
    if !set.is_empty() {
        ctx.keys.insert(Entry::new(key, set));
        ctx.keys.changed(key, Class::Set, event);
    } else if ctx.keys.take(key).is_some() {
        ctx.keys.changed(key, Class::Generic, "del");
    }
}
