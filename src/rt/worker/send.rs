//! Bytes to clients: at most one send under way for each connection, all that a pass has for it in one.
//!
//! Owns the buffers on their way. A send is first tried without waiting and without a completion for success: when the
//! submitting call returns without a report of failure, the bytes are in the socket. What the socket did not take is sent again
//! in the usual way, with a completion when the peer has read. Kernels before 6.1 send in the usual way only.

use std::io;
use std::os::fd::AsRawFd;

use io_uring::opcode;
use io_uring::squeue::Flags;
use io_uring::types::Fd;

use super::Worker;
use crate::coordinator::ConnId;
use crate::rt::connection::{Phase, Sending, token};
use crate::rt::counters::add;
use crate::rt::machine::Machine;
use crate::rt::token::{Op, Token};

/// A send's length is 32 bits wide, and the kernel's result signed.
const SEND_BYTES_MAX: usize = 1 << 30;

impl<M: Machine> Worker<M> {
    /// Sends what the machine has for a connection, now or after what is under way.
    pub(super) fn flush(&mut self, conn: ConnId) -> io::Result<()> {
        let Some(connection) = self.connections.get(conn) else {
            return Ok(());
        };
        if connection.phase == Phase::Dead {
            return Ok(());
        }
        if connection.sending != Sending::Idle {
            connection.more_output = true;
            self.again |= connection.sending == Sending::Trying;
            return Ok(());
        }
        let Some(buffer) = self.machine.output(conn) else {
            return Ok(());
        };
        if buffer.is_empty() {
            self.machine.sent(conn, buffer);
            return Ok(());
        }
        connection.buffer = buffer;
        connection.sent = 0;
        let sending = if self.features.silent_sends() {
            Sending::Trying
        } else {
            Sending::Waiting
        };
        self.send_rest(conn, sending)
    }

    fn send_rest(&mut self, conn: ConnId, how: Sending) -> io::Result<()> {
        let Some(connection) = self.connections.get(conn) else {
            return Ok(());
        };
        connection.sending = how;
        let trying = how == Sending::Trying;
        let (op, flags) = if trying {
            (Op::TrySend, libc::MSG_DONTWAIT | libc::MSG_WAITALL)
        } else {
            (Op::Send, 0)
        };
        let token = token(op, conn, connection);
        let rest = &connection.buffer[connection.sent..];
        let length = rest.len().min(SEND_BYTES_MAX);
        let mut entry = opcode::Send::new(Fd(connection.socket.as_raw_fd()), rest.as_ptr(), length as u32)
            .flags(flags | libc::MSG_NOSIGNAL)
            .build()
            .user_data(token.encode());
        if trying {
            entry = entry.flags(Flags::SKIP_SUCCESS);
            // Success is not announced: who waits for it needs another pass.
            self.again |= connection.phase != Phase::Open;
            self.trying.push(token);
        }
        // SAFETY: `buffer` is not touched until `sending` is idle again: after the completion, or, when trying, after the call
        // that submitted it reported no failure (see `conclude_tries`). A connection is not dropped before it is quiet, and the
        // buffers of a loop that ends before are leaked.
        unsafe { self.ring.push(&entry) }
    }

    /// A try did not send everything: what is left waits for the peer.
    pub(super) fn try_failed(&mut self, token: Token, result: i32) -> io::Result<()> {
        self.send_ended(token, if result == -libc::EAGAIN { 0 } else { result })
    }

    pub(super) fn send_ended(&mut self, token: Token, result: i32) -> io::Result<()> {
        let conn = ConnId(token.index);
        let Some(connection) = self.connections.of_token(token) else {
            debug_assert!(false, "a place is not reused while a completion is outstanding");
            return Ok(());
        };
        if connection.phase == Phase::Dead {
            connection.sending = Sending::Idle;
            self.unsettled.push(conn);
            return Ok(());
        }
        match -result {
            code if code <= 0 => {
                connection.sent += result as usize;
                add(&self.mesh.door(self.id).counters.sent_bytes, result as u64);
            }
            libc::EAGAIN | libc::EINTR => {}
            _ => {
                connection.sending = Sending::Idle;
                return self.break_off(conn);
            }
        }
        if connection.sent < connection.buffer.len() {
            return self.send_rest(conn, Sending::Waiting);
        }
        self.send_done(conn)
    }

    /// All bytes of the buffer have gone.
    fn send_done(&mut self, conn: ConnId) -> io::Result<()> {
        let Some(connection) = self.connections.get(conn) else {
            return Ok(());
        };
        connection.sending = Sending::Idle;
        let buffer = std::mem::take(&mut connection.buffer);
        let more = std::mem::take(&mut connection.more_output);
        if connection.phase != Phase::Open {
            self.unsettled.push(conn);
        }
        self.machine.sent(conn, buffer);
        if more { self.flush(conn) } else { Ok(()) }
    }

    /// Tries that were submitted and of which no failure was reported have succeeded.
    pub(super) fn conclude_tries(&mut self) -> io::Result<()> {
        if self.trying.is_empty() || self.ring.has_unsubmitted() || self.ring.has_overflow() {
            // A report may be among the completions that are still to come.
            self.again |= !self.trying.is_empty();
            return Ok(());
        }
        for token in std::mem::take(&mut self.trying) {
            let conn = ConnId(token.index);
            let Some(connection) = self.connections.of_token(token) else {
                continue;
            };
            if connection.sending != Sending::Trying {
                continue;
            }
            let length = connection.buffer.len() - connection.sent;
            if length > SEND_BYTES_MAX {
                connection.sent += SEND_BYTES_MAX;
                self.send_rest(conn, Sending::Waiting)?;
                continue;
            }
            add(&self.mesh.door(self.id).counters.sent_bytes, length as u64);
            if connection.phase == Phase::Dead {
                connection.sending = Sending::Idle;
                self.unsettled.push(conn);
            } else {
                self.send_done(conn)?;
            }
        }
        Ok(())
    }
}
