//! The dictionary against a map, and its promises on scans, draws and memory.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Numbered {
    name: Vec<u8>,
    size: usize,
}

impl Item for Numbered {
    fn name(&self) -> &[u8] {
        &self.name
    }

    fn heap_bytes(&self) -> usize {
        self.size
    }
}

fn name(number: u64) -> Vec<u8> {
    format!("n{number}").into_bytes()
}

fn insert(dict: &mut Dict<Numbered>, number: u64) -> bool {
    let name = name(number);
    dict.insert_with(&name, || Numbered {
        name: name.clone(),
        size: 1,
    })
}

fn filled(numbers: std::ops::Range<u64>) -> Dict<Numbered> {
    let mut dict = Dict::default();
    for number in numbers {
        assert!(insert(&mut dict, number));
    }
    dict
}

#[test]
fn a_dictionary_is_a_map() {
    for (numbers, steps) in [(20, 2000), (3000, 30_000)] {
        let mut rng = Rng::new(numbers);
        let (mut dict, mut model) = (Dict::default(), BTreeMap::new());
        for step in 0..steps {
            let number = rng.below(numbers);
            let name = name(number);
            let before = model.contains_key(&number);
            // First it grows, then it shrinks, then both.
            match (rng.below(10), step * 3 / steps) {
                (0..7, 0) | (0..2, 1) | (0..4, 2) => {
                    assert_eq!(
                        insert(&mut dict, number),
                        model.insert(number, 1).is_none_or(|old| {
                            model.insert(number, old);
                            false
                        })
                    );
                }
                (9, _) => {
                    let item = Numbered {
                        name: name.clone(),
                        size: 2,
                    };
                    let is_new = dict.upsert(&name, |item| item.size += 1, || item);
                    let size = model.entry(number).or_insert(1);
                    *size += 1;
                    assert_eq!(is_new, *size == 2 && !before);
                }
                _ => {
                    let removed = dict.remove(&name).map(|item| item.size);
                    assert_eq!(removed, model.remove(&number));
                }
            }
            assert_eq!(dict.len(), model.len());
            assert_eq!(dict.find(&name).map(|item| item.size), model.get(&number).copied());
            if step % 500 == 0 {
                dict.check();
            }
        }
        for number in 0..numbers {
            dict.remove(&self::name(number));
        }
        dict.check();
        assert_eq!(dict.heap_bytes(), 0);
    }
}

#[test]
fn a_scan_meets_each_item_once_while_others_come_and_go() {
    let mut rng = Rng::new(7);
    for count in [1, 10, 1000] {
        let mut dict = filled(0..2000);
        let (mut cursor, mut next, mut seen) = (0, 2000, BTreeMap::<Vec<u8>, u32>::new());
        loop {
            let mut visited = 0;
            cursor = dict.scan(cursor, count, &mut |item| {
                *seen.entry(item.name.clone()).or_default() += 1;
                visited += 1;
            });
            assert!(visited <= count + 5, "{visited} of {count}");
            if cursor == 0 {
                break;
            }
            assert!(cursor < 1 << 48);
            // The items from 1000 to 1999 go, others come.
            for _ in 0..count.min(40) {
                dict.remove(&name(1000 + rng.below(1000)));
                if rng.chance(1, 2) {
                    insert(&mut dict, next);
                    next += 1;
                }
            }
        }
        dict.check();
        for number in 0..1000 {
            assert_eq!(seen.get(&name(number)), Some(&1), "{number}");
        }
        assert!(seen.values().all(|times| *times == 1));
    }
}

#[test]
fn any_cursor_is_a_place_to_start_from() {
    let dict = filled(0..1000);
    for (cursor, share) in [(0, 1.0), (1 << 46, 0.75), (1 << 47, 0.5), ((1 << 48) - 1, 0.0)] {
        let mut visited = 0;
        assert_eq!(dict.scan(cursor, usize::MAX, &mut |_| visited += 1), 0);
        assert!(
            (f64::from(visited) - 1000.0 * share).abs() < 100.0,
            "{cursor}: {visited}"
        );
    }
}

#[test]
fn draws_are_spread_over_all_items() {
    let dict = filled(0..1000);
    let mut rng = Rng::new(1);
    let drawn: BTreeSet<_> = (0..20_000)
        .filter_map(|_| dict.random(&mut rng).map(|item| item.name.clone()))
        .collect();
    assert!(drawn.len() > 990, "only {} were drawn", drawn.len());
    assert!(Dict::<Numbered>::default().random(&mut rng).is_none());
}

#[test]
fn the_table_takes_a_few_places_per_item() {
    let mut dict = filled(0..100_000);
    let table = dict.heap_bytes() - dict.len();
    let per_item = table as f64 / 1e5 / (size_of::<Numbered>() + 1) as f64;
    assert!((1.0..2.0).contains(&per_item), "{per_item} places an item");
    for number in 100..100_000 {
        dict.remove(&name(number));
    }
    dict.check();
    assert!(dict.heap_bytes() < 100 * 400, "{}", dict.heap_bytes());
}
