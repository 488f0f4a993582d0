//! The table of a database: extendible hashing. The first bits of a hash lead through a directory to a segment, which splits
//! into two when it is full and joins its sibling when both are nearly empty, so no operation moves more than one segment's
//! entries. Knows entries and hashes; knows no clock and no command.

mod bucket;
mod due;
mod sample;
mod scan;
mod segment;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;

use super::entry::Entry;
use crate::base::debris::Pile;
use crate::base::hash::table_hash;
use crate::base::size_class::good_size;
use bucket::{Bucket, SLOTS};
use segment::{BUCKETS_MAX, DEPTH_MAX, Segment, Spot};

/// Siblings join when they have so few entries together: two thirds of what a segment has when it splits.
const MERGED_LEN_MAX: usize = BUCKETS_MAX * SLOTS * 9 / 16;
/// A directory this many times larger than the number of segments means that hashes do not differ in their first bits.
const DIRECTORY_FACTOR_MAX: usize = 32;

/// How keys are hashed: fixed for the process, or weak on purpose in tests.
pub trait KeyHash {
    /// The hash of a key.
    fn hash(key: &[u8]) -> u64;
}

/// [`table_hash`].
pub struct ProcessHash;

impl KeyHash for ProcessHash {
    #[inline]
    fn hash(key: &[u8]) -> u64 {
        table_hash(key)
    }
}

/// Where an entry is, until the table next changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    segment: u32,
    spot: Spot,
}

/// Entries by key.
pub struct Table<H = ProcessHash> {
    /// By the first `depth` bits of a hash, the number of its segment; empty when there is no entry.
    directory: Vec<u32>,
    segments: Pile<Vec<Segment>>,
    /// For each segment, a time before which no entry of it expires (Unix milliseconds).
    due: Vec<i64>,
    /// A time before which no entry expires.
    soonest: i64,
    /// The segment at which the search for expired entries goes on.
    sweep: usize,
    depth: u8,
    /// How many segments are as deep as the directory.
    deepest: usize,
    len: usize,
    volatile: usize,
    buckets: usize,
    hash: PhantomData<fn() -> H>,
}

impl<H> Default for Table<H> {
    fn default() -> Self {
        Table {
            directory: Vec::new(),
            segments: Pile::default(),
            due: Vec::new(),
            soonest: i64::MAX,
            sweep: 0,
            depth: 0,
            deepest: 0,
            len: 0,
            volatile: 0,
            buckets: 0,
            hash: PhantomData,
        }
    }
}

const PLACED: &str = "a place is used before the table changes";

impl<H: KeyHash> Table<H> {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Number of entries that have an expiry.
    pub fn volatile(&self) -> usize {
        self.volatile
    }

    /// Bytes of the table without its entries, rounded up as the allocator does; O(1).
    pub fn bytes(&self) -> usize {
        self.buckets * size_of::<Bucket>()
            + good_size(self.directory.capacity() * size_of::<u32>())
            + good_size(self.segments.capacity() * size_of::<Segment>())
            + good_size(self.due.capacity() * size_of::<i64>())
    }

    /// The number of the segment for a hash; `None` when the table is empty.
    #[inline]
    fn segment_of(&self, hash: u64) -> Option<usize> {
        // A shift by 64 would be none at all.
        let index = hash >> 1 >> (63 - u32::from(self.depth));
        self.directory.get(index as usize).map(|&segment| segment as usize)
    }

