//! Who has read which keys of this shard and is to hear of their next change, so that it can cache what it has read (CLIENT TRACKING).
//!
//! Owns that table and what is to be told. It must not know how a client is told, nor whether it still wants to be.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use hashbrown::{DefaultHashBuilder, HashSet};
use indexmap::IndexMap;
use smallvec::SmallVec;

use super::message::{Broadcast, Invalidate, Message, Origin, Outbox, Stale};
use super::state::Shard;
use crate::base::id::{ClientId, ShardId};
use crate::command::{Change, Class};

/// Readers of a key up to which they are kept in a row.
const FEW: usize = 16;
/// Keys that are forgotten for each that is added beyond the limit.
const FORGOTTEN_PER_READ: usize = 2;
/// Keys that are forgotten at least in one go when the limit was lowered; an eighth of what is too much besides.
const FORGOTTEN_AT_ONCE: usize = 1000;

/// How many keys are tracked on all shards.
#[derive(Debug, Default)]
pub struct TrackedKeys(AtomicUsize);

/// The readers of one key.
enum Readers {
    Few(SmallVec<[Origin; 1]>),
    Many(HashSet<Origin>),
}

impl Readers {
    /// Adds a reader; tells whether it is new.
    fn add(&mut self, reader: Origin) -> bool {
        match self {
            Readers::Few(few) if few.contains(&reader) => false,
            Readers::Few(few) if few.len() < FEW => {
                few.push(reader);
                true
            }
            Readers::Few(few) => {
                let mut many: HashSet<Origin> = few.drain(..).collect();
                many.insert(reader);
                *self = Readers::Many(many);
                true
            }
            Readers::Many(many) => many.insert(reader),
        }
    }

    /// Takes a reader out; tells whether it was one.
    fn remove(&mut self, reader: Origin) -> bool {
        match self {
            Readers::Few(few) => {
                let at = few.iter().position(|other| *other == reader);
                at.map(|at| few.swap_remove(at)).is_some()
            }
            Readers::Many(many) => many.remove(&reader),
        }
    }

    fn len(&self) -> usize {
        match self {
            Readers::Few(few) => few.len(),
            Readers::Many(many) => many.len(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = Origin> {
        let (few, many) = match self {
            Readers::Few(few) => (Some(few), None),
            Readers::Many(many) => (None, Some(many)),
        };
        few.into_iter().flatten().chain(many.into_iter().flatten()).copied()
    }
}

/// A key that its readers do not hold any more as it is.
struct Invalid {
    key: Box<[u8]>,
    readers: Readers,
    /// Who has changed it; nobody when it went by itself.
    by: ClientId,
}

/// Keys by prefix, each with who has changed it last.
type Changed = BTreeMap<Box<[u8]>, BTreeMap<Box<[u8]>, ClientId>>;

/// What is tracked on one shard.
#[derive(Default)]
pub struct Tracking {
    /// Readers by key, whichever database they have read.
    reads: IndexMap<Box<[u8]>, Readers, DefaultHashBuilder>,
    /// How many readers of all keys there are.
    items: usize,
    /// What readers have not been told. It follows the replies of the commands that have run.
    untold: Vec<Invalid>,
    /// Whether databases were emptied and nobody has been told.
    was_flushed: bool,
    /// Changed keys with the prefixes that clients have asked about, since that was told last.
    changed: Changed,
}

impl Tracking {
    /// How many keys have readers, and how many readers they have.
    pub fn totals(&self) -> (usize, usize) {
        (self.reads.len(), self.items)
    }

    /// Whether readers are to be told something.
    #[inline]
    pub fn has_news(&self) -> bool {
        !self.untold.is_empty() || self.was_flushed
    }

    /// Whether keys with certain prefixes have changed since that was told last.
    #[inline]
    pub fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// What has changed of the prefixes, in order.
    pub fn take_changed(&mut self) -> impl Iterator<Item = Broadcast> + use<> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|(prefix, keys)| Broadcast {
            prefix,
            keys: keys.into_iter().collect(),
        })
    }
}

impl Shard {
    /// A client has read a key and wants to hear of its next change.
    pub(super) fn note_read(&mut self, change: Change) {
        let readers = self.tracking.reads.entry(change.key);
        let is_new = matches!(readers, indexmap::map::Entry::Vacant(_));
        if is_new {
            self.effects.interest.add(readers.key());
            self.budget.tracked_keys.0.fetch_add(1, Relaxed);
        }
        let readers = readers.or_insert_with(|| Readers::Few(SmallVec::new()));
        self.tracking.items += usize::from(readers.add(change.by));
        if is_new {
            self.forget_reads(FORGOTTEN_PER_READ);
        }
    }

    /// A key has changed: its readers are to be told, once.
    #[inline]
    pub(super) fn note_change(&mut self, change: &Change) {
        if !self.tracking.reads.is_empty() {
            self.invalidate(change);
        }
        if !self.subscriptions.prefixes().is_empty() {
            self.note_prefixes(change);
        }
    }

    #[cold]
    fn invalidate(&mut self, change: &Change) {
        if let Some(at) = self.tracking.reads.get_index_of(&*change.key) {
            self.end_reads(at, change.by.client);
        }
    }

    #[cold]
    fn note_prefixes(&mut self, change: &Change) {
        // What has expired went by itself, whoever found that out.
        let by = match change.class {
            Class::Expired => ClientId::NOBODY,
            _ => change.by.client,
        };
        for prefix in self.subscriptions.prefixes().of(&change.key) {
            if !self.tracking.changed.contains_key(prefix) {
                self.tracking.changed.insert(prefix.into(), BTreeMap::new());
            }
            let keys = self.tracking.changed.get_mut(prefix).expect("it was just put in");
            keys.insert(change.key.clone(), by);
        }
    }

