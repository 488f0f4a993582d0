//! Commands and EXEC blocks whose keys are on several shards: the keys travel here, everything runs over them at once, and they travel back
//! with what happened to them. Shards are asked one after the other in ascending order, which is why nobody waits in a circle.

use std::collections::VecDeque;
use std::sync::Arc;

use super::connection::{Connection, Flow, Gather, Purpose};
use super::gather::{add_part, combine};
use super::homecoming::take_of;
use super::members::Members;
use super::node::Node;
use crate::base::id::{ConnId, ShardId, TxId};
use crate::base::time::Now;
use crate::command::args::OwnedArgs;
use crate::command::session::{Queued, Watched};
use crate::command::{Args, Attempt, Command, Control, Effects, Error, Exec, Part, Topic};

use crate::keyspace::Keyspace;
use crate::protocol::reply::Reply;
use crate::shard::execute::Surroundings;
use crate::shard::lend;
use crate::shard::message::{Acquire, Asker, Granted, Message, Parcel, Release, Waiter};
use crate::shard::scripts::run_over_whole;
use crate::shard::waiters::Waiters;

/// Keys to ask one shard for.
pub(super) struct Stage {
    pub(super) shard: ShardId,
    /// `None`: everything.
    pub(super) keys: Option<Vec<Box<[u8]>>>,
    pub(super) watched: Vec<Watched>,
    pub(super) immediately: bool,
}

/// What to run once everything is here.
pub(super) enum Work {
    Command {
        command: &'static Command,
        args: Arc<OwnedArgs>,
    },
    Block {
        queue: Vec<Queued>,
        at: usize,
    },
    /// Commands that came one after the other, without MULTI.
    Series(Members),
    /// Recording the large value at this key in a log that is begun anew.
    Inscription {
        key: Box<[u8]>,
    },
}

/// What is here.
pub(super) enum Holdings {
    /// Keys of some shards, together in one keyspace.
    Keys(Box<Keyspace>),
    /// The keyspaces of all shards, in order.
    Whole(Vec<Box<Keyspace>>),
}

/// A transaction over several shards.
pub(super) struct Tx {
    pub(super) id: TxId,
    pub(super) asker: Asker,
    pub(super) stages: VecDeque<Stage>,
    /// The shard that was asked last.
    pub(super) asking: ShardId,
    pub(super) parcels: Vec<(ShardId, Parcel)>,
    pub(super) unchanged: bool,
    pub(super) work: Work,
    pub(super) effects: Effects,
    /// The clocks of its run: the same for all its commands, in whichever pass they run.
    pub(super) now: Now,
    pub(super) reply: Reply,
    /// When the client gives up waiting, for a blocking command.
    pub(super) deadline_us: Option<u64>,
    /// Where the key is that woke the client, when one did.
    pub(super) woken_at: Option<ShardId>,
    /// The client that was woken.
    pub(super) waiter: Option<Waiter>,
    pub(super) gather: Option<Box<Gather>>,
    pub(super) holdings: Option<Holdings>,
    /// Shards on which clients wait for what was lent.
    pub(super) awaited: Vec<ShardId>,
    /// Whether some of these clients need keys of other shards too.
    pub(super) reaching: bool,
    /// The watched keys that guard it.
    pub(super) watched: Vec<Watched>,
    /// With the whole keyspace, who waits on each shard.
    pub(super) waiters: Vec<Waiters>,
    /// What to tell those that it has served, by the shards on which they wait.
    pub(super) served: Vec<(ShardId, Vec<(ShardId, Message)>)>,
    /// How many of them have not served those clients yet.
    pub(super) unconfirmed: usize,
    /// How many of them serve clients by transactions that are not over.
    pub(super) unsettled: usize,
    /// Those of them that hold the keys until all have.
    pub(super) locked: Vec<ShardId>,
    /// What goes home to the other shards after that.
    pub(super) homebound: Vec<(ShardId, Box<Release>)>,
    /// Which keys of which shard are in `holdings`.
    pub(super) lent: Vec<(ShardId, Vec<Box<[u8]>>)>,
    /// How often its script has begun so far and then lacked something.
    pub(super) attempts: u32,
    /// Its block is one command that was not in MULTI.
    pub(super) is_single: bool,
    /// It is changing where keys are, and must see the end of that.
    pub(super) reroutes: bool,
}