    /// Where the entry with this key is.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Place> {
        self.find_by(hash, |entry| entry.key() == key)
    }

    /// Where an entry is for which `is` holds, among those that may have this hash.
    #[inline]
    pub fn find_by(&self, hash: u64, is: impl Fn(&Entry) -> bool) -> Option<Place> {
        let segment = self.segment_of(hash)?;
        let spot = self.segments[segment].find(hash, is)?;
        let segment = segment as u32;
        Some(Place { segment, spot })
    }

    /// The entry at a place.
    #[inline]
    pub fn get(&self, place: Place) -> &Entry {
        self.segments[place.segment as usize].get(place.spot).expect(PLACED)
    }

    /// The entry at a place, to be changed; key and expiry must stay.
    #[inline]
    pub fn get_mut(&mut self, place: Place) -> &mut Entry {
        self.segments[place.segment as usize].get_mut(place.spot).expect(PLACED)
    }

    /// Puts in an entry whose key is not there; O(1), a few thousand pointers are moved at worst.
    pub fn insert_new(&mut self, hash: u64, entry: Entry) -> Place {
        let mut at = match self.segment_of(hash) {
            Some(at) => at,
            None => self.begin(),
        };
        while self.segments[at].is_full() {
            self.make_room(at);
            at = self
                .segment_of(hash)
                .expect("a directory never becomes empty by growing");
        }
        self.len += 1;
        if let Some(expires_at) = entry.expires_at() {
            self.note_due(at, expires_at);
            self.volatile += 1;
        }
        let spot = self.segments[at].insert(hash, entry);
        Place {
            segment: at as u32,
            spot,
        }
    }

    /// Puts an entry in the place of another with the same key and answers that one.
    pub fn replace(&mut self, place: Place, mut entry: Entry) -> Entry {
        let at = place.segment as usize;
        if let Some(expires_at) = entry.expires_at() {
            self.note_due(at, expires_at);
        }
        let has = entry.has_expiry();
        let old = self.segments[at].get_mut(place.spot).expect(PLACED);
        entry.set_rank(old.rank());
        let mut replaced = std::mem::replace(old, entry);
        replaced.set_rank(0);
        self.count_volatile(at, replaced.has_expiry(), has);
        replaced
    }

    /// Takes an entry out; O(1), a few thousand pointers are moved at worst.
    pub fn remove(&mut self, place: Place) -> Entry {
        let at = place.segment as usize;
        let entry = self.segments[at].remove(place.spot).expect(PLACED);
        self.len -= 1;
        if entry.has_expiry() {
            self.volatile -= 1;
        }
        self.make_small_if_sparse(at);
        entry
    }

    /// All entries, in the order of their hashes only by segment.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.segments.iter().flat_map(Segment::iter)
    }

    /// Begins to load what [`Table::find`] looks at first.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        if let Some(at) = self.segment_of(hash) {
            self.segments[at].prefetch_bucket(hash);
        }
    }

    /// Begins to load the entry with this hash; looks at the bucket that [`Table::prefetch_bucket`] asked for.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        if let Some(at) = self.segment_of(hash) {
            self.segments[at].prefetch_entry(hash);
        }
    }

    /// The first segment.
    fn begin(&mut self) -> usize {
        let segment = Segment::new(0, 0, 0);
        self.buckets = segment.buckets();
        self.directory = vec![0];
        self.segments = vec![segment].into();
        self.due = vec![i64::MAX];
        self.deepest = 1;
        0
    }

    /// Makes a full segment larger, or two of it.
    #[cold]
    fn make_room(&mut self, at: usize) {
        let segment = &mut self.segments[at];
        let before = segment.buckets();
        if before >= BUCKETS_MAX && self.may_split(at) {
            return self.split(at);
        }
        self.segments[at].grow();
        self.buckets += self.segments[at].buckets() - before;
    }

    /// Whether a segment may split: never endlessly because its hashes begin all the same.
    fn may_split(&self, at: usize) -> bool {
        let (depth, _) = self.segments[at].prefix();
        let enlarges = depth == self.depth;
        depth < DEPTH_MAX && !(enlarges && self.directory.len() >= self.segments.len() * DIRECTORY_FACTOR_MAX)
    }

    fn split(&mut self, at: usize) {
        let (depth, _) = self.segments[at].prefix();
        if depth == self.depth {
            self.directory = self.directory.iter().flat_map(|&segment| [segment; 2]).collect();
            self.depth += 1;
            self.deepest = 0;
        }
        if depth + 1 == self.depth {
            self.deepest += 2;
        }
        let before = self.segments[at].buckets();
        let upper = self.segments[at].split(H::hash);
        self.buckets = self.buckets + self.segments[at].buckets() + upper.buckets() - before;
        self.segments.push(upper);
        self.due.push(self.due[at]);
        self.enter(self.segments.len() - 1);
    }

    /// Writes a segment's number into its part of the directory.
    fn enter(&mut self, at: usize) {
        let (depth, prefix) = self.segments[at].prefix();
        let width = u32::from(self.depth - depth);
        let first = (prefix as usize) << width;
        self.directory[first..first + (1 << width)].fill(at as u32);
    }

    #[inline]
    fn make_small_if_sparse(&mut self, at: usize) {
        if self.segments[at].is_sparse() || self.len == 0 {
            self.make_small(at);
        }
    }

    /// Gives memory back: the segment joins its sibling or takes fewer buckets.
    #[cold]
    fn make_small(&mut self, at: usize) {
        if self.len == 0 {
            *self = Table::default();
            return;
        }
        match self.sibling(at) {
            Some(sibling) if self.segments[at].len() + self.segments[sibling].len() <= MERGED_LEN_MAX => {
                self.merge(at, sibling);
            }
            _ => {
                let segment = &mut self.segments[at];
                let before = segment.buckets();
                segment.fit();
                self.buckets = self.buckets + segment.buckets() - before;
            }
        }
    }

    /// The segment that was split from the same one and has not been split since.
    fn sibling(&self, at: usize) -> Option<usize> {
        let (depth, prefix) = self.segments[at].prefix();
        if depth == 0 {
            return None;
        }
        let index = ((prefix ^ 1) as usize) << (self.depth - depth);
        let sibling = self.directory[index] as usize;
        (self.segments[sibling].prefix().0 == depth).then_some(sibling)
    }

    fn merge(&mut self, one: usize, other: usize) {
        let (depth, prefix) = self.segments[one].prefix();
        let (lower, upper) = if prefix & 1 == 0 { (one, other) } else { (other, one) };
        let last = self.segments.len() - 1;
        let upper_segment = self.segments.swap_remove(upper);
        let upper_due = self.due.swap_remove(upper);
        let lower = if lower == last { upper } else { lower };
        let before = self.segments[lower].buckets() + upper_segment.buckets();
        self.segments[lower].merge(upper_segment);
        self.due[lower] = self.due[lower].min(upper_due);
        self.buckets = self.buckets + self.segments[lower].buckets() - before;
        if upper < last {
            self.enter(upper);
        }
        self.enter(lower);
        if depth == self.depth {
            self.deepest -= 2;
            self.shrink_directory();
        }
        if self.segments.len() < self.segments.capacity() / 4 {
            let room = self.segments.len() * 2;
            self.segments.shrink_to(room);
            self.due.shrink_to(self.due.len() * 2);
        }
    }

    /// Halves the directory while no segment needs all of its bits.
    fn shrink_directory(&mut self) {
        while self.deepest == 0 && self.depth > 0 {
            self.depth -= 1;
            self.directory = self.directory.iter().step_by(2).copied().collect();
            let depth = self.depth;
            self.deepest = self
                .segments
                .iter()
                .filter(|segment| segment.prefix().0 == depth)
                .count();
        }
    }

    /// Panics when an invariant does not hold.
    #[cfg(test)]
    pub fn check(&self) {
        let entries = self.segments.iter().map(Segment::len).sum::<usize>();
        assert_eq!(
            (self.len, self.volatile),
            (entries, self.iter().filter(|entry| entry.has_expiry()).count())
        );
        assert_eq!(self.len == 0, self.directory.is_empty(), "an empty table has no memory");
        assert_eq!(self.buckets, self.segments.iter().map(Segment::buckets).sum::<usize>());
        assert!(self.directory.is_empty() || self.directory.len() == 1 << self.depth);
        let mut places = 0;
        for (at, segment) in self.segments.iter().enumerate() {
            segment.check(H::hash);
            let (depth, prefix) = segment.prefix();
            let width = self.depth - depth;
            let first = (prefix as usize) << width;
            let own = &self.directory[first..first + (1 << width)];
            assert!(own.iter().all(|&segment| segment as usize == at));
            places += own.len();
            let due = segment.iter().filter_map(Entry::expires_at).min();
            assert!(due.is_none_or(|due| self.soonest <= self.due[at] && self.due[at] <= due.0));
        }
        assert_eq!(places, self.directory.len());
        let deepest = self.segments.iter().filter(|segment| segment.prefix().0 == self.depth);
        assert_eq!(self.deepest, deepest.count());
    }
}
