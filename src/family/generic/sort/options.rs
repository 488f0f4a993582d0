//! The options of SORT.

use std::ops::Range;

use super::pattern::Pattern;
use crate::command::{Args, Error};

/// What a request asks for.
#[derive(Default)]
pub struct Options<'a> {
    /// What decides the order.
    pub by: Option<Pattern<'a>>,
    /// The elements stay in the order that they have.
    pub unsorted: bool,
    /// What is answered for each element; nothing: the element.
    pub get: Vec<Pattern<'a>>,
    /// From the greatest on.
    pub descending: bool,
    /// Ordered as texts, not as numbers.
    pub alpha: bool,
    /// Where the result goes.
    pub store: Option<&'a [u8]>,
    limit: Option<(i64, i64)>,
}

impl<'a> Options<'a> {
    /// Reads the words; STORE only where it `stores`.
    pub fn parse(args: Args<'a>, stores: bool) -> Result<Self, Error> {
        let mut options = Options::default();
        let mut at = 2;
        while at < args.len() {
            let left = args.len() - at - 1;
            if args.is(at, "ASC") {
                options.descending = false;
            } else if args.is(at, "DESC") {
                options.descending = true;
            } else if args.is(at, "ALPHA") {
                options.alpha = true;
            } else if args.is(at, "LIMIT") && left >= 2 {
                options.limit = Some((args.int(at + 1)?, args.int(at + 2)?));
                at += 2;
            } else if stores && args.is(at, "STORE") && left >= 1 {
                options.store = Some(args.at(at + 1));
                at += 1;
            } else if args.is(at, "BY") && left >= 1 {
                let by = Pattern::new(args.at(at + 1));
                options.unsorted |= by.is_fixed();
                options.by = Some(by);
                at += 1;
            } else if args.is(at, "GET") && left >= 1 {
                options.get.push(Pattern::new(args.at(at + 1)));
                at += 1;
            } else {
                return Err(Error::Syntax);
            }
            at += 1;
        }
        Ok(options)
    }

    /// The patterns by which other keys are looked at.
    pub fn patterns(&self) -> impl Iterator<Item = &Pattern<'a>> {
        self.by.iter().filter(|_| !self.unsorted).chain(&self.get)
    }

    /// The order of the elements' bytes, whatever was asked for.
    pub fn order_by_text(&mut self) {
        self.unsorted = false;
        self.alpha = true;
        self.by = None;
    }

    /// Which of `len` elements are wanted.
    pub fn range(&self, len: usize) -> Range<usize> {
        let (offset, count) = self.limit.unwrap_or((0, -1));
        let within = |number: i64| usize::try_from(number).map(|number| number.min(len));
        let start = within(offset).unwrap_or(0);
        let end = within(count).map_or(len, |count| len.min(start + count));
        start..end.max(start)
    }

    /// Whether only a part of the elements is wanted.
    pub fn is_limited(&self, wanted: &Range<usize>, len: usize) -> bool {
        *wanted != (0..len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::OwnedArgs;

    #[test]
    fn a_range_keeps_within_the_elements() {
        let ranges = [
            ("0", "-1", 0..5),
            ("1", "2", 1..3),
            ("-9", "2", 0..2),
            ("3", "9", 3..5),
            ("5", "1", 5..5),
            ("9223372036854775807", "9223372036854775807", 5..5),
            ("-9223372036854775808", "-9223372036854775808", 0..5),
            ("2", "0", 2..2),
        ];
        for (offset, count, range) in ranges {
            let words = ["SORT", "k", "LIMIT", offset, count].map(str::as_bytes);
            let words = OwnedArgs::from_words(words);
            let Ok(options) = Options::parse(words.as_args(), true) else {
                panic!("the words are right")
            };
            assert_eq!(options.range(5), range, "{offset} {count}");
        }
    }
}
