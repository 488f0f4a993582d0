//! The connection through which this server runs what its primary sends: a pair of sockets, whose other end the first shard serves like any
//! client's, and a thread that reads the replies and tells the primary up to where its stream is applied.
//!
//! Owns what is sent and not answered. It must not know what the requests are.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::call::Call;
use crate::coordinator::{Peer, Shared};
use crate::replication::{Due, Ledger, LinkError, Position, Replies, push_acknowledgement};
use crate::rt::Handle;

/// How often the primary is told.
const TELLING_PERIOD: Duration = Duration::from_secs(1);
/// How often somebody who waits for answers looks at whether they are still wanted.
const GLANCE: Duration = Duration::from_millis(100);
/// How long the node may take to end the connection by itself.
const FAREWELL: Duration = Duration::from_secs(10);
/// How much is read at once.
const READ_BYTES: usize = 16 << 10;

/// What both threads know.
struct Books {
    ledger: Mutex<Ledger>,
    settled: Condvar,
    /// The primary's data is still on its way: there is no place in its stream to be told.
    is_loading: AtomicBool,
    has_ended: AtomicBool,
    shared: Arc<Shared>,
    primary: Mutex<TcpStream>,
}

impl Books {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the primary up to where its stream is applied, or, while there is none, that this server is there.
    fn tell_primary(&self) {
        let mut out = Vec::new();
        if self.is_loading.load(Relaxed) {
            out.push(b'\n');
        } else {
            push_acknowledgement(self.ledger().applied().offset, &mut out);
        }
        let mut primary = self.primary.lock().unwrap_or_else(PoisonError::into_inner);
        // That it has gone, who listens to it finds out.
        let _gone = primary.write_all(&out);
    }
}

/// A connection to this server itself.
pub struct Local {
    socket: UnixStream,
    books: Arc<Books>,
    reader: JoinHandle<()>,
}

impl Local {
    /// A connection for what `call` brings, whose stream is applied up to `applied`.
    pub fn open<T>(
        handle: &Handle<T>,
        shared: &Arc<Shared>,
        call: &Call,
        applied: Position,
    ) -> Result<Self, LinkError> {
        let (socket, other) = UnixStream::pair()?;
        let reads = socket.try_clone()?;
        reads.set_read_timeout(Some(TELLING_PERIOD))?;
        let books = Arc::new(Books {
            ledger: Mutex::new(Ledger::new(applied)),
            settled: Condvar::new(),
            is_loading: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            shared: Arc::clone(shared),
            primary: Mutex::new(call.socket().try_clone()?),
        });
        let reader = {
            let books = Arc::clone(&books);
            thread::Builder::new()
                .name("primary-replies".into())
                .spawn(move || read_replies(reads, &books))?
        };
        let [address, local_address] = call.addresses().clone();
        let peer = Peer {
            address,
            local_address,
            local: true,
            fd: other.as_raw_fd(),
            from_primary: true,
        };
        handle.hand_over(other.into(), peer);
        Ok(Local { socket, books, reader })
    }

    /// Sends requests; `due` has one entry for each.
    pub fn send(&self, requests: &[u8], due: &[Due]) -> Result<(), LinkError> {
        if due.is_empty() {
            return Ok(());
        }
        let mut ledger = self.books.ledger();
        due.iter().for_each(|due| ledger.send(*due));
        drop(ledger);
        (&self.socket).write_all(requests).map_err(|_| LinkError::Cut)
    }

    /// Up to `to` the stream has nothing more for this server; `due` is not sent yet.
    pub fn pass(&self, due: &mut [Due], to: Position) {
        match due.last_mut() {
            Some(last) => last.applied = to,
            None => self.books.ledger().pass(to),
        }
    }

    /// The primary wants to hear when all that was sent is applied.
    pub fn acknowledge(&self) {
        if self.books.ledger().acknowledge() {
            self.books.tell_primary();
        }
    }

    /// An error when the link cannot go on.
    pub fn check(&self) -> Result<(), LinkError> {
        match self.books.ledger().failure() {
            Some(reason) => Err(LinkError::Local(reason.to_owned())),
            None => Ok(()),
        }
    }

    /// Up to where the stream is applied.
    pub fn applied(&self) -> Position {
        self.books.ledger().applied()
    }

    /// The primary's data is to come.
    pub fn begin_load(&self) {
        self.books.is_loading.store(true, Relaxed);
    }

    /// The primary's data is here, and its stream begins at `from`.
    pub fn end_load(&self, from: Position) {
        self.books.ledger().pass(from);
        self.books.is_loading.store(false, Relaxed);
        self.books.tell_primary();
    }

    /// Waits until all that was sent is answered; false when that fails, or takes too long, or is not `wanted` any more.
    pub fn settle(&self, patience: Duration, wanted: impl Fn() -> bool) -> bool {
        let begun = Instant::now();
        let mut ledger = self.books.ledger();
        while !ledger.is_settled() && ledger.failure().is_none() {
            if begun.elapsed() > patience || !wanted() {
                return false;
            }
            let waited = self.books.settled.wait_timeout(ledger, GLANCE);
            ledger = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        ledger.failure().is_none()
    }

    /// Ends the connection; returns when the node has ended it too, so that nothing that was sent comes to run later.
    pub fn close(self) {
        let _gone = self.socket.shutdown(Shutdown::Write);
        let begun = Instant::now();
        let mut ledger = self.books.ledger();
        while !self.books.has_ended.load(Relaxed) && begun.elapsed() < FAREWELL {
            let waited = self.books.settled.wait_timeout(ledger, GLANCE);
            ledger = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if ledger.errors() > 0 {
            log::error!("{} of the primary's commands were refused here", ledger.errors());
        }
        drop(ledger);
        let _gone = self.socket.shutdown(Shutdown::Both);
        // It has nothing to say.
        let _ended = self.reader.join();
    }
}

/// Reads replies until the connection ends.
fn read_replies(mut socket: UnixStream, books: &Books) {
    let mut replies = Replies::default();
    let mut buffer = vec![0; READ_BYTES];
    let mut told = Instant::now();
    loop {
        let count = match socket.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                0
            }
            Err(_) => break,
        };
        let mut acknowledges = false;
        let mut ledger = books.ledger();
        let sound = replies.feed(&buffer[..count], |error| acknowledges |= ledger.settle(error));
        if !sound {
            break;
        }
        if !books.is_loading.load(Relaxed) {
            books.shared.primary_link.set_applied(ledger.applied().offset);
        }
        if ledger.is_settled() || ledger.failure().is_some() {
            books.settled.notify_all();
        }
        drop(ledger);
        if acknowledges || told.elapsed() >= TELLING_PERIOD {
            told = Instant::now();
            books.tell_primary();
        }
    }
    books.ledger().cut();
    books.has_ended.store(true, Relaxed);
    books.settled.notify_all();
}
