//! What is due when: times in order, each with the hash of a name. Knows no names, so that it takes little memory and a name
//! of any length; whoever asks finds the named thing by its hash and its time.

use std::collections::BTreeMap;

use super::debris::Pile;
use super::time::UnixMillis;

/// Bytes that one time takes: 20 for itself, its part of a B-tree node's unused places and headers.
const TIME_BYTES: usize = 34;

/// Times in order, each with a hash.
#[derive(Clone, Debug, Default)]
pub struct DueQueue {
    /// How many names share a time and a hash: one, but for accidents.
    times: Pile<BTreeMap<(UnixMillis, u64), u32>>,
    len: usize,
}

impl DueQueue {
    /// How many times were added and not removed.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing will ever be due.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes on the heap, estimated from the number of times; O(1).
    pub fn heap_bytes(&self) -> usize {
        self.times.len() * TIME_BYTES
    }

    /// Adds the time of the name with this hash; O(log n).
    pub fn add(&mut self, at: UnixMillis, hash: u64) {
        *self.times.entry((at, hash)).or_insert(0) += 1;
        self.len += 1;
    }

    /// Takes one [`DueQueue::add`] back; O(log n).
    pub fn remove(&mut self, at: UnixMillis, hash: u64) {
        let count = self
            .times
            .get_mut(&(at, hash))
            .expect("a time is removed as often as it was added");
        *count -= 1;
        if *count == 0 {
            self.times.remove(&(at, hash));
        }
        self.len -= 1;
    }

    /// Replaces the time of the name with this hash; O(log n), and nothing when the time stays.
    pub fn change(&mut self, hash: u64, old: Option<UnixMillis>, new: Option<UnixMillis>) {
        if old == new {
            return;
        }
        if let Some(at) = old {
            self.remove(at, hash);
        }
        if let Some(at) = new {
            self.add(at, hash);
        }
    }

    /// The first time and its hash.
    pub fn first(&self) -> Option<(UnixMillis, u64)> {
        self.times.first_key_value().map(|(due, _)| *due)
    }

    /// Whether something is due at `now`.
    pub fn is_due(&self, now: UnixMillis) -> bool {
        self.first().is_some_and(|(at, _)| at <= now)
    }

    /// How many are due at `now`; O(their number).
    pub fn due_len(&self, now: UnixMillis) -> usize {
        let due = self.times.range(..=(now, u64::MAX));
        due.map(|(_, count)| *count as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_sorted_list(steps in prop::collection::vec((any::<bool>(), 0..6i64, 0..3u64), 0..60)) {
            let (mut queue, mut model) = (DueQueue::default(), Vec::new());
            for (adds, at, hash) in steps {
                let at = UnixMillis(at);
                if adds {
                    queue.add(at, hash);
                    model.push((at, hash));
                } else if let Some(found) = model.iter().position(|due| *due == (at, hash)) {
                    model.remove(found);
                    queue.remove(at, hash);
                }
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(queue.first(), model.iter().min().copied());
                for now in (0..6).map(UnixMillis) {
                    let due = model.iter().filter(|(at, _)| *at <= now).count();
                    prop_assert_eq!((queue.due_len(now), queue.is_due(now)), (due, due > 0));
                }
            }
        }
    }
}
