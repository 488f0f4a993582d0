//! A log begun anew: while the shard serves, all its values are recorded in the new file, a few in each pass, among the changes. Nothing is copied
//! and nothing forks. A large value is lent for that, as to a transaction, so that nobody but who wants it waits until it is written.
//!
//! A change of a value that is still to come is recorded as any other. Run again without the value it comes to something else, which the value
//! replaces when it comes; that a key is gone is always recorded as that. So what is there at the end is what was there.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use hashbrown::HashSet;
use smallvec::SmallVec;

use super::message::Lent;
use super::state::Shard;
use crate::base::id::{DbIndex, TxId};
use crate::base::time::UnixMillis;
use crate::command::Redo;
use crate::command::redo::{Rewrite, Scope};
use crate::config::Config;

/// How many entries are looked at in one step, and how many bytes a pass records at least before it goes on with other work.
const ENTRIES_PER_STEP: usize = 16;
const BYTES_PER_PASS: usize = 8 << 10;
/// While so much waits to be written, nothing is added.
const BACKLOG_BYTES: usize = 1 << 20;
/// Values that take no more are recorded whenever they are lent: it is not worth while to know that they have been.
const SMALL_BYTES: usize = 1 << 10;
/// Values that take more are lent and written by pieces of so many bytes.
const LARGE_BYTES: usize = 256 << 10;
const PIECE_BYTES: usize = 128 << 10;

/// How far the values are recorded.
#[derive(Debug, Default)]
pub(super) struct Emission {
    /// For each database where the search through its entries goes on, if it has not ended.
    scans: Vec<Option<u64>>,
    /// It has ended in all databases before this one.
    first: usize,
    /// All entries have been looked at.
    is_scanned: bool,
    /// Keys of large values that are still to come.
    large: VecDeque<Box<[u8]>>,
    /// Keys whose values are recorded, or still to come, and need no second time however often they are lent: what happens to them later is a
    /// change as any other.
    noted: HashSet<Box<[u8]>>,
    /// The one that is lent.
    lent: Option<Box<[u8]>>,
}

impl Emission {
    /// The first database whose search has not ended, and where it goes on.
    fn next_scan(&mut self) -> Option<(DbIndex, u64)> {
        loop {
            if let Some(cursor) = *self.scans.get(self.first)? {
                return Some((DbIndex(self.first as u32), cursor));
            }
            self.first += 1;
        }
    }

    /// What is under the key is large.
    fn note_large(&mut self, key: &[u8]) {
        if !self.noted.contains(key) {
            self.noted.insert(key.into());
            self.large.push_back(key.into());
        }
    }

    /// Whether all values are recorded.
    pub fn is_done(&self) -> bool {
        self.is_scanned && self.large.is_empty() && self.lent.is_none()
    }
}

/// A large value, to be recorded by who has time for that.
pub struct Inscription {
    /// The transaction to which it is lent.
    pub tx: TxId,
    /// Its key, with what is there.
    pub lent: Vec<Lent>,
    /// The clock.
    pub now: UnixMillis,
    /// The limits of the format.
    pub config: Config,
}

/// A large value, and its records.
pub struct Inscribed {
    tx: TxId,
    lent: Vec<Lent>,
    records: Vec<u8>,
    /// How much of them is in the log.
    logged: usize,
}

impl Inscription {
    /// Records the value; takes as long as that takes.
    pub fn inscribe(self) -> Inscribed {
        let mut redo = Redo::default();
        for (db, entry) in self.lent.iter().flat_map(|lent| &lent.entries) {
            redo.push_entry(*db, entry, self.now, &self.config);
        }
        Inscribed {
            tx: self.tx,
            lent: self.lent,
            records: redo.take(),
            logged: 0,
        }
    }
}

impl Inscribed {
    /// The transaction that is over, and what goes home.
    pub fn into_lent(self) -> (TxId, Vec<Lent>) {
        (self.tx, self.lent)
    }
}

