//! A leaf of the tree: some dozens of members in order, their scores and hashes in one array, their bytes in another.

use std::cmp::Ordering;
use std::ops::Range;

use super::compare;
use super::slab::NONE;
use crate::base::size_class::{good_size, move_to_fit};

/// A leaf with more members is split.
pub const LEAF_MEMBERS_MAX: usize = 64;
/// A leaf with more bytes is split, unless that is one member.
pub const LEAF_BYTES_MAX: usize = 4096;
/// A leaf with fewer members is joined with a neighbour if that leaves room.
pub const LEAF_MEMBERS_MIN: usize = LEAF_MEMBERS_MAX / 4;

/// Members whose memory grows at a time.
const GROWTH: usize = 8;

/// One member, but for its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// Never NaN.
    pub score: f64,
    /// Where the member's bytes end; they begin where those before end.
    end: u32,
    /// Of the member, as the index uses it.
    pub hash: u32,
}

/// Some members in order.
#[derive(Clone, Debug)]
pub struct Leaf {
    slots: Vec<Slot>,
    bytes: Vec<u8>,
    /// Where the bytes of the first member begin; those before belong to members that were removed.
    first: u32,
    /// The inner node above, or none.
    pub parent: u32,
    /// The leaf to the left, or none.
    pub previous: u32,
    /// The leaf to the right, or none.
    pub next: u32,
}

impl Default for Leaf {
    fn default() -> Self {
        Leaf {
            slots: Vec::new(),
            bytes: Vec::new(),
            first: 0,
            parent: NONE,
            previous: NONE,
            next: NONE,
        }
    }
}

