//! Time per operation on sets alone, small and large.
//!
//! `cargo bench --bench set` prints nanoseconds an operation; run it on an idle core.

mod measure;
mod numbered;

use std::hint::black_box;

use corelane::base::rng::Rng;
use corelane::types::Set;
use corelane::types::set::Limits;
use measure::measure;
use numbered::numbered;

const LIMITS: Limits = Limits {
    ints: 512,
    entries: 128,
    value_bytes: 64,
};

fn main() {
    for len in [10, 100, 10_000, 1_000_000] {
        let mut rng = Rng::new(len);
        let mut set = Set::new();
        for number in 0..len {
            set.insert(&numbered(number), LIMITS);
        }
        let bytes = set.heap_bytes() as f64 / len as f64;
        println!("{:28} {len:>9} items {bytes:>12.1} bytes an item", "memory");
        measure("contains", len, |_| {
            black_box(set.contains(&numbered(rng.below(len))));
        });
        measure("add and remove", len, |n| {
            set.insert(&numbered(len + n), LIMITS);
            black_box(set.remove(&numbered(len + n)));
        });
        measure("add and pop at random", len, |n| {
            set.insert(&numbered(2 * len + n), LIMITS);
            black_box(set.pop(&mut rng, <[u8]>::len));
        });
    }
}
