//! The structure against a plain map, and its promises on memory and scans.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Edge, Limits, SortedSet, compare};

/// One change of a sorted set.
#[derive(Clone, Debug)]
enum Step {
    Set(Vec<u8>, f64),
    Remove(Vec<u8>),
    RemoveAt(usize),
    RemoveRange(usize, usize),
    Pop(Edge),
    Fill(u16, u16, u8),
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-3..3i64).prop_map(|score| score as f64),
        2 => (-1_000_000_000_000_000..1_000_000_000_000_000i64).prop_map(|score| score as f64),
        2 => (0..1000i32).prop_map(|score| f64::from(score) / 7.0),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(1e300), Just(127.0), Just(-129.0)],
    ]
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        5 => (0..400u32).prop_map(|n| format!("member:{n:05}").into_bytes()),
        2 => (0..90usize, 0..4u8).prop_map(|(len, byte)| vec![byte; len]),
        1 => (prop_oneof![Just(300), Just(5000)], 0..3u8).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn edge() -> impl Strategy<Value = Edge> {
    prop_oneof![Just(Edge::Min), Just(Edge::Max)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (member(), score()).prop_map(|(member, score)| Step::Set(member, score)),
        2 => member().prop_map(Step::Remove),
        3 => any::<usize>().prop_map(Step::RemoveAt),
        1 => (any::<usize>(), 0..300usize).prop_map(|(at, len)| Step::RemoveRange(at, len)),
        3 => edge().prop_map(Step::Pop),
        2 => (any::<u16>(), 0..400u16, 0..4u8).prop_map(|(from, count, spread)| Step::Fill(from, count, spread)),
    ]
}

/// A set with the plain map that it must equal.
#[derive(Default)]
struct Pair {
    set: SortedSet,
    model: BTreeMap<Vec<u8>, f64>,
    limits: Limits,
}

impl Pair {
    fn sorted(&self) -> Vec<(&[u8], f64)> {
        let mut members: Vec<_> = self
            .model
            .iter()
            .map(|(member, score)| (member.as_slice(), *score))
            .collect();
        members.sort_by(|one, other| compare(*one, *other));
        members
    }

    fn put(&mut self, member: Vec<u8>, score: f64) {
        let new = self.set.set(&member, score, self.limits);
        assert_eq!(new, self.model.insert(member, score).is_none());
    }

    fn remove_ranks(&mut self, from: usize, to: usize) {
        let doomed: Vec<Vec<u8>> = self.sorted()[from..to]
            .iter()
            .map(|(member, _)| member.to_vec())
            .collect();
        self.set.remove_range(from..to);
        self.model.retain(|member, _| !doomed.contains(member));
    }

    fn apply(&mut self, step: Step) {
        let len = self.model.len();
        match step {
            Step::Set(member, score) => self.put(member, score),
            Step::Remove(member) => {
                assert_eq!(self.set.remove(&member), self.model.remove(&member).is_some());
            }
            Step::RemoveAt(at) => {
                if let Some(member) = self.model.keys().nth(at % (len + 1)).cloned() {
                    assert!(self.set.remove(&member));
                    self.model.remove(&member);
                }
            }
            Step::RemoveRange(at, count) => {
                let from = at % (len + 1);
                self.remove_ranks(from, (from + count).min(len));
            }
            Step::Pop(edge) => {
                let want = match edge {
                    Edge::Min => self.sorted().first().map(|(member, score)| (member.to_vec(), *score)),
                    Edge::Max => self.sorted().last().map(|(member, score)| (member.to_vec(), *score)),
                };
                let got = self.set.pop_with(edge, |member, score| (member.to_vec(), score));
                assert_eq!(got, want);
                want.map(|(member, _)| self.model.remove(&member));
            }
            Step::Fill(from, count, spread) => {
                for n in 0..count {
                    let score = f64::from(n) * [0.0, 1.0, -1.0, 0.25][usize::from(spread)];
                    self.put(format!("{:05}", from.wrapping_add(n)).into_bytes(), score);
                }
            }
        }
    }

