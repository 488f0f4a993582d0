//! Time per operation on the sorted-set structure alone, at several sizes, and its memory.
//!
//! `cargo bench --bench sorted_set` prints nanoseconds an operation; run it on an idle core.

use std::hint::black_box;
use std::time::Instant;

use corelane::base::rng::Rng;
use corelane::types::SortedSet;
use corelane::types::sorted_set::{Edge, Limits};

fn name(number: u64) -> [u8; 16] {
    let mut name = *b"member:000000000";
    let mut rest = number;
    for digit in name[7..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    name
}

/// Runs `operation` in rounds that double until one takes 20 ms, and prints the best round's time per operation.
fn measure(what: &str, len: u64, mut operation: impl FnMut(u64)) {
    let (mut rounds, mut best, mut last) = (1, f64::INFINITY, 0.0);
    while last < 2e7 {
        let start = Instant::now();
        (0..rounds).for_each(&mut operation);
        last = start.elapsed().as_nanos() as f64;
        best = best.min(last / rounds as f64);
        rounds *= 2;
    }
    println!("{what:24} {len:>9} members {best:>12.1} ns");
}

fn main() {
    let limits = Limits::default();
    for len in [20, 100, 10_000, 100_000, 2_000_000u64] {
        let mut rng = Rng::new(len);
        let mut set = SortedSet::new();
        let start = Instant::now();
        for number in 0..len {
            set.set(&name(number), rng.below(1_000_000) as f64, limits);
        }
        let each = start.elapsed().as_nanos() as f64 / len as f64;
        println!("{:24} {len:>9} members {each:>12.1} ns", "add in random order");
        let bytes = set.heap_bytes() as f64 / len as f64;
        println!("{:24} {len:>9} members {bytes:>12.1} bytes a member", "memory");
        let mut next = len;
        measure("add one, pop the least", len, |_| {
            next += 1;
            set.set(&name(next), rng.below(1_000_000) as f64, limits);
            black_box(set.pop_with(Edge::Min, |member, _| member.len()));
        });
        let members: Vec<Vec<u8>> = set.iter().map(|(member, _)| member.to_vec()).collect();
        let any = |rng: &mut Rng| members[rng.below(len) as usize].as_slice();
        measure("new score", len, |_| {
            let score = rng.below(1_000_000) as f64;
            set.set(any(&mut rng), score, limits);
        });
        measure("score", len, |_| {
            black_box(set.score(any(&mut rng)));
        });
        measure("rank", len, |_| {
            black_box(set.rank(any(&mut rng)));
        });
        measure("highest", len, |_| {
            black_box(set.range(set.len() - 1..set.len()).next_back());
        });
        measure("100 by rank", len, |_| {
            let from = rng.below(len) as usize;
            let range = from..(from + 100).min(set.len());
            black_box(set.range(range).map(|(member, _)| member.len()).sum::<usize>());
        });
        measure("count by score", len, |_| {
            black_box(set.count_to_score(rng.below(1_000_000) as f64, true));
        });
    }
}
