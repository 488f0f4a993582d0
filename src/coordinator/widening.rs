//! A transaction that changes keys of several shards which clients wait for, some of whom need keys of further shards: one of these clients could
//! be served, and be seen, before another that was ready first. So the transaction begins again with the keyspaces of all shards and
//! those who wait there, and serves them in the instant of its change.

use super::node::Node;
use super::transaction::{Holdings, Tx};
use crate::base::id::{DbIndex, ShardId};
use crate::command::Attempt;
use crate::protocol::reply::Reply;
use crate::shard::message::{Claim, Message, Release, Served, Waiter};
use crate::shard::serve::is_ready;
use crate::shard::waiters::Waiters;

impl Node {
    /// Gives everything back unchanged and begins again with all there is.
    #[cold]
    pub(super) fn widen(&mut self, mut tx: Box<Tx>) {
        self.counters.transactions_widened += 1;
        for (shard, parcel) in std::mem::take(&mut tx.parcels) {
            // The transaction goes on: what guards it stays.
            let release = Release::unchanged(tx.id, parcel);
            self.out.reply(shard, Message::Release(Box::new(release)));
        }
        let stages = self.stages(None, tx.watched);
        let mut wide = Tx::new(self.shared.next_transaction(), tx.asker, stages, tx.work);
        wide.deadline_us = tx.deadline_us;
        wide.attempts = tx.attempts;
        self.enter(Some(tx.id), wide);
    }

    /// Serves the clients whose keys a transaction over all keyspaces has made ready, in the order of its changes and of their arrival.
    pub(super) fn serve_waiters(&mut self, tx: &mut Tx) {
        if tx.waiters.iter().all(|waiters| waiters.clients_len() == 0) {
            return;
        }
        for (db, key) in places_of_upheavals(tx) {
            self.serve_place(tx, db, &key);
        }
        let mut at = 0;
        while let Some(change) = tx.effects.changes.get(at) {
            at += 1;
            let (db, key) = (change.db, change.key.clone());
            self.serve_place(tx, db, &key);
        }
    }

    fn serve_place(&mut self, tx: &mut Tx, db: DbIndex, key: &[u8]) {
        let owner = self.router.shard(key).index();
        let now = self.shard.now.unix_ms();
        for waiter in tx.waiters[owner].in_line(db, key) {
            let Some(Holdings::Whole(spaces)) = &tx.holdings else {
                unreachable!("who waits is lent with the whole keyspace")
            };
            if is_ready(&waiter, spaces[owner].db(db).get(key), key, now) && waiter.claim.take() {
                let told = self.serve_in(tx, waiter);
                match tx.served.iter_mut().find(|(shard, _)| shard.index() == owner) {
                    Some((_, group)) => group.push(told),
                    None => tx.served.push((ShardId(owner as u16), vec![told])),
                }
            }
        }
    }

    /// Runs the command of a client that waits (its claim is taken) inside a transaction; answers what to tell which shard.
    fn serve_in(&mut self, tx: &mut Tx, waiter: Waiter) -> (ShardId, Message) {
        let own_asker = std::mem::replace(&mut tx.asker, waiter.asker);
        let own_reply = std::mem::replace(&mut tx.reply, Reply::new(Vec::new(), waiter.asker.resp));
        let attempt = self.run_over(tx, waiter.command, waiter.args.as_args());
        tx.asker = own_asker;
        let reply = std::mem::replace(&mut tx.reply, own_reply).into_bytes();
        let origin = waiter.asker.origin;
        if attempt == Attempt::Served {
            return (origin.shard, Message::Served(Box::new(Served { waiter, reply })));
        }
        // It waits on where it stands.
        let claim = Claim::default();
        for waiters in &mut tx.waiters {
            waiters.renew(origin.client, &waiter.claim, &claim);
        }
        let (conn, client) = (origin.conn, origin.client);
        (origin.shard, Message::Waiting { conn, client, claim })
    }
}

/// What is waited for, when whole databases were exchanged or emptied.
fn places_of_upheavals(tx: &Tx) -> Vec<(DbIndex, Box<[u8]>)> {
    let Some(Holdings::Whole(spaces)) = &tx.holdings else {
        return Vec::new();
    };
    if !spaces.iter().any(|space| space.has_upheavals()) {
        return Vec::new();
    }
    let places = tx.waiters.iter().flat_map(Waiters::places);
    places.map(|(db, key)| (db, key.into())).collect()
}
