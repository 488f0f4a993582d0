//! One bit of a string.

use super::{bytes_with_room, offset};
use crate::command::{Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::types::bits;

/// SETBIT and GETBIT.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "SETBIT",
        "Sets or clears the bit at an offset of a string, which grows as needed.",
        Group::Bitmap,
    )
    .since("2.2.0")
    .arity(Arity::Exactly(4))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::BITMAP)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE)])
    .args(&[Arg::key("key", 0), Arg::integer("offset"), Arg::integer("value")])
    .run(Exec::Keys(setbit)),
    Command::new("GETBIT", "Returns the bit at an offset of a string.", Group::Bitmap)
        .since("2.2.0")
        .arity(Arity::Exactly(3))
        .flags(Flags::READONLY.or(Flags::FAST))
        .acl(Acl::BITMAP)
        .keys(&[Key::at(1).read()])
        .args(&[Arg::key("key", 0), Arg::integer("offset")])
        .run(Exec::Keys(getbit)),
];

fn setbit(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let at = offset(ctx, args.int(2).ok())?;
    let not_a_bit = Error::Text("ERR bit is not an integer or out of range");
    let bit = args.int_in(3, 0..=1, not_a_bit)? == 1;
    let (bytes, grown) = bytes_with_room(ctx, key, (at / 8) as usize + 1)?;
    let before = bits::set(bytes, at, bit);
    if grown || before != bit {
        ctx.keys.changed(key, Class::String, "setbit");
    }
    ctx.reply.int(i64::from(before));
    Ok(())
}

fn getbit(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let at = offset(ctx, args.int(2).ok())?;
    let string = ctx.keys.lookup_string(args.at(1))?;
    let bit = string.is_some_and(|string| bits::get(&string.bytes(), at));
    ctx.reply.int(i64::from(bit));
    Ok(())
}
