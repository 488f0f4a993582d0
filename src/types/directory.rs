//! The upper half of extendible hashing: which segment a hash belongs to, how segments split and join one at a time, and the
//! walk over all of them in an order that no split or join disturbs.
//!
//! The first bits of an item's order lead through an index to a segment, whatever a segment is. Knows no items.

use crate::base::debris::Pile;
use crate::base::size_class::good_size;

/// Indexes end here, so that equal hashes cannot make them grow without end.
const DEPTH_MAX: u8 = 28;
/// Cursors are the upper bits of an order.
const CURSOR_BITS: u32 = 48;
const UNUSED_BITS: u32 = 64 - CURSOR_BITS;

/// Segments by the first bits of orders.
#[derive(Clone, Debug)]
pub struct Directory<S: 'static> {
    /// By the first `depth` bits of an order, the number of its segment; empty when there is none.
    index: Vec<u32>,
    slots: Pile<Vec<Slot<S>>>,
    depth: u8,
}

#[derive(Clone, Debug)]
struct Slot<S> {
    segment: S,
    /// How many first bits of their orders the items share.
    depth: u8,
    /// These bits.
    prefix: u32,
}

impl<S> Default for Directory<S> {
    fn default() -> Self {
        Directory {
            index: Vec::new(),
            slots: Pile::default(),
            depth: 0,
        }
    }
}

/// The place of a hash in the order of scans. Its first bits are other bits than those by which segments place items.
pub fn order_of(hash: u64) -> u64 {
    hash.rotate_left(20)
}

impl<S: Default> Directory<S> {
    /// Bytes on the heap but for what segments own.
    pub fn heap_bytes(&self) -> usize {
        let index = good_size(self.index.capacity() * size_of::<u32>());
        index + good_size(self.slots.capacity() * size_of::<Slot<S>>())
    }

    /// How many segments there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Segment number `at`, below [`Directory::len`].
    pub fn segment(&self, at: usize) -> &S {
        &self.slots[at].segment
    }

    /// As [`Directory::segment`], to be changed.
    pub fn segment_mut(&mut self, at: usize) -> &mut S {
        &mut self.slots[at].segment
    }

    /// All segments, by number.
    pub fn segments(&self) -> impl Iterator<Item = &S> + Clone {
        self.slots.iter().map(|slot| &slot.segment)
    }

    /// The number of the segment to which `hash` belongs, unless there is none at all.
    #[inline]
    pub fn place_of(&self, hash: u64) -> Option<usize> {
        self.at_order(order_of(hash))
    }

    #[inline]
    fn at_order(&self, order: u64) -> Option<usize> {
        // A shift by 64 would be none at all.
        let index = order >> 1 >> (63 - u32::from(self.depth));
        self.index.get(index as usize).map(|&at| at as usize)
    }

    /// Puts in the first segment, to which every hash belongs; answers its number.
    pub fn begin(&mut self, segment: S) -> usize {
        self.index = vec![0];
        self.depth = 0;
        self.slots = vec![Slot {
            segment,
            depth: 0,
            prefix: 0,
        }]
        .into();
        0
    }

    /// Lets `divide` make two of a segment, the second for the hashes of which its predicate is true; false when the index ends.
    #[cold]
    pub fn split(&mut self, at: usize, divide: impl FnOnce(S, &dyn Fn(u64) -> bool) -> (S, S)) -> bool {
        let Slot { depth, prefix, .. } = self.slots[at];
        if depth >= DEPTH_MAX {
            return false;
        }
        if depth == self.depth {
            self.index = self.index.iter().flat_map(|&at| [at; 2]).collect();
            self.depth += 1;
        }
        let whole = std::mem::take(&mut self.slots[at].segment);
        let (lower, upper) = divide(whole, &|hash| order_of(hash) << depth >> 63 == 1);
        let slot = |segment, prefix| Slot {
            segment,
            depth: depth + 1,
            prefix,
        };
        self.slots[at] = slot(lower, prefix << 1);
        self.slots.push(slot(upper, prefix << 1 | 1));
        self.enter(self.slots.len() - 1);
        true
    }

    /// Writes a segment's number into its part of the index.
    fn enter(&mut self, at: usize) {
        let Slot { depth, prefix, .. } = self.slots[at];
        let width = u32::from(self.depth - depth);
        let first = (prefix as usize) << width;
        self.index[first..first + (1 << width)].fill(at as u32);
    }

    /// The segment that was split from the same one and has not been split since.
    pub fn sibling(&self, at: usize) -> Option<usize> {
        let Slot { depth, prefix, .. } = self.slots[at];
        if depth == 0 {
            return None;
        }
        let sibling = self.index[((prefix ^ 1) as usize) << (self.depth - depth)] as usize;
        (self.slots[sibling].depth == depth).then_some(sibling)
    }

