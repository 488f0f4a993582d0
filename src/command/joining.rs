//! On which shards clients have subscribed of late: these are sent every message, since a subscription may be in a socket that they have not read yet.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::id::ShardId;

/// Bits for all shards that there may be.
const WORDS: usize = 1024 / 64;

/// One bit a shard, which only that shard changes; all shards read it.
#[derive(Debug, Default)]
pub struct Joining([AtomicU64; WORDS]);

impl Joining {
    /// Clients of `shard` subscribe, or have not done so for a while.
    pub fn set(&self, shard: ShardId, joining: bool) {
        let (word, bit) = (&self.0[shard.index() / 64], 1 << (shard.index() % 64));
        if joining {
            word.fetch_or(bit, Ordering::AcqRel);
        } else {
            word.fetch_and(!bit, Ordering::AcqRel);
        }
    }

    /// Whether clients of `shard` subscribe.
    pub fn has(&self, shard: ShardId) -> bool {
        self.0[shard.index() / 64].load(Ordering::Acquire) >> (shard.index() % 64) & 1 == 1
    }

    /// Whether there are no such shards.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| word.load(Ordering::Acquire) == 0)
    }

    /// These shards.
    pub fn shards(&self) -> impl Iterator<Item = ShardId> + '_ {
        let all = (0..WORDS as u16).filter(|word| self.0[usize::from(*word)].load(Ordering::Acquire) != 0);
        all.flat_map(|word| (word * 64..word * 64 + 64).map(ShardId))
            .filter(|shard| self.has(*shard))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_come_and_go() {
        let joining = Joining::default();
        assert!(joining.is_empty());
        for shard in [0, 63, 64, 1023] {
            joining.set(ShardId(shard), true);
        }
        joining.set(ShardId(63), false);
        let shards: Vec<ShardId> = joining.shards().collect();
        assert_eq!(shards, [0, 64, 1023].map(ShardId));
        assert!(joining.has(ShardId(64)) && !joining.has(ShardId(63)) && !joining.is_empty());
    }
}
