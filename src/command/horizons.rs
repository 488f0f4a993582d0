//! Up to when each shard has handled what clients have sent it: a message is kept where it was published until no subscription can come any more
//! that was sent before it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::id::ShardId;

/// How many shards there may be.
const SHARDS_MAX: usize = 1024;

/// A time for each shard, monotonic microseconds, which only that shard changes.
#[derive(Debug)]
pub struct Horizons([AtomicU64; SHARDS_MAX]);

impl Default for Horizons {
    fn default() -> Self {
        Horizons([const { AtomicU64::new(0) }; SHARDS_MAX])
    }
}

impl Horizons {
    /// What was sent to clients' shard `shard` before `us` is handled, and known wherever it has to be.
    pub fn set(&self, shard: ShardId, us: u64) {
        self.0[shard.index()].store(us, Ordering::SeqCst);
    }

    /// The horizon of `shard`.
    pub fn of(&self, shard: ShardId) -> u64 {
        self.0[shard.index()].load(Ordering::SeqCst)
    }

    /// The horizon of all of the first `shards` shards. A connection that goes from one shard to another holds the one's until it holds the other's;
    /// so that it is not overlooked on its way, all are read twice.
    pub fn of_all(&self, shards: u16) -> u64 {
        let all = (0..shards).chain(0..shards);
        all.map(|shard| self.of(ShardId(shard))).min().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_horizon_of_all_is_that_of_the_last() {
        let horizons = Horizons::default();
        for (shard, us) in [(0, 30), (1, 10), (2, 20), (3, 5)] {
            horizons.set(ShardId(shard), us);
        }
        assert_eq!(horizons.of_all(3), 10);
        horizons.set(ShardId(1), 40);
        assert_eq!((horizons.of_all(3), horizons.of_all(4)), (20, 5));
    }
}
