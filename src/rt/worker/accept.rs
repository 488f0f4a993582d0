//! New connections: one shard accepts and deals them out.
//!
//! Owns the accepts under way and the choice of a shard. Two connections to two shards must not land on one: so the acceptor
//! gives each to the shard that has the fewest, where SO_REUSEPORT would let a hash decide.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::Ordering;

use io_uring::types::Fd;
use io_uring::{cqueue, opcode};

use super::Worker;
use crate::base::id::ShardId;
use crate::rt::counters::add;
use crate::rt::machine::Machine;
use crate::rt::mesh::Arrival;
use crate::rt::token::{Op, Token};

/// After running out of descriptors or memory, accepting rests for so long.
const REST_US: u64 = 100_000;
/// What a connection too many is told, as Valkey tells it.
const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";

/// The state of accepting.
#[derive(Debug)]
pub struct Accepting {
    /// By listener: whether an accept is under way.
    under_way: Vec<bool>,
    retry_at_us: Option<u64>,
    stopped: bool,
    next: u16,
}

impl Accepting {
    /// Nothing under way.
    pub fn new(listeners: usize) -> Self {
        Accepting {
            under_way: vec![false; listeners],
            retry_at_us: None,
            stopped: false,
            next: 0,
        }
    }

    /// When listeners that rest are tried again.
    pub fn retry_at_us(&self) -> Option<u64> {
        self.retry_at_us
    }
}

impl<M: Machine> Worker<M> {
    /// Starts accepting on each listener where it is not under way.
    pub(super) fn accept_everywhere(&mut self) -> io::Result<()> {
        for index in 0..self.listeners.len() {
            if !self.accepting.under_way[index] && !self.accepting.stopped {
                self.accept_on(index)?;
            }
        }
        Ok(())
    }

    fn accept_on(&mut self, index: usize) -> io::Result<()> {
        let listener = Fd(self.listeners[index].fd());
        let entry = if self.features.multishot_accept {
            opcode::AcceptMulti::new(listener).flags(libc::SOCK_CLOEXEC).build()
        } else {
            opcode::Accept::new(listener, std::ptr::null_mut(), std::ptr::null_mut())
                .flags(libc::SOCK_CLOEXEC)
                .build()
        };
        self.accepting.under_way[index] = true;
        self.push_plain(&entry.user_data(Token::plain(Op::Accept, index as u32).encode()))
    }

    pub(super) fn stop_accepting(&mut self) -> io::Result<()> {
        self.accepting.stopped = true;
        self.accepting.retry_at_us = None;
        for index in 0..self.listeners.len() {
            if self.accepting.under_way[index] {
                self.cancel(Token::plain(Op::Accept, index as u32))?;
            }
        }
        Ok(())
    }

    pub(super) fn retry_accepting(&mut self) -> io::Result<()> {
        if self.accepting.retry_at_us.is_some_and(|at| at <= self.now.mono_us) {
            self.accepting.retry_at_us = None;
            self.accept_everywhere()?;
        }
        Ok(())
    }

    pub(super) fn accepted(&mut self, token: Token, result: i32, flags: u32) -> io::Result<()> {
        let index = token.index as usize;
        if !cqueue::more(flags) {
            self.accepting.under_way[index] = false;
        }
        if result >= 0 {
            // SAFETY: the kernel just made the descriptor for us, and told nobody else.
            let socket = unsafe { OwnedFd::from_raw_fd(result) };
            self.deal_out(socket, index)?;
        } else if matches!(-result, libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) {
            log::warn!("Accepting client connection: {}", io::Error::from_raw_os_error(-result));
            self.accepting.retry_at_us = Some(self.now.mono_us + REST_US);
            return Ok(());
        }
        if self.accepting.under_way[index] || self.accepting.stopped {
            return Ok(());
        }
        self.accept_on(index)
    }

    fn deal_out(&mut self, socket: OwnedFd, listener: usize) -> io::Result<()> {
        if self.accepting.stopped {
            return Ok(());
        }
        if self.mesh.connections().load(Ordering::Relaxed) >= self.machine.connections_max() {
            add(&self.door().counters.rejected, 1);
            refuse(socket);
            return Ok(());
        }
        self.mesh.connections().fetch_add(1, Ordering::Relaxed);
        let to = self.least_loaded();
        self.accepting.next = (to.0 + 1) % self.mesh.doors().len() as u16;
        let door = self.mesh.door(to);
        door.load.fetch_add(1, Ordering::Relaxed);
        if to == self.id {
            let (socket, peer) = self.listeners[listener].peer(socket);
            return self.open(socket, peer).map(|_| ());
        }
        let (by, since_us) = (self.id, self.machine.send_off());
        door.hand_over(Arrival::Accepted {
            socket,
            listener,
            by,
            since_us,
        });
        self.ring_if_asleep(to)
    }

    /// The shard with the fewest connections; among equals the next one in turn.
    fn least_loaded(&self) -> ShardId {
        let doors = self.mesh.doors();
        let shards = doors.len() as u16;
        let in_turn = (0..shards).map(|step| ShardId((self.accepting.next + step) % shards));
        in_turn
            .min_by_key(|&shard| self.mesh.door(shard).load.load(Ordering::Relaxed))
            .unwrap_or(self.id)
    }
}

/// Tells a client that it is one too many, if its socket takes the words at once, and closes it.
fn refuse(socket: OwnedFd) {
    let socket = socket2::Socket::from(socket);
    let _gone = socket.send_with_flags(TOO_MANY, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
}
