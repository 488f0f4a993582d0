//! What a command's function is given: the keys it may touch, the reply to write, who asks, the configuration.

use super::effects::{Class, Effects};
use super::error::Error;
use crate::base::hash::table_hash;
use crate::base::id::{ClientId, DbIndex, ShardId};
use crate::base::rng::Rng;
use crate::base::time::{Now, UnixMillis};
use crate::config::Config;
use crate::keyspace::access::{Accesses, Frequency};
use crate::keyspace::{Db, Entry, Keyspace, Place, StringRef};
use crate::protocol::reply::Reply;
use crate::types::sorted_set::Limits;
use crate::types::{Hash, Kind, List, Set, SortedSet, Stream};

/// Who runs the command.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller {
    /// The client.
    pub client: ClientId,
    /// Its selected database.
    pub db: DbIndex,
    /// Whether it asked that reads leave access times alone (CLIENT NO-TOUCH).
    pub no_touch: bool,
    /// Whether a script of the client's runs it.
    pub scripted: bool,
}

/// What becomes of a key whose time has come when a command meets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiring {
    /// It is removed.
    #[default]
    Removed,
    /// It is not seen, but stays: on a replica only the primary removes it.
    Hidden,
    /// It is there like any other: the primary, whose command this is, has seen it.
    Seen,
}

/// One run of one command.
pub struct Context<'a> {
    /// The keys it may touch: those it names, in every database.
    pub keys: Keys<'a>,
    /// Where the reply goes.
    pub reply: &'a mut Reply,
    /// Who asks.
    pub caller: Caller,
    /// This shard's copy of the configuration.
    pub config: &'a Config,
    /// The shard whose keyspace this is, and how many there are.
    pub shard: (ShardId, u16),
    /// Who subscribes to what.
    pub subscriptions: &'a super::subscriptions::Subscriptions,
    /// Randomness for sampling commands.
    pub rng: &'a mut Rng,
}

/// How the configuration lets uses of keys be counted.
pub fn counting(config: &Config) -> Frequency {
    Frequency {
        log_factor: config.lfu_log_factor,
        decay_min: config.lfu_decay_time_min,
    }
}

/// As [`counting`]; none while the time of uses is recorded instead.
pub fn frequency(config: &Config) -> Option<Frequency> {
    config.maxmemory_policy.is_lfu().then(|| counting(config))
}

/// How one run records uses of keys.
pub fn record_accesses(config: &Config, now: Now, no_touch: bool, rng: &mut Rng) -> Accesses {
    let frequency = frequency(config);
    // Only counting takes luck, and a seed of its own for each run.
    let seed = frequency.map_or(0, |_| rng.next_u64());
    let mut accesses = Accesses::new(frequency, now.unix_ms(), Rng::new(seed));
    accesses.is_off = no_touch;
    accesses
}

impl Context<'_> {
    /// Up to what sorted sets are small.
    pub fn sorted_set_limits(&self) -> Limits {
        Limits {
            entries: self.config.zset_max_listpack_entries,
            value: self.config.zset_max_listpack_value,
        }
    }

    /// Puts a result in place of whatever is at `key` and writes its size; an empty one only removes what is there.
    pub fn store_sorted_set(&mut self, key: &[u8], set: SortedSet, event: &'static str) {
        self.reply.count(set.len());
        if !set.is_empty() {
            self.keys.insert(Entry::new(key, set));
            self.keys.changed(key, Class::SortedSet, event);
        } else if self.keys.take(key).is_some() {
            self.keys.changed(key, Class::Generic, "del");
        }
    }

    /// Runs `run` over another database, then goes back.
    pub fn in_db<T>(&mut self, db: DbIndex, run: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.keys.db, db);
        let result = run(self);
        self.keys.db = before;
        result
    }
}

/// A keyspace as one command sees it: one database selected, expired keys gone, every change recorded.
pub struct Keys<'a> {
    /// All databases; other keys than the command's may be missing here.
    pub space: &'a mut Keyspace,
    /// The selected database.
    pub db: DbIndex,
    /// The clocks of this pass of the loop.
    pub now: Now,
    /// What the run does.
    pub effects: &'a mut Effects,
    /// How it is recorded that keys are used.
    pub accesses: Accesses,
    /// Whether digits that are stored stay text, as the words of a script do in Valkey.
    pub keeps_digits: bool,
    /// What becomes of what has expired.
    pub expiring: Expiring,
}

