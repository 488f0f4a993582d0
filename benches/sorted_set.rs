//! Time per operation on the sorted-set structure alone, at several sizes, and its memory.
//!
//! `cargo bench --bench sorted_set` prints nanoseconds an operation; run it on an idle core.

mod measure;
mod numbered;

use std::hint::black_box;
use std::time::Instant;

use corelane::base::rng::Rng;
use corelane::types::SortedSet;
use corelane::types::sorted_set::{Edge, Limits};
use measure::measure;
use numbered::numbered;

fn main() {
    let limits = Limits::default();
    for len in [20, 100, 10_000, 100_000, 2_000_000u64] {
        let mut rng = Rng::new(len);
        let mut set = SortedSet::new();
        let start = Instant::now();
        for number in 0..len {
            set.set(&numbered(number), rng.below(1_000_000) as f64, limits);
        }
        let each = start.elapsed().as_nanos() as f64 / len as f64;
        println!("{:28} {len:>9} items {each:>12.1} ns", "add in random order");
        let bytes = set.heap_bytes() as f64 / len as f64;
        println!("{:28} {len:>9} items {bytes:>12.1} bytes a member", "memory");
        let mut next = len;
        measure("add one, pop the least", len, |_| {
            next += 1;
            set.set(&numbered(next), rng.below(1_000_000) as f64, limits);
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
