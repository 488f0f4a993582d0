//! The socket to a primary.
//!
//! Owns how long the primary may be silent. It must not know what is said.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::command::primary::{PrimaryLink, Settings};
use crate::replication::LinkError;
use crate::rt::monotonic_us;

/// How often somebody who waits for the primary looks at whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(100);
/// How long a primary may take to accept a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How much is read at once.
const READ_BYTES: usize = 64 << 10;
/// The longest line in front of the data.
const LINE_BYTES_MAX: usize = 64 << 10;

/// A call of a primary.
pub struct Call {
    socket: TcpStream,
    /// The primary's address and this side's.
    addresses: [Box<str>; 2],
    heard: Instant,
    timeout: Duration,
    buffer: Box<[u8]>,
    /// What was read and is not dealt with.
    unread: Vec<u8>,
    /// What [`Call::receive`] has just handed out of it.
    handed: Vec<u8>,
}

impl Call {
    /// Calls a primary.
    pub fn connect(host: &str, port: u16, settings: &Settings) -> Result<Self, LinkError> {
        let timeout = Duration::from_secs(settings.timeout_s);
        let mut failed = io::Error::new(ErrorKind::NotFound, "the host has no address");
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, timeout.min(CALL_TIMEOUT)) {
                Ok(socket) => return Ok(Call::over(socket, timeout)?),
                Err(error) => failed = error,
            }
        }
        Err(failed.into())
    }

    fn over(socket: TcpStream, timeout: Duration) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(GLANCE))?;
        socket.set_write_timeout(Some(timeout))?;
        let addresses = [socket.peer_addr()?, socket.local_addr()?].map(|address| address.to_string().into());
        Ok(Call {
            socket,
            addresses,
            heard: Instant::now(),
            timeout,
            buffer: vec![0; READ_BYTES].into(),
            unread: Vec::new(),
            handed: Vec::new(),
        })
    }

    /// The socket, for who tells the primary of what is done.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// The primary's address and this side's.
    pub fn addresses(&self) -> &[Box<str>; 2] {
        &self.addresses
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        Ok(self.socket.write_all(bytes)?)
    }

    /// The bytes that come next; none when nothing has come for a moment.
    pub fn receive(&mut self, link: &PrimaryLink) -> Result<&[u8], LinkError> {
        if !self.unread.is_empty() {
            self.handed = std::mem::take(&mut self.unread);
            return Ok(&self.handed);
        }
        match self.socket.read(&mut self.buffer) {
            Ok(0) => Err(LinkError::Closed),
            Ok(count) => {
                self.heard = Instant::now();
                link.note_heard(monotonic_us());
                Ok(&self.buffer[..count])
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                if self.heard.elapsed() > self.timeout {
                    return Err(LinkError::Silent);
                }
                Ok(&[])
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Bytes that were received and are to be received again.
    pub fn put_back(&mut self, bytes: &[u8]) {
        self.unread = [bytes, &self.unread].concat();
    }

    /// The next line that is not empty, without its end; none when it is not `wanted` any more.
    pub fn read_line(&mut self, link: &PrimaryLink, wanted: impl Fn() -> bool) -> Result<Option<Vec<u8>>, LinkError> {
        let mut line = Vec::new();
        while wanted() {
            line.extend_from_slice(self.receive(link)?);
            // A primary that prepares its data sends empty lines meanwhile.
            let empty = line.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            line.drain(..empty);
            if let Some(end) = memchr::memchr(b'\n', &line) {
                self.put_back(&line[end + 1..]);
                line.truncate(end);
                return Ok(Some(line.trim_ascii_end().to_vec()));
            }
            if line.len() > LINE_BYTES_MAX {
                return Err(LinkError::Nonsense("a line without end"));
            }
        }
        Ok(None)
    }
}
