//! A part of a table: records one behind the other in a buffer, and a hash table of where each begins.

use std::marker::PhantomData;

use hashbrown::HashTable;
use slab::Slab;

use super::Naming;
use crate::base::debris::Pile;
use crate::base::hash::table_hash;
use crate::base::size_class::good_size;

/// So many records at most are put into a segment: with an eighth more, its table has 512 places.
pub const LEN_MAX: usize = 392;
/// No table has more places.
pub const PLACES_MAX: usize = 512;
/// Longer records have memory of their own, so that 16 bits tell where any record begins.
const INLINE_LEN_MAX: usize = 127;
/// Stands in the place of the length of a record that has memory of its own, under the number in the next four bytes.
const LONG_MARK: u8 = 0xff;
const LONG_COST: usize = 5;
/// A buffer that is full grows by this part of what is in it.
const GROWTH: usize = 12;

const _: () = assert!(LEN_MAX * (INLINE_LEN_MAX + 1) < 1 << 16);

/// Some records.
#[derive(Clone, Debug, Default)]
pub struct Segment<N> {
    /// Where records begin in `bytes`.
    places: HashTable<u16>,
    /// Records: a byte of length and the record, or a mark and a number.
    bytes: Vec<u8>,
    /// How many of the bytes belong to records that were removed.
    garbage: u32,
    long: Pile<Slab<Box<[u8]>>>,
    long_bytes: usize,
    heap_bytes: usize,
    naming: PhantomData<N>,
}

/// How many bytes of the buffer a record of this length takes.
fn cost(len: usize) -> usize {
    if len <= INLINE_LEN_MAX { 1 + len } else { LONG_COST }
}

/// The record that begins at `place`.
#[inline]
fn read<'s>(bytes: &'s [u8], long: &'s Slab<Box<[u8]>>, place: u16) -> &'s [u8] {
    let at = &bytes[usize::from(place)..];
    match at[0] {
        LONG_MARK => &long[number_of(at)],
        len => &at[1..1 + usize::from(len)],
    }
}

/// The number of the memory that a long record has.
fn number_of(at: &[u8]) -> usize {
    let number = at[1..LONG_COST].try_into().expect("four bytes");
    u32::from_le_bytes(number) as usize
}

/// The length of a record that is given in parts.
fn len_of(parts: &[&[u8]]) -> usize {
    parts.iter().map(|part| part.len()).sum()
}

impl<N: Naming> Segment<N> {
    /// An empty segment for about `len` records of `bytes` bytes in all.
    fn with_capacity(len: usize, bytes: usize) -> Self {
        let mut segment = Segment {
            places: HashTable::with_capacity(len + len / 8),
            bytes: Vec::with_capacity(good_size(bytes)),
            ..Segment::default()
        };
        segment.count_bytes();
        segment
    }

    /// Number of records.
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

    /// Where the record called `name` begins.
    #[inline]
    fn place_of(&self, hash: u64, name: &[u8]) -> Option<u16> {
        let same = |&place: &u16| N::name(read(&self.bytes, &self.long, place)) == name;
        self.places.find(hash, same).copied()
    }

    /// The record called `name`.
    #[inline]
    pub fn find(&self, hash: u64, name: &[u8]) -> Option<&[u8]> {
        let place = self.place_of(hash, name)?;
        Some(read(&self.bytes, &self.long, place))
    }

