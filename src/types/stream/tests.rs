//! The structure against plain maps, and its promises on memory.

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::tree::{Flow, Item, Tree};
use super::{Group, Limits, Log, Packed, Pending, Reach, StreamId, Trim};

const LIMITS: Limits = Limits {
    node_bytes: 4096,
    node_entries: 100,
};

type Words = Vec<Vec<u8>>;

fn id(ms: u64) -> StreamId {
    StreamId::new(ms, 1)
}

fn bytes(packed: Packed<'_>) -> Vec<u8> {
    match packed {
        Packed::Bytes(bytes) => bytes.to_vec(),
        Packed::Int(number) => number.to_string().into_bytes(),
    }
}

fn all(log: &Log) -> Vec<(StreamId, Words)> {
    between(log, StreamId::MIN, StreamId::MAX)
}

fn between(log: &Log, from: StreamId, to: StreamId) -> Vec<(StreamId, Words)> {
    let mut found = Vec::new();
    log.range(from, to, &mut |entry| {
        let words = entry.pairs().flat_map(|(field, value)| [bytes(field), bytes(value)]);
        found.push((entry.id, words.collect()));
        Flow::Continue(())
    });
    found
}

/// A log with the plain map that it must equal, and every id that it has ever had.
#[derive(Default)]
struct Pair {
    log: Log,
    model: BTreeMap<StreamId, Words>,
    ever: Vec<StreamId>,
}

#[derive(Clone, Debug)]
enum Step {
    Push(u8, u8, Words),
    Fill(u16, u8),
    Delete(u16),
    DeleteRun(u16, u8),
    MaxLen(u8, Option<u8>),
    MinId(u16, Option<u8>),
}

fn words() -> impl Strategy<Value = Words> {
    let item = prop_oneof![
        4 => prop_oneof![Just("a"), Just("b"), Just("name"), Just("")].prop_map(|text| text.as_bytes().to_vec()),
        2 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        1 => (0..200i64).prop_map(|number| number.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..80),
    ];
    prop::collection::vec((item.clone(), item), 1..4)
        .prop_map(|pairs| pairs.into_iter().flat_map(|(field, value)| [field, value]).collect())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<u8>(), 0..4u8, words()).prop_map(|(ms, seq, words)| Step::Push(ms, seq, words)),
        3 => (1..400u16, 1..100u8).prop_map(|(count, len)| Step::Fill(count, len)),
        3 => any::<u16>().prop_map(Step::Delete),
        2 => (any::<u16>(), any::<u8>()).prop_map(|(at, count)| Step::DeleteRun(at, count)),
        1 => (any::<u8>(), prop::option::of(any::<u8>())).prop_map(|(len, limit)| Step::MaxLen(len, limit)),
        1 => (any::<u16>(), prop::option::of(any::<u8>())).prop_map(|(at, limit)| Step::MinId(at, limit)),
    ]
}

impl Pair {
    fn push(&mut self, id: StreamId, words: &Words, limits: Limits) {
        self.log.push(id, words.iter().map(|word| &**word), limits);
        self.model.insert(id, words.clone());
        self.ever.push(id);
    }

    fn nth_ever(&self, at: u16) -> StreamId {
        match self.ever.len() {
            0 => id(1),
            len => self.ever[usize::from(at) % len],
        }
    }

    fn trim(&mut self, trim: Trim, whole: Option<u64>) {
        let goes = |left: usize, id: StreamId| match trim {
            Trim::MaxLen(len) => left as u64 > len,
            Trim::MinId(min) => id < min,
        };
        let trimmed = self.log.trim(trim, whole);
        for done in 0..trimmed {
            let (first, _) = self.model.pop_first().expect("no more is trimmed than there is");
            assert!(goes(self.model.len() + 1, first), "{done}");
        }
        let rest = self.model.first_key_value();
        if whole.is_none() {
            assert!(rest.is_none_or(|(first, _)| !goes(self.model.len(), *first)));
        }
        assert!(whole.is_none_or(|limit| limit == 0 || trimmed <= limit));
    }

