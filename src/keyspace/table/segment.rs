//! A part of a table: the entries whose hashes begin with the same bits, in buckets ordered by the bits that follow.
//!
//! An entry's home is found by scaling the 12 hash bits behind the prefix to the number of buckets, so buckets are in the
//! order of hashes and any number of buckets will do. A full home sends entries to the next buckets, which count them.
//! The bits behind the prefix are kept in the entries' pointers (their rank), so growing, shrinking, merging and four of five
//! splits move pointers without touching the entries' memory.

use crate::base::debris::Pile;
use crate::base::prefetch::prefetch;
use crate::base::rng::Rng;
use crate::base::time::UnixMillis;
use crate::keyspace::entry::Entry;

use super::bucket::{Bucket, SLOTS, fingerprint};

/// A segment with this many full buckets splits instead of growing.
pub const BUCKETS_MAX: usize = 255;
/// Depths end here, so that a bucket's first hash fits a cursor of 48 bits.
pub const DEPTH_MAX: u8 = 32;

/// Hash bits that decide the home.
const HOME_BITS: u32 = 12;
const RANK_BITS: u8 = 16;

/// Numbers of buckets: each fills a size class of the allocator, which aligns by taking up to 63 bytes more.
const SIZES: [u8; 26] = [
    1, 2, 4, 6, 8, 10, 12, 14, 16, 19, 23, 27, 31, 39, 47, 55, 63, 79, 95, 111, 127, 159, 191, 223, 239, 255,
];

/// Entries whose hashes begin with the same bits.
pub struct Segment {
    buckets: Pile<Box<[Bucket]>>,
    /// The first `depth` bits of the hashes.
    prefix: u32,
    len: u32,
    volatile: u32,
    depth: u8,
    /// How many upper bits of the ranks are right, at least.
    rank_bits: u8,
}

const _: () = assert!(size_of::<Segment>() == 32);

/// Where an entry is in its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The bucket.
    pub bucket: u32,
    /// The slot in the bucket.
    pub slot: u8,
}

/// The number of buckets after this one when a segment grows.
fn next_size(buckets: usize) -> usize {
    let larger = SIZES.iter().map(|&size| usize::from(size)).find(|&size| size > buckets);
    larger.unwrap_or(buckets + buckets / 4)
}

/// The number of buckets that `len` entries fill to three quarters.
fn size_for(len: usize) -> usize {
    let mut size = 1;
    while size * SLOTS * 3 / 4 < len {
        size = next_size(size);
    }
    size
}

fn empty(buckets: usize) -> Box<[Bucket]> {
    (0..buckets).map(|_| Bucket::default()).collect()
}

/// The bits behind the prefix.
fn rank_of(hash: u64, depth: u8) -> u16 {
    (hash << depth >> (64 - u32::from(RANK_BITS))) as u16
}

