//! Commands that count: fields whose values spell numbers.

use super::setting;
use crate::base::extended::Extended;
use crate::base::number::parse_i64;
use crate::command::{
    Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Footprint, Group, Key, KeyFlags, Ran,
};
use crate::types::hash::{Found, Ttl};

const KEYS: &[Key] = &[Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE)];

const FLAGS: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);

/// HINCRBY and HINCRBYFLOAT.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "HINCRBY",
        "Adds a number to the integer in a field, 0 when missing.",
        Group::Hash,
    )
    .since("2.0.0")
    .arity(Arity::Exactly(4))
    .flags(FLAGS)
    .acl(Acl::HASH)
    .keys(KEYS)
    .args(&[Arg::key("key", 0), Arg::string("field"), Arg::integer("increment")])
    .footprint(Footprint::Named)
    .run(Exec::Keys(hincrby)),
    Command::new(
        "HINCRBYFLOAT",
        "Adds a number to the decimal number in a field, 0 when missing.",
        Group::Hash,
    )
    .since("2.6.0")
    .arity(Arity::Exactly(4))
    .flags(FLAGS)
    .acl(Acl::HASH)
    .keys(KEYS)
    .args(&[Arg::key("key", 0), Arg::string("field"), Arg::double("increment")])
    .footprint(Footprint::Named)
    .run(Exec::Keys(hincrbyfloat)),
];

fn hincrby(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (key, field, increment) = (args.at(1), args.at(2), args.int(3)?);
    let setting = setting(ctx, Ttl::Keep);
    // A hash that has just been made always takes the increment, so that no error leaves it empty.
    let hash = ctx.keys.hash_or_create(key)?;
    let number = match hash.get(field, setting.now) {
        Some(value) => parse_i64(value).ok_or(Error::Text("ERR hash value is not an integer"))?,
        None => 0,
    };
    let sum = number.checked_add(increment).ok_or(Error::Overflow)?;
    let found = hash.set(field, itoa::Buffer::new().format(sum).as_bytes(), setting);
    tell_expired(ctx, key, found);
    ctx.keys.changed(key, Class::Hash, "hincrby");
    ctx.reply.int(sum);
    Ok(())
}

fn hincrbyfloat(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (key, field) = (args.at(1), args.at(2));
    let increment = Extended::parse(args.at(3)).ok_or(Error::NotFloat)?;
    if increment.is_infinite() {
        return Err(Error::Text("ERR value is NaN or Infinity"));
    }
    let setting = setting(ctx, Ttl::Keep);
    // As for HINCRBY: the sum of 0 and a finite number is one.
    let hash = ctx.keys.hash_or_create(key)?;
    let number = match hash.get(field, setting.now) {
        Some(value) => Extended::parse(value).ok_or(Error::Text("ERR hash value is not a float"))?,
        None => Extended::from(0),
    };
    let sum = number.checked_add(increment).ok_or(Error::FloatResult)?.format();
    let found = hash.set(field, sum.as_bytes(), setting);
    tell_expired(ctx, key, found);
    ctx.keys.changed(key, Class::Hash, "hincrbyfloat");
    ctx.reply.bulk(sum.as_bytes());
    Ok(())
}

fn tell_expired(ctx: &mut Context<'_>, key: &[u8], found: Found) {
    if found == Found::Expired {
        ctx.keys.fields_expired(key, 1);
    }
}
