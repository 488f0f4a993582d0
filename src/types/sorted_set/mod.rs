//! Sorted sets: unique byte strings ordered by score, then bytes. A small one is one buffer, a large one a counted B+tree
//! with an index from members to leaves.

mod index;
mod inner;
mod leaf;
mod members;
mod packed;
mod slab;
#[cfg(test)]
mod tests;
mod tree;

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use packed::Packed;
use tree::{Tree, member_hash};

/// Unique byte strings ordered by score, then bytes.
#[derive(Clone)]
pub struct SortedSet(Form);

#[derive(Clone)]
enum Form {
    Small(Packed),
    Large(Box<Tree>),
}

const _: () = assert!(size_of::<SortedSet>() == 32, "sorted sets are allocated one by one");

/// An end of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The lowest score.
    Min,
    /// The highest score.
    Max,
}

/// Up to what a sorted set is small: the directives `zset-max-listpack-entries` and `zset-max-listpack-value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Members.
    pub entries: usize,
    /// Bytes of the longest member.
    pub value: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            entries: 128,
            value: 64,
        }
    }
}

/// The order of members: by score, then bytewise; scores are never NaN.
#[inline]
pub fn compare(one: (&[u8], f64), other: (&[u8], f64)) -> Ordering {
    let scores = one.1.partial_cmp(&other.1).expect("scores are never NaN");
    scores.then_with(|| one.0.cmp(other.0))
}

impl Default for SortedSet {
    fn default() -> Self {
        SortedSet::new()
    }
}

impl SortedSet {
    /// An empty sorted set.
    pub fn new() -> Self {
        SortedSet(Form::Small(Packed::new()))
    }

    /// A sorted set of members none of which comes twice; it begins as one for `count` members, the longest of `value` bytes.
    pub fn from_distinct<'m>(
        members: impl Iterator<Item = (&'m [u8], f64)>,
        (count, value): (usize, usize),
        limits: Limits,
    ) -> Self {
        let mut set = SortedSet::new();
        set.expect(count, value, limits);
        members.for_each(|(member, score)| set.insert_new(member, score, limits));
        set
    }

    /// Prepares for `count` more members, the longest of `value` bytes: more than a small set holds make it a large one,
    /// even if some turn out to be there already.
    pub fn expect(&mut self, count: usize, value: usize, limits: Limits) {
        if count > limits.entries || value > limits.value {
            self.enlarge();
        }
    }

    /// Gives it its large form.
    pub fn grow_large(&mut self) {
        self.enlarge();
    }

