//! A shard's connections: for each its socket, what the kernel is doing for it, and the bytes on their way to it.
//!
//! Owns the table and the states. It must not know the ring.

use std::os::fd::OwnedFd;

use slab::Slab;

use super::token::{GENERATION_MAX, Op, Token};
use crate::base::id::ShardId;
use crate::coordinator::{Chunk, ConnId};

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
    /// The kernel has the buffer: it must not change before the completion.
    pub sending: bool,
    /// The machine has more output than what is being sent.
    pub more_output: bool,
    /// Life.
    pub phase: Phase,
    /// What is being sent.
    pub chunk: Chunk,
    /// How much of it has gone.
    pub sent: usize,
    /// How much of it had gone when the end was last found to linger; none yet: `usize::MAX`.
    pub sent_before: usize,
}

impl Connection {
    /// Whether no completion can arrive for it and no buffer is the kernel's.
    pub fn is_quiet(&self) -> bool {
        self.receiving == Receiving::Off && !self.sending
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
            sending: false,
            more_output: false,
            phase: Phase::Open,
            chunk: Chunk::default(),
            sent: 0,
            sent_before: usize::MAX,
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
