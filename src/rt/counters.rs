//! What a shard's loop counts: written by its own thread only, read by any.
//!
//! Owns the numbers of the metrics page. It must not know how they are shown.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One shard's counters; on cache lines of their own, since the thread writes them in every pass.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    /// Connections that the shard serves.
    pub connections: AtomicU64,
    /// Connections that it was given since the start.
    pub accepted: AtomicU64,
    /// Connections that were refused because there were too many.
    pub rejected: AtomicU64,
    /// Connections that left for another shard.
    pub moved: AtomicU64,
    /// Passes of the loop.
    pub passes: AtomicU64,
    /// Computing time of the longest pass since somebody read this, when passes are timed.
    pub longest_pass_us: AtomicU64,
    /// Times that it fell asleep.
    pub sleeps: AtomicU64,
    /// Times that it woke a peer.
    pub rings: AtomicU64,
    /// Bytes from clients.
    pub received_bytes: AtomicU64,
    /// Bytes to clients.
    pub sent_bytes: AtomicU64,
    /// Batches to peers.
    pub batches: AtomicU64,
    /// Batches for which a lane had no room at first.
    pub batches_held: AtomicU64,
    /// Times that all receive buffers were in use.
    pub buffers_exhausted: AtomicU64,
}

/// A copy of a shard's counters: name, description, whether it only grows, value.
pub type Reading = [(&'static str, &'static str, bool, u64); 13];

impl Counters {
    /// The counters' values, each exact at some moment of the call.
    pub fn read(&self) -> Reading {
        let value = |counter: &AtomicU64| counter.load(Relaxed);
        [
            (
                "connections",
                "Connections served now.",
                false,
                value(&self.connections),
            ),
            (
                "accepted_total",
                "Connections given to the shard.",
                true,
                value(&self.accepted),
            ),
            (
                "rejected_total",
                "Connections refused by maxclients.",
                true,
                value(&self.rejected),
            ),
            (
                "moved_total",
                "Connections moved to another shard.",
                true,
                value(&self.moved),
            ),
            ("passes_total", "Passes of the loop.", true, value(&self.passes)),
            (
                "longest_pass_us",
                "Computing time of the longest pass since this page was last read, microseconds.",
                false,
                self.longest_pass_us.swap(0, Relaxed),
            ),
            ("sleeps_total", "Times the loop fell asleep.", true, value(&self.sleeps)),
            (
                "rings_total",
                "Times the loop woke a sleeping peer.",
                true,
                value(&self.rings),
            ),
            (
                "received_bytes_total",
                "Bytes from clients.",
                true,
                value(&self.received_bytes),
            ),
            ("sent_bytes_total", "Bytes to clients.", true, value(&self.sent_bytes)),
            (
                "batches_total",
                "Batches sent to other shards.",
                true,
                value(&self.batches),
            ),
            (
                "batches_held_total",
                "Batches that waited for room in a lane.",
                true,
                value(&self.batches_held),
            ),
            (
                "buffers_exhausted_total",
                "Receives that found no buffer and started again.",
                true,
                value(&self.buffers_exhausted),
            ),
        ]
    }
}

/// Adds to a counter of the calling thread: no locked instruction, since nobody else writes it.
pub fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(amount), Relaxed);
}
