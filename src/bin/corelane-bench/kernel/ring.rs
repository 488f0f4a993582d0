//! The io_uring of one thread: many sockets, batched sends, multishot receives into a provided buffer ring.
//!
//! Owns the sockets, their send buffers and the receive buffers of one thread. Must not know what the bytes mean.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use io_uring::types::{BufRingEntry, CancelBuilder, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

/// Position of a socket in the list that the ring was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(pub u32);

impl Slot {
    /// The position as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Bytes that arrived; must be given back with [`Ring::recycle`].
#[derive(Debug)]
pub struct Chunk {
    buffer: u16,
    length: u32,
}

/// What happened on one socket.
#[derive(Debug)]
pub enum Event {
    /// Bytes arrived.
    Received(Slot, Chunk),
    /// The peer closed the connection.
    Closed(Slot),
    /// A send or receive failed; the connection is of no more use.
    Failed(Slot, io::Error),
}

const RECEIVE_GROUP: u16 = 0;
const SEND_MARK: u64 = 1 << 32;
const RECEIVE_BUFFER_BYTES: usize = 8192;
const RECEIVE_BUFFERS_MIN: u16 = 64;
const RECEIVE_BUFFERS_MAX: u16 = 1024;
const SUBMISSIONS_MAX: u32 = 4096;

/// One thread's sockets and their I/O.
pub struct Ring {
    io: IoUring,
    buffers: ReceiveBuffers,
    /// One buffer a socket. Never moved, resized or freed while the ring lives: the kernel may read it after `send`.
    outgoing: Vec<Box<[u8]>>,
    rearm: Vec<Slot>,
    sockets: Vec<OwnedFd>,
}

impl Ring {
    /// Takes over connected sockets, gives each a send buffer of `send_bytes_max`, and starts receiving on all.
    pub fn new(sockets: Vec<OwnedFd>, send_bytes_max: usize) -> io::Result<Self> {
        let count = u32::try_from(sockets.len()).map_err(io::Error::other)?;
        let entries = (count * 2).next_power_of_two().clamp(64, SUBMISSIONS_MAX);
        let mut io: IoUring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_no_sqarray()
            .setup_cqsize(entries * 4)
            .build(entries)?;
        io.submitter().register_ring_fd()?;
        let descriptors: Vec<i32> = sockets.iter().map(AsRawFd::as_raw_fd).collect();
        io.submitter().register_files(&descriptors)?;
        let wanted = count.next_power_of_two().min(u32::from(RECEIVE_BUFFERS_MAX)) as u16;
        let buffers = ReceiveBuffers::register(&mut io, wanted.max(RECEIVE_BUFFERS_MIN))?;
        let outgoing = sockets
            .iter()
            .map(|_| vec![0; send_bytes_max].into_boxed_slice())
            .collect();
        let rearm = (0..count).map(Slot).collect();
        let mut ring = Ring {
            io,
            buffers,
            outgoing,
            rearm,
            sockets,
        };
        ring.arm()?;
        Ok(ring)
    }

    /// The send buffer of a socket. Must not be changed between `send` and the peer's answer to all that was sent.
    pub fn outgoing(&mut self, slot: Slot) -> &mut [u8] {
        &mut self.outgoing[slot.index()]
    }

    /// Queues a send of the first `length` bytes of the socket's send buffer; the next `wait` submits it.
    pub fn send(&mut self, slot: Slot, length: usize) -> io::Result<()> {
        let bytes = &self.outgoing[slot.index()][..length];
        // MSG_WAITALL makes the kernel continue a short send, so only failures need a completion.
        let entry = opcode::Send::new(Fixed(slot.0), bytes.as_ptr(), length as u32)
            .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS)
            .user_data(SEND_MARK | u64::from(slot.0));
        self.push(&entry)
    }

