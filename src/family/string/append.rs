//! Commands that change a string in place.

use super::string_in;
use crate::command::{Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::keyspace::{Entry, StringRef, Value};

/// APPEND and SETRANGE.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "APPEND",
        "Appends to the string at a key, which is created when missing.",
        Group::String,
    )
    .since("2.0.0")
    .arity(Arity::Exactly(3))
    .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
    .acl(Acl::STRING)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::INSERT)])
    .args(&[Arg::key("key", 0), Arg::string("value")])
    .run(Exec::Keys(append)),
    Command::new(
        "SETRANGE",
        "Overwrites the string at a key from an offset on, with zero bytes before it when it is too short.",
        Group::String,
    )
    .since("2.2.0")
    .arity(Arity::Exactly(4))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::STRING)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::UPDATE)])
    .args(&[Arg::key("key", 0), Arg::integer("offset"), Arg::string("value")])
    .run(Exec::Keys(setrange)),
];

/// The length of the string at `key`, if there is one.
fn length(ctx: &mut Context<'_>, key: &[u8]) -> Result<Option<usize>, Error> {
    let Some(entry) = ctx.keys.get(key) else {
        return Ok(None);
    };
    Ok(Some(match string_in(entry)? {
        StringRef::Bytes(bytes) => bytes.len(),
        StringRef::Int(number) => itoa::Buffer::new().format(number).len(),
    }))
}

/// The length of a string that would end after `start + len` bytes, unless that is too long.
fn checked_length(ctx: &Context<'_>, start: usize, len: usize) -> Result<usize, Error> {
    let end = start.checked_add(len);
    end.filter(|&end| end <= ctx.config.proto_max_bulk_len)
        .ok_or(Error::StringTooLong)
}

fn append(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (key, tail) = (args.at(1), args.at(2));
    let end = match length(ctx, key)? {
        None => {
            let entry = ctx.keys.new_string(key, tail);
            ctx.keys.insert(entry);
            tail.len()
        }
        Some(before) => {
            let end = checked_length(ctx, before, tail.len())?;
            edit(ctx, key, |bytes| bytes.extend_from_slice(tail));
            end
        }
    };
    ctx.keys.changed(key, Class::String, "append");
    ctx.reply.count(end);
    Ok(())
}

fn setrange(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (key, part) = (args.at(1), args.at(3));
    let offset = usize::try_from(args.int(2)?).map_err(|_| Error::OffsetOutOfRange)?;
    let before = length(ctx, key)?;
    if part.is_empty() {
        ctx.reply.count(before.unwrap_or(0));
        return Ok(());
    }
    let end = checked_length(ctx, offset, part.len())?;
    let overwrite = |bytes: &mut [u8]| bytes[offset..end].copy_from_slice(part);
    let len = match before {
        None => {
            let mut bytes = vec![0; end];
            overwrite(&mut bytes);
            ctx.keys.insert(Entry::new(key, Value::String(bytes)).raw());
            end
        }
        Some(before) => {
            let inside = ctx.keys.get_mut(key).and_then(Entry::string_bytes_mut);
            match inside.filter(|bytes| end <= bytes.len()) {
                Some(bytes) => overwrite(bytes),
                None => edit(ctx, key, |bytes| {
                    if bytes.len() < end {
                        bytes.resize(end, 0);
                    }
                    overwrite(bytes);
                }),
            }
            before.max(end)
        }
    };
    ctx.keys.changed(key, Class::String, "setrange");
    ctx.reply.count(len);
    Ok(())
}

fn edit(ctx: &mut Context<'_>, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
    let entry = ctx.keys.get_mut(key).expect("the key was there a moment ago");
    entry.edit_string(change).expect("the value was seen to be a string");
}
