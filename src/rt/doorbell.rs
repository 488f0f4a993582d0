//! A counter in the kernel that wakes a sleeping ring: for threads that have no ring of their own, and for old kernels.
//!
//! Owns an eventfd. It must not know who rings or why.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Rung by any thread, read by one ring.
#[derive(Debug)]
pub struct Doorbell {
    event: File,
}

impl Doorbell {
    /// A silent bell.
    pub fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointer; a result that is not negative is a descriptor that nobody else owns.
        let event = unsafe {
            let fd = libc::eventfd(0, libc::EFD_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Doorbell {
            event: File::from(event),
        })
    }

    /// Wakes the ring that waits for the bell; one system call.
    pub fn ring(&self) {
        // It fails only when the counter is full, and then the bell rings already.
        let _already_ringing = (&self.event).write(&1u64.to_ne_bytes());
    }

    /// The descriptor for the ring's read.
    pub fn fd(&self) -> RawFd {
        self.event.as_raw_fd()
    }
}
