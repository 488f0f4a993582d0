//! One logical database of one shard: a table of entries, its expiries, and how many bytes it takes.

use super::entry::Entry;
use super::table::{KeyHash, Place, ProcessHash, Table};
use crate::base::due::DueQueue;
use crate::base::rng::Rng;
use crate::base::time::UnixMillis;

/// One logical database of one shard.
#[derive(Default)]
pub struct Db {
    table: Table,
    /// Bytes of all entries, but for what has happened to the open one.
    entry_bytes: usize,
    /// The hashes of which a field expires, by the time of the first that does.
    fields_due: DueQueue,
    /// The entry that was handed out to be changed, and what was counted of it before.
    open: Option<(Place, Counted)>,
}

/// What a database counts of an entry.
#[derive(Clone, Copy)]
struct Counted {
    bytes: usize,
    field_due: Option<UnixMillis>,
}

impl Counted {
    #[inline]
    fn of(entry: &Entry) -> Self {
        Counted {
            bytes: entry.heap_bytes(),
            field_due: entry.field_due(),
        }
    }
}

/// A hash of which fields have expired.
pub struct FieldsTaken {
    /// Its key.
    pub key: Box<[u8]>,
    /// How many fields were taken out.
    pub count: usize,
    /// The entry, when no field was left and it was taken out too.
    pub emptied: Option<Entry>,
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
            Some((place, before)) => self.entry_bytes + self.table.get(place).heap_bytes() - before.bytes,
            None => self.entry_bytes,
        };
        entry_bytes + self.table_bytes()
    }

    /// Bytes of the table and of the order of expiries without the entries; O(1).
    pub fn table_bytes(&self) -> usize {
        self.table.bytes() + self.fields_due.heap_bytes()
    }

    /// Number of hashes of which a field expires, but for what has happened to the open entry.
    pub fn volatile_hashes_len(&self) -> usize {
        self.fields_due.len()
    }

    /// Counts what has happened to the entry that was handed out.
    #[inline]
    fn close(&mut self) {
        if let Some((place, before)) = self.open.take() {
            let entry = self.table.get(place);
            let after = Counted::of(entry);
            self.entry_bytes = self.entry_bytes + after.bytes - before.bytes;
            if before.field_due != after.field_due {
                let hash = hash(entry.key());
                self.fields_due.change(hash, before.field_due, after.field_due);
            }
        }
    }

    /// Counts an entry that has come.
    fn count(&mut self, entry: &Entry) {
        let counted = Counted::of(entry);
        self.entry_bytes += counted.bytes;
        if counted.field_due.is_some() {
            self.fields_due.change(hash(entry.key()), None, counted.field_due);
        }
    }

    /// Counts an entry that has gone.
    fn uncount(&mut self, entry: &Entry) {
        let counted = Counted::of(entry);
        self.entry_bytes -= counted.bytes;
        if counted.field_due.is_some() {
            self.fields_due.change(hash(entry.key()), counted.field_due, None);
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
        self.open = Some((place, Counted::of(entry)));
        entry
    }

    /// Records an access of the entry at a place, as [`crate::keyspace::access`] has it; what is handed out stays handed out.
    #[inline]
    pub fn set_access_at(&mut self, place: Place, access: u32) {
        self.table.get_mut(place).set_access(access);
    }

    /// Takes out the entry at a place that was found since the last change of the database.
    pub fn remove_at(&mut self, place: Place) -> Entry {
        self.close();
        let entry = self.table.remove(place);
        self.uncount(&entry);
        entry
    }

    /// Puts in an entry whose key is not there.
    pub fn insert_new(&mut self, hash: u64, entry: Entry) -> Place {
        self.close();
        self.count(&entry);
        self.table.insert_new(hash, entry)
    }

    /// Puts an entry in the place of another with the same key and answers that one.
    pub fn replace_at(&mut self, place: Place, entry: Entry) -> Entry {
        self.close();
        self.count(&entry);
        let replaced = self.table.replace(place, entry);
        self.uncount(&replaced);
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

    /// Puts in an entry whose key is not there, as one knows who has taken it out.
    pub fn put(&mut self, entry: Entry) {
        let hash = hash(entry.key());
        debug_assert!(self.find(hash, entry.key()).is_none(), "the key is not there");
        self.insert_new(hash, entry);
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

    /// An entry with an expiry, drawn at random, approximately evenly.
    pub fn random_volatile(&self, rng: &mut Rng) -> Option<&Entry> {
        self.table.random_volatile(rng)
    }

    /// Takes out up to `limit` entries that have expired at `now`. The work of a call is bounded too: while
    /// [`Db::next_expiry_hint`] is not after `now`, another call may find more. O(1) when nothing is due.
    pub fn take_expired(&mut self, now: UnixMillis, limit: usize) -> Vec<Entry> {
        self.close();
        let taken = self.table.take_expired(now, limit);
        taken.iter().for_each(|entry| self.uncount(entry));
        taken
    }

    /// Takes out up to `limit` fields of hashes that have expired at `now`, and the hashes that they leave empty. O(1) when nothing is due.
    pub fn take_expired_fields(&mut self, now: UnixMillis, limit: usize) -> Vec<FieldsTaken> {
        self.close();
        let mut taken = Vec::new();
        let mut left = limit;
        while left > 0
            && let Some((due, hash)) = self.fields_due.first().filter(|(due, _)| *due <= now)
        {
            let place = self.table.find_by(hash, |entry| entry.field_due() == Some(due));
            let place = place.expect("a hash of which a field is due is in the table");
            let entry = self.at_mut(place);
            let fields = entry.hash_mut().expect("only hashes have fields");
            let count = fields.take_expired(now, left);
            let is_empty = fields.is_empty();
            let key = entry.key().into();
            left -= count;
            self.close();
            let emptied = is_empty.then(|| self.remove_at(place));
            taken.push(FieldsTaken { key, count, emptied });
        }
        taken
    }

    /// A time before which no field of a hash expires; `None` when none ever does.
    pub fn next_field_expiry(&self) -> Option<UnixMillis> {
        self.fields_due.first().map(|(due, _)| due)
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

    /// Panics when an invariant does not hold.
    #[cfg(test)]
    pub fn check(&mut self) {
        self.close();
        self.table.check();
        let mut due = DueQueue::default();
        for entry in self.table.iter() {
            due.change(hash(entry.key()), None, entry.field_due());
        }
        assert_eq!(format!("{:?}", self.fields_due), format!("{due:?}"));
    }
}