    /// Submits what is queued and waits until `want` events are there or the time is over. `want` 0 only looks.
    pub fn wait(&mut self, want: usize, timeout: Duration) -> io::Result<()> {
        let result = if want == 0 {
            self.io.submit()
        } else {
            let timeout = Timespec::new().sec(timeout.as_secs()).nsec(timeout.subsec_nanos());
            self.io
                .submitter()
                .submit_with_args(want, &SubmitArgs::new().timespec(&timeout))
        };
        match result {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.raw_os_error(), Some(libc::ETIME | libc::EINTR | libc::EBUSY)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Appends everything that happened to `events`.
    pub fn reap(&mut self, events: &mut Vec<Event>) -> io::Result<()> {
        let rearm = &mut self.rearm;
        events.extend(self.io.completion().filter_map(|entry| event_of(&entry, rearm)));
        if self.rearm.is_empty() { Ok(()) } else { self.arm() }
    }

    /// The bytes of a chunk.
    pub fn bytes(&self, chunk: &Chunk) -> &[u8] {
        self.buffers.bytes(chunk)
    }

    /// Gives the chunk's buffer back to the kernel.
    pub fn recycle(&mut self, chunk: Chunk) {
        self.buffers.provide(chunk.buffer);
    }

    fn arm(&mut self) -> io::Result<()> {
        for slot in std::mem::take(&mut self.rearm) {
            self.push(
                &opcode::RecvMulti::new(Fixed(slot.0), RECEIVE_GROUP)
                    .build()
                    .user_data(u64::from(slot.0)),
            )?;
        }
        Ok(())
    }

    fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        // SAFETY: sends point into `outgoing` and receives into `buffers`; both live until `drop` has cancelled all
        // requests, and neither is moved or resized before.
        while unsafe { self.io.submission().push(entry) }.is_err() {
            self.io.submit()?;
        }
        Ok(())
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // The kernel closes a ring's sockets only some time after the descriptors are gone; the server is to know at once.
        for socket in &self.sockets {
            // SAFETY: the descriptor is open, and shutting it down touches no memory.
            unsafe { libc::shutdown(socket.as_raw_fd(), libc::SHUT_RDWR) };
        }
        // Closing a ring cancels its requests only later, and a receive that is still armed would write into freed
        // memory. If the kernel cannot promise that they ended, the memory is left to it.
        let cancelled = self
            .io
            .submitter()
            .register_sync_cancel(Some(Timespec::new().sec(5)), CancelBuilder::any());
        if cancelled.is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
            self.buffers.abandon();
            std::mem::forget(std::mem::take(&mut self.outgoing));
        }
    }
}

fn event_of(entry: &cqueue::Entry, rearm: &mut Vec<Slot>) -> Option<Event> {
    let slot = Slot(entry.user_data() as u32);
    let result = entry.result();
    if entry.user_data() & SEND_MARK != 0 {
        return (result < 0).then(|| Event::Failed(slot, io::Error::from_raw_os_error(-result)));
    }
    match (result, cqueue::buffer_select(entry.flags())) {
        (1.., Some(buffer)) => {
            if !cqueue::more(entry.flags()) {
                rearm.push(slot);
            }
            Some(Event::Received(
                slot,
                Chunk {
                    buffer,
                    length: result as u32,
                },
            ))
        }
        // All buffers were full: what this batch of events gives back is enough to go on.
        (result, _) if result == -libc::ENOBUFS => {
            rearm.push(slot);
            None
        }
        (0, _) => Some(Event::Closed(slot)),
        (result, _) => Some(Event::Failed(slot, io::Error::from_raw_os_error(-result))),
    }
}

/// The provided buffer ring: entries shared with the kernel, and the memory that they describe.
struct ReceiveBuffers {
    entries: NonNull<BufRingEntry>,
    memory: NonNull<u8>,
    count: u16,
    tail: u16,
    abandoned: bool,
}

impl ReceiveBuffers {
    fn register(io: &mut IoUring, count: u16) -> io::Result<Self> {
        let entries = allocate(Self::entries_layout(count)).cast::<BufRingEntry>();
        let memory = allocate(Self::memory_layout(count));
        let mut buffers = ReceiveBuffers {
            entries,
            memory,
            count,
            tail: 0,
            abandoned: false,
        };
        // SAFETY: the entries are page-aligned, zeroed, `count` long, and live until all requests of the ring ended.
        unsafe {
            io.submitter()
                .register_buf_ring_with_flags(entries.as_ptr() as u64, count, RECEIVE_GROUP, 0)?
        };
        for buffer in 0..count {
            buffers.provide(buffer);
        }
        Ok(buffers)
    }

