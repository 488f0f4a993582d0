//! How far groups have come, as XINFO GROUPS tells it, against a model that counts entries one by one.

use proptest::prelude::*;

use crate::family::testing::Bench;

/// A stream as a list of everything that was ever added, and its groups.
#[derive(Default)]
struct Model {
    /// The ids' milliseconds, and whether the entry is still there.
    entries: Vec<(u64, bool)>,
    last: u64,
    groups: [Option<Progress>; 2],
}

#[derive(Clone, Copy)]
struct Progress {
    last: u64,
    /// What ENTRIESREAD said, until the group reads on.
    told: Option<u64>,
    /// What was read is known for good.
    counted: Option<u64>,
}

#[derive(Clone, Debug)]
enum Step {
    Add(u8, u8),
    Delete(u16),
    DeleteRun(u16, u8),
    MaxLen(u8),
    MinId(u16, bool),
    SetLast(u8),
    Create(usize, u16, Option<u8>),
    SetId(usize, u16, Option<u8>),
    Ahead(usize, u8),
    Read(usize, u8, bool),
    ClaimLast(usize, u16),
}

fn step() -> impl Strategy<Value = Step> {
    let told = || prop::option::weighted(0.2, any::<u8>());
    prop_oneof![
        6 => (1..4u8, 1..60u8).prop_map(|(gap, count)| Step::Add(gap, count)),
        2 => any::<u16>().prop_map(Step::Delete),
        2 => (any::<u16>(), any::<u8>()).prop_map(|(at, count)| Step::DeleteRun(at, count)),
        1 => any::<u8>().prop_map(Step::MaxLen),
        1 => (any::<u16>(), any::<bool>()).prop_map(|(at, about)| Step::MinId(at, about)),
        1 => (0..5u8).prop_map(Step::SetLast),
        2 => (0..2usize, any::<u16>(), told()).prop_map(|(group, at, told)| Step::Create(group, at, told)),
        2 => (0..2usize, any::<u16>(), told()).prop_map(|(group, at, told)| Step::SetId(group, at, told)),
        1 => (0..2usize, 1..20u8).prop_map(|(group, by)| Step::Ahead(group, by)),
        4 => (0..2usize, 1..80u8, any::<bool>()).prop_map(|(group, count, noack)| Step::Read(group, count, noack)),
        1 => (0..2usize, any::<u16>()).prop_map(|(group, at)| Step::ClaimLast(group, at)),
    ]
}

impl Model {
    /// Some id between the least and the last one, of an entry or of none.
    fn some_id(&self, at: u16) -> u64 {
        u64::from(at) % (self.last + 1)
    }

    fn ever_to(&self, id: u64) -> u64 {
        self.entries.iter().filter(|(ms, _)| *ms <= id).count() as u64
    }

    fn lag(&self, group: Progress) -> u64 {
        let left = self.entries.iter().filter(|(ms, there)| *there && *ms > group.last);
        left.count() as u64
    }

    /// Whether an id stands where a stream need not remember what was: next to an entry that is gone, and at none that is there.
    fn may_be_forgotten(&self, id: u64) -> bool {
        let at = self.entries.iter().any(|(ms, there)| *there && *ms == id);
        let before = self.entries.iter().rev().find(|(ms, _)| *ms <= id);
        let next = self.entries.iter().find(|(ms, _)| *ms > id);
        let gap = [before, next].into_iter().flatten().any(|(_, there)| !there);
        id > 0 && id < self.last && !at && gap
    }

    fn remove(&mut self, goes: impl Fn(u64) -> bool) {
        let gone = self.entries.iter_mut().filter(|(ms, _)| goes(*ms));
        gone.for_each(|(_, there)| *there = false);
    }

    fn place(&mut self, group: usize, last: u64, told: Option<u8>) {
        let told = told.map(u64::from);
        let known = last <= self.last && !self.may_be_forgotten(last);
        let counted = known.then(|| self.ever_to(last));
        self.groups[group] = Some(Progress { last, told, counted });
    }

    fn read(&mut self, group: usize, count: usize) {
        let Some(progress) = self.groups[group] else { return };
        let left = self.entries.iter().filter(|(ms, there)| *there && *ms > progress.last);
        if let Some((last, _)) = left.take(count).last() {
            self.place(group, *last, None);
        }
    }
}

/// A server's stream and its model, changed together.
struct Pair {
    bench: Bench,
    model: Model,
}

