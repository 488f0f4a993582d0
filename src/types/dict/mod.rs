//! The large form of hashes and sets: items by name in a table that grows, shrinks and is scanned a segment at a time.
//!
//! Extendible hashing as in the keyspace's table: the first bits of an item's order lead through a directory to a segment, a
//! small hash table that splits into two when it is full. Knows items with names; knows no hash and no set.

mod scan;
#[cfg(test)]
mod tests;

use hashbrown::HashTable;

use crate::base::hash::table_hash;
use crate::base::rng::Rng;
use crate::base::size_class::good_size;

/// A segment with this many items splits.
const SEGMENT_LEN_MAX: usize = 384;
/// Siblings join when they have at most so many items together.
const MERGED_LEN_MAX: usize = 160;
/// Directories end here, so that equal hashes cannot make them grow without end; segments grow instead.
const DEPTH_MAX: u8 = 28;
/// Draws before `random` takes the first item that it finds.
const DRAWS_MAX: usize = 128;

/// What a dictionary holds.
pub trait Item {
    /// The name, unique in its dictionary; it never changes.
    fn name(&self) -> &[u8];
    /// Bytes on the heap.
    fn heap_bytes(&self) -> usize;
}

/// Items by name.
#[derive(Clone, Debug)]
pub struct Dict<T> {
    /// By the first `depth` bits of an order, the number of its segment; empty when there is no item.
    directory: Vec<u32>,
    segments: Vec<Segment<T>>,
    depth: u8,
    len: usize,
    item_bytes: usize,
    table_bytes: usize,
}

#[derive(Clone, Debug)]
struct Segment<T> {
    items: HashTable<T>,
    /// How many first bits of their orders the items share.
    depth: u8,
    /// These bits.
    prefix: u32,
}

impl<T> Default for Dict<T> {
    fn default() -> Self {
        Dict {
            directory: Vec::new(),
            segments: Vec::new(),
            depth: 0,
            len: 0,
            item_bytes: 0,
            table_bytes: 0,
        }
    }
}

/// The place of a hash in the order of scans. Its first bits are other bits than those by which segments place items.
fn order_of(hash: u64) -> u64 {
    hash.rotate_left(20)
}

fn hash_of<T: Item>(item: &T) -> u64 {
    table_hash(item.name())
}

impl<T: Item> Segment<T> {
    fn new(prefix: u32, depth: u8, len: usize) -> Self {
        Segment {
            items: HashTable::with_capacity(len),
            depth,
            prefix,
        }
    }

    fn table_bytes(&self) -> usize {
        good_size(self.items.allocation_size())
    }

    /// The first order of the segment behind this one; `None` when this is the last.
    fn end(&self) -> Option<u64> {
        let next = u64::from(self.prefix) + 1;
        (next >> self.depth == 0).then(|| next << (64 - u32::from(self.depth)))
    }
}

impl<T: Item> Dict<T> {
    /// Number of items.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes on the heap; O(1).
    pub fn heap_bytes(&self) -> usize {
        let directory = good_size(self.directory.capacity() * size_of::<u32>());
        let segments = good_size(self.segments.capacity() * size_of::<Segment<T>>());
        self.item_bytes + self.table_bytes + directory + segments
    }

    fn segment_of(&self, order: u64) -> Option<usize> {
        // A shift by 64 would be none at all.
        let index = order >> 1 >> (63 - u32::from(self.depth));
        self.directory.get(index as usize).map(|&segment| segment as usize)
    }

    /// The item called `name`.
    pub fn find(&self, name: &[u8]) -> Option<&T> {
        let hash = table_hash(name);
        let segment = &self.segments[self.segment_of(order_of(hash))?];
        segment.items.find(hash, |item| item.name() == name)
    }

    /// Puts in the item that `make` makes unless there is one called `name` already; tells whether it did.
    pub fn insert_with(&mut self, name: &[u8], make: impl FnOnce() -> T) -> bool {
        self.upsert(name, |_| (), make)
    }

