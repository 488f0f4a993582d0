//! What the kernel says about a process: CPU time of all its threads, and resident memory.
//!
//! Owns the choice of the sources; must not know whose process it is.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::kernel::cpu_clock::CpuClock;

/// A process on this machine.
#[derive(Debug, Clone)]
pub struct Process {
    folder: PathBuf,
    clock: CpuClock,
}

/// Resident memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All resident pages.
    pub resident: u64,
    /// Resident pages that belong to no file.
    pub anonymous: u64,
}

impl Process {
    /// The process with this id.
    pub fn new(pid: u32) -> Self {
        Process {
            folder: PathBuf::from(format!("/proc/{pid}")),
            clock: CpuClock::of_process(pid),
        }
    }

    /// The process that asks.
    pub fn own() -> Self {
        Process::new(std::process::id())
    }

    /// Nanoseconds that its threads have spent on CPUs.
    pub fn cpu_ns(&self) -> io::Result<u64> {
        self.clock.now_ns()
    }

    /// The clock that `cpu_ns` reads.
    pub fn clock(&self) -> CpuClock {
        self.clock
    }

    /// Memory that is resident now.
    pub fn memory(&self) -> io::Result<Memory> {
        let text = fs::read_to_string(self.folder.join("status"))?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(first_number)
                .map(|kib| kib * 1024)
                .ok_or_else(|| malformed("status"))
        };
        Ok(Memory {
            resident: field("VmRSS:")?,
            anonymous: field("RssAnon:")?,
        })
    }
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

fn malformed(file: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("/proc/PID/{file} is not as expected"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touched_memory_shows_as_anonymous() {
        let before = Process::own().memory().expect("own status");
        let block = vec![1_u8; 32 << 20];
        let after = Process::own().memory().expect("own status");
        assert!(after.anonymous >= before.anonymous + (block.len() as u64) / 2);
        assert!(after.resident >= after.anonymous);
    }
}
