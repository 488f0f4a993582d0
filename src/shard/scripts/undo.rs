//! What a run has changed, so that it can be taken back: values as they were before the run's first write to them.

use hashbrown::HashTable;

use super::reverse::{self, Part, Pool};
use crate::base::hash::table_hash;
use crate::base::id::DbIndex;
use crate::base::time::UnixMillis;
use crate::command::redo::Mark;
use crate::command::spec::Positions;
use crate::command::{Announcement, Args, Class, Command, Effects, Flags, Footprint, Key, KeyFlags};
use crate::keyspace::{Entry, Keyspace};
use crate::shard::lend;
use crate::shard::message::Lent;

/// Where the effects stood when the run began.
#[derive(Clone, Copy, Default)]
struct Marks {
    changes: usize,
    announcements: usize,
    shown: usize,
    dirty: u64,
    redo: Mark,
    hits: u64,
    misses: u64,
}

/// What was kept before a change.
enum Step {
    /// A key with all its entries.
    Databases(Lent),
    /// What was at a key of one database, or a part of it.
    Part(Part),
    /// What is removed from here on is put back.
    Removed(usize),
}

impl Step {
    /// Whether nothing needs to be kept any more of a key: in a database, or in all of them.
    fn has_all(&self, db: Option<DbIndex>, key: &[u8], pool: &Pool) -> bool {
        match self {
            Step::Databases(lent) => *lent.key == *key,
            Step::Part(part) => db.is_some_and(|db| part.has_all(db, key, pool)),
            Step::Removed(_) => false,
        }
    }
}

/// For how many steps the room is kept from run to run.
const KEPT_STEPS: usize = 1024;

/// A key that was kept whole.
struct Kept {
    hash: u64,
    step: u32,
}

/// Takes back what a run has done; reused from run to run.
#[derive(Default)]
pub struct Undo {
    active: bool,
    /// What was kept, in order.
    steps: Vec<Step>,
    /// What parts of values are made of.
    pool: Pool,
    /// The clock of the run.
    now: UnixMillis,
    /// Room for values that are removed.
    removed: Vec<(DbIndex, Entry)>,
    /// Where in `steps` the keys are that were kept whole.
    index: HashTable<Kept>,
    marks: Marks,
}

impl Undo {
    /// A run begins; `active` when it may have to be taken back.
    pub fn begin(&mut self, active: bool, now: UnixMillis, effects: &mut Effects) {
        debug_assert!(self.steps.is_empty(), "the run before this one has ended");
        (self.active, self.now) = (active, now);
        effects.removed = active.then(|| std::mem::take(&mut self.removed));
        self.marks = Marks {
            changes: effects.changes.len(),
            announcements: effects.announcements.len(),
            shown: effects.shown.len(),
            dirty: effects.dirty,
            redo: effects.redo.mark(),
            hits: effects.hits,
            misses: effects.misses,
        };
    }

    /// Whether the run has changed a value since it began.
    pub fn has_changed(&self, effects: &Effects) -> bool {
        effects.dirty != self.marks.dirty
    }

    /// A command is about to run: keeps what it may change.
    pub fn keep(&mut self, space: &Keyspace, effects: &Effects, db: DbIndex, command: &Command, args: Args<'_>) {
        if !self.active || !command.flags.has(Flags::WRITE) {
            return;
        }
        if matches!(command.footprint, Footprint::Presence) {
            let removed = effects.removed.as_ref().map_or(0, Vec::len);
            return self.steps.push(Step::Removed(removed));
        }
        if let Some(at) = command.single_key() {
            return self.keep_key(space, db, command, args, (usize::from(at), 0));
        }
        let (mut positions, mut number) = (Positions::new(), 0);
        let is_read = |key: &Key| command.flags_of(key, args).has(KeyFlags::RO);
        // XREADGROUP says of its streams that they are read: of the values, not of the groups.
        let writes_elsewhere = command.keys.iter().any(|key| !is_read(key));
        for key in command.keys {
            positions.clear();
            if !key.positions(args, &mut positions) {
                continue;
            }
            let reads_only = writes_elsewhere && is_read(key);
            for &at in &positions {
                if !reads_only {
                    self.keep_key(space, db, command, args, (at, number));
                }
                number += 1;
            }
        }
    }

