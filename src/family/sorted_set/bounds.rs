//! The bounds of a range by score or by name, as clients spell them.

use std::ops::Range;

use crate::base::number::parse_f64_saturating;
use crate::command::Error;
use crate::types::SortedSet;

/// A bound: this value itself belongs to the range or not.
#[derive(Clone, Copy, Debug)]
struct Bound<T> {
    value: T,
    exclusive: bool,
}

/// A range by score.
#[derive(Clone, Copy, Debug)]
pub struct Scores {
    min: Bound<f64>,
    max: Bound<f64>,
}

impl Scores {
    /// The range between two words such as `1`, `(1` or `-inf`.
    pub fn parse(min: &[u8], max: &[u8]) -> Result<Self, Error> {
        let error = || Error::Text("ERR min or max is not a float");
        let (min, max) = (score(min).ok_or_else(error)?, score(max).ok_or_else(error)?);
        Ok(Scores { min, max })
    }

    /// The ranks of the members in the range; O(log n).
    pub fn ranks(&self, set: &SortedSet) -> Range<usize> {
        let Scores { min, max } = *self;
        let start = set.count_to_score(min.value, min.exclusive);
        let end = set.count_to_score(max.value, !max.exclusive);
        start..end.max(start)
    }
}

fn score(word: &[u8]) -> Option<Bound<f64>> {
    let (exclusive, digits) = match word {
        [b'(', rest @ ..] => (true, rest),
        _ => (false, word),
    };
    // A text ends at its first zero byte, and nothing at all reads as zero, as C reads it.
    let digits = digits.split(|&byte| byte == 0).next().unwrap_or_default();
    let value = if digits.is_empty() {
        0.0
    } else {
        parse_f64_saturating(digits)?
    };
    Some(Bound { value, exclusive })
}

/// One bound of a range by name.
#[derive(Clone, Copy, Debug)]
enum Name<'a> {
    Least,
    Greatest,
    At(Bound<&'a [u8]>),
}

/// A range by name, over members of equal score.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    min: Name<'a>,
    max: Name<'a>,
}

impl<'a> Names<'a> {
    /// The range between two words such as `[a`, `(a`, `-` or `+`.
    pub fn parse(min: &'a [u8], max: &'a [u8]) -> Result<Self, Error> {
        let error = || Error::Text("ERR min or max not valid string range item");
        let (min, max) = (name(min).ok_or_else(error)?, name(max).ok_or_else(error)?);
        Ok(Names { min, max })
    }

    /// The ranks of the members in the range; O(log n).
    pub fn ranks(&self, set: &SortedSet) -> Range<usize> {
        let start = place(set, self.min, true);
        let end = place(set, self.max, false);
        start..end.max(start)
    }
}

fn name(word: &[u8]) -> Option<Name<'_>> {
    match word {
        b"-" => Some(Name::Least),
        b"+" => Some(Name::Greatest),
        [b'(', value @ ..] => Some(Name::At(Bound { value, exclusive: true })),
        [b'[', value @ ..] => Some(Name::At(Bound {
            value,
            exclusive: false,
        })),
        _ => None,
    }
}

/// How many members stand before the bound, which opens a range or closes it.
fn place(set: &SortedSet, name: Name<'_>, opens: bool) -> usize {
    match name {
        Name::Least => 0,
        Name::Greatest => set.len(),
        // A member equal to the bound stands before it when it is left out at the start or taken in at the end.
        Name::At(Bound { value, exclusive }) if exclusive == opens => set.count_while(|member, _| member <= value),
        Name::At(Bound { value, .. }) => set.count_while(|member, _| member < value),
    }
}
