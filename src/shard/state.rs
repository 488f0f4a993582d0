//! The shard's state machine: runs requests on its keys, parks those whose keys are held, lends keys and takes them back.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;

use super::answers::Deferred;
use super::execute::Surroundings;
use super::groups::Preparations;
use super::keys::waited_keys;
use super::lend;
use super::lending::Held;
use super::locks::{Locks, Place, Scope, each_once, places};
use super::log::{Log, Progress};
use super::memory::{Budget, Memory};
use super::message::{
    Acquire, Asker, Batch, Block, Claim, Lacking, LackingWork, Message, Origin, Outbox, Reach, Registration, Waiter,
    Words,
};
use super::router::{Before, Router};
use super::scripts::{Has, Needs, Registry, Scripts, Unit};
use super::tracking::Tracking;
use super::waiters::Waiters;
use super::watches::Watches;
use crate::base::id::{ClientId, DbIndex, ShardId, TxId};
use crate::base::rng::Rng;
use crate::base::time::Now;
use crate::command::args::OwnedArgs;
use crate::command::session::Watched;
use crate::command::{Args, Attempt, Command, Effects, Exec, Subscriptions};
use crate::config::Config;
use crate::keyspace::Keyspace;
use crate::protocol::reply::Reply;

/// What became of a command that its own shard was asked to run at once.
#[derive(Debug)]
pub enum Outcome {
    /// The reply has been written.
    Done,
    /// A blocking command found nothing and its client is registered.
    Waiting(Claim),
    /// Its keys are held by a transaction: a message will bring the reply.
    Parked,
    /// It has run, and its reply waits for the disk: a message will bring it, and what follows may run meanwhile.
    Held,
    /// A script needs what is not here; nothing was changed.
    Lacks(Box<Needs>),
}

/// What waits for keys.
pub(super) enum Parked {
    /// One command.
    Run {
        asker: Asker,
        command: &'static Command,
        args: OwnedArgs,
    },
    /// An EXEC.
    Block(Box<Block>),
    /// A transaction of several shards.
    Acquire(Box<Acquire>),
    /// WATCH.
    Watch {
        origin: Origin,
        db: DbIndex,
        keys: OwnedArgs,
    },
    /// A blocked client whose claim is taken and whose destination was held.
    Serve(Box<Waiter>),
    /// A blocked client whose claim is taken and that needs keys of other shards.
    Wake {
        waiter: Box<Waiter>,
        tx: TxId,
        keys: Vec<Box<[u8]>>,
    },
}

/// One core's part of the keyspace.
pub struct Shard {
    /// Which shard this is.
    pub id: ShardId,
    /// How many there are.
    pub shards: u16,
    /// The clocks of this pass.
    pub now: Now,
    /// This shard's copy of the configuration.
    pub config: Config,
    /// Whether the expiry cycle runs (DEBUG SET-ACTIVE-EXPIRE).
    pub active_expire: bool,
    /// Randomness for sampling.
    pub rng: Rng,
    /// What the running command does.
    pub effects: Effects,
    /// Who subscribes to what, on all shards.
    pub subscriptions: Subscriptions,
    /// The interpreter.
    pub scripts: Scripts,
    pub(super) router: Arc<Router>,
    /// The routing part that scripts have met last.
    before: Option<Before>,
    /// Absent while it is lent as a whole.
    pub(super) keyspace: Option<Box<Keyspace>>,
    pub(super) locks: Locks<Parked>,
    /// What transactions hold.
    pub(super) held: HashMap<TxId, Held>,
    /// What groups hold.
    pub(super) preparations: Preparations,
    /// How many of these are scripts that have run for long.
    pub(super) occupied: usize,
    /// The memory limit.
    pub memory: Memory,
    pub(super) budget: Arc<Budget>,
    pub(super) waiters: Waiters,
    pub(super) watches: Watches,
    /// Who caches what it has read here.
    pub tracking: Tracking,
    pub(super) wake_count: u64,
    /// Wake-ups that the current request has started.
    pub(super) wakes: Vec<TxId>,
    pub(super) deferred: Vec<Deferred>,
    pub(super) log: Log,
    pub(super) progress: Arc<Progress>,
    /// While what a transaction changed here and elsewhere is settled.
    pub(super) changed_widely: bool,
}

