//! Commands that count: strings that spell numbers.

use super::string_in;
use crate::base::extended::Extended;
use crate::base::number::parse_i64;
use crate::command::{
    Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Footprint, Group, Key, KeyFlags, Ran,
};
use crate::keyspace::{Entry, StringRef};

const KEYS: &[Key] = &[Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE)];

const FLAGS: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);

/// INCR and its relatives.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "INCR",
        "Adds one to the integer at a key, 0 when missing.",
        Group::String,
    )
    .arity(Arity::Exactly(2))
    .flags(FLAGS)
    .acl(Acl::STRING)
    .keys(KEYS)
    .args(&[Arg::key("key", 0)])
    .footprint(Footprint::Number)
    .run(Exec::Keys(incr)),
    Command::new(
        "DECR",
        "Subtracts one from the integer at a key, 0 when missing.",
        Group::String,
    )
    .arity(Arity::Exactly(2))
    .flags(FLAGS)
    .acl(Acl::STRING)
    .keys(KEYS)
    .args(&[Arg::key("key", 0)])
    .footprint(Footprint::Number)
    .run(Exec::Keys(decr)),
    Command::new(
        "INCRBY",
        "Adds a number to the integer at a key, 0 when missing.",
        Group::String,
    )
    .arity(Arity::Exactly(3))
    .flags(FLAGS)
    .acl(Acl::STRING)
    .keys(KEYS)
    .args(&[Arg::key("key", 0), Arg::integer("increment")])
    .footprint(Footprint::Number)
    .run(Exec::Keys(incrby)),
    Command::new(
        "DECRBY",
        "Subtracts a number from the integer at a key, 0 when missing.",
        Group::String,
    )
    .arity(Arity::Exactly(3))
    .flags(FLAGS)
    .acl(Acl::STRING)
    .keys(KEYS)
    .args(&[Arg::key("key", 0), Arg::integer("decrement")])
    .footprint(Footprint::Number)
    .run(Exec::Keys(decrby)),
    Command::new(
        "INCRBYFLOAT",
        "Adds a number to the decimal number at a key, 0 when missing.",
        Group::String,
    )
    .since("2.6.0")
    .arity(Arity::Exactly(3))
    .flags(FLAGS)
    .acl(Acl::STRING)
    .keys(KEYS)
    .args(&[Arg::key("key", 0), Arg::double("increment")])
    .run(Exec::Keys(incrbyfloat)),
];

fn incr(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    add(ctx, args.at(1), 1)
}

fn decr(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    add(ctx, args.at(1), -1)
}

fn incrby(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    add(ctx, args.at(1), args.int(2)?)
}

fn decrby(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let increment = args.int(2)?.checked_neg().ok_or(Error::DecrementOverflow)?;
    add(ctx, args.at(1), increment)
}

fn add(ctx: &mut Context<'_>, key: &[u8], increment: i64) -> Ran {
    // A new entry always takes the increment, so that nothing is left behind by an error.
    let entry = ctx.keys.get_or_insert(key, || Entry::int(key, 0));
    let number = match string_in(entry)? {
        StringRef::Int(number) => number,
        StringRef::Bytes(bytes) => parse_i64(bytes).ok_or(Error::NotInteger)?,
    };
    let sum = number.checked_add(increment).ok_or(Error::Overflow)?;
    entry.set_int(sum);
    ctx.keys.changed(key, Class::String, "incrby");
    ctx.reply.int(sum);
    Ok(())
}

fn incrbyfloat(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let number = match ctx.keys.get(key) {
        None => Some(Extended::from(0)),
        Some(entry) => match string_in(entry)? {
            StringRef::Int(number) => Some(Extended::from(number)),
            StringRef::Bytes(bytes) => Extended::parse(bytes),
        },
    };
    let number = number.ok_or(Error::NotFloat)?;
    let increment = Extended::parse(args.at(2)).ok_or(Error::NotFloat)?;
    let sum = number.checked_add(increment).ok_or(Error::FloatResult)?.format();
    match ctx.keys.get_mut(key) {
        Some(entry) => entry.set_bytes(sum.as_bytes()),
        None => {
            ctx.keys.insert(Entry::new(
                key,
                crate::keyspace::Value::String(sum.clone().into_bytes()),
            ));
        }
    }
    ctx.keys.changed(key, Class::String, "incrbyfloat");
    ctx.reply.bulk(sum.as_bytes());
    Ok(())
}
