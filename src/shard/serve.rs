//! What follows from a command: watched keys move on, blocked clients whose key got data are served, in order of arrival.

use super::keys::{keys_of, waited_keys};
use super::lend;
use super::locks::{Ticket, places};
use super::message::{Claim, Lent, Message, Outbox, Parcel, Reach, Registration, Served, Waiter, Woken};
use super::state::{Parked, Shard};
use crate::base::debris;
use crate::base::id::{DbIndex, Origin, TxId};
use crate::base::time::UnixMillis;
use crate::command::{Attempt, Change, Class, Exec};
use crate::keyspace::{Db, Entry, Upheaval};
use crate::protocol::reply::Reply;

impl Shard {
    /// Whether the last command did something that somebody may wait for.
    #[inline]
    pub(super) fn has_aftermath(&self) -> bool {
        !self.effects.changes.is_empty() || self.keyspace.as_ref().is_some_and(|space| space.has_upheavals())
    }

    /// Tells watchers and serves waiters until nothing more follows.
    pub(super) fn settle(&mut self, out: &mut Outbox) {
        self.note_upheavals();
        while !self.effects.changes.is_empty() {
            for change in std::mem::take(&mut self.effects.changes) {
                if change.read {
                    self.note_read(change);
                    continue;
                }
                if matches!(change.class, Class::Expired) {
                    self.watches.expire(change.db, &change.key);
                } else if change.modified {
                    self.watches.bump(change.db, &change.key);
                }
                if change.modified {
                    self.note_change(&change);
                }
                if self.waiters.has(change.db, &change.key) {
                    self.serve_key(change.db, &change.key, out);
                }
            }
        }
        self.effects.interest.is_up_to_date();
        if !self.locks.idle() {
            self.run_parked(out);
        }
    }

    /// Whole databases were exchanged or emptied: watched keys that this concerns have changed, any waiter may be ready.
    pub(super) fn note_upheavals(&mut self) {
        let Some(space) = self.keyspace.as_deref_mut().filter(|space| space.has_upheavals()) else {
            return;
        };
        let upheavals = space.take_upheavals();
        let mut flushes = false;
        // What each database held before the upheavals that have been looked at, which begin with the last one.
        let mut held: Vec<&Db> = (0..space.databases()).map(|db| space.db(DbIndex(db as u32))).collect();
        for upheaval in upheavals.iter().rev() {
            match upheaval {
                Upheaval::Emptied(db, contents) => {
                    flushes = true;
                    self.watches.bump_where(*db, |key| contents.get(key).is_some());
                    held[db.index()] = contents;
                }
                Upheaval::Swapped(one, other) => {
                    let (here, there) = (one.index(), other.index());
                    let existed = |key: &[u8]| held[here].get(key).is_some() || held[there].get(key).is_some();
                    self.watches.bump_where(*one, existed);
                    self.watches.bump_where(*other, existed);
                    held.swap(here, there);
                }
            }
        }
        for upheaval in upheavals {
            match upheaval {
                Upheaval::Swapped(one, other) => self.emit_swapped(one, other),
                Upheaval::Emptied(_, contents) => debris::objects(contents.len() as u64, || drop(contents)),
            }
        }
        if flushes {
            self.note_flush();
        }
        self.effects
            .changes
            .extend(self.waiters.places().map(|(db, key)| look(db, key)));
    }

    /// Clients that wait for one of `keys` may be ready.
    pub(super) fn look_at_waiters_for(&mut self, keys: &[Box<[u8]>]) {
        for db in (0..self.config.databases).map(|db| DbIndex(db as u32)) {
            for key in keys.iter().filter(|key| self.waiters.has(db, key)) {
                self.effects.changes.push(look(db, key));
            }
        }
    }

    /// Clients that wait for what time alone may bring are looked at.
    pub fn look_at_the_time(&mut self, out: &mut Outbox) {
        let places = self.waiters.places_by_time();
        if places.is_empty() {
            return;
        }
        self.effects
            .changes
            .extend(places.iter().map(|(db, key)| look(*db, key)));
        self.settle(out);
    }

