//! What a shard's loop drives: the state machine of one core.
//!
//! Owns the list of what the loop needs from it, so that the loop's own tests can drive a machine that does on demand what
//! the real one does rarely. It must not know how the machine decides.

use std::rc::Rc;

use crate::base::id::ShardId;
use crate::base::time::Now;
use crate::coordinator::{Chunk, ConnId, Event, Lane, Moved, Node, Peer, Runtime};
use crate::shard::emission::{Inscribed, Inscription};
use crate::shard::log::Commit;
use crate::shard::message::Batch;

/// A loop, as a machine sees it that is at work.
pub trait Stage<M> {
    /// Makes a pass with `stand_in` in the machine's place; answers it, and whether the loop is to end.
    fn pass(&self, stand_in: Box<M>) -> (Box<M>, bool);
}

/// A node's view of the loop.
struct Driver(Rc<dyn Stage<Node>>);

impl Runtime for Driver {
    fn pass(&self, stand_in: Box<Node>) -> (Box<Node>, bool) {
        self.0.pass(stand_in)
    }
}

/// One core's state machine; the methods are those of [`Node`], described there.
pub trait Machine: Sized + 'static {
    /// A connection on its way to another shard.
    type Moved: Send;

    /// The loop that drives it: lets it go on with another machine while this one is at work for long.
    fn meet(&mut self, _stage: Rc<dyn Stage<Self>>) {}
    /// Whether the place of a connection that is gone may be another's.
    fn may_forget(&self, _conn: ConnId) -> bool {
        true
    }
    /// The clocks of the pass that begins.
    fn set_now(&mut self, now: Now);
    /// All that had arrived before the pass that begins is received, and will be handled in it.
    fn note_all_is_received(&mut self) {}
    /// A new connection.
    fn open(&mut self, conn: ConnId, peer: Peer);
    /// A new connection goes to another shard: answers since when something may have been sent on it.
    fn send_off(&mut self) -> u64 {
        0
    }
    /// A new connection, just opened, that `from` has sent off.
    fn note_arrival(&mut self, _conn: ConnId, _from: ShardId, _since_us: u64) {}
    /// Bytes that arrived.
    fn receive(&mut self, conn: ConnId, data: &[u8]);
    /// Whether replies are to come although the connection sends no more.
    fn is_answering(&self, conn: ConnId) -> bool;
    /// The connection is gone.
    fn closed(&mut self, conn: ConnId);
    /// Whether a batch may be delivered now.
    fn takes_batches(&self) -> bool {
        true
    }
    /// A batch that a peer sent.
    fn deliver(&mut self, from: ShardId, batch: Batch);
    /// Runs timers that are due.
    fn tick(&mut self);
    /// When [`Machine::tick`] must run next, monotonic microseconds.
    fn next_deadline_us(&self) -> Option<u64>;
    /// What the loop must do now.
    fn next_event(&mut self) -> Option<Event>;
    /// The bytes to send next on a connection.
    fn output(&mut self, conn: ConnId) -> Option<Chunk>;
    /// All bytes of an output have been sent.
    fn sent(&mut self, conn: ConnId, chunk: Chunk);
    /// What this pass has for `to`.
    fn take_batch(&mut self, to: ShardId, lane: Lane) -> Option<Batch>;
    /// A batch for which the lane had no room.
    fn put_back(&mut self, to: ShardId, lane: Lane, batch: Batch);
    /// Takes a connection out to move it to another shard.
    fn detach(&mut self, conn: ConnId) -> Option<Box<Self::Moved>>;
    /// Takes over a moved connection.
    fn adopt(&mut self, conn: ConnId, moved: Box<Self::Moved>);
    /// How many connections the whole server accepts.
    fn connections_max(&self) -> usize;
    /// What is to be written to the log now, if anything; [`Machine::committed`] follows before it is asked again.
    fn take_commit(&mut self) -> Option<Commit> {
        None
    }
    /// The commit has been written, and is on disk if it had to be; `buffer` had its bytes.
    fn committed(&mut self, _buffer: Vec<u8>) {}
    /// A large value to be recorded by another thread; [`Machine::inscribed`] follows.
    fn take_inscription(&mut self) -> Option<Inscription> {
        None
    }
    /// A large value has been recorded.
    fn inscribed(&mut self, _inscribed: Inscribed) {}
    /// Whether nothing is under way that concerns other shards.
    fn is_settled(&self) -> bool {
        true
    }
    /// The next file of the log is there.
    fn file_is_ready(&mut self) {}
    /// The log has been begun anew.
    fn rewrite_is_over(&mut self) {}
    /// The affinity rules in force.
    fn affinity(&self) -> Vec<String> {
        Vec::new()
    }
    /// How many bytes wait to be written to the log.
    fn uncommitted_bytes(&self) -> usize {
        0
    }
    /// Bytes that are about to be received, of several connections: a hint, so that the memory behind them can be fetched all at once.
    fn prefetch(&self, _inputs: &[&[u8]]) {}
}

