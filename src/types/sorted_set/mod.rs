//! Sorted sets: unique byte strings ordered by score, then bytes.

use std::cmp::Ordering;
use std::ops::Range;

/// Unique byte strings ordered by score, then bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SortedSet {
    members: Vec<(f64, Box<[u8]>)>,
}

/// An end of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The lowest score.
    Min,
    /// The highest score.
    Max,
}

/// The order of members: by score, then bytewise; scores are never NaN.
pub fn compare(one: (&[u8], f64), other: (&[u8], f64)) -> Ordering {
    let scores = one.1.partial_cmp(&other.1).expect("scores are never NaN");
    scores.then_with(|| one.0.cmp(other.0))
}

impl SortedSet {
    /// An empty sorted set.
    pub fn new() -> Self {
        SortedSet::default()
    }

    /// A sorted set of members that are handed over in order, none of them twice.
    pub fn from_sorted<'m>(members: impl Iterator<Item = (&'m [u8], f64)>) -> Self {
        SortedSet {
            members: members.map(|(name, score)| (score, name.into())).collect(),
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    fn place(&self, member: &[u8]) -> Option<usize> {
        self.members.iter().position(|(_, name)| **name == *member)
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        "listpack"
    }

    /// Bytes on the heap besides the structure itself; O(1), estimated from the number of items.
    pub fn heap_bytes(&self) -> usize {
        self.members.capacity() * 24 + self.members.len() * 32
    }

    /// The score of `member`.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.place(member).map(|at| self.members[at].0)
    }

    /// How many members stand before `member`, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        self.place(member).map(|at| (at, self.members[at].0))
    }

    /// The member at `rank` and its score.
    pub fn at(&self, rank: usize) -> Option<(&[u8], f64)> {
        self.members.get(rank).map(|(score, name)| (&**name, *score))
    }

    /// Sets the score of `member`, which must not be NaN; tells whether it is new.
    pub fn set(&mut self, member: &[u8], score: f64) -> bool {
        let known = self.remove(member);
        // Small sorted sets keep whole scores as integers, which have no negative zero.
        let score = score + 0.0;
        let at = self.count_while(|name, other| compare((name, other), (member, score)).is_lt());
        self.members.insert(at, (score, member.into()));
        !known
    }

    /// Removes `member`; tells whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        self.place(member).map(|at| self.members.remove(at)).is_some()
    }

    /// How many members at the low end satisfy `holds`, which must fail for all that follow one for which it fails.
    pub fn count_while(&self, holds: impl Fn(&[u8], f64) -> bool) -> usize {
        self.members.partition_point(|(score, name)| holds(name, *score))
    }

    /// The members at these ranks, in ascending order; turn it round for descending.
    pub fn range(&self, ranks: Range<usize>) -> impl DoubleEndedIterator<Item = (&[u8], f64)> {
        self.members[ranks].iter().map(|(score, name)| (&**name, *score))
    }

    /// Removes the members at these ranks.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        self.members.drain(ranks);
    }

    /// Hands the member at `edge` to `take`, then removes it.
    pub fn pop_with<T>(&mut self, edge: Edge, take: impl FnOnce(&[u8], f64) -> T) -> Option<T> {
        let at = match edge {
            Edge::Min => 0,
            Edge::Max => self.members.len().checked_sub(1)?,
        };
        if at >= self.members.len() {
            return None;
        }
        let (score, name) = self.members.remove(at);
        Some(take(&name, score))
    }

    /// All members in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], f64)> {
        self.range(0..self.len())
    }

    /// Visits some members from `cursor` (0: the beginning) on and answers where to go on (0: the end was reached). A member
    /// that is there from the first to the last call is visited at least once.
    pub fn scan<'s>(&'s self, _cursor: u64, _count: usize, visit: &mut dyn FnMut(&'s [u8], f64)) -> u64 {
        self.iter().for_each(|(member, score)| visit(member, score));
        0
    }
}