impl Shard {
    /// Whether there are values to record.
    fn is_emitting(&self) -> bool {
        self.log.emission.is_some() && self.keyspace.is_some()
    }

    /// Whether more can be recorded now.
    pub fn may_record(&self) -> bool {
        self.uncommitted_bytes() <= BACKLOG_BYTES
    }

    /// Whether [`Shard::emit`] has something to do.
    pub fn may_emit(&self) -> bool {
        let waits = |emission: &Emission| !emission.is_scanned || !emission.large.is_empty() && emission.lent.is_none();
        self.is_emitting() && self.may_record() && self.log.emission.as_ref().is_some_and(waits)
    }

    /// From now on the log goes to a new file, which will have all there is.
    pub(super) fn begin_generation(&mut self) {
        self.seal_frame();
        self.progress.is_rewriting.store(true, Ordering::Release);
        self.log.end_file();
        self.emit_everything();
    }

    /// All values are to be recorded in the file, which has nothing yet.
    pub fn emit_everything(&mut self) {
        self.effects.redo.rewrite = Rewrite::UnderWay;
        self.log.emission = Some(Emission {
            scans: vec![Some(0); self.config.databases],
            ..Emission::default()
        });
    }

    /// Two databases have changed places.
    pub(super) fn emit_swapped(&mut self, one: DbIndex, other: DbIndex) {
        if let Some(emission) = &mut self.log.emission {
            emission.scans.swap(one.index(), other.index());
            emission.first = emission.first.min(one.index()).min(other.index());
        }
    }

    /// Records some of the values that are to be recorded. Answers the key of a large one, which is to be lent and recorded by itself.
    pub fn emit(&mut self) -> Option<Box<[u8]>> {
        if !self.may_emit() {
            return None;
        }
        let (Some(space), Some(emission)) = (self.keyspace.as_deref(), &mut self.log.emission) else {
            return None;
        };
        let (redo, now, config) = (&mut self.effects.redo, self.now.unix_ms(), &self.config);
        let before = redo.len();
        let mut keys = SmallVec::<[Box<[u8]>; ENTRIES_PER_STEP]>::new();
        while !emission.is_scanned && redo.len() < before + BYTES_PER_PASS {
            let Some((db, cursor)) = emission.next_scan() else {
                emission.is_scanned = true;
                if self.id.0 == 0 {
                    self.scripts.record_libraries(redo);
                }
                break;
            };
            let next = space.db(db).scan(cursor, ENTRIES_PER_STEP, &mut |entry| {
                if entry.heap_bytes() > LARGE_BYTES {
                    emission.note_large(entry.key());
                } else {
                    keys.push(entry.key().into());
                }
            });
            for key in keys.drain(..) {
                redo.push_state(space, db, &key, now, config);
            }
            emission.scans[emission.first] = (next != 0).then_some(next);
        }
        let mut large = None;
        if emission.lent.is_none() {
            large = emission.large.pop_front();
            emission.lent.clone_from(&large);
        }
        self.disown_records();
        large
    }

    /// Records values that leave for a transaction: the search may pass their places while they are away.
    pub(super) fn emit_lent(&mut self, keys: &[Lent]) {
        let Some(emission) = &mut self.log.emission else { return };
        let (now, config) = (self.now.unix_ms(), &self.config);
        for Lent { key, entries } in keys {
            if emission.noted.contains(key) {
                continue;
            }
            let largest = entries.iter().map(|(_, entry)| entry.heap_bytes()).max();
            let largest = largest.unwrap_or_default();
            if largest > LARGE_BYTES {
                emission.note_large(key);
                continue;
            }
            if largest > SMALL_BYTES {
                emission.noted.insert(key.clone());
            }
            for (db, entry) in entries {
                self.effects.redo.push_entry(*db, entry, now, config);
            }
        }
    }

    /// A large value could not be lent: it is tried again later.
    pub fn emit_later(&mut self, key: Box<[u8]>) {
        if let Some(emission) = &mut self.log.emission {
            emission.lent = None;
            emission.large.push_back(key);
        }
    }

