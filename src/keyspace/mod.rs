//! The keyspace of one shard: databases of entries. Knows values and clocks handed in; knows no command and no other shard.

mod db;
mod entry;

pub use db::Db;
pub use entry::{Entry, StringRef, Value};

use crate::base::id::DbIndex;

/// All databases of one shard (or of the keys that a transaction holds).
#[derive(Default)]
pub struct Keyspace {
    dbs: Vec<Db>,
}

impl Keyspace {
    /// An empty keyspace of `databases` databases.
    pub fn new(databases: usize) -> Self {
        Keyspace {
            dbs: (0..databases).map(|_| Db::default()).collect(),
        }
    }

    /// How many databases there are.
    pub fn databases(&self) -> usize {
        self.dbs.len()
    }

    /// One database.
    pub fn db(&self, db: DbIndex) -> &Db {
        &self.dbs[db.index()]
    }

    /// One database, to be changed.
    pub fn db_mut(&mut self, db: DbIndex) -> &mut Db {
        &mut self.dbs[db.index()]
    }

    /// Exchanges two databases; O(1).
    pub fn swap(&mut self, one: DbIndex, other: DbIndex) {
        self.dbs.swap(one.index(), other.index());
    }
}