    /// Hands the item called `name` to `change`, which must keep the name, or puts in the one that `make` makes; tells whether
    /// it is new.
    pub fn upsert(&mut self, name: &[u8], change: impl FnOnce(&mut T), make: impl FnOnce() -> T) -> bool {
        let hash = table_hash(name);
        let order = order_of(hash);
        let mut at = self.segment_of(order).unwrap_or_else(|| self.begin());
        if let Some(item) = self.segments[at].items.find_mut(hash, |item| item.name() == name) {
            let before = item.heap_bytes();
            change(item);
            self.item_bytes = self.item_bytes + item.heap_bytes() - before;
            return false;
        }
        while self.segments[at].items.len() >= SEGMENT_LEN_MAX && self.segments[at].depth < DEPTH_MAX {
            self.split(at);
            at = self
                .segment_of(order)
                .expect("a directory never becomes empty by growing");
        }
        let item = make();
        self.item_bytes += item.heap_bytes();
        self.len += 1;
        let segment = &mut self.segments[at];
        let before = segment.table_bytes();
        segment.items.insert_unique(hash, item, hash_of);
        self.table_bytes = self.table_bytes + segment.table_bytes() - before;
        true
    }

    /// Hands the item called `name`, if it is there, to `change`, which must keep the name.
    pub fn change<R>(&mut self, name: &[u8], change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let hash = table_hash(name);
        let at = self.segment_of(order_of(hash))?;
        let item = self.segments[at].items.find_mut(hash, |item| item.name() == name)?;
        let before = item.heap_bytes();
        let result = change(item);
        self.item_bytes = self.item_bytes + item.heap_bytes() - before;
        Some(result)
    }

    /// Takes the item called `name` out.
    pub fn remove(&mut self, name: &[u8]) -> Option<T> {
        self.remove_by(table_hash(name), |item| item.name() == name)
    }

    /// Takes out an item for which `is` holds, among those whose name has this hash ([`table_hash`]).
    pub fn remove_by(&mut self, hash: u64, is: impl FnMut(&T) -> bool) -> Option<T> {
        let at = self.segment_of(order_of(hash))?;
        let segment = &mut self.segments[at];
        let found = segment.items.find_entry(hash, is).ok()?;
        let (item, _) = found.remove();
        self.len -= 1;
        self.item_bytes -= item.heap_bytes();
        let (own, places) = (segment.items.len(), segment.items.num_buckets());
        if self.len == 0 || own * 4 < places && places > 4 {
            self.make_small(at);
        }
        Some(item)
    }

    /// An item drawn approximately evenly: a segment by its share of the orders, then one of its places.
    pub fn random(&self, rng: &mut Rng) -> Option<&T> {
        let drawn = (0..DRAWS_MAX).find_map(|_| {
            let items = &self.segments[self.segment_of(rng.next_u64())?].items;
            let place = rng.below(items.num_buckets().max(1) as u64);
            items.get_bucket(place as usize)
        });
        drawn.or_else(|| self.iter().next())
    }

    /// `count` different items drawn approximately evenly; they should be a small part of all.
    pub fn sample(&self, count: usize, rng: &mut Rng) -> Vec<&T> {
        let mut names = hashbrown::HashSet::with_capacity(count);
        let mut items = Vec::with_capacity(count);
        while items.len() < count.min(self.len)
            && let Some(item) = self.random(rng)
        {
            if names.insert(item.name()) {
                items.push(item);
            }
        }
        items
    }

    /// All items.
    pub fn iter(&self) -> impl Iterator<Item = &T> + Clone {
        self.segments.iter().flat_map(|segment| segment.items.iter())
    }

    fn begin(&mut self) -> usize {
        self.directory = vec![0];
        self.segments = vec![Segment::new(0, 0, 0)];
        0
    }

