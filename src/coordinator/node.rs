//! The door of the state machines: what the runtime (or the simulation) gives them and takes from them.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use smallvec::SmallVec;

use super::client_memory::{ClientMemory, ClientShares};
use super::connection::{Connection, Flow};
use super::connections::Connections;
use super::counters::{Counters, Pipelines};
use super::directory::Directory;
use super::horizon::Horizon;
use super::inscribing::Inscribing;
use super::interim::{Interim, Runtime, StandIn};
use super::joiners::Joiners;
use super::members::Members;
use super::output::Chunk;
use super::pubsub::Listeners;
use super::recent::Recent;
use super::roamers::Roamers;
use super::spare::{SpareBuffers, SpareSpace};
use super::timers::Pause;
use super::tracking::Flushes;
use super::underway::Underway;
use crate::base::id::{ClientId, ConnId, Origin, ShardId, TxId};
use crate::base::time::Now;
use crate::command::horizons::Horizons;
use crate::command::primary::PrimaryLink;
use crate::command::{Session, Text};
use crate::config::Config;
use crate::protocol::request::RequestParser;
use crate::protocol::scout::AHEAD;
use crate::shard::locks::Place;
use crate::shard::log::Progress;
use crate::shard::memory::Budget;
pub use crate::shard::message::Lane;
use crate::shard::message::{Batch, Message, Outbox};
use crate::shard::router::{Router, RuleError};
use crate::shard::scripts::Registry;
use crate::shard::{Shard, ShardSetup};

/// Who connected.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Peer address as CLIENT LIST shows it (`ip:port` or `path:0`).
    pub address: Box<str>,
    /// Own address.
    pub local_address: Box<str>,
    /// Came over the unix socket or from the loopback interface.
    pub local: bool,
    /// The number of the socket's descriptor.
    pub fd: i32,
    /// Brings what the primary sends to this replica.
    pub from_primary: bool,
}

/// What the runtime must do for a connection after a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// There are bytes to send: [`Node::output`].
    Flush(ConnId),
    /// Send what there is, then close; [`Node::closed`] follows.
    Close(ConnId),
    /// Close at once; [`Node::closed`] follows.
    Abort(ConnId),
    /// Do not read for now: the connection has enough unprocessed input.
    PauseReading(ConnId),
    /// Read again.
    ResumeReading(ConnId),
    /// Take the connection to another shard: stop reading and sending, [`Node::detach`], and [`Node::adopt`] it there.
    Move(ConnId, ShardId),
    /// The server ends: close listeners and stop the loops once replies are out.
    Shutdown,
}

/// What all shards of a process share: counters that name things uniquely, and what the runtime knows of the process.
#[derive(Default)]
pub struct Shared {
    facts: Option<fn(&mut Vec<Text>)>,
    purge: Option<fn()>,
    pub(super) registry: Arc<Registry>,
    /// What all shards take.
    pub budget: Arc<Budget>,
    pub(super) directory: Directory,
    pub(super) client_shares: ClientShares,
    pub(super) horizons: Horizons,
    /// What is known of the link to the primary.
    pub primary_link: PrimaryLink,
    clients: AtomicU64,
    transactions: AtomicU64,
    /// What all shards tell of their logs.
    pub progress: Arc<Progress>,
    /// The last name of a transaction in the logs.
    pub(super) logged: AtomicU64,
    connected: AtomicUsize,
}

impl Shared {
    /// What the shards of a process share whose facts for INFO `facts` tells, and that tells monotonic microseconds by `clock`.
    pub fn new(facts: fn(&mut Vec<Text>), clock: fn() -> u64) -> Self {
        Shared {
            facts: Some(facts),
            registry: Arc::new(Registry::with_clock(clock)),
            ..Shared::default()
        }
    }

    /// As it is, and `purge` gives memory back to the system.
    pub fn with_purge(self, purge: fn()) -> Self {
        Shared {
            purge: Some(purge),
            ..self
        }
    }

    pub(super) fn purge_memory(&self) {
        if let Some(purge) = self.purge {
            purge();
        }
    }

    pub(super) fn tell_facts(&self, out: &mut Vec<Text>) {
        if let Some(facts) = self.facts {
            facts(out);
        }
        self.progress.tell(out);
        out.push(("used_memory_startup", self.budget.base_bytes().to_string()));
    }