    /// Number of members; O(1).
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.len(),
            Form::Large(tree) => tree.len(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Small(_) => "listpack",
            Form::Large(_) => "skiplist",
        }
    }

    /// Bytes on the heap besides the structure itself; O(1).
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.heap_bytes(),
            Form::Large(tree) => size_of::<Tree>() + tree.heap_bytes(),
        }
    }

    /// The score of `member`; O(1).
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.0 {
            Form::Small(packed) => packed.find(member).map(|(_, score)| score),
            Form::Large(tree) => {
                let place = tree.find(member_hash(member), member)?;
                Some(tree.score_at(place))
            }
        }
    }

    /// How many members stand before `member`, and its score; O(log n).
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match &self.0 {
            Form::Small(packed) => packed.find(member).map(|(place, score)| (place.rank, score)),
            Form::Large(tree) => {
                let place = tree.find(member_hash(member), member)?;
                Some((tree.rank_of(place), tree.score_at(place)))
            }
        }
    }

    /// The member at `rank` and its score; O(log n).
    pub fn at(&self, rank: usize) -> Option<(&[u8], f64)> {
        (rank < self.len()).then(|| self.range(rank..rank + 1).next())?
    }

    /// Sets the score of `member`, which must not be NaN; tells whether it is new. O(log n).
    pub fn set(&mut self, member: &[u8], score: f64, limits: Limits) -> bool {
        let mut new = false;
        let decide = |old: Option<f64>| {
            new = old.is_none();
            (old != Some(score)).then_some(score)
        };
        self.update(member, limits, decide);
        new
    }

    /// Lets `decide` choose the score of `member` from the one that it has, if any; none leaves everything as it is. O(log n).
    pub fn update(&mut self, member: &[u8], limits: Limits, decide: impl FnOnce(Option<f64>) -> Option<f64>) {
        match &mut self.0 {
            Form::Small(packed) => {
                let found = packed.find(member);
                let Some(score) = decide(found.map(|(_, score)| score)) else {
                    return;
                };
                if let Some((place, _)) = found {
                    packed.remove(place);
                    packed.insert(member, score);
                } else {
                    self.insert_new(member, score, limits);
                }
            }
            Form::Large(tree) => {
                let hash = member_hash(member);
                let found = tree.find(hash, member);
                let Some(score) = decide(found.map(|place| tree.score_at(place))) else {
                    return;
                };
                match found {
                    Some(place) => tree.set_score(place, score, hash, member),
                    None => tree.insert(hash, member, score),
                }
            }
        }
    }

    /// Adds a member that is not there.
    fn insert_new(&mut self, member: &[u8], score: f64, limits: Limits) {
        match &mut self.0 {
            Form::Small(packed) if packed.len() < limits.entries && member.len() <= limits.value => {
                packed.insert(member, score);
            }
            Form::Small(_) => self.enlarge().insert(member_hash(member), member, score),
            Form::Large(tree) => tree.insert(member_hash(member), member, score),
        }
    }

    /// Makes a small set a large one.
    #[cold]
    fn enlarge(&mut self) -> &mut Tree {
        if let Form::Small(packed) = &self.0 {
            let mut tree = Box::new(Tree::new());
            for (member, score) in packed.members() {
                tree.insert(member_hash(member), member, score);
            }
            self.0 = Form::Large(tree);
        }
        match &mut self.0 {
            Form::Large(tree) => tree,
            Form::Small(_) => unreachable!("a small set has just been made large"),
        }
    }

    /// Removes `member`; tells whether it was there. O(log n).
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Form::Small(packed) => {
                let found = packed.find(member);
                found.map(|(place, _)| packed.remove(place)).is_some()
            }
            Form::Large(tree) => {
                let found = tree.find(member_hash(member), member);
                found.map(|place| tree.remove(place)).is_some()
            }
        }
    }

    /// How many members have a score below `score`, or also that score; O(log n).
    pub fn count_to_score(&self, score: f64, or_equal: bool) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.count_while(|_, other| other < score || or_equal && other == score),
            Form::Large(tree) => tree.count_to_score(score, or_equal),
        }
    }

    /// How many members at the low end satisfy `holds`, which must fail for all that follow one for which it fails; O(log n).
    pub fn count_while(&self, holds: impl Fn(&[u8], f64) -> bool) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.count_while(holds),
            Form::Large(tree) => tree.count_while(holds),
        }
    }

    /// The members at these ranks, in ascending order; turn it round for descending.
    pub fn range(&self, ranks: Range<usize>) -> Members<'_> {
        Members(match &self.0 {
            Form::Small(packed) => Source::Small(packed.range(ranks)),
            Form::Large(tree) => Source::Large(tree.range(ranks)),
        })
    }

    /// All members in ascending order.
    pub fn iter(&self) -> Members<'_> {
        self.range(0..self.len())
    }

    /// Removes the members at these ranks.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        match &mut self.0 {
            Form::Small(packed) => packed.remove_range(ranks),
            Form::Large(tree) => tree.remove_range(ranks),
        }
    }

    /// Hands the member at `edge` to `take`, then removes it; O(log n).
    pub fn pop_with<T>(&mut self, edge: Edge, take: impl FnOnce(&[u8], f64) -> T) -> Option<T> {
        let rank = match edge {
            Edge::Min => 0,
            Edge::Max => self.len().checked_sub(1)?,
        };
        let (member, score) = self.at(rank)?;
        let taken = take(member, score);
        self.remove_range(rank..rank + 1);
        Some(taken)
    }

    /// Visits some members from `cursor` (0: the beginning) on, about `count` when the set is large, and answers where to go on
    /// (0: the end was reached). A member that is there from the first to the last call is visited at least once.
    pub fn scan<'s>(&'s self, cursor: u64, count: usize, visit: &mut dyn FnMut(&'s [u8], f64)) -> u64 {
        match &self.0 {
            Form::Small(packed) => {
                packed.members().for_each(|(member, score)| visit(member, score));
                0
            }
            Form::Large(tree) => match u32::try_from(cursor) {
                Ok(from) => tree.scan(from, count, visit).map_or(0, u64::from),
                Err(_) => 0,
            },
        }
    }

    /// Panics unless the structure is sound.
    pub fn check(&self) {
        match &self.0 {
            Form::Small(packed) => packed.check(),
            Form::Large(tree) => tree.check(),
        }
        assert_eq!(self.iter().count(), self.len());
        assert_eq!(self.iter().rev().count(), self.len());
    }
}

/// Members in order, from both sides.
#[derive(Clone, Debug)]
pub struct Members<'a>(Source<'a>);

#[derive(Clone, Debug)]
enum Source<'a> {
    Small(packed::Members<'a>),
    Large(members::Members<'a>),
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Source::Small(members) => members.next(),
            Source::Large(members) => members.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Source::Small(members) => members.size_hint(),
            Source::Large(members) => members.size_hint(),
        }
    }
}

impl DoubleEndedIterator for Members<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Source::Small(members) => members.next_back(),
            Source::Large(members) => members.next_back(),
        }
    }
}

impl ExactSizeIterator for Members<'_> {}

impl PartialEq for SortedSet {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl fmt::Debug for SortedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self
            .iter()
            .map(|(member, score)| (String::from_utf8_lossy(member), score));
        f.debug_map().entries(members).finish()
    }
}