    /// Logs the next piece of a large value, while nobody else has it; whether it was the last one.
    pub fn log_piece(&mut self, inscribed: &mut Inscribed) -> bool {
        let left = &inscribed.records[inscribed.logged..];
        let (piece, rest) = left.split_at(left.len().min(PIECE_BYTES));
        let is_last = rest.is_empty();
        let scope = if is_last { Scope::LastPiece } else { Scope::Piece };
        if !inscribed.records.is_empty() {
            self.effects.redo.push(DbIndex(0), scope, [piece]);
        }
        inscribed.logged += piece.len();
        if is_last && let Some(emission) = &mut self.log.emission {
            emission.lent = None;
        }
        self.disown_records();
        is_last
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::rng::Rng;
    use crate::base::time::Now;
    use crate::command::redo::records;
    use crate::keyspace::{Entry, Keyspace};
    use crate::shard::log::Position;
    use crate::shard::router::Router;
    use crate::shard::{ShardSetup, lend};

    /// A shard with these strings and a log.
    fn shard(values: &[(&[u8], usize)]) -> Shard {
        let config = Config::default();
        let router = Router::new(1, &config.affinity).expect("the default rules are valid");
        let mut keyspace = Box::new(Keyspace::new(config.databases));
        for (key, len) in values {
            keyspace.db_mut(DbIndex(0)).put(Entry::string(key, &vec![b'x'; *len]));
        }
        let mut shard = Shard::new(ShardSetup {
            id: crate::base::id::ShardId(0),
            config,
            now: Now::default(),
            seed: 0,
            router: Arc::new(router),
            registry: Arc::default(),
            budget: Arc::default(),
            progress: Arc::default(),
        });
        shard.keep_log(keyspace, Position::default());
        shard
    }

    fn take(shard: &mut Shard, key: &[u8]) -> Lent {
        let space = shard.keyspace.as_deref_mut().expect("it is here");
        lend::take(space, key.into())
    }

    fn put(shard: &mut Shard, lent: Lent) {
        lend::put(shard.keyspace.as_deref_mut().expect("it is here"), lent);
    }

    /// Records everything as a node does; answers the keys in the order in which they come.
    fn emit_all(shard: &mut Shard, meanwhile: &mut dyn FnMut(&mut Shard)) -> Vec<Vec<u8>> {
        while !shard.log.emission.as_ref().is_some_and(Emission::is_done) {
            if let Some(key) = shard.emit() {
                let lent = take(shard, &key);
                meanwhile(shard);
                let inscription = Inscription {
                    tx: TxId(1),
                    lent: vec![lent],
                    now: UnixMillis(0),
                    config: shard.config.clone(),
                };
                let mut inscribed = inscription.inscribe();
                while !shard.log_piece(&mut inscribed) {}
                inscribed.into_lent().1.into_iter().for_each(|lent| put(shard, lent));
            }
        }
        let (encoded, mut pieces, mut keys) = (shard.effects.redo.take(), Vec::new(), Vec::new());
        let mut note = |encoded: &[u8]| {
            let found = records(encoded).map(|record| record.expect("it was just recorded"));
            keys.extend(found.filter_map(|record| record.key().map(<[u8]>::to_vec)));
        };
        for record in records(&encoded).map(|record| record.expect("it was just recorded")) {
            match record.scope {
                Scope::Piece => pieces.extend_from_slice(record.words[0]),
                Scope::LastPiece => {
                    pieces.extend_from_slice(record.words[0]);
                    note(&std::mem::take(&mut pieces));
                }
                _ => {}
            }
        }
        note(&encoded);
        keys.sort_unstable();
        keys
    }

    #[test]
    fn every_value_is_recorded_large_or_small() {
        let values: [(&[u8], usize); 4] = [
            (b"a", 10),
            (b"b", LARGE_BYTES * 2),
            (b"c", 2000),
            (b"d", LARGE_BYTES + 1),
        ];
        let mut shard = shard(&values);
        shard.emit_everything();
        let keys = emit_all(&mut shard, &mut |_| {});
        assert_eq!(keys, [b"a", b"b", b"c", b"d"]);
    }

    #[test]
    fn what_somebody_else_borrows_while_a_large_value_is_recorded_comes_too() {
        let mut shard = shard(&[(b"large", LARGE_BYTES * 2)]);
        shard.emit_everything();
        let mut away = true;
        let keys = emit_all(&mut shard, &mut |shard| {
            if std::mem::take(&mut away) {
                // As if it had been lent before the search came by, and came home behind it.
                for (key, len) in [(&b"other"[..], LARGE_BYTES * 2), (b"small", 10)] {
                    put(
                        shard,
                        Lent {
                            key: key.into(),
                            entries: [(DbIndex(0), Entry::string(key, &vec![b'x'; len]))].into(),
                        },
                    );
                    let lent = take(shard, key);
                    shard.emit_lent(std::slice::from_ref(&lent));
                    put(shard, lent);
                }
            }
        });
        assert_eq!(keys, [&b"large"[..], b"other", b"small"]);
    }

    #[test]
    fn what_is_lent_all_the_time_is_recorded_once() {
        let large = LARGE_BYTES + 1;
        let mut shard = shard(&[
            (b"one", large),
            (b"other", large),
            (b"medium", SMALL_BYTES * 2),
            (b"small", 10),
        ]);
        shard.emit_everything();
        let mut turns = 0;
        let keys = emit_all(&mut shard, &mut |shard| {
            turns += 1;
            assert!(turns <= 2, "there are two large values");
            for key in [&b"one"[..], b"other", b"medium", b"small"].repeat(2) {
                let lent = take(shard, key);
                shard.emit_lent(std::slice::from_ref(&lent));
                put(shard, lent);
            }
        });
        let times = |key: &[u8]| keys.iter().filter(|found| *found == key).count();
        // The search finds the last two as well.
        assert_eq!([&b"one"[..], b"other", b"medium", b"small"].map(times), [1, 1, 2, 5]);
    }

    #[test]
    fn databases_that_change_places_all_the_time_are_recorded_all_the_same() {
        let mut shard = shard(&[(b"large", LARGE_BYTES * 2)]);
        let space = shard.keyspace.as_deref_mut().expect("it is here");
        for number in 0..2_000 {
            let entry = Entry::string(format!("key:{number}").as_bytes(), &[b'x'; 100]);
            space.db_mut(DbIndex(number % 3)).put(entry);
        }
        shard.emit_everything();
        let (mut rng, mut keys) = (Rng::new(5), HashSet::new());
        for turn in 0.. {
            if !shard.may_emit() {
                break;
            }
            assert!(turn < 1_000, "it takes as long as without changes");
            let _large = shard.emit();
            let encoded = shard.effects.redo.take();
            let found = records(&encoded).map(|record| record.expect("it was just recorded"));
            keys.extend(found.filter_map(|record| Some((record.db, record.key()?.to_vec()))));
            let [one, other] = [0, 0].map(|_| DbIndex(rng.below(4) as u32));
            shard.keyspace.as_deref_mut().expect("it is here").swap(one, other);
            // What has been recorded changes places as well, as it does when it is read.
            let place = |db| {
                if db == one {
                    other
                } else if db == other {
                    one
                } else {
                    db
                }
            };
            keys = keys.into_iter().map(|(db, key)| (place(db), key)).collect();
            shard.note_upheavals();
        }
        let space = shard.keyspace.as_deref().expect("it is here");
        for db in (0..4).map(DbIndex) {
            let missing = |entry: &&Entry| !keys.contains(&(db, entry.key().to_vec()));
            // The large one has been lent.
            let wanted = usize::from(space.db(db).get(b"large").is_some());
            assert_eq!(space.db(db).iter().filter(missing).count(), wanted, "{db:?}");
        }
        assert_eq!(keys.len(), 2_000);
    }
}
