//! One logical database of one shard.

use hashbrown::HashTable;

use super::entry::Entry;
use crate::base::hash::table_hash;
use crate::base::rng::Rng;
use crate::base::time::UnixMillis;

/// One logical database of one shard.
#[derive(Default)]
pub struct Db {
    table: HashTable<Entry>,
    volatile: usize,
}

impl Db {
    /// Number of keys, expired ones that nobody has met yet included.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Number of keys that have an expiry.
    pub fn volatile_len(&self) -> usize {
        self.volatile
    }

    /// The entry at `key`, expired or not.
    pub fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.table.find(table_hash(key), |entry| entry.key() == key)
    }

    /// The entry at `key`, to be changed.
    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut Entry> {
        self.table.find_mut(table_hash(key), |entry| entry.key() == key)
    }

    /// Puts an entry in place and answers the one it replaces.
    pub fn insert(&mut self, entry: Entry) -> Option<Entry> {
        let replaced = self.remove(entry.key());
        self.volatile += usize::from(entry.expires_at().is_some());
        self.table
            .insert_unique(table_hash(entry.key()), entry, |entry| table_hash(entry.key()));
        replaced
    }

    /// Takes the entry out.
    pub fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let found = self
            .table
            .find_entry(table_hash(key), |entry| entry.key() == key)
            .ok()?;
        let (entry, _) = found.remove();
        self.volatile -= usize::from(entry.expires_at().is_some());
        Some(entry)
    }

    /// Sets or clears when the key expires; tells whether the key is there.
    pub fn set_expiry(&mut self, key: &[u8], at: Option<UnixMillis>) -> bool {
        let Some(entry) = self.table.find_mut(table_hash(key), |entry| entry.key() == key) else {
            return false;
        };
        self.volatile -= usize::from(entry.expires_at().is_some());
        self.volatile += usize::from(at.is_some());
        entry.set_expires_at(at);
        true
    }

    /// Visits some entries from `cursor` (0: the beginning) on, about `count` of them, and answers where to go on (0: the end was reached).
    /// An entry that is there from the first to the last call of a full scan is visited at least once, however the table changes in between.
    /// Cursors fit 48 bits.
    pub fn scan(&self, _cursor: u64, _count: usize, visit: &mut dyn FnMut(&Entry)) -> u64 {
        self.table.iter().for_each(visit);
        0
    }

    /// An entry drawn at random, approximately evenly.
    pub fn random(&self, rng: &mut Rng) -> Option<&Entry> {
        let at = rng.below(self.table.len().max(1) as u64);
        self.table.iter().nth(at as usize)
    }

    /// Up to `limit` keys that have expired at `now`; the caller removes them.
    pub fn expired(&mut self, now: UnixMillis, limit: usize) -> Vec<Box<[u8]>> {
        if self.volatile == 0 {
            return Vec::new();
        }
        let due = self
            .table
            .iter()
            .filter(|entry| entry.expires_at().is_some_and(|at| at <= now));
        due.take(limit).map(|entry| entry.key().into()).collect()
    }

    /// Removes everything; the old contents are answered so that the caller can free them where it does not hurt.
    pub fn clear(&mut self) -> Db {
        std::mem::take(self)
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.table.iter()
    }
}
