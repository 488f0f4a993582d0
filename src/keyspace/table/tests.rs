//! Tables against a plain map, with good and with weak hashes; what scans, expiry and random draws promise.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::base::rng::Rng;
use crate::base::time::UnixMillis;

/// Keys crowd in a few homes of a few segments, and their fingerprints say little.
struct Crowded;

impl KeyHash for Crowded {
    fn hash(key: &[u8]) -> u64 {
        table_hash(key) & 0xff00_0f00_0000_0003
    }
}

/// All keys want to be first.
struct Same;

impl KeyHash for Same {
    fn hash(_: &[u8]) -> u64 {
        7
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Keys from `.0` on, `.1` of them, each expiring at `.2`.
    Insert(u16, u16, Option<i64>),
    Remove(u16, u16),
    Expire(u16, u16, Option<i64>),
    TakeExpired(i64, usize),
}

fn step(keys: u16) -> impl Strategy<Value = Step> {
    let time = || proptest::option::of(0i64..100);
    prop_oneof![
        4 => (0..keys, 0..keys / 2, time()).prop_map(|(from, count, at)| Step::Insert(from, count, at)),
        3 => (0..keys, 0..keys / 2).prop_map(|(from, count)| Step::Remove(from, count)),
        1 => (0..keys, 0..keys / 2, time()).prop_map(|(from, count, at)| Step::Expire(from, count, at)),
        1 => (0i64..100, 0usize..500).prop_map(|(now, limit)| Step::TakeExpired(now, limit)),
    ]
}

fn name(number: u16) -> Vec<u8> {
    format!("key:{number}").into_bytes()
}

/// A table and what it must hold.
struct Pair<H> {
    table: Table<H>,
    model: HashMap<u16, Option<UnixMillis>>,
    keys: u16,
}

impl<H: KeyHash> Pair<H> {
    fn new(keys: u16) -> Self {
        let (table, model) = (Table::default(), HashMap::new());
        Pair { table, model, keys }
    }

    fn apply(&mut self, step: &Step) {
        let keys = self.keys;
        let numbers = move |from: u16, count: u16| (from..from + count).map(move |number| number % keys);
        match *step {
            Step::Insert(from, count, at) => numbers(from, count).for_each(|number| self.insert(number, at)),
            Step::Remove(from, count) => numbers(from, count).for_each(|number| self.remove(number)),
            Step::Expire(from, count, at) => numbers(from, count).for_each(|number| self.expire(number, at)),
            Step::TakeExpired(now, limit) => self.take_expired(UnixMillis(now), limit),
        }
    }

    fn insert(&mut self, number: u16, at: Option<i64>) {
        let key = name(number);
        let at = at.map(UnixMillis);
        let entry = Entry::int(&key, i64::from(number)).expiring(at);
        let known = self.model.insert(number, at);
        match self.table.find(H::hash(&key), &key) {
            Some(place) => {
                let replaced = self.table.replace(place, entry);
                assert_eq!(Some(replaced.expires_at()), known);
            }
            None => {
                assert_eq!(known, None);
                let place = self.table.insert_new(H::hash(&key), entry);
                assert_eq!(self.table.get(place).key(), key);
            }
        }
    }

    fn remove(&mut self, number: u16) {
        let key = name(number);
        let found = self.table.find(H::hash(&key), &key);
        let removed = found.map(|place| self.table.remove(place));
        assert_eq!(removed.as_ref().map(Entry::expires_at), self.model.remove(&number));
        assert!(removed.is_none_or(|entry| entry.key() == key && entry.rank() == 0));
    }

    fn expire(&mut self, number: u16, at: Option<i64>) {
        let key = name(number);
        let found = self.table.find(H::hash(&key), &key);
        assert_eq!(found.is_some(), self.model.contains_key(&number));
        if let Some(place) = found {
            self.table.set_expiry(place, at.map(UnixMillis));
            self.model.insert(number, at.map(UnixMillis));
        }
    }

    fn take_expired(&mut self, now: UnixMillis, limit: usize) {
        let taken = self.table.take_expired(now, limit);
        assert!(taken.len() <= limit);
        for entry in &taken {
            let number = entry.as_string().map(|string| match string {
                crate::keyspace::StringRef::Int(number) => number as u16,
                crate::keyspace::StringRef::Bytes(_) => panic!("all values are integers"),
            });
            let at = self.model.remove(&number.expect("all values are strings"));
            assert!(at.flatten().is_some_and(|at| at <= now));
        }
        let due = self.model.values().flatten().any(|&at| at <= now);
        let hint = self.table.soonest().is_some_and(|at| at <= now);
        assert!(!due || hint, "whoever asks again finds the rest");
    }

