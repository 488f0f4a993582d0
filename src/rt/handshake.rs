//! How a shard that goes to sleep and a peer that has work for it do not miss each other.
//!
//! Owns the sleep flag. It must not know what work is, how one looks for it or how one rings; and it is generic over the
//! atomics, so that a model checker runs this very code (`tests/model`).
//!
//! It is Dekker's pattern. The sleeper raises its flag, then looks into its lanes; the sender fills a lane, then looks
//! at the flag; a sequentially consistent fence stands between the two steps on both sides. So at least one of them sees the
//! other: either the sleeper finds the batch, or the sender finds the flag and rings. An awake shard is never rung.

use std::sync::atomic::{AtomicBool, Ordering, fence};

/// The atomics that the handshake needs.
pub trait Atomics {
    /// A flag that threads share; its accesses are relaxed.
    type Flag;
    /// A flag that is down.
    fn flag() -> Self::Flag;
    /// Whether the flag is up.
    fn is_up(flag: &Self::Flag) -> bool;
    /// Raises or lowers the flag.
    fn set(flag: &Self::Flag, up: bool);
    /// Lowers the flag in one step; whether it was up.
    fn lower(flag: &Self::Flag) -> bool;
    /// A sequentially consistent fence.
    fn fence();
}

/// The processor's own.
#[derive(Debug)]
pub struct Native;

impl Atomics for Native {
    type Flag = AtomicBool;

    fn flag() -> AtomicBool {
        AtomicBool::new(false)
    }

    #[inline]
    fn is_up(flag: &AtomicBool) -> bool {
        flag.load(Ordering::Relaxed)
    }

    #[inline]
    fn set(flag: &AtomicBool, up: bool) {
        flag.store(up, Ordering::Relaxed);
    }

    #[inline]
    fn lower(flag: &AtomicBool) -> bool {
        flag.swap(false, Ordering::Relaxed)
    }

    #[inline]
    fn fence() {
        fence(Ordering::SeqCst);
    }
}

/// Whether a shard sleeps, on a cache line of its own: its owner writes it often, its peers read it often.
#[repr(align(128))]
pub struct Sleep<A: Atomics = Native> {
    asleep: A::Flag,
}

impl<A: Atomics> Default for Sleep<A> {
    fn default() -> Self {
        Sleep { asleep: A::flag() }
    }
}

impl<A: Atomics> Sleep<A> {
    /// Whether the shard must be rung after something was put into its lanes; true for one caller only.
    #[inline]
    pub fn needs_ring(&self) -> bool {
        A::fence();
        A::is_up(&self.asleep) && A::lower(&self.asleep)
    }

    /// The shard is about to sleep; false when it must not, because there is something for it.
    #[inline]
    pub fn fall_asleep(&self, is_idle: impl FnOnce() -> bool) -> bool {
        A::set(&self.asleep, true);
        A::fence();
        let idle = is_idle();
        if !idle {
            self.wake_up();
        }
        idle
    }

    /// The shard is awake again.
    #[inline]
    pub fn wake_up(&self) {
        A::set(&self.asleep, false);
    }
}
