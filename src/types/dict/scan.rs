//! The walk over a dictionary that may change between its steps.
//!
//! A cursor is a place in the order of items: all whose order is below have been visited. Whatever the segments looked like
//! when the cursor was given out, nothing that stays is missed, and nothing is visited twice.

use super::{Dict, Item, hash_of, order_of};

/// Cursors are the upper bits of an order.
const CURSOR_BITS: u32 = 48;
const UNUSED_BITS: u32 = 64 - CURSOR_BITS;

impl<T: Item> Dict<T> {
    /// Visits about `count` items from `cursor` (0: the beginning) on and answers where to go on; 0: this was the end.
    /// Cursors fit 48 bits. Looks at the orders of a whole segment, some hundred items, however small `count` is.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(&T)) -> u64 {
        let mut start = cursor << UNUSED_BITS;
        let mut left = count.max(1);
        while let Some(at) = self.segment_of(start) {
            let segment = &self.segments[at];
            let items = segment.items.iter().map(|item| (order_of(hash_of(item)), item));
            let mut items: Vec<(u64, &T)> = items.filter(|(order, _)| *order >= start).collect();
            if items.len() > left {
                items.select_nth_unstable_by_key(left, |(order, _)| *order);
            }
            let later = items.split_off(left.min(items.len()));
            items.iter().for_each(|(_, item)| visit(item));
            if let Some(next) = visit_ties(&items, &later, visit) {
                return next;
            }
            left = left.saturating_sub(items.len());
            match segment.end() {
                Some(end) if left == 0 => return end >> UNUSED_BITS,
                Some(end) => start = end,
                None => break,
            }
        }
        0
    }
}

/// Visits those of the later items that a cursor cannot tell from the last of the visited ones, and answers the cursor of the
/// first that are left.
fn visit_ties<T>(visited: &[(u64, &T)], later: &[(u64, &T)], visit: &mut dyn FnMut(&T)) -> Option<u64> {
    let cursor_of = |(order, _): &(u64, &T)| order >> UNUSED_BITS;
    let last = visited.iter().map(cursor_of).max()?;
    let ties = later.iter().filter(|item| cursor_of(item) == last);
    ties.for_each(|(_, item)| visit(item));
    later.iter().map(cursor_of).filter(|cursor| *cursor > last).min()
}
