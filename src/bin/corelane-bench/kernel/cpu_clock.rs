//! The CPU clock of a process: the time that all its threads, ended ones included, have spent on CPUs.
//!
//! Owns one system call. Unlike the numbers under `/proc`, this clock is exact while the threads are running.

use std::io;

/// The CPU clock of a process on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuClock(libc::clockid_t);

/// The clock that counts scheduled time, in the low bits of a process's clock id (clock_getcpuclockid(3)).
const SCHEDULED_TIME: libc::clockid_t = 2;

impl CpuClock {
    /// The clock of the process with this id.
    pub fn of_process(pid: u32) -> Self {
        CpuClock((!(pid as libc::clockid_t) << 3) | SCHEDULED_TIME)
    }

    /// Nanoseconds since the process began; an error once it has ended.
    pub fn now_ns(self) -> io::Result<u64> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is valid for writing one timespec, and the call keeps no pointer to it.
        let result = unsafe { libc::clock_gettime(self.0, &mut time) };
        if result == 0 {
            Ok(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::{Duration, Instant};

    fn spin(time: Duration) {
        let start = Instant::now();
        while start.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn work_of_every_thread_shows_while_it_runs_and_after_it_ended() {
        let clock = CpuClock::of_process(std::process::id());
        let before = clock.now_ns().expect("own clock");
        spin(Duration::from_millis(20));
        let between = clock.now_ns().expect("own clock");
        assert!(
            between > before + 1_000_000,
            "{} ns for 20 ms of spinning",
            between - before
        );
        thread::spawn(|| spin(Duration::from_millis(20)))
            .join()
            .expect("the thread ends");
        let after = clock.now_ns().expect("own clock");
        assert!(
            after > between + 1_000_000,
            "{} ns for 20 ms in a thread",
            after - between
        );
    }

    #[test]
    fn a_process_that_does_not_exist_is_an_error() {
        assert!(CpuClock::of_process(u32::MAX >> 4).now_ns().is_err());
    }
}
