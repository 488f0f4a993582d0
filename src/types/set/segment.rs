//! A part of a large set: members one behind the other in a buffer, and a hash table of where each begins.

use hashbrown::HashTable;
use slab::Slab;

use crate::base::hash::table_hash;
use crate::base::size_class::good_size;

/// So many members at most are put into a segment: with an eighth more, its table has 512 places.
pub const LEN_MAX: usize = 392;
/// No table has more places.
pub const PLACES_MAX: usize = 512;
/// Longer members have memory of their own, so that 16 bits tell where any record begins.
const INLINE_LEN_MAX: usize = 127;
/// The first byte of a record whose member has memory of its own, under the number in the next four.
const LONG_MARK: u8 = 0xff;
const LONG_RECORD_BYTES: usize = 5;

const _: () = assert!(LEN_MAX * (INLINE_LEN_MAX + 1) < 1 << 16);

/// Unique members.
#[derive(Clone, Debug, Default)]
pub struct Segment {
    /// Where records begin in `bytes`.
    places: HashTable<u16>,
    /// Records: a byte of length and the member, or a mark and a number.
    bytes: Vec<u8>,
    /// How many of the bytes are records that were removed.
    garbage: u32,
    long: Slab<Box<[u8]>>,
    long_bytes: usize,
    heap_bytes: usize,
}

/// How many bytes the record of `member` takes.
fn cost(member: &[u8]) -> usize {
    if member.len() <= INLINE_LEN_MAX {
        1 + member.len()
    } else {
        LONG_RECORD_BYTES
    }
}

/// The member whose record begins at `place`.
#[inline]
fn read<'s>(bytes: &'s [u8], long: &'s Slab<Box<[u8]>>, place: u16) -> &'s [u8] {
    let record = &bytes[usize::from(place)..];
    match record[0] {
        LONG_MARK => {
            let number = record[1..LONG_RECORD_BYTES].try_into().expect("four bytes");
            &long[u32::from_le_bytes(number) as usize]
        }
        len => &record[1..1 + usize::from(len)],
    }
}

impl Segment {
    /// An empty segment for about `len` members of `bytes` bytes in all.
    fn with_capacity(len: usize, bytes: usize) -> Self {
        let mut segment = Segment {
            places: HashTable::with_capacity(len + len / 8),
            bytes: Vec::with_capacity(good_size(bytes)),
            ..Segment::default()
        };
        segment.count_bytes();
        segment
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// How many places the table has, a power of two; at most [`PLACES_MAX`].
    pub fn places(&self) -> usize {
        self.places.num_buckets()
    }

    /// Bytes on the heap; O(1).
    pub fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }

    fn count_bytes(&mut self) {
        self.heap_bytes = self.counted_bytes();
    }

    fn counted_bytes(&self) -> usize {
        let table = good_size(self.places.allocation_size());
        let long = good_size(self.long.capacity() * size_of::<(usize, usize)>());
        table + good_size(self.bytes.capacity()) + long + self.long_bytes
    }

    /// Whether `member` is here.
    #[inline]
    pub fn contains(&self, hash: u64, member: &[u8]) -> bool {
        let same = |&place: &u16| read(&self.bytes, &self.long, place) == member;
        self.places.find(hash, same).is_some()
    }