impl Leaf {
    /// Number of members.
    #[inline]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        good_size(self.slots.capacity() * size_of::<Slot>()) + good_size(self.bytes.capacity())
    }

    fn used_bytes(&self) -> usize {
        self.bytes.len() - self.first as usize
    }

    /// Whether it must be split.
    pub fn is_too_full(&self) -> bool {
        self.len() > LEAF_MEMBERS_MAX || self.len() > 1 && self.used_bytes() > LEAF_BYTES_MAX
    }

    /// Whether what is in both would leave room in one.
    pub fn joins_with(&self, other: &Leaf) -> bool {
        self.len() + other.len() <= LEAF_MEMBERS_MAX / 4 * 3
            && self.used_bytes() + other.used_bytes() <= LEAF_BYTES_MAX / 4 * 3
    }

    #[inline]
    fn start(&self, at: usize) -> usize {
        match at {
            0 => self.first as usize,
            _ => self.slots[at - 1].end as usize,
        }
    }

    /// The bytes of the member at `at`.
    #[inline]
    pub fn member(&self, at: usize) -> &[u8] {
        &self.bytes[self.start(at)..self.slots[at].end as usize]
    }

    /// Score and hash of the member at `at`.
    #[inline]
    pub fn slot(&self, at: usize) -> Slot {
        self.slots[at]
    }

    /// The member at `at` with its score.
    #[inline]
    pub fn entry(&self, at: usize) -> (&[u8], f64) {
        (self.member(at), self.slots[at].score)
    }

    /// The lowest score; a leaf in a tree has a member.
    pub fn lowest(&self) -> f64 {
        self.slots[0].score
    }

    /// Where `member`, which has this hash, stands.
    #[inline]
    pub fn find(&self, hash: u32, member: &[u8]) -> Option<usize> {
        let same = |(at, slot): (usize, &Slot)| slot.hash == hash && self.member(at) == member;
        self.slots.iter().enumerate().position(same)
    }

    /// Where members with this hash stand.
    pub fn with_hash(&self, hash: u32) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(move |&at| self.slots[at].hash == hash)
    }

    /// How many members at the front satisfy `holds`, which fails for all that follow one for which it fails.
    pub fn count_while(&self, holds: impl Fn(&[u8], f64) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let (member, score) = self.entry(middle);
            if holds(member, score) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Where a member that is not there belongs.
    pub fn place_for(&self, member: &[u8], score: f64) -> usize {
        self.count_while(|name, other| {
            if other == score {
                name < member
            } else {
                compare((name, other), (member, score)) == Ordering::Less
            }
        })
    }

    /// Adds a member at `at`.
    pub fn insert(&mut self, at: usize, member: &[u8], score: f64, hash: u32) {
        self.make_room(member.len());
        let start = self.start(at);
        let old = self.bytes.len();
        self.bytes.resize(old + member.len(), 0);
        self.bytes.copy_within(start..old, start + member.len());
        self.bytes[start..start + member.len()].copy_from_slice(member);
        let len = narrow(member.len());
        for slot in &mut self.slots[at..] {
            slot.end += len;
        }
        let end = narrow(start) + len;
        self.slots.insert(at, Slot { score, end, hash });
    }

    fn make_room(&mut self, bytes: usize) {
        if self.slots.len() == self.slots.capacity() {
            self.slots.reserve_exact(GROWTH);
        }
        if self.bytes.len() + bytes <= self.bytes.capacity() {
            return;
        }
        if self.first > 0 {
            let first = std::mem::take(&mut self.first);
            self.bytes.drain(..first as usize);
            self.slots.iter_mut().for_each(|slot| slot.end -= first);
        }
        let needed = self.bytes.len() + bytes;
        if needed > self.bytes.capacity() {
            let grown = good_size(needed + self.bytes.len() / GROWTH);
            self.bytes.reserve_exact(grown - self.bytes.len());
        }
    }

    /// Removes the members in `range`.
    pub fn remove(&mut self, range: Range<usize>) {
        let (start, end) = (self.start(range.start), self.start(range.end));
        if range.start == 0 {
            self.first = narrow(end);
        } else {
            self.bytes.drain(start..end);
            let removed = narrow(end - start);
            for slot in &mut self.slots[range.end..] {
                slot.end -= removed;
            }
        }
        self.slots.drain(range);
        if self.slots.is_empty() {
            self.first = 0;
            self.bytes.clear();
        }
    }

    /// Changes a score without moving the member; the order must stay.
    pub fn set_score(&mut self, at: usize, score: f64) {
        self.slots[at].score = score;
    }

    /// Moves the members in `range` to the end of `other`.
    pub fn move_to(&mut self, range: Range<usize>, other: &mut Leaf) {
        let (start, end) = (self.start(range.start), self.start(range.end));
        other.make_room(end - start);
        let free = other.slots.capacity() - other.slots.len();
        if free < range.len() {
            other.slots.reserve_exact(range.len());
        }
        // What ended at `start` here ends at the other's length there.
        let at = narrow(other.bytes.len());
        other.bytes.extend_from_slice(&self.bytes[start..end]);
        let moved = self.slots[range.clone()].iter();
        other.slots.extend(moved.map(|slot| Slot {
            end: slot.end - narrow(start) + at,
            ..*slot
        }));
        self.remove(range);
    }

    /// Gives memory back that is not used.
    pub fn shrink(&mut self) {
        if self.slots.capacity() > self.slots.len() + 2 * GROWTH {
            let (slots, bytes) = (self.slots.len(), self.bytes.len());
            move_to_fit(&mut self.slots, slots + GROWTH);
            move_to_fit(&mut self.bytes, good_size(bytes + bytes / GROWTH));
        }
    }

    /// Panics unless members are in order and their bytes add up.
    pub fn check(&self) {
        assert!(self.len() > 0 && !self.is_too_full());
        assert_eq!(self.start(self.len()), self.bytes.len());
        for at in 1..self.len() {
            assert_eq!(compare(self.entry(at - 1), self.entry(at)), Ordering::Less);
        }
    }
}

fn narrow(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a bulk is limited far below 4 GiB")
}
