//! The search for what has expired.

use super::message::Outbox;
use super::state::Shard;
use crate::base::id::{DbIndex, Origin};
use crate::command::Class;

impl Shard {
    /// Removes keys and fields of hashes that have expired; about `limit` of each at most. Tells whether more may be due.
    pub fn expire_due(&mut self, limit: usize, out: &mut Outbox) -> bool {
        let now = self.now.unix_ms();
        self.effects.by = Origin::default();
        self.effects.notify = self.config.notify_keyspace_events;
        let Some(space) = self.keyspace.as_deref_mut() else {
            return false;
        };
        let (mut left, mut fields_left) = (limit, limit);
        let mut more = false;
        for db in (0..space.databases()).map(|db| DbIndex(db as u32)) {
            let taken = space.db_mut(db).take_expired(now, left);
            left -= taken.len();
            self.effects.expired += taken.len() as u64;
            for entry in &taken {
                self.effects.changed(db, entry.key(), Class::Expired, "expired");
                self.effects.redo.push_gone(db, entry.key());
            }
            for taken in space.db_mut(db).take_expired_fields(now, fields_left) {
                fields_left -= taken.count;
                self.effects.expired_fields += taken.count as u64;
                self.effects.changed(db, &taken.key, Class::Expired, "hexpired");
                if taken.emptied.is_some() {
                    self.effects.event(db, &taken.key, Class::Generic, "del");
                    self.effects.redo.push_gone(db, &taken.key);
                }
            }
            let due = [space.db(db).next_expiry_hint(), space.db(db).next_field_expiry()];
            more |= due.into_iter().flatten().any(|at| at <= now);
        }
        self.disown_records();
        if self.has_aftermath() {
            self.settle(out);
        }
        more
    }
}
