//! Takes the time of one operation. Knows nothing of what it measures.

use std::time::Instant;

/// A round that takes so long ends a measurement.
const ROUND_NS: f64 = 2e7;

/// Runs `operation` in rounds that double until one takes 20 ms, and prints the best round's time per operation.
pub fn measure(what: &str, len: u64, mut operation: impl FnMut(u64)) {
    let (mut rounds, mut best, mut last) = (1, f64::INFINITY, 0.0);
    while last < ROUND_NS {
        let start = Instant::now();
        (0..rounds).for_each(&mut operation);
        last = start.elapsed().as_nanos() as f64;
        best = best.min(last / rounds as f64);
        rounds *= 2;
    }
    println!("{what:28} {len:>9} items {best:>12.1} ns");
}
