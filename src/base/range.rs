//! Index ranges as commands spell them: both ends included, negative ones counted from the end.

use std::ops::Range;

/// The part of a sequence of `len` elements that `start` and `stop` name; empty ranges are all `0..0`.
pub fn inclusive(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len = i64::try_from(len).expect("a length in memory is below 2^63");
    let from_head = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let (start, stop) = (from_head(start).max(0), from_head(stop).min(len - 1));
    if start > stop {
        return 0..0;
    }
    let index = |at: i64| usize::try_from(at).expect("an index between 0 and the length");
    index(start)..index(stop) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_clamped_and_counted_from_either_side() {
        for (start, stop, len, want) in [
            (0, -1, 5, 0..5),
            (-2, 99, 5, 3..5),
            (2, 2, 5, 2..3),
            (3, 2, 5, 0..0),
            (-99, 1, 5, 0..2),
            (5, 9, 5, 0..0),
            (0, -6, 5, 0..0),
            (0, 0, 0, 0..0),
            (i64::MIN, i64::MAX, 3, 0..3),
        ] {
            assert_eq!(inclusive(start, stop, len), want, "{start} {stop} {len}");
        }
    }
}
