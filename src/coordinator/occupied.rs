//! A node's dealings with shards that scripts occupy: as a stand-in it goes on with what has begun and refuses what waits for the script; as a
//! coordinator it gives up what another shard refuses.
//!
//! Owns what becomes of each kind of message meanwhile. It must not know how long a script has run.

use super::connection::{Connection, Flow};
use super::interim::Kept;
use super::node::Node;
use super::transaction::{Tx, Work};
use crate::base::id::{ConnId, ShardId, TxId};
use crate::command::Error;
use crate::command::session::Watched;
use crate::protocol::reply::Reply;
use crate::shard::locks::{Place, Ticket};
use crate::shard::message::{Batch, Lacking, LackingWork, Message, Origin, Release, Subscription, Woken};

impl Node {
    /// While this node stands in: the error for what needs its shard.
    pub(super) fn refuses_meanwhile(&self) -> Option<Error> {
        self.stand_in.as_ref().map(|stand_in| stand_in.error.clone())
    }

    /// A script of `tx` begins: leaves what a stand-in needs.
    pub(super) fn begin_script(&mut self, tx: TxId) {
        self.underway.running().set(Some(tx));
        self.shard.exchange(&mut self.out);
    }

    /// The script is over.
    pub(super) fn end_script(&mut self) {
        self.shard.exchange(&mut self.out);
        self.underway.running().set(None);
    }

    /// Begins to stand in: refuses what waits for the shard, and has the shards whose keys the script holds refuse what waits for these.
    pub(super) fn begin_standing_in(&mut self) {
        let Some(error) = self.refuses_meanwhile() else { return };
        let own = self.shard.id;
        for request in self.shard.refuse_parked(&error, &mut self.out) {
            self.keep(own, request);
        }
        let underway = self.underway.clone();
        underway.sift(|from, batch, message| self.do_meanwhile(from, batch, message));
        if let Some(tx) = underway.running().get() {
            for shard in self.all_shards().filter(|shard| *shard != own) {
                let error = Box::new(error.clone());
                self.out.reply(shard, Message::Occupied { tx, error });
            }
        }
    }

    fn keep(&mut self, from: ShardId, request: Message) {
        let batch = Batch {
            messages: vec![request],
            ..Batch::default()
        };
        self.keep_batch(from, batch);
    }

    fn keep_batch(&mut self, from: ShardId, batch: Batch) {
        if let Some(stand_in) = &mut self.stand_in {
            stand_in.keep(Kept { from, batch });
        }
    }

    /// A batch that has come while this node stands in: does what can be done without the shard, and keeps the rest for the script's end.
    #[cold]
    pub(super) fn take_in_meanwhile(&mut self, from: ShardId, mut batch: Batch) {
        let messages = std::mem::take(&mut batch.messages);
        let kept = messages.into_iter();
        let kept = kept
            .filter_map(|message| self.do_meanwhile(from, &batch, message))
            .collect();
        batch.messages = kept;
        if batch.is_empty() {
            self.out.reuse(batch);
        } else {
            self.keep_batch(from, batch);
        }
    }

    /// Handles a message while this node stands in, or answers it to be handled after the script.
    fn do_meanwhile(&mut self, from: ShardId, batch: &Batch, message: Message) -> Option<Message> {
        match message {
            Message::Done { conn, .. } | Message::Part { conn, .. } | Message::Watching { conn, .. }
                if !self.may_go_on(conn) =>
            {
                return Some(message);
            }
            Message::Part { conn, .. } if !self.is_gathering(conn) => return Some(message),
            // All of a transaction happens, and what is here cannot now.
            Message::Ran { group, .. } if self.underway.groups()[group as usize].is_block => return Some(message),
            Message::Done { .. }
            | Message::Ran { .. }
            | Message::Prepared { .. }
            | Message::Apart { .. }
            | Message::Granted(_)
            | Message::Released { .. }
            | Message::Settled { .. }
            | Message::Watching { .. }
            | Message::Part { .. } => self.take_in(from, batch, message),
            Message::Lacking(lacking) => self.refuse_lacking(*lacking),
            Message::Woken(woken) => self.put_off(from, *woken),
            Message::Subscription(subscription) => return Some(self.confirm_early(from, subscription)),
            // What is not for the shard, or comes from it, waits.
            message if message.is_reply() => return Some(message),
            request => {
                let error = self.refuses_meanwhile()?;
                return self.shard.refuse(batch, request, &error, &mut self.out);
            }
        }
        None
    }

