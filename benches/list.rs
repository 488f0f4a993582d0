//! Time per operation on the list structure alone, at several lengths.
//!
//! `cargo bench --bench list` prints nanoseconds an operation; run it on an idle core.

mod measure;

use std::hint::black_box;

use corelane::types::List;
use corelane::types::list::End;
use measure::measure;

const ITEM: [u8; 64] = [b'x'; 64];

fn filled(len: usize) -> List {
    let mut list = List::new();
    (0..len).for_each(|_| list.push(End::Right, &ITEM));
    list
}

fn main() {
    for size in [10, 1_000, 100_000, 5_000_000] {
        let len = size as usize;
        let mut list = filled(len);
        let bytes = list.heap_bytes() as f64 / len as f64;
        println!("{:28} {len:>9} items {bytes:>12.1} bytes an item", "memory");
        measure("push right, pop left", size, |_| {
            list.push(End::Right, &ITEM);
            black_box(list.pop_with(End::Left, <[u8]>::len));
        });
        measure("push left, pop right", size, |_| {
            list.push(End::Left, &ITEM);
            black_box(list.pop_with(End::Right, <[u8]>::len));
        });
        measure("push and pop right", size, |_| {
            list.push(End::Right, &ITEM);
            black_box(list.pop_with(End::Right, <[u8]>::len));
        });
        measure("mixed lengths through", size, |n| {
            list.push(End::Left, &ITEM[..20 + n as usize % 40]);
            black_box(list.pop_with(End::Right, <[u8]>::len));
        });
        measure("get in the middle", size, |n| {
            black_box(list.get(len / 2 + n as usize % 4).map(<[u8]>::len));
        });
        measure("100 from the middle", size, |_| {
            let mut bytes = 0;
            list.iter_from(len / 2)
                .take(100)
                .for_each(|item| bytes += black_box(item).len());
            black_box(bytes);
        });
        measure("set in the middle", size, |_| {
            black_box(list.set(len / 2, &ITEM));
        });
        measure("remove first equal", size, |_| {
            list.push(End::Left, b"needle");
            black_box(list.remove_equal(End::Left, 1, b"needle"));
        });
    }
    let mut list = List::new();
    measure("growth", 0, |_| list.push(End::Right, &ITEM));
}
