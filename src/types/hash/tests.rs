//! The structure against a map, in both forms, and where it changes from one to the other.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Hash, Limits};
use crate::base::rng::Rng;

const LIMITS: Limits = Limits {
    entries: 10,
    value_bytes: 20,
};

#[derive(Clone, Debug)]
enum Step {
    Set(u8, Vec<u8>),
    Remove(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let len = prop_oneof![8 => 0..12usize, 1 => 20..22usize, 1 => Just(300)];
    let value = (len, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]);
    prop_oneof![
        3 => (0..30u8, value).prop_map(|(field, value)| Step::Set(field, value)),
        2 => (0..30u8).prop_map(Step::Remove),
    ]
}

fn field(number: u8) -> Vec<u8> {
    let len = if number == 29 { 300 } else { usize::from(number) };
    [&vec![b'f'; len][..], &[number]].concat()
}

proptest! {
    #[test]
    fn behaves_like_a_map(steps in prop::collection::vec(step(), 0..120)) {
        let (mut hash, mut model) = (Hash::new(), BTreeMap::new());
        let mut packed = true;
        for step in steps {
            match step {
                Step::Set(number, value) => {
                    let field = field(number);
                    packed &= field.len() <= 20 && value.len() <= 20;
                    prop_assert_eq!(hash.set(&field, &value, LIMITS), model.insert(field, value).is_none());
                    packed &= model.len() <= 10;
                }
                Step::Remove(number) => {
                    let field = field(number);
                    prop_assert_eq!(hash.remove(&field), model.remove(&field).is_some());
                }
            }
            prop_assert_eq!(hash.len(), model.len());
            prop_assert_eq!(hash.encoding(), if packed { "listpack" } else { "hashtable" });
            let pairs: BTreeMap<_, _> = hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
            prop_assert_eq!(&pairs, &model);
            for number in 0..30 {
                let field = field(number);
                prop_assert_eq!(hash.get(&field), model.get(&field).map(Vec::as_slice));
            }
            prop_assert_eq!(&hash.clone(), &hash);
        }
    }
}

fn filled(fields: u32) -> Hash {
    let mut hash = Hash::new();
    for number in 0..fields {
        hash.set(format!("f{number}").as_bytes(), b"v", LIMITS);
    }
    hash
}

#[test]
fn a_small_hash_keeps_its_order() {
    let mut hash = filled(5);
    hash.set(b"f1", b"longer", LIMITS);
    hash.remove(b"f0");
    hash.set(b"f0", b"", LIMITS);
    let pairs: Vec<_> = hash.iter().collect();
    let want: [(&[u8], &[u8]); 5] = [
        (b"f1", b"longer"),
        (b"f2", b"v"),
        (b"f3", b"v"),
        (b"f4", b"v"),
        (b"f0", b""),
    ];
    assert_eq!(pairs, want);
}

#[test]
fn what_is_about_to_be_set_decides_the_form() {
    let words = |count: usize| vec![&b"x"[..]; count].into_iter();
    let mut hash = Hash::new();
    hash.will_grow(LIMITS, words(20));
    assert_eq!(hash.encoding(), "listpack");
    hash.will_grow(LIMITS, words(22));
    assert_eq!(hash.encoding(), "hashtable");
    let mut hash = filled(9);
    hash.will_grow(LIMITS, [&b"f"[..], &[b'v'; 21]].into_iter());
    assert_eq!((hash.encoding(), hash.len()), ("hashtable", 9));
}

#[test]
fn samples_are_distinct_and_reach_every_pair() {
    let mut rng = Rng::new(3);
    for fields in [0, 1, 7, 400] {
        let hash = filled(fields);
        for count in [0, 1, 3, fields as usize / 2, fields as usize, 1000] {
            let mut seen = BTreeSet::new();
            for _ in 0..200 {
                let sample: BTreeSet<_> = hash.sample(count, &mut rng).into_iter().collect();
                assert_eq!(sample.len(), count.min(hash.len()));
                seen.extend(sample);
            }
            assert!(count == 0 || count * 200 < 8 * hash.len() || seen.len() == hash.len());
        }
        let drawn: BTreeSet<_> = (0..fields * 30).filter_map(|_| hash.random(&mut rng)).collect();
        assert!(drawn.len() * 10 >= hash.len() * 9);
    }
}

#[test]
fn a_scan_sees_every_pair() {
    for fields in [5, 1000] {
        let hash = filled(fields);
        let (mut cursor, mut seen, mut calls) = (0, BTreeSet::new(), 0);
        loop {
            cursor = hash.scan(cursor, 10, &mut |field, _| {
                seen.insert(field.to_vec());
            });
            calls += 1;
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen.len(), hash.len());
        assert_eq!(calls > 1, fields > 10, "{calls}");
    }
}