    /// Whether a connection may get answers of other shards: not when it might get them before messages that come first.
    fn may_go_on(&self, id: ConnId) -> bool {
        let tied = |conn: &mut Connection| conn.session.is_subscriber() || conn.session.monitor;
        !self.connections.look(id, tied).unwrap_or(false)
    }

    fn is_gathering(&self, id: ConnId) -> bool {
        let gathering = |conn: &mut Connection| matches!(conn.flow, Flow::Gathering(_));
        self.connections.look(id, gathering).unwrap_or(false)
    }

    /// A script needs more than the shard has that was asked to run it: it does not begin again while this shard is occupied.
    fn refuse_lacking(&mut self, lacking: Lacking) {
        let Some(error) = self.refuses_meanwhile() else { return };
        let Lacking { asker, work, .. } = lacking;
        let mut reply = Reply::new(Vec::new(), asker.resp);
        match work {
            LackingWork::Command { .. } => reply.error_bytes(&error.line()),
            LackingWork::Block(block) => {
                reply.error_bytes(&error.aborts_exec());
                self.forget_watched(block.watched);
            }
        }
        self.finish_flight(asker.origin.conn, asker.origin.client, reply.bytes(), 1);
    }

    /// A blocked client's key has data. It goes home for others to have, and wakes the client again behind those who wait for it now.
    fn put_off(&mut self, from: ShardId, woken: Woken) {
        let release = Release {
            retry: Some(woken.waiter),
            ..Release::unchanged(woken.tx, woken.parcel)
        };
        self.out.reply(from, Message::Release(Box::new(release)));
    }

    /// A client has subscribed elsewhere, which this node must know before it publishes anything, but not before the script's end.
    fn confirm_early(&mut self, from: ShardId, mut subscription: Box<Subscription>) -> Message {
        if subscription.joined {
            let Origin { conn, client, .. } = subscription.origin;
            self.out.reply(from, Message::Noted { conn, client });
            subscription.is_noted = true;
        }
        Message::Subscription(subscription)
    }

    /// Ends the lock of a group, unless a script occupies the shard: then after that.
    pub(super) fn end_lock(&mut self, ticket: Ticket, held: &[Place]) {
        match &mut self.stand_in {
            Some(stand_in) => stand_in.tickets.push((ticket, held.to_vec())),
            None => {
                self.shard.end_lock(ticket, held, &mut self.out);
                self.tell_listeners(None);
            }
        }
    }

    /// A transaction that has not run cannot have its keys, since a script occupies a shard: gives back what it holds and answers `error`.
    #[cold]
    pub(super) fn break_off(&mut self, mut tx: Box<Tx>, refused: Vec<Watched>, error: &Error) {
        if tx.waiter.is_some() {
            return self.retry(tx);
        }
        self.shorten(&mut tx);
        let mut watched = std::mem::take(&mut tx.watched);
        watched.extend(refused);
        watched.extend(tx.stages.drain(..).flat_map(|stage| stage.watched));
        for (shard, parcel) in std::mem::take(&mut tx.parcels) {
            let release = Release::unchanged(tx.id, parcel);
            self.out.reply(shard, Message::Release(Box::new(release)));
        }
        self.forget_watched(watched);
        match &tx.work {
            Work::Block { .. } if !tx.is_single => tx.reply.error_bytes(&error.aborts_exec()),
            _ => tx.reply.error_bytes(&error.line()),
        }
        self.counters.errors += 1;
        self.answer(*tx);
    }

    pub(super) fn forget_watched(&mut self, watched: Vec<Watched>) {
        for (shard, watched) in self.by_shard(watched) {
            self.out.request(shard, Message::Unwatch(Box::new(watched)));
        }
    }
}