    #[cold]
    fn split(&mut self, at: usize) {
        let depth = self.segments[at].depth;
        if depth == self.depth {
            self.directory = self.directory.iter().flat_map(|&segment| [segment; 2]).collect();
            self.depth += 1;
        }
        let prefix = self.segments[at].prefix << 1;
        let half = Segment::new(prefix, depth + 1, SEGMENT_LEN_MAX * 9 / 16);
        let whole = std::mem::replace(&mut self.segments[at], half);
        self.table_bytes -= whole.table_bytes();
        let mut upper = Segment::new(prefix | 1, depth + 1, SEGMENT_LEN_MAX * 9 / 16);
        for item in whole.items {
            let hash = hash_of(&item);
            let is_upper = order_of(hash) << depth >> 63 == 1;
            let half = if is_upper { &mut upper } else { &mut self.segments[at] };
            half.items.insert_unique(hash, item, hash_of);
        }
        self.table_bytes += upper.table_bytes() + self.segments[at].table_bytes();
        self.segments.push(upper);
        self.enter(self.segments.len() - 1);
    }

    /// Writes a segment's number into its part of the directory.
    fn enter(&mut self, at: usize) {
        let Segment { depth, prefix, .. } = self.segments[at];
        let width = u32::from(self.depth - depth);
        let first = (prefix as usize) << width;
        self.directory[first..first + (1 << width)].fill(at as u32);
    }

    /// Gives memory back after removals: the segment joins its sibling or takes fewer places.
    #[cold]
    fn make_small(&mut self, at: usize) {
        if self.len == 0 {
            *self = Dict::default();
            return;
        }
        let own = self.segments[at].items.len();
        match self.sibling(at) {
            Some(sibling) if own + self.segments[sibling].items.len() <= MERGED_LEN_MAX => self.merge(at, sibling),
            _ => {
                let segment = &mut self.segments[at];
                self.table_bytes -= segment.table_bytes();
                segment.items.shrink_to(own + own / 4, hash_of);
                self.table_bytes += segment.table_bytes();
            }
        }
    }

    /// The segment that was split from the same one and has not been split since.
    fn sibling(&self, at: usize) -> Option<usize> {
        let Segment { depth, prefix, .. } = self.segments[at];
        if depth == 0 {
            return None;
        }
        let sibling = self.directory[((prefix ^ 1) as usize) << (self.depth - depth)] as usize;
        (self.segments[sibling].depth == depth).then_some(sibling)
    }

    fn merge(&mut self, one: usize, other: usize) {
        let (kept, gone) = (one.min(other), one.max(other));
        let merged = self.segments.swap_remove(gone);
        if gone < self.segments.len() {
            self.enter(gone);
        }
        let segment = &mut self.segments[kept];
        self.table_bytes -= merged.table_bytes() + segment.table_bytes();
        segment.items.reserve(merged.items.len(), hash_of);
        for item in merged.items {
            segment.items.insert_unique(hash_of(&item), item, hash_of);
        }
        segment.depth -= 1;
        segment.prefix >>= 1;
        self.table_bytes += segment.table_bytes();
        self.enter(kept);
        self.shrink_directory();
    }

    /// Halves the directory when it is far larger than the number of segments asks and no segment needs all of its bits.
    fn shrink_directory(&mut self) {
        while self.directory.len() > self.segments.len() * 4 {
            if self.segments.iter().any(|segment| segment.depth == self.depth) {
                break;
            }
            self.depth -= 1;
            self.directory = self.directory.iter().step_by(2).copied().collect();
        }
        if self.segments.len() < self.segments.capacity() / 4 {
            self.segments.shrink_to(self.segments.len() * 2);
        }
    }

    /// Panics when an invariant does not hold.
    #[cfg(test)]
    pub fn check(&self) {
        assert_eq!(self.len, self.iter().count());
        assert_eq!(self.item_bytes, self.iter().map(Item::heap_bytes).sum::<usize>());
        assert_eq!(
            self.table_bytes,
            self.segments.iter().map(Segment::table_bytes).sum::<usize>()
        );
        assert!(self.directory.is_empty() || self.directory.len() == 1 << self.depth);
        for (index, &at) in self.directory.iter().enumerate() {
            let segment = &self.segments[at as usize];
            assert_eq!(index as u32 >> (self.depth - segment.depth), segment.prefix);
        }
        for (at, segment) in self.segments.iter().enumerate() {
            for item in &segment.items {
                let order = order_of(hash_of(item));
                assert_eq!(self.segment_of(order), Some(at));
                assert!(segment.end().is_none_or(|end| order < end));
                assert!(self.find(item.name()).is_some());
            }
        }
    }
}
