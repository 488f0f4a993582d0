//! Keys on loan to transactions over several shards: out of the shard, back with what happened to them, and who is served by that.

use super::lend;
use super::locks::{Scope, Ticket};
use super::message::{Acquire, Granted, Lent, Message, Outbox, Parcel, Release};
use super::state::{Parked, Shard, scope};
use super::waiters::Waiters;
use crate::base::id::{DbIndex, ShardId, TxId};
use crate::command::Error;
use crate::keyspace::Keyspace;

/// What a transaction holds.
pub(super) struct Held {
    pub ticket: Ticket,
    /// The bytes that it was lent.
    lent_bytes: usize,
    /// What others are told who want the same, once a script has had it for long.
    pub occupied: Option<Error>,
}

impl Shard {
    /// Lends keys to a transaction, at once or when those who have them are done.
    pub(super) fn acquire(&mut self, acquire: Box<Acquire>, out: &mut Outbox) {
        let free = match &acquire.keys {
            Some(keys) => self.locks.free(keys.iter().map(|key| &**key)),
            None => self.locks.idle(),
        };
        if acquire.immediately && !free {
            let refused = Granted::nothing(acquire.tx, Parcel::Refused, acquire.watched);
            out.reply(acquire.home, Message::Granted(Box::new(refused)));
            return;
        }
        let scope = match &acquire.keys {
            Some(keys) => scope(keys),
            None => Scope::Whole,
        };
        self.locks.enqueue(scope, Parked::Acquire(acquire));
        self.run_parked(out);
    }

    /// Lends what a transaction has been granted.
    pub(super) fn lend(&mut self, ticket: Ticket, acquire: Acquire, out: &mut Outbox) {
        let Acquire {
            tx,
            home,
            keys,
            watched,
            ..
        } = acquire;
        let unchanged = self.is_unchanged(&watched);
        let awaited = match &keys {
            None => self.waiters.clients_len() > 0,
            Some(keys) => keys.iter().any(|key| self.is_awaited(key)),
        };
        let reaching = awaited
            && keys
                .as_ref()
                .is_some_and(|keys| keys.iter().any(|key| self.reaches_out(key)));
        let mut waiters = Waiters::default();
        let parcel = match keys {
            None => {
                waiters = std::mem::take(&mut self.waiters);
                Parcel::Whole(self.keyspace.take().expect("a granted keyspace is here"))
            }
            Some(keys) => {
                let space = self.keyspace.as_deref_mut().expect("a granted key is here");
                let lent: Vec<Lent> = keys.into_iter().map(|key| lend::take(space, key)).collect();
                self.emit_lent(&lent);
                Parcel::Keys(lent)
            }
        };
        self.hold(tx, ticket, &parcel);
        let granted = Granted {
            tx,
            parcel,
            unchanged,
            awaited,
            reaching,
            watched,
            waiters,
        };
        out.reply(home, Message::Granted(Box::new(granted)));
    }

    /// Whether a client waits for `key`, in any database.
    pub fn is_awaited(&self, key: &[u8]) -> bool {
        self.waiters.clients_len() > 0 && (0..self.config.databases).any(|db| self.waiters.has(DbIndex(db as u32), key))
    }

    /// Whether a client that waits for `key`, in any database, needs keys of other shards too.
    pub(super) fn reaches_out(&self, key: &[u8]) -> bool {
        self.waiters.clients_len() > 0
            && (0..self.config.databases).any(|db| self.waiters.reach_out(DbIndex(db as u32), key))
    }

    /// Notes what a transaction is lent.
    pub(super) fn hold(&mut self, tx: TxId, ticket: Ticket, parcel: &Parcel) {
        let lent = parcel.bytes();
        self.memory.lent_bytes += lent;
        self.held.insert(
            tx,
            Held {
                ticket,
                lent_bytes: lent,
                occupied: None,
            },
        );
    }

    /// Takes lent keys back.
    pub fn release(&mut self, from: ShardId, release: Release, out: &mut Outbox) {
        let outer = std::mem::take(&mut self.wakes);
        self.effects.dirty += release.dirty;
        self.effects.changes.extend(release.changes);
        self.unwatch(&release.watched);
        let before = self.recorded();
        if let Some(logged) = release.logged {
            self.log_part(from, release.tx, *logged);
        }
        for (shard, message) in release.served {
            self.tell_served(shard, message, before, out);
        }
        let mut returned = Vec::new();
        match release.parcel {
            Parcel::Whole(space) => self.take_back_whole(space, release.waiters),
            Parcel::Keys(keys) => {
                returned.extend(keys.iter().map(|lent| lent.key.clone()));
                let space = self
                    .keyspace
                    .as_deref_mut()
                    .expect("single keys are lent from a keyspace that is here");
                keys.into_iter().for_each(|lent| lend::put(space, lent));
            }
            Parcel::Refused | Parcel::Occupied(_) => unreachable!("what was refused does not come back"),
        }
        let held = self.held.get_mut(&release.tx).expect("only what is held comes back");
        self.memory.lent_bytes -= std::mem::take(&mut held.lent_bytes);
        if release.retry.is_none() {
            // Even unchanged they may serve somebody: a client that was woken for them may have left.
            self.look_at_waiters_for(&returned);
        }
        if let Some(registration) = release.waiter {
            self.register(registration);
        }
        let before = std::mem::replace(&mut self.changed_widely, release.widely);
        self.settle(out);
        self.changed_widely = before;
        if let Some(waiter) = release.retry {
            let (tx, waiter) = (release.tx, Box::new(waiter));
            self.locks.enqueue(
                scope(&returned),
                Parked::Wake {
                    waiter,
                    tx,
                    keys: returned,
                },
            );
        }
        self.disown_records();
        if release.confirm {
            self.confirm(from, release.tx, out);
        }
        self.wakes = outer;
        if !release.widely {
            self.unlock(release.tx, out);
        }
    }

    /// Lets others have the keys that a transaction held.
    pub fn unlock(&mut self, tx: TxId, out: &mut Outbox) {
        let held = self.held.remove(&tx).expect("only what is held is unlocked");
        self.occupied -= usize::from(held.occupied.is_some());
        self.locks.release(held.ticket);
        self.run_parked(out);
    }

    fn take_back_whole(&mut self, space: Box<Keyspace>, waiters: Waiters) {
        self.keyspace = Some(space);
        debug_assert_eq!(
            self.waiters.clients_len(),
            0,
            "nobody starts to wait while the whole keyspace is lent"
        );
        self.waiters = waiters;
        for client in self.waiters.finished() {
            self.remove_waiter(client);
        }
        self.note_upheavals();
    }
}
