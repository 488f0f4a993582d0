//! The ids of a leaf. Neighbours nearly always share the upper halves of their times and of their numbers, so these are kept once: an id takes
//! 8 bytes and not 16. Knows no items.

use super::{bytes_of, put};
use crate::types::stream::id::StreamId;

const LOWER_HALF: u64 = 0xffff_ffff;

/// Ascending ids.
#[derive(Clone, Debug)]
pub enum Ids {
    /// All have the same upper halves: that of the time above that of the number, and the lower halves likewise.
    Near { upper: u64, lower: Vec<u64> },
    /// Some differ there, or did when they came.
    Far(Vec<StreamId>),
}

impl Default for Ids {
    fn default() -> Self {
        Ids::Near {
            upper: 0,
            lower: Vec::new(),
        }
    }
}

fn upper_of(id: StreamId) -> u64 {
    id.ms & !LOWER_HALF | id.seq >> 32
}

fn lower_of(id: StreamId) -> u64 {
    id.ms << 32 | id.seq & LOWER_HALF
}

fn whole(upper: u64, lower: u64) -> StreamId {
    StreamId {
        ms: upper & !LOWER_HALF | lower >> 32,
        seq: upper << 32 | lower & LOWER_HALF,
    }
}

impl Ids {
    fn of(ids: Vec<StreamId>) -> Self {
        let upper = ids.first().map_or(0, |id| upper_of(*id));
        if ids.iter().all(|id| upper_of(*id) == upper) {
            // Not from `into_iter`, which would keep the memory of whole ids.
            let lower = ids.iter().map(|id| lower_of(*id)).collect();
            Ids::Near { upper, lower }
        } else {
            Ids::Far(ids)
        }
    }

    fn to_vec(&self) -> Vec<StreamId> {
        (0..self.len()).map(|at| self.get(at)).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Ids::Near { lower, .. } => lower.len(),
            Ids::Far(ids) => ids.len(),
        }
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        match self {
            Ids::Near { lower, .. } => bytes_of(lower),
            Ids::Far(ids) => bytes_of(ids),
        }
    }

    /// The id at `at`, where there is one.
    pub fn get(&self, at: usize) -> StreamId {
        match self {
            Ids::Near { upper, lower } => whole(*upper, lower[at]),
            Ids::Far(ids) => ids[at],
        }
    }

    /// The last id.
    pub fn last(&self) -> Option<StreamId> {
        Some(self.get(self.len().checked_sub(1)?))
    }

    /// Where `id` is, or would be.
    pub fn find(&self, id: StreamId) -> Result<usize, usize> {
        match self {
            Ids::Near { upper, lower } if *upper == upper_of(id) => lower.binary_search(&lower_of(id)),
            Ids::Near { upper, lower } => lower.binary_search_by_key(&id, |lower| whole(*upper, *lower)),
            Ids::Far(ids) => ids.binary_search(&id),
        }
    }

    /// Puts `id` at `at`; the right half, when there was no room.
    pub fn put(&mut self, at: usize, id: StreamId) -> Option<Ids> {
        match self {
            Ids::Near { upper, lower } if *upper == upper_of(id) => {
                let lower = put(lower, at, lower_of(id))?;
                Some(Ids::Near { upper: *upper, lower })
            }
            Ids::Near { upper, lower } if lower.is_empty() => {
                *upper = upper_of(id);
                self.put(at, id)
            }
            Ids::Near { .. } => {
                let mut whole = Vec::with_capacity(self.len().next_power_of_two());
                whole.extend((0..self.len()).map(|at| self.get(at)));
                *self = Ids::Far(whole);
                self.put(at, id)
            }
            Ids::Far(ids) => {
                let right = put(ids, at, id)?;
                *self = Ids::of(std::mem::take(ids));
                Some(Ids::of(right))
            }
        }
    }

    /// Takes the id at `at` out.
    pub fn remove(&mut self, at: usize) {
        match self {
            Ids::Near { lower, .. } => drop(lower.remove(at)),
            Ids::Far(ids) => drop(ids.remove(at)),
        }
    }

    /// Puts ids behind the last, all of which are greater.
    pub fn append(&mut self, more: Ids) {
        match (&mut *self, more) {
            (
                Ids::Near { upper, lower },
                Ids::Near {
                    upper: same,
                    lower: more,
                },
            ) if *upper == same => lower.extend(more),
            (ids, more) => *self = Ids::of([ids.to_vec(), more.to_vec()].concat()),
        }
    }

    /// Panics unless they ascend.
    #[cfg(test)]
    pub fn check(&self) {
        assert!(self.to_vec().is_sorted_by(|one, other| one < other));
    }
}
