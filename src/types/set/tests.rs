//! The structure against a tree of byte strings, in all forms and between them; fairness of draws; promises of scans.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Limits, Set};
use crate::base::number::parse_i64;
use crate::base::rng::Rng;

const LIMITS: Limits = Limits {
    ints: 8,
    entries: 10,
    value_bytes: 20,
};

fn default_limits() -> Limits {
    Limits {
        ints: 512,
        entries: 128,
        value_bytes: 64,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Vec<u8>),
    Remove(Vec<u8>),
    Pop(u64),
    PopMany(u64, u64),
    Announce(Vec<Vec<u8>>),
    Sort,
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        6 => -6..6i64,
        1 => prop_oneof![Just(-32_769), Just(32_767), Just(32_768), Just(-2_147_483_649), Just(2_147_483_647)],
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(2_147_483_648)],
    ];
    let word = (
        prop_oneof![4 => 0..6usize, 1 => 19..23usize, 1 => 126..130usize],
        0..2u8,
    );
    prop_oneof![
        4 => number.prop_map(|number| number.to_string().into_bytes()),
        2 => word.prop_map(|(len, byte)| vec![b'a' + byte; len]),
        1 => prop_oneof![Just("01"), Just("-0"), Just("+1"), Just("9223372036854775808")].prop_map(|text| text.as_bytes().to_vec()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => member().prop_map(Step::Insert),
        3 => member().prop_map(Step::Remove),
        1 => any::<u64>().prop_map(Step::Pop),
        1 => (any::<u64>(), any::<u64>()).prop_map(|(count, seed)| Step::PopMany(count, seed)),
        1 => prop::collection::vec(member(), 0..13).prop_map(Step::Announce),
        1 => Just(Step::Sort),
    ]
}

