//! From a member's hash to the leaf that holds it: a hash table in segments, each of which grows and splits on its own
//! (extendible hashing: Fagin, Nievergelt, Pippenger, Strong 1979), so that no insertion waits for all of it to be rebuilt.
//!
//! Members lie in the order of their hashes, but for what linear probing moves; that is what lets a scan stop anywhere.

use super::slab::NONE;
use crate::base::debris::Pile;
use crate::base::size_class::good_size;

/// Numbers of buckets of a segment, all of them size classes of the allocator; one with the most splits when it is full.
const SIZES: [usize; 9] = [256, 320, 384, 448, 512, 640, 768, 896, BUCKETS_MAX];
const BUCKETS_MAX: usize = 1024;
/// Bits of the hash that segments may share; those that are left decide the bucket.
const DEPTH_MAX: u32 = 22;

/// A hash and the leaf that holds a member with it.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    hash: u32,
    /// [`NONE`] in an empty bucket.
    leaf: u32,
}

const EMPTY: Bucket = Bucket { hash: 0, leaf: NONE };

/// The part of the table for hashes with the same first bits.
#[derive(Clone, Debug)]
struct Segment {
    buckets: Box<[Bucket]>,
    len: u32,
    /// How many first bits its hashes share.
    depth: u32,
}

/// From hashes to leaves.
#[derive(Clone, Debug)]
pub struct Index {
    segments: Pile<Vec<Segment>>,
    /// The segment for each value of the first `depth` bits.
    directory: Vec<u32>,
    depth: u32,
    /// Segments that were joined with others.
    free: Vec<u32>,
    heap_bytes: usize,
}

/// How many buckets suit `len` members, with room for more.
fn size_for(len: usize) -> usize {
    let suits = |size: &usize| len * 4 <= size * 3;
    SIZES.into_iter().find(suits).unwrap_or(BUCKETS_MAX)
}

/// The number of buckets after this one when a segment grows.
fn next_size(buckets: usize) -> usize {
    let larger = SIZES.into_iter().find(|&size| size > buckets);
    larger.unwrap_or(buckets * 2)
}

impl Segment {
    fn new(buckets: usize, depth: u32) -> Self {
        Segment {
            buckets: vec![EMPTY; buckets].into_boxed_slice(),
            len: 0,
            depth,
        }
    }

    /// The bucket where a hash belongs: in the order of the bits behind those that all share.
    #[inline]
    fn home(&self, hash: u32) -> usize {
        let rest = u64::from(hash << self.depth);
        ((rest * self.buckets.len() as u64) >> 32) as usize
    }

    /// The bucket behind this one.
    #[inline]
    fn after(&self, at: usize) -> usize {
        let next = at + 1;
        if next == self.buckets.len() { 0 } else { next }
    }

    /// How many steps it is from one bucket on to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from {
            to - from
        } else {
            to + self.buckets.len() - from
        }
    }

    fn is_full(&self) -> bool {
        self.len as usize >= self.buckets.len() / 5 * 4
    }

    /// The bucket with this hash whose leaf `is` the one looked for.
    #[inline]
    fn find(&self, hash: u32, mut is: impl FnMut(u32) -> bool) -> Option<usize> {
        let mut at = self.home(hash);
        loop {
            let bucket = self.buckets[at];
            if bucket.leaf == NONE {
                return None;
            }
            if bucket.hash == hash && is(bucket.leaf) {
                return Some(at);
            }
            at = self.after(at);
        }
    }

    fn insert(&mut self, bucket: Bucket) {
        let mut at = self.home(bucket.hash);
        while self.buckets[at].leaf != NONE {
            at = self.after(at);
        }
        self.buckets[at] = bucket;
        self.len += 1;
    }

    /// Empties a bucket, and moves those behind it that it had pushed away from home.
    fn remove(&mut self, at: usize) {
        let (mut hole, mut next) = (at, at);
        loop {
            next = self.after(next);
            let bucket = self.buckets[next];
            if bucket.leaf == NONE {
                break;
            }
            if self.distance(self.home(bucket.hash), next) >= self.distance(hole, next) {
                self.buckets[hole] = bucket;
                hole = next;
            }
        }
        self.buckets[hole] = EMPTY;
        self.len -= 1;
    }

    fn occupied(&self) -> impl Iterator<Item = Bucket> {
        self.buckets.iter().copied().filter(|bucket| bucket.leaf != NONE)
    }

    fn heap_bytes(&self) -> usize {
        good_size(self.buckets.len() * size_of::<Bucket>())
    }
}

