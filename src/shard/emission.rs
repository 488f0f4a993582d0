//! A log begun anew: while the shard serves, all its values are recorded in the new file, a few in each pass, among the changes. Nothing is copied
//! and nothing forks.
//!
//! A change of a value that is still to come is recorded as any other. Run again without the value it comes to something else, which the value
//! replaces when it comes; that a key is gone is always recorded as that. So what is there at the end is what was there.

use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use super::message::Lent;
use super::state::Shard;
use crate::base::id::DbIndex;
use crate::command::redo::Rewrite;

/// How many entries are looked at in one step, and how many bytes a pass records at least before it goes on with other work.
const ENTRIES_PER_STEP: usize = 16;
const BYTES_PER_PASS: usize = 32 << 10;
/// While so much waits to be written, nothing is added.
const BACKLOG_BYTES: usize = 1 << 20;

/// How far the values are recorded.
#[derive(Debug, Default)]
pub(super) struct Emission {
    db: u32,
    cursor: u64,
    /// All are.
    is_done: bool,
}

impl Emission {
    /// Whether all values are recorded.
    pub fn is_done(&self) -> bool {
        self.is_done
    }
}

impl Shard {
    /// Whether there are values to record.
    pub fn is_emitting(&self) -> bool {
        let emission = self.log.emission.as_ref();
        emission.is_some_and(|emission| !emission.is_done) && self.keyspace.is_some()
    }

    /// From now on the log goes to a new file, which will have all there is.
    pub(super) fn begin_generation(&mut self) {
        self.seal_frame();
        self.progress.is_rewriting.store(true, Ordering::Release);
        self.log.end_file();
        self.emit_everything();
    }

    /// The databases are not what they were: begins with the first one again.
    pub(super) fn emit_all_again(&mut self) {
        if let Some(emission) = &mut self.log.emission {
            *emission = Emission::default();
        }
    }

    /// Whether some can be recorded now.
    pub fn may_emit(&self) -> bool {
        self.is_emitting() && self.uncommitted_bytes() <= BACKLOG_BYTES
    }

    /// All values are to be recorded in the file, which has nothing yet.
    pub fn emit_everything(&mut self) {
        self.effects.redo.rewrite = Rewrite::UnderWay;
        self.log.emission = Some(Emission::default());
    }

    /// Records some of the values that are to be recorded.
    pub fn emit(&mut self) {
        if !self.may_emit() {
            return;
        }
        let (Some(space), Some(emission)) = (self.keyspace.as_deref(), &mut self.log.emission) else {
            return;
        };
        let (redo, now, config) = (&mut self.effects.redo, self.now.unix_ms(), &self.config);
        let before = redo.len();
        let mut keys = SmallVec::<[Box<[u8]>; ENTRIES_PER_STEP]>::new();
        while redo.len() < before + BYTES_PER_PASS {
            let db = DbIndex(emission.db);
            if db.index() >= space.databases() {
                emission.is_done = true;
                if self.id.0 == 0 {
                    self.scripts.record_libraries(redo);
                }
                return;
            }
            emission.cursor = space.db(db).scan(emission.cursor, ENTRIES_PER_STEP, &mut |entry| {
                keys.push(entry.key().into());
            });
            for key in keys.drain(..) {
                redo.push_state(space, db, &key, now, config);
            }
            if emission.cursor == 0 {
                emission.db += 1;
            }
        }
    }

    /// Records values that leave for a transaction: the search may pass their places while they are away.
    pub(super) fn emit_lent(&mut self, keys: &[Lent]) {
        if !self.is_emitting() {
            return;
        }
        let (now, config) = (self.now.unix_ms(), &self.config);
        for lent in keys {
            for (db, entry) in &lent.entries {
                self.effects.redo.push_entry(*db, entry, now, config);
            }
        }
    }
}
