//! Entries drawn at random.

use super::{KeyHash, Table};
use crate::base::rng::Rng;
use crate::keyspace::entry::Entry;

/// Draws before the first entry that is found is taken.
const DRAWS_MAX: usize = 128;

impl<H: KeyHash> Table<H> {
    /// An entry drawn approximately evenly: a segment by its share of the hashes, then a slot.
    pub fn random(&self, rng: &mut Rng) -> Option<&Entry> {
        let mut draws = (0..DRAWS_MAX).filter_map(|_| {
            let at = self.segment_of(rng.next_u64())?;
            Some(&self.segments[at]).filter(|segment| segment.len() > 0)
        });
        let segment = draws.next();
        let slot = segment.and_then(|segment| segment.random(rng, DRAWS_MAX));
        // Only after deletes that were not even may segments be empty.
        slot.or_else(|| self.iter().next())
    }

    /// An entry with an expiry, drawn by a segment's share of the hashes, then as the first behind a slot.
    pub fn random_volatile(&self, rng: &mut Rng) -> Option<&Entry> {
        if self.volatile == 0 {
            return None;
        }
        let mut drawn = (0..DRAWS_MAX).filter_map(|_| self.segment_of(rng.next_u64()));
        let drawn = drawn.find(|&at| self.segments[at].volatile() > 0);
        // When few segments have one, the first such behind a random number.
        let start = rng.below(self.segments.len() as u64) as usize;
        let mut in_turn = (start..self.segments.len()).chain(0..start);
        let at = drawn.or_else(|| in_turn.find(|&at| self.segments[at].volatile() > 0))?;
        self.segments[at].random_volatile(rng)
    }
}