    /// Keeps what the command may change of its key that is the word `at`, the `number`th of its keys.
    fn keep_key(
        &mut self,
        space: &Keyspace,
        db: DbIndex,
        command: &Command,
        args: Args<'_>,
        (at, number): (usize, usize),
    ) {
        let Some(key) = args.get(at) else { return };
        let hash = table_hash(key);
        let Undo {
            steps,
            index,
            pool,
            now,
            ..
        } = self;
        let in_all = matches!(command.footprint, Footprint::Databases);
        let within = (!in_all).then_some(db);
        let has_all = |kept: &Kept| steps[kept.step as usize].has_all(within, key, pool);
        if index.find(hash, has_all).is_some() {
            return;
        }
        let (step, is_all) = if in_all {
            (Step::Databases(lend::copy(space, key.into())), true)
        } else {
            let here = space.db(db);
            let entry = here.find(hash, key).map(|place| here.at(place));
            let (part, is_all) = reverse::part((db, key), entry, *now, command, args, number, pool);
            (Step::Part(part), is_all)
        };
        if is_all {
            let step = u32::try_from(steps.len()).expect("a run changes less than 2^32 values");
            index.insert_unique(hash, Kept { hash, step }, |kept| kept.hash);
        }
        steps.push(step);
    }

    /// The run is over and what it did stays.
    pub fn end(&mut self, effects: &mut Effects) {
        self.active = false;
        if let Some(mut removed) = effects.removed.take() {
            removed.clear();
            removed.shrink_to(KEPT_STEPS);
            self.removed = removed;
        }
        self.steps.clear();
        self.steps.shrink_to(KEPT_STEPS);
        self.index.clear();
        self.index.shrink_to(KEPT_STEPS, |kept| kept.hash);
        self.pool.clear();
    }

