//! `maxmemory-clients`: while the clients of all shards take more together, the biggest ones are closed.
//!
//! Each shard counts what its own clients take and writes it down, with the size of the biggest one that may go, for the others to read; nobody
//! waits for anybody. A shard closes its own clients only, and leaves it to another one that has a bigger one to begin.

use std::mem::size_of;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::connection::Connection;
use super::node::Node;
use crate::base::id::{ConnId, ShardId};

/// How long what was counted is good enough to leave clients alone although the limit is exceeded, microseconds.
const COUNT_HOLDS_US: u64 = 1000;

/// What the clients of each shard take.
#[derive(Debug, Default)]
pub(super) struct ClientShares(OnceLock<Box<[Share]>>);

/// One shard's share; on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Share {
    bytes: AtomicU64,
    /// What the biggest client takes that may be closed.
    biggest_bytes: AtomicU64,
}

/// A node's view of the limit.
#[derive(Debug, Default)]
pub(super) struct ClientMemory {
    /// Whether there is a limit, so that clients are counted.
    is_counting: bool,
    /// Whether clients are to be closed as soon as the pass's work is done.
    pub is_due: bool,
    /// When all clients were last counted, monotonic microseconds.
    counted_us: u64,
}

impl ClientShares {
    fn all(&self, shards: u16) -> &[Share] {
        self.0.get_or_init(|| (0..shards).map(|_| Share::default()).collect())
    }
}

impl Connection {
    /// What the client takes: its buffers and queued commands as they are, and its names as they were last counted; O(1).
    fn taken_bytes(&self) -> u64 {
        (size_of::<Connection>() + self.buffer_bytes() + self.session.queued_bytes() + self.names_bytes) as u64
    }
}

impl Node {
    fn client_share(&self) -> &Share {
        &self.shared.client_shares.all(self.shard.shards)[self.id().index()]
    }

    fn client_shares(&self) -> impl Iterator<Item = (ShardId, &Share)> {
        let shares = self.shared.client_shares.all(self.shard.shards);
        (0..).map(ShardId).zip(shares)
    }

    fn all_clients_bytes(&self) -> u64 {
        self.client_shares().map(|(_, share)| share.bytes.load(Relaxed)).sum()
    }

    /// What all clients may take together, bytes.
    pub(super) fn clients_limit(&self) -> Option<u64> {
        let config = &self.shard.config;
        config.maxmemory_clients.bytes(config.maxmemory_bytes)
    }

    /// Notes what a client takes after work on it.
    #[inline]
    pub(super) fn count_client(&mut self, conn: &mut Connection) {
        if self.client_memory.is_counting {
            self.recount_client(conn);
        }
    }

    #[cold]
    fn recount_client(&mut self, conn: &mut Connection) {
        self.discount_client(conn);
        if conn.is_cut_off {
            return;
        }
        conn.counted_bytes = conn.taken_bytes();
        let share = self.client_share();
        // Only this thread writes it.
        share
            .bytes
            .store(share.bytes.load(Relaxed) + conn.counted_bytes, Relaxed);
        let is_over = self
            .clients_limit()
            .is_some_and(|limit| self.all_clients_bytes() > limit);
        let counted_us = self.client_memory.counted_us;
        self.client_memory.is_due |= is_over && self.shard.now.mono_us >= counted_us + COUNT_HOLDS_US;
    }

    /// Forgets what a client takes that goes.
    pub(super) fn discount_client(&self, conn: &mut Connection) {
        let counted = std::mem::take(&mut conn.counted_bytes);
        if counted > 0 {
            let share = self.client_share();
            let rest = share.bytes.load(Relaxed).saturating_sub(counted);
            share.bytes.store(rest, Relaxed);
        }
    }

    /// Counts all clients, and closes the biggest ones while all take more than they may.
    pub(super) fn evict_clients(&mut self) {
        self.client_memory.is_due = false;
        let limit = self.clients_limit();
        if limit.is_some() || self.client_memory.is_counting {
            self.client_memory.is_counting = limit.is_some();
            self.client_memory.counted_us = self.shard.now.mono_us;
            let mut candidates = self.count_all_clients();
            if let Some(limit) = limit.filter(|&limit| self.all_clients_bytes() > limit) {
                candidates.sort_unstable_by_key(|&(bytes, id)| (bytes, id.0));
                self.close_biggest(candidates, limit);
            }
        }
    }

    /// Writes down what this shard's clients take. Answers those that may be closed.
    fn count_all_clients(&mut self) -> Vec<(u64, ConnId)> {
        let (mut sum, mut candidates) = (0, Vec::new());
        let is_counting = self.client_memory.is_counting;
        self.connections.each(|id, conn| {
            conn.counted_bytes = 0;
            if !is_counting || conn.is_cut_off {
                return;
            }
            conn.names_bytes = conn.session.names_bytes();
            conn.counted_bytes = conn.taken_bytes();
            sum += conn.counted_bytes;
            if !conn.session.no_evict && !conn.session.closing {
                candidates.push((conn.counted_bytes, id));
            }
        });
        let share = self.client_share();
        share.bytes.store(sum, Relaxed);
        let biggest = candidates.iter().map(|&(bytes, _)| bytes).max().unwrap_or(0);
        share.biggest_bytes.store(biggest, Relaxed);
        candidates
    }

    /// Closes clients, the last first, until all take no more than the limit or another shard has a bigger one.
    fn close_biggest(&mut self, mut candidates: Vec<(u64, ConnId)>, limit: u64) {
        let own = self.id();
        let others = self.client_shares().filter(|&(shard, _)| shard != own);
        // Of two that are equal the shard with the lower number's goes first.
        let biggest = others.map(|(shard, share)| (share.biggest_bytes.load(Relaxed), shard < own));
        let elsewhere = biggest.max().unwrap_or_default();
        while let Some(&(bytes, id)) = candidates.last()
            && self.all_clients_bytes() > limit
            && (bytes, false) >= elsewhere
        {
            candidates.pop();
            if let Some(mut conn) = self.take_conn(id) {
                log::info!("Evicting client: {} with {bytes} bytes.", conn.session.address);
                self.counters.evicted_clients += 1;
                self.discount_client(&mut conn);
                self.close_at_once(id, &mut conn);
                self.put_conn(id, conn);
            }
        }
        let biggest = candidates.last().map_or(0, |&(bytes, _)| bytes);
        self.client_share().biggest_bytes.store(biggest, Relaxed);
    }
}
