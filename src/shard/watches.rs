//! Versions of the keys that WATCH guards: only watched keys have one, and it moves with every change.

use hashbrown::HashMap;

use crate::base::id::DbIndex;
use crate::command::session::Watched;

struct Guard {
    version: u64,
    /// As `version`, of the last time it was removed because it had expired.
    expired_version: u64,
    watchers: usize,
}

/// Watched keys of one shard.
#[derive(Default)]
pub struct Watches {
    keys: HashMap<(DbIndex, Box<[u8]>), Guard>,
    /// Never repeats, so that a key that was forgotten and watched again cannot look unchanged.
    versions: u64,
}

impl Watches {
    /// Watches a key and answers its version.
    pub fn add(&mut self, db: DbIndex, key: &[u8]) -> u64 {
        self.versions += 1;
        let fresh = Guard {
            version: self.versions,
            expired_version: 0,
            watchers: 0,
        };
        let guard = self.keys.entry((db, key.into())).or_insert(fresh);
        guard.watchers += 1;
        guard.version.max(guard.expired_version)
    }

    /// Ends one watch of a key.
    pub fn remove(&mut self, watched: &Watched) {
        let place = (watched.db, watched.key.clone());
        let Some(guard) = self.keys.get_mut(&place) else { return };
        guard.watchers -= 1;
        if guard.watchers == 0 {
            self.keys.remove(&place);
        }
    }

    /// The key has changed.
    pub fn bump(&mut self, db: DbIndex, key: &[u8]) {
        if self.keys.is_empty() {
            return;
        }
        if let Some(guard) = self.keys.get_mut(&(db, Box::from(key))) {
            self.versions += 1;
            guard.version = self.versions;
        }
    }

    /// The key was removed because it had expired: a change for who saw it alive.
    pub fn expire(&mut self, db: DbIndex, key: &[u8]) {
        if self.keys.is_empty() {
            return;
        }
        if let Some(guard) = self.keys.get_mut(&(db, Box::from(key))) {
            self.versions += 1;
            guard.expired_version = self.versions;
        }
    }

    /// Every watched key of `db` that `existed` has changed.
    pub fn bump_where(&mut self, db: DbIndex, existed: impl Fn(&[u8]) -> bool) {
        for ((at, key), guard) in &mut self.keys {
            if *at == db && existed(key) {
                self.versions += 1;
                guard.version = self.versions;
            }
        }
    }

    /// Whether the key is as it was when `watched` was made.
    pub fn unchanged(&self, watched: &Watched) -> bool {
        let place = (watched.db, watched.key.clone());
        self.keys.get(&place).is_some_and(|guard| {
            guard.version <= watched.version && (watched.was_expired || guard.expired_version <= watched.version)
        })
    }
}
