//! What a run has changed, so that it can be taken back: values as they were before the run's first write to them.

use hashbrown::HashTable;

use crate::base::hash::table_hash;
use crate::command::{Args, Class, Command, Effects, Flags, KeyFlags};
use crate::keyspace::Keyspace;
use crate::shard::lend;
use crate::shard::message::Lent;

/// Where the effects stood when the run began.
#[derive(Clone, Copy, Default)]
struct Marks {
    changes: usize,
    publishes: usize,
    shown: usize,
    dirty: u64,
    hits: u64,
    misses: u64,
}

/// Takes back what a run has done; reused from run to run.
#[derive(Default)]
pub struct Undo {
    active: bool,
    before: Vec<Lent>,
    /// Places in `before` by key.
    index: HashTable<u32>,
    marks: Marks,
}

impl Undo {
    /// A run begins; `active` when it may have to be taken back.
    pub fn begin(&mut self, active: bool, effects: &Effects) {
        debug_assert!(self.before.is_empty(), "the run before this one has ended");
        self.active = active;
        self.marks = Marks {
            changes: effects.changes.len(),
            publishes: effects.publishes.len(),
            shown: effects.shown.len(),
            dirty: effects.dirty,
            hits: effects.hits,
            misses: effects.misses,
        };
    }

    /// Whether the run has changed a value since it began.
    pub fn has_changed(&self, effects: &Effects) -> bool {
        effects.dirty != self.marks.dirty
    }

    /// A command is about to run: keeps what it may change.
    pub fn keep(&mut self, space: &Keyspace, command: &Command, args: Args<'_>) {
        if !self.active || !command.flags.has(Flags::WRITE) {
            return;
        }
        if let Some(at) = command.single_key() {
            return args
                .get(usize::from(at))
                .into_iter()
                .for_each(|key| self.keep_key(space, key));
        }
        let mut positions = Vec::new();
        for key in command.keys {
            positions.clear();
            if !command.flags_of(key, args).has(KeyFlags::RO) && key.positions(args, &mut positions) {
                positions.iter().for_each(|&at| self.keep_key(space, args.at(at)));
            }
        }
    }

    fn keep_key(&mut self, space: &Keyspace, key: &[u8]) {
        let hash = table_hash(key);
        let Undo { before, index, .. } = self;
        if index.find(hash, |&at| *before[at as usize].key == *key).is_some() {
            return;
        }
        let at = u32::try_from(before.len()).expect("a run changes less than 2^32 keys");
        before.push(lend::copy(space, key.into()));
        index.insert_unique(hash, at, |&at| table_hash(&before[at as usize].key));
    }

    /// The run is over and what it did stays.
    pub fn end(&mut self) {
        self.active = false;
        self.before.clear();
        self.index.clear();
    }

    /// Takes the run back: values and effects are as before it, but that keys which had expired stay removed.
    pub fn take_back(&mut self, space: &mut Keyspace, effects: &mut Effects) {
        for lent in self.before.drain(..) {
            drop(lend::take(space, lent.key.clone()));
            lend::put(space, lent);
        }
        let Marks {
            changes,
            publishes,
            shown,
            dirty,
            hits,
            misses,
        } = self.marks;
        let mut at = 0;
        effects.changes.retain(|change| {
            at += 1;
            at <= changes || matches!(change.class, Class::Expired)
        });
        effects.publishes.truncate(publishes);
        effects.shown.truncate(shown);
        (effects.dirty, effects.hits, effects.misses) = (dirty, hits, misses);
        self.end();
    }
}