/// What the set should be called after a member came.
fn encoding_with(before: &'static str, model: &BTreeSet<Vec<u8>>, member: &[u8]) -> &'static str {
    let is_int = parse_i64(member).is_some();
    let longest = model.iter().map(Vec::len).max().unwrap_or(0);
    match before {
        "intset" if is_int && model.len() <= LIMITS.ints => "intset",
        "intset" if is_int => "hashtable",
        "intset" if model.len() <= LIMITS.entries && longest <= LIMITS.value_bytes => "listpack",
        "listpack" if model.len() <= LIMITS.entries && member.len() <= LIMITS.value_bytes => "listpack",
        _ => "hashtable",
    }
}

proptest! {
    #[test]
    fn a_set_is_a_set(steps in prop::collection::vec(step(), 0..150)) {
        let (mut set, mut model) = (Set::new(), BTreeSet::new());
        for step in steps {
            let before = set.encoding();
            match step {
                Step::Insert(member) => {
                    let new = model.insert(member.clone());
                    prop_assert_eq!(set.insert(&member, LIMITS), new);
                    let want = if new { encoding_with(before, &model, &member) } else { before };
                    prop_assert_eq!(set.encoding(), want);
                }
                Step::Remove(member) => prop_assert_eq!(set.remove(&member), model.remove(&member)),
                Step::Pop(seed) => {
                    let popped = set.pop(&mut Rng::new(seed), <[u8]>::to_vec);
                    prop_assert_eq!(popped.is_some(), !model.is_empty());
                    prop_assert!(popped.is_none_or(|member| model.remove(&member)));
                }
                Step::PopMany(count, seed) if !model.is_empty() => {
                    let count = count as usize % model.len();
                    let mut popped = Vec::new();
                    set.pop_many(count, &mut Rng::new(seed), LIMITS, |member| popped.push(member.to_vec()));
                    prop_assert_eq!(popped.len(), count);
                    for member in popped {
                        prop_assert!(model.remove(&member));
                    }
                    let fits = model.iter().all(|member| member.len() <= LIMITS.value_bytes);
                    let packs = before == "hashtable" && fits && model.len() * 5 <= count && model.len() <= LIMITS.entries;
                    prop_assert_eq!(set.encoding(), if packs { "listpack" } else { before });
                }
                Step::PopMany(..) => {}
                Step::Announce(members) => {
                    set.will_grow(LIMITS, members.iter().map(Vec::as_slice));
                    if before == "hashtable" && !model.is_empty() {
                        prop_assert_eq!(set.encoding(), before);
                    }
                }
                Step::Sort => {
                    set.sort_ints(LIMITS);
                    let sorts = model.len() <= LIMITS.ints && model.iter().all(|member| parse_i64(member).is_some());
                    prop_assert_eq!(set.encoding(), if sorts { "intset" } else { before });
                }
            }
            set.check();
            prop_assert_eq!(set.len(), model.len());
            let members: BTreeSet<Vec<u8>> = set.iter().map(|member| member.to_vec()).collect();
            prop_assert_eq!(&members, &model);
            prop_assert_eq!(&set.clone(), &set);
        }
    }
}

fn name(number: u64) -> Vec<u8> {
    // Some members are too long to stand among the others.
    let filling = if number % 50 == 49 { 200 } else { 3 };
    format!("{number}{}", "x".repeat(filling)).into_bytes()
}

fn filled(members: u64) -> Set {
    let mut set = Set::new();
    for number in 0..members {
        assert!(set.insert(&name(number), default_limits()));
    }
    set
}

#[test]
fn a_large_set_is_a_set_while_it_grows_and_shrinks() {
    let (members, steps) = (4000, 40_000);
    let mut rng = Rng::new(1);
    let (mut set, mut model) = (filled(130), (0..130).collect::<BTreeSet<u64>>());
    for step in 0..steps {
        let number = rng.below(members);
        // First it grows, then it shrinks, then both.
        let grows = match step * 3 / steps {
            0 => rng.chance(7, 10),
            1 => rng.chance(2, 10),
            _ => rng.chance(5, 10),
        };
        if grows {
            assert_eq!(set.insert(&name(number), default_limits()), model.insert(number));
        } else if rng.chance(1, 2) {
            assert_eq!(set.remove(&name(number)), model.remove(&number));
        } else if let Some(member) = set.pop(&mut rng, <[u8]>::to_vec) {
            let digits = member.split(|byte| *byte == b'x').next();
            let number = digits.and_then(parse_i64).expect("members begin with digits") as u64;
            assert!(model.remove(&number));
        }
        assert_eq!(set.len(), model.len());
        if step % 500 == 0 {
            set.check();
        }
    }
    set.check();
    assert_eq!(set.iter().count(), model.len());
    assert!(model.iter().all(|number| set.contains(&name(*number))));
    while set.pop(&mut rng, |_| ()).is_some() {}
    assert_eq!((set.len(), set.encoding()), (0, "hashtable"));
    set.check();
}

#[test]
fn what_is_about_to_come_decides_the_form() {
    let numbers: Vec<Vec<u8>> = (0..12).map(|number: i64| number.to_string().into_bytes()).collect();
    let words = |count: usize| numbers[..count].iter().map(Vec::as_slice);
    for (first, more, want) in [
        (8, 0, "intset"),
        (9, 0, "listpack"),
        (11, 0, "hashtable"),
        (3, 8, "intset"),
        (3, 9, "hashtable"),
    ] {
        let mut set = Set::new();
        set.will_grow(LIMITS, words(first));
        for word in words(first.min(3)) {
            set.insert(word, LIMITS);
        }
        set.will_grow(LIMITS, words(more));
        assert_eq!(set.encoding(), want, "{first} and {more}");
    }
    let mut set = Set::new();
    set.will_grow(LIMITS, [&b"a"[..], b"1"].into_iter());
    assert_eq!(set.encoding(), "listpack");
}

#[test]
fn small_sets_keep_their_order() {
    let list = |set: &Set| -> Vec<String> {
        let members = set.iter().map(|member| String::from_utf8_lossy(&member).into_owned());
        members.collect()
    };
    let mut set = Set::of_ints();
    for member in ["300", "-5", "70000", "2"] {
        set.insert(member.as_bytes(), LIMITS);
    }
    assert_eq!(list(&set), ["-5", "2", "300", "70000"]);
    set.insert(b"b", LIMITS);
    set.insert(b"1", LIMITS);
    set.remove(b"2");
    assert_eq!(list(&set), ["-5", "300", "70000", "b", "1"]);
}

/// Fails when one of `len` outcomes, each equally likely, was drawn far too often or too seldom.
fn check_even(times: &BTreeMap<Vec<u8>, u32>, len: usize, what: &str) {
    let drawn: u32 = times.values().sum();
    let expected = f64::from(drawn) / len as f64;
    let squares = times.values().map(|&times| (f64::from(times) - expected).powi(2));
    let missing = (len - times.len()) as f64 * expected.powi(2);
    let chi = (squares.sum::<f64>() + missing) / expected;
    // The mean of chi squared is the number of outcomes, its deviation the root of twice that.
    let deviations = (chi - len as f64) / (2.0 * len as f64).sqrt();
    assert!(deviations.abs() < 5.0, "{what}: {deviations} deviations from even");
}

#[test]
fn every_member_is_as_likely_as_any_other() {
    let mut rng = Rng::new(3);
    let mut sparse = filled(5000);
    for number in 0..5000 {
        // Some segments are full, others nearly empty.
        if sixteenth(number) < 3 && number % 9 > 0 {
            sparse.remove(&name(number));
        }
    }
    let mut ints = Set::of_ints();
    for number in 0..200i64 {
        ints.insert(number.to_string().as_bytes(), default_limits());
    }
    for (what, set, form) in [
        ("integers", &ints, "intset"),
        ("packed", &filled(49), "listpack"),
        ("a table of one segment", &filled(300), "hashtable"),
        ("a table", &filled(3000), "hashtable"),
        ("a table with holes", &sparse, "hashtable"),
    ] {
        assert_eq!(set.encoding(), form, "{what}");
        let len = set.len();
        let mut times = BTreeMap::<Vec<u8>, u32>::new();
        for _ in 0..len * 20 {
            let member = set.random(&mut rng).expect("the set has members");
            *times.entry(member.to_vec()).or_default() += 1;
        }
        check_even(&times, len, what);
        for count in [len / 10, len / 2] {
            times.clear();
            for _ in 0..len * 20 / count {
                let sample = set.sample(count, &mut rng);
                let distinct: BTreeSet<Vec<u8>> = sample.iter().map(|member| member.to_vec()).collect();
                assert_eq!(distinct.len(), count);
                distinct
                    .into_iter()
                    .for_each(|member| *times.entry(member).or_default() += 1);
            }
            // Draws without repetition spread more evenly than chi squared expects: only clumps are looked for.
            assert!(times.values().all(|times| *times < 60), "{what}");
        }
        times.clear();
        if len <= 500 {
            for _ in 0..len * 20 {
                let popped = set.clone().pop(&mut rng, <[u8]>::to_vec);
                *times.entry(popped.expect("the set has members")).or_default() += 1;
            }
            check_even(&times, len, what);
        }
    }
}

/// In which sixteenth of the order of scans a member lies.
fn sixteenth(number: u64) -> u64 {
    crate::types::directory::order_of(crate::base::hash::table_hash(&name(number))) >> 60
}

#[test]
fn a_scan_meets_each_member_once_while_others_come_and_go() {
    let mut rng = Rng::new(7);
    for count in [1, 10, 1000] {
        let mut set = filled(2000);
        let (mut cursor, mut next, mut seen) = (0, 2000, BTreeMap::<Vec<u8>, u32>::new());
        loop {
            let mut visited = 0;
            cursor = set.scan(cursor, count, &mut |member| {
                *seen.entry(member.to_vec()).or_default() += 1;
                visited += 1;
            });
            assert!(visited <= count + 5, "{visited} of {count}");
            if cursor == 0 {
                break;
            }
            assert!(cursor < 1 << 48);
            // The members from 1000 to 1999 go, others come.
            for _ in 0..count.min(40) {
                set.remove(&name(1000 + rng.below(1000)));
                if rng.chance(1, 2) {
                    set.insert(&name(next), default_limits());
                    next += 1;
                }
            }
        }
        set.check();
        for number in 0..1000 {
            assert_eq!(seen.get(&name(number)), Some(&1), "{number}");
        }
        assert!(seen.values().all(|times| *times == 1));
    }
    let mut small = 0;
    assert_eq!(filled(49).scan(5, 1, &mut |_| small += 1), 0);
    assert_eq!(small, 49);
}

#[test]
fn memory_follows_the_members() {
    let mut set = Set::new();
    let name = |number: u64| format!("item{number:012}").into_bytes();
    for number in 0..100_000 {
        set.insert(&name(number), default_limits());
    }
    let each = set.heap_bytes() as f64 / 1e5;
    assert!((17.0..30.0).contains(&each), "{each} bytes a member");
    let mut rng = Rng::new(2);
    // Members come and go without the set taking more and more.
    for number in 100_000..300_000 {
        set.pop(&mut rng, |_| ());
        set.insert(&name(number), default_limits());
    }
    let each = set.heap_bytes() as f64 / 1e5;
    assert!(each < 34.0, "{each} bytes a member after much change");
    set.pop_many(99_500, &mut rng, default_limits(), |_| ());
    assert_eq!(set.encoding(), "hashtable");
    assert!(set.heap_bytes() < 500 * 80, "{}", set.heap_bytes());
    set.pop_many(490, &mut rng, default_limits(), |_| ());
    assert_eq!((set.encoding(), set.len()), ("listpack", 10));
    assert!(set.heap_bytes() <= 256, "{}", set.heap_bytes());
}
