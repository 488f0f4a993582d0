//! Shards, lanes and clients inside one thread: a seeded scheduler decides what happens next, so that a seed is a whole run.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Add;
use std::sync::Arc;

use corelane::base::id::{ConnId, ShardId};
use corelane::base::rng::Rng;
use corelane::base::time::Now;
use corelane::config::Config;
use corelane::coordinator::{Chunk, Event, Lane, Moved, Node, NodeSetup, Peer, Pipelines, Shared};
use corelane::shard::message::{Batch, Claim, Message};

use crate::reply::{self, Value};

/// What the world does wrong on purpose, to show that the checks see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// Requests of one shard to another overtake each other.
    ReorderRequests,
    /// A batch of replies is lost.
    LoseReplies,
    /// Lent keys do not come back.
    LoseReturns,
    /// What has changed while it was lent is not told to those who watch it.
    SkipVersions,
    /// Each shard at which a client waits has a claim of its own.
    DoubleClaims,
    /// A client that begins to wait, and a wake-up for it with that, goes before those who wait already.
    WakesOutOfOrder,
    /// Clients are not always told what they do not hold any more.
    LoseInvalidations,
    /// What clients have read in a transaction is not told to the owner of the key.
    LoseReads,
    /// Clients that have subscribed are not told what was published before their subscription was known.
    LoseMissed,
    /// A shard thinks that it has received all that had arrived, and has not.
    ReceivesLess,
}

/// A client's end of a connection.
#[derive(Default)]
pub struct Client {
    place: Option<(usize, ConnId)>,
    outgoing: VecDeque<u8>,
    incoming: Vec<u8>,
    /// Replies that have arrived, in order.
    pub replies: VecDeque<Value>,
    sending: Option<Chunk>,
    flush_wanted: bool,
    moving: Option<(usize, Box<Moved>)>,
    move_wanted: Option<usize>,
    reading_paused: bool,
    closed: bool,
}

impl Client {
    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether the server has written anything for it.
    pub fn has_output(&self) -> bool {
        self.flush_wanted || self.sending.is_some() || !self.incoming.is_empty() || !self.replies.is_empty()
    }
}

/// A lane: from, to, and whether it carries replies.
type LaneId = (usize, usize, bool);

enum Action {
    Send(usize),
    Flush(usize),
    Move(usize),
    Deliver(LaneId),
}

/// The whole system under a seed.
pub struct World {
    nodes: Vec<Node>,
    lanes: BTreeMap<LaneId, VecDeque<Batch>>,
    pub clients: Vec<Client>,
    rng: Rng,
    now: Now,
    conns: Vec<u32>,
    fault: Fault,
    /// Whether shards begin passes by themselves, not only when time passes.
    passes: bool,
    /// Steps so far: the clock of histories.
    pub steps: u64,
}

impl World {
    pub fn new(seed: u64, shards: u16, fault: Fault) -> Self {
        let shared = Arc::new(Shared::default());
        let now = Now {
            unix_us: 1_700_000_000_000_000,
            mono_us: 1_000_000,
        };
        let node = |shard| {
            let (config, shared) = (Config::default(), shared.clone());
            let setup = NodeSetup {
                shard: ShardId(shard),
                shards,
                config,
                now,
                seed: seed ^ u64::from(shard),
                shared,
            };
            Node::new(setup).expect("the default rules are valid")
        };
        World {
            nodes: (0..shards).map(node).collect(),
            lanes: BTreeMap::new(),
            clients: Vec::new(),
            rng: Rng::new(seed),
            now,
            conns: vec![0; usize::from(shards)],
            fault,
            passes: false,
            steps: 0,
        }
    }

    /// As it is, and shards begin passes one by one, when the scheduler wants it.
    pub fn with_passes(self) -> Self {
        World { passes: true, ..self }
    }

    /// Connects a client to a shard of the scheduler's choice.
    pub fn connect(&mut self) -> usize {
        let node = self.rng.below(self.nodes.len() as u64) as usize;
        self.connect_to(node)
    }

    /// Connects a client to a shard.
    pub fn connect_to(&mut self, node: usize) -> usize {
        let id = self.fresh_conn(node);
        self.nodes[node].open(id, Peer::default());
        self.clients.push(Client {
            place: Some((node, id)),
            ..Client::default()
        });
        self.after(node);
        self.clients.len() - 1
    }

