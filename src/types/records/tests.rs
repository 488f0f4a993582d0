//! The table against a map, and its promises on scans, draws and memory.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::base::rng::Rng;

/// The first eight bytes of a record are its name.
#[derive(Clone, Debug, Default)]
struct First;

impl Naming for First {
    fn name(record: &[u8]) -> &[u8] {
        &record[..8]
    }
}

type Numbers = Table<First>;

fn name(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

fn insert(table: &mut Numbers, number: u64) -> bool {
    table.insert(&name(number), &[&name(number), b"rest"])
}

fn filled(numbers: std::ops::Range<u64>) -> Numbers {
    let mut table = Table::default();
    for number in numbers {
        assert!(insert(&mut table, number));
    }
    table
}

/// Bytes behind a name: mostly some few, sometimes more than a record in the segment's own memory can have.
fn rest(rng: &mut Rng) -> Vec<u8> {
    let len = match rng.below(12) {
        0 => 119 + rng.below(3),
        1 => rng.below(400),
        _ => rng.below(12),
    };
    vec![rng.below(256) as u8; len as usize]
}

#[test]
fn a_table_is_a_map() {
    for (numbers, steps) in [(20, 3000), (3000, 40_000)] {
        let mut rng = Rng::new(numbers);
        let (mut table, mut model) = (Numbers::default(), BTreeMap::<u64, Vec<u8>>::new());
        for step in 0..steps {
            let number = rng.below(numbers);
            let name = name(number);
            // First it grows, then it shrinks, then both.
            match (rng.below(10), step * 3 / steps) {
                (0..6, 0) | (0..2, 1) | (0..4, 2) => {
                    let rest = rest(&mut rng);
                    let is_new = table.set(&name, &[&name[..3], &name[3..], &rest]);
                    assert_eq!(is_new, model.insert(number, rest).is_none());
                }
                (9, _) => {
                    let rest = rest(&mut rng);
                    let is_new = table.insert(&name, &[&name, &rest]);
                    assert_eq!(is_new, !model.contains_key(&number));
                    model.entry(number).or_insert(rest);
                }
                _ => assert_eq!(table.remove(&name), model.remove(&number).is_some()),
            }
            assert_eq!(table.len(), model.len());
            let found = table.find(&name).map(|record| &record[8..]);
            assert_eq!(found, model.get(&number).map(|rest| &rest[..]));
            if step % 500 == 0 {
                table.check();
                let all: BTreeMap<&[u8], &[u8]> = table.iter().map(|record| record.split_at(8)).collect();
                let rests = all.into_values().collect::<Vec<_>>();
                assert_eq!(rests, model.values().collect::<Vec<_>>());
            }
        }
        for number in 0..numbers {
            table.remove(&self::name(number));
        }
        table.check();
        assert_eq!(table.heap_bytes(), 0);
    }
}

#[test]
fn a_scan_meets_each_record_once_while_others_come_and_go() {
    let mut rng = Rng::new(7);
    for count in [1, 10, 1000] {
        let mut table = filled(0..2000);
        let (mut cursor, mut next, mut seen) = (0, 2000, BTreeMap::<Vec<u8>, u32>::new());
        loop {
            let mut visited = 0;
            cursor = table.scan(cursor, count, &mut |record| {
                *seen.entry(First::name(record).to_vec()).or_default() += 1;
                visited += 1;
            });
            assert!(visited <= count + 5, "{visited} of {count}");
            if cursor == 0 {
                break;
            }
            assert!(cursor < 1 << 48);
            // The records from 1000 to 1999 go, others come.
            for _ in 0..count.min(40) {
                table.remove(&name(1000 + rng.below(1000)));
                if rng.chance(1, 2) {
                    insert(&mut table, next);
                    next += 1;
                }
            }
        }
        table.check();
        for number in 0..1000 {
            assert_eq!(seen.get(&name(number)[..]), Some(&1), "{number}");
        }
        assert!(seen.values().all(|times| *times == 1));
    }
}

#[test]
fn any_cursor_is_a_place_to_start_from() {
    let table = filled(0..1000);
    for (cursor, share) in [(0, 1.0), (1 << 46, 0.75), (1 << 47, 0.5), ((1 << 48) - 1, 0.0)] {
        let mut visited = 0;
        assert_eq!(table.scan(cursor, usize::MAX, &mut |_| visited += 1), 0);
        assert!(
            (f64::from(visited) - 1000.0 * share).abs() < 100.0,
            "{cursor}: {visited}"
        );
    }
}

#[test]
fn draws_and_samples_are_spread_over_all_records() {
    let table = filled(0..1000);
    let mut rng = Rng::new(1);
    let drawn: BTreeSet<_> = (0..20_000)
        .filter_map(|_| table.draw(&mut rng).map(|place| table.at(place)))
        .collect();
    assert!(drawn.len() > 990, "only {} were drawn", drawn.len());
    assert_eq!(table.sample(100, &mut rng).collect::<BTreeSet<_>>().len(), 100);
    assert!(Numbers::default().draw(&mut rng).is_none());
}

#[test]
fn a_record_takes_little_more_than_its_bytes() {
    let mut table = Numbers::default();
    let value = [b'v'; 24];
    for number in 0..100_000 {
        table.set(&name(number), &[&name(number), &value]);
    }
    let each = table.heap_bytes() as f64 / 1e5;
    assert!((33.0..52.0).contains(&each), "{each} bytes for 32");
    for number in 100..100_000 {
        table.remove(&name(number));
    }
    table.check();
    assert!(table.heap_bytes() < 100 * 400, "{}", table.heap_bytes());
}
