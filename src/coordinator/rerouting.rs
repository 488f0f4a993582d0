//! Other affinity rules at run time. The command that brings them holds the keyspaces of all shards, which are empty, while each shard changes over.
//!
//! What a shard has asked by the old rules and has not been done may be for another shard now: it is refused (`TRYAGAIN`), whether it waits for keys or is
//! on its way, which ends with the `Rerouted` that each shard sends to all. What clients watch counts as changed.

use std::collections::VecDeque;
use std::sync::Arc;

use super::connection::{Connection, Flow, Purpose};
use super::node::Node;
use super::transaction::{Holdings, Tx, Work};
use crate::base::id::{ClientId, ConnId, DbIndex, TxId};
use crate::command::session::{Queued, Watched};
use crate::command::{Args, Command, Error};
use crate::shard::message::{Batch, Message};
use crate::shard::router::Router;

const THERE_ARE_KEYS: Error =
    Error::Text("ERR affinity rules can only be changed while there are no keys: first empty all databases (FLUSHALL)");
const CLIENTS_WAIT: Error =
    Error::Text("ERR affinity rules can only be changed while no client is blocked, waiting for a key");
pub(super) const TRY_AGAIN: Error =
    Error::Text("TRYAGAIN The affinity rules were changed while the command was on its way");

impl Node {
    /// Starts a command that changes where keys are.
    #[cold]
    pub(super) fn start_rerouting(
        &mut self,
        id: ConnId,
        conn: &mut Connection,
        command: &'static Command,
        args: Args<'_>,
    ) {
        let queued = Queued {
            command,
            args: args.into(),
        };
        let stages: VecDeque<_> = self.stages(None, Vec::new());
        let work = Work::Block {
            queue: vec![queued],
            at: 0,
        };
        let mut tx = Tx::new(
            self.shared.next_transaction(),
            conn.asker(self.shard.id, id),
            stages,
            work,
        );
        tx.is_single = true;
        self.counters.transactions += 1;
        conn.flow = Flow::Transaction(tx.id);
        self.ask_next(tx);
    }

    /// Why keys must stay where they are, if they must.
    pub(super) fn forbids_rerouting(&mut self, tx: &mut Tx) -> Option<Error> {
        let Some(Holdings::Whole(spaces)) = &tx.holdings else {
            unreachable!("such a command runs over everything")
        };
        let mut databases = spaces
            .iter()
            .flat_map(|space| (0..space.databases()).map(|db| space.db(DbIndex(db as u32))));
        if databases.any(|db| !db.is_empty()) {
            return Some(THERE_ARE_KEYS);
        }
        if tx.waiters.iter().any(|waiters| waiters.clients_len() > 0) {
            return Some(CLIENTS_WAIT);
        }
        // What has guarded the transaction is where the old rules tell.
        let watched = std::mem::take(&mut tx.watched);
        self.forget_watched(watched);
        None
    }

    /// The transaction of a client that is changing where keys are: it goes on also when the client has gone.
    pub(super) fn rerouting_of(&self, client: ClientId) -> Option<TxId> {
        let transactions = self.underway.transactions();
        let rerouting = transactions
            .values()
            .find(|tx| tx.reroutes && tx.asker.origin.client == client);
        rerouting.map(|tx| tx.id)
    }

    /// This shard changes over to the rules in its configuration.
    pub(super) fn reroute(&mut self) {
        self.forget_all_watched();
        let router = Router::new(self.shard.shards, &self.shard.config.affinity);
        let router = Arc::new(router.expect("CONFIG SET checks the rules"));
        self.shard.route_by(router.clone());
        self.interim.route_by(router.clone());
        self.router = router;
        for request in self.shard.refuse_parked(&TRY_AGAIN, &mut self.out) {
            if let Message::Unwatch(watched) = request {
                self.shard.unwatch(&watched);
            }
        }
        // Where a key is now, nobody knows who has read it.
        self.shard.note_flush();
        for shard in self.all_shards() {
            self.outdated[shard.index()] += 1;
            self.out.request(shard, Message::Rerouted);
        }
    }

    /// What the clients of this node watch counts as changed.
    fn forget_all_watched(&mut self) {
        let mut forgotten = Vec::new();
        self.connections.each(|_, conn| {
            if let Flow::Gathering(gather) = &mut conn.flow {
                gather.outdated |= matches!(gather.purpose, Purpose::Watch);
            }
            for watched in &mut conn.session.watched {
                forgotten.push(watched.clone());
                watched.version = Watched::UNSEEN;
            }
        });
        self.forget_watched(forgotten);
    }

    /// A request that was sent by other rules.
    #[cold]
    pub(super) fn refuse_outdated(&mut self, batch: &Batch, request: Message) {
        if let Some(request) = self.shard.refuse(batch, request, &TRY_AGAIN, &mut self.out) {
            self.shard.request(batch, request, &mut self.out);
            self.tell_listeners(None);
        }
    }
}