    fn step(&mut self, step: &Step, limits: Limits) {
        let last = self.log.last_id();
        match step {
            Step::Push(ms, seq, words) => {
                let id = match ms {
                    0..=99 => StreamId::new(last.ms, last.seq + 1 + u64::from(*seq)),
                    _ => StreamId::new(last.ms + u64::from(*ms), u64::from(*seq)),
                };
                self.push(id, words, limits);
            }
            Step::Fill(count, len) => {
                for at in 0..u64::from(*count) {
                    let words = vec![b"field".to_vec(), vec![b'v'; usize::from(*len)]];
                    self.push(StreamId::new(last.ms + 1 + at, 0), &words, limits);
                }
            }
            Step::Delete(at) => {
                let id = self.nth_ever(*at);
                assert_eq!(self.log.delete(id), self.model.remove(&id).is_some());
            }
            Step::DeleteRun(at, count) => {
                let from = self.nth_ever(*at);
                let ids: Vec<StreamId> = self
                    .model
                    .range(from..)
                    .map(|(id, _)| *id)
                    .take(usize::from(*count))
                    .collect();
                for id in ids {
                    assert!(self.log.delete(id) && self.model.remove(&id).is_some());
                    assert!(!self.log.delete(id));
                }
            }
            Step::MaxLen(len, limit) => self.trim(Trim::MaxLen(u64::from(*len)), limit.map(u64::from)),
            Step::MinId(at, limit) => self.trim(Trim::MinId(self.nth_ever(*at)), limit.map(u64::from)),
        }
        self.compare();
    }

