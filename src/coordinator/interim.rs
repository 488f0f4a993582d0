//! Serving connections while a script occupies the shard: another node stands in, which has the connections but no keys. It answers `BUSY`,
//! except to what is allowed then, and keeps whatever has to wait for the script's end.
//!
//! Owns the stand-in and what it leaves behind. It must not know how the runtime gets bytes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::connection::{Connection, Flow};
use super::connections::Connections;
use super::dispatch::Verdict;
use super::horizon::Horizon;
use super::node::{Event, INPUT_HIGH_BYTES, Node, NodeSetup, Shared};
use super::underway::Underway;
use crate::base::id::{ConnId, ShardId};
use crate::base::time::Now;
use crate::command::{Args, Command, Control, Error, Exec, Flags};
use crate::config::Config;
use crate::shard::Desk;
use crate::shard::locks::{Place, Ticket};
use crate::shard::message::{Batch, Message};
use crate::shard::router::Router;
use crate::shard::scripts::Meanwhile;

/// The runtime, as a node sees it whose shard a script occupies.
pub trait Runtime {
    /// Handles what connections have sent and what they are to be sent, with `stand_in` for the node that it drives otherwise; answers it, and whether the
    /// server is to end.
    fn pass(&self, stand_in: Box<Node>) -> (Box<Node>, bool);
}

/// Bytes of a connection that was not in its place.
struct Late {
    conn: ConnId,
    bytes: Vec<u8>,
    paused: bool,
}

/// Messages that wait for the script's end.
pub(super) struct Kept {
    pub from: ShardId,
    pub batch: Batch,
}

/// How much of what peers say is kept before no more of it is taken in, in bytes.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// What a stand-in leaves behind.
pub(super) struct StandIn {
    /// What is told to those who want something of the shard.
    pub error: Error,
    /// Connections that are gone.
    pub gone: Vec<(ConnId, Box<Connection>)>,
    /// Locks of groups that are over.
    pub tickets: Vec<(Ticket, Vec<Place>)>,
    late: Vec<Late>,
    kept: Vec<Kept>,
    kept_bytes: usize,
}

impl StandIn {
    fn new(error: Error) -> Self {
        StandIn {
            error,
            gone: Vec::new(),
            tickets: Vec::new(),
            late: Vec::new(),
            kept: Vec::new(),
            kept_bytes: 0,
        }
    }

    pub fn keep(&mut self, kept: Kept) {
        self.kept_bytes += kept.batch.bytes.capacity() + kept.batch.messages.len() * size_of::<Message>();
        self.kept.push(kept);
    }

    pub fn has_room(&self) -> bool {
        self.kept_bytes < KEPT_BYTES_MAX
    }
}

/// A node's side of it.
pub(super) struct Interim {
    shared: Arc<Shared>,
    router: RefCell<Arc<Router>>,
    connections: Connections,
    underway: Underway,
    horizon: Horizon,
    desk: Rc<Desk>,
    runtime: RefCell<Option<Rc<dyn Runtime>>>,
    stand_in: RefCell<Option<Box<Node>>>,
    over: Cell<bool>,
}

impl Interim {
    /// Nothing stands in.
    pub fn new(
        shared: Arc<Shared>,
        router: Arc<Router>,
        connections: Connections,
        underway: Underway,
        horizon: Horizon,
        desk: Rc<Desk>,
    ) -> Rc<Self> {
        Rc::new(Interim {
            shared,
            router: RefCell::new(router),
            connections,
            underway,
            horizon,
            desk,
            runtime: RefCell::default(),
            stand_in: RefCell::default(),
            over: Cell::default(),
        })
    }

    /// From now on keys are where `router` tells.
    pub fn route_by(&self, router: Arc<Router>) {
        self.router.replace(router);
    }

    pub fn meet(&self, runtime: Rc<dyn Runtime>) {
        self.runtime.replace(Some(runtime));
    }

    fn begin(&self, shard: ShardId, config: &Config, now: Now) -> Box<Node> {
        let setup = NodeSetup {
            shard,
            shards: self.router.borrow().shards(),
            config: config.clone(),
            now,
            seed: 0,
            shared: self.shared.clone(),
        };
        let (router, connections) = (self.router.borrow().clone(), self.connections.clone());
        let mut node = Box::new(Node::with_connections(
            setup,
            router,
            connections,
            self.underway.clone(),
            self.horizon.clone(),
        ));
        let error = self.shared.registry.slow.refusal(|other| other == shard);
        let error = error.expect("a script is slow when somebody stands in for its shard");
        node.stand_in = Some(Box::new(StandIn::new(error)));
        let Node { events, resumable, .. } = &mut *node;
        // What the node has announced already is heard only after the script.
        self.connections.each(|id, conn| {
            if conn.has_output() {
                events.push_back(Event::Flush(id));
            }
            if conn.input_bytes() > 0 {
                resumable.push_back(id);
            }
        });
        node
    }

