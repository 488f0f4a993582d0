//! Commands on strings.

mod append;
mod count;
mod lcs;
mod options;
mod read;
mod set;
mod set_many;
#[cfg(test)]
mod tests;

use crate::command::{Command, Context, Error};
use crate::keyspace::{Entry, StringRef};

/// The family, file by file.
pub const COMMANDS: &[&[Command]] = &[
    read::COMMANDS,
    set::COMMANDS,
    set_many::COMMANDS,
    count::COMMANDS,
    append::COMMANDS,
    lcs::COMMANDS,
];

/// The string in `entry`; an error when it is something else.
fn string_in(entry: &Entry) -> Result<StringRef<'_>, Error> {
    entry.as_string().ok_or(Error::WrongType)
}

/// Whether a string's bytes equal `bytes`.
fn equals(string: StringRef<'_>, bytes: &[u8]) -> bool {
    match string {
        StringRef::Bytes(own) => own == bytes,
        StringRef::Int(number) => itoa::Buffer::new().format(number).as_bytes() == bytes,
    }
}

/// Replies with the string at `key` or a null, and tells whether there is one; counted as a read.
fn reply_value(ctx: &mut Context<'_>, key: &[u8]) -> Result<bool, Error> {
    let Some(entry) = ctx.keys.lookup(key) else {
        ctx.reply.null();
        return Ok(false);
    };
    match string_in(entry)? {
        StringRef::Bytes(bytes) => ctx.reply.bulk(bytes),
        StringRef::Int(number) => ctx.reply.bulk_int(number),
    }
    Ok(true)
}