    /// Makes one segment of two siblings, whose items `join` moves from the second to the first. Numbers of others may change.
    pub fn join(&mut self, one: usize, other: usize, join: impl FnOnce(&mut S, S)) {
        let (kept, gone) = (one.min(other), one.max(other));
        let moved = self.slots.swap_remove(gone);
        if gone < self.slots.len() {
            self.enter(gone);
        }
        let slot = &mut self.slots[kept];
        join(&mut slot.segment, moved.segment);
        slot.depth -= 1;
        slot.prefix >>= 1;
        self.enter(kept);
        self.shrink();
    }

    /// Halves the index while it is far larger than the number of segments asks and no segment needs all of its bits.
    fn shrink(&mut self) {
        while self.index.len() > self.slots.len() * 4 {
            if self.slots.iter().any(|slot| slot.depth == self.depth) {
                break;
            }
            self.depth -= 1;
            self.index = self.index.iter().step_by(2).copied().collect();
        }
        if self.slots.len() < self.slots.capacity() / 4 {
            let room = self.slots.len() * 2;
            self.slots.shrink_to(room);
        }
    }

    /// Visits about `count` items from `cursor` (0: the beginning) on and answers where to go on; 0: this was the end. `items`
    /// tells the items of a segment with their hashes; all of one segment are looked at, however small `count` is.
    ///
    /// A cursor is a place in the order of items and fits 48 bits: all whose order is below have been visited. Whatever the
    /// segments looked like when it was given out, nothing that stays is missed, and nothing is visited twice.
    pub fn scan<'s, T: Copy, I>(
        &'s self,
        cursor: u64,
        count: usize,
        items: impl Fn(&'s S) -> I,
        visit: &mut dyn FnMut(T),
    ) -> u64
    where
        I: Iterator<Item = (u64, T)>,
    {
        let mut start = cursor << UNUSED_BITS;
        let mut left = count.max(1);
        while let Some(at) = self.at_order(start) {
            let slot = &self.slots[at];
            let ordered = items(&slot.segment).map(|(hash, item)| (order_of(hash), item));
            let mut ordered: Vec<(u64, T)> = ordered.filter(|(order, _)| *order >= start).collect();
            if ordered.len() > left {
                ordered.select_nth_unstable_by_key(left, |(order, _)| *order);
            }
            let later = ordered.split_off(left.min(ordered.len()));
            ordered.iter().for_each(|(_, item)| visit(*item));
            if let Some(next) = visit_ties(&ordered, &later, visit) {
                return next;
            }
            left = left.saturating_sub(ordered.len());
            match slot.end() {
                Some(end) if left == 0 => return end >> UNUSED_BITS,
                Some(end) => start = end,
                None => break,
            }
        }
        0
    }

    /// Panics unless the index leads to every segment, and each hash that `hashes` tells of a segment to that one.
    #[cfg(test)]
    pub fn check<I: Iterator<Item = u64>>(&self, hashes: impl Fn(&S) -> I) {
        assert!(self.index.is_empty() || self.index.len() == 1 << self.depth);
        for (index, &at) in self.index.iter().enumerate() {
            let Slot { depth, prefix, .. } = self.slots[at as usize];
            assert_eq!(index as u32 >> (self.depth - depth), prefix);
        }
        for (at, slot) in self.slots.iter().enumerate() {
            for hash in hashes(&slot.segment) {
                assert_eq!(self.place_of(hash), Some(at));
                assert!(slot.end().is_none_or(|end| order_of(hash) < end));
            }
        }
    }
}

impl<S> Slot<S> {
    /// The first order of the segment behind this one; `None` when this is the last.
    fn end(&self) -> Option<u64> {
        let next = u64::from(self.prefix) + 1;
        (next >> self.depth == 0).then(|| next << (64 - u32::from(self.depth)))
    }
}

/// Visits those of the later items that a cursor cannot tell from the last of the visited ones, and answers the cursor of the
/// first that are left.
fn visit_ties<T: Copy>(visited: &[(u64, T)], later: &[(u64, T)], visit: &mut dyn FnMut(T)) -> Option<u64> {
    let cursor_of = |(order, _): &(u64, T)| order >> UNUSED_BITS;
    let last = visited.iter().map(cursor_of).max()?;
    let ties = later.iter().filter(|item| cursor_of(item) == last);
    ties.for_each(|(_, item)| visit(*item));
    later.iter().map(cursor_of).filter(|cursor| *cursor > last).min()
}
