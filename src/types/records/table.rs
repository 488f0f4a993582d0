//! All records of a set or a hash.

use super::Naming;
use super::segment::{LEN_MAX, PLACES_MAX, Segment};
use crate::base::hash::table_hash;
use crate::base::rng::Rng;
use crate::types::directory::Directory;

/// Siblings join when they have at most so many records together.
const JOINED_LEN_MAX: usize = LEN_MAX / 2;
/// Draws after which a record is counted off instead.
const DRAWS_MAX: usize = 128;

/// Records by name.
#[derive(Clone, Debug, Default)]
pub struct Table<N: 'static> {
    directory: Directory<Segment<N>>,
    len: usize,
    segment_bytes: usize,
}

/// Where a record is, until the table changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    segment: u32,
    place: u32,
}

impl<N: Naming> Table<N> {
    /// Number of records.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes on the heap; O(1).
    pub fn heap_bytes(&self) -> usize {
        self.directory.heap_bytes() + self.segment_bytes
    }

    /// The record called `name`; O(1).
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<&[u8]> {
        let hash = table_hash(name);
        let at = self.directory.place_of(hash)?;
        self.directory.segment(at).find(hash, name)
    }

    /// Lets `change` work on a segment, and counts the bytes that this took or gave back.
    #[inline]
    fn change<R>(&mut self, at: usize, change: impl FnOnce(&mut Segment<N>) -> R) -> R {
        let segment = self.directory.segment_mut(at);
        let before = segment.heap_bytes();
        let result = change(segment);
        self.segment_bytes = self.segment_bytes + segment.heap_bytes() - before;
        result
    }

    /// Adds the record that `parts` make unless there is one called `name` already; tells whether it did. O(1) amortised.
    #[inline]
    pub fn insert(&mut self, name: &[u8], parts: &[&[u8]]) -> bool {
        let hash = table_hash(name);
        let at = self.directory.place_of(hash).unwrap_or_else(|| self.begin());
        if self.directory.segment(at).find(hash, name).is_some() {
            return false;
        }
        self.insert_new(at, hash, parts);
        true
    }

    /// Adds the record that `parts` make, or puts it in the place of the one called `name`; tells whether it is new. O(1) amortised.
    #[inline]
    pub fn set(&mut self, name: &[u8], parts: &[&[u8]]) -> bool {
        let hash = table_hash(name);
        let at = self.directory.place_of(hash).unwrap_or_else(|| self.begin());
        let is_new = !self.change(at, |segment| segment.replace(hash, name, parts));
        if is_new {
            self.insert_new(at, hash, parts);
        }
        is_new
    }

    #[inline]
    fn insert_new(&mut self, mut at: usize, hash: u64, parts: &[&[u8]]) {
        while self.directory.segment(at).len() >= LEN_MAX {
            at = self.split(at, hash);
        }
        self.change(at, |segment| segment.insert_new(hash, parts));
        self.len += 1;
    }

    /// Splits a full segment and answers which one `hash` belongs to now.
    #[cold]
    fn split(&mut self, at: usize, hash: u64) -> usize {
        let before = self.directory.segment(at).heap_bytes();
        let mut bytes = 0;
        let split = self.directory.split(at, |whole, is_upper| {
            let (lower, upper) = whole.divide(is_upper);
            bytes = lower.heap_bytes() + upper.heap_bytes();
            (lower, upper)
        });
        assert!(split, "no memory holds so many records that 2^28 segments are full");
        self.segment_bytes = self.segment_bytes + bytes - before;
        let at = self.directory.place_of(hash);
        at.expect("a directory that grows is not empty")
    }

    #[cold]
    fn begin(&mut self) -> usize {
        self.directory.begin(Segment::default())
    }

    /// Removes the record called `name`; tells whether it was there. O(1) amortised.
    #[inline]
    pub fn remove(&mut self, name: &[u8]) -> bool {
        self.remove_by(table_hash(name), |record| N::name(record) == name)
    }

    /// Removes a record for which `is` holds, among those whose name has this hash; tells whether there was one.
    #[inline]
    pub fn remove_by(&mut self, hash: u64, is: impl FnMut(&[u8]) -> bool) -> bool {
        let Some(at) = self.directory.place_of(hash) else {
            return false;
        };
        let removed = self.change(at, |segment| segment.remove(hash, is));
        if removed {
            self.note_removal(at);
        }
        removed
    }

