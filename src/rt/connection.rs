//! A shard's connections: for each its socket, what the kernel is doing for it, and the bytes on their way to it.
//!
//! Owns the table and the states. It must not know the ring.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use slab::Slab;

use super::token::{GENERATION_MAX, Op, Token};
use crate::base::id::ShardId;
use crate::coordinator::ConnId;

/// What the kernel does about incoming bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiving {
    /// Nothing; no completion is outstanding.
    Off,
    /// It delivers them.
    On,
    /// It was told to stop; the last completion is outstanding.
    Stopping,
}

/// What the kernel does about outgoing bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// Nothing; there is no buffer.
    Idle,
    /// It tries once, during the call that submits; the buffer is its until then.
    Trying,
    /// It sends when the peer reads; the buffer is its until the completion.
    Waiting,
}

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Served.
    Open,
    /// On its way to another shard, as soon as nothing is outstanding.
    Leaving(ShardId),
    /// Its last bytes are sent; what it sends is not read.
    Ending,
    /// The machine has forgotten it; it waits for its last completions.
    Dead,
}

/// One connection. Idle ones own no buffer.
#[derive(Debug)]
pub struct Connection {
    /// Closed when dropped.
    pub socket: OwnedFd,
    /// Tells it from earlier ones in the same place.
    pub generation: u32,
    /// Incoming.
    pub receiving: Receiving,
    /// The machine has enough input for now.
    pub paused: bool,
    /// Outgoing.
    pub sending: Sending,
    /// The machine has more output than what is being sent.
    pub more_output: bool,
    /// Life.
    pub phase: Phase,
    /// Its last output must make progress by a deadline.
    pub watched: bool,
    /// What is being sent; must not change while `sending` is not idle.
    pub buffer: Vec<u8>,
    /// How much of it has gone.
    pub sent: usize,
}

impl Connection {
    /// Whether no completion can arrive for it and no buffer is the kernel's.
    pub fn is_quiet(&self) -> bool {
        self.receiving == Receiving::Off && self.sending == Sending::Idle
    }

    /// Whether what it sends concerns the machine.
    pub fn is_heard(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Leaving(_))
    }
}

/// The connections of a shard; a place is reused only when nothing is outstanding for it.
#[derive(Debug, Default)]
pub struct Connections {
    table: Slab<Connection>,
    generation: u32,
}

impl Connections {
    /// Adds an open connection of which the kernel knows nothing yet.
    pub fn insert(&mut self, socket: OwnedFd) -> ConnId {
        self.generation = if self.generation == GENERATION_MAX {
            0
        } else {
            self.generation + 1
        };
        let place = self.table.insert(Connection {
            socket,
            generation: self.generation,
            receiving: Receiving::Off,
            paused: false,
            sending: Sending::Idle,
            more_output: false,
            phase: Phase::Open,
            watched: false,
            buffer: Vec::new(),
            sent: 0,
        });
        ConnId(u32::try_from(place).expect("there are fewer descriptors than 2^32"))
    }

    /// Takes a connection out of the table.
    pub fn remove(&mut self, conn: ConnId) -> Connection {
        self.table.remove(conn.0 as usize)
    }

    /// The connection in that place.
    pub fn get(&mut self, conn: ConnId) -> Option<&mut Connection> {
        self.table.get_mut(conn.0 as usize)
    }

    /// The connection that a token was made for, if it still exists.
    pub fn of_token(&mut self, token: Token) -> Option<&mut Connection> {
        self.table
            .get_mut(token.index as usize)
            .filter(|connection| connection.generation == token.generation)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// All of them.
    pub fn ids(&self) -> Vec<ConnId> {
        self.table.iter().map(|(place, _)| ConnId(place as u32)).collect()
    }
}

/// A token for an operation on a connection.
pub fn token(op: Op, conn: ConnId, connection: &Connection) -> Token {
    Token {
        op,
        generation: connection.generation,
        index: conn.0,
    }
}

/// Connections whose last bytes must make progress by a deadline, the earliest first.
#[derive(Debug, Default)]
pub struct Lingering {
    queue: VecDeque<(u64, Token, usize)>,
}

impl Lingering {
    /// Remembers to look at a connection; deadlines must not decrease.
    pub fn watch(&mut self, deadline_us: u64, token: Token, sent: usize) {
        self.queue.push_back((deadline_us, token, sent));
    }

    /// The earliest deadline.
    pub fn next_deadline_us(&self) -> Option<u64> {
        self.queue.front().map(|&(deadline_us, ..)| deadline_us)
    }

    /// A connection that is due, and how much of its buffer had gone when it was watched.
    pub fn take_due(&mut self, now_us: u64) -> Option<(Token, usize)> {
        let &(deadline_us, token, sent) = self.queue.front()?;
        (deadline_us <= now_us).then(|| {
            self.queue.pop_front();
            (token, sent)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_small_and_a_reused_place_is_told_apart() {
        assert!(size_of::<Connection>() <= 64);
        let socket = || OwnedFd::from(std::fs::File::open("/dev/null").expect("every host has it"));
        let mut connections = Connections::default();
        let first = connections.insert(socket());
        let old = token(Op::Receive, first, connections.get(first).expect("just added"));
        assert!(connections.of_token(old).is_some());
        connections.remove(first);
        assert!(connections.of_token(old).is_none());
        assert_eq!(connections.insert(socket()), first);
        assert!(connections.of_token(old).is_none());
    }
}