    fn serve_key(&mut self, db: DbIndex, key: &[u8], out: &mut Outbox) {
        while let Some(space) = self.keyspace.as_deref() {
            if self.locks.has_first(key) {
                return;
            }
            let entry = space.db(db).get(key);
            let now = self.now.unix_ms();
            let fits = |waiter: &Waiter| is_ready(waiter, entry, key, now);
            let Some(waiter) = self.waiters.first(db, key, fits).cloned() else {
                return;
            };
            let awaited = self.remove_waiter(waiter.asker.origin.client);
            if !waiter.claim.take() {
                continue;
            }
            let all = waiter.claim.requires_all_keys();
            if waiter.reach == Reach::Roams || waiter.reach == Reach::Spans && (all || self.changed_widely) {
                return self.start_wake(waiter, awaited);
            }
            let keys = keys_of(waiter.command, waiter.args.as_args());
            // Held keys among those it only takes from do not matter, unless something in them is on its way to somebody before it.
            if self.locks.free(keys.iter().map(|key| &**key)) || !(all || waiter.command.needs_all_keys()) {
                self.serve_granted(waiter, out);
            } else {
                self.delay(db, &awaited);
                let places = places(keys.iter().map(|key| &**key));
                self.locks.enqueue_first(places, Parked::Serve(Box::new(waiter)));
                return;
            }
        }
    }

    /// A client that waits for `keys` will be served, but not in this instant: those behind it must see that it is.
    fn delay(&mut self, db: DbIndex, keys: &[Box<[u8]>]) {
        for key in keys {
            self.waiters
                .each_in_line(db, key, |behind| behind.claim.require_all_keys());
        }
    }

    /// Runs a blocked client's command, whose claim is taken.
    pub(super) fn serve_granted(&mut self, waiter: Waiter, out: &mut Outbox) {
        let mut reply = Reply::new(Vec::new(), waiter.asker.resp);
        let before = self.recorded();
        let (space, mut surroundings) = self.parts();
        let space = space.expect("a served key is here");
        let attempt = surroundings.run(space, &waiter.asker, waiter.command, waiter.args.as_args(), &mut reply);
        let origin = waiter.asker.origin;
        match attempt {
            Attempt::Served => {
                if self.tracking.has_news() {
                    self.tell_reader_first(origin, out);
                }
                let reply = reply.into_bytes();
                let served = Message::Served(Box::new(Served { waiter, reply }));
                self.tell_served(origin.shard, served, before, out);
            }
            Attempt::Lacks => unreachable!("a script does not wait for keys"),
            // Somebody before it took the data while it stood in line for its destination: it waits again, first in line.
            Attempt::Nothing => {
                let claim = Claim::default();
                let keys = waited_keys(waiter.command, waiter.args.as_args());
                let waiter = Waiter {
                    claim: claim.clone(),
                    ..waiter
                };
                self.register(Registration {
                    waiter,
                    keys,
                    first: true,
                });
                let (conn, client) = (origin.conn, origin.client);
                out.reply(origin.shard, Message::Waiting { conn, client, claim });
            }
        }
    }

    fn start_wake(&mut self, waiter: Waiter, keys: Vec<Box<[u8]>>) {
        self.wake_count += 1;
        // Coordinators count from 1: the top bit tells names apart that the waking shard gives.
        let tx = TxId(1 << 63 | u64::from(self.id.0) << 47 | self.wake_count);
        self.wakes.push(tx);
        self.delay(waiter.asker.db, &keys);
        let places = places(keys.iter().map(|key| &**key));
        let waiter = Box::new(waiter);
        self.locks.enqueue_first(places, Parked::Wake { waiter, tx, keys });
    }

    /// Hands the keys that a woken client waited for to its coordinator.
    pub(super) fn wake(&mut self, ticket: Ticket, waiter: Waiter, tx: TxId, keys: Vec<Box<[u8]>>, out: &mut Outbox) {
        let awaited = keys.iter().any(|key| self.is_awaited(key));
        let space = self.keyspace.as_deref_mut().expect("a granted key is here");
        let lent: Vec<Lent> = keys.into_iter().map(|key| lend::take(space, key)).collect();
        self.emit_lent(&lent);
        let parcel = Parcel::Keys(lent);
        self.hold(tx, ticket, &parcel);
        let home = waiter.asker.origin.shard;
        out.reply(
            home,
            Message::Woken(Box::new(Woken {
                waiter,
                tx,
                parcel,
                awaited,
            })),
        );
    }
}

/// Whether a client that waits for `key` can be served now that `entry` is there.
pub fn is_ready(waiter: &Waiter, entry: Option<&Entry>, key: &[u8], now: UnixMillis) -> bool {
    match (waiter.command.waiting, waiter.command.exec) {
        (Some(waiting), _) => (waiting.ready)(entry, key, waiter.args.as_args(), now),
        (None, Exec::Blocking { waits_for, .. }) => entry.is_some_and(|entry| entry.kind() == waits_for),
        (None, _) => false,
    }
}

/// Not a change, but a reason to look at those who wait for a key.
fn look(db: DbIndex, key: &[u8]) -> Change {
    Change {
        db,
        key: key.into(),
        class: Class::Generic,
        event: "",
        modified: false,
        read: false,
        by: Origin::default(),
    }
}
