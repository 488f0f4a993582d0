//! The form of a hash some of whose fields expire: the table, and the order in which they are due.

use super::pair::{ByField, Head, Pair};
use super::{Found, Setting, Ttl};
use crate::base::due::DueQueue;
use crate::base::hash::table_hash;
use crate::base::time::UnixMillis;
use crate::types::records::Table;

/// Pairs, of which at least one expires.
#[derive(Clone, Debug, Default)]
pub struct Volatile {
    /// All pairs, those that have expired included until they are taken out.
    pub table: Table<ByField>,
    /// The pairs that expire.
    pub due: DueQueue,
}

impl Volatile {
    /// The pair of a field that has not expired.
    pub fn find(&self, field: &[u8], now: UnixMillis) -> Option<Pair<'_>> {
        let pair = self.table.find(field).map(Pair);
        pair.filter(|pair| !pair.has_expired(now))
    }

    /// Sets a field.
    pub fn set(&mut self, field: &[u8], value: &[u8], setting: Setting) -> Found {
        let pair = self.table.find(field).map(Pair);
        let old = pair.and_then(Pair::expires_at);
        let found = match pair {
            None => Found::Nothing,
            Some(pair) if pair.has_expired(setting.now) => Found::Expired,
            Some(_) => Found::Live,
        };
        let new = match setting.ttl {
            Ttl::Keep if found == Found::Live => old,
            ttl => ttl.of_new(),
        };
        self.table.set(field, &Head::new(field, new).record(field, value));
        self.note(field, old, new);
        found
    }

    /// Sets or clears when a field expires, which must be there.
    pub fn set_expiry(&mut self, field: &[u8], at: Option<UnixMillis>) {
        let pair = self.table.find(field).map(Pair);
        let pair = pair.expect("the caller has found the field");
        let (old, value) = (pair.expires_at(), pair.value().to_vec());
        self.table.set(field, &Head::new(field, at).record(field, &value));
        self.note(field, old, at);
    }

    fn note(&mut self, field: &[u8], old: Option<UnixMillis>, new: Option<UnixMillis>) {
        if old != new {
            self.due.change(table_hash(field), old, new);
        }
    }

    /// Takes a field out, expired or not.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let Some(pair) = self.table.find(field).map(Pair) else {
            return false;
        };
        let old = pair.expires_at();
        self.note(field, old, None);
        self.table.remove(field)
    }

    /// Takes out up to `limit` pairs that have expired at `now`; answers how many.
    pub fn take_expired(&mut self, now: UnixMillis, limit: usize) -> usize {
        for taken in 0..limit {
            match self.due.first() {
                Some((at, hash)) if at <= now => {
                    let is_due = |record: &[u8]| Pair(record).expires_at() == Some(at);
                    let was_there = self.table.remove_by(hash, is_due);
                    assert!(was_there, "what is due is in the table");
                    self.due.remove(at, hash);
                }
                _ => return taken,
            }
        }
        limit
    }

    /// Panics when an invariant does not hold.
    #[cfg(test)]
    pub fn check(&self) {
        self.table.check();
        assert!(!self.due.is_empty());
        let mut due = DueQueue::default();
        for pair in self.table.iter().map(Pair) {
            due.change(table_hash(pair.field()), None, pair.expires_at());
        }
        assert_eq!(format!("{:?}", self.due), format!("{due:?}"));
    }
}
