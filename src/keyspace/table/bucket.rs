//! One cache line of a table: seven entries, a byte of hash of each, and how many entries had to go further.

use crate::keyspace::entry::Entry;

/// Entries a bucket holds.
pub const SLOTS: usize = 7;

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x0080_8080_8080_8080;
/// A byte that lost count: it never goes down again until the segment is rebuilt.
const SATURATED: u8 = u8::MAX;
const OVERFLOW: usize = SLOTS;
const FREE: u8 = 0;

/// Seven places for entries.
#[repr(C, align(64))]
#[derive(Default)]
pub struct Bucket {
    /// The fingerprint of each slot, 0 when it is free; then the number of entries whose home is here or before and that
    /// passed by because there was no room.
    marks: [u8; SLOTS + 1],
    slots: [Option<Entry>; SLOTS],
}

const _: () = assert!(size_of::<Bucket>() == 64);

/// The byte of a hash that a bucket keeps: from the low bits, which place no entry; never 0.
pub fn fingerprint(hash: u64) -> u8 {
    (hash as u8).max(1)
}

/// Some slots of a bucket, in order.
#[derive(Clone, Copy)]
pub struct Slots(u64);

impl Iterator for Slots {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let slot = self.0.trailing_zeros() as usize / 8;
        self.0 &= self.0 - 1;
        Some(slot)
    }
}

impl Bucket {
    /// The slots that carry this mark.
    #[inline]
    fn marked(&self, mark: u8) -> Slots {
        let differs = u64::from_le_bytes(self.marks) ^ (LOW * u64::from(mark));
        let low_bits = !(LOW << 7);
        // The highest bit of each byte is set where the byte is not zero; no carry crosses bytes.
        let not_zero = ((differs & low_bits) + low_bits) | differs;
        Slots(!not_zero & HIGH)
    }

    /// The slot of an entry with this fingerprint for which `is` holds.
    #[inline]
    pub fn find(&self, fingerprint: u8, is: impl Fn(&Entry) -> bool) -> Option<usize> {
        self.marked(fingerprint)
            .find(|&slot| self.slots[slot].as_ref().is_some_and(&is))
    }

    /// The entries that may be the one looked for.
    pub fn candidates(&self, fingerprint: u8) -> impl Iterator<Item = &Entry> {
        self.marked(fingerprint).filter_map(|slot| self.slots[slot].as_ref())
    }

    /// A slot without entry.
    #[inline]
    pub fn free_slot(&self) -> Option<usize> {
        self.marked(FREE).next()
    }

    /// Whether lookups that begin here or before must go on to the next bucket.
    #[inline]
    pub fn has_overflown(&self) -> bool {
        self.marks[OVERFLOW] != 0
    }

    /// An entry passes by.
    pub fn add_overflow(&mut self) {
        self.marks[OVERFLOW] = self.marks[OVERFLOW].saturating_add(1);
    }

    /// An entry that had passed by is gone.
    pub fn remove_overflow(&mut self) {
        let overflow = &mut self.marks[OVERFLOW];
        if *overflow != SATURATED {
            *overflow = overflow.checked_sub(1).expect("an entry that leaves has passed by");
        }
    }

    /// The entry in a slot.
    #[inline]
    pub fn get(&self, slot: usize) -> Option<&Entry> {
        self.slots[slot].as_ref()
    }

    /// The entry in a slot, to be changed.
    #[inline]
    pub fn get_mut(&mut self, slot: usize) -> Option<&mut Entry> {
        self.slots[slot].as_mut()
    }

    /// Fills a free slot.
    pub fn put(&mut self, slot: usize, fingerprint: u8, entry: Entry) {
        debug_assert!(self.marks[slot] == FREE && fingerprint != FREE);
        self.marks[slot] = fingerprint;
        self.slots[slot] = Some(entry);
    }

    /// Empties a slot.
    pub fn take(&mut self, slot: usize) -> Option<Entry> {
        self.marks[slot] = FREE;
        self.slots[slot].take()
    }

    /// Empties the bucket: entries with their fingerprints.
    pub fn drain(&mut self) -> impl Iterator<Item = (u8, Entry)> {
        let marks = self.marks;
        let slots = self.slots.iter_mut().map(Option::take);
        marks
            .into_iter()
            .zip(slots)
            .filter_map(|(mark, entry)| Some((mark, entry?)))
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().flatten()
    }

    /// Panics when marks and entries disagree; answers the overflow count unless it lost count.
    #[cfg(test)]
    pub fn check(&self, hash_of: impl Fn(&[u8]) -> u64) -> Option<u8> {
        for (mark, entry) in self.marks.iter().zip(&self.slots) {
            let want = entry.as_ref().map_or(FREE, |entry| fingerprint(hash_of(entry.key())));
            assert_eq!(*mark, want);
        }
        Some(self.marks[OVERFLOW]).filter(|&count| count != SATURATED)
    }
}