/// What a shard is made of.
pub struct ShardSetup {
    /// Which shard.
    pub id: ShardId,
    /// The configuration.
    pub config: Config,
    /// The clocks.
    pub now: Now,
    /// Seed of its randomness.
    pub seed: u64,
    /// Which keys are whose.
    pub router: Arc<Router>,
    /// The scripts of the process.
    pub registry: Arc<Registry>,
    /// What all shards take.
    pub budget: Arc<Budget>,
    /// What all shards tell of their logs.
    pub progress: Arc<Progress>,
}

impl Shard {
    /// An empty shard.
    pub fn new(setup: ShardSetup) -> Self {
        let ShardSetup {
            id,
            config,
            now,
            seed,
            router,
            registry,
            budget,
            progress,
        } = setup;
        let shards = router.shards();
        let keyspace = Some(Box::new(Keyspace::new(config.databases)));
        Shard {
            id,
            shards,
            now,
            config,
            active_expire: true,
            rng: Rng::new(seed),
            effects: Effects::default(),
            subscriptions: Subscriptions::new(shards),
            scripts: Scripts::new(id, registry, now),
            router,
            before: None,
            keyspace,
            locks: Locks::default(),
            held: HashMap::new(),
            preparations: Preparations::default(),
            occupied: 0,
            memory: Memory::default(),
            budget,
            waiters: Waiters::default(),
            watches: Watches::default(),
            tracking: Tracking::default(),
            wake_count: 0,
            wakes: Vec::new(),
            deferred: Vec::new(),
            log: Log::default(),
            progress,
            changed_widely: false,
        }
    }

    /// From now on keys are where `router` tells.
    pub fn route_by(&mut self, router: Arc<Router>) {
        self.router = router;
        self.before = None;
    }

    /// The keyspace, unless a transaction holds all of it.
    pub fn keyspace(&mut self) -> Option<&mut Keyspace> {
        self.keyspace.as_deref_mut()
    }

