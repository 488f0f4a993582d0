//! The end of a transaction over several shards: its keys go home with what happened to them, clients that waited for them are served, then it
//! is answered. And its other beginning: a blocked client whose key has data.

use std::sync::Arc;

use super::connection::{Blocked, Flow};
use super::logging::share_of;
use super::node::Node;
use super::transaction::{Holdings, Tx, Work};
use crate::base::id::{ShardId, TxId};
use crate::command::Attempt;
use crate::shard::lend;
use crate::shard::message::{Claim, Lent, Message, Parcel, Reach, Registration, Release, Waiter, Woken};

/// A client that starts to wait, and the shards at which it does.
type Waits = Option<(Waiter, Vec<ShardId>)>;

impl Node {
    /// Sends everything home and answers the client, or lets it wait.
    pub(super) fn finish(&mut self, mut tx: Box<Tx>, attempt: Attempt) {
        let waits = if attempt == Attempt::Nothing {
            self.wait_after(&tx)
        } else {
            None
        };
        if let (Attempt::Nothing, None, Some(timed_out)) = (attempt, &waits, tx.work.timed_out()) {
            timed_out(&mut tx.reply);
        }
        self.serve_waiters(&mut tx);
        self.shard.effects.shown.append(&mut tx.effects.shown);
        self.shard.effects.announcements.append(&mut tx.effects.announcements);
        self.tell_listeners(None);
        self.send_home(&mut tx, &waits);
        match waits {
            Some((waiter, shards)) => self.block_after(&tx, waiter, shards),
            None if tx.unconfirmed > 0 || tx.unsettled > 0 => drop(self.underway.transactions().insert(tx.id, tx)),
            None => self.answer(*tx),
        }
    }

    /// Sends everything home. Shards on which clients wait for what has changed come first: nobody may see the rest, or the answer, before those
    /// clients are served, since a later command of somebody who has seen it could otherwise be served to them instead.
    fn send_home(&mut self, tx: &mut Tx, waits: &Waits) {
        let effects = &mut self.shard.effects;
        effects.expired += tx.effects.expired;
        effects.expired_fields += tx.effects.expired_fields;
        effects.hits += tx.effects.hits;
        effects.misses += tx.effects.misses;
        let mut first = Vec::new();
        let mut watched = self.by_shard(std::mem::take(&mut tx.watched));
        let mut changes = self.by_owner(tx.effects.changes.drain(..), |change| &change.key);
        let mut waiters = std::mem::take(&mut tx.waiters).into_iter();
        let confirms = waits.is_none() && self.shard.answers_wait_for_disk();
        let mut shares = self.share_out(tx, confirms);
        tx.unsettled += shares.iter().filter(|(_, logged)| logged.confirm).count();
        for (shard, parcel) in self.pack(tx) {
            let changes = take_of(&mut changes, shard);
            let dirty = changes.iter().filter(|change| change.modified).count() as u64;
            let may_wake = dirty > 0 || matches!(parcel, Parcel::Whole(_));
            let confirm = waits.is_none() && may_wake && tx.awaited.contains(&shard);
            let waiter = waits
                .as_ref()
                .filter(|(_, shards)| shards.contains(&shard))
                .map(|(waiter, _)| self.at(shard, waiter, tx));
            let release = Release {
                tx: tx.id,
                parcel,
                changes,
                watched: take_of(&mut watched, shard),
                waiters: waiters.next().unwrap_or_default(),
                served: take_of(&mut tx.served, shard),
                logged: share_of(&mut shares, shard),
                dirty,
                confirm,
                widely: false,
                waiter,
                retry: None,
            };
            let group = if confirm { &mut first } else { &mut tx.homebound };
            group.push((shard, Box::new(release)));
        }
        tx.unconfirmed = first.len();
        let widely = first.len() > 1;
        for (shard, mut release) in first {
            release.widely = widely;
            tx.locked.extend(widely.then_some(shard));
            self.out.reply(shard, Message::Release(release));
        }
        if tx.unconfirmed == 0 {
            self.send_rest(tx);
        }
    }

    fn send_rest(&mut self, tx: &mut Tx) {
        for shard in tx.locked.drain(..) {
            self.out.reply(shard, Message::Unlock { tx: tx.id });
        }
        for (shard, release) in tx.homebound.drain(..) {
            self.out.reply(shard, Message::Release(release));
        }
    }

