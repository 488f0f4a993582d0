//! Bytes to clients: at most one send under way for each connection, all that a pass has for it in one, but for large messages that others get too.
//!
//! Owns the buffers on their way. Sends that report failure only, and so need no completion, were tried: they saved nothing
//! that could be measured, and each connection that waits for its last send had to be looked after.

use std::io;
use std::os::fd::AsRawFd;

use io_uring::opcode;
use io_uring::types::Fd;

use super::Worker;
use crate::coordinator::ConnId;
use crate::rt::connection::{Phase, token};
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
        if connection.sending {
            connection.more_output = true;
            return Ok(());
        }
        let Some(chunk) = self.machine.output(conn) else {
            return Ok(());
        };
        if chunk.is_empty() {
            self.machine.sent(conn, chunk);
            return Ok(());
        }
        connection.chunk = chunk;
        connection.sent = 0;
        connection.sending = true;
        self.send_rest(conn)
    }

    /// Sends what has not gone yet.
    fn send_rest(&mut self, conn: ConnId) -> io::Result<()> {
        let Some(connection) = self.connections.get(conn) else {
            return Ok(());
        };
        let rest = &connection.chunk[connection.sent..];
        let length = rest.len().min(SEND_BYTES_MAX) as u32;
        let entry = opcode::Send::new(Fd(connection.socket.as_raw_fd()), rest.as_ptr(), length)
            .flags(libc::MSG_NOSIGNAL)
            .build()
            .user_data(token(Op::Send, conn, connection).encode());
        // SAFETY: `chunk` is not touched while `sending` is set, which ends with the completion. A connection is not
        // dropped before it is quiet, and the buffers of a loop that ends before are leaked.
        unsafe { self.ring.push(&entry) }
    }

    pub(super) fn send_ended(&mut self, token: Token, result: i32) -> io::Result<()> {
        let conn = ConnId(token.index);
        let Some(connection) = self.connections.of_token(token) else {
            debug_assert!(false, "a place is not reused while a completion is outstanding");
            return Ok(());
        };
        if connection.phase == Phase::Dead {
            connection.sending = false;
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
                connection.sending = false;
                return self.break_off(conn);
            }
        }
        if connection.sent < connection.chunk.len() {
            return self.send_rest(conn);
        }
        self.send_done(conn)
    }

    /// All bytes of the chunk have gone.
    fn send_done(&mut self, conn: ConnId) -> io::Result<()> {
        let Some(connection) = self.connections.get(conn) else {
            return Ok(());
        };
        connection.sending = false;
        let chunk = std::mem::take(&mut connection.chunk);
        let more = std::mem::take(&mut connection.more_output);
        if connection.phase != Phase::Open {
            self.unsettled.push(conn);
        }
        self.call(|machine| machine.sent(conn, chunk));
        if more { self.flush(conn) } else { Ok(()) }
    }
}