    /// The records.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.places.iter().map(|&place| read(&self.bytes, &self.long, place))
    }

    /// The record at a place of the table, if there is one.
    pub fn at(&self, place: usize) -> Option<&[u8]> {
        let place = self.places.get_bucket(place)?;
        Some(read(&self.bytes, &self.long, *place))
    }

    /// Adds a record, given in parts, whose name is not here.
    #[inline]
    pub fn insert_new(&mut self, hash: u64, parts: &[&[u8]]) {
        if self.places.capacity() == self.places.len() {
            self.rebuild_table();
        }
        let len = len_of(parts);
        let cost = cost(len);
        if self.bytes.len() + cost > self.bytes.capacity().min(1 << 16) {
            self.make_room(cost);
        }
        let place = u16::try_from(self.bytes.len()).expect("all records of a segment fit 64 KiB");
        if len <= INLINE_LEN_MAX {
            self.bytes.push(len as u8);
            parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        } else {
            self.append_long(parts);
        }
        let Segment {
            places, bytes, long, ..
        } = self;
        places.insert_unique(hash, place, |&place| table_hash(N::name(read(bytes, long, place))));
    }

    #[cold]
    fn append_long(&mut self, parts: &[&[u8]]) {
        let record = parts.concat().into_boxed_slice();
        self.long_bytes += good_size(record.len());
        let number = self.long.insert(record);
        let number = u32::try_from(number).expect("a segment has some hundred records");
        self.bytes.push(LONG_MARK);
        self.bytes.extend_from_slice(&number.to_le_bytes());
        self.count_bytes();
    }

    /// Puts a record in the place of the one with the same name, if there is one.
    #[inline]
    pub fn replace(&mut self, hash: u64, name: &[u8], parts: &[&[u8]]) -> bool {
        let Some(place) = self.place_of(hash, name) else {
            return false;
        };
        let at = usize::from(place);
        let old = match self.bytes[at] {
            LONG_MARK => &mut self.long[number_of(&self.bytes[at..])][..],
            len => &mut self.bytes[at + 1..at + 1 + usize::from(len)],
        };
        if old.len() == len_of(parts) {
            let mut rest = old;
            for part in parts {
                let (here, behind) = rest.split_at_mut(part.len());
                here.copy_from_slice(part);
                rest = behind;
            }
        } else {
            self.remove(hash, |record| N::name(record) == name);
            self.insert_new(hash, parts);
        }
        true
    }

    /// Gives the table an eighth more places than records: more of them, fewer, or as many without the marks of removed ones.
    #[cold]
    pub fn rebuild_table(&mut self) {
        let Segment {
            places, bytes, long, ..
        } = self;
        let hash = |place: &u16| table_hash(N::name(read(bytes, long, *place)));
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
            return self.compact(live + cost.max(live / GROWTH));
        }
        let wanted = good_size(live + self.garbage as usize + cost.max(live / GROWTH));
        self.bytes.reserve_exact(wanted - self.bytes.len());
        self.count_bytes();
    }

    /// Leaves removed records behind.
    fn compact(&mut self, capacity: usize) {
        let mut kept = Vec::with_capacity(good_size(capacity));
        for place in self.places.iter_mut() {
            let record = &self.bytes[usize::from(*place)..];
            let cost = match record[0] {
                LONG_MARK => LONG_COST,
                len => 1 + usize::from(len),
            };
            *place = u16::try_from(kept.len()).expect("no more bytes than before");
            kept.extend_from_slice(&record[..cost]);
        }
        self.bytes = kept;
        self.garbage = 0;
        self.count_bytes();
    }

    /// Removes a record for which `is` holds, among those whose name has this hash; tells whether there was one.
    #[inline]
    pub fn remove(&mut self, hash: u64, mut is: impl FnMut(&[u8]) -> bool) -> bool {
        let Segment {
            places, bytes, long, ..
        } = self;
        let Ok(entry) = places.find_entry(hash, |&place| is(read(bytes, long, place))) else {
            return false;
        };
        let (place, _) = entry.remove();
        self.forget(place);
        true
    }

    /// Hands the record at a place of the table to `take` and removes it; none when nothing is there.
    pub fn remove_at<R>(&mut self, place: usize, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let entry = self.places.get_bucket_entry(place).ok()?;
        let result = take(read(&self.bytes, &self.long, *entry.get()));
        let (place, _) = entry.remove();
        self.forget(place);
        Some(result)
    }

    /// What begins at `place` is no record any more.
    fn forget(&mut self, place: u16) {
        let record = &self.bytes[usize::from(place)..];
        let cost = match record[0] {
            LONG_MARK => {
                let record = self.long.remove(number_of(record));
                self.long_bytes -= good_size(record.len());
                self.count_bytes();
                LONG_COST
            }
            len => 1 + usize::from(len),
        };
        self.garbage += cost as u32;
        let live = self.bytes.len() - self.garbage as usize;
        if self.bytes.len() > 256 && live < self.bytes.len() / 2 {
            self.compact(live + live / 8);
        }
    }

    /// Makes two of it, the second of the records whose names' hashes satisfy `is_upper`.
    pub fn divide(self, is_upper: &dyn Fn(u64) -> bool) -> (Self, Self) {
        let len = self.len() * 9 / 16;
        // Room for a quarter more: who grows leaves a block behind that nobody needs while all segments of a table grow.
        let bytes = (self.bytes.len() - self.garbage as usize) * 5 / 8;
        let half = || Segment::with_capacity(len, bytes);
        let (mut lower, mut upper): (Self, Self) = (half(), half());
        for record in self.iter() {
            let hash = table_hash(N::name(record));
            let half = if is_upper(hash) { &mut upper } else { &mut lower };
            half.insert_new(hash, &[record]);
        }
        (lower, upper)
    }

    /// Takes in all records of another segment, no name of which is here.
    pub fn absorb(&mut self, other: &Self) {
        for record in other.iter() {
            self.insert_new(table_hash(N::name(record)), &[record]);
        }
    }

    /// Panics when an invariant does not hold.
    #[cfg(test)]
    pub fn check(&self) {
        assert!(self.len() <= LEN_MAX && self.places() <= PLACES_MAX);
        let live: usize = self.iter().map(|record| cost(record.len())).sum();
        assert_eq!(live + self.garbage as usize, self.bytes.len());
        let long = self.long.iter().map(|(_, record)| good_size(record.len()));
        assert_eq!(long.sum::<usize>(), self.long_bytes);
        assert_eq!(self.heap_bytes, self.counted_bytes());
        for record in self.iter() {
            let name = N::name(record);
            assert_eq!(self.find(table_hash(name), name), Some(record));
        }
    }
}
