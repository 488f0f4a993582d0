//! What a command's function is given: the keys it may touch, the reply to write, who asks, the configuration.

use super::effects::{Class, Effects};
use super::error::Error;
use crate::base::id::{ClientId, DbIndex, ShardId};
use crate::base::time::{Now, UnixMillis};
use crate::config::Config;
use crate::keyspace::{Db, Entry, Keyspace};
use crate::protocol::reply::Reply;
use crate::types::{Hash, Kind, List, Set, SortedSet};

/// Who runs the command.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller {
    /// The client.
    pub client: ClientId,
    /// Its selected database.
    pub db: DbIndex,
    /// Whether it asked that reads leave access times alone (CLIENT NO-TOUCH).
    pub no_touch: bool,
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
    pub rng: &'a mut crate::base::rng::Rng,
}

impl Context<'_> {
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
            if self.get(key).is_none() {
                self.insert(Entry::new(key, $new));
            }
            self.get_mut(key).and_then(Entry::$write).ok_or(Error::WrongType)
        }
    };
}

impl Keys<'_> {
    /// Wall clock in milliseconds.
    pub fn now_ms(&self) -> UnixMillis {
        self.now.unix_ms()
    }

    fn selected(&mut self) -> &mut Db {
        self.space.db_mut(self.db)
    }

    /// The entry at `key`, for a command that reads; an expired one is removed first.
    pub fn get(&mut self, key: &[u8]) -> Option<&Entry> {
        self.get_mut(key).map(|entry| &*entry)
    }

    /// As [`Keys::get`], counted as a hit or miss in the statistics: for commands that only read.
    pub fn lookup(&mut self, key: &[u8]) -> Option<&Entry> {
        self.drop_if_expired(key);
        let found = self.space.db_mut(self.db).get(key);
        *(if found.is_some() {
            &mut self.effects.hits
        } else {
            &mut self.effects.misses
        }) += 1;
        found
    }

    /// The entry at `key`, for a command that changes the value in place; the caller records the change.
    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut Entry> {
        self.drop_if_expired(key);
        self.selected().get_mut(key)
    }

    fn drop_if_expired(&mut self, key: &[u8]) {
        let now = self.now_ms();
        let db = self.selected();
        if db.volatile_len() > 0 && db.get(key).and_then(Entry::expires_at).is_some_and(|at| at <= now) {
            db.remove(key);
            self.effects.expired += 1;
            self.effects.changed(self.db, key, Class::Expired, "expired");
        }
    }

    /// Puts a whole entry in place, over whatever is there; the caller records the change.
    pub fn insert(&mut self, entry: Entry) -> Option<Entry> {
        self.selected().insert(entry)
    }

    /// Takes the entry out; the caller records the change.
    pub fn take(&mut self, key: &[u8]) -> Option<Entry> {
        self.drop_if_expired(key);
        self.selected().remove(key)
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

    /// Records an event for a change that is recorded already under another name.
    pub fn event(&mut self, key: &[u8], class: Class, event: &'static str) {
        self.effects.event(self.db, key, class, event);
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
}
