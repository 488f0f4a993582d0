//! The memory limit: what all shards take together, and room made by evicting keys of this shard before a command runs.
//!
//! A shard writes down what it takes and whether it has keys that may go, for the others to read; nobody waits for anybody. It evicts
//! from its own keyspace only, never from what a transaction holds. When it has nothing that may go it asks those that have.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::message::{Message, Outbox};
use super::state::Shard;
use super::tracking::TrackedKeys;
use crate::base::id::{Origin, ShardId};
use crate::command::{Class, context};
use crate::config::EvictionPolicy;
use crate::keyspace::eviction::{Choice, Evictor};

/// Evictions after which a shard looks again at what the others take.
const EVICTIONS_PER_LOOK: usize = 16;
/// The tenacity that sets no bound.
const TENACITY_MAX: u32 = 100;
/// Keys that are evicted at once, for each step of tenacity.
const KEYS_PER_TENACITY: usize = 25;

/// What the shards of a process take.
#[derive(Debug, Default)]
pub struct Budget {
    /// What the process took before it had data.
    base_bytes: AtomicU64,
    /// How many keys they track for clients.
    pub(super) tracked_keys: TrackedKeys,
    shares: OnceLock<Box<[Share]>>,
}

/// One shard's share; on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Share {
    used_bytes: AtomicU64,
    /// Whether there are keys that the policy lets go.
    may_evict: AtomicBool,
    /// Whether it has been asked to evict and has not begun.
    asked: AtomicBool,
}

impl Budget {
    fn shares(&self, shards: u16) -> &[Share] {
        self.shares
            .get_or_init(|| (0..shards).map(|_| Share::default()).collect())
    }

    /// Sets what the process took before it had data.
    pub fn set_base_bytes(&self, bytes: u64) {
        self.base_bytes.store(bytes, Relaxed);
    }

    /// What the process took before it had data.
    pub fn base_bytes(&self) -> u64 {
        self.base_bytes.load(Relaxed)
    }
}

/// A shard's view of the limit.
#[derive(Debug, Default)]
pub struct Memory {
    evictor: Evictor,
    /// What the process and the other shards took when last looked.
    elsewhere_bytes: u64,
    /// What is lent to transactions, as it was when it left.
    pub(super) lent_bytes: usize,
    /// Whether there was too much and nothing to evict when the last command began.
    pub is_full: bool,
}

impl Shard {
    /// Bytes that keys and tables of this shard take, lent ones included.
    pub fn used_bytes(&self) -> u64 {
        let here = self.keyspace.as_ref().map_or(0, |space| space.used_bytes());
        (here + self.memory.lent_bytes) as u64
    }

    fn share(&self, shard: ShardId) -> &Share {
        &self.budget.shares(self.shards)[shard.index()]
    }

    fn excess_bytes(&self) -> u64 {
        // Even an empty server takes something.
        let used = (self.used_bytes() + self.memory.elsewhere_bytes).max(2);
        used.saturating_sub(self.config.maxmemory_bytes)
    }

    /// Whether the limit is exceeded as far as this shard knows.
    #[inline]
    pub fn is_over_limit(&self) -> bool {
        self.config.maxmemory_bytes > 0 && self.excess_bytes() > 0 && !self.leaves_evictions()
    }

    /// Whether the primary decides what is evicted.
    fn leaves_evictions(&self) -> bool {
        self.config.is_replica() && self.config.replica_ignore_maxmemory
    }

    /// Exchanges with the other shards what each takes; once in a pass, and when memory is short.
    pub fn share_usage(&mut self) {
        if self.config.maxmemory_bytes == 0 {
            return;
        }
        let own = self.share(self.id);
        own.used_bytes.store(self.used_bytes(), Relaxed);
        if let Some(space) = &self.keyspace {
            let policy = self.config.maxmemory_policy;
            let may_evict = policy != EvictionPolicy::NoEviction && space.has_keys(policy.is_volatile());
            own.may_evict.store(may_evict, Relaxed);
        }
        let others = (0..self.shards).filter(|&shard| shard != self.id.0);
        let used = others.map(|shard| self.share(ShardId(shard)).used_bytes.load(Relaxed));
        self.memory.elsewhere_bytes = used.sum::<u64>() + self.budget.base_bytes();
    }

    /// Called before a command: evicts while the limit is exceeded. `is_full` tells afterwards that nothing was left to evict.
    #[inline]
    pub fn make_room(&mut self, out: &mut Outbox) {
        self.memory.is_full = false;
        if self.is_over_limit() {
            self.evict(out);
        }
    }

    /// Evicts a bounded number of keys while the limit is exceeded. Tells whether it is still exceeded with more to evict here.
    #[cold]
    pub fn evict(&mut self, out: &mut Outbox) -> bool {
        let keys_max = match self.config.maxmemory_eviction_tenacity {
            TENACITY_MAX => usize::MAX,
            tenacity => (tenacity as usize * KEYS_PER_TENACITY).max(1),
        };
        let mut evicted = 0;
        self.share_usage();
        while evicted < keys_max && self.excess_bytes() > 0 && self.evict_one() {
            evicted += 1;
            if evicted.is_multiple_of(EVICTIONS_PER_LOOK) {
                self.share_usage();
            }
        }
        self.share_usage();
        if self.has_aftermath() {
            let outer = std::mem::take(&mut self.wakes);
            self.settle(out);
            self.wakes = outer;
        }
        let is_over = self.excess_bytes() > 0;
        let has_more = self.share(self.id).may_evict.load(Relaxed);
        self.memory.is_full = is_over && !has_more && !self.ask_others(out);
        is_over && has_more && self.keyspace.is_some()
    }

    fn evict_one(&mut self) -> bool {
        let Some(space) = self.keyspace.as_deref_mut() else {
            return false;
        };
        let choice = Choice {
            policy: self.config.maxmemory_policy,
            samples: self.config.maxmemory_samples,
            frequency: context::counting(&self.config),
            now: self.now.unix_ms(),
        };
        let Some((db, entry)) = self.memory.evictor.evict(space, &choice, &mut self.rng) else {
            return false;
        };
        self.effects.evicted += 1;
        self.effects.by = Origin::default();
        self.effects.notify = self.config.notify_keyspace_events;
        self.effects.changed(db, entry.key(), Class::Evicted, "evicted");
        self.effects.redo.push_gone(db, entry.key());
        true
    }

    /// Asks the shards that have keys which may go to evict some; false when there is none.
    fn ask_others(&self, out: &mut Outbox) -> bool {
        if self.config.maxmemory_policy == EvictionPolicy::NoEviction {
            return false;
        }
        let others = (0..self.shards).filter(|&shard| shard != self.id.0).map(ShardId);
        let mut found = false;
        for shard in others.filter(|&shard| self.share(shard).may_evict.load(Relaxed)) {
            found = true;
            if !self.share(shard).asked.swap(true, Relaxed) {
                out.request(shard, Message::MakeRoom);
            }
        }
        found
    }

    /// Does what another shard asked for; tells whether more is to be done.
    pub fn make_room_for_others(&mut self, out: &mut Outbox) -> bool {
        self.share(self.id).asked.store(false, Relaxed);
        self.config.maxmemory_bytes > 0 && !self.leaves_evictions() && self.evict(out)
    }
}
