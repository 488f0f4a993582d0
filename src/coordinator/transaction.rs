//! Commands and EXEC blocks whose keys are on several shards: the keys travel here, everything runs over them at once, and they travel back
//! with what happened to them. Shards are asked one after the other in ascending order, which is why nobody waits in a circle.

use std::collections::VecDeque;
use std::sync::Arc;

use super::connection::{Blocked, Connection, Flow, Gather};
use super::gather::{add_part, combine};
use super::node::Node;
use crate::base::id::{ConnId, DbIndex, ShardId, TxId};
use crate::command::args::OwnedArgs;
use crate::command::session::{Queued, Watched};
use crate::command::{Args, Attempt, Command, Effects, Error, Exec, KeyFlags, Part};
use crate::keyspace::Keyspace;
use crate::protocol::reply::Reply;
use crate::shard::execute::Surroundings;
use crate::shard::lend;
use crate::shard::message::{
    Acquire, Asker, Claim, Granted, Lent, Message, Parcel, Registration, Release, Waiter, Woken,
};

/// Keys to ask one shard for.
struct Stage {
    shard: ShardId,
    /// `None`: everything.
    keys: Option<Vec<Box<[u8]>>>,
    watched: Vec<Watched>,
    immediately: bool,
}

/// What to run once everything is here.
enum Work {
    Command {
        command: &'static Command,
        args: Arc<OwnedArgs>,
    },
    Block {
        queue: Vec<Queued>,
        at: usize,
    },
}

/// What is here.
enum Holdings {
    /// Keys of some shards, together in one keyspace.
    Keys(Box<Keyspace>),
    /// The keyspaces of all shards, in order.
    Whole(Vec<Box<Keyspace>>),
}

/// A transaction over several shards.
pub(super) struct Tx {
    id: TxId,
    asker: Asker,
    stages: VecDeque<Stage>,
    /// The shard that was asked last.
    asking: ShardId,
    parcels: Vec<(ShardId, Parcel)>,
    unchanged: bool,
    work: Work,
    effects: Effects,
    reply: Reply,
    /// When the client gives up waiting, for a blocking command.
    deadline_us: Option<u64>,
    /// Where the key is that woke the client, when one did.
    woken_at: Option<ShardId>,
    gather: Option<Box<Gather>>,
    holdings: Option<Holdings>,
    /// Which keys of which shard are in `holdings`.
    lent: Vec<(ShardId, Vec<Box<[u8]>>)>,
}

impl Tx {
    fn new(id: TxId, asker: Asker, stages: VecDeque<Stage>, work: Work) -> Box<Self> {
        Box::new(Tx {
            id,
            asker,
            stages,
            asking: asker.origin.shard,
            parcels: Vec::new(),
            unchanged: true,
            work,
            effects: Effects::recording(),
            reply: Reply::new(Vec::new(), asker.resp),
            deadline_us: None,
            woken_at: None,
            gather: None,
            holdings: None,
            lent: Vec::new(),
        })
    }
}

impl Node {
    /// Starts a command whose keys are on several shards.
    #[cold]
    pub(super) fn start_transaction(
        &mut self,
        id: ConnId,
        conn: &mut Connection,
        command: &'static Command,
        args: Args<'_>,
    ) {
        let keys = match command.exec {
            Exec::Whole { .. } => None,
            _ => Some(crate::shard::keys_of(command, args)),
        };
        let stages = self.stages(keys, Vec::new());
        let work = Work::Command {
            command,
            args: Arc::new(args.into()),
        };
        self.begin_transaction(id, conn, stages, work);
    }

    /// Starts an EXEC over several shards, or one whose commands concern more than keys.
    pub(super) fn start_block(
        &mut self,
        id: ConnId,
        conn: &mut Connection,
        queue: Vec<Queued>,
        watched: Vec<Watched>,
        keys: Option<Vec<Box<[u8]>>>,
    ) {
        let stages = self.stages(keys, watched);
        self.begin_transaction(id, conn, stages, Work::Block { queue, at: 0 });
    }

