//! What the kernel says about a process: CPU time of all its threads, and resident memory.
//!
//! Owns the reading of `/proc`; must not know whose process it is.

use std::fs;
use std::io;
use std::path::PathBuf;

/// A process on this machine.
#[derive(Debug, Clone)]
pub struct Process {
    folder: PathBuf,
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
        }
    }

    /// The process that asks.
    pub fn own() -> Self {
        Process {
            folder: PathBuf::from("/proc/self"),
        }
    }

    /// Nanoseconds that the threads which now exist have spent on a CPU.
    pub fn cpu_ns(&self) -> io::Result<u64> {
        let mut total = 0;
        for thread in fs::read_dir(self.folder.join("task"))? {
            // A thread may end between the listing and the reading; what it used is then lost, which is the best we can do.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
                continue;
            };
            total += first_number(&text).ok_or_else(|| malformed("schedstat"))?;
        }
        Ok(total)
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
    use std::time::{Duration, Instant};

    #[test]
    fn work_shows_as_cpu_time_of_about_its_duration() {
        let before = Process::own().cpu_ns().expect("own schedstat");
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(50) {
            std::hint::spin_loop();
        }
        let used = Process::own().cpu_ns().expect("own schedstat") - before;
        assert!(used > 5_000_000, "{used} ns for 50 ms of spinning");
    }

    #[test]
    fn touched_memory_shows_as_anonymous() {
        let before = Process::own().memory().expect("own status");
        let block = vec![1_u8; 32 << 20];
        let after = Process::own().memory().expect("own status");
        assert!(after.anonymous >= before.anonymous + (block.len() as u64) / 2);
        assert!(after.resident >= after.anonymous);
    }
}