    /// Everything that was lent, by shard.
    pub(super) fn pack(&mut self, tx: &mut Tx) -> Vec<(ShardId, Parcel)> {
        let mut parcels = std::mem::take(&mut tx.parcels);
        match tx.holdings.take() {
            None => {}
            Some(Holdings::Whole(spaces)) => {
                parcels.extend(
                    spaces
                        .into_iter()
                        .enumerate()
                        .map(|(at, space)| (ShardId(at as u16), Parcel::Whole(space))),
                );
            }
            Some(Holdings::Keys(mut space)) => {
                for (shard, keys) in std::mem::take(&mut tx.lent) {
                    let lent: Vec<Lent> = keys.into_iter().map(|key| lend::take(&mut space, key)).collect();
                    parcels.push((shard, Parcel::Keys(lent)));
                }
                // Commands keep to their keys.
                self.spare_space.keep(space);
            }
        }
        parcels
    }

    /// A shard has served the clients that waited for what was lent, or has begun to.
    pub(super) fn released(&mut self, id: TxId, settled: bool) {
        let mut tx = self
            .underway
            .transactions()
            .remove(&id)
            .expect("a transaction stays until all is confirmed");
        tx.unconfirmed -= 1;
        tx.unsettled += usize::from(!settled);
        if tx.unconfirmed == 0 {
            self.send_rest(&mut tx);
        }
        self.answer_if_settled(tx);
    }

    /// The clients that a shard had begun to serve are served.
    pub(super) fn settled(&mut self, id: TxId) {
        let mut tx = self
            .underway
            .transactions()
            .remove(&id)
            .expect("a transaction stays until all is settled");
        tx.unsettled -= 1;
        self.answer_if_settled(tx);
    }

    fn answer_if_settled(&mut self, tx: Box<Tx>) {
        if tx.unconfirmed == 0 && tx.unsettled == 0 {
            self.answer(*tx);
        } else {
            self.underway.transactions().insert(tx.id, tx);
        }
    }

    /// Tells the shard that woke the transaction's client that this is over.
    fn tell_waker(&mut self, tx: &Tx) {
        if let Some(waker) = tx.woken_at {
            self.out.reply(waker, Message::Woke { wake: tx.id });
        }
    }

    pub(super) fn answer(&mut self, tx: Tx) {
        self.tell_waker(&tx);
        let origin = tx.asker.origin;
        let Some(mut conn) = self.take_client(origin.conn, origin.client) else {
            return self.answer_nobody(&tx);
        };
        let mark = conn.reply.len();
        conn.reply.raw(tx.reply.bytes());
        conn.finish_reply(mark);
        conn.end_caching();
        if matches!(conn.flow, Flow::Closing) {
            self.put_conn(origin.conn, conn);
            self.answer_nobody(&tx);
        } else {
            self.ready(origin.conn, conn);
        }
    }

    /// The client is gone; if it was woken, what it was given goes back.
    fn answer_nobody(&mut self, tx: &Tx) {
        if let Some(waiter) = &tx.waiter {
            self.give_back(waiter, tx.reply.bytes());
        }
    }

    fn block_after(&mut self, tx: &Tx, waiter: Waiter, shards: Vec<ShardId>) {
        self.tell_waker(tx);
        let origin = tx.asker.origin;
        let Some(mut conn) = self.take_client(origin.conn, origin.client) else {
            return;
        };
        let Waiter { command, claim, .. } = waiter;
        let deadline_us = tx.deadline_us;
        conn.finish_messages();
        conn.session.blocked = true;
        conn.flow = Flow::Blocked(Box::new(Blocked {
            command,
            claim,
            shards,
            deadline_us,
        }));
        if let Some(deadline) = deadline_us {
            self.deadlines.insert((deadline, origin.conn));
        }
        self.put_conn(origin.conn, conn);
    }