    fn begin_transaction(&mut self, id: ConnId, conn: &mut Connection, stages: VecDeque<Stage>, work: Work) {
        self.counters.transactions += 1;
        let mut tx = Tx::new(
            self.shared.next_transaction(),
            conn.asker(self.shard.id, id),
            stages,
            work,
        );
        tx.deadline_us = conn.deadline_us;
        conn.flow = Flow::Transaction(tx.id);
        if tx.stages.is_empty() {
            // It runs when this connection is back in its place.
            self.stages_done.push(tx.id);
            self.transactions.insert(tx.id, tx);
        } else {
            self.ask_next(tx);
        }
    }

    /// Runs the transactions that need no key.
    pub(super) fn run_keyless(&mut self) -> bool {
        let Some(id) = self.stages_done.pop() else { return false };
        if let Some(tx) = self.transactions.remove(&id) {
            self.unpack(tx);
        }
        true
    }

    fn stages(&self, keys: Option<Vec<Box<[u8]>>>, watched: Vec<Watched>) -> VecDeque<Stage> {
        let mut watched = self.by_shard(watched);
        let mut stage = |shard, keys| {
            let own = watched.iter_mut().find(|(other, _)| *other == shard);
            let watched = own.map(|(_, watched)| std::mem::take(watched)).unwrap_or_default();
            Stage {
                shard,
                keys,
                watched,
                immediately: false,
            }
        };
        let Some(keys) = keys else {
            return self.all_shards().map(|shard| stage(shard, None)).collect();
        };
        let mut placed: Vec<(ShardId, Box<[u8]>)> =
            keys.into_iter().map(|key| (self.router.shard(&key), key)).collect();
        placed.sort_unstable();
        let mut stages: VecDeque<Stage> = VecDeque::new();
        for (shard, key) in placed {
            match stages.back_mut() {
                Some(Stage {
                    shard: last,
                    keys: Some(keys),
                    ..
                }) if *last == shard => keys.push(key),
                _ => stages.push_back(stage(shard, Some(vec![key]))),
            }
        }
        stages
    }

    fn ask_next(&mut self, mut tx: Box<Tx>) {
        let Some(Stage {
            shard,
            keys,
            watched,
            immediately,
        }) = tx.stages.pop_front()
        else {
            return self.unpack(tx);
        };
        tx.asking = shard;
        let acquire = Acquire {
            tx: tx.id,
            home: self.shard.id,
            keys,
            watched,
            immediately,
        };
        self.out.request(shard, Message::Acquire(Box::new(acquire)));
        self.transactions.insert(tx.id, tx);
    }

    pub(super) fn granted(&mut self, granted: Granted) {
        let mut tx = self
            .transactions
            .remove(&granted.tx)
            .expect("only what was asked for is granted");
        if matches!(granted.parcel, Parcel::Refused) {
            return self.finish(tx, Attempt::Nothing);
        }
        tx.unchanged &= granted.unchanged;
        tx.parcels.push((tx.asking, granted.parcel));
        self.ask_next(tx);
    }

    /// Everything is here: puts it where commands can run over it.
    fn unpack(&mut self, mut tx: Box<Tx>) {
        let mut keys = Box::new(Keyspace::new(self.shard.config.databases));
        let mut whole = Vec::new();
        for (shard, parcel) in std::mem::take(&mut tx.parcels) {
            match parcel {
                Parcel::Whole(space) => whole.push(space),
                Parcel::Keys(lent) => {
                    tx.lent
                        .push((shard, lent.iter().map(|lent| lent.key.clone()).collect()));
                    lent.into_iter().for_each(|lent| lend::put(&mut keys, lent));
                }
                Parcel::Refused => unreachable!("a refused parcel ends the transaction"),
            }
        }
        tx.holdings = Some(if whole.is_empty() {
            Holdings::Keys(keys)
        } else {
            Holdings::Whole(whole)
        });
        match &tx.work {
            Work::Command { command, args } => {
                let (command, args) = (*command, args.clone());
                let attempt = self.run_over(&mut tx, command, args.as_args());
                self.finish(tx, attempt);
            }
            Work::Block { queue, .. } if tx.unchanged => {
                tx.reply.array(queue.len());
                self.go_on(tx);
            }
            Work::Block { .. } => {
                tx.reply.null_array();
                self.finish(tx, Attempt::Served);
            }
        }
    }

