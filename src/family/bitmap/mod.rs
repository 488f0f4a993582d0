//! Commands on the bits of strings.

mod bit;
mod count;
mod field;
mod operation;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::command::{Args, Command, Context, Error};
use crate::keyspace::{Entry, Value};

/// The family, file by file.
pub const COMMANDS: &[&[Command]] = &[bit::COMMANDS, count::COMMANDS, operation::COMMANDS, field::COMMANDS];

const OFFSET: Error = Error::Text("ERR bit offset is not an integer or out of range");

/// The offset of a bit that `text` spells, below the most bits that a string may have.
fn offset(ctx: &Context<'_>, offset: Option<i64>) -> Result<u64, Error> {
    let offset = offset.and_then(|offset| u64::try_from(offset).ok());
    let inside = |offset: &u64| offset / 8 < ctx.config.proto_max_bulk_len as u64;
    offset.filter(inside).ok_or(OFFSET)
}

/// The bytes at `key`, at least `len` of them: what is missing becomes zero bytes. Tells whether any was.
fn bytes_with_room<'k>(ctx: &'k mut Context<'_>, key: &[u8], len: usize) -> Result<(&'k mut [u8], bool), Error> {
    let mut grown = false;
    let entry = ctx.keys.get_or_insert(key, || {
        grown = true;
        Entry::new(key, Value::String(vec![0; len])).raw()
    });
    let fits = entry.string_bytes_mut().is_some_and(|bytes| bytes.len() >= len);
    if !fits {
        let grow = |bytes: &mut Vec<u8>| {
            grown = bytes.len() < len;
            bytes.resize(bytes.len().max(len), 0);
        };
        entry.edit_string(grow).ok_or(Error::WrongType)?;
    }
    let bytes = entry.string_bytes_mut();
    Ok((bytes.expect("an edited string is stored as bytes"), grown))
}

/// The range of bits that the words of BITCOUNT and BITPOS name.
struct Span {
    start: i64,
    end: Option<i64>,
    by_bit: bool,
}

impl Span {
    /// Reads start, end and unit, those of them that there are, from word `from` on.
    fn parse(args: Args<'_>, from: usize) -> Result<Self, Error> {
        if args.len() > from + 3 {
            return Err(Error::Syntax);
        }
        let start = if args.len() > from { args.int(from)? } else { 0 };
        let mut span = Span {
            start,
            end: None,
            by_bit: false,
        };
        span.by_bit = args.is(from + 2, "BIT");
        if args.len() == from + 3 && !span.by_bit && !args.is(from + 2, "BYTE") {
            return Err(Error::Syntax);
        }
        if args.len() > from + 1 {
            span.end = Some(args.int(from + 1)?);
        }
        Ok(span)
    }

    /// The bits of a string of `len` bytes that are meant; empty when the ends are in the wrong order.
    fn bits(&self, len: usize) -> Range<u64> {
        let unit = if self.by_bit { 1 } else { 8 };
        let total = i64::try_from(len * 8 / unit).expect("a length in memory is far below 2^60");
        // Unlike an index, an end before the first unit means the first one.
        let from_head = |at: i64| if at < 0 { at.saturating_add(total).max(0) } else { at };
        let (start, last) = (
            from_head(self.start),
            self.end.map_or(total - 1, from_head).min(total - 1),
        );
        if start > last {
            return 0..0;
        }
        let unit = unit as u64;
        start.unsigned_abs() * unit..(last.unsigned_abs() + 1) * unit
    }
}
