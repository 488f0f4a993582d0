//! Time per operation on streams and groups alone.
//!
//! `cargo bench --bench stream` prints nanoseconds an operation; run it on an idle core.

mod measure;

use std::hint::black_box;

use corelane::types::stream::{Flow, Group, Limits, Log, Pending, StreamId, Trim};
use measure::measure;

const LIMITS: Limits = Limits {
    node_bytes: 4096,
    node_entries: 100,
};
const PAIRS: [&[u8]; 4] = [b"field1", b"sixteen bytes ok", b"field2", b"and here as well"];

fn id(number: u64) -> StreamId {
    StreamId::new(1_700_000_000_000 + number / 4, number % 4)
}

fn main() {
    for len in [100, 10_000, 1_000_000] {
        let mut log = Log::default();
        let mut group = Group::new(StreamId::MIN, None);
        let consumer = group.add_consumer(b"worker", 0);
        for number in 0..len {
            log.push(id(number), PAIRS.into_iter(), LIMITS);
            group.put(id(number), Pending::new(consumer, number, 1));
        }
        for (what, bytes) in [
            ("memory of entries", log.heap_bytes()),
            ("memory of pending", group.heap_bytes()),
        ] {
            let bytes = bytes as f64 / len as f64;
            println!("{what:28} {len:>9} items {bytes:>12.1} bytes an item");
        }
        let mut next = len;
        measure("append and trim", len, |_| {
            log.push(id(next), PAIRS.into_iter(), LIMITS);
            next += 1;
            black_box(log.trim(Trim::MaxLen(len), Some(100)));
        });
        measure("10 entries from the middle", len, |_| {
            let mut left = 10;
            log.range(id(next - len / 2), StreamId::MAX, &mut |entry| {
                black_box(entry.pairs().count());
                left -= 1;
                if left > 0 { Flow::Continue(()) } else { Flow::Break(()) }
            });
        });
        measure("deliver and acknowledge", len, |n| {
            let id = id(2 * len + n);
            group.put(id, Pending::new(consumer, n, 1));
            black_box(group.remove(id));
        });
        measure("find what is idle", len, |_| {
            black_box(group.next(StreamId::MIN, 1));
        });
    }
}