impl Machine for Node {
    type Moved = Moved;

    fn meet(&mut self, stage: Rc<dyn Stage<Node>>) {
        Node::meet(self, Rc::new(Driver(stage)));
    }

    fn may_forget(&self, conn: ConnId) -> bool {
        Node::may_forget(self, conn)
    }

    fn prefetch(&self, inputs: &[&[u8]]) {
        Node::prefetch_inputs(self, inputs);
    }

    fn set_now(&mut self, now: Now) {
        Node::set_now(self, now);
    }

    fn note_all_is_received(&mut self) {
        Node::note_all_is_received(self);
    }

    fn open(&mut self, conn: ConnId, peer: Peer) {
        Node::open(self, conn, peer);
    }

    fn send_off(&mut self) -> u64 {
        Node::send_off(self)
    }

    fn note_arrival(&mut self, conn: ConnId, from: ShardId, since_us: u64) {
        Node::note_arrival(self, conn, from, since_us);
    }

    fn receive(&mut self, conn: ConnId, data: &[u8]) {
        Node::receive(self, conn, data);
    }

    fn is_answering(&self, conn: ConnId) -> bool {
        Node::is_answering(self, conn)
    }

    fn closed(&mut self, conn: ConnId) {
        Node::closed(self, conn);
    }

    fn takes_batches(&self) -> bool {
        Node::takes_batches(self)
    }

    fn deliver(&mut self, from: ShardId, batch: Batch) {
        Node::deliver(self, from, batch);
    }

    fn tick(&mut self) {
        Node::tick(self);
    }

    fn next_deadline_us(&self) -> Option<u64> {
        Node::next_deadline_us(self)
    }

    fn next_event(&mut self) -> Option<Event> {
        Node::next_event(self)
    }

    fn output(&mut self, conn: ConnId) -> Option<Chunk> {
        Node::output(self, conn)
    }

    fn sent(&mut self, conn: ConnId, chunk: Chunk) {
        Node::sent(self, conn, chunk);
    }

    fn take_batch(&mut self, to: ShardId, lane: Lane) -> Option<Batch> {
        Node::take_batch(self, to, lane)
    }

    fn put_back(&mut self, to: ShardId, lane: Lane, batch: Batch) {
        Node::put_back(self, to, lane, batch);
    }

    fn detach(&mut self, conn: ConnId) -> Option<Box<Moved>> {
        Node::detach(self, conn)
    }

    fn adopt(&mut self, conn: ConnId, moved: Box<Moved>) {
        Node::adopt(self, conn, moved);
    }

    fn connections_max(&self) -> usize {
        self.config().maxclients
    }

    fn take_commit(&mut self) -> Option<Commit> {
        Node::take_commit(self)
    }

    fn committed(&mut self, buffer: Vec<u8>) {
        Node::committed(self, buffer);
    }

    fn take_inscription(&mut self) -> Option<Inscription> {
        Node::take_inscription(self)
    }

    fn inscribed(&mut self, inscribed: Inscribed) {
        Node::inscribed(self, inscribed);
    }

    fn is_settled(&self) -> bool {
        Node::is_settled(self)
    }

    fn file_is_ready(&mut self) {
        Node::file_is_ready(self);
    }

    fn rewrite_is_over(&mut self) {
        Node::rewrite_is_over(self);
    }

    fn affinity(&self) -> Vec<String> {
        self.config().affinity.clone()
    }

    fn uncommitted_bytes(&self) -> usize {
        Node::uncommitted_bytes(self)
    }
}