    pub(super) fn next_client(&self) -> ClientId {
        ClientId(self.clients.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(super) fn next_transaction(&self) -> TxId {
        TxId(self.transactions.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// How many clients are connected, on all shards.
    pub fn connected(&self) -> usize {
        self.connected.load(Ordering::Relaxed)
    }
}

/// What a node is made of.
pub struct NodeSetup {
    /// Which shard.
    pub shard: ShardId,
    /// Of how many.
    pub shards: u16,
    /// The configuration, equal on all shards.
    pub config: Config,
    /// The clocks.
    pub now: Now,
    /// Seed of this shard's randomness.
    pub seed: u64,
    /// The same on all shards of a process.
    pub shared: Arc<Shared>,
}

/// One core: its shard and the connections that it serves.
pub struct Node {
    pub(super) shard: Shard,
    pub(super) router: Arc<Router>,
    pub(super) shared: Arc<Shared>,
    pub(super) connections: Connections,
    /// Serves the connections while a script occupies the shard.
    pub(super) interim: Rc<Interim>,
    /// Set in a node that stands in for one whose shard a script occupies.
    pub(super) stand_in: Option<Box<StandIn>>,
    pub(super) out: Outbox,
    /// What is under way, which a stand-in goes on with.
    pub(super) underway: Underway,
    /// Transactions that need no key, to be run when their connection is in its place.
    pub(super) stages_done: Vec<TxId>,
    /// Memory for the next groups.
    pub(super) spare_members: Vec<Members>,
    pub(super) spare_space: SpareSpace,
    pub(super) listeners: Listeners,
    /// How many messages this core has sent to itself that have not arrived.
    pub(super) messages_to_self: usize,
    pub(super) joiners: Joiners,
    pub(super) recent: Recent,
    pub(super) horizon: Horizon,
    pub(super) flushes: Flushes,
    pub(super) roamers: Roamers,
    /// Of which shards requests are still to come that they have sent by other affinity rules than those in force here.
    pub(super) outdated: Vec<i32>,
    pub(super) deadlines: BTreeSet<(u64, ConnId)>,
    pub(super) pause: Option<Pause>,
    pub(super) cron_due_us: u64,
    /// When eviction goes on, while there is more to evict than one go does.
    pub(super) evict_due_us: Option<u64>,
    pub(super) client_memory: ClientMemory,
    /// That the log be begun anew has been asked for, since it has grown.
    pub(super) rewrite_is_asked: bool,
    pub(super) inscribing: Inscribing,
    pub(super) events: VecDeque<Event>,
    /// Blocked clients that were served: they have waited longest, so their replies leave before the reply of who woke them.
    pub(super) served: VecDeque<ConnId>,
    /// Connections that may go on with the input they have.
    pub(super) resumable: VecDeque<ConnId>,
    pub(super) spare_parsers: Vec<Box<RequestParser>>,
    pub(super) spare_buffers: SpareBuffers,
    pub(super) counters: Counters,
}

/// What may always be unsent, whatever the limits: as much as Valkey keeps in a buffer that it does not count.
const UNSENT_BYTES_UNLIMITED: usize = 16 << 10;
/// Unprocessed input above which a connection is not read, and below which it is read again, in bytes.
pub(super) const INPUT_HIGH_BYTES: usize = 1 << 20;
const INPUT_LOW_BYTES: usize = 64 << 10;

impl Node {
    /// A core without connections; fails when an affinity rule cannot be understood.
    pub fn new(setup: NodeSetup) -> Result<Self, RuleError> {
        let router = Arc::new(Router::new(setup.shards, &setup.config.affinity)?);
        let node = Node::with_connections(
            setup,
            router,
            Connections::default(),
            Underway::default(),
            Horizon::default(),
        );
        node.tell_link();
        Ok(node)
    }

    /// A core that serves the connections in `places`, and goes on with what is `underway`, from its `horizon`.
    pub(super) fn with_connections(
        setup: NodeSetup,
        router: Arc<Router>,
        connections: Connections,
        underway: Underway,
        horizon: Horizon,
    ) -> Self {
        let mut shard = Shard::new(ShardSetup {
            id: setup.shard,
            config: setup.config,
            now: setup.now,
            seed: setup.seed,
            router: router.clone(),
            registry: setup.shared.registry.clone(),
            budget: setup.shared.budget.clone(),
            progress: setup.shared.progress.clone(),
        });
        let interim = Interim::new(
            setup.shared.clone(),
            router.clone(),
            connections.clone(),
            underway.clone(),
            horizon.clone(),
            shard.scripts.desk().clone(),
        );
        shard.scripts.serve_meanwhile(interim.clone());
        Node {
            shard,
            router,
            shared: setup.shared,
            connections,
            interim,
            stand_in: None,
            out: Outbox::new(setup.shards),
            underway,
            stages_done: Vec::new(),
            spare_members: Vec::new(),
            spare_space: SpareSpace::default(),
            listeners: Listeners::default(),
            messages_to_self: 0,
            joiners: Joiners::new(setup.shards),
            recent: Recent::default(),
            horizon,
            flushes: Flushes::default(),
            roamers: Roamers::default(),
            outdated: vec![0; usize::from(setup.shards)],
            deadlines: BTreeSet::new(),
            pause: None,
            cron_due_us: setup.now.mono_us,
            evict_due_us: None,
            client_memory: ClientMemory::default(),
            rewrite_is_asked: false,
            inscribing: Inscribing::default(),
            events: VecDeque::new(),
            served: VecDeque::new(),
            resumable: VecDeque::new(),
            spare_parsers: Vec::new(),
            spare_buffers: SpareBuffers::default(),
            counters: Counters::default(),
        }
    }

    /// This core's shard.
    pub fn id(&self) -> ShardId {
        self.shard.id
    }

    /// The configuration of this shard.
    pub fn config(&self) -> &Config {
        &self.shard.config
    }

    /// The runtime that drives this core: it goes on serving connections while a script occupies the shard.
    pub fn meet(&self, runtime: Rc<dyn Runtime>) {
        self.interim.meet(runtime);
    }

    /// The clocks of the pass that begins.
    pub fn set_now(&mut self, now: Now) {
        self.shard.seal_frame();
        self.shard.now = now;
        if self.stand_in.is_none() {
            self.shard.share_usage();
            if self.shard.shards > 1 {
                self.begin_pass_of_horizon();
                self.begin_pass_of_recent();
            }
        }
    }

    /// All that had arrived on sockets before the pass that begins is received, and will be handled in it.
    pub fn note_all_is_received(&mut self) {
        self.horizon.note_all_is_received();
    }

    /// A new connection.
    pub fn open(&mut self, conn: ConnId, peer: Peer) {
        let client = self.shared.next_client();
        self.shared.directory.add(self.origin(conn, client));
        self.shared.connected.fetch_add(1, Ordering::Relaxed);
        self.counters.connections_received += 1;
        let authenticated = self.shard.config.requirepass.is_empty();
        let mut session = Session::new(client, peer.address, peer.local_address, authenticated, self.shard.now);
        session.local = peer.local;
        session.fd = peer.fd;
        session.from_primary = peer.from_primary;
        session.authenticated |= peer.from_primary;
        session.no_evict = peer.from_primary;
        self.connections.install(conn, Box::new(Connection::new(session)));
    }

    fn origin(&self, conn: ConnId, client: ClientId) -> Origin {
        let shard = self.shard.id;
        Origin { shard, conn, client }
    }

    /// Bytes that arrived; processed at once as far as possible, the rest is kept.
    pub fn receive(&mut self, id: ConnId, data: &[u8]) {
        let Some(mut conn) = self.take_conn(id) else {
            return self.keep_late(id, data);
        };
        conn.session.received_bytes += data.len() as u64;
        conn.session.active_mono_us = self.shard.now.mono_us;
        self.counters.received_bytes += data.len() as u64;
        if conn.input_bytes() == 0 {
            let used = self.process(id, &mut conn, data);
            conn.keep_input(&data[used..]);
        } else {
            conn.keep_input(data);
            self.process_input(id, &mut conn);
        }
        self.put_conn(id, conn);
        self.pump();
    }

    /// Whether other shards still work on what the connection has sent, so that its replies come although it sends no more.
    pub fn is_answering(&self, id: ConnId) -> bool {
        let answering = |conn: &mut Connection| {
            matches!(
                conn.flow,
                Flow::Flight { .. } | Flow::Group | Flow::Transaction(_) | Flow::Gathering(_)
            )
        };
        self.connections.look(id, answering).unwrap_or(!self.may_forget(id))
    }

    /// The connection is gone (end of file, error, or closed on request).
    pub fn closed(&mut self, id: ConnId) {
        let Some(mut conn) = self.take_conn(id) else { return };
        self.discount_client(&mut conn);
        self.shared.connected.fetch_sub(1, Ordering::Relaxed);
        self.shared.directory.remove(conn.session.client);
        if let Some(stand_in) = &mut self.stand_in {
            return stand_in.gone.push((id, conn));
        }
        self.leave_everything(id, *conn);
        self.pump();
    }

    /// Whether a batch may be delivered: not while too much is kept for the end of a script.
    pub fn takes_batches(&self) -> bool {
        self.stand_in.as_ref().is_none_or(|stand_in| stand_in.has_room())
    }

    /// A batch that a peer sent; batches of one peer's lane arrive in order.
    pub fn deliver(&mut self, from: ShardId, batch: Batch) {
        self.take_in_all(from, batch);
        self.pump();
    }

    /// Fetches what the first requests of several connections' input will touch into the cache: a hint, given before they are received.
    pub fn prefetch_inputs(&self, inputs: &[&[u8]]) {
        let keys = inputs.iter().filter_map(|input| crate::protocol::scout::first(input));
        self.shard.prefetch(crate::base::id::DbIndex(0), keys);
    }

    /// Fetches what the first of the messages will touch into the cache; answers how many messages it has looked at.
    pub(super) fn prefetch(&self, batch: &Batch, messages: &[Message]) -> usize {
        let mut places = SmallVec::<[Place; 2 * AHEAD]>::new();
        let mut seen = 0;
        while let Some(message) = messages.get(seen)
            && seen < AHEAD
            && places.len() <= AHEAD
        {
            match message {
                Message::Run { words, .. } => places.extend(batch.args(*words).get(1).map(Place::key)),
                Message::Acquire(acquire) => {
                    let keys = acquire.keys.iter().flatten().take(AHEAD);
                    places.extend(keys.map(|key| Place::key(key)));
                }
                Message::Together(together) | Message::Prepare(together) => {
                    places.extend(batch.grouped(together).iter().map(|grouped| grouped.place));
                }
                Message::Ran { group, .. } => {
                    places.extend_from_slice(&self.underway.groups()[*group as usize].members.places)
                }
                _ => {}
            }
            seen += 1;
        }
        self.shard.prefetch_places(crate::base::id::DbIndex(0), &places);
        seen
    }

    /// Runs timers that are due: blocking timeouts, expiry cycles, pauses.
    pub fn tick(&mut self) {
        self.run_timers();
        self.pump();
    }

    /// When [`Node::tick`] must run next, monotonic microseconds; `None`: nothing is scheduled.
    pub fn next_deadline_us(&self) -> Option<u64> {
        let first = self.deadlines.first().map(|(deadline, _)| *deadline);
        let evicts_clients = self.client_memory.is_due.then_some(self.shard.now.mono_us);
        let catches_up = self.horizon.is_catching_up().then_some(self.shard.now.mono_us);
        [
            first,
            self.evict_due_us,
            evicts_clients,
            Some(self.cron_due_us),
            catches_up,
            self.recent.due_us(),
            self.shard.sync_deadline_us(),
            self.may_emit().then_some(self.shard.now.mono_us),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What the runtime must do now, in order; call until it answers `None` at the end of each pass.
    pub fn next_event(&mut self) -> Option<Event> {
        let served = self.served.pop_front().map(Event::Flush);
        served.or_else(|| self.events.pop_front())
    }

    /// The bytes to send next on a connection; `None` when there are none. If there are more, that is announced. Call only when nothing earlier is
    /// being sent.
    pub fn output(&mut self, id: ConnId) -> Option<Chunk> {
        let (spare_buffers, events) = (&mut self.spare_buffers, &mut self.events);
        let chunk = self.connections.look(id, |conn| {
            conn.flush_announced = false;
            // More follows at once when the connection went on after it was announced.
            if !conn.has_output() || conn.keeps_replies() {
                return None;
            }
            let chunk = conn.take_output(|| spare_buffers.take());
            conn.sending_bytes = chunk.len();
            conn.session.sent_bytes += chunk.len() as u64;
            if conn.wants_flush() {
                conn.flush_announced = true;
                events.push_back(Event::Flush(id));
            }
            Some(chunk)
        })??;
        self.counters.sent_bytes += chunk.len() as u64;
        Some(chunk)
    }

    /// All bytes of what [`Node::output`] has answered have been sent: a buffer is for reuse.
    pub fn sent(&mut self, id: ConnId, chunk: Chunk) {
        if let Chunk::Own(buffer) = chunk {
            self.spare_buffers.keep(buffer);
        }
        let spare_buffers = &mut self.spare_buffers;
        let goes_on = self.connections.look(id, |conn| {
            conn.sending_bytes = 0;
            if conn.reply.is_empty() {
                // An idle connection keeps no buffer.
                spare_buffers.keep(conn.reply.replace(Vec::new()));
            }
            conn.input_bytes() > 0
        });
        if goes_on == Some(true) {
            self.resumable.push_back(id);
            self.pump();
        }
    }

    /// What this pass has for `to`; the runtime puts it into the lane, or back by [`Node::put_back`] when the lane is full.
    pub fn take_batch(&mut self, to: ShardId, lane: Lane) -> Option<Batch> {
        self.out.take(to, lane)
    }

    /// A batch for which the lane had no room; call before anything else is put in (in the same pass): it stays first in order.
    pub fn put_back(&mut self, to: ShardId, lane: Lane, batch: Batch) {
        self.out.put_back(to, lane, batch);
    }

    /// Takes a connection out to move it to another shard; `None` when it is gone.
    pub fn detach(&mut self, id: ConnId) -> Option<Box<Moved>> {
        let mut conn = self.take_conn(id)?;
        self.discount_client(&mut conn);
        debug_assert!(
            matches!(conn.flow, Flow::Moving),
            "only a connection that asked for it is moved"
        );
        self.counters.connections_moved += 1;
        let since_us = self.send_on(&mut conn);
        Some(Box::new(Moved {
            conn,
            from: self.shard.id,
            since_us,
        }))
    }

    /// Takes over a moved connection.
    pub fn adopt(&mut self, id: ConnId, moved: Box<Moved>) {
        let Moved {
            mut conn,
            from,
            since_us,
        } = *moved;
        conn.flow = Flow::Ready;
        conn.flush_announced = false;
        conn.reading_paused = false;
        conn.sending_bytes = 0;
        let client = conn.session.client;
        self.connections.install(id, conn);
        self.note_arrival(id, from, since_us);
        for stale in self.shared.directory.end_move(self.origin(id, client)) {
            self.receive_redirected(id, client, &stale);
        }
        self.resumable.push_back(id);
        self.pump();
    }

    /// Whether no transaction holds or waits for anything here.
    pub fn is_settled(&self) -> bool {
        self.shard.is_settled() && self.underway.transactions().is_empty()
    }

    /// What pipelines have been made into here.
    pub fn pipelines(&self) -> Pipelines {
        self.counters.pipelines()
    }

    pub(super) fn take_conn(&mut self, id: ConnId) -> Option<Box<Connection>> {
        self.connections.take(id)
    }

    /// Puts a connection back after work on it, and tells the runtime what follows.
    pub(super) fn put_conn(&mut self, id: ConnId, mut conn: Box<Connection>) {
        if conn.session.closing && matches!(conn.flow, Flow::Ready | Flow::Blocked(_) | Flow::Paused) {
            self.stop_blocking(id, &mut conn);
            conn.flow = Flow::Closing;
            self.events.push_back(Event::Close(id));
        }
        if conn.unsent_bytes() > UNSENT_BYTES_UNLIMITED || conn.over_limit_since_us.is_some() {
            self.limit_output(id, &mut conn);
        }
        if self.stand_in.is_none() {
            self.start_moving(id, &mut conn);
        }
        if self.shard.shards > 1 {
            self.hold_for_input(&mut conn);
        }
        if conn.wants_flush() {
            conn.flush_announced = true;
            self.events.push_back(Event::Flush(id));
        }
        let stuck = !matches!(conn.flow, Flow::Ready) || conn.parsed.is_some() || conn.has_much_unsent();
        if stuck && !conn.reading_paused && conn.input_bytes() > INPUT_HIGH_BYTES {
            conn.reading_paused = true;
            self.events.push_back(Event::PauseReading(id));
        } else if conn.reading_paused && (!stuck || conn.input_bytes() < INPUT_LOW_BYTES) {
            // What is left of one that is not stuck is a part of a request, of which the rest must come.
            conn.reading_paused = false;
            self.events.push_back(Event::ResumeReading(id));
        }
        self.count_client(&mut conn);
        self.connections.put(id, conn);
    }
}

/// A connection on its way to another shard: session, unprocessed input, unsent replies.
pub struct Moved {
    conn: Box<Connection>,
    from: ShardId,
    /// Since when something may have been sent on it that nobody has received, monotonic microseconds.
    since_us: u64,
}