    /// Whether a stand-in has ended, and what it has left is still to be taken over.
    #[inline]
    pub fn is_over(&self) -> bool {
        self.over.get()
    }
}

impl Meanwhile for Interim {
    fn serve(&self, shard: ShardId, config: &Config, now: Now) -> bool {
        let Some(runtime) = self.runtime.borrow().clone() else {
            return false;
        };
        let (mut stand_in, begins) = match self.stand_in.take() {
            Some(stand_in) => (stand_in, false),
            None => (self.begin(shard, config, now), true),
        };
        stand_in.exchange_at(&self.desk);
        if begins {
            stand_in.begin_standing_in();
            stand_in.pump();
        }
        let (mut stand_in, ends) = runtime.pass(stand_in);
        stand_in.exchange_at(&self.desk);
        self.stand_in.replace(Some(stand_in));
        ends
    }

    fn end(&self) {
        self.over.set(true);
    }
}

impl Node {
    /// Takes over what a stand-in has left behind; whether there was one.
    #[inline]
    pub(super) fn end_interim(&mut self) -> bool {
        self.interim.over.take() && self.take_over()
    }

    #[cold]
    fn take_over(&mut self) -> bool {
        let Some(node) = self.interim.stand_in.take() else {
            return false;
        };
        self.counters.absorb(&node.counters);
        let left = node.stand_in.expect("a stand-in stands in");
        for Kept { from, batch } in left.kept {
            self.take_in_all(from, batch);
        }
        for (ticket, held) in left.tickets {
            self.end_lock(ticket, &held);
        }
        // Those who were refused have let others move up.
        self.shard.go_on(&mut self.out);
        self.tell_listeners(None);
        for (id, conn) in left.gone {
            self.leave_everything(id, *conn);
        }
        for Late { conn, bytes, paused } in left.late {
            self.connections.look(conn, |conn| {
                conn.keep_input(&bytes);
                conn.reading_paused |= paused;
                self.hold_for_input(conn);
            });
        }
        let resumable = &mut self.resumable;
        self.connections.each(|id, conn| {
            if conn.input_bytes() > 0 && matches!(conn.flow, Flow::Ready) {
                resumable.push_back(id);
            }
        });
        true
    }

    fn exchange_at(&mut self, desk: &Desk) {
        self.shard.exchange_at(desk, &mut self.out);
    }

    /// Whether the runtime may give a connection's place to another: not while it is at work.
    pub fn may_forget(&self, id: ConnId) -> bool {
        self.stand_in.is_none() || self.connections.has(id)
    }

    /// Keeps bytes for a connection that is at work while this node stands in.
    #[cold]
    pub(super) fn keep_late(&mut self, id: ConnId, data: &[u8]) {
        let Some(stand_in) = &mut self.stand_in else { return };
        let known = stand_in.late.iter().position(|late| late.conn == id);
        let at = known.unwrap_or_else(|| {
            stand_in.late.push(Late {
                conn: id,
                bytes: Vec::new(),
                paused: false,
            });
            stand_in.late.len() - 1
        });
        let late = &mut stand_in.late[at];
        late.bytes.extend_from_slice(data);
        if !late.paused && late.bytes.len() > INPUT_HIGH_BYTES {
            late.paused = true;
            self.events.push_back(Event::PauseReading(id));
        }
    }

    /// The error for what cannot be done while a script occupies a shard.
    pub(super) fn busy(&self, concerns: impl Fn(ShardId) -> bool) -> Option<Error> {
        let slow = &self.shared.registry.slow;
        if slow.is_empty() { None } else { slow.refusal(concerns) }
    }

    /// What becomes of a request while this node stands in; `None`: it runs.
    #[cold]
    pub(super) fn restrict(&mut self, conn: &mut Connection, command: &Command, args: Args<'_>) -> Option<Verdict> {
        let session = &conn.session;
        // Subscriptions, and the prefixes of which clients hear, are known only to the node itself.
        let hears = session
            .tracking
            .as_ref()
            .is_some_and(|tracking| tracking.is_broadcast());
        let waits = matches!(command.exec, Exec::Control(Control::Reset))
            && (session.is_subscriber() || session.monitor || hears);
        if waits || !matches!(conn.flow, Flow::Ready) {
            return Some(Verdict::NotYet);
        }
        if command.flags.has(Flags::ALLOW_BUSY) {
            return None;
        }
        let own = self.shard.id;
        let Some(busy) = self.busy(|shard| shard == own) else {
            return Some(Verdict::NotYet);
        };
        self.refuse(conn, args, &busy);
        Some(Verdict::Done(0))
    }
}
