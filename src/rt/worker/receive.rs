//! Bytes from clients into the machine, without a copy in between.
//!
//! Owns receives under way. Where the kernel has a buffer ring, one receive per connection lasts for its life and takes a buffer
//! when bytes come; on older kernels a poll tells of bytes, which are then read into one buffer of the shard.

use std::io;
use std::os::fd::AsRawFd;

use io_uring::types::Fd;
use io_uring::{cqueue, opcode};

use super::Worker;
use crate::coordinator::ConnId;
use crate::rt::connection::{Phase, Receiving, token};
use crate::rt::counters::add;
use crate::rt::machine::Machine;
use crate::rt::ring::GROUP;
use crate::rt::token::{Op, Token};

/// How much one read takes when there is no buffer ring.
pub const SCRATCH_BYTES: usize = 64 << 10;
/// How many reads a connection gets in one pass when there is no buffer ring.
const READS_MAX: usize = 16;

impl<M: Machine> Worker<M> {
    /// Starts receiving.
    pub(super) fn arm(&mut self, conn: ConnId) -> io::Result<()> {
        let Some(connection) = self.connections.get(conn) else {
            return Ok(());
        };
        connection.receiving = Receiving::On;
        let fd = Fd(connection.socket.as_raw_fd());
        let user_data = token(Op::Receive, conn, connection).encode();
        let entry = if self.buffers.is_some() {
            opcode::RecvMulti::new(fd, GROUP).build()
        } else {
            opcode::PollAdd::new(fd, (libc::POLLIN | libc::POLLRDHUP) as u32)
                .multi(true)
                .build()
        };
        self.push_plain(&entry.user_data(user_data))
    }

    /// Asks the kernel to receive no more; the last completion, possibly with bytes, comes later.
    pub(super) fn disarm(&mut self, conn: ConnId) -> io::Result<()> {
        match self.connections.get(conn) {
            Some(connection) if connection.receiving == Receiving::On => {
                connection.receiving = Receiving::Stopping;
                let target = token(Op::Receive, conn, connection);
                self.cancel(target)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn pause(&mut self, conn: ConnId) -> io::Result<()> {
        if let Some(connection) = self.connections.get(conn) {
            connection.paused = true;
        }
        self.disarm(conn)
    }

    pub(super) fn resume(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get(conn) {
            connection.paused = false;
            self.unsettled.push(conn);
        }
    }

    pub(super) fn received(&mut self, token: Token, result: i32, flags: u32) -> io::Result<()> {
        let conn = ConnId(token.index);
        let more = cqueue::more(flags);
        let Some(connection) = self.connections.of_token(token) else {
            debug_assert!(false, "a place is not reused while a completion is outstanding");
            return Ok(());
        };
        if !more {
            connection.receiving = Receiving::Off;
        }
        let heard = connection.is_heard();
        if let (Some(buffers), Some(id)) = (&self.buffers, cqueue::buffer_select(flags)) {
            if result > 0 && heard {
                // SAFETY: the buffer is given back after the call.
                let bytes = unsafe { buffers.lent_bytes(id, result as usize) };
                self.call(|machine| machine.receive(conn, bytes));
                add(&self.door().counters.received_bytes, result as u64);
            }
            if let Some(buffers) = &mut self.buffers {
                buffers.give_back(id);
            }
        } else if result > 0 && heard {
            // Readiness: there is no buffer ring.
            let to_the_end = result & i32::from(libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR) != 0;
            self.read_some(token, to_the_end)?;
        }
        if result > 0 && more {
            return Ok(());
        }
        self.receive_ended(conn, result)
    }

    fn receive_ended(&mut self, conn: ConnId, result: i32) -> io::Result<()> {
        match -result {
            0 if self.buffers.is_some() => self.input_ended(conn),
            libc::ENOBUFS => {
                self.starved = true;
                add(&self.door().counters.buffers_exhausted, 1);
            }
            code if code <= 0 => {}
            libc::ECANCELED | libc::EAGAIN | libc::EINTR => {}
            _ => self.break_off(conn)?,
        }
        // Armed again unless something speaks against it.
        self.unsettled.push(conn);
        Ok(())
    }

    /// Reads what the socket holds, but leaves the rest of a flood for the next pass. A short read tells that nothing is left
    /// now, and the poll tells of what comes later; only the end of the stream may be there already and must be looked for.
    fn read_some(&mut self, token: Token, to_the_end: bool) -> io::Result<()> {
        let conn = ConnId(token.index);
        for _ in 0..READS_MAX {
            let Some(connection) = self
                .connections
                .of_token(token)
                .filter(|connection| connection.is_heard())
            else {
                return Ok(());
            };
            // Passes that the machine asks for while it is called read, if at all, into another one.
            let mut scratch = std::mem::take(&mut self.scratch);
            scratch.resize(SCRATCH_BYTES, 0);
            // SAFETY: the place and length are those of a live buffer that is borrowed for the call.
            let count = unsafe {
                libc::recv(
                    connection.socket.as_raw_fd(),
                    scratch.as_mut_ptr().cast(),
                    scratch.len(),
                    libc::MSG_DONTWAIT,
                )
            };
            match count {
                1.. => {
                    let count = count as usize;
                    self.call(|machine| machine.receive(conn, &scratch[..count]));
                    self.scratch = scratch;
                    add(&self.door().counters.received_bytes, count as u64);
                    if count < SCRATCH_BYTES && !to_the_end {
                        return Ok(());
                    }
                }
                0 => {
                    self.scratch = scratch;
                    self.input_ended(conn);
                    return Ok(());
                }
                _ => {
                    let error = io::Error::last_os_error();
                    self.scratch = scratch;
                    return self.read_failed(conn, &error);
                }
            }
        }
        self.unread.push(token);
        self.again = true;
        Ok(())
    }

    fn read_failed(&mut self, conn: ConnId, error: &io::Error) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(()),
            _ => self.break_off(conn),
        }
    }

    /// Goes on with connections that had more than one pass reads.
    pub(super) fn read_on(&mut self) -> io::Result<()> {
        for token in std::mem::take(&mut self.unread) {
            let reads = |phase| phase == Phase::Open;
            let goes_on = self
                .connections
                .of_token(token)
                .is_some_and(|connection| connection.receiving == Receiving::On && reads(connection.phase));
            if goes_on {
                self.read_some(token, true)?;
            }
        }
        Ok(())
    }
}
