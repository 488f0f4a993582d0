//! Scripts that touch keys which are not where they run: they begin again, holding these too, until nothing is missing. What was held goes back
//! before more is asked for, so nobody waits out of order; after some attempts everything is taken, so each script ends.

use std::sync::Arc;

use super::connection::{Connection, Flow};
use super::logging::share_of;
use super::node::Node;
use super::roamers::Beside;
use super::transaction::{Holdings, Tx, Work};
use crate::base::id::{ConnId, TxId};
use crate::command::{Args, Attempt, Change, Command};
use crate::shard::message::{Asker, Block, Lacking, LackingWork, Message, Release};
use crate::shard::scripts::{Needs, Unit};

/// After so many attempts a script takes the whole keyspace.
const ATTEMPTS_MAX: u32 = 4;

impl Node {
    /// A script of this core's shard needs more than is here.
    #[cold]
    pub(super) fn start_roaming(
        &mut self,
        id: ConnId,
        conn: &mut Connection,
        command: &'static Command,
        args: Args<'_>,
        needs: Needs,
    ) {
        let work = Work::Command {
            command,
            args: Arc::new(args.into()),
        };
        let tx = self.roam(conn.asker(self.shard.id, id), work, needs, 1);
        conn.flow = Flow::Transaction(tx.id);
        self.ask_next(tx);
    }

    /// Starts a script with what it has needed before beside the keys that it declares.
    #[cold]
    pub(super) fn start_beside(
        &mut self,
        id: ConnId,
        conn: &mut Connection,
        command: &'static Command,
        args: Args<'_>,
        beside: Beside,
    ) {
        let work = Work::Command {
            command,
            args: Arc::new(args.into()),
        };
        let keys = beside.map(|mut keys| {
            work.add_keys(&mut keys);
            keys.sort_unstable();
            keys.dedup();
            keys
        });
        let stages = self.stages(keys, Vec::new());
        conn.deadline_us = None;
        self.begin_transaction(id, conn, stages, work);
    }

    /// A script that had to begin again has come to its end: remembers what it needed, if that is on several shards.
    pub(super) fn learn(&mut self, tx: &Tx) {
        let Work::Command { command, args } = &tx.work else {
            return;
        };
        if tx.attempts == 0 || self.shard.shards == 1 || !command.runs_scripts() {
            return;
        }
        let declared = crate::shard::keys_of(command, args.as_args());
        let beside = match &tx.holdings {
            Some(Holdings::Whole(_)) => None,
            _ if tx.lent.len() < 2 => return,
            _ => {
                let keys = tx.lent.iter().flat_map(|(_, keys)| keys);
                Some(
                    keys.filter(|key| declared.binary_search(key).is_err())
                        .cloned()
                        .collect(),
                )
            }
        };
        self.roamers.learn(args.as_args(), beside);
    }

    /// A script, or a block with one, needs more than is on the shard that was asked to run it.
    pub(super) fn start_lacking(&mut self, lacking: Lacking) {
        let Lacking { asker, needs, work } = lacking;
        let work = match work {
            LackingWork::Command { command, args } => Work::Command {
                command,
                args: args.into(),
            },
            LackingWork::Block(block) => {
                let Block { queue, watched, .. } = *block;
                if !watched.is_empty() {
                    // Whoever begins again must not lose what guards the watched keys: it takes everything at once.
                    let mut tx = self.roam(asker, Work::Block { queue, at: 0 }, Needs::default(), ATTEMPTS_MAX);
                    tx.stages = self.stages(None, watched);
                    return self.enter(None, tx);
                }
                Work::Block { queue, at: 0 }
            }
        };
        let tx = self.roam(asker, work, needs, 1);
        self.enter(None, tx);
    }

    /// The transaction lacked something: gives everything back unchanged and begins again with what it has turned out to need.
    #[cold]
    pub(super) fn begin_again(&mut self, mut tx: Box<Tx>) {
        let needs = *self.shard.scripts.take_needs();
        self.shard.effects.expired += tx.effects.expired;
        let mut shares = self.share_out(&mut tx, false);
        for (shard, parcel) in self.pack(&mut tx) {
            // Keys that had expired stay removed.
            let changes: Vec<Change> = tx
                .effects
                .changes
                .extract_if(.., |change| self.router.shard(&change.key) == shard)
                .collect();
            let release = Release {
                changes,
                logged: share_of(&mut shares, shard),
                ..Release::unchanged(tx.id, parcel)
            };
            self.out.reply(shard, Message::Release(Box::new(release)));
        }
        let Tx {
            id,
            asker,
            work,
            attempts,
            ..
        } = *tx;
        let tx = self.roam(asker, work, needs, attempts + 1);
        self.enter(Some(id), tx);
    }

    /// A transaction over the keys of `work` and what it has turned out to need.
    fn roam(&mut self, asker: Asker, work: Work, needs: Needs, attempts: u32) -> Box<Tx> {
        self.counters.transactions += 1;
        self.counters.scripts_restarted += 1;
        let keys = (!needs.whole && attempts < ATTEMPTS_MAX).then(|| {
            let mut keys = needs.keys;
            work.add_keys(&mut keys);
            keys.sort_unstable();
            keys.dedup();
            keys
        });
        let stages = self.stages(keys, Vec::new());
        let mut tx = Tx::new(self.shared.next_transaction(), asker, stages, work);
        tx.attempts = attempts;
        tx
    }

    /// Starts a transaction for a client that is in its place, or gone: what it has asked for happens all the same.
    pub(super) fn enter(&mut self, before: Option<TxId>, tx: Box<Tx>) {
        let origin = tx.asker.origin;
        self.connections.look(origin.conn, |conn| {
            let waits = match (&conn.flow, before) {
                (Flow::Transaction(id), Some(before)) => *id == before,
                (Flow::Flight { .. }, None) => true,
                _ => false,
            };
            if waits && conn.session.client == origin.client {
                conn.flow = Flow::Transaction(tx.id);
            }
        });
        self.ask_next(tx);
    }

    /// Runs a script, or a block with one, over lent keys, as a whole or not at all.
    pub(super) fn run_unit_over(&mut self, tx: &mut Tx) -> Attempt {
        let Some(Holdings::Keys(mut space)) = tx.holdings.take() else {
            unreachable!("such work runs over lent keys")
        };
        let (lent, router) = (&tx.lent, &self.router);
        let has = |key: &[u8]| {
            let owner = router.shard(key);
            let of_owner = lent.iter().find(|(shard, _)| *shard == owner);
            of_owner.is_some_and(|(_, keys)| keys.binary_search_by(|other| (**other).cmp(key)).is_ok())
        };
        let unit = match &tx.work {
            Work::Command { command, args } => Unit::Command(command, args.as_args()),
            Work::Block { queue, .. } => Unit::Block(queue),
            Work::Series(_) | Work::Inscription { .. } => unreachable!("such work knows its keys"),
        };
        self.underway.running().set(Some(tx.id));
        let shard = &mut self.shard;
        shard.exchange(&mut self.out);
        let mut surroundings = crate::shard::execute::Surroundings {
            effects: &mut tx.effects,
            config: &shard.config,
            now: tx.now,
            subscriptions: &shard.subscriptions,
            rng: &mut shard.rng,
            shard: (shard.id, shard.shards),
            memory_is_full: shard.memory.is_full,
        };
        let attempt = shard.scripts.run_unit(
            &mut surroundings,
            &mut space,
            Some(&has),
            true,
            &tx.asker,
            unit,
            &mut tx.reply,
        );
        self.end_script();
        tx.holdings = Some(Holdings::Keys(space));
        attempt
    }
}