impl Work {
    /// Adds the keys that the work names.
    pub(super) fn add_keys(&self, keys: &mut Vec<Box<[u8]>>) {
        match self {
            Work::Command { command, args } => keys.extend(crate::shard::keys_of(command, args.as_args())),
            Work::Block { queue, .. } => queue
                .iter()
                .for_each(|Queued { command, args }| keys.extend(crate::shard::keys_of(command, args.as_args()))),
            Work::Series(members) => keys.extend(members.keys()),
            Work::Inscription { key } => keys.push(key.clone()),
        }
    }

    /// Writes the reply of a blocking command whose time is up.
    pub(super) fn timed_out(&self) -> Option<fn(&mut Reply)> {
        match self {
            Work::Command { command, .. } => match command.exec {
                Exec::Blocking { timed_out, .. } => Some(timed_out),
                _ => None,
            },
            Work::Block { .. } | Work::Series(_) | Work::Inscription { .. } => None,
        }
    }

    /// Whether it may turn out to need more keys.
    fn roams(&self) -> bool {
        match self {
            Work::Command { command, .. } => command.roams(),
            Work::Block { queue, .. } => queue.iter().any(|queued| queued.command.roams()),
            Work::Series(_) | Work::Inscription { .. } => false,
        }
    }
}

impl Tx {
    pub(super) fn new(id: TxId, asker: Asker, stages: VecDeque<Stage>, work: Work) -> Box<Self> {
        Box::new(Tx {
            id,
            asker,
            stages,
            asking: asker.origin.shard,
            parcels: Vec::new(),
            unchanged: true,
            work,
            effects: Effects::recording(),
            now: Now::default(),
            reply: Reply::new(Vec::new(), asker.resp),
            deadline_us: None,
            woken_at: None,
            waiter: None,
            gather: None,
            holdings: None,
            awaited: Vec::new(),
            reaching: false,
            watched: Vec::new(),
            waiters: Vec::new(),
            served: Vec::new(),
            unconfirmed: 0,
            locked: Vec::new(),
            unsettled: 0,
            homebound: Vec::new(),
            lent: Vec::new(),
            attempts: 0,
            is_single: false,
            reroutes: false,
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

    pub(super) fn begin_transaction(&mut self, id: ConnId, conn: &mut Connection, stages: VecDeque<Stage>, work: Work) {
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
            self.underway.transactions().insert(tx.id, tx);
        } else {
            self.ask_next(tx);
        }
    }

    /// Runs the transactions that need no key.
    pub(super) fn run_keyless(&mut self) -> bool {
        let Some(id) = self.stages_done.pop() else { return false };
        let tx = self.underway.transactions().remove(&id);
        if let Some(tx) = tx {
            self.unpack(tx);
        }
        true
    }

    pub(super) fn stages(&self, keys: Option<Vec<Box<[u8]>>>, watched: Vec<Watched>) -> VecDeque<Stage> {
        let mut watched = self.by_shard(watched);
        let mut stage = |shard, keys| Stage {
            shard,
            keys,
            watched: take_of(&mut watched, shard),
            immediately: false,
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

    pub(super) fn ask_next(&mut self, mut tx: Box<Tx>) {
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
        self.underway.transactions().insert(tx.id, tx);
    }

    pub(super) fn granted(&mut self, granted: Granted) {
        let mut tx = self
            .underway
            .transactions()
            .remove(&granted.tx)
            .expect("only what was asked for is granted");
        if let Work::Inscription { key } = tx.work {
            return self.begin_inscription(tx.id, key, granted);
        }
        match granted.parcel {
            Parcel::Refused => return self.retry(tx),
            Parcel::Occupied(error) => return self.break_off(tx, granted.watched, &error),
            Parcel::Keys(_) | Parcel::Whole(_) => {}
        }
        tx.unchanged &= granted.unchanged;
        if granted.awaited {
            tx.awaited.push(tx.asking);
            self.shorten(&mut tx);
        }
        tx.reaching |= granted.reaching;
        tx.watched.extend(granted.watched);
        if matches!(granted.parcel, Parcel::Whole(_)) {
            tx.waiters.push(granted.waiters);
        }
        tx.parcels.push((tx.asking, granted.parcel));
        if let Some(error) = self.refuses_meanwhile() {
            return self.break_off(tx, Vec::new(), &error);
        }
        if tx.stages.is_empty() && tx.reaching && tx.awaited.len() > 1 && tx.woken_at.is_none() {
            return self.widen(tx);
        }
        self.ask_next(tx);
    }

    /// Everything is here: puts it where commands can run over it.
    fn unpack(&mut self, mut tx: Box<Tx>) {
        tx.now = self.shard.now;
        self.prepare_redo(&mut tx);
        let mut keys = self.spare_space.take(self.shard.config.databases);
        let mut whole = Vec::new();
        for (shard, parcel) in std::mem::take(&mut tx.parcels) {
            match parcel {
                Parcel::Whole(space) => whole.push(space),
                Parcel::Keys(lent) => {
                    tx.lent
                        .push((shard, lent.iter().map(|lent| lent.key.clone()).collect()));
                    lent.into_iter().for_each(|lent| lend::put(&mut keys, lent));
                }
                Parcel::Refused | Parcel::Occupied(_) => unreachable!("a refused parcel ends the transaction"),
            }
        }
        tx.holdings = Some(if whole.is_empty() {
            Holdings::Keys(keys)
        } else {
            self.spare_space.keep(keys);
            Holdings::Whole(whole)
        });
        match &mut tx.work {
            work if tx.unchanged && matches!(tx.holdings, Some(Holdings::Keys(_))) && work.roams() => {
                match self.run_unit_over(&mut tx) {
                    Attempt::Lacks => self.begin_again(tx),
                    attempt => {
                        self.learn(&tx);
                        self.finish(tx, attempt);
                    }
                }
            }
            Work::Command { command, args } => {
                let (command, args) = (*command, args.clone());
                let attempt = self.run_over(&mut tx, command, args.as_args());
                self.learn(&tx);
                self.finish(tx, attempt);
            }
            Work::Series(members) => {
                let members = std::mem::take(members);
                self.run_series(tx, members);
            }
            Work::Inscription { .. } => unreachable!("what is lent for the log is not unpacked"),
            Work::Block { queue, .. } if tx.unchanged => {
                if !tx.is_single {
                    tx.reply.array(queue.len());
                }
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
                Exec::Everywhere { reroutes, .. } => {
                    if reroutes(args)
                        && let Some(reason) = self.forbids_rerouting(&mut tx)
                    {
                        tx.reply.error_bytes(&reason.line());
                        continue;
                    }
                    tx.reroutes = reroutes(args);
                    tx.gather = Some(self.ask_everywhere(tx.asker.origin, command, args));
                    self.underway.transactions().insert(tx.id, tx);
                    return;
                }
                Exec::Session(_) | Exec::Control(_) => {
                    self.run_on_session(&mut tx, command, args);
                    if tx.gather.is_some() {
                        self.underway.transactions().insert(tx.id, tx);
                        return;
                    }
                }
                Exec::Blocking { timeout, .. } if timeout(args).is_err() => {
                    let error = timeout(args).expect_err("the timeout was just refused");
                    tx.reply.error_bytes(&error.line());
                }
                _ => {
                    if self.run_over(&mut tx, command, args) == Attempt::Nothing
                        && let Exec::Blocking { denied, .. } = command.exec
                    {
                        denied(&mut tx.reply);
                    }
                }
            }
        }
        self.finish(tx, Attempt::Served);
    }

    pub(super) fn note_part_of_block(&mut self, id: TxId, from: ShardId, part: Result<Part, Error>) {
        let mut transactions = self.underway.transactions();
        let Some(tx) = transactions.get_mut(&id) else { return };
        let Some(gather) = &mut tx.gather else { return };
        if add_part(gather, from, part) {
            let mut tx = transactions.remove(&id).expect("the transaction was just found");
            drop(transactions);
            let gather = tx.gather.take().expect("the last part was just added");
            combine(*gather, &mut tx.reply);
            self.go_on(tx);
        }
    }

    /// A shard knows what a command of a block has told all of them.
    pub(super) fn note_confirmation_of_block(&mut self, id: TxId) {
        let Some(mut tx) = self.underway.transactions().remove(&id) else {
            return;
        };
        let left = tx.gather.as_mut().map(|gather| {
            gather.left -= 1;
            gather.left
        });
        if left == Some(0) {
            tx.gather = None;
            self.go_on(tx);
        } else {
            self.underway.transactions().insert(id, tx);
        }
    }

    /// The client has left: what it asked for still happens, but no answer of other shards can reach it any more.
    pub(super) fn forget_client(&mut self, id: TxId) {
        let mut transactions = self.underway.transactions();
        let asks = transactions
            .get_mut(&id)
            .is_some_and(|tx| !tx.reroutes && tx.gather.take().is_some());
        let tx = if asks { transactions.remove(&id) } else { None };
        drop(transactions);
        if let Some(tx) = tx {
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
            Exec::Control(Control::Subscribe(Topic::ShardChannel)) => {
                conn.reply
                    .error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
            }
            Exec::Control(Control::Monitor) => conn.reply.error("ERR MONITOR isn't allowed for DENY BLOCKING client"),
            Exec::Control(control) => self.control(id, &mut conn, control, args),
            _ => unreachable!("only such commands run on the session"),
        }
        std::mem::swap(&mut conn.reply, &mut tx.reply);
        tx.asker = conn.asker(self.shard.id, id);
        let left = std::mem::take(&mut conn.confirmations_left);
        if left > 0 {
            let purpose = Purpose::Subscribe;
            tx.gather = Some(Box::new(Gather {
                left,
                purpose,
                outdated: false,
            }));
        }
        tx.reply.set_resp(conn.session.resp);
        conn.reply.set_resp(conn.session.resp);
        self.connections.put(id, conn);
    }

    /// Runs one command over what the transaction holds.
    pub(super) fn run_over(&mut self, tx: &mut Tx, command: &'static Command, args: Args<'_>) -> Attempt {
        let mut holdings = tx.holdings.take().expect("a transaction runs over what it holds");
        let runs_scripts = command.runs_scripts();
        if runs_scripts {
            self.begin_script(tx.id);
        }
        let mut surroundings = Surroundings {
            effects: &mut tx.effects,
            config: &self.shard.config,
            now: tx.now,
            subscriptions: &self.shard.subscriptions,
            rng: &mut self.shard.rng,
            shard: (self.shard.id, self.shard.shards),
            memory_is_full: self.shard.memory.is_full,
        };
        let attempt = match &mut holdings {
            Holdings::Keys(space) => surroundings.run(space, &tx.asker, command, args, &mut tx.reply),
            Holdings::Whole(spaces) if command.runs_scripts() => self.shard.scripts.run_over_whole(
                &mut surroundings,
                spaces,
                &self.router,
                &tx.asker,
                command,
                args,
                &mut tx.reply,
            ),
            Holdings::Whole(spaces) => run_over_whole(
                &mut surroundings,
                false,
                spaces,
                &self.router,
                &tx.asker,
                command,
                args,
                &mut tx.reply,
            ),
        };
        tx.holdings = Some(holdings);
        if runs_scripts {
            self.end_script();
        }
        attempt
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
