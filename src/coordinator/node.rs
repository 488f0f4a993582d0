//! The door of the state machines: what the runtime (or the simulation) gives them and takes from them.

use crate::base::id::{ConnId, ShardId};
use crate::base::time::Now;
use crate::config::Config;
use crate::shard::message::Batch;

/// Who connected.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Peer address as CLIENT LIST shows it (`ip:port` or `path:0`).
    pub address: Box<str>,
    /// Own address.
    pub local_address: Box<str>,
    /// Came over the unix socket or from the loopback interface.
    pub local: bool,
}

/// Which of the two lanes to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Work asked for.
    Request,
    /// Answers and returns; never blocked by requests.
    Reply,
}

/// What the runtime must do for a connection after a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// There are bytes to send: [`Node::output`].
    Flush(ConnId),
    /// Send what there is, then close; [`Node::closed`] follows.
    Close(ConnId),
    /// Do not read for now: the connection has enough unprocessed input.
    PauseReading(ConnId),
    /// Read again.
    ResumeReading(ConnId),
    /// Take the connection to another shard: stop reading and sending, [`Node::detach`], and [`Node::adopt`] it there.
    Move(ConnId, ShardId),
    /// The server ends: close listeners and stop the loops once replies are out.
    Shutdown,
}

/// One core: its shard and the connections that it serves.
pub struct Node {
    config: Config,
    now: Now,
}

impl Node {
    /// The clocks of the pass that begins.
    pub fn set_now(&mut self, now: Now) {
        self.now = now;
    }

    /// A new connection.
    pub fn open(&mut self, _conn: ConnId, _peer: Peer) {}

    /// Bytes that arrived; processed at once as far as possible, the rest is kept.
    pub fn receive(&mut self, _conn: ConnId, _data: &[u8]) {}

    /// The connection is gone (end of file, error, or closed on request).
    pub fn closed(&mut self, _conn: ConnId) {}

    /// A batch that a peer sent; batches of one peer's lane arrive in order.
    pub fn deliver(&mut self, _from: ShardId, _batch: Batch) {}

    /// Runs timers that are due: blocking timeouts, expiry cycles, pauses.
    pub fn tick(&mut self) {}

    /// When [`Node::tick`] must run next, monotonic microseconds; `None`: nothing is scheduled.
    pub fn next_deadline_us(&self) -> Option<u64> {
        None
    }

    /// What the runtime must do now, in order; call until it answers `None` at the end of each pass.
    pub fn next_event(&mut self) -> Option<Event> {
        None
    }

    /// The bytes to send on a connection, all of them; `None` when there are none.
    pub fn output(&mut self, _conn: ConnId) -> Option<Vec<u8>> {
        None
    }

    /// A buffer from [`Node::output`] whose bytes have all been sent, for reuse.
    pub fn sent(&mut self, _conn: ConnId, _buffer: Vec<u8>) {}

    /// What this pass has for `to`; the runtime puts it into the lane, or back by [`Node::put_back`] when the lane is full.
    pub fn take_batch(&mut self, _to: ShardId, _lane: Lane) -> Option<Batch> {
        None
    }

    /// A batch for which the lane had no room: it stays first in order.
    pub fn put_back(&mut self, _to: ShardId, _lane: Lane, _batch: Batch) {}

    /// Takes a connection out to move it to another shard; `None` when it can no longer move (then it stays).
    pub fn detach(&mut self, _conn: ConnId) -> Option<Box<Moved>> {
        None
    }

    /// Takes over a moved connection.
    pub fn adopt(&mut self, _conn: ConnId, _moved: Box<Moved>) {}

    /// The configuration of this shard.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// A connection on its way to another shard: session and unprocessed input.
pub struct Moved {}