impl Index {
    /// An index of nothing.
    pub fn new() -> Self {
        let segment = Segment::new(SIZES[0], 0);
        Index {
            heap_bytes: segment.heap_bytes(),
            segments: vec![segment].into(),
            directory: vec![0],
            depth: 0,
            free: Vec::new(),
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.heap_bytes
            + good_size(self.segments.capacity() * size_of::<Segment>())
            + good_size(self.directory.capacity() * size_of::<u32>())
    }

    #[inline]
    fn place(&self, hash: u32) -> usize {
        (u64::from(hash) >> (32 - self.depth)) as usize
    }

    #[inline]
    fn segment(&self, hash: u32) -> &Segment {
        &self.segments[self.directory[self.place(hash)] as usize]
    }

    fn segment_mut(&mut self, hash: u32) -> &mut Segment {
        let id = self.directory[self.place(hash)];
        &mut self.segments[id as usize]
    }

    /// The first of the leaves under `hash` of which `is` holds; O(1).
    #[inline]
    pub fn find(&self, hash: u32, is: impl FnMut(u32) -> bool) -> Option<u32> {
        let segment = self.segment(hash);
        segment.find(hash, is).map(|at| segment.buckets[at].leaf)
    }

    /// Adds a member of `leaf` with this hash; O(1) amortised, at most one segment is moved.
    pub fn insert(&mut self, hash: u32, leaf: u32) {
        while self.segment(hash).is_full() {
            self.grow(hash);
        }
        self.segment_mut(hash).insert(Bucket { hash, leaf });
    }

    /// Removes a member of `leaf` with this hash.
    pub fn remove(&mut self, hash: u32, leaf: u32) {
        let segment = self.segment_mut(hash);
        let at = segment.find(hash, |found| found == leaf);
        segment.remove(at.expect("every member of a leaf is in the index"));
        if (segment.len as usize) < segment.buckets.len() / 8 && segment.depth > 0 {
            self.join(hash);
        }
    }

    /// Records that a member with this hash moved from one leaf to another.
    pub fn relocate(&mut self, hash: u32, from: u32, to: u32) {
        let segment = self.segment_mut(hash);
        let at = segment.find(hash, |found| found == from);
        segment.buckets[at.expect("every member of a leaf is in the index")].leaf = to;
    }

    /// Makes the full segment of `hash` larger or splits it.
    #[cold]
    fn grow(&mut self, hash: u32) {
        let id = self.directory[self.place(hash)] as usize;
        let depth = self.segments[id].depth;
        let buckets = self.segments[id].buckets.len();
        if buckets < BUCKETS_MAX || depth == DEPTH_MAX {
            // Hashes that share so much are mostly equal, and no split takes those apart.
            self.replace(id, Segment::new(next_size(buckets), depth));
            return;
        }
        if depth == self.depth {
            self.directory = self.directory.iter().flat_map(|&id| [id, id]).collect();
            self.depth += 1;
        }
        let is_right = |bucket: &Bucket| bucket.hash << depth >> 31 == 1;
        let right_len = self.segments[id].occupied().filter(is_right).count();
        let left_len = self.segments[id].len as usize - right_len;
        let left = Segment::new(size_for(left_len), depth + 1);
        self.heap_bytes = self.heap_bytes + left.heap_bytes() - self.segments[id].heap_bytes();
        let old = std::mem::replace(&mut self.segments[id], left);
        let right = self.add(Segment::new(size_for(right_len), depth + 1));
        let span = 1 << (self.depth - depth - 1);
        let first = self.place(hash) & !(2 * span - 1);
        self.directory[first + span..first + 2 * span].fill(right);
        for bucket in old.occupied() {
            self.segment_mut(bucket.hash).insert(bucket);
        }
    }

    fn add(&mut self, segment: Segment) -> u32 {
        self.heap_bytes += segment.heap_bytes();
        if let Some(id) = self.free.pop() {
            self.segments[id as usize] = segment;
            return id;
        }
        self.segments.push(segment);
        u32::try_from(self.segments.len() - 1).expect("there are fewer segments than hashes")
    }

    /// Moves the contents of a segment into an empty one, which takes its place.
    fn replace(&mut self, id: usize, mut empty: Segment) {
        self.heap_bytes = self.heap_bytes + empty.heap_bytes() - self.segments[id].heap_bytes();
        self.segments[id].occupied().for_each(|bucket| empty.insert(bucket));
        self.segments[id] = empty;
    }

    /// Joins the segment of `hash`, which is nearly empty, with the other half of what it was split from, if that has room.
    #[cold]
    fn join(&mut self, hash: u32) {
        let place = self.place(hash);
        let id = self.directory[place];
        let depth = self.segments[id as usize].depth;
        let span = 1 << (self.depth - depth);
        let sibling = self.directory[place ^ span];
        let (one, other) = (&self.segments[id as usize], &self.segments[sibling as usize]);
        if other.depth != depth || (one.len + other.len) as usize > BUCKETS_MAX / 5 * 2 {
            return;
        }
        let mut joined = Segment::new(size_for((one.len + other.len) as usize), depth - 1);
        one.occupied()
            .chain(other.occupied())
            .for_each(|bucket| joined.insert(bucket));
        self.heap_bytes = self.heap_bytes + joined.heap_bytes() - one.heap_bytes() - other.heap_bytes();
        self.segments[id as usize] = joined;
        self.segments[sibling as usize].buckets = Box::default();
        self.free.push(sibling);
        let first = place & !(2 * span - 1);
        self.directory[first..first + 2 * span].fill(id);
    }

    /// Visits hash and leaf of the members whose hashes are at least `from`, in parts of about `count`; answers where to go on,
    /// none at the end.
    pub fn scan(&self, from: u32, count: usize, visit: &mut dyn FnMut(u32, u32)) -> Option<u32> {
        let mut from = u64::from(from);
        let mut left = count.max(1);
        while from < 1 << 32 && left > 0 {
            let segment = self.segment(from as u32);
            let next = segment.scan(from as u32, left, &mut |bucket| {
                left = left.saturating_sub(1);
                visit(bucket.hash, bucket.leaf);
            });
            from = next;
        }
        u32::try_from(from).ok()
    }

    /// Panics unless every segment is where the directory says and holds what it counts.
    pub fn check(&self, len: usize) {
        assert_eq!(self.directory.len(), 1 << self.depth);
        let mut total = 0;
        let mut bytes = 0;
        let mut place = 0;
        while place < self.directory.len() {
            let segment = &self.segments[self.directory[place] as usize];
            let span = 1 << (self.depth - segment.depth);
            assert!(
                self.directory[place..place + span]
                    .iter()
                    .all(|id| *id == self.directory[place])
            );
            assert_eq!(segment.occupied().count(), segment.len as usize);
            for bucket in segment.occupied() {
                assert!((place..place + span).contains(&self.place(bucket.hash)));
                assert!(segment.find(bucket.hash, |leaf| leaf == bucket.leaf).is_some());
            }
            total += segment.len as usize;
            bytes += segment.heap_bytes();
            place += span;
        }
        assert_eq!(total, len);
        assert_eq!(bytes, self.heap_bytes);
    }
}

impl Segment {
    /// As [`Index::scan`], within this segment; answers the first hash that was not looked at, which may be another segment's.
    fn scan(&self, from: u32, count: usize, visit: &mut dyn FnMut(Bucket)) -> u64 {
        let home = self.home(from);
        let mut end = (home + count).min(self.buckets.len());
        while self.first_hash(from, end) <= u64::from(from) {
            end += 1;
        }
        let until = self.first_hash(from, end);
        let mut at = home;
        // Behind the last home, hashes that belong before it may have been pushed there, up to the next empty bucket.
        for steps in 0..self.buckets.len() {
            let bucket = self.buckets[at];
            if bucket.leaf == NONE {
                if steps >= end - home {
                    break;
                }
            } else if (u64::from(from)..until).contains(&u64::from(bucket.hash)) {
                visit(bucket);
            }
            at = self.after(at);
        }
        until
    }

    /// The least hash whose home is bucket `home`, given any hash of the segment.
    fn first_hash(&self, any: u32, home: usize) -> u64 {
        let width = 32 - self.depth;
        let base = u64::from(any) >> width << width;
        base + ((home as u64) << width).div_ceil(self.buckets.len() as u64)
    }
}
