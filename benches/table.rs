//! Time per operation on a database alone: lookups, strings read and written, keys that come and go.
//!
//! `cargo bench --bench table` prints nanoseconds an operation; run it on an idle core.

mod measure;
mod numbered;

use std::hint::black_box;

use corelane::base::hash::table_hash;
use corelane::base::rng::Rng;
use corelane::keyspace::{Db, Entry};
use measure::measure;
use numbered::numbered;

const VALUE: [u8; 64] = [b'x'; 64];

fn main() {
    for len in [100, 10_000, 1_000_000] {
        let mut rng = Rng::new(len);
        let mut db = Db::default();
        for number in 0..len {
            db.insert(Entry::string(&numbered(number), &VALUE));
        }
        let bytes = db.used_bytes() as f64 / len as f64;
        println!("{:28} {len:>9} items {bytes:>12.1} bytes an item", "memory");
        measure("find a key", len, |_| {
            let key = numbered(rng.below(len));
            black_box(db.find(table_hash(&key), &key));
        });
        measure("find no key", len, |n| {
            let key = numbered(len + n);
            black_box(db.find(table_hash(&key), &key));
        });
        measure("get a string", len, |_| {
            let key = numbered(rng.below(len));
            black_box(db.get(&key).and_then(Entry::as_string));
        });
        measure("set a string", len, |_| {
            let key = numbered(rng.below(len));
            let entry = db.get_mut(&key).expect("all keys are there");
            entry.set_string(&VALUE);
        });
        measure("insert and remove", len, |n| {
            let key = numbered(len + n);
            db.insert(Entry::string(&key, &VALUE));
            black_box(db.remove(&key));
        });
        let mut cursor = 0;
        measure("scan of 10", len, |_| {
            cursor = db.scan(cursor, 10, &mut |entry| {
                black_box(entry.key());
            });
        });
    }
}