    /// The members.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.places.iter().map(|&place| read(&self.bytes, &self.long, place))
    }

    /// The member at a place of the table, if there is one.
    pub fn at(&self, place: usize) -> Option<&[u8]> {
        let place = self.places.get_bucket(place)?;
        Some(read(&self.bytes, &self.long, *place))
    }

    /// Adds a member that is not here.
    #[inline]
    pub fn insert_new(&mut self, hash: u64, member: &[u8]) {
        if self.places.capacity() == self.places.len() {
            self.rebuild_table();
        }
        let cost = cost(member);
        if self.bytes.len() + cost > self.bytes.capacity().min(1 << 16) {
            self.make_room(cost);
        }
        let place = u16::try_from(self.bytes.len()).expect("all records of a segment fit 64 KiB");
        if member.len() <= INLINE_LEN_MAX {
            self.bytes.push(member.len() as u8);
            self.bytes.extend_from_slice(member);
        } else {
            self.append_long(member);
        }
        let Segment {
            places, bytes, long, ..
        } = self;
        places.insert_unique(hash, place, |&place| table_hash(read(bytes, long, place)));
    }

    #[cold]
    fn append_long(&mut self, member: &[u8]) {
        let number = self.long.insert(member.into());
        let number = u32::try_from(number).expect("a segment has some hundred members");
        self.bytes.push(LONG_MARK);
        self.bytes.extend_from_slice(&number.to_le_bytes());
        self.long_bytes += good_size(member.len());
        self.count_bytes();
    }

    /// Gives the table an eighth more places than members: more of them, fewer, or as many without the marks of removed ones.
    #[cold]
    pub fn rebuild_table(&mut self) {
        let Segment {
            places, bytes, long, ..
        } = self;
        let hash = |place: &u16| table_hash(read(bytes, long, *place));
        let len = places.len();
        let mut rebuilt = HashTable::with_capacity((len + len / 8).max(len + 1));
        for &place in places.iter() {
            rebuilt.insert_unique(hash(&place), place, hash);
        }
        *places = rebuilt;
        self.count_bytes();
    }

    /// Makes room for a record: without the removed ones when they are many, or in a larger buffer.
    #[cold]
    fn make_room(&mut self, cost: usize) {
        let live = self.bytes.len() - self.garbage as usize;
        if self.garbage as usize > self.bytes.len() / 8 || self.bytes.len() + cost > 1 << 16 {
            return self.compact(live + cost.max(live / 8));
        }
        let wanted = good_size(live + self.garbage as usize + cost.max(live / 8));
        self.bytes.reserve_exact(wanted - self.bytes.len());
        self.count_bytes();
    }

    /// Leaves removed records behind.
    fn compact(&mut self, capacity: usize) {
        let mut kept = Vec::with_capacity(good_size(capacity));
        for place in self.places.iter_mut() {
            let record = &self.bytes[usize::from(*place)..];
            let cost = match record[0] {
                LONG_MARK => LONG_RECORD_BYTES,
                len => 1 + usize::from(len),
            };
            *place = u16::try_from(kept.len()).expect("no more bytes than before");
            kept.extend_from_slice(&record[..cost]);
        }
        self.bytes = kept;
        self.garbage = 0;
        self.count_bytes();
    }

    /// Removes `member`; tells whether it was here.
    #[inline]
    pub fn remove(&mut self, hash: u64, member: &[u8]) -> bool {
        let Segment {
            places, bytes, long, ..
        } = self;
        let Ok(entry) = places.find_entry(hash, |&place| read(bytes, long, place) == member) else {
            return false;
        };
        let (place, _) = entry.remove();
        self.forget(place);
        true
    }

    /// Hands the member at a place of the table to `take` and removes it; none when nothing is there.
    pub fn remove_at<R>(&mut self, place: usize, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let entry = self.places.get_bucket_entry(place).ok()?;
        let result = take(read(&self.bytes, &self.long, *entry.get()));
        let (place, _) = entry.remove();
        self.forget(place);
        Some(result)
    }

    /// The record at `place` belongs to no member any more.
    fn forget(&mut self, place: u16) {
        let record = &self.bytes[usize::from(place)..];
        let cost = match record[0] {
            LONG_MARK => {
                let number = record[1..LONG_RECORD_BYTES].try_into().expect("four bytes");
                let member = self.long.remove(u32::from_le_bytes(number) as usize);
                self.long_bytes -= good_size(member.len());
                self.count_bytes();
                LONG_RECORD_BYTES
            }
            len => 1 + usize::from(len),
        };
        self.garbage += cost as u32;
        let live = self.bytes.len() - self.garbage as usize;
        if self.bytes.len() > 256 && live < self.bytes.len() / 2 {
            self.compact(live + live / 8);
        }
    }

    /// Makes two of it, the second of the members whose hashes satisfy `is_upper`.
    pub fn divide(self, is_upper: &dyn Fn(u64) -> bool) -> (Segment, Segment) {
        let len = self.len() * 9 / 16;
        let bytes = (self.bytes.len() - self.garbage as usize) * 9 / 16;
        let half = || Segment::with_capacity(len, bytes);
        let (mut lower, mut upper) = (half(), half());
        for member in self.iter() {
            let hash = table_hash(member);
            let half = if is_upper(hash) { &mut upper } else { &mut lower };
            half.insert_new(hash, member);
        }
        (lower, upper)
    }

    /// Takes in all members of another segment, none of which is here.
    pub fn absorb(&mut self, other: &Segment) {
        for member in other.iter() {
            self.insert_new(table_hash(member), member);
        }
    }

    /// Panics when an invariant does not hold.
    #[cfg(test)]
    pub fn check(&self) {
        assert!(self.len() <= LEN_MAX && self.places() <= PLACES_MAX);
        let live: usize = self.iter().map(cost).sum();
        assert_eq!(live + self.garbage as usize, self.bytes.len());
        let long = self.long.iter().map(|(_, member)| good_size(member.len()));
        assert_eq!(long.sum::<usize>(), self.long_bytes);
        assert_eq!(self.heap_bytes, self.counted_bytes());
        assert!(self.iter().all(|member| self.contains(table_hash(member), member)));
    }
}
