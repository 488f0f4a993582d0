//! The life of a connection from arrival to its last completion, also across shards.
//!
//! Owns the transitions between phases. Whatever happens to a connection, [`Worker::settle`] decides what follows from the state
//! it is in, so that no order of completions and events needs a case of its own.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;

use super::Worker;
use crate::base::id::ShardId;
use crate::coordinator::{ConnId, Peer};
use crate::rt::connection::{Phase, Receiving, token};
use crate::rt::counters::add;
use crate::rt::machine::Machine;
use crate::rt::mesh::Arrival;
use crate::rt::token::Op;

/// How often connections that end are looked at: those that took nothing since are given up.
const LINGER_US: u64 = if cfg!(test) { 1_000_000 } else { 5_000_000 };

impl<M: Machine> Worker<M> {
    /// Begins to serve a connection.
    pub(super) fn open(&mut self, socket: OwnedFd, peer: Peer) -> io::Result<ConnId> {
        let conn = self.connections.insert(socket);
        add(&self.door().counters.accepted, 1);
        self.count_connections();
        self.machine.open(conn, peer);
        self.begin(conn)?;
        Ok(conn)
    }

    /// Begins to serve a connection that another shard served.
    pub(super) fn adopt(&mut self, socket: OwnedFd, moved: Box<M::Moved>) -> io::Result<()> {
        let conn = self.connections.insert(socket);
        self.count_connections();
        self.call(|machine| machine.adopt(conn, moved));
        self.begin(conn)
    }

    fn begin(&mut self, conn: ConnId) -> io::Result<()> {
        if self.ends_at_us.is_some() {
            self.end(conn);
            return Ok(());
        }
        self.arm(conn)
    }

    /// Wants the connection on another shard.
    pub(super) fn leave(&mut self, conn: ConnId, to: ShardId) {
        // Also when the client has ended its side meanwhile: the other shard finds that out again, after its input.
        if let Some(connection) = self.connections.get(conn)
            && matches!(connection.phase, Phase::Open | Phase::Ending)
        {
            connection.phase = Phase::Leaving(to);
            self.unsettled.push(conn);
        }
    }

    /// The client ended its side. One that moves goes on to do so: its new shard comes to the same end of its input.
    pub(super) fn input_ended(&mut self, conn: ConnId) {
        if self
            .connections
            .get(conn)
            .is_some_and(|connection| connection.phase == Phase::Open)
        {
            self.end(conn);
        }
    }

    /// No more input: the client ended its side, or the machine wants it closed. Output goes out first.
    pub(super) fn end(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get(conn)
            && connection.is_heard()
        {
            connection.phase = Phase::Ending;
            self.unsettled.push(conn);
        }
    }

    /// The connection is of no use any more: nothing else is sent.
    pub(super) fn break_off(&mut self, conn: ConnId) -> io::Result<()> {
        let Some(connection) = self.connections.get(conn) else {
            return Ok(());
        };
        if connection.phase == Phase::Dead {
            return Ok(());
        }
        if !self.machine.may_forget(conn) {
            connection.phase = Phase::Ending;
            return Ok(());
        }
        connection.phase = Phase::Dead;
        let sending = connection.sending.then(|| token(Op::Send, conn, connection));
        self.call(|machine| machine.closed(conn));
        if let Some(send) = sending {
            self.cancel(send)?;
        }
        self.unsettled.push(conn);
        Ok(())
    }

    /// Does what follows from a connection's state.
    pub(super) fn settle(&mut self, conn: ConnId) -> io::Result<()> {
        let Some(connection) = self.connections.get(conn) else {
            return Ok(());
        };
        match connection.phase {
            Phase::Open if connection.receiving == Receiving::Off && !connection.paused => self.arm(conn),
            Phase::Open => Ok(()),
            Phase::Leaving(to) => self.settle_leaving(conn, to),
            Phase::Ending => self.settle_ending(conn),
            Phase::Dead if connection.is_quiet() => {
                self.remove(conn);
                self.mesh.connections().fetch_sub(1, Ordering::Relaxed);
                Ok(())
            }
            Phase::Dead => self.disarm(conn),
        }
    }

    fn settle_ending(&mut self, conn: ConnId) -> io::Result<()> {
        self.flush(conn)?;
        let sending = self.connections.get(conn).is_some_and(|connection| connection.sending);
        if !sending && !self.machine.is_answering(conn) {
            return self.break_off(conn);
        }
        self.lingering_at_us.get_or_insert(self.now.mono_us + LINGER_US);
        Ok(())
    }

    /// Bytes that arrive until the receive has ended go to the machine, which takes them along; output goes out first.
    fn settle_leaving(&mut self, conn: ConnId, to: ShardId) -> io::Result<()> {
        self.disarm(conn)?;
        self.flush(conn)?;
        let Some(connection) = self.connections.get(conn) else {
            return Ok(());
        };
        if !connection.is_quiet() {
            return Ok(());
        }
        let Some(moved) = self.machine.detach(conn) else {
            connection.phase = Phase::Open;
            self.unsettled.push(conn);
            return Ok(());
        };
        let socket = self.remove(conn);
        add(&self.door().counters.moved, 1);
        let door = self.mesh.door(to);
        door.load.fetch_add(1, Ordering::Relaxed);
        door.hand_over(Arrival::Moved(socket, moved));
        self.ring_if_asleep(to)
    }

    fn remove(&mut self, conn: ConnId) -> OwnedFd {
        let connection = self.connections.remove(conn);
        self.door().load.fetch_sub(1, Ordering::Relaxed);
        self.count_connections();
        connection.socket
    }

    fn count_connections(&self) {
        self.door()
            .counters
            .connections
            .store(self.connections.len() as u64, Ordering::Relaxed);
    }

    /// Gives up connections that end but whose peers took nothing since the last look.
    pub(super) fn give_up_lingering(&mut self) -> io::Result<()> {
        if self.lingering_at_us.is_none_or(|at| at > self.now.mono_us) {
            return Ok(());
        }
        self.lingering_at_us = None;
        for conn in self.connections.ids() {
            let Some(connection) = self
                .connections
                .get(conn)
                .filter(|connection| connection.phase == Phase::Ending)
            else {
                continue;
            };
            if connection.sent == connection.sent_before {
                self.break_off(conn)?;
            } else {
                connection.sent_before = connection.sent;
                self.lingering_at_us = Some(self.now.mono_us + LINGER_US);
            }
        }
        Ok(())
    }
}
