//! Moves keys out of a keyspace and back: the entry's pointer travels, whatever the size of its value.

use crate::base::id::DbIndex;
use crate::base::time::UnixMillis;
use crate::keyspace::Keyspace;
use crate::shard::message::Lent;

/// Takes every entry named `key` out of all databases.
pub fn take(space: &mut Keyspace, key: Box<[u8]>) -> Lent {
    let mut entries = smallvec::SmallVec::new();
    for db in space.databases_in_use() {
        if !space.db(db).is_empty()
            && let Some(entry) = space.db_mut(db).remove(&key)
        {
            entries.push((db, entry));
        }
    }
    Lent { key, entries }
}

/// Copies every entry named `key` from all databases.
pub fn copy(space: &Keyspace, key: Box<[u8]>) -> Lent {
    let entries = space
        .databases_in_use()
        .filter(|&db| !space.db(db).is_empty())
        .filter_map(|db| Some((db, space.db(db).get(&key)?.clone())))
        .collect();
    Lent { key, entries }
}

/// Puts lent entries in place.
pub fn put(space: &mut Keyspace, lent: Lent) {
    for (db, entry) in lent.entries {
        space.db_mut(db).put(entry);
    }
}

/// Whether the key is stored but has expired.
pub fn has_expired(space: &Keyspace, db: DbIndex, key: &[u8], now: UnixMillis) -> bool {
    space
        .db(db)
        .get(key)
        .and_then(|entry| entry.expires_at())
        .is_some_and(|at| at <= now)
}