impl Segment {
    /// A segment without entries, with room for `len`.
    pub fn new(prefix: u32, depth: u8, len: usize) -> Self {
        Segment {
            buckets: empty(size_for(len)).into(),
            prefix,
            len: 0,
            volatile: 0,
            depth,
            rank_bits: RANK_BITS,
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Number of buckets.
    pub fn buckets(&self) -> usize {
        self.buckets.len()
    }

    /// Number of entries that have an expiry.
    pub fn volatile(&self) -> usize {
        self.volatile as usize
    }

    /// How many first bits its hashes share, and these bits.
    pub fn prefix(&self) -> (u8, u32) {
        (self.depth, self.prefix)
    }

    /// Counts an expiry that was set or cleared.
    pub fn count_volatile(&mut self, had: bool, has: bool) {
        self.volatile = self.volatile + u32::from(has) - u32::from(had);
    }

    /// The bucket where the search for a hash begins.
    #[inline]
    pub fn home(&self, hash: u64) -> usize {
        self.home_of(rank_of(hash, self.depth))
    }

    #[inline]
    fn home_of(&self, rank: u16) -> usize {
        ((usize::from(rank) >> (u32::from(RANK_BITS) - HOME_BITS)) * self.buckets.len()) >> HOME_BITS
    }

    /// The lowest hash whose home is `bucket` or, when there is none, a later one. Its low 16 bits are zero.
    pub fn first_hash(&self, bucket: usize) -> u64 {
        let behind = ((bucket as u64) << HOME_BITS).div_ceil(self.buckets.len() as u64);
        self.start() | behind << (64 - HOME_BITS - u32::from(self.depth))
    }

    fn start(&self) -> u64 {
        u64::from(self.prefix)
            .checked_shl(64 - u32::from(self.depth))
            .unwrap_or(0)
    }

    /// The lowest hash of the segment behind this one; `None` when this is the last.
    pub fn end(&self) -> Option<u64> {
        let next = u64::from(self.prefix) + 1;
        (next >> self.depth == 0).then(|| next << (64 - u32::from(self.depth)))
    }

    fn after(&self, bucket: usize) -> usize {
        let next = bucket + 1;
        if next == self.buckets.len() { 0 } else { next }
    }

    /// Where an entry is for which `is` holds, among those that may have this hash.
    #[inline]
    pub fn find(&self, hash: u64, is: impl Fn(&Entry) -> bool) -> Option<Spot> {
        let fingerprint = fingerprint(hash);
        let mut at = self.home(hash);
        for _ in 0..self.buckets.len() {
            let bucket = &self.buckets[at];
            if let Some(slot) = bucket.find(fingerprint, &is) {
                let (bucket, slot) = (at as u32, slot as u8);
                return Some(Spot { bucket, slot });
            }
            if !bucket.has_overflown() {
                return None;
            }
            at = self.after(at);
        }
        None
    }

    /// The entry at a spot that `find` or `insert` answered, if nothing has changed since.
    #[inline]
    pub fn get(&self, spot: Spot) -> Option<&Entry> {
        self.buckets[spot.bucket as usize].get(usize::from(spot.slot))
    }

    /// As [`Segment::get`], to be changed.
    #[inline]
    pub fn get_mut(&mut self, spot: Spot) -> Option<&mut Entry> {
        self.buckets[spot.bucket as usize].get_mut(usize::from(spot.slot))
    }

    /// Whether one more entry needs more buckets: eleven of twelve slots are taken, and probing gets long beyond.
    #[inline]
    pub fn is_full(&self) -> bool {
        let slots = self.buckets.len() * SLOTS;
        self.len() >= slots - slots / 12
    }

    /// Puts in an entry whose key is not there; the segment must not be full.
    pub fn insert(&mut self, hash: u64, mut entry: Entry) -> Spot {
        entry.set_rank(rank_of(hash, self.depth));
        self.put(fingerprint(hash), entry)
    }

    /// Puts in an entry whose rank is set.
    fn put(&mut self, fingerprint: u8, entry: Entry) -> Spot {
        self.len += 1;
        self.volatile += u32::from(entry.has_expiry());
        let mut at = self.home_of(entry.rank());
        loop {
            let bucket = &mut self.buckets[at];
            if let Some(slot) = bucket.free_slot() {
                bucket.put(slot, fingerprint, entry);
                let (bucket, slot) = (at as u32, slot as u8);
                return Spot { bucket, slot };
            }
            bucket.add_overflow();
            at = self.after(at);
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, spot: Spot) -> Option<Entry> {
        let end = spot.bucket as usize;
        let mut entry = self.buckets[end].take(usize::from(spot.slot))?;
        let mut at = self.home_of(entry.rank());
        while at != end {
            self.buckets[at].remove_overflow();
            at = self.after(at);
        }
        self.len -= 1;
        self.volatile -= u32::from(entry.has_expiry());
        entry.set_rank(0);
        Some(entry)
    }

    /// Whether so few slots are taken that fewer buckets should do.
    #[inline]
    pub fn is_sparse(&self) -> bool {
        self.len() * 5 < self.buckets.len() * SLOTS * 2 && self.buckets.len() > 1
    }

    /// Takes the next larger number of buckets.
    pub fn grow(&mut self) {
        self.rebuild(next_size(self.buckets.len()));
    }

    /// Takes the number of buckets that suits the number of entries.
    pub fn fit(&mut self) {
        self.rebuild(size_for(self.len()));
    }

    fn rebuild(&mut self, buckets: usize) {
        let mut old = std::mem::replace(&mut *self.buckets, empty(buckets));
        (self.len, self.volatile) = (0, 0);
        for (fingerprint, entry) in old.iter_mut().flat_map(Bucket::drain) {
            self.put(fingerprint, entry);
        }
    }

    /// Keeps the lower half of the hashes and answers the upper half.
    pub fn split(&mut self, hash_of: impl Fn(&[u8]) -> u64) -> Segment {
        let mut old = std::mem::take(&mut *self.buckets);
        let entries = old.iter().flat_map(Bucket::iter);
        let upper_len = entries.filter(|entry| is_upper(entry.rank())).count();
        let depth = self.depth + 1;
        let mut lower = Segment::new(self.prefix << 1, depth, self.len() - upper_len);
        let mut upper = Segment::new(self.prefix << 1 | 1, depth, upper_len);
        // Each split uses up one bit of the ranks; when the home bits are no longer known, they are taken from the keys anew.
        let renew = u32::from(self.rank_bits) <= HOME_BITS;
        let rank_bits = if renew { RANK_BITS } else { self.rank_bits - 1 };
        (lower.rank_bits, upper.rank_bits) = (rank_bits, rank_bits);
        for at in 0..old.len() {
            if renew && let Some(ahead) = old.get(at + 2) {
                ahead.iter().for_each(Entry::prefetch);
            }
            for (fingerprint, mut entry) in old[at].drain() {
                let rank = entry.rank();
                let half = if is_upper(rank) { &mut upper } else { &mut lower };
                entry.set_rank(if renew {
                    rank_of(hash_of(entry.key()), depth)
                } else {
                    rank << 1
                });
                half.put(fingerprint, entry);
            }
        }
        *self = lower;
        upper
    }

    /// Takes in the upper half of what was split.
    pub fn merge(&mut self, mut upper: Segment) {
        let mut lower = std::mem::take(&mut *self.buckets);
        let rank_bits = self.rank_bits.min(upper.rank_bits) + 1;
        let mut whole = Segment::new(self.prefix >> 1, self.depth - 1, self.len() + upper.len());
        whole.rank_bits = rank_bits.min(RANK_BITS);
        for (high_bit, half) in [(0, &mut lower), (1 << (RANK_BITS - 1), &mut upper.buckets)] {
            for (fingerprint, mut entry) in half.iter_mut().flat_map(Bucket::drain) {
                entry.set_rank(high_bit | entry.rank() >> 1);
                whole.put(fingerprint, entry);
            }
        }
        *self = whole;
    }

    /// Visits the entries whose home is `bucket`, wherever they are, and tells how many.
    pub fn visit_home(&self, bucket: usize, visit: &mut dyn FnMut(&Entry)) -> usize {
        let mut visited = 0;
        let mut at = bucket;
        for _ in 0..self.buckets.len() {
            for entry in self.buckets[at].iter() {
                if self.home_of(entry.rank()) == bucket {
                    visit(entry);
                    visited += 1;
                }
            }
            if !self.buckets[at].has_overflown() {
                break;
            }
            at = self.after(at);
        }
        visited
    }

    /// Takes out entries that have expired at `now` until `taken` holds `limit`. Answers when the next one will expire;
    /// `None` if the search was cut short.
    pub fn take_expired(&mut self, now: UnixMillis, limit: usize, taken: &mut Vec<Entry>) -> Option<UnixMillis> {
        let mut next = UnixMillis(i64::MAX);
        for at in 0..self.buckets.len() {
            if let Some(ahead) = self.buckets.get(at + 2) {
                let volatile = ahead.iter().filter(|entry| entry.has_expiry());
                volatile.for_each(Entry::prefetch);
            }
            for slot in 0..SLOTS {
                let Some(expires_at) = self.buckets[at].get(slot).and_then(Entry::expires_at) else {
                    continue;
                };
                if expires_at > now {
                    next = next.min(expires_at);
                } else if taken.len() == limit {
                    return None;
                } else {
                    let (bucket, slot) = (at as u32, slot as u8);
                    taken.extend(self.remove(Spot { bucket, slot }));
                }
            }
        }
        Some(next)
    }

    /// An entry drawn evenly; `None` when `draws` slots were free.
    pub fn random(&self, rng: &mut Rng, draws: usize) -> Option<&Entry> {
        (0..draws).find_map(|_| {
            let bucket = &self.buckets[rng.below(self.buckets.len() as u64) as usize];
            bucket.get(rng.below(SLOTS as u64) as usize)
        })
    }

    /// The first entry with an expiry behind a slot that is drawn evenly.
    pub fn random_volatile(&self, rng: &mut Rng) -> Option<&Entry> {
        let start = rng.below(self.buckets.len() as u64) as usize;
        let skipped = rng.below(SLOTS as u64) as usize;
        let (before, behind) = self.buckets.split_at(start);
        let slots = behind.iter().chain(before).flat_map(Bucket::iter);
        let mut volatile = slots.filter(|entry| entry.has_expiry());
        let entry = volatile.nth(skipped.min(self.volatile() - 1));
        debug_assert!(entry.is_some(), "only a segment with such an entry is drawn from");
        entry
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.buckets.iter().flat_map(Bucket::iter)
    }

    /// Begins to load the bucket where the search for a hash begins.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        prefetch((&raw const self.buckets[self.home(hash)]).cast());
    }

    /// Begins to load the entries in the home bucket that may be the one with this hash.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        let home = &self.buckets[self.home(hash)];
        home.candidates(fingerprint(hash)).for_each(Entry::prefetch);
    }

    /// Panics when an invariant does not hold.
    #[cfg(test)]
    pub fn check(&self, hash_of: impl Fn(&[u8]) -> u64) {
        let known = u16::MAX << (RANK_BITS - self.rank_bits);
        assert!(u32::from(self.rank_bits) >= HOME_BITS && self.rank_bits <= RANK_BITS);
        let mut passed = vec![0usize; self.buckets.len()];
        let (mut len, mut volatile) = (0, 0);
        for (at, bucket) in self.buckets.iter().enumerate() {
            for entry in bucket.iter() {
                let hash = hash_of(entry.key());
                assert_eq!(
                    hash & !(u64::MAX >> self.depth),
                    self.start(),
                    "the hash has the prefix"
                );
                assert_eq!(entry.rank() & known, rank_of(hash, self.depth) & known);
                assert_eq!(entry.has_expiry(), entry.expires_at().is_some());
                (len, volatile) = (len + 1, volatile + u32::from(entry.has_expiry()));
                let mut passing = self.home(hash);
                while passing != at {
                    passed[passing] += 1;
                    passing = self.after(passing);
                }
            }
        }
        assert_eq!((self.len, self.volatile), (len, volatile));
        assert!(self.len() <= self.buckets.len() * SLOTS);
        for (bucket, passed) in self.buckets.iter().zip(passed) {
            if let Some(counted) = bucket.check(&hash_of) {
                assert_eq!(usize::from(counted), passed);
            }
        }
    }
}

/// Whether a rank belongs to the upper half of its segment.
fn is_upper(rank: u16) -> bool {
    rank >> (RANK_BITS - 1) == 1
}