    /// Runs the rest of a block, up to a command that must ask all shards.
    fn go_on(&mut self, mut tx: Box<Tx>) {
        while let Some(queued) = next_of(&mut tx.work) {
            let Queued { command, args } = queued;
            let args = args.as_args();
            match command.exec {
                Exec::Everywhere { .. } => {
                    tx.gather = Some(self.ask_everywhere(tx.asker.origin, command, args));
                    self.transactions.insert(tx.id, tx);
                    return;
                }
                Exec::Session(_) | Exec::Control(_) => self.run_on_session(&mut tx, command, args),
                Exec::Blocking { timeout, .. } if timeout(args).is_err() => {
                    let error = timeout(args).expect_err("the timeout was just refused");
                    tx.reply.error_bytes(&error.line());
                }
                _ => {
                    if self.run_over(&mut tx, command, args) == Attempt::Nothing
                        && let Exec::Blocking { timed_out, .. } = command.exec
                    {
                        timed_out(&mut tx.reply);
                    }
                }
            }
        }
        self.finish(tx, Attempt::Served);
    }

    pub(super) fn note_part_of_block(&mut self, id: TxId, from: ShardId, part: Result<Part, Error>) {
        let Some(tx) = self.transactions.get_mut(&id) else {
            return;
        };
        let Some(gather) = &mut tx.gather else { return };
        if add_part(gather, from, part) {
            let mut tx = self.transactions.remove(&id).expect("the transaction was just found");
            let gather = tx.gather.take().expect("the last part was just added");
            combine(*gather, &mut tx.reply);
            self.go_on(tx);
        }
    }

    /// The client has left: what it asked for still happens, but no answer of other shards can reach it any more.
    pub(super) fn forget_client(&mut self, id: TxId) {
        if let Some(tx) = self.transactions.get_mut(&id)
            && tx.gather.take().is_some()
        {
            let tx = self.transactions.remove(&id).expect("the transaction was just found");
            self.go_on(tx);
        }
    }

    /// Runs a command on the connection's own state, in the middle of a block.
    fn run_on_session(&mut self, tx: &mut Tx, command: &'static Command, args: Args<'_>) {
        let id = tx.asker.origin.conn;
        let Some(mut conn) = self.take_client(id, tx.asker.origin.client) else {
            return tx.reply.null();
        };
        std::mem::swap(&mut conn.reply, &mut tx.reply);
        match command.exec {
            Exec::Session(run) => {
                let mark = conn.reply.len();
                let ran = run(&mut self.session_context(&mut conn), args);
                crate::shard::execute::report(ran, mark, &mut conn.reply);
            }
            Exec::Control(control) => self.control(id, &mut conn, control, args),
            _ => unreachable!("only such commands run on the session"),
        }
        std::mem::swap(&mut conn.reply, &mut tx.reply);
        tx.asker.db = conn.session.db;
        tx.asker.resp = conn.session.resp;
        tx.reply.set_resp(conn.session.resp);
        self.conns[id.index()] = Some(conn);
    }

    /// Runs one command over what the transaction holds.
    fn run_over(&mut self, tx: &mut Tx, command: &'static Command, args: Args<'_>) -> Attempt {
        let mut holdings = tx.holdings.take().expect("a transaction runs over what it holds");
        let mut surroundings = Surroundings {
            effects: &mut tx.effects,
            config: &self.shard.config,
            now: self.shard.now,
            subscriptions: &self.shard.subscriptions,
            rng: &mut self.shard.rng,
            shard: (self.shard.id, self.shard.shards),
        };
        let attempt = match &mut holdings {
            Holdings::Keys(space) => surroundings.run(space, &tx.asker, command, args, &mut tx.reply),
            Holdings::Whole(spaces) => {
                let route = |key: &[u8]| self.router.shard(key);
                run_over_whole(
                    &mut surroundings,
                    spaces,
                    route,
                    &tx.asker,
                    command,
                    args,
                    &mut tx.reply,
                )
            }
        };
        tx.holdings = Some(holdings);
        attempt
    }

