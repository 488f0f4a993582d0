//! The words `FIELDS numfields field ...` with which commands on expiry end.

use crate::command::{Arg, Args, Error};

const MISMATCH: Error = Error::Text("ERR numfields should be greater than 0 and match the provided number of fields");

/// A field in a declaration, one or more.
const FIELD: Arg = Arg::string("field").multiple();

/// These words in a declaration.
pub const FIELDS: Arg = Arg::block("fields", &[COUNT, FIELD]).token("FIELDS");

/// As [`FIELDS`] in the declaration of HEXPIRE, which alone does not tell that their number belongs to the key.
pub const FIELDS_OF_HEXPIRE: Arg = Arg::block("fields", &[Arg::integer("numfields"), FIELD]).token("FIELDS");

/// Their number in a declaration.
pub const COUNT: Arg = Arg::integer("numfields").of_key(0);

/// Where the word FIELDS stands, at `from` or behind, with something behind it.
pub fn find(args: Args<'_>, from: usize) -> Result<usize, Error> {
    (from..args.len() - 1).find(|&at| args.is(at, "FIELDS")).ok_or(MISMATCH)
}

/// The fields behind the word FIELDS at `at`, or fields and values when `words` (for each) is 2.
pub fn parse<'a>(
    args: Args<'a>,
    at: usize,
    words: usize,
) -> Result<impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a>, Error> {
    parse_or(args, at, words, MISMATCH)
}

/// As [`parse`] where FIELDS must be word 2; `mismatch` when the number of fields is another than announced.
pub fn parse_third<'a>(
    args: Args<'a>,
    mismatch: Option<Error>,
) -> Result<impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a>, Error> {
    if !args.is(2, "FIELDS") {
        return Err(Error::Syntax);
    }
    parse_or(args, 2, 1, mismatch.unwrap_or(MISMATCH))
}

fn parse_or<'a>(
    args: Args<'a>,
    at: usize,
    words: usize,
    mismatch: Error,
) -> Result<impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a>, Error> {
    let announced = args.int(at + 1)?;
    let fields = args.from(at + 2);
    let fits =
        usize::try_from(announced).is_ok_and(|count| count > 0 && count.checked_mul(words) == Some(fields.len()));
    if fits { Ok(fields) } else { Err(mismatch) }
}