    /// Takes a key's readers out of the table; they are to be told.
    fn end_reads(&mut self, at: usize, by: ClientId) {
        let tracking = &mut self.tracking;
        let (key, readers) = tracking.reads.swap_remove_index(at).expect("the key was just found");
        tracking.items -= readers.len();
        self.effects.interest.remove(&key);
        self.budget.tracked_keys.0.fetch_sub(1, Relaxed);
        tracking.untold.push(Invalid { key, readers, by });
    }

    /// Databases were emptied: everybody will be told, and all reads are forgotten.
    pub fn note_flush(&mut self) {
        let tracking = &mut self.tracking;
        tracking.was_flushed = true;
        tracking.items = 0;
        self.budget.tracked_keys.0.fetch_sub(tracking.reads.len(), Relaxed);
        for (key, _) in tracking.reads.drain(..) {
            self.effects.interest.remove(&key);
        }
        self.deferred.iter_mut().for_each(|deferred| deferred.is_stale = true);
        self.log.held.become_stale();
    }

    /// Forgets keys of the table's own choice while all shards together track more than they may, and tells their readers; `most` at most.
    fn forget_reads(&mut self, most: usize) {
        let keys_max = self.config.tracking_table_max_keys;
        for _ in 0..most {
            let is_over = keys_max > 0 && self.budget.tracked_keys.0.load(Relaxed) > keys_max;
            if !is_over || self.tracking.reads.is_empty() {
                return;
            }
            let at = self.rng.below(self.tracking.reads.len() as u64) as usize;
            self.end_reads(at, ClientId::NOBODY);
        }
    }

    /// As it was when the limit was lowered: forgets many keys, not all that are too many.
    pub fn limit_tracking(&mut self) {
        let excess = match self.config.tracking_table_max_keys {
            0 => return,
            keys_max => self.budget.tracked_keys.0.load(Relaxed).saturating_sub(keys_max),
        };
        self.forget_reads(excess.min(FORGOTTEN_AT_ONCE + excess / 8));
    }

    /// Tells readers what they do not hold any more: by the lane of replies, so that it follows what they have read before. Answers what is for the
    /// client `current`, whose command is under way and will be answered without the lane.
    pub fn tell_readers(&mut self, current: ClientId, out: &mut Outbox) -> Vec<(Stale, ClientId)> {
        let mut for_current = Vec::new();
        let mut by_shard: SmallVec<[(ShardId, SmallVec<[_; 2]>); 4]> = SmallVec::new();
        for Invalid { key, readers, by } in std::mem::take(&mut self.tracking.untold) {
            for reader in readers.iter() {
                if reader.client == current {
                    for_current.push((Stale::Keys(vec![key.clone()]), by));
                } else if !self.tell_after_answer(reader, &key, by) {
                    let place = (reader.conn, reader.client);
                    match by_shard.iter_mut().find(|(shard, _)| *shard == reader.shard) {
                        Some((_, readers)) => readers.push(place),
                        None => by_shard.push((reader.shard, SmallVec::from_iter([place]))),
                    }
                }
            }
            for (shard, readers) in by_shard.drain(..) {
                let stale = Stale::Keys(vec![key.clone()]);
                out.reply(shard, Message::Invalidate(Box::new(Invalidate { stale, readers, by })));
            }
        }
        let flushed = std::mem::take(&mut self.tracking.was_flushed);
        if flushed {
            // What several shards tell together must wait for the others.
            let told = if self.shards == 1 { current } else { ClientId::NOBODY };
            (0..self.shards).for_each(|shard| out.reply(ShardId(shard), Message::Flushed { told }));
            for_current.extend((self.shards == 1).then_some((Stale::Everything, ClientId::NOBODY)));
        }
        for_current
    }

    /// A blocked client is about to be served: what it has not been told yet comes before the reply, as when another shard had told it.
    pub(super) fn tell_reader_first(&mut self, reader: Origin, out: &mut Outbox) {
        for Invalid { key, readers, by } in &mut self.tracking.untold {
            if readers.remove(reader) {
                out.reply(reader.shard, invalidation(reader, Stale::Keys(vec![key.clone()]), *by));
            }
        }
    }
}

/// Tells one reader.
pub(super) fn invalidation(reader: Origin, stale: Stale, by: ClientId) -> Message {
    Message::Invalidate(Box::new(Invalidate {
        stale,
        readers: SmallVec::from_iter([(reader.conn, reader.client)]),
        by,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::ConnId;

    fn reader(number: u32) -> Origin {
        Origin {
            shard: ShardId(0),
            conn: ConnId(number),
            client: ClientId(u64::from(number) + 1),
        }
    }

    #[test]
    fn each_reader_of_a_key_is_kept_once_however_many_there_are() {
        for count in [1, FEW, FEW + 1, 1000] {
            let mut readers = Readers::Few(SmallVec::new());
            let added = (0..count as u32)
                .chain(0..count as u32)
                .map(|number| readers.add(reader(number)));
            assert_eq!(added.filter(|is_new| *is_new).count(), count);
            assert_eq!((readers.len(), readers.iter().count()), (count, count));
            assert!(readers.remove(reader(0)) && !readers.remove(reader(0)));
            assert_eq!(readers.iter().filter(|other| *other == reader(0)).count(), 0);
        }
    }
}