    /// Removes the record at `place`, which was drawn since the last change, and answers what `take` makes of it.
    pub fn remove_at<R>(&mut self, place: Place, take: impl FnOnce(&[u8]) -> R) -> R {
        let at = place.segment as usize;
        let taken = self.change(at, |segment| segment.remove_at(place.place as usize, take));
        self.note_removal(at);
        taken.expect("what was drawn is a record")
    }

    /// Gives memory back after a removal: the segment joins its sibling or gets a smaller table.
    #[inline]
    fn note_removal(&mut self, at: usize) {
        self.len -= 1;
        let segment = self.directory.segment(at);
        let (own, places) = (segment.len(), segment.places());
        if self.len == 0 {
            *self = Table::default();
        } else if own * 4 < places && places > 4 || own == JOINED_LEN_MAX / 2 {
            self.make_small(at);
        }
    }

    #[cold]
    fn make_small(&mut self, at: usize) {
        let segment = self.directory.segment(at);
        let (own, places, mut before) = (segment.len(), segment.places(), segment.heap_bytes());
        let sibling = self.directory.sibling(at).map(|at| (at, self.directory.segment(at)));
        let mut bytes = 0;
        match sibling {
            Some((other, sibling)) if own + sibling.len() <= JOINED_LEN_MAX => {
                before += sibling.heap_bytes();
                self.directory.join(at, other, |kept, gone| {
                    kept.absorb(&gone);
                    bytes = kept.heap_bytes();
                });
            }
            _ if own * 4 < places => {
                let segment = self.directory.segment_mut(at);
                segment.rebuild_table();
                bytes = segment.heap_bytes();
            }
            _ => return,
        }
        self.segment_bytes = self.segment_bytes + bytes - before;
    }

    /// The place of a record of which each is as likely as any other; O(1) expected.
    ///
    /// A segment and one of as many places as the largest table has are drawn evenly, until a record is there.
    pub fn draw(&self, rng: &mut Rng) -> Option<Place> {
        let places = match self.directory.len() {
            0 => return None,
            1 => self.directory.segment(0).places(),
            _ => PLACES_MAX,
        };
        let all = (self.directory.len() * places) as u64;
        for _ in 0..DRAWS_MAX {
            let drawn = rng.below(all) as usize;
            let (segment, place) = (drawn / places, drawn % places);
            if self.directory.segment(segment).at(place).is_some() {
                let (segment, place) = (segment as u32, place as u32);
                return Some(Place { segment, place });
            }
        }
        self.places().nth(rng.below(self.len as u64) as usize)
    }

    /// `count` different records, any of them as likely as any other; they should be a small part of all.
    pub fn sample(&self, count: usize, rng: &mut Rng) -> impl Iterator<Item = &[u8]> {
        let count = count.min(self.len);
        let mut places = hashbrown::HashSet::with_capacity(count);
        while places.len() < count {
            places.extend(self.draw(rng));
        }
        places.into_iter().map(|place| self.at(place))
    }

    /// Where records are, in the order of [`Table::iter`].
    fn places(&self) -> impl Iterator<Item = Place> {
        let segments = self.directory.segments().zip(0..);
        segments.flat_map(|(segment, number)| {
            let taken = (0..segment.places()).filter(|place| segment.at(*place).is_some());
            taken.map(move |place| Place {
                segment: number,
                place: place as u32,
            })
        })
    }

    /// The record at a place that was drawn since the last change.
    pub fn at(&self, place: Place) -> &[u8] {
        let segment = self.directory.segment(place.segment as usize);
        segment.at(place.place as usize).expect("what was drawn is a record")
    }

    /// All records.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.directory.segments().flat_map(Segment::iter)
    }

    /// See [`Directory::scan`].
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(&[u8])) -> u64 {
        let items = |segment| Segment::<N>::iter(segment).map(|record| (table_hash(N::name(record)), record));
        self.directory.scan(cursor, count, items, &mut |record| visit(record))
    }

    /// Panics when an invariant does not hold.
    #[cfg(test)]
    pub fn check(&self) {
        self.directory.segments().for_each(Segment::check);
        assert_eq!(self.len, self.directory.segments().map(Segment::len).sum::<usize>());
        let bytes = self.directory.segments().map(Segment::heap_bytes);
        assert_eq!(self.segment_bytes, bytes.sum::<usize>());
        self.directory.check(|segment| {
            let names = segment.iter().map(N::name);
            let hashes: Vec<u64> = names.map(table_hash).collect();
            hashes.into_iter()
        });
    }
}
