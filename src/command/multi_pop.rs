//! What LMPOP, ZMPOP and their blocking forms share: a number of keys, the keys, an end, a count.

use super::args::Args;
use super::error::Error;

/// The words of such a command, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultiPop<E> {
    /// At which end.
    pub end: E,
    /// How many elements at most.
    pub count: usize,
    first: usize,
    keys: usize,
}

impl<E: Copy> MultiPop<E> {
    /// Reads the words from the number of keys, at word `numkeys`, to the last; `ends` are the names of the ends.
    pub fn parse(args: Args<'_>, numkeys: usize, ends: [(&str, E); 2]) -> Result<Self, Error> {
        let none = Error::Text("ERR numkeys should be greater than 0");
        let keys = args.int_in(numkeys, 1..=i64::MAX, none)?;
        let keys = usize::try_from(keys).map_err(|_| Error::Syntax)?;
        let first = numkeys + 1;
        let at = first.checked_add(keys).ok_or(Error::Syntax)?;
        let named = |(name, _): &(&str, E)| args.is(at, name);
        let (_, end) = ends.into_iter().find(named).ok_or(Error::Syntax)?;
        let mut count = 1;
        let mut after = at + 1;
        // The count is looked at before what follows it.
        if args.len() > after + 1 && args.is(after, "COUNT") {
            let none = Error::Text("ERR count should be greater than 0");
            count = args.int_in(after + 1, 1..=i64::MAX, none)?;
            after += 2;
        }
        if args.len() > after {
            return Err(Error::Syntax);
        }
        Ok(MultiPop {
            end,
            count: usize::try_from(count).unwrap_or(usize::MAX),
            first,
            keys,
        })
    }

    /// The keys, in order.
    pub fn keys<'a>(&self, args: Args<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a, E> {
        args.from(self.first).take(self.keys)
    }
}
