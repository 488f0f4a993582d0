//! The large form of sets: members in segments that grow, split and join one at a time.

use super::segment::{LEN_MAX, PLACES_MAX, Segment};
use crate::base::hash::table_hash;
use crate::base::rng::Rng;
use crate::types::directory::Directory;

/// Siblings join when they have at most so many members together.
const JOINED_LEN_MAX: usize = LEN_MAX / 2;
/// Draws after which a member is counted off instead.
const DRAWS_MAX: usize = 128;

/// Unique members by hash.
#[derive(Clone, Debug, Default)]
pub struct Table {
    directory: Directory<Segment>,
    len: usize,
    segment_bytes: usize,
}

/// Where a member is, until the table changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    segment: u32,
    place: u32,
}

impl Table {
    /// Number of members.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes on the heap; O(1).
    pub fn heap_bytes(&self) -> usize {
        self.directory.heap_bytes() + self.segment_bytes
    }

    /// Whether `member` is in the set; O(1).
    #[inline]
    pub fn contains(&self, member: &[u8]) -> bool {
        let hash = table_hash(member);
        let at = self.directory.place_of(hash);
        at.is_some_and(|at| self.directory.segment(at).contains(hash, member))
    }

    /// Adds a member; tells whether it is new. O(1) amortised.
    #[inline]
    pub fn insert(&mut self, member: &[u8]) -> bool {
        let hash = table_hash(member);
        let mut at = self.directory.place_of(hash).unwrap_or_else(|| self.begin());
        if self.directory.segment(at).contains(hash, member) {
            return false;
        }
        while self.directory.segment(at).len() >= LEN_MAX {
            let before = self.directory.segment(at).heap_bytes();
            let mut bytes = 0;
            let split = self.directory.split(at, |whole, is_upper| {
                let (lower, upper) = whole.divide(is_upper);
                bytes = lower.heap_bytes() + upper.heap_bytes();
                (lower, upper)
            });
            assert!(split, "no memory holds so many members that 2^28 segments are full");
            self.segment_bytes = self.segment_bytes + bytes - before;
            at = self
                .directory
                .place_of(hash)
                .expect("a directory that grows is not empty");
        }
        let segment = self.directory.segment_mut(at);
        let before = segment.heap_bytes();
        segment.insert_new(hash, member);
        self.segment_bytes = self.segment_bytes + segment.heap_bytes() - before;
        self.len += 1;
        true
    }

    #[cold]
    fn begin(&mut self) -> usize {
        self.directory.begin(Segment::default())
    }

    /// Removes `member`; tells whether it was there. O(1) amortised.
    #[inline]
    pub fn remove(&mut self, member: &[u8]) -> bool {
        let hash = table_hash(member);
        let Some(at) = self.directory.place_of(hash) else {
            return false;
        };
        let segment = self.directory.segment_mut(at);
        let before = segment.heap_bytes();
        if !segment.remove(hash, member) {
            return false;
        }
        self.segment_bytes = self.segment_bytes + segment.heap_bytes() - before;
        self.note_removal(at);
        true
    }

    /// Removes the member at `place`, which was drawn since the last change, and answers what `take` makes of it.
    pub fn remove_at<R>(&mut self, place: Place, take: impl FnOnce(&[u8]) -> R) -> R {
        let at = place.segment as usize;
        let segment = self.directory.segment_mut(at);
        let before = segment.heap_bytes();
        let taken = segment.remove_at(place.place as usize, take);
        self.segment_bytes = self.segment_bytes + segment.heap_bytes() - before;
        self.note_removal(at);
        taken.expect("what was drawn is a member")
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

    /// The place of a member of which each is as likely as any other; O(1) expected.
    ///
    /// A segment and one of as many places as the largest table has are drawn evenly, until a member is there.
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

    /// Where members are, in the order of [`Table::iter`].
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

    /// The member at a place that was drawn since the last change.
    pub fn at(&self, place: Place) -> &[u8] {
        let segment = self.directory.segment(place.segment as usize);
        segment.at(place.place as usize).expect("what was drawn is a member")
    }

    /// All members.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.directory.segments().flat_map(Segment::iter)
    }

    /// See [`Directory::scan`].
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(&[u8])) -> u64 {
        let items = |segment| Segment::iter(segment).map(|member| (table_hash(member), member));
        self.directory.scan(cursor, count, items, &mut |member| visit(member))
    }

    /// Panics when an invariant does not hold.
    #[cfg(test)]
    pub fn check(&self) {
        self.directory.segments().for_each(Segment::check);
        assert_eq!(self.len, self.directory.segments().map(Segment::len).sum::<usize>());
        let bytes = self.directory.segments().map(Segment::heap_bytes);
        assert_eq!(self.segment_bytes, bytes.sum::<usize>());
        self.directory.check(|segment| {
            let hashes: Vec<u64> = segment.iter().map(table_hash).collect();
            hashes.into_iter()
        });
    }
}