    fn check(&self) {
        self.table.check();
        assert_eq!(self.table.len(), self.model.len());
        for (&number, &at) in &self.model {
            let key = name(number);
            let place = self.table.find(H::hash(&key), &key).expect("the model has it");
            assert_eq!(self.table.get(place).expires_at(), at);
        }
        assert_eq!(self.table.iter().count(), self.model.len());
    }

    /// A whole scan with steps between its calls: what stays is visited.
    fn scan_while(&mut self, count: usize, steps: &[Step]) {
        let mut stays: HashSet<u16> = self.model.keys().copied().collect();
        let mut seen = HashSet::new();
        let mut cursor = 0;
        let mut steps = steps.iter();
        loop {
            let next = self.table.scan(cursor, count, &mut |entry| {
                seen.insert(entry.key().to_vec());
            });
            assert!(next == 0 || next > cursor && next < 1 << 48, "a scan comes to its end");
            if next == 0 {
                break;
            }
            cursor = next;
            if let Some(step) = steps.next() {
                self.apply(step);
                stays.retain(|number| self.model.contains_key(number));
            }
        }
        for number in stays {
            assert!(seen.contains(&name(number)), "missed {number}");
        }
    }
}

fn cases(normal: u32) -> ProptestConfig {
    let cases = if cfg!(miri) { 2 } else { normal };
    ProptestConfig {
        cases,
        ..ProptestConfig::default()
    }
}

const KEYS: u16 = if cfg!(miri) { 200 } else { 20_000 };

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn a_table_is_a_map(steps in proptest::collection::vec(step(KEYS), 1..16)) {
        let mut pair = Pair::<ProcessHash>::new(KEYS);
        for step in &steps {
            pair.apply(step);
            pair.check();
        }
    }

    #[test]
    fn a_scan_misses_nothing_that_stays(
        steps in proptest::collection::vec(step(KEYS), 1..4),
        meanwhile in proptest::collection::vec(step(KEYS), 0..40),
        count in 1usize..3000,
    ) {
        let mut pair = Pair::<ProcessHash>::new(KEYS);
        steps.iter().for_each(|step| pair.apply(step));
        pair.scan_while(count, &meanwhile);
    }
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn a_small_table_is_a_map(steps in proptest::collection::vec(step(60), 1..40)) {
        let mut pair = Pair::<ProcessHash>::new(60);
        for step in &steps {
            pair.apply(step);
            pair.check();
            pair.scan_while(3, &[]);
        }
    }

    #[test]
    fn crowded_hashes_only_cost_time(
        steps in proptest::collection::vec(step(3000), 1..8),
        meanwhile in proptest::collection::vec(step(3000), 0..10),
    ) {
        let mut pair = Pair::<Crowded>::new(3000);
        for step in &steps {
            pair.apply(step);
            pair.check();
        }
        pair.scan_while(10, &meanwhile);
        pair.check();
    }

    #[test]
    fn even_equal_hashes_only_cost_time(steps in proptest::collection::vec(step(600), 1..8)) {
        let mut pair = Pair::<Same>::new(600);
        for step in &steps {
            pair.apply(step);
            pair.check();
            pair.scan_while(10, &[]);
        }
    }
}

#[test]
fn a_cursor_begins_exactly_where_a_home_begins() {
    for (depth, prefix) in [(0, 0), (1, 1), (13, 0x1abc), (DEPTH_MAX, u32::MAX)] {
        for len in [1, 10, 20, 80, 333, 700, 1100, 1250] {
            let segment = Segment::new(prefix, depth, len);
            for bucket in 0..segment.buckets() {
                let first = segment.first_hash(bucket);
                assert_eq!((segment.home(first), first << 48), (bucket, 0));
                assert!(bucket == 0 || segment.home(first - 1) == bucket - 1);
            }
            assert_eq!(
                segment.end().map_or(0, |end| end >> 16),
                match prefix {
                    0x1abc => 0x1abd << 35,
                    _ => 0,
                }
            );
        }
    }
}

/// A table of this many keys.
fn filled(keys: u32, expires_at: impl Fn(u32) -> Option<i64>) -> Table {
    let mut table = Table::default();
    for number in 0..keys {
        let key = number.to_be_bytes();
        let entry = Entry::int(&key, 0).expiring(expires_at(number).map(UnixMillis));
        table.insert_new(table_hash(&key), entry);
    }
    table
}

#[test]
fn a_segment_of_equal_hashes_grows_instead_of_splitting() {
    let mut pair = Pair::<Same>::new(u16::MAX);
    pair.apply(&Step::Insert(0, if cfg!(miri) { 20 } else { 4000 }, None));
    pair.check();
    assert!(pair.table.directory.len() <= 2 * DIRECTORY_FACTOR_MAX);
}

