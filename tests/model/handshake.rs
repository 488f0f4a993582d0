//! The handshake of sleeping shards under loom: every interleaving with few preemptions, and every value that the memory model lets a load see.

use std::panic::catch_unwind;

use corelane::rt::handshake::{Atomics, Sleep};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use loom::thread;

/// Loom's atomics, with or without the fence.
struct Checked<const FENCED: bool>;

impl<const FENCED: bool> Atomics for Checked<FENCED> {
    type Flag = AtomicBool;

    fn flag() -> AtomicBool {
        AtomicBool::new(false)
    }

    fn is_up(flag: &AtomicBool) -> bool {
        flag.load(Ordering::Relaxed)
    }

    fn set(flag: &AtomicBool, up: bool) {
        flag.store(up, Ordering::Relaxed);
    }

    fn lower(flag: &AtomicBool) -> bool {
        flag.swap(false, Ordering::Relaxed)
    }

    fn fence() {
        if FENCED {
            fence(Ordering::SeqCst);
        }
    }
}

/// Switches between threads that nothing forces, in one run: more bring nothing new in so few steps.
const SWITCHES_MAX: usize = 3;

/// Senders that fill a lane once each while the shard looks `looks` times whether it may sleep. The lane is as weak as any: its
/// length is written and read relaxed.
fn a_sleeper_and<const FENCED: bool>(senders: usize, looks: usize) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(SWITCHES_MAX);
    builder.check(move || {
        let sleep: Arc<Sleep<Checked<FENCED>>> = Arc::new(Sleep::default());
        let lane = Arc::new(AtomicUsize::new(0));
        let running: Vec<_> = (0..senders)
            .map(|_| {
                let (sleep, lane) = (sleep.clone(), lane.clone());
                thread::spawn(move || {
                    lane.fetch_add(1, Ordering::Relaxed);
                    sleep.needs_ring()
                })
            })
            .collect();
        let (mut found, mut asleep) = (0, false);
        for _ in 0..looks {
            asleep = sleep.fall_asleep(|| lane.load(Ordering::Relaxed) == found);
            if asleep {
                break;
            }
            found = lane.load(Ordering::Relaxed);
        }
        let rings = running
            .into_iter()
            .map(|sender| sender.join().expect("a sender ends"))
            .filter(|&rings| rings)
            .count();
        let missed = lane.load(Ordering::Relaxed) - found;
        assert!(
            !asleep || missed == 0 || rings > 0,
            "it sleeps beside work, and nobody rings"
        );
        assert!(rings <= 1, "one sleep, one ring");
    });
}

#[test]
fn nobody_sleeps_beside_work() {
    a_sleeper_and::<true>(1, 2);
    a_sleeper_and::<true>(2, 1);
}

#[test]
fn a_missing_fence_is_seen() {
    assert!(catch_unwind(|| a_sleeper_and::<false>(1, 1)).is_err());
}