macro_rules! typed {
    ($(#[$doc:meta])* $read:ident, $(#[$doc_mut:meta])* $write:ident, $(#[$doc_or:meta])* $create:ident, $type:ty, $kind:expr, $new:expr) => {
        $(#[$doc])*
        pub fn $read(&mut self, key: &[u8]) -> Result<Option<&$type>, Error> {
            match self.get(key) {
                None => Ok(None),
                Some(entry) => entry.$read().map(Some).ok_or(Error::WrongType),
            }
        }

        $(#[$doc_mut])*
        pub fn $write(&mut self, key: &[u8]) -> Result<Option<&mut $type>, Error> {
            match self.get_mut(key) {
                None => Ok(None),
                Some(entry) => entry.$write().map(Some).ok_or(Error::WrongType),
            }
        }

        $(#[$doc_or])*
        pub fn $create(&mut self, key: &[u8]) -> Result<&mut $type, Error> {
            self.get_or_insert(key, || Entry::new(key, $new)).$write().ok_or(Error::WrongType)
        }
    };
}

impl Keys<'_> {
    /// Wall clock in milliseconds.
    pub fn now_ms(&self) -> UnixMillis {
        self.now.unix_ms()
    }

    /// What expires at this point in time or before it has expired.
    pub fn horizon(&self) -> UnixMillis {
        match self.expiring {
            Expiring::Seen => UnixMillis(i64::MIN),
            _ => self.now_ms(),
        }
    }

    fn selected(&mut self) -> &mut Db {
        self.space.db_mut(self.db)
    }

    /// Where the entry at `key` is, or the hash under which it is missing; an expired one is removed first, unless it is only hidden. One probe.
    fn find(&mut self, key: &[u8]) -> Result<Place, u64> {
        let hash = table_hash(key);
        let db = self.space.db_mut(self.db);
        let place = db.find(hash, key).ok_or(hash)?;
        match db.at(place).expires_at() {
            Some(at) if at <= self.horizon() => {
                if self.expiring == Expiring::Removed {
                    self.expire(place);
                }
                Err(hash)
            }
            _ => Ok(place),
        }
    }

    /// As `find`, and the entry has been used.
    #[inline]
    fn find_used(&mut self, key: &[u8]) -> Result<Place, u64> {
        let place = self.find(key)?;
        if !self.accesses.is_off {
            self.use_at(place);
        }
        Ok(place)
    }

    #[inline]
    fn use_at(&mut self, place: Place) {
        let db = self.space.db_mut(self.db);
        let access = db.at(place).access();
        let next = self.accesses.next(access);
        // Most uses within a second change nothing and leave the memory clean.
        if next != access {
            db.set_access_at(place, next);
        }
    }

    #[cold]
    fn expire(&mut self, place: Place) {
        let entry = self.selected().remove_at(place);
        self.effects.expired += 1;
        self.effects.redo.push_gone(self.db, entry.key());
        self.effects.changed(self.db, entry.key(), Class::Expired, "expired");
    }

    /// The entry at `key`, for a command that reads; an expired one is removed first.
    pub fn get(&mut self, key: &[u8]) -> Option<&Entry> {
        let place = self.find_used(key).ok()?;
        Some(self.space.db(self.db).at(place))
    }

    /// As [`Keys::get`], counted as a hit or miss in the statistics: for commands that only read.
    pub fn lookup(&mut self, key: &[u8]) -> Option<&Entry> {
        let found = self.find_used(key);
        self.counted(key, found)
    }

    /// The string at `key`, for a command that only reads; an error when it is something else.
    pub fn lookup_string(&mut self, key: &[u8]) -> Result<Option<StringRef<'_>>, Error> {
        match self.lookup(key) {
            None => Ok(None),
            Some(entry) => entry.as_string().map(Some).ok_or(Error::WrongType),
        }
    }

    /// As [`Keys::lookup_string`] for a stream.
    pub fn lookup_stream(&mut self, key: &[u8]) -> Result<Option<&Stream>, Error> {
        match self.lookup(key) {
            None => Ok(None),
            Some(entry) => entry.stream().map(Some).ok_or(Error::WrongType),
        }
    }

    /// As [`Keys::lookup`] for commands that only look at a key from outside, which is no use of it.
    pub fn inspect(&mut self, key: &[u8]) -> Option<&Entry> {
        let found = self.find(key);
        self.counted(key, found)
    }

    /// As [`Keys::inspect`], and nobody is told of a key that is not there.
    pub fn inspect_quietly(&mut self, key: &[u8]) -> Option<&Entry> {
        let Ok(place) = self.find(key) else {
            self.effects.misses += 1;
            return None;
        };
        self.effects.hits += 1;
        Some(self.space.db(self.db).at(place))
    }

    fn counted(&mut self, key: &[u8], found: Result<Place, u64>) -> Option<&Entry> {
        if found.is_err() {
            self.effects.missed(self.db, key);
        }
        let place = found.ok()?;
        self.effects.hits += 1;
        Some(self.space.db(self.db).at(place))
    }

    /// Marks a key as used now, even for a client that asked that its reads leave no mark; tells whether the key is there.
    pub fn touch(&mut self, key: &[u8]) -> bool {
        let found = self.find(key);
        if let Ok(place) = found {
            self.use_at(place);
        }
        self.counted(key, found).is_some()
    }

    /// Sets what is recorded of the use of a key, as [`crate::keyspace::access`] has it.
    pub fn set_access(&mut self, key: &[u8], access: u32) {
        if let Ok(place) = self.find(key) {
            self.selected().set_access_at(place, access);
        }
    }

    /// The entry at `key`, for a command that changes the value in place; the caller records the change.
    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut Entry> {
        let place = self.find_used(key).ok()?;
        Some(self.selected().at_mut(place))
    }

    /// As [`Keys::get_mut`], counted as a hit or miss in the statistics: for commands that read and may keep what they found out.
    pub fn lookup_mut(&mut self, key: &[u8]) -> Option<&mut Entry> {
        let place = self.find_used(key).ok();
        match place {
            Some(_) => self.effects.hits += 1,
            None => self.effects.missed(self.db, key),
        }
        place.map(|place| self.selected().at_mut(place))
    }

    /// The entry at `key`, put there by `make` when there is none; the caller records the change.
    pub fn get_or_insert(&mut self, key: &[u8], make: impl FnOnce() -> Entry) -> &mut Entry {
        let place = match self.find_used(key) {
            Ok(place) => place,
            Err(hash) => self.insert_new(hash, make()),
        };
        self.selected().at_mut(place)
    }

    /// Puts in an entry whose key is not there.
    fn insert_new(&mut self, hash: u64, mut entry: Entry) -> Place {
        self.effects.tell(self.db, entry.key(), Class::New, "new");
        entry.set_access(self.accesses.first());
        self.selected().insert_new(hash, entry)
    }

    /// A new string, not inserted yet.
    pub fn new_string(&self, key: &[u8], bytes: &[u8]) -> Entry {
        if self.keeps_digits {
            Entry::text(key, bytes)
        } else {
            Entry::string(key, bytes)
        }
    }

    /// Stores a string that expires at `at`, over whatever is there, in the same memory if it can; the caller records the change.
    /// Answers a collection that was replaced.
    pub fn put_string(&mut self, key: &[u8], bytes: &[u8], at: Option<UnixMillis>) -> Option<Entry> {
        let place = match self.find_used(key) {
            Err(hash) => {
                let entry = self.new_string(key, bytes).expiring(at);
                self.insert_new(hash, entry);
                return None;
            }
            Ok(place) => place,
        };
        let keeps_digits = self.keeps_digits;
        if self.selected().at(place).as_string().is_none() {
            let mut entry = self.new_string(key, bytes).expiring(at);
            let db = self.selected();
            entry.set_access(db.at(place).access());
            return Some(db.replace_at(place, entry));
        }
        let db = self.selected();
        if keeps_digits {
            db.at_mut(place).set_bytes(bytes);
        } else {
            db.at_mut(place).set_string(bytes);
        }
        if db.at(place).expires_at() != at {
            db.set_expiry_at(place, at);
        }
        None
    }

    /// Removes a key whose time has come, or whose new expiry lies in the past, with the event that this is.
    pub fn remove_expired(&mut self, key: &[u8]) {
        if let Some(place) = self.selected().find(table_hash(key), key) {
            self.expire(place);
        }
    }

    /// Records that `count` fields of the hash at `key` have expired or been given an expiry in the past, and are gone.
    pub fn fields_expired(&mut self, key: &[u8], count: usize) {
        self.effects.expired_fields += count as u64;
        self.changed(key, Class::Hash, "hexpired");
    }

    /// Puts a whole entry in place and answers what it replaces, unless that has expired; the caller records the change.
    pub fn insert(&mut self, mut entry: Entry) -> Option<Entry> {
        let place = match self.find_used(entry.key()) {
            Err(hash) => {
                self.insert_new(hash, entry);
                return None;
            }
            Ok(place) => place,
        };
        let db = self.selected();
        entry.set_access(db.at(place).access());
        Some(db.replace_at(place, entry))
    }

    /// Takes the entry out; the caller records the change.
    pub fn take(&mut self, key: &[u8]) -> Option<Entry> {
        let place = self.find(key).ok()?;
        Some(self.selected().remove_at(place))
    }

    /// Removes a key with the `del` event; tells whether it was there. For commands that say [`Footprint::Presence`](super::Footprint::Presence) of
    /// themselves, whose values [`Effects::removed`] keeps.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        let Some(entry) = self.take(key) else { return false };
        if let Some(removed) = &mut self.effects.removed {
            removed.push((self.db, entry));
        }
        self.changed(key, Class::Generic, "del");
        true
    }

    /// Removes a collection that has become empty, with the `del` event that this is.
    pub fn remove_emptied(&mut self, key: &[u8]) {
        self.selected().remove(key);
        self.effects.event(self.db, key, Class::Generic, "del");
    }

    /// Sets or clears when the key expires; tells whether the key is there.
    pub fn set_expiry(&mut self, key: &[u8], at: Option<UnixMillis>) -> bool {
        self.selected().set_expiry(key, at)
    }

    /// Records that `key` was modified (wakes waiters, fails watchers, notifies `event`).
    pub fn changed(&mut self, key: &[u8], class: Class, event: &'static str) {
        self.effects.changed(self.db, key, class, event);
    }

    /// Records that `key` was modified, with no event to tell.
    pub fn touched(&mut self, key: &[u8]) {
        self.effects.changed(self.db, key, Class::Generic, "");
    }

    /// Records an event for a change that is recorded already under another name.
    pub fn event(&mut self, key: &[u8], class: Class, event: &'static str) {
        self.effects.event(self.db, key, class, event);
    }

    /// Records what brings a change about again, in place of the words of the command: `words`, word 1 of which is the one key that they change.
    pub fn redo<'w>(&mut self, words: impl IntoIterator<Item = &'w [u8], IntoIter: ExactSizeIterator + Clone>) {
        self.redo_at(1, words);
    }

    /// As [`Keys::redo`], the key being word `at`.
    pub fn redo_at<'w>(
        &mut self,
        at: usize,
        words: impl IntoIterator<Item = &'w [u8], IntoIter: ExactSizeIterator + Clone>,
    ) {
        if self.effects.redo.is_wanted() {
            self.effects.redo.say(self.space, self.db, at, words);
        }
    }

    /// Records the value that is at `key` now, which no words would bring about again.
    pub fn redo_state(&mut self, key: &[u8], config: &Config) {
        if self.effects.redo.is_wanted() {
            let now = self.now_ms();
            self.effects.redo.say_state(self.space, self.db, key, now, config);
        }
    }

    /// The type of the value at `key`.
    pub fn kind(&mut self, key: &[u8]) -> Option<Kind> {
        self.get(key).map(Entry::kind)
    }

    typed!(
        /// The list at `key`; an error when it is something else.
        list,
        /// The list at `key`, to be changed.
        list_mut,
        /// The list at `key`, made when there is none.
        list_or_create,
        List,
        Kind::List,
        List::new()
    );
    typed!(
        /// The hash at `key`; an error when it is something else.
        hash,
        /// The hash at `key`, to be changed.
        hash_mut,
        /// The hash at `key`, made when there is none.
        hash_or_create,
        Hash,
        Kind::Hash,
        Hash::new()
    );
    typed!(
        /// The set at `key`; an error when it is something else.
        set,
        /// The set at `key`, to be changed.
        set_mut,
        /// The set at `key`, made when there is none.
        set_or_create,
        Set,
        Kind::Set,
        Set::new()
    );
    typed!(
        /// The sorted set at `key`; an error when it is something else.
        sorted_set,
        /// The sorted set at `key`, to be changed.
        sorted_set_mut,
        /// The sorted set at `key`, made when there is none.
        sorted_set_or_create,
        SortedSet,
        Kind::SortedSet,
        SortedSet::new()
    );
    typed!(
        /// The stream at `key`; an error when it is something else.
        stream,
        /// The stream at `key`, to be changed.
        stream_mut,
        /// The stream at `key`, made when there is none.
        stream_or_create,
        Stream,
        Kind::Stream,
        Stream::new()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_keys(now_ms: i64, space: &mut Keyspace, run: impl FnOnce(&mut Keys<'_>)) -> Effects {
        let mut effects = Effects::recording();
        run(&mut Keys {
            space,
            db: DbIndex(0),
            now: Now {
                unix_us: now_ms * 1000,
                mono_us: 0,
            },
            effects: &mut effects,
            accesses: Accesses::new(None, UnixMillis(now_ms), Rng::new(1)),
            keeps_digits: false,
            expiring: Expiring::Removed,
        });
        effects
    }

    #[test]
    fn whoever_meets_an_expired_key_removes_it_and_says_so() {
        type Meet = fn(&mut Keys<'_>) -> bool;
        let meetings: [Meet; 5] = [
            |keys| keys.get(b"k").is_none(),
            |keys| keys.lookup(b"k").is_none(),
            |keys| keys.get_mut(b"k").is_none(),
            |keys| keys.take(b"k").is_none(),
            |keys| keys.list_or_create(b"k").is_ok_and(|list| list.is_empty()),
        ];
        for meet in meetings {
            let mut space = Keyspace::new(1);
            let entry = Entry::string(b"k", b"v").expiring(Some(UnixMillis(10)));
            space.db_mut(DbIndex(0)).insert(entry);
            let before = with_keys(9, &mut space, |keys| assert!(keys.get(b"k").is_some()));
            assert_eq!(before.expired, 0);
            let effects = with_keys(10, &mut space, |keys| assert!(meet(keys)));
            assert_eq!(effects.expired, 1);
            assert_eq!(effects.changes[0].event, "expired");
            assert_eq!(space.db(DbIndex(0)).volatile_len(), 0);
        }
    }

    #[test]
    fn a_string_is_put_over_anything() {
        let mut space = Keyspace::new(1);
        with_keys(1, &mut space, |keys| {
            assert!(keys.put_string(b"k", b"one", None).is_none());
            assert!(keys.put_string(b"k", b"two", Some(UnixMillis(5))).is_none());
            let expires_at = |keys: &mut Keys<'_>| keys.get(b"k").and_then(Entry::expires_at);
            assert_eq!(expires_at(keys), Some(UnixMillis(5)));
            assert!(keys.put_string(b"k", b"12", None).is_none());
            assert_eq!(expires_at(keys), None);
            assert_eq!(keys.get(b"k").map(Entry::encoding), Some("int"));
            keys.insert(Entry::new(b"k", List::new()));
            let replaced = keys.put_string(b"k", b"three", None);
            assert_eq!(replaced.map(|entry| entry.kind()), Some(Kind::List));
            assert_eq!(keys.kind(b"k"), Some(Kind::String));
        });
    }

    #[test]
    fn what_is_of_another_type_is_not_created_anew() {
        let mut space = Keyspace::new(1);
        with_keys(1, &mut space, |keys| {
            keys.put_string(b"k", b"v", None);
            assert_eq!(keys.list_or_create(b"k").err(), Some(Error::WrongType));
            assert_eq!(keys.list(b"k").err(), Some(Error::WrongType));
            assert!(keys.hash_or_create(b"new").is_ok());
            assert_eq!(keys.kind(b"new"), Some(Kind::Hash));
        });
    }
}