    fn fresh_conn(&mut self, node: usize) -> ConnId {
        self.conns[node] += 1;
        ConnId(self.conns[node])
    }

    /// Ends a connection from the client's side.
    pub fn disconnect(&mut self, client: usize) {
        self.clients[client].closed = true;
        if self.clients[client].moving.is_none() {
            self.close(client);
        }
    }

    fn close(&mut self, client: usize) {
        self.clients[client].closed = true;
        if let Some((node, id)) = self.clients[client].place.take() {
            self.nodes[node].closed(id);
            self.after(node);
        }
    }

    /// Gives a client bytes to send; the scheduler cuts and delays them.
    pub fn send(&mut self, client: usize, bytes: &[u8]) {
        self.clients[client].outgoing.extend(bytes);
    }

    /// Does one thing; false when only time could bring more.
    pub fn step(&mut self) -> bool {
        self.steps += 1;
        let mut actions = self.actions();
        if actions.is_empty() {
            return false;
        }
        let chosen = self.rng.below(actions.len() as u64) as usize;
        match actions.swap_remove(chosen) {
            Action::Send(client) => self.transmit(client),
            Action::Flush(client) => self.flush(client),
            Action::Move(client) => self.relocate(client),
            Action::Deliver(lane) => self.deliver(lane),
        }
        if self.rng.chance(1, 16) {
            let us = 1 + self.rng.below(300);
            self.pass_time(us);
        }
        if self.passes && self.rng.chance(1, 4) {
            self.now.mono_us += self.rng.below(3);
            let node = self.rng.below(self.nodes.len() as u64) as usize;
            self.begin_pass(node);
        }
        true
    }

    /// A pass of a shard begins, which receives all that was sent when that is all handled.
    fn begin_pass(&mut self, node: usize) {
        let is_here = |client: &&Client| client.place.is_some_and(|(at, _)| at == node);
        let mut here = self.clients.iter().filter(is_here);
        if here.all(|client| client.outgoing.is_empty()) || self.fault == Fault::ReceivesLess {
            self.nodes[node].note_all_is_received();
        }
        self.nodes[node].set_now(self.now);
        if self.nodes[node]
            .next_deadline_us()
            .is_some_and(|deadline| deadline <= self.now.mono_us)
        {
            self.nodes[node].tick();
        }
        self.after(node);
    }

    fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (at, client) in self.clients.iter().enumerate() {
            let here = client.place.is_some();
            if here && !client.outgoing.is_empty() && !client.reading_paused && client.move_wanted.is_none() {
                actions.push(Action::Send(at));
            }
            if here && (client.sending.is_some() || client.flush_wanted && client.move_wanted.is_none()) {
                actions.push(Action::Flush(at));
            }
            if client.moving.is_some() || here && client.move_wanted.is_some() && client.sending.is_none() {
                actions.push(Action::Move(at));
            }
        }
        actions.extend(
            self.lanes
                .iter()
                .filter(|(_, lane)| !lane.is_empty())
                .map(|(id, _)| Action::Deliver(*id)),
        );
        actions
    }

    /// Lets time pass, in microseconds, and runs the timers.
    pub fn pass_time(&mut self, us: u64) {
        self.now.mono_us += us;
        self.now.unix_us += us as i64;
        (0..self.nodes.len()).for_each(|node| self.begin_pass(node));
    }

    fn transmit(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let (node, id) = client.place.expect("a connected client sends");
        let most = client.outgoing.len() as u64;
        let len = if self.rng.chance(1, 3) {
            1 + self.rng.below(most)
        } else {
            most
        };
        let bytes: Vec<u8> = client.outgoing.drain(..len as usize).collect();
        self.nodes[node].receive(id, &bytes);
        self.after(node);
    }

    fn flush(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let (node, id) = client.place.expect("a connected client is flushed");
        if let Some(buffer) = client.sending.take() {
            client.incoming.extend_from_slice(&buffer);
            while let Some((value, used)) = reply::parse(&client.incoming) {
                client.incoming.drain(..used);
                client.replies.push_back(value);
            }
            self.nodes[node].sent(id, buffer);
        } else {
            client.flush_wanted = false;
            client.sending = self.nodes[node].output(id);
        }
        self.after(node);
    }

    fn relocate(&mut self, at: usize) {
        if let Some((to, moved)) = self.clients[at].moving.take() {
            let id = self.fresh_conn(to);
            self.clients[at].place = Some((to, id));
            self.nodes[to].adopt(id, moved);
            self.after(to);
            if self.clients[at].closed {
                self.close(at);
            }
        } else if let Some(to) = self.clients[at].move_wanted.take() {
            let (node, id) = self.clients[at].place.take().expect("a connected client moves");
            self.clients[at].flush_wanted = false;
            self.clients[at].moving = self.nodes[node].detach(id).map(|moved| (to, moved));
            self.after(node);
        }
    }

    fn deliver(&mut self, lane: LaneId) {
        let queue = self.lanes.get_mut(&lane).expect("the lane was just found");
        let overtake = self.fault == Fault::ReorderRequests && !lane.2 && queue.len() > 1;
        let batch = if overtake { queue.pop_back() } else { queue.pop_front() };
        let mut batch = batch.expect("the lane is not empty");
        self.falsify(&mut batch);
        if self.fault == Fault::LoseReplies && lane.2 && self.rng.chance(1, 20) {
            return;
        }
        self.nodes[lane.1].deliver(ShardId(lane.0 as u16), batch);
        self.after(lane.1);
    }

    /// Does to a batch what the fault says.
    fn falsify(&mut self, batch: &mut Batch) {
        if self.fault == Fault::LoseReturns && self.rng.chance(1, 10) {
            batch.messages.retain(|message| !matches!(message, Message::Release(_)));
        }
        if self.fault == Fault::LoseInvalidations && self.rng.chance(1, 4) {
            batch
                .messages
                .retain(|message| !matches!(message, Message::Invalidate(_)));
        }
        for message in &mut batch.messages {
            if let Message::Joined(missed) = message
                && self.fault == Fault::LoseMissed
            {
                missed.publications.clear();
            }
            let Message::Release(release) = message else { continue };
            if self.fault == Fault::SkipVersions {
                release.changes.iter_mut().for_each(|change| change.modified = false);
            }
            if self.fault == Fault::LoseReads {
                release.changes.retain(|change| !change.read);
            }
            if self.fault == Fault::DoubleClaims
                && let Some(registration) = &mut release.waiter
            {
                registration.waiter.claim = Claim::default();
            }
            if self.fault == Fault::WakesOutOfOrder
                && let Some(registration) = &mut release.waiter
            {
                registration.first = true;
            }
        }
    }

    /// What the runtime does after each pass of a loop.
    fn after(&mut self, node: usize) {
        while let Some(event) = self.nodes[node].next_event() {
            let (Event::Flush(id)
            | Event::Close(id)
            | Event::Abort(id)
            | Event::PauseReading(id)
            | Event::ResumeReading(id)
            | Event::Move(id, _)) = event
            else {
                continue;
            };
            let Some(at) = self.clients.iter().position(|client| client.place == Some((node, id))) else {
                continue;
            };
            match event {
                Event::Flush(_) => self.clients[at].flush_wanted = true,
                Event::PauseReading(_) => self.clients[at].reading_paused = true,
                Event::ResumeReading(_) => self.clients[at].reading_paused = false,
                Event::Move(_, to) => self.clients[at].move_wanted = Some(to.index()),
                Event::Close(_) | Event::Abort(_) | Event::Shutdown => self.close(at),
            }
        }
        for to in 0..self.nodes.len() {
            for (replies, lane) in [(true, Lane::Reply), (false, Lane::Request)] {
                if let Some(batch) = self.nodes[node].take_batch(ShardId(to as u16), lane) {
                    assert_ne!(node, to, "a shard's words to itself stay inside");
                    self.lanes.entry((node, to, replies)).or_default().push_back(batch);
                }
            }
        }
    }

    /// Whether no transaction holds or waits for anything.
    pub fn is_settled(&self) -> bool {
        self.nodes.iter().all(Node::is_settled)
    }

    /// What pipelines have been made into.
    pub fn pipelines(&self) -> Pipelines {
        self.nodes
            .iter()
            .map(Node::pipelines)
            .fold(Pipelines::default(), Pipelines::add)
    }
}
