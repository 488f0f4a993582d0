//! An inner node of the tree: for each child its number, how many members are below it, and the lowest score among them.

use std::ops::Range;

use super::slab::NONE;
use crate::base::size_class::good_size;

/// A node with more children is split.
pub const CHILDREN_MAX: usize = 64;
/// A node with fewer is joined with a neighbour if that leaves room.
pub const CHILDREN_MIN: usize = CHILDREN_MAX / 4;

/// A child as its parent knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Child {
    /// The node's number.
    pub id: u32,
    /// Members below it.
    pub count: usize,
    /// The lowest score below it.
    pub lowest: f64,
}

/// The children of one node, in order.
#[derive(Clone, Debug)]
pub struct Inner {
    ids: Vec<u32>,
    counts: Vec<u32>,
    lowest: Vec<f64>,
    /// The inner node above, or none.
    pub parent: u32,
}

impl Default for Inner {
    fn default() -> Self {
        Inner {
            ids: Vec::new(),
            counts: Vec::new(),
            lowest: Vec::new(),
            parent: NONE,
        }
    }
}

fn narrow(count: usize) -> u32 {
    u32::try_from(count).expect("memory ends before four billion members")
}

impl Inner {
    /// Number of children.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        good_size(self.ids.capacity() * 4)
            + good_size(self.counts.capacity() * 4)
            + good_size(self.lowest.capacity() * 8)
    }

    /// Members below all children.
    pub fn count(&self) -> usize {
        self.count_before(self.len())
    }

    /// Members below the first `at` children.
    #[inline]
    pub fn count_before(&self, at: usize) -> usize {
        self.counts[..at].iter().sum::<u32>() as usize
    }

    /// The child at `at`.
    pub fn child(&self, at: usize) -> Child {
        Child {
            id: self.ids[at],
            count: self.counts[at] as usize,
            lowest: self.lowest[at],
        }
    }

    /// The number of the child at `at`.
    #[inline]
    pub fn id(&self, at: usize) -> u32 {
        self.ids[at]
    }

    /// All children's numbers.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Where a child stands.
    #[inline]
    pub fn place_of(&self, id: u32) -> usize {
        let place = self.ids.iter().position(|&child| child == id);
        place.expect("a node is among its parent's children")
    }

    /// The child below which member number `rank` is, and its number there.
    pub fn at_rank(&self, mut rank: usize) -> (usize, usize) {
        let mut at = 0;
        while rank >= self.counts[at] as usize && at + 1 < self.len() {
            rank -= self.counts[at] as usize;
            at += 1;
        }
        (at, rank)
    }

    /// The children whose lowest score is `score`.
    #[inline]
    pub fn with_lowest(&self, score: f64) -> Range<usize> {
        let start = self.lowest.partition_point(|&lowest| lowest < score);
        let equal = self.lowest[start..].partition_point(|&lowest| lowest == score);
        start..start + equal
    }

    /// Changes the number of members below a child.
    #[inline]
    pub fn add_count(&mut self, at: usize, added: usize) {
        self.counts[at] += narrow(added);
    }

    /// Changes the number of members below a child.
    #[inline]
    pub fn subtract_count(&mut self, at: usize, removed: usize) {
        self.counts[at] -= narrow(removed);
    }

    /// Changes the lowest score below a child.
    #[inline]
    pub fn set_lowest(&mut self, at: usize, score: f64) {
        self.lowest[at] = score;
    }

    /// Adds a child at `at`.
    pub fn insert(&mut self, at: usize, child: Child) {
        self.ids.insert(at, child.id);
        self.counts.insert(at, narrow(child.count));
        self.lowest.insert(at, child.lowest);
    }

    /// Removes the child at `at`.
    pub fn remove(&mut self, at: usize) {
        self.ids.remove(at);
        self.counts.remove(at);
        self.lowest.remove(at);
    }

    /// Moves the children from `at` on to the end of `other`.
    pub fn move_to(&mut self, at: usize, other: &mut Inner) {
        other.ids.extend(self.ids.drain(at..));
        other.counts.extend(self.counts.drain(at..));
        other.lowest.extend(self.lowest.drain(at..));
    }
}