    /// Sends everything home and answers the client, or lets it wait.
    fn finish(&mut self, mut tx: Box<Tx>, attempt: Attempt) {
        let registration = if attempt == Attempt::Nothing {
            self.wait_after(&tx)
        } else {
            None
        };
        self.send_home(&mut tx, registration.as_ref());
        let mut publishes = std::mem::take(&mut tx.effects.publishes);
        if !publishes.is_empty() {
            self.shard.effects.publishes.append(&mut publishes);
            self.publish(None);
        }
        let origin = tx.asker.origin;
        let Some(mut conn) = self.take_client(origin.conn, origin.client) else {
            return;
        };
        match registration {
            Some((waiter, shards)) => {
                conn.flow = Flow::Ready;
                conn.deadline_us = tx.deadline_us;
                self.block_waiting(origin.conn, &mut conn, waiter, shards);
                self.put_conn(origin.conn, conn);
            }
            None => {
                let mark = conn.reply.len();
                if attempt == Attempt::Nothing
                    && let Work::Command {
                        command:
                            Command {
                                exec: Exec::Blocking { timed_out, .. },
                                ..
                            },
                        ..
                    } = tx.work
                {
                    timed_out(&mut conn.reply);
                }
                conn.reply.raw(tx.reply.bytes());
                conn.finish_reply(mark);
                if !matches!(conn.flow, Flow::Closing) {
                    return self.ready(origin.conn, conn);
                }
                self.put_conn(origin.conn, conn);
            }
        }
    }

    fn block_waiting(&mut self, id: ConnId, conn: &mut Connection, waiter: Waiter, shards: Vec<ShardId>) {
        let Waiter { command, claim, .. } = waiter;
        conn.session.blocked = true;
        conn.flow = Flow::Blocked(Box::new(Blocked {
            command,
            claim,
            shards,
            deadline_us: conn.deadline_us,
        }));
        if let Some(deadline) = conn.deadline_us {
            self.deadlines.insert((deadline, id));
        }
    }

    /// How the client of a blocking command that found nothing waits; `None` when it is gone or its time is up.
    fn wait_after(&self, tx: &Tx) -> Option<(Waiter, Vec<ShardId>)> {
        let Work::Command { command, args } = &tx.work else {
            return None;
        };
        let origin = tx.asker.origin;
        let conn = self.conns.get(origin.conn.index())?.as_ref()?;
        let here = conn.session.client == origin.client && matches!(conn.flow, Flow::Transaction(_));
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
        let roams = command.keys.iter().any(|key| key.flags.has(KeyFlags::INSERT));
        let waiter = Waiter {
            asker: tx.asker,
            command,
            args: args.clone(),
            claim: Claim::default(),
            roams,
        };
        Some((waiter, shards))
    }