    /// How the client of a blocking command that found nothing waits; `None` when it is gone or its time is up.
    fn wait_after(&self, tx: &Tx) -> Waits {
        let Work::Command { command, args } = &tx.work else {
            return None;
        };
        let origin = tx.asker.origin;
        let here = self.connections.look(origin.conn, |conn| {
            conn.session.client == origin.client && matches!(conn.flow, Flow::Transaction(_))
        })?;
        let late = tx
            .deadline_us
            .is_some_and(|deadline| deadline <= self.shard.now.mono_us);
        if !here || late {
            return None;
        }
        let keys = crate::shard::waited_keys(command, args.as_args());
        let mut shards: Vec<ShardId> = keys.iter().map(|key| self.router.shard(key)).collect();
        shards.sort_unstable();
        shards.dedup();
        let reach = if command.needs_all_keys() {
            Reach::Roams
        } else {
            Reach::Spans
        };
        let db = tx.asker.db;
        let fixed = command.fixed_args(args.as_args(), &|key| match tx.holdings.as_ref()? {
            Holdings::Keys(space) => space.db(db).get(key),
            Holdings::Whole(spaces) => spaces[self.router.shard(key).index()].db(db).get(key),
        });
        let waiter = Waiter {
            asker: tx.asker,
            command,
            args: fixed.map_or_else(|| args.clone(), Arc::new),
            claim: Claim::default(),
            reach,
        };
        Some((waiter, shards))
    }

    fn at(&self, shard: ShardId, waiter: &Waiter, tx: &Tx) -> Registration {
        let keys = crate::shard::waited_keys(waiter.command, waiter.args.as_args());
        let keys = keys.into_iter().filter(|key| self.router.shard(key) == shard).collect();
        Registration {
            waiter: waiter.clone(),
            keys,
            first: tx.woken_at == Some(shard),
        }
    }

    /// A blocked client's key has data, and is lent to its transaction: asks for the other keys. A shard below the one that lends is not waited
    /// for, since that could close a circle (see [`Node::retry`]).
    pub(super) fn start_woken(&mut self, from: ShardId, woken: Woken) {
        let Woken {
            waiter,
            tx: id,
            parcel,
            awaited,
        } = woken;
        let origin = waiter.asker.origin;
        let keys = crate::shard::keys_of(waiter.command, waiter.args.as_args());
        let elsewhere: Vec<Box<[u8]>> = keys.into_iter().filter(|key| self.router.shard(key) != from).collect();
        let mut stages = self.stages(Some(elsewhere), Vec::new());
        for stage in &mut stages {
            stage.immediately = stage.shard < from;
        }
        let work = Work::Command {
            command: waiter.command,
            args: waiter.args.clone(),
        };
        let mut tx = Tx::new(id, waiter.asker, stages, work);
        tx.parcels.push((from, parcel));
        tx.woken_at = Some(from);
        tx.awaited.extend(awaited.then_some(from));
        let Some(mut conn) = self.take_client(origin.conn, origin.client) else {
            return self.abandon(tx);
        };
        tx.deadline_us = conn.deadline_us;
        let goes_on = match &conn.flow {
            Flow::Blocked(_) => {
                self.end_blocking(origin.conn, &mut conn, Some(from));
                conn.flow = Flow::Transaction(id);
                true
            }
            Flow::Transaction(retried) => *retried == id,
            _ => false,
        };
        self.put_conn(origin.conn, conn);
        if goes_on {
            tx.waiter = Some(waiter);
            self.ask_next(tx);
        } else {
            self.abandon(tx);
        }
    }

    /// The woken client is gone: what it would have got stays where it is.
    fn abandon(&mut self, mut tx: Box<Tx>) {
        self.send_home(&mut tx, &None);
        self.tell_waker(&tx);
    }

    /// A woken client could not get its other keys at once. Everything goes back as it was; the shard that woke it does so again after those who
    /// wait for its keys now, one of whom may be whom this transaction would have waited for.
    pub(super) fn retry(&mut self, mut tx: Box<Tx>) {
        let waiter = tx
            .waiter
            .take()
            .expect("only a woken client's transaction does not wait");
        for (shard, parcel) in std::mem::take(&mut tx.parcels) {
            let retry = (tx.woken_at == Some(shard)).then(|| waiter.clone());
            let release = Release {
                retry,
                ..Release::unchanged(tx.id, parcel)
            };
            self.out.reply(shard, Message::Release(Box::new(release)));
        }
    }
}

/// One shard's part of what is sorted by shards.
pub(super) fn take_of<T>(groups: &mut [(ShardId, Vec<T>)], shard: ShardId) -> Vec<T> {
    let group = groups.iter_mut().find(|(other, _)| *other == shard);
    group.map(|(_, items)| std::mem::take(items)).unwrap_or_default()
}
