//! Time per operation on the list structure alone, at several lengths.
//!
//! `cargo bench --bench list` prints nanoseconds an operation; run it on an idle core.

use std::hint::black_box;
use std::time::Instant;

use corelane::types::List;
use corelane::types::list::End;

const ITEM: [u8; 64] = [b'x'; 64];

fn filled(len: usize) -> List {
    let mut list = List::new();
    (0..len).for_each(|_| list.push(End::Right, &ITEM));
    list
}

/// Runs `operation` in rounds that double until one takes 20 ms, and prints the best round's time per operation.
fn measure(name: &str, len: usize, mut operation: impl FnMut(usize)) {
    let (mut rounds, mut best, mut last) = (1, f64::INFINITY, 0.0);
    while last < 2e7 {
        let start = Instant::now();
        (0..rounds).for_each(&mut operation);
        last = start.elapsed().as_nanos() as f64;
        best = best.min(last / rounds as f64);
        rounds *= 2;
    }
    println!("{name:24} {len:>9} items {best:>12.1} ns");
}

fn main() {
    for len in [10, 1_000, 100_000, 5_000_000] {
        let mut list = filled(len);
        let bytes = list.heap_bytes() as f64 / len as f64;
        println!("{:24} {len:>9} items {bytes:>12.1} bytes an item", "memory");
        measure("push right, pop left", len, |_| {
            list.push(End::Right, &ITEM);
            black_box(list.pop_with(End::Left, <[u8]>::len));
        });
        measure("push left, pop right", len, |_| {
            list.push(End::Left, &ITEM);
            black_box(list.pop_with(End::Right, <[u8]>::len));
        });
        measure("push and pop right", len, |_| {
            list.push(End::Right, &ITEM);
            black_box(list.pop_with(End::Right, <[u8]>::len));
        });
        measure("mixed lengths through", len, |n| {
            list.push(End::Left, &ITEM[..20 + n % 40]);
            black_box(list.pop_with(End::Right, <[u8]>::len));
        });
        measure("get in the middle", len, |n| {
            black_box(list.get(len / 2 + n % 4).map(<[u8]>::len));
        });
        measure("100 from the middle", len, |_| {
            let mut bytes = 0;
            list.iter_from(len / 2)
                .take(100)
                .for_each(|item| bytes += black_box(item).len());
            black_box(bytes);
        });
        measure("set in the middle", len, |_| {
            black_box(list.set(len / 2, &ITEM));
        });
        measure("remove first equal", len, |_| {
            list.push(End::Left, b"needle");
            black_box(list.remove_equal(End::Left, 1, b"needle"));
        });
    }
    let mut list = List::new();
    measure("growth", 0, |_| list.push(End::Right, &ITEM));
}