    fn compare(&self) {
        self.set.check();
        let sorted = self.sorted();
        assert!(self.set.iter().eq(sorted.iter().copied()));
        assert!(self.set.iter().rev().eq(sorted.iter().rev().copied()));
        for (rank, (member, score)) in sorted.iter().enumerate().step_by(sorted.len() / 20 + 1) {
            assert_eq!(self.set.rank(member), Some((rank, *score)));
            assert_eq!(self.set.score(member), Some(*score));
            assert_eq!(self.set.at(rank), Some((*member, *score)));
            let range = rank..sorted.len().min(rank + 70);
            assert!(self.set.range(range.clone()).eq(sorted[range.clone()].iter().copied()));
            assert!(
                self.set
                    .range(range.clone())
                    .rev()
                    .eq(sorted[range].iter().rev().copied())
            );
            for or_equal in [false, true] {
                let holds = |other: f64| other < *score || or_equal && other == *score;
                let want = sorted.partition_point(|(_, other)| holds(*other));
                assert_eq!(self.set.count_to_score(*score, or_equal), want);
                assert_eq!(self.set.count_while(|_, other| holds(other)), want);
            }
            let before = |name: &[u8], other: f64| compare((name, other), (member, *score)).is_lt();
            assert_eq!(self.set.count_while(before), rank);
        }
        assert_eq!(self.set.rank(b"nobody"), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn behaves_like_a_plain_map(entries in prop_oneof![Just(128usize), Just(0), Just(1000)], steps in prop::collection::vec(step(), 1..50)) {
        let limits = Limits { entries, value: 64 };
        let mut pair = Pair { limits, ..Pair::default() };
        for step in steps {
            pair.apply(step);
            pair.compare();
        }
        let sorted = SortedSet::from_distinct(pair.set.iter(), (0, 0), limits);
        sorted.check();
        prop_assert_eq!(&sorted, &pair.set);
        prop_assert_eq!(&pair.set.clone(), &pair.set);
    }

    #[test]
    fn a_scan_visits_all_that_stays(
        steps in prop::collection::vec(step(), 0..30),
        count in 1..100usize,
        between in prop::collection::vec(step(), 0..10),
    ) {
        let mut pair = Pair::default();
        steps.into_iter().for_each(|step| pair.apply(step));
        (0..900).for_each(|n| pair.put(format!("stays:{n}").into_bytes(), 1.0));
        let mut staying: BTreeSet<Vec<u8>> = pair.model.keys().cloned().collect();
        let mut between = between.into_iter();
        let (mut seen, mut cursor) = (BTreeSet::new(), 0);
        loop {
            cursor = pair.set.scan(cursor, count, &mut |member, _| {
                seen.insert(member.to_vec());
            });
            if cursor == 0 {
                break;
            }
            if let Some(step) = between.next() {
                pair.apply(step);
                staying.retain(|member| pair.model.contains_key(member));
            }
        }
        prop_assert!(staying.is_subset(&seen));
    }
}

#[test]
fn a_large_set_grows_and_empties_in_every_order() {
    let name = |n: u64| format!("member:{n:09}").into_bytes();
    let mut rng = crate::base::rng::Rng::new(3);
    for order in 0..4 {
        let mut pair = Pair::default();
        for n in 0..20_000u64 {
            let score = match order {
                0 => n as f64,
                1 => -(n as f64),
                2 => 7.0,
                _ => rng.below(5000) as f64,
            };
            pair.put(name(n * 7919 % 20_011), score);
        }
        pair.compare();
        let full = pair.set.heap_bytes();
        assert!(full < 20_000 * 64, "{} bytes a member", full / 20_000);
        match order {
            0 => (0..19_000).for_each(|_| pair.apply(Step::Pop(Edge::Min))),
            1 => pair.remove_ranks(100, 19_100),
            2 => (0..19_000).for_each(|_| pair.apply(Step::RemoveAt(rng.next_u64() as usize))),
            _ => (0..190).for_each(|_| {
                let from = rng.below(pair.model.len() as u64 - 100) as usize;
                pair.remove_ranks(from, from + 100);
            }),
        }
        pair.compare();
        assert!(
            pair.set.heap_bytes() < full / 4,
            "{} of {full} bytes",
            pair.set.heap_bytes()
        );
    }
}

#[test]
fn small_sets_take_little_more_than_their_members() {
    let mut set = SortedSet::new();
    for n in 0..20 {
        set.set(
            format!("member:{n:09}").as_bytes(),
            f64::from(n * 100),
            Limits::default(),
        );
    }
    assert_eq!(set.heap_bytes(), 384);
    assert_eq!(set.encoding(), "listpack");
}

#[test]
fn the_limits_decide_the_encoding() {
    let limits = Limits { entries: 3, value: 5 };
    let mut set = SortedSet::new();
    for n in 0..3u8 {
        set.set(&[n], 1.0, limits);
    }
    assert_eq!(set.encoding(), "listpack");
    set.set(&[2], 5.0, limits);
    assert_eq!(set.encoding(), "listpack");
    set.set(&[3], 1.0, limits);
    assert_eq!(set.encoding(), "skiplist");
    let mut set = SortedSet::new();
    set.set(b"123456", 1.0, limits);
    assert_eq!(set.encoding(), "skiplist");
    let mut set = SortedSet::new();
    set.expect(4, 1, limits);
    assert_eq!(set.encoding(), "skiplist");
}

#[test]
fn small_sets_have_no_negative_zero() {
    let sign = |limits: Limits| {
        let mut set = SortedSet::new();
        set.set(b"a", -0.0, limits);
        set.score(b"a").map(f64::is_sign_negative)
    };
    assert_eq!(sign(Limits::default()), Some(false));
    assert_eq!(sign(Limits { entries: 0, value: 0 }), Some(true));
}
