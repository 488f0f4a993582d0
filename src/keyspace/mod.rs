//! The keyspace of one shard: databases of entries. Knows values and clocks handed in; knows no command and no other shard.

pub mod access;
mod db;
mod entry;
pub mod eviction;
mod table;
#[cfg(test)]
mod tests;

pub use db::Db;
pub use entry::{Entry, StringRef, Value};
pub use table::Place;

use crate::base::id::DbIndex;

/// All databases of one shard (or of the keys that a transaction holds).
#[derive(Default)]
pub struct Keyspace {
    dbs: Vec<Db>,
    upheavals: Vec<Upheaval>,
    /// Databases from this number on have never been changed.
    untouched_from: usize,
}

/// What happened to whole databases, for the shard to tell watchers and waiters.
pub enum Upheaval {
    /// A database was emptied; its old contents, to be freed where that hurts nobody.
    Emptied(DbIndex, Box<Db>),
    /// Two databases were exchanged.
    Swapped(DbIndex, DbIndex),
}

impl Keyspace {
    /// An empty keyspace of `databases` databases.
    pub fn new(databases: usize) -> Self {
        Keyspace {
            dbs: (0..databases).map(|_| Db::default()).collect(),
            upheavals: Vec::new(),
            untouched_from: 0,
        }
    }

    /// Bytes that all databases take.
    #[inline]
    pub fn used_bytes(&self) -> usize {
        self.dbs[..self.untouched_from].iter().map(Db::used_bytes).sum()
    }

    /// Whether there is a key, or one that expires when `volatile`.
    pub fn has_keys(&self, volatile: bool) -> bool {
        let count = |db: &Db| if volatile { db.volatile_len() } else { db.len() };
        self.dbs[..self.untouched_from].iter().any(|db| count(db) > 0)
    }

    /// How many keys there are, in all databases.
    pub fn len(&self) -> usize {
        self.dbs[..self.untouched_from].iter().map(Db::len).sum()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many databases there are.
    pub fn databases(&self) -> usize {
        self.dbs.len()
    }

    /// The databases that may hold keys.
    pub fn databases_in_use(&self) -> impl Iterator<Item = DbIndex> + use<> {
        (0..self.untouched_from as u32).map(DbIndex)
    }

    /// One database.
    pub fn db(&self, db: DbIndex) -> &Db {
        &self.dbs[db.index()]
    }

    /// One database, to be changed.
    pub fn db_mut(&mut self, db: DbIndex) -> &mut Db {
        self.untouched_from = self.untouched_from.max(db.index() + 1);
        &mut self.dbs[db.index()]
    }

    /// Exchanges two databases; O(1).
    pub fn swap(&mut self, one: DbIndex, other: DbIndex) {
        self.untouched_from = self.untouched_from.max(one.index() + 1).max(other.index() + 1);
        self.dbs.swap(one.index(), other.index());
        self.upheavals.push(Upheaval::Swapped(one, other));
    }

    /// Empties a database and answers how many keys it had; O(1), since the contents are freed later.
    pub fn flush(&mut self, db: DbIndex) -> usize {
        let contents = self.dbs[db.index()].clear();
        let keys = contents.len();
        self.upheavals.push(Upheaval::Emptied(db, Box::new(contents)));
        keys
    }

    /// Whether whole databases have changed since [`Keyspace::take_upheavals`].
    pub fn has_upheavals(&self) -> bool {
        !self.upheavals.is_empty()
    }

    /// What happened to whole databases, in order.
    pub fn take_upheavals(&mut self) -> Vec<Upheaval> {
        std::mem::take(&mut self.upheavals)
    }
}
