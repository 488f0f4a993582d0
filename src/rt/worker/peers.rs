//! Messages between shards: from the lanes into the machine, from the machine into the lanes.
//!
//! Owns when a peer is woken. It must not know what batches say.

use std::io;

use io_uring::opcode;
use io_uring::squeue::Flags;
use io_uring::types::Fd;

use super::Worker;
use crate::base::id::ShardId;
use crate::coordinator::Lane;
use crate::rt::counters::add;
use crate::rt::machine::Machine;
use crate::rt::mesh::Arrival;
use crate::rt::token::{Op, Token};

/// How many batches of a lane are taken before the machine's answers go out.
const BATCHES_A_PASS: usize = 256;

impl<M: Machine> Worker<M> {
    /// Takes what peers have put into the inbox; replies first, since they free what requests need.
    pub(super) fn fetch(&mut self) -> io::Result<()> {
        if self.mesh.doors().len() == 1 {
            return self.fetch_arrivals();
        }
        for _ in 0..BATCHES_A_PASS {
            if !self.machine.takes_batches() {
                break;
            }
            let Ok((from, batch)) = self.inbox.replies.try_recv() else {
                break;
            };
            self.call(|machine| machine.deliver(from, batch));
        }
        for _ in 0..BATCHES_A_PASS {
            if !self.machine.takes_batches() {
                break;
            }
            let Ok((from, batch)) = self.inbox.requests.try_recv() else {
                break;
            };
            self.call(|machine| machine.deliver(from, batch));
        }
        self.fetch_arrivals()
    }

    /// Takes the connections that peers have sent.
    pub(super) fn fetch_arrivals(&mut self) -> io::Result<()> {
        // Mostly there are none, and a look is cheaper than to try.
        while !self.inbox.arrivals.is_empty()
            && let Ok(arrival) = self.inbox.arrivals.try_recv()
        {
            match arrival {
                Arrival::Accepted {
                    socket,
                    listener,
                    by,
                    since_us,
                } => {
                    let (socket, peer) = self.listeners[listener].peer(socket);
                    let conn = self.open(socket, peer)?;
                    self.machine.note_arrival(conn, by, since_us);
                }
                Arrival::Made(socket, peer) => drop(self.open(socket, peer)?),
                Arrival::Moved(socket, moved) => self.adopt(socket, moved)?,
            }
        }
        Ok(())
    }

    /// Puts what the machine has for its peers into their lanes. All replies come before all requests: published messages are among the replies,
    /// and what a request has published elsewhere must not overtake them.
    pub(super) fn send_batches(&mut self) -> io::Result<()> {
        self.stalled = false;
        self.has_sent = false;
        for lane in [Lane::Reply, Lane::Request] {
            for index in 0..self.mesh.doors().len() as u16 {
                let to = ShardId(index);
                if to != self.id && self.send_batch(to, lane) {
                    self.ring_if_asleep(to)?;
                }
            }
        }
        Ok(())
    }

    fn send_batch(&mut self, to: ShardId, lane: Lane) -> bool {
        let Some(batch) = self.machine.take_batch(to, lane) else {
            return false;
        };
        let own = &self.mesh.door(self.id).counters;
        match self.mesh.door(to).send(self.id, lane, batch) {
            Ok(()) => {
                add(&own.batches, 1);
                self.has_sent = true;
                true
            }
            Err(batch) => {
                add(&own.batches_held, 1);
                self.machine.put_back(to, lane, batch);
                self.stalled = true;
                false
            }
        }
    }

    /// Wakes a peer that sleeps; goes to the kernel together with the pass's other submissions when rings can reach each other.
    pub(super) fn ring_if_asleep(&mut self, to: ShardId) -> io::Result<()> {
        let door = self.mesh.door(to);
        if !door.needs_ring() {
            return Ok(());
        }
        add(&self.door().counters.rings, 1);
        match door.ring_fd().filter(|_| self.features.ring_messages) {
            None => {
                door.bell().ring();
                Ok(())
            }
            Some(ring) => {
                let rung = Token::plain(Op::Rung, 0).encode();
                let mut entry = opcode::MsgRingData::new(Fd(ring), 0, rung, None)
                    .build()
                    .user_data(Token::plain(Op::Ring, to.0.into()).encode());
                entry = entry.flags(Flags::SKIP_SUCCESS);
                self.push_plain(&entry)
            }
        }
    }
}
