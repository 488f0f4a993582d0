//! Sorting a part of a slice: the elements that a full sort would put into a range, by the quicksort of Bentley and McIlroy
//! ("Engineering a sort function", 1993). Which of several equal elements come first follows from the algorithm: clients of
//! Valkey, which sorts so too, read them in that order.

use std::cmp::Ordering;
use std::ops::Range;

/// Below this, insertion is faster.
const SMALL: usize = 7;
/// Above this, the pivot is the middle of nine.
const LARGE: usize = 40;

/// Puts into `wanted` the elements that belong there, in order; the others end up on their side of it. O(n + k log k)
/// comparisons on average for k wanted ones.
pub fn partial_sort<T>(slice: &mut [T], wanted: Range<usize>, compare: &mut impl FnMut(&T, &T) -> Ordering) {
    let len = slice.len();
    if len < SMALL {
        for sorted in 1..len {
            let mut at = sorted;
            while at > 0 && compare(&slice[at - 1], &slice[at]).is_gt() {
                slice.swap(at, at - 1);
                at -= 1;
            }
        }
        return;
    }
    let pivot = pivot(slice, compare);
    slice.swap(0, pivot);
    let (less, greater) = partition(slice, compare);
    let upper = len - greater;
    for part in [0..less, upper..len] {
        if part.len() > 1 && part.start < wanted.end && wanted.start < part.end {
            let from = wanted.start.saturating_sub(part.start);
            let wanted = from..wanted.end - part.start;
            partial_sort(&mut slice[part], wanted, compare);
        }
    }
}

/// The place of an element that is likely to be in the middle.
fn pivot<T>(slice: &[T], compare: &mut impl FnMut(&T, &T) -> Ordering) -> usize {
    let (mut low, mut middle, mut high) = (0, slice.len() / 2, slice.len() - 1);
    if slice.len() == SMALL {
        return middle;
    }
    let mut median = |a: usize, b: usize, c: usize| {
        let b_to_c = compare(&slice[b], &slice[c]);
        if compare(&slice[a], &slice[b]).is_lt() {
            match b_to_c.is_lt() {
                true => b,
                false if compare(&slice[a], &slice[c]).is_lt() => c,
                false => a,
            }
        } else {
            match b_to_c.is_gt() {
                true => b,
                false if compare(&slice[a], &slice[c]).is_lt() => a,
                false => c,
            }
        }
    };
    if slice.len() > LARGE {
        let step = slice.len() / 8;
        low = median(low, low + step, low + 2 * step);
        middle = median(middle - step, middle, middle + step);
        high = median(high - 2 * step, high - step, high);
    }
    median(low, middle, high)
}

/// Brings what is less than the first element to the front, what is greater to the back; answers how many are.
fn partition<T>(slice: &mut [T], compare: &mut impl FnMut(&T, &T) -> Ordering) -> (usize, usize) {
    let len = slice.len();
    // Equal elements are gathered at both ends: before `equal_low` and from `equal_high` on; `high` is one behind.
    let (mut equal_low, mut low, mut high, mut equal_high) = (1, 1, len, len);
    loop {
        while low < high {
            match compare(&slice[low], &slice[0]) {
                Ordering::Greater => break,
                Ordering::Equal => {
                    slice.swap(equal_low, low);
                    equal_low += 1;
                }
                Ordering::Less => {}
            }
            low += 1;
        }
        while low < high {
            match compare(&slice[high - 1], &slice[0]) {
                Ordering::Less => break,
                Ordering::Equal => {
                    slice.swap(high - 1, equal_high - 1);
                    equal_high -= 1;
                }
                Ordering::Greater => {}
            }
            high -= 1;
        }
        if low >= high {
            break;
        }
        slice.swap(low, high - 1);
        low += 1;
        high -= 1;
    }
    let moved = equal_low.min(low - equal_low);
    swap_ranges(slice, 0, low - moved, moved);
    let moved = (equal_high - high).min(len - equal_high);
    swap_ranges(slice, low, len - moved, moved);
    (low - equal_low, equal_high - high)
}

fn swap_ranges<T>(slice: &mut [T], one: usize, other: usize, len: usize) {
    (0..len).for_each(|at| slice.swap(one + at, other + at));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_wanted_part_is_as_after_a_full_sort(mut items in prop::collection::vec(0u8..30, 0..200), one: u8, other: u8) {
            let mut sorted = items.clone();
            sorted.sort_unstable();
            let place = |at: u8| usize::from(at) % (items.len() + 1);
            let wanted = place(one).min(place(other))..place(one).max(place(other));
            partial_sort(&mut items, wanted.clone(), &mut |one, other| one.cmp(other));
            prop_assert_eq!(&items[wanted.clone()], &sorted[wanted]);
            items.sort_unstable();
            prop_assert_eq!(items, sorted);
        }
    }

    #[test]
    fn equal_elements_come_in_the_order_of_the_algorithm() {
        let mut items: Vec<(u8, usize)> = [1, 1, 1, 1, 1, 1, 1, 1, 1, 0].into_iter().zip(2..).collect();
        partial_sort(&mut items, 0..3, &mut |one, other| one.0.cmp(&other.0));
        assert_eq!(items[..3], [(0, 11), (1, 3), (1, 4)]);
    }
}
