//! One logical database of one shard: a table of entries, its expiries, and how many bytes it takes.

use super::entry::Entry;
use super::table::{KeyHash, Place, ProcessHash, Table};
use crate::base::rng::Rng;
use crate::base::time::UnixMillis;

/// One logical database of one shard.
#[derive(Default)]
pub struct Db {
    table: Table,
    /// Bytes of all entries, but for what has happened to the open one.
    entry_bytes: usize,
    /// The entry that was handed out to be changed, and its bytes before.
    open: Option<(Place, usize)>,
}

fn hash(key: &[u8]) -> u64 {
    ProcessHash::hash(key)
}

impl Db {
    /// Number of keys, expired ones that nobody has met yet included.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of keys that have an expiry.
    pub fn volatile_len(&self) -> usize {
        self.table.volatile()
    }

    /// Bytes that table and entries take, as [`Entry::heap_bytes`] counts; O(1).
    pub fn used_bytes(&self) -> usize {
        let entry_bytes = match self.open {
            Some((place, before)) => self.entry_bytes + self.table.get(place).heap_bytes() - before,
            None => self.entry_bytes,
        };
        entry_bytes + self.table.bytes()
    }

    /// Bytes of the table without its entries; O(1).
    pub fn table_bytes(&self) -> usize {
        self.table.bytes()
    }

    /// Counts what has happened to the entry that was handed out.
    #[inline]
    fn close(&mut self) {
        if let Some((place, before)) = self.open.take() {
            self.entry_bytes = self.entry_bytes + self.table.get(place).heap_bytes() - before;
        }
    }

    /// Where the entry at `key` is, expired or not; `hash` is [`crate::base::hash::table_hash`] of the key, here and below.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Place> {
        self.table.find(hash, key)
    }

    /// The entry at a place that was found since the last change of the database.
    #[inline]
    pub fn at(&self, place: Place) -> &Entry {
        self.table.get(place)
    }

    /// As [`Db::at`], to be changed, not to be exchanged for an entry with another key or expiry.
    #[inline]
    pub fn at_mut(&mut self, place: Place) -> &mut Entry {
        self.close();
        let entry = self.table.get_mut(place);
        self.open = Some((place, entry.heap_bytes()));
        entry
    }

    /// Takes out the entry at a place that was found since the last change of the database.
    pub fn remove_at(&mut self, place: Place) -> Entry {
        self.close();
        let entry = self.table.remove(place);
        self.entry_bytes -= entry.heap_bytes();
        entry
    }

    /// Puts in an entry whose key is not there.
    pub fn insert_new(&mut self, hash: u64, entry: Entry) -> Place {
        self.close();
        self.entry_bytes += entry.heap_bytes();
        self.table.insert_new(hash, entry)
    }

    /// Puts an entry in the place of another with the same key and answers that one.
    pub fn replace_at(&mut self, place: Place, entry: Entry) -> Entry {
        self.close();
        self.entry_bytes += entry.heap_bytes();
        let replaced = self.table.replace(place, entry);
        self.entry_bytes -= replaced.heap_bytes();
        replaced
    }

    /// Sets or clears the expiry of the entry at a place.
    pub fn set_expiry_at(&mut self, place: Place, at: Option<UnixMillis>) {
        self.close();
        let before = self.table.get(place).heap_bytes();
        self.table.set_expiry(place, at);
        self.entry_bytes = self.entry_bytes + self.table.get(place).heap_bytes() - before;
    }

    /// The entry at `key`, expired or not.
    pub fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.find(hash(key), key).map(|place| self.at(place))
    }

    /// The entry at `key`, to be changed.
    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut Entry> {
        self.find(hash(key), key).map(|place| self.at_mut(place))
    }

    /// Puts an entry in place and answers the one it replaces.
    pub fn insert(&mut self, entry: Entry) -> Option<Entry> {
        let hash = hash(entry.key());
        match self.find(hash, entry.key()) {
            Some(place) => Some(self.replace_at(place, entry)),
            None => {
                self.insert_new(hash, entry);
                None
            }
        }
    }

    /// Takes the entry out.
    pub fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        self.find(hash(key), key).map(|place| self.remove_at(place))
    }

    /// Sets or clears when the key expires; tells whether the key is there.
    pub fn set_expiry(&mut self, key: &[u8], at: Option<UnixMillis>) -> bool {
        let found = self.find(hash(key), key);
        if let Some(place) = found {
            self.set_expiry_at(place, at);
        }
        found.is_some()
    }

    /// Visits some entries from `cursor` (0: the beginning) on, about `count` of them, and answers where to go on (0: the end was reached).
    /// An entry that is there from the first to the last call of a full scan is visited at least once, however the table changes in between.
    /// Cursors fit 48 bits.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(&Entry)) -> u64 {
        self.table.scan(cursor, count, visit)
    }

    /// An entry drawn at random, approximately evenly.
    pub fn random(&self, rng: &mut Rng) -> Option<&Entry> {
        self.table.random(rng)
    }

    /// Takes out up to `limit` entries that have expired at `now`. The work of a call is bounded too: while
    /// [`Db::next_expiry_hint`] is not after `now`, another call may find more. O(1) when nothing is due.
    pub fn take_expired(&mut self, now: UnixMillis, limit: usize) -> Vec<Entry> {
        self.close();
        let taken = self.table.take_expired(now, limit);
        self.entry_bytes -= taken.iter().map(Entry::heap_bytes).sum::<usize>();
        taken
    }

    /// A time before which no key expires; `None` when none ever does.
    pub fn next_expiry_hint(&self) -> Option<UnixMillis> {
        self.table.soonest()
    }

    /// Removes everything; the old contents are answered so that the caller can free them where it does not hurt (another thread, say).
    pub fn clear(&mut self) -> Db {
        std::mem::take(self)
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.table.iter()
    }

    /// Begins to load what a lookup of this hash looks at first; to be called some lookups ahead.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.table.prefetch_bucket(hash);
    }

    /// Begins to load the entry with this hash; to be called some lookups after [`Db::prefetch_bucket`].
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        self.table.prefetch_entry(hash);
    }
}
