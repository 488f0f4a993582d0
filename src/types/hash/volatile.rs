//! The form of a hash some of whose fields expire: the table, and the order in which they are due.

use super::pair::Pair;
use super::{Found, Setting, Ttl};
use crate::base::due::DueQueue;
use crate::base::hash::table_hash;
use crate::base::time::UnixMillis;
use crate::types::dict::Dict;

/// Pairs, of which at least one expires.
#[derive(Clone, Debug, Default)]
pub struct Volatile {
    /// All pairs, those that have expired included until they are taken out.
    pub dict: Dict<Pair>,
    /// The pairs that expire.
    pub due: DueQueue,
}

impl Volatile {
    /// Sets a field.
    pub fn set(&mut self, field: &[u8], value: &[u8], setting: Setting) -> Found {
        let mut found = Found::Nothing;
        let mut times = (None, setting.ttl.of_new());
        let change = |pair: &mut Pair| {
            let old = pair.expires_at();
            found = if pair.has_expired(setting.now) {
                Found::Expired
            } else {
                Found::Live
            };
            let new = match setting.ttl {
                Ttl::Keep if found == Found::Live => old,
                ttl => ttl.of_new(),
            };
            pair.set_expires_at(new);
            pair.set_value(value);
            times = (old, new);
        };
        self.dict
            .upsert(field, change, || Pair::new(field, value, setting.ttl.of_new()));
        self.note(field, times.0, times.1);
        found
    }

    /// Sets or clears when a field expires, which must be there.
    pub fn set_expiry(&mut self, field: &[u8], at: Option<UnixMillis>) {
        let old = self.dict.change(field, |pair| {
            let old = pair.expires_at();
            pair.set_expires_at(at);
            old
        });
        self.note(field, old.expect("the caller has found the field"), at);
    }

    fn note(&mut self, field: &[u8], old: Option<UnixMillis>, new: Option<UnixMillis>) {
        if old != new {
            self.due.change(table_hash(field), old, new);
        }
    }

    /// Takes a field out, expired or not.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let Some(pair) = self.dict.remove(field) else {
            return false;
        };
        self.note(field, pair.expires_at(), None);
        true
    }

    /// Takes out up to `limit` pairs that have expired at `now`; answers how many.
    pub fn take_expired(&mut self, now: UnixMillis, limit: usize) -> usize {
        for taken in 0..limit {
            match self.due.first() {
                Some((at, hash)) if at <= now => {
                    let expired = self.dict.remove_by(hash, |pair| pair.expires_at() == Some(at));
                    expired.expect("what is due is in the table");
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
        self.dict.check();
        assert!(!self.due.is_empty());
        let mut due = DueQueue::default();
        for pair in self.dict.iter() {
            due.change(table_hash(pair.field()), None, pair.expires_at());
        }
        assert_eq!(format!("{:?}", self.due), format!("{due:?}"));
    }
}