    /// Takes the run back: values and effects are as before it, but that keys which had expired stay removed.
    pub fn take_back(&mut self, space: &mut Keyspace, effects: &mut Effects) {
        for step in self.steps.drain(..).rev() {
            match step {
                Step::Part(part) => part.restore(space, self.now, &mut self.pool),
                Step::Removed(from) => {
                    let removed = effects.removed.iter_mut().flat_map(|removed| removed.drain(from..));
                    removed.for_each(|(db, entry)| drop(space.db_mut(db).insert(entry)));
                }
                Step::Databases(lent) => {
                    drop(lend::take(space, lent.key.clone()));
                    lend::put(space, lent);
                }
            }
        }
        let Marks {
            changes,
            announcements,
            shown,
            dirty,
            redo,
            hits,
            misses,
        } = self.marks;
        let mut at = 0;
        effects.changes.retain(|change| {
            at += 1;
            at <= changes || matches!(change.class, Class::Expired)
        });
        let mut at = 0;
        effects.announcements.retain(|announcement| {
            at += 1;
            at <= announcements || matches!(announcement, Announcement::Event(event) if event.class == Class::Expired)
        });
        effects.shown.truncate(shown);
        effects.redo.take_back(redo);
        (effects.dirty, effects.hits, effects.misses) = (dirty, hits, misses);
        self.end(effects);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::{ClientId, ConnId, ShardId};
    use crate::base::rng::Rng;
    use crate::base::time::Now;
    use crate::catalog;
    use crate::command::{Change, Subscriptions};
    use crate::config::Config;
    use crate::protocol::reply::Reply;
    use crate::protocol::words;
    use crate::shard::execute::Surroundings;
    use crate::shard::message::{Asker, Origin};

    const NOW: Now = Now {
        unix_us: 1_750_000_000_000_000,
        mono_us: 0,
    };

    /// A keyspace, and what commands need around it.
    struct Bench {
        space: Keyspace,
        effects: Effects,
        undo: Undo,
        config: Config,
        subscriptions: Subscriptions,
        rng: Rng,
    }

    impl Bench {
        fn new() -> Self {
            Bench {
                space: Keyspace::new(2),
                effects: Effects::recording(),
                undo: Undo::default(),
                config: Config::default(),
                subscriptions: Subscriptions::default(),
                rng: Rng::new(1),
            }
        }

        fn run(&mut self, line: &str) -> Vec<u8> {
            let (mut bytes, mut spans) = (Vec::new(), Vec::new());
            words::split(line.as_bytes(), &mut bytes, &mut spans).expect("the line has no quotes");
            let args = Args::new(&bytes, &spans);
            let container = catalog::find(args.at(0)).expect("the command exists");
            let subcommand = args.get(1).and_then(|name| catalog::find_sub(container, name));
            let command = subcommand.unwrap_or(container);
            let origin = Origin {
                shard: ShardId(0),
                conn: ConnId(0),
                client: ClientId(1),
            };
            let asker = Asker {
                origin,
                ..Asker::default()
            };
            let mut reply = Reply::default();
            self.undo.keep(&self.space, &self.effects, DbIndex(0), command, args);
            let mut around = Surroundings {
                effects: &mut self.effects,
                config: &self.config,
                now: NOW,
                subscriptions: &self.subscriptions,
                rng: &mut self.rng,
                shard: (ShardId(0), 2),
                memory_is_full: false,
            };
            around.run(&mut self.space, &asker, command, args, &mut reply);
            reply.into_bytes()
        }

        /// All that is there, in an order of its own.
        fn contents(&mut self) -> Vec<String> {
            let mut contents = Vec::new();
            for key in ["l", "m", "h", "z", "s", "x", "n", "none", "past-h", "past-n"] {
                for line in [
                    format!("xrange {key} - +"),
                    format!("xinfo stream {key} full"),
                    format!("lrange {key} 0 -1"),
                    format!("zrange {key} 0 -1 withscores"),
                    format!("get {key}"),
                    format!("pttl {key}"),
                ] {
                    contents.push(format!("{line}: {}", self.run(&line).escape_ascii()));
                }
                let all = self.run(&format!("hgetall {key}"));
                let mut pairs: Vec<_> = all.split(|byte| *byte == b'$').map(<[u8]>::escape_ascii).collect();
                pairs.sort_by_key(ToString::to_string);
                contents.extend(pairs.into_iter().map(|pair| pair.to_string()));
            }
            let others = self.space.db(DbIndex(1)).iter();
            contents.extend(others.map(|entry| format!("1: {}", entry.key().escape_ascii())));
            contents
        }

        fn fill(&mut self, items: usize) {
            for at in 0..items {
                self.run(&format!("rpush l left-{at}"));
                self.run(&format!("rpush m right-{at}"));
                self.run(&format!("hset h field-{at} value-{at}"));
                self.run(&format!("zadd z {at} member-{at}"));
                self.run(&format!("xadd x {at}-1 field value-{at}"));
            }
            self.run("xgroup create x g 0");
            self.run("xclaim x g c 0 1-1 2-1 3-1 7-1 force justid");
            self.run("set s text");
            self.run("expire h 1000");
            self.run("set n 5");
        }

        /// Values that nobody has looked at since they expired.
        fn fill_past(&mut self) {
            for at in 0..300 {
                self.run(&format!("hset past-h field-{at} value-{at}"));
            }
            self.run("set past-n 7");
            for key in ["past-h", "past-n"] {
                self.space
                    .db_mut(DbIndex(0))
                    .set_expiry(key.as_bytes(), Some(UnixMillis(1)));
            }
        }

        /// A command that changes something, or fails, or finds nothing.
        fn change(&mut self, rng: &mut Rng) {
            let number = rng.below(400);
            let list = if rng.chance(1, 2) { "l" } else { "m" };
            let line = match rng.below(42) {
                0 => format!("lpush {list} a b {number}"),
                1 => format!("rpush {list} a {number}"),
                2 | 3 => format!("lpop {list} {}", rng.below(5)),
                4 => format!("rpop {list}"),
                5 => format!("lpop {list} {number}"),
                6 => "lmove l m left right".into(),
                7 => "lmove m l right left".into(),
                8 => "lmove l l left right".into(),
                9 if rng.chance(1, 2) => "move s 1".into(),
                9 => "copy h none db 1 replace".into(),
                10 => format!("lset {list} 3 x"),
                11 => format!("hset h field-{number} new field-x {number}"),
                12 => format!("hdel h field-{number} field-1 field-2"),
                13 => format!("hincrby h count {number}"),
                14 => format!("zadd z {number} member-3 5 member-{number}"),
                15 => format!("zincrby z 3 member-{number}"),
                16 => format!("zrem z member-{number} member-5"),
                17 => format!("zpopmin z {}", rng.below(4)),
                18 => "zpopmax z".into(),
                19 => format!("lrem {list} 0 a"),
                20 => "set s other".into(),
                21 => "hset l field value".into(),
                24 => format!("xadd x * field {number}"),
                25 => format!("xadd x maxlen ~ {number} * field {number}"),
                26 => format!("xadd x maxlen {number} * other {number}"),
                27 => format!("xadd x minid {number} * field {number}"),
                28 => format!("xtrim x minid ~ {number}"),
                29 => format!("xtrim x maxlen {number}"),
                30 => format!("xadd x delref maxlen {number} * field x"),
                31 => format!("xdel x {number}-1"),
                32 => "xadd x 1-1 too small".into(),
                34 => format!("xreadgroup group g {list} count {} streams x >", 1 + number % 4),
                35 => format!("xack x g {number}-1 1-1"),
                36 => format!("xautoclaim x g {list} 0 0 count 2"),
                33 if rng.chance(1, 4) => "xtrim x maxlen 0".into(),
                22 if rng.chance(1, 4) => format!("del {list} h"),
                23 if rng.chance(1, 4) => "unlink s n z none".into(),
                37 => format!("incrby n {number}"),
                38 => "append n text".into(),
                39 => format!("hset past-h field-{number} new"),
                40 => "incr past-n".into(),
                41 if rng.chance(1, 4) => "set past-n other".into(),
                _ => format!("set none {number} nx"),
            };
            self.run(&line);
        }
    }

    #[test]
    fn whatever_a_run_has_done_is_taken_back() {
        let mut rng = Rng::new(7);
        for round in 0..60 {
            let mut bench = Bench::new();
            bench.fill(if round % 3 == 0 { 5 } else { 300 });
            let before = bench.contents();
            bench.fill_past();
            let changes = bench.effects.changes.len();
            bench.undo.begin(true, NOW.unix_ms(), &mut bench.effects);
            (0..1 + rng.below(30)).for_each(|_| bench.change(&mut rng));
            let Bench {
                space, effects, undo, ..
            } = &mut bench;
            undo.take_back(space, effects);
            let expired = |change: &&Change| matches!(change.class, Class::Expired);
            let expired = bench.effects.changes.iter().filter(expired).count();
            assert_eq!(bench.effects.changes.len(), changes + expired);
            assert_eq!(bench.contents(), before, "round {round}");
        }
    }

    #[test]
    fn a_large_value_is_not_copied_for_a_change_at_its_end() {
        let mut bench = Bench::new();
        bench.fill(300);
        bench.undo.begin(true, NOW.unix_ms(), &mut bench.effects);
        for line in [
            "lpop l 2",
            "rpoplpush l m",
            "hset h f v",
            "zadd z 1 a",
            "zpopmin z",
            "xadd x maxlen ~ 100 * field value",
            "xtrim x maxlen = 50",
            "incr n",
            "del z m",
        ] {
            bench.run(line);
        }
        assert_eq!(bench.undo.index.len(), 0);
        bench.run("lset l 0 x");
        bench.run("lpop l");
        assert_eq!(bench.undo.index.len(), 1);
        bench.undo.end(&mut bench.effects);
    }
}