    fn send_home(&mut self, tx: &mut Tx, registration: Option<&(Waiter, Vec<ShardId>)>) {
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
                debug_assert!(
                    (0..space.databases()).all(|db| space.db(DbIndex(db as u32)).is_empty()),
                    "commands keep to their keys"
                );
            }
        }
        let mut changes = std::mem::take(&mut tx.effects.changes);
        let effects = &mut self.shard.effects;
        effects.expired += tx.effects.expired;
        effects.hits += tx.effects.hits;
        effects.misses += tx.effects.misses;
        for (shard, parcel) in parcels {
            let (own, others) = changes
                .into_iter()
                .partition(|change| self.router.shard(&change.key) == shard);
            changes = others;
            let own: Vec<_> = own;
            let dirty = own.iter().filter(|change| change.modified).count() as u64;
            let waiter = registration
                .filter(|(_, shards)| shards.contains(&shard))
                .map(|(waiter, _)| self.at(shard, waiter, tx));
            let release = Release {
                tx: tx.id,
                parcel,
                changes: own,
                dirty,
                waiter,
            };
            self.out.reply(shard, Message::Release(Box::new(release)));
        }
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

    /// A blocked client's key has data, and is lent to its transaction: asks for the other keys. A shard below the one that holds the key is
    /// not waited for, since that could close a circle: if it cannot lend at once, everything goes back and the client waits on, first in line.
    pub(super) fn start_woken(&mut self, from: ShardId, woken: Woken) {
        let Woken { waiter, tx: id, parcel } = woken;
        let origin = waiter.asker.origin;
        let keys = crate::shard::keys_of(waiter.command, waiter.args.as_args());
        let elsewhere: Vec<Box<[u8]>> = keys.into_iter().filter(|key| self.router.shard(key) != from).collect();
        let mut stages = self.stages(Some(elsewhere), Vec::new());
        for stage in &mut stages {
            stage.immediately = stage.shard < from;
        }
        let work = Work::Command {
            command: waiter.command,
            args: waiter.args,
        };
        let mut tx = Tx::new(id, waiter.asker, stages, work);
        tx.parcels.push((from, parcel));
        tx.woken_at = Some(from);
        let Some(mut conn) = self.take_client(origin.conn, origin.client) else {
            return self.send_home(&mut tx, None);
        };
        if let Flow::Blocked(blocked) = &conn.flow {
            tx.deadline_us = blocked.deadline_us;
            self.end_blocking(origin.conn, &mut conn, Some(from));
            conn.flow = Flow::Transaction(id);
            self.put_conn(origin.conn, conn);
            self.ask_next(tx);
        } else {
            self.put_conn(origin.conn, conn);
            self.send_home(&mut tx, None);
        }
    }
}

fn next_of(work: &mut Work) -> Option<Queued> {
    let Work::Block { queue, at } = work else { return None };
    let queued = queue.get_mut(*at)?;
    *at += 1;
    let args = std::mem::replace(&mut queued.args, OwnedArgs::from_words([]));
    Some(Queued {
        command: queued.command,
        args,
    })
}

/// Runs a command over the keyspaces of all shards.
fn run_over_whole(
    surroundings: &mut Surroundings<'_>,
    spaces: &mut [Box<Keyspace>],
    route: impl Fn(&[u8]) -> ShardId,
    asker: &Asker,
    command: &'static Command,
    args: Args<'_>,
    reply: &mut Reply,
) -> Attempt {
    match command.exec {
        Exec::Whole { part, combine } => {
            let parts: Result<Vec<Part>, Error> = spaces
                .iter_mut()
                .enumerate()
                .map(|(at, space)| {
                    surroundings.shard.0 = ShardId(at as u16);
                    part(&mut surroundings.context(space, asker, reply), args)
                })
                .collect();
            match parts {
                Ok(parts) => combine(&parts, args, reply),
                Err(error) => reply.error_bytes(&error.line()),
            }
            Attempt::Served
        }
        Exec::Shard { shard, .. } => {
            let at = shard(args, spaces.len() as u16).unwrap_or(0);
            surroundings.shard.0 = ShardId(at);
            surroundings.run(&mut spaces[usize::from(at)], asker, command, args, reply)
        }
        _ => {
            let keys = crate::shard::keys_of(command, args);
            let mut gathered = Keyspace::new(spaces[0].databases());
            for key in &keys {
                let lent = lend::take(&mut spaces[route(key).index()], key.clone());
                lend::put(&mut gathered, lent);
            }
            let attempt = surroundings.run(&mut gathered, asker, command, args, reply);
            for key in keys {
                let home = route(&key).index();
                lend::put(&mut spaces[home], lend::take(&mut gathered, key));
            }
            attempt
        }
    }
}