impl Pair {
    fn step(&mut self, step: &Step) {
        let (bench, model) = (&mut self.bench, &mut self.model);
        match *step {
            Step::Add(gap, count) => {
                for _ in 0..count {
                    model.last += u64::from(gap);
                    model.entries.push((model.last, true));
                    bench.run(&format!("xadd s {}-0 f v", model.last));
                }
            }
            Step::Delete(at) => {
                let id = model.some_id(at);
                bench.run(&format!("xdel s {id}-0"));
                model.remove(|ms| ms == id);
            }
            Step::DeleteRun(at, count) => {
                let ids = model.some_id(at)..=model.some_id(at) + u64::from(count);
                ids.clone().for_each(|id| drop(bench.run(&format!("xdel s {id}-0"))));
                model.remove(|ms| ids.contains(&ms));
            }
            Step::MaxLen(len) => {
                bench.run(&format!("xtrim s maxlen {len}"));
                let there = model.entries.iter().filter(|(_, there)| *there);
                let kept: Vec<u64> = there.rev().take(usize::from(len)).map(|(ms, _)| *ms).collect();
                let first = kept.last().copied().unwrap_or(u64::MAX);
                model.remove(|ms| ms < first);
            }
            Step::MinId(at, about) => {
                let id = model.some_id(at);
                bench.run(&format!("xtrim s minid {} {id}-0", if about { "~" } else { "=" }));
                let first = bench.run("xrange s - + count 1");
                let first = first
                    .split('|')
                    .nth(3)
                    .and_then(|id| id.split('-').next()?.parse().ok());
                model.remove(|ms| ms < first.unwrap_or(u64::MAX));
            }
            Step::SetLast(by) => {
                model.last += u64::from(by);
                bench.run(&format!("xsetid s {}-0", model.last));
            }
            Step::Create(group, at, told) => {
                let id = model.some_id(at);
                if model.groups[group].is_none() {
                    bench.run(&format!("xgroup create s g{group} {id}-0{}", spell(told)));
                    model.place(group, id, told);
                } else {
                    bench.run(&format!("xgroup destroy s g{group}"));
                    model.groups[group] = None;
                }
            }
            Step::SetId(group, at, told) => self.set_id(group, self.model.some_id(at), told),
            Step::Ahead(group, by) => self.set_id(group, self.model.last + u64::from(by), None),
            Step::Read(group, count, noack) => {
                let noack = if noack { "noack" } else { "" };
                bench.run(&format!(
                    "xreadgroup group g{group} c count {count} {noack} streams s >"
                ));
                model.read(group, usize::from(count));
            }
            Step::ClaimLast(group, at) => {
                let id = model.some_id(at);
                bench.run(&format!("xclaim s g{group} c 0 0-1 lastid {id}-0"));
                if model.groups[group].is_some_and(|progress| progress.last < id) {
                    model.place(group, id, None);
                }
            }
        }
    }

    fn set_id(&mut self, group: usize, id: u64, told: Option<u8>) {
        if self.model.groups[group].is_some() {
            self.bench
                .run(&format!("xgroup setid s g{group} {id}-0{}", spell(told)));
            self.model.place(group, id, told);
        }
    }

    fn compare(&mut self) {
        let reply = self.bench.run("xinfo groups s");
        let fields: Vec<&str> = reply.split('|').collect();
        let value = |name: &str| {
            let at = fields.iter().enumerate().filter(move |(_, field)| **field == name);
            at.map(|(at, _)| fields[at + 1].to_owned()).collect::<Vec<_>>()
        };
        let groups: Vec<Progress> = self.model.groups.iter().flatten().copied().collect();
        let lags: Vec<String> = groups
            .iter()
            .map(|group| format!(":{}", self.model.lag(*group)))
            .collect();
        assert_eq!(value("lag"), lags);
        for (group, read) in groups.iter().zip(value("entries-read")) {
            let exact = group.told.or(group.counted).unwrap_or(self.model.ever_to(group.last));
            let forgotten = group.told.or(group.counted).is_none() && self.model.may_be_forgotten(group.last);
            assert!(
                read == format!(":{exact}") || forgotten && read == "$-1",
                "{read} {exact} at {}",
                group.last
            );
        }
    }
}

fn spell(told: Option<u8>) -> String {
    told.map(|told| format!(" entriesread {told}")).unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn lag_and_entries_read_are_exact(steps in prop::collection::vec(step(), 1..60), node_entries in 1..20usize) {
        let mut bench = Bench::new();
        bench.config.stream_node_max_entries = node_entries;
        bench.run("xgroup create s made 0 mkstream");
        bench.run("xgroup destroy s made");
        let mut pair = Pair { bench, model: Model::default() };
        for step in &steps {
            pair.step(step);
            pair.compare();
        }
    }
}