    fn entries_layout(count: u16) -> Layout {
        Layout::from_size_align(usize::from(count) * size_of::<BufRingEntry>(), 4096)
            .expect("at most 16 KiB, page-aligned")
    }

    fn memory_layout(count: u16) -> Layout {
        Layout::from_size_align(usize::from(count) * RECEIVE_BUFFER_BYTES, 4096).expect("at most 8 MiB, page-aligned")
    }

    fn bytes(&self, chunk: &Chunk) -> &[u8] {
        let offset = usize::from(chunk.buffer) * RECEIVE_BUFFER_BYTES;
        // SAFETY: a chunk exists only between its completion and `provide`; in that time the kernel does not write to
        // its buffer, which it filled with `length` bytes.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().add(offset), chunk.length as usize) }
    }

    fn provide(&mut self, buffer: u16) {
        let at = usize::from(self.tail & (self.count - 1));
        // SAFETY: `at` and `buffer` are below `count`. The kernel reads an entry only after the tail has passed it and
        // never more than `count` are handed out, so this entry is ours; the tail lies inside the first entry.
        unsafe {
            let address = self.memory.as_ptr().add(usize::from(buffer) * RECEIVE_BUFFER_BYTES);
            let entry = &mut *self.entries.as_ptr().add(at);
            entry.set_addr(address as u64);
            entry.set_len(RECEIVE_BUFFER_BYTES as u32);
            entry.set_bid(buffer);
            self.tail = self.tail.wrapping_add(1);
            let tail = BufRingEntry::tail(self.entries.as_ptr()).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }

    fn abandon(&mut self) {
        self.abandoned = true;
    }
}

impl Drop for ReceiveBuffers {
    fn drop(&mut self) {
        if self.abandoned {
            return;
        }
        // SAFETY: both were allocated with these layouts, and `Ring::drop` has seen the last request end.
        unsafe {
            dealloc(self.entries.as_ptr().cast(), Self::entries_layout(self.count));
            dealloc(self.memory.as_ptr(), Self::memory_layout(self.count));
        }
    }
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: no layout of this module has size zero.
    let memory = unsafe { alloc_zeroed(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn bytes_go_out_and_come_back_over_more_sockets_than_one_submission_holds() {
        let (ours, theirs): (Vec<_>, Vec<_>) = (0..200).map(|_| UnixStream::pair().expect("socket pair")).unzip();
        let mut ring = Ring::new(ours.into_iter().map(OwnedFd::from).collect(), 64).expect("ring");
        for slot in (0..200).map(Slot) {
            let text = format!("to {}", slot.0);
            ring.outgoing(slot)[..text.len()].copy_from_slice(text.as_bytes());
            ring.send(slot, text.len()).expect("queued");
        }
        ring.wait(0, Duration::ZERO).expect("submitted");
        for (at, mut peer) in theirs.iter().enumerate() {
            let mut text = [0; 64];
            let length = peer.read(&mut text).expect("read");
            assert_eq!(&text[..length], format!("to {at}").as_bytes());
            peer.write_all(format!("from {at}").as_bytes()).expect("write");
        }
        let mut received = vec![String::new(); 200];
        let mut events = Vec::new();
        while received.iter().any(String::is_empty) {
            ring.wait(1, Duration::from_secs(5)).expect("waited");
            ring.reap(&mut events).expect("reaped");
            assert!(!events.is_empty(), "no event within five seconds");
            for event in events.drain(..) {
                let Event::Received(slot, chunk) = event else {
                    panic!("unexpected {event:?}")
                };
                received[slot.index()].push_str(std::str::from_utf8(ring.bytes(&chunk)).expect("ASCII"));
                ring.recycle(chunk);
            }
        }
        assert!(
            received
                .iter()
                .enumerate()
                .all(|(at, text)| *text == format!("from {at}"))
        );
    }

    #[test]
    fn a_closed_peer_is_reported() {
        let (ours, theirs) = UnixStream::pair().expect("socket pair");
        let mut ring = Ring::new(vec![OwnedFd::from(ours)], 64).expect("ring");
        drop(theirs);
        let mut events = Vec::new();
        ring.wait(1, Duration::from_secs(5)).expect("waited");
        ring.reap(&mut events).expect("reaped");
        assert!(matches!(events.as_slice(), [Event::Closed(Slot(0))]), "{events:?}");
    }
}