#[test]
fn memory_follows_the_number_of_keys() {
    assert_eq!(Table::<ProcessHash>::default().bytes(), 0);
    assert!(filled(10, |_| None).bytes() < 512, "{}", filled(10, |_| None).bytes());
    if cfg!(miri) {
        return;
    }
    // The average over sizes that are evenly spread on a logarithmic scale, and the worst of them.
    let (mut sum, mut worst, mut sizes) = (0.0, 0.0f64, 0);
    let mut keys = 50_000.0f64;
    while keys < 200_000.0 {
        let bytes = filled(keys as u32, |_| None).bytes() as f64 / keys;
        (sum, worst, sizes) = (sum + bytes, worst.max(bytes), sizes + 1);
        keys *= 1.1;
    }
    let average = sum / f64::from(sizes);
    assert!(
        average < 12.0 && worst < 13.5,
        "average {average}, worst {worst} bytes a key"
    );
}

#[test]
fn memory_comes_back_after_mass_deletes() {
    let keys = if cfg!(miri) { 100 } else { 100_000u32 };
    let mut table = filled(keys, |_| None);
    let full = table.bytes();
    let mut rng = Rng::new(1);
    let mut order: Vec<u32> = (0..keys).collect();
    for at in 0..order.len() {
        order.swap(at, rng.below(u64::from(keys)) as usize);
    }
    for (done, number) in order.into_iter().enumerate() {
        let key = number.to_be_bytes();
        let place = table.find(table_hash(&key), &key).expect("not deleted yet");
        table.remove(place);
        if done as u32 == keys / 10 * 9 {
            assert!(
                table.bytes() * 5 < full || cfg!(miri),
                "{} of {full} bytes",
                table.bytes()
            );
            table.check();
        }
    }
    assert_eq!(table.bytes(), 0);
    table.check();
}

#[test]
fn draws_are_about_even() {
    let keys = if cfg!(miri) { 10 } else { 5000u32 };
    let table = filled(keys, |_| None);
    let mut rng = Rng::new(2);
    let draws_each = if cfg!(miri) { 5 } else { 400 };
    let mut drawn = HashMap::new();
    for _ in 0..keys * draws_each {
        *drawn
            .entry(table.random(&mut rng).expect("there are keys").key())
            .or_insert(0) += 1;
    }
    assert_eq!(drawn.len(), keys as usize);
    if !cfg!(miri) {
        // Five standard deviations of an even draw, and a quarter for segments that differ in size.
        let (least, most) = (drawn.values().min(), drawn.values().max());
        assert!(
            least >= Some(&225) && most <= Some(&625),
            "{least:?} to {most:?} of 400"
        );
    }
    assert!(Table::<ProcessHash>::default().random(&mut rng).is_none());
}

#[test]
fn a_draw_finds_the_last_key_of_a_large_table() {
    let mut table = filled(if cfg!(miri) { 50 } else { 20_000 }, |_| None);
    while table.len() > 1 {
        let doomed = table.iter().next().expect("there are two").key().to_vec();
        let place = table.find(table_hash(&doomed), &doomed).expect("it was just there");
        table.remove(place);
    }
    let mut rng = Rng::new(3);
    assert!((0..1000).all(|_| table.random(&mut rng).is_some()));
}

#[test]
fn segments_with_nothing_due_are_left_alone() {
    let keys = if cfg!(miri) { 100 } else { 20_000u32 };
    // Every fiftieth key expires, at its own time.
    let mut table = filled(keys, |number| (number % 50 == 0).then_some(i64::from(number)));
    assert_eq!(table.soonest(), Some(UnixMillis(0)));
    assert!(table.take_expired(UnixMillis(-1), 10).is_empty());
    let mut taken = 0;
    for now in 0..keys {
        while table.soonest().is_some_and(|at| at.0 <= i64::from(now)) {
            taken += table.take_expired(UnixMillis(i64::from(now)), 1000).len();
        }
        assert_eq!(taken, now as usize / 50 + 1);
        // The bound is exact after a sweep that looked everywhere.
        let next = (now < (keys - 1) / 50 * 50).then(|| UnixMillis(i64::from(now / 50 * 50 + 50)));
        assert_eq!(table.soonest(), next);
    }
    assert_eq!(table.volatile(), 0);
    table.check();
}

#[test]
fn prefetching_is_a_hint() {
    let table = filled(20, |_| None);
    for hash in [0, 1, u64::MAX, table_hash(b"x")] {
        table.prefetch_bucket(hash);
        table.prefetch_entry(hash);
        Table::<ProcessHash>::default().prefetch_bucket(hash);
    }
}
