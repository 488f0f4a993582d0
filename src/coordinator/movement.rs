//! When a connection moves to the shard that it mostly asks.

use crate::base::id::ShardId;

/// How many commands are looked at before deciding.
const WINDOW: u16 = 128;
/// By how much the favourite must lead: three of four commands.
const LEAD: u16 = WINDOW / 2;

/// Finds a shard that most of a connection's commands ask, in constant space (Boyer and Moore's majority vote, per window).
#[derive(Clone, Copy, Debug, Default)]
pub struct Favourite {
    candidate: Option<ShardId>,
    lead: u16,
    seen: u16,
}

impl Favourite {
    /// Notes that a command asks `shard`, with the weight of so many commands; answers a shard that has a clear majority, once a window.
    #[inline]
    pub fn note(&mut self, shard: ShardId, weight: u16) -> Option<ShardId> {
        if self.candidate == Some(shard) {
            self.lead += weight;
        } else if self.lead >= weight {
            self.lead -= weight;
        } else {
            self.candidate = Some(shard);
            self.lead = weight - self.lead;
        }
        self.seen += weight;
        if self.seen < WINDOW {
            return None;
        }
        let winner = self.candidate.filter(|_| self.lead >= LEAD);
        *self = Favourite::default();
        winner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_majority_wins_and_an_even_mix_does_not() {
        let mut one = Favourite::default();
        let winners = (0..256).filter_map(|_| one.note(ShardId(3), 1)).count();
        assert_eq!(winners, 2);
        let mut mixed = Favourite::default();
        assert!((0..1024).all(|i| mixed.note(ShardId(i % 2), 1).is_none()));
        let mut blocking = Favourite::default();
        assert_eq!((0..8).filter_map(|_| blocking.note(ShardId(1), 16)).count(), 1);
    }
}
