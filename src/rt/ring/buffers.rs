//! The receive buffers of a shard, which the kernel takes one by one when bytes arrive.
//!
//! Owns the memory and the ring through which buffers go to the kernel. It must not know connections.

use std::io;
use std::mem::size_of;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

/// How many buffers; a power of two.
const COUNT: u16 = 256;
/// How long each is.
const LENGTH_BYTES: usize = 16 << 10;
/// The group's number in the ring; there is only one group.
pub const GROUP: u16 = 0;

/// Buffers that are the kernel's until a completion names one, and again when given back.
pub struct Buffers {
    entries: NonNull<BufRingEntry>,
    memory: NonNull<u8>,
    tail: u16,
}

impl Buffers {
    /// Maps the memory and gives all of it to the kernel.
    pub fn register(submitter: &Submitter<'_>) -> io::Result<Self> {
        let entries = map(usize::from(COUNT) * size_of::<BufRingEntry>())?.cast();
        let memory = map(usize::from(COUNT) * LENGTH_BYTES)?;
        // SAFETY: the mapping holds COUNT entries, is page aligned and is never unmapped.
        unsafe { submitter.register_buf_ring_with_flags(entries.as_ptr() as u64, COUNT, GROUP, 0)? };
        let mut buffers = Buffers {
            entries,
            memory,
            tail: 0,
        };
        for id in 0..COUNT {
            buffers.give_back(id);
        }
        buffers.publish();
        Ok(buffers)
    }

    /// The first `length` bytes of a buffer that a completion named and that was not given back yet.
    pub fn bytes(&self, id: u16, length: usize) -> &[u8] {
        assert!(
            id < COUNT && length <= LENGTH_BYTES,
            "the kernel names buffers that it was given"
        );
        // SAFETY: inside the mapping by the assertion. The kernel wrote it before it named it and does not touch it until it is
        // given back, which takes `&mut self`.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().add(usize::from(id) * LENGTH_BYTES), length) }
    }

    /// As [`Buffers::bytes`], without a borrow of the buffers.
    ///
    /// # Safety
    /// The buffer is not given back while the answer is used.
    pub unsafe fn lent_bytes<'a>(&self, id: u16, length: usize) -> &'a [u8] {
        let bytes = self.bytes(id, length);
        // SAFETY: the mapping is never unmapped, and the caller keeps the kernel away from the buffer.
        unsafe { std::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) }
    }

    /// Queues a buffer for the kernel; it gets it with [`Buffers::publish`].
    pub fn give_back(&mut self, id: u16) {
        let place = usize::from(self.tail & (COUNT - 1));
        // SAFETY: `place` is below COUNT, so the entry is inside the mapping; the kernel does not read it before the tail
        // passes it. The address of buffer `id` is inside the other mapping. The last field of entry 0 is the ring's tail,
        // which the three setters leave alone.
        unsafe {
            let entry = &mut *self.entries.as_ptr().add(place);
            entry.set_addr(self.memory.as_ptr().add(usize::from(id) * LENGTH_BYTES) as u64);
            entry.set_len(LENGTH_BYTES as u32);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    /// Makes the buffers that were given back available to the kernel.
    pub fn publish(&mut self) {
        // SAFETY: the tail lies in entry 0 of the mapping, is aligned for a u16, and both sides access it atomically.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.entries.as_ptr()).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}

/// Zeroed, page-aligned memory that is never unmapped.
fn map(length: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: a private anonymous mapping at an address of the kernel's choice touches no existing memory.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            length,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(NonNull::new(address.cast()).expect("the kernel maps nothing at address zero unasked"))
}