    /// Fetches the entries of `keys` into the cache, all at the same time: some tens of them at most.
    pub fn prefetch<'k>(&self, db: DbIndex, keys: impl Iterator<Item = &'k [u8]>) {
        let places: smallvec::SmallVec<[Place; crate::protocol::scout::AHEAD]> = keys.map(Place::key).collect();
        self.prefetch_places(db, &places);
    }

    /// As [`Shard::prefetch`], of keys whose places are known.
    pub fn prefetch_places(&self, db: DbIndex, places: &[Place]) {
        let Some(space) = self.keyspace.as_deref() else { return };
        let db = space.db(db);
        places.iter().for_each(|place| db.prefetch_bucket(place.hash()));
        places.iter().for_each(|place| db.prefetch_entry(place.hash()));
    }

    /// How many clients wait here.
    pub fn waiting_clients(&self) -> usize {
        self.waiters.clients_len()
    }

    /// How many requests wait for keys that transactions hold.
    pub fn parked_requests(&self) -> usize {
        self.locks.waiting()
    }

    /// Whether nothing is lent, parked or granted.
    pub fn is_settled(&self) -> bool {
        self.locks.idle()
    }

    pub(super) fn parts(&mut self) -> (Option<&mut Keyspace>, Surroundings<'_>) {
        let surroundings = Surroundings {
            effects: &mut self.effects,
            config: &self.config,
            now: self.now,
            subscriptions: &self.subscriptions,
            rng: &mut self.rng,
            shard: (self.id, self.shards),
            memory_is_full: self.memory.is_full,
        };
        (self.keyspace.as_deref_mut(), surroundings)
    }

    /// Runs one command whose keys are all here and whose client is on this core: the path without a message.
    #[inline]
    pub fn run_here(
        &mut self,
        asker: &Asker,
        command: &'static Command,
        args: Args<'_>,
        reply: &mut Reply,
        out: &mut Outbox,
    ) -> Outcome {
        if !self.locks.idle() && !self.is_free(asker.origin.client, command, args) {
            self.park(asker, command, args);
            if self.occupied > 0 {
                self.refuse_who_waits_for_scripts(out);
            }
            return Outcome::Parked;
        }
        self.wakes.clear();
        let mark = reply.len();
        match self.execute(asker, command, args, reply, out) {
            Attempt::Served => {
                let outcome = self.defer_here(asker.origin, &reply.bytes()[mark..]);
                if !matches!(outcome, Outcome::Done) {
                    reply.truncate(mark);
                }
                outcome
            }
            Attempt::Nothing => Outcome::Waiting(self.start_waiting(asker, command, args)),
            Attempt::Lacks => Outcome::Lacks(self.scripts.take_needs()),
        }
    }

    /// Runs one command, without what follows from it.
    #[inline]
    pub(super) fn attempt(
        &mut self,
        asker: &Asker,
        command: &'static Command,
        args: Args<'_>,
        reply: &mut Reply,
        out: &mut Outbox,
    ) -> Attempt {
        if let Exec::Library(run) = command.exec {
            self.scripts.manage(run, args, &mut self.effects.redo, reply);
            return Attempt::Served;
        }
        if command.roams() {
            let declared = |key: &[u8]| {
                let positions = command.key_positions(args);
                positions.iter().any(|&at| args.at(at) == key)
            };
            return self.run_unit(asker, &declared, Unit::Command(command, args), reply, out);
        }
        let (space, mut surroundings) = self.parts();
        let space = space.expect("a request runs only while its keys are here");
        surroundings.run(space, asker, command, args, reply)
    }

    /// Runs a script, or a block with one, over the keys that are `declared` and the others of this shard that nobody holds or waits for.
    fn run_unit(
        &mut self,
        asker: &Asker,
        declared: &dyn Fn(&[u8]) -> bool,
        unit: Unit<'_>,
        reply: &mut Reply,
        out: &mut Outbox,
    ) -> Attempt {
        let (id, alone, idle) = (self.id, self.shards == 1, self.locks.idle());
        self.exchange(out);
        let (router, desk) = (&self.router, self.scripts.desk().clone());
        let before = RefCell::new(self.before.take().unwrap_or_else(|| router.before()));
        let is_here = |key: &[u8]| alone || router.shard_after(key, &mut before.borrow_mut()) == id;
        let has = |key: &[u8]| is_here(key) && (idle || declared(key) || desk.is_free(key));
        let has: Has<'_> = if alone && idle { None } else { Some(&has) };
        let mut surroundings = Surroundings {
            effects: &mut self.effects,
            config: &self.config,
            now: self.now,
            subscriptions: &self.subscriptions,
            rng: &mut self.rng,
            shard: (self.id, self.shards),
            memory_is_full: self.memory.is_full,
        };
        let space = self.keyspace.as_deref_mut();
        let space = space.expect("a request runs only while its keys are here");
        let attempt = self
            .scripts
            .run_unit(&mut surroundings, space, has, false, asker, unit, reply);
        self.before = Some(before.into_inner());
        self.exchange(out);
        attempt
    }

    /// Whether a request may run now: nobody holds or waits for its keys, and no earlier request of its client waits.
    fn is_free(&self, client: ClientId, command: &Command, args: Args<'_>) -> bool {
        if matches!(command.exec, Exec::Shard { .. } | Exec::Whole { .. }) {
            return self.locks.idle();
        }
        let positions = command.key_positions(args);
        // What manages scripts needs nothing of the keyspace.
        let needs_nothing = matches!(command.exec, Exec::Library(_));
        !self.locks.has_turn(client) && (needs_nothing || self.locks.free(positions.iter().map(|&at| args.at(at))))
    }

    fn park(&mut self, asker: &Asker, command: &'static Command, args: Args<'_>) {
        let scope = match command.exec {
            Exec::Shard { .. } | Exec::Whole { .. } => Scope::Whole,
            _ => {
                let turn = Place::turn(asker.origin.client);
                let keys = command
                    .key_positions(args)
                    .into_iter()
                    .map(|at| Place::key(args.at(at)));
                Scope::Places(each_once(keys.chain([turn]).collect()))
            }
        };
        self.locks.enqueue(
            scope,
            Parked::Run {
                asker: *asker,
                command,
                args: args.into(),
            },
        );
    }

    /// Runs a command at once and settles what follows from it.
    #[inline]
    pub(super) fn execute(
        &mut self,
        asker: &Asker,
        command: &'static Command,
        args: Args<'_>,
        reply: &mut Reply,
        out: &mut Outbox,
    ) -> Attempt {
        let attempt = self.attempt(asker, command, args, reply, out);
        if self.has_aftermath() {
            self.settle(out);
        }
        attempt
    }

    fn start_waiting(&mut self, asker: &Asker, command: &'static Command, args: Args<'_>) -> Claim {
        let claim = Claim::default();
        let keys = waited_keys(command, args);
        let space = self.keyspace.as_deref().expect("what has just run had its keys here");
        let fixed = command.fixed_args(args, &|key| space.db(asker.db).get(key));
        let args = fixed.unwrap_or_else(|| args.into());
        let waiter = Waiter {
            asker: *asker,
            command,
            args: args.into(),
            claim: claim.clone(),
            reach: Reach::Here,
        };
        self.register(Registration {
            waiter,
            keys,
            first: false,
        });
        claim
    }

    pub(super) fn register(&mut self, registration: Registration) {
        let Registration { waiter, keys, first } = registration;
        if waiter.claim.is_taken() {
            return;
        }
        // The end of an earlier wait may still be on its way here, from the shard that the connection has left.
        let client = waiter.asker.origin.client;
        if let Some(earlier) = self.waiters.get(client).map(|earlier| earlier.claim.clone()) {
            debug_assert!(earlier.is_taken(), "a client waits for one command at a time");
            self.unwait(client, &earlier);
        }
        keys.iter().for_each(|key| self.effects.interest.add(key));
        if first {
            self.waiters.add_first(waiter, keys);
        } else {
            self.waiters.add(waiter, keys);
        }
    }

    /// Ends the wait of a client that `claim` belongs to; a later wait of the same client stays.
    pub fn unwait(&mut self, client: ClientId, claim: &Claim) {
        if self.waiters.get(client).is_some_and(|waiter| waiter.claim.is(claim)) {
            self.remove_waiter(client);
        }
    }

    /// Removes a client that waits; answers the keys it waited for here.
    pub(super) fn remove_waiter(&mut self, client: ClientId) -> Vec<Box<[u8]>> {
        let keys = self
            .waiters
            .remove(client)
            .expect("only a client that waits is removed");
        keys.iter().for_each(|key| self.effects.interest.remove(key));
        keys
    }

    /// Takes in one request from `from` (or from this core's own coordinator).
    pub fn request(&mut self, batch: &Batch, message: Message, out: &mut Outbox) {
        self.make_room(out);
        match message {
            Message::Run { asker, command, words } => self.run(&asker, command, batch.args(words), out),
            Message::Together(together) => self.together(&together, batch, out),
            Message::Prepare(together) => self.prepare_part(&together, batch, out),
            Message::Commit(part) => self.commit_part(part, out),
            Message::Abort(part) => self.abort_part(part, out),
            Message::Block(block) => self.block(block, out),
            Message::Acquire(acquire) => self.acquire(acquire, out),
            Message::Watch { origin, db, words } => self.watch(origin, db, batch, words, out),
            Message::Unwatch(watched) => self.unwatch(&watched),
            Message::Unwait { client, claim } => self.unwait(client, &claim),
            _ => unreachable!("the coordinator keeps what is not for its shard"),
        }
        if self.occupied > 0 {
            self.refuse_who_waits_for_scripts(out);
        }
    }

    fn run(&mut self, asker: &Asker, command: &'static Command, args: Args<'_>, out: &mut Outbox) {
        if !self.locks.idle() && !self.is_free(asker.origin.client, command, args) {
            self.park(asker, command, args);
            return;
        }
        self.run_granted(asker, command, args, out);
    }

    fn run_granted(&mut self, asker: &Asker, command: &'static Command, args: Args<'_>, out: &mut Outbox) {
        let Origin { shard, conn, client } = asker.origin;
        let (start, mut reply) = open_reply(asker, command.roams(), out);
        let outer = std::mem::take(&mut self.wakes);
        // Settling may itself send to this lane, so the reply is put in place before.
        let attempt = self.attempt(asker, command, args, &mut reply, out);
        let reply = close_reply(shard, start, reply, out);
        if attempt == Attempt::Nothing {
            let claim = self.start_waiting(asker, command, args);
            let lane = out.replies(shard);
            lane.messages.push(Message::Waiting { conn, client, claim });
        }
        if attempt == Attempt::Lacks {
            let args = args.into();
            self.send_back(asker, LackingWork::Command { command, args }, out);
        }
        let reply = self.settle_beside(shard, reply, out);
        if attempt == Attempt::Served {
            self.answer(asker.origin, reply, out);
        }
        self.wakes = outer;
    }

    /// Settles what follows from a request whose reply is the last in the arena of the lane to `shard` and not announced yet; answers where it lies then.
    fn settle_beside(&mut self, shard: ShardId, reply: Range<usize>, out: &mut Outbox) -> Range<usize> {
        if !self.has_aftermath() {
            return reply;
        }
        if self.locks.idle() {
            self.settle(out);
            return reply;
        }
        // A script that runs now may last, and the lane has to go meanwhile.
        let bytes = out.replies(shard).bytes.split_off(reply.start);
        self.settle(out);
        out.replies(shard).append_reply(&bytes)
    }

    /// Runs an EXEC whose keys are all here; the reply comes by message.
    pub fn block(&mut self, block: Box<Block>, out: &mut Outbox) {
        if self.locks.free(block.keys.iter().map(|key| &**key)) {
            self.block_granted(block, out);
        } else {
            let scope = scope(&block.keys);
            self.locks.enqueue(scope, Parked::Block(block));
        }
    }

    /// A script cannot run here alone: its coordinator begins again with all that it needs.
    fn send_back(&mut self, asker: &Asker, work: LackingWork, out: &mut Outbox) {
        let lacking = Lacking {
            asker: *asker,
            needs: *self.scripts.take_needs(),
            work,
        };
        out.reply(asker.origin.shard, Message::Lacking(Box::new(lacking)));
    }

    fn block_granted(&mut self, block: Box<Block>, out: &mut Outbox) {
        let shard = block.asker.origin.shard;
        let outer = std::mem::take(&mut self.wakes);
        let roams = block.queue.iter().any(|queued| queued.command.roams());
        let (start, mut reply) = open_reply(&block.asker, roams, out);
        let attempt = if self.is_unchanged(&block.watched) {
            self.attempt_block(&block, roams, &mut reply, out)
        } else {
            reply.null_array();
            Attempt::Served
        };
        let reply = close_reply(shard, start, reply, out);
        if attempt == Attempt::Lacks {
            let asker = block.asker;
            self.send_back(&asker, LackingWork::Block(block), out);
            if self.has_aftermath() {
                self.settle(out);
            }
            self.wakes = outer;
            return;
        }
        self.unwatch(&block.watched);
        let reply = self.settle_beside(shard, reply, out);
        self.answer(block.asker.origin, reply, out);
        self.wakes = outer;
    }

    /// Runs the commands of a block, without what follows from them.
    fn attempt_block(&mut self, block: &Block, roams: bool, reply: &mut Reply, out: &mut Outbox) -> Attempt {
        if roams {
            let declared = |key: &[u8]| block.keys.binary_search_by(|other| (**other).cmp(key)).is_ok();
            return self.run_unit(&block.asker, &declared, Unit::Block(&block.queue), reply, out);
        }
        reply.array(block.queue.len());
        let (space, mut surroundings) = self.parts();
        let space = space.expect("a request runs only while its keys are here");
        for queued in &block.queue {
            surroundings.run_in_block(space, &block.asker, queued.command, queued.args.as_args(), reply);
        }
        Attempt::Served
    }

    /// Runs what others who were in line have made way for.
    pub fn go_on(&mut self, out: &mut Outbox) {
        if !self.locks.idle() {
            self.run_parked(out);
        }
    }

    /// Runs what has been granted, until nothing more is.
    pub(super) fn run_parked(&mut self, out: &mut Outbox) {
        while let Some((ticket, parked)) = self.locks.next_granted() {
            match parked {
                Parked::Acquire(acquire) => {
                    self.lend(ticket, *acquire, out);
                    continue;
                }
                Parked::Wake { waiter, tx, keys } => {
                    self.wake(ticket, *waiter, tx, keys, out);
                    continue;
                }
                Parked::Run { asker, command, args } => self.run_granted(&asker, command, args.as_args(), out),
                Parked::Block(block) => self.block_granted(block, out),
                Parked::Watch { origin, db, keys } => self.watch_granted(origin, db, keys.as_args(), out),
                Parked::Serve(waiter) => {
                    let keys = waited_keys(waiter.command, waiter.args.as_args());
                    self.serve_granted(*waiter, out);
                    // It may have left what those behind it in line wait for.
                    self.look_at_waiters_for(&keys);
                    // What it was woken by may be part of a wide change, other parts of which are still on their way.
                    let before = std::mem::replace(&mut self.changed_widely, true);
                    self.settle(out);
                    self.changed_widely = before;
                }
            }
            self.locks.release(ticket);
        }
    }

    fn watch(&mut self, origin: Origin, db: DbIndex, batch: &Batch, words: Words, out: &mut Outbox) {
        let keys = batch.args(words);
        if self.locks.free(keys.iter()) {
            self.watch_granted(origin, db, keys, out);
        } else {
            self.locks.enqueue(
                Scope::Places(places(keys.iter())),
                Parked::Watch {
                    origin,
                    db,
                    keys: keys.into(),
                },
            );
        }
    }

    fn watch_granted(&mut self, origin: Origin, db: DbIndex, keys: Args<'_>, out: &mut Outbox) {
        let now = self.now.unix_ms();
        let space = self.keyspace.as_deref().expect("a granted key is here");
        let watches = &mut self.watches;
        let watch = |key: &[u8]| Watched {
            db,
            key: key.into(),
            version: watches.add(db, key),
            was_expired: lend::has_expired(space, db, key, now),
        };
        let watched: Vec<Watched> = keys.iter().map(watch).collect();
        keys.iter().for_each(|key| self.effects.interest.add(key));
        let Origin { shard, conn, client } = origin;
        out.reply(
            shard,
            Message::Watching {
                conn,
                client,
                watched: Box::new(watched),
            },
        );
    }

    /// Forgets watched keys.
    pub fn unwatch(&mut self, watched: &[Watched]) {
        for watched in watched.iter().filter(|watched| watched.version != Watched::UNSEEN) {
            self.watches.remove(watched);
            self.effects.interest.remove(&watched.key);
        }
    }

    /// Whether no watched key has changed or expired since.
    pub fn is_unchanged(&self, watched: &[Watched]) -> bool {
        let now = self.now.unix_ms();
        watched.iter().all(|watched| {
            let expired = || {
                let space = self
                    .keyspace
                    .as_deref()
                    .expect("watched keys are compared while they are here");
                lend::has_expired(space, watched.db, &watched.key, now)
            };
            self.watches.unchanged(watched) && (watched.was_expired || !expired())
        })
    }
}

/// Opens the reply to a request that comes by message, where it begins in the lane's arena. What runs scripts replies beside that (`None`): the lane may
/// have to go before it ends.
fn open_reply(asker: &Asker, runs_scripts: bool, out: &mut Outbox) -> (Option<usize>, Reply) {
    if runs_scripts {
        return (None, Reply::new(Vec::new(), asker.resp));
    }
    let bytes = std::mem::take(&mut out.replies(asker.origin.shard).bytes);
    (Some(bytes.len()), Reply::new(bytes, asker.resp))
}

/// Puts a reply into the lane's arena; answers where it lies.
fn close_reply(shard: ShardId, start: Option<usize>, reply: Reply, out: &mut Outbox) -> Range<usize> {
    let lane = out.replies(shard);
    match start {
        Some(start) => {
            lane.bytes = reply.into_bytes();
            start..lane.bytes.len()
        }
        None => lane.append_reply(reply.bytes()),
    }
}

pub(super) fn scope(keys: &[Box<[u8]>]) -> Scope {
    Scope::Places(places(keys.iter().map(|key| &**key)))
}
