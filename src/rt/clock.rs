//! The clocks, read once a pass; and local time for the log.
//!
//! Owns system calls that tell time. It must not know what time is used for.

#![allow(unsafe_code)]

use crate::base::time::Now;

/// After so many microseconds the distance between the two clocks is measured again.
const REMEASURE_US: u64 = 1000;

/// Reads the monotonic clock at each call, the wall clock once a millisecond: it is the monotonic one plus a distance that
/// changes only when somebody sets the time.
#[derive(Debug, Default)]
pub struct Clock {
    distance_us: i64,
    measured_us: Option<u64>,
}

impl Clock {
    /// Both clocks, now.
    pub fn read(&mut self) -> Now {
        let mono_us = monotonic_us();
        if self.measured_us.is_none_or(|at| mono_us >= at + REMEASURE_US) {
            self.distance_us = read_us(libc::CLOCK_REALTIME) - mono_us as i64;
            self.measured_us = Some(mono_us);
        }
        Now {
            unix_us: self.distance_us + mono_us as i64,
            mono_us,
        }
    }
}

/// The monotonic clock in microseconds: the same for all threads of the process.
pub fn monotonic_us() -> u64 {
    read_us(libc::CLOCK_MONOTONIC) as u64
}

/// How long the calling thread has computed, microseconds.
pub fn thread_cpu_us() -> u64 {
    read_us(libc::CLOCK_THREAD_CPUTIME_ID) as u64
}

fn read_us(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the result; the clocks exist on every kernel that has io_uring, so it is filled.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec * 1_000_000 + time.tv_nsec / 1000
}

/// A moment in the host's time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// With the century.
    pub year: i32,
    /// `0..12`.
    pub month: usize,
    /// `1..=31`.
    pub day: i32,
    /// `0..24`.
    pub hour: i32,
    /// `0..60`.
    pub minute: i32,
    /// `0..=60`.
    pub second: i32,
    /// `0..1000`.
    pub millisecond: i64,
}

/// The wall clock in the host's time zone.
pub fn local_time() -> LocalTime {
    let unix_us = read_us(libc::CLOCK_REALTIME);
    let seconds: libc::time_t = unix_us.div_euclid(1_000_000);
    // SAFETY: `tm` is plain numbers and a pointer, for which zeros are valid; both pointers are to live locals.
    let parts = unsafe {
        let mut parts: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const seconds, &raw mut parts);
        parts
    };
    LocalTime {
        year: parts.tm_year + 1900,
        month: parts.tm_mon.clamp(0, 11) as usize,
        day: parts.tm_mday,
        hour: parts.tm_hour,
        minute: parts.tm_min,
        second: parts.tm_sec,
        millisecond: unix_us.rem_euclid(1_000_000) / 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_advance_and_agree_with_the_system() {
        let mut clock = Clock::default();
        let first = clock.read();
        std::thread::sleep(std::time::Duration::from_millis(3));
        let second = clock.read();
        assert!((3000..3_000_000).contains(&(second.mono_us - first.mono_us)));
        let system = std::time::UNIX_EPOCH
            .elapsed()
            .expect("the clock is past 1970")
            .as_micros() as i64;
        assert!((system - second.unix_us).abs() < 1_000_000);
        assert!(local_time().year >= 2024);
    }
}