    fn compare(&self) {
        self.log.check();
        assert_eq!(self.log.len(), self.model.len() as u64);
        assert!(
            all(&self.log)
                .iter()
                .map(|(id, words)| (id, words))
                .eq(self.model.iter())
        );
        assert_eq!(
            self.log.first().map(|entry| entry.id),
            self.model.keys().next().copied()
        );
        assert_eq!(
            self.log.last().map(|entry| entry.id),
            self.model.keys().next_back().copied()
        );
        assert_eq!(self.log.entries_added(), self.ever.len() as u64);
        for at in [0, 7, 90, 300, 5000, 40_000] {
            let from = self.nth_ever(at);
            let behind = self.model.range(from..).filter(|(id, _)| **id > from).count();
            assert_eq!(self.log.count_after(from), behind as u64);
            assert_eq!(self.log.get(from).is_some(), self.model.contains_key(&from));
            let ever = self.ever.partition_point(|id| *id <= from) as u64;
            if let Some(told) = self.log.entries_ever_to(from) {
                assert_eq!(told, ever);
            }
            if self.model.contains_key(&from) {
                assert_eq!(self.log.entries_ever_to(from), Some(ever));
            }
            let to = self.nth_ever(at + 30).max(from);
            let mut back = Vec::new();
            self.log.range_back(to, from, &mut |entry| {
                back.push(entry.id);
                Flow::Continue(())
            });
            assert!(back.iter().rev().eq(self.model.range(from..=to).map(|(id, _)| id)));
            assert!(between(&self.log, from, to).len() == back.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn a_log_is_a_map(steps in prop::collection::vec(step(), 1..25), entries in prop_oneof![Just(100usize), Just(3), Just(0)], bytes in prop_oneof![Just(4096usize), Just(300), Just(0)]) {
        let limits = Limits { node_bytes: bytes, node_entries: entries };
        let mut pair = Pair::default();
        steps.iter().for_each(|step| pair.step(step, limits));
        let copy = pair.log.clone();
        copy.check();
        prop_assert!(copy == pair.log);
    }

    #[test]
    fn ends_bring_back_what_was_added_and_trimmed(
        steps in prop::collection::vec(step(), 1..15),
        changes in prop::collection::vec((0..4u8, 0..400u64, any::<u16>(), any::<bool>()), 1..20),
    ) {
        let limits = Limits { node_bytes: 300, node_entries: 5 };
        let mut pair = Pair::default();
        steps.iter().for_each(|step| pair.step(step, limits));
        let before = pair.log.clone();
        let mut kept = Vec::new();
        for (what, len, at, pushes) in changes {
            let trim = match what {
                0 => None,
                1 => Some(Trim::MinId(pair.nth_ever(at))),
                _ => Some(Trim::MaxLen(len)),
            };
            let whole_nodes = what == 3;
            kept.push(pair.log.ends(trim.map(|trim| Reach { trim, whole_nodes })));
            if pushes {
                pair.push(pair.log.last_id().after(0), &vec![b"field".to_vec(), b"value".to_vec()], limits);
            }
            if let Some(trim) = trim {
                pair.trim(trim, whole_nodes.then_some(0));
            }
            pair.log.check();
        }
        for ends in kept.into_iter().rev() {
            pair.log.restore_ends(ends);
            pair.log.check();
        }
        prop_assert!(pair.log == before);
    }

    #[test]
    fn a_tree_is_a_map(
        steps in prop::collection::vec((any::<u16>(), 0..3u8, 0..50u64), 1..1500),
        // From ids that all have the same upper half over leaves in which some differ to none that has the same.
        distance in prop::sample::select(vec![1u64, 1 << 24, 1 << 30, 1 << 33]),
    ) {
        let id = |at: u64| id(at * distance);
        let mut tree = Tree::<Age>::default();
        let mut model = BTreeMap::new();
        for (at, (key, step, age)) in steps.into_iter().enumerate() {
            let key = id(if step == 0 { at as u64 } else { u64::from(key % 600) });
            if step < 2 {
                prop_assert_eq!(tree.insert(key, Age(age)).map(|age| age.0), model.insert(key, age));
            } else {
                prop_assert_eq!(tree.remove(key).map(|age| age.0), model.remove(&key));
            }
        }
        tree.check();
        prop_assert!(tree.items().into_iter().map(|(id, age)| (id, age.0)).eq(model.iter().map(|(id, age)| (*id, *age))));
        for (from, until) in [(0, 10), (100, 0), (300, 25), (2000, 60)] {
            let mut old = Vec::new();
            let _all = tree.walk(id(from), &|age| age <= until, &mut |id, _| {
                old.push(id);
                Flow::Continue(())
            });
            let want: Vec<StreamId> = model.range(id(from)..).filter(|(_, age)| **age <= until).map(|(id, _)| *id).collect();
            prop_assert_eq!(old, want);
            let mut least = Vec::new();
            let _all = tree.least(until, &mut |id, age| {
                least.push((age.0, id));
                Flow::Continue(())
            });
            let mut want: Vec<(u64, StreamId)> = model.iter().filter(|(_, age)| **age <= until).map(|(id, age)| (*age, *id)).collect();
            want.sort_unstable();
            prop_assert_eq!(least, want);
            let behind = model.range(id(from)..).filter(|(at, _)| **at > id(from)).map(|(_, age)| *age).min();
            prop_assert_eq!(tree.summary_after(id(from)), behind);
            prop_assert_eq!(tree.floor(id(from)).map(|(id, _)| id), model.range(..=id(from)).next_back().map(|(id, _)| *id));
        }
        tree.clone().check();
        let left: Vec<StreamId> = model.into_keys().collect();
        for id in left {
            prop_assert!(tree.update(id, |age| age.0 = 7).is_some());
            tree.check();
            prop_assert!(tree.remove(id).is_some());
        }
        tree.check();
        prop_assert!(tree.len() == 0 && tree.heap_bytes() == 0);
    }

    #[test]
    fn a_group_knows_what_is_pending_for_whom(steps in prop::collection::vec((0..5u8, 0..300u64, 0..4usize, 0..100u64), 1..400)) {
        let mut group = Group::new(StreamId::MIN, None);
        let mut model: BTreeMap<StreamId, (usize, u64, u64)> = BTreeMap::new();
        // The last one is nobody, who owns what was released.
        let names = ["ann", "bob", "cid", "dot", ""];
        let mut turn = 0;
        for (step, at, who, time) in steps {
            let at = id(at);
            let consumer = group.find(names[who].as_bytes());
            match step {
                0..=2 => {
                    let consumer = consumer.unwrap_or_else(|| group.add_consumer(names[who].as_bytes(), 0));
                    let count = model.get(&at).map_or(1, |(_, _, count)| count + 70_000);
                    group.put(at, Pending::new(consumer, time, count));
                    model.insert(at, (who, time, count));
                }
                3 => prop_assert_eq!(group.remove(at), model.remove(&at).is_some()),
                _ if time < 10 => {
                    let removed = group.remove_consumer(names[who].as_bytes());
                    let held = model.values().filter(|(owner, _, _)| *owner == who).count();
                    prop_assert_eq!(removed, consumer.map(|_| held));
                    model.retain(|_, (owner, _, _)| *owner != who);
                }
                _ if time < 60 => {
                    turn += 1;
                    group.release(at, time);
                    model.insert(at, (4, turn, time));
                }
                _ => {}
            }
        }
        group.check();
        let mut shown = Vec::new();
        group.walk(StreamId::MIN, u64::MAX, &mut |id, pending| {
            shown.push((id, group.name(pending.consumer()).to_vec(), pending.time_ms(), pending.count()));
            Flow::Continue(())
        });
        let told = |who: usize, time: u64| if who == 4 { 0 } else { time };
        let want = model.iter().map(|(id, (who, time, count))| (*id, names[*who].as_bytes().to_vec(), told(*who, *time), *count));
        prop_assert_eq!(shown, want.collect::<Vec<_>>());
        prop_assert_eq!(group.released_len(), model.values().filter(|(who, _, _)| *who == 4).count());
        let mut oldest = Vec::new();
        group.oldest(70, &mut |id, _| {
            oldest.push(id);
            Flow::Continue(())
        });
        let mut want: Vec<(u64, StreamId)> = model.iter().filter(|(_, (_, time, _))| *time <= 70).map(|(id, (_, time, _))| (*time, *id)).collect();
        want.sort_unstable();
        prop_assert_eq!(oldest, want.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
        for (who, name) in names.iter().enumerate() {
            let Some(consumer) = group.find(name.as_bytes()) else { continue };
            let mut own = Vec::new();
            group.walk_of(consumer, id(20), 50, &mut |id| {
                own.push(id);
                Flow::Continue(())
            });
            let want = model.range(id(20)..).filter(|(_, (owner, time, _))| *owner == who && *time <= 50);
            prop_assert_eq!(own, want.map(|(id, _)| *id).collect::<Vec<_>>());
        }
        prop_assert!(group.clone() == group);
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Age(u64);

impl Item for Age {
    type Summary = u64;

    fn summary(&self) -> u64 {
        self.0
    }

    fn join(one: u64, other: u64) -> u64 {
        one.min(other)
    }
}

thread_local! {
    static LOOKS: Cell<u64> = const { Cell::new(0) };
}

/// As [`Age`], and counts how often it is looked at.
struct Looked(u64);

impl Item for Looked {
    type Summary = u64;

    fn summary(&self) -> u64 {
        LOOKS.set(LOOKS.get() + 1);
        self.0
    }

    fn join(one: u64, other: u64) -> u64 {
        one.min(other)
    }
}

#[test]
fn what_is_idle_is_found_without_looking_at_the_rest() {
    let mut tree = Tree::default();
    let count = 1_000_000;
    // All are young but every ten thousandth.
    let age = |at: u64| if at % 10_000 == 7_777 { at } else { 2_000_000 };
    for at in 0..count {
        tree.insert(id(at), Looked(age(at)));
    }
    let taken = |until: u64, wanted: usize| {
        LOOKS.set(0);
        let mut found = Vec::new();
        let _ended = tree.least(until, &mut |id, _| {
            found.push(id);
            if found.len() < wanted {
                Flow::Continue(())
            } else {
                Flow::Break(())
            }
        });
        (found, LOOKS.get())
    };
    // Each of them may be in another leaf, of at most 64 items.
    let (found, looks) = taken(1_500_000, 10);
    assert_eq!(found, (0..10).map(|at| id(at * 10_000 + 7_777)).collect::<Vec<_>>());
    assert!(looks <= 10 * 64, "{looks}");
    let (found, looks) = taken(1_500_000, 1000);
    assert!(found.len() == 100 && looks <= 100 * 64, "{looks}");
    assert_eq!(taken(1_000, 1000), (Vec::new(), 0));
    LOOKS.set(0);
    let mut found = Vec::new();
    let _ended = tree.walk(id(500_000), &|age| age < 1_500_000, &mut |id, _| {
        found.push(id);
        Flow::Break(())
    });
    assert_eq!(found, [id(507_777)]);
    assert!(LOOKS.get() <= 2 * 64, "{}", LOOKS.get());
}

#[test]
fn entries_of_two_fields_take_little() {
    let mut log = Log::default();
    let count = 50_000;
    for at in 0..count {
        let (text, number) = (format!("value:{at:07}"), at.to_string());
        let words: [&[u8]; 4] = [b"field1", text.as_bytes(), b"field2", number.as_bytes()];
        log.push(
            StreamId::new(1_700_000_000_000 + at / 3, at % 3),
            words.into_iter(),
            LIMITS,
        );
    }
    // Valkey 9.1.2 takes 28.5 bytes an entry for these.
    let each = log.heap_bytes() as f64 / count as f64;
    assert!(each < 26.0, "{each}");
}

#[test]
fn growth_in_order_fills_leaves() {
    let count = 64 * 64 * 10;
    let bytes_each = |id: &dyn Fn(u64) -> StreamId| {
        let mut tree = Tree::<Age>::default();
        (0..count).for_each(|at| assert_eq!(tree.insert(id(at), Age(at)), None));
        tree.check();
        tree.heap_bytes() as f64 / count as f64
    };
    let start = 1_700_000_000_000;
    let near: [&dyn Fn(u64) -> StreamId; 4] = [
        &|at| StreamId::new(start + at / 3, at % 3),
        &|at| StreamId::new(0, at + 1),
        // Upper halves change every 256 entries.
        &|at| StreamId::new(start + (at << 24), 0),
        &|at| StreamId::new(start, at << 24),
    ];
    // 8 bytes are the item, 8 the id, and each leaf of 64 has a place of 80 in a branch.
    let each = near.map(bytes_each);
    assert!(each[..2].iter().all(|each| *each < 17.4), "{each:?}");
    // At most every fourth leaf holds whole ids.
    assert!(each[2..].iter().all(|each| *each < 19.4), "{each:?}");
    let far = bytes_each(&|at| StreamId::new(at, at.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    assert!(far < 25.4, "{far}");
}

#[test]
fn pending_entries_take_little() {
    let mut group = Group::new(StreamId::MIN, None);
    let consumer = group.add_consumer(b"worker", 0);
    let count = 100_000;
    for at in 0..count {
        group.put(
            StreamId::new(1_700_000_000_000 + at, 0),
            Pending::new(consumer, 1_700_000_000_000, 1),
        );
    }
    // Valkey 9.1.2 takes 87 bytes each.
    let each = group.heap_bytes() as f64 / count as f64;
    assert!(each < 43.0, "{each}");
}

#[test]
fn where_entries_are_gone_their_number_may_be_unknown() {
    let mut log = Log::default();
    let limits = Limits {
        node_entries: 2,
        ..LIMITS
    };
    for ms in 1..=6 {
        log.push(id(ms), [&b"a"[..], b"1"].into_iter(), limits);
    }
    assert!(log.delete(id(3)) && log.delete(id(4)));
    let told: Vec<Option<u64>> = (0..=7).map(|ms| log.entries_ever_to(id(ms))).collect();
    let want = [Some(0), Some(1), Some(2), None, None, Some(5), Some(6), Some(6)];
    assert_eq!(told, want);
    assert_eq!((log.count_after(id(2)), log.count_after(id(5))), (2, 1));
    log.trim(Trim::MaxLen(1), None);
    assert_eq!(log.entries_ever_to(StreamId::MIN), Some(0));
    assert_eq!(log.entries_ever_to(id(1)), None);
}
