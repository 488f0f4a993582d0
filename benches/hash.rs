//! Time per operation on hashes alone, small and large.
//!
//! `cargo bench --bench hash` prints nanoseconds an operation; run it on an idle core.

mod measure;
mod numbered;

use std::hint::black_box;

use corelane::base::rng::Rng;
use corelane::base::time::UnixMillis;
use corelane::types::Hash;
use corelane::types::hash::{Limits, Setting, Ttl};
use measure::measure;
use numbered::numbered;

const NOW: UnixMillis = UnixMillis(0);
const SETTING: Setting = Setting {
    limits: Limits {
        entries: 512,
        value_bytes: 64,
    },
    now: NOW,
    ttl: Ttl::Never,
};

fn main() {
    for len in [10, 100, 10_000, 1_000_000] {
        let mut rng = Rng::new(len);
        let mut hash = Hash::new();
        for number in 0..len {
            hash.set(&numbered(number), &numbered(number), SETTING);
        }
        let bytes = hash.heap_bytes() as f64 / len as f64;
        println!("{:28} {len:>9} items {bytes:>12.1} bytes an item", "memory");
        measure("get", len, |_| {
            black_box(hash.get(&numbered(rng.below(len)), NOW));
        });
        measure("set, equally long", len, |n| {
            hash.set(&numbered(rng.below(len)), &numbered(n), SETTING);
        });
        measure("set, other lengths", len, |n| {
            let value = &numbered(n)[..(n % 16) as usize];
            hash.set(&numbered(rng.below(len)), value, SETTING);
        });
        measure("add and remove", len, |n| {
            let field = numbered(len + n);
            hash.set(&field, &field, SETTING);
            black_box(hash.remove(&field, NOW));
        });
        if len <= 100 {
            measure("all pairs", len, |_| {
                let bytes = hash.iter(NOW).map(|(field, value)| field.len() + value.len());
                black_box(bytes.sum::<usize>());
            });
        }
    }
}
