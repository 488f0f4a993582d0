//! When and how often an entry was used: 24 bits in its header, as Valkey keeps them. Under the LFU policies the upper 16 are
//! minutes and the lower 8 a counter that grows with the logarithm of the accesses and decays with time; otherwise all are seconds.

use crate::base::rng::Rng;
use crate::base::time::UnixMillis;

const BITS: u32 = 24;
const MASK: u32 = (1 << BITS) - 1;
const COUNTER_BITS: u32 = 8;
const MINUTES_MAX: u32 = 0xffff;
/// What the counter of a new entry shows, so that it is not evicted before it had a chance.
const COUNTER_START: u8 = 5;

/// How the counter of accesses moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frequency {
    /// The greater, the more accesses a step takes (`lfu-log-factor`).
    pub log_factor: u32,
    /// Minutes without access after which the counter goes down by one; 0: never (`lfu-decay-time`).
    pub decay_min: u32,
}

/// Records accesses.
#[derive(Clone, Debug)]
pub struct Accesses {
    /// Set under the LFU policies.
    frequency: Option<Frequency>,
    /// Whether commands leave records alone (CLIENT NO-TOUCH).
    pub is_off: bool,
    now: UnixMillis,
    rng: Rng,
}

/// Seconds as far as they fit.
fn clock_s(now: UnixMillis) -> u32 {
    now.0.div_euclid(1000) as u32 & MASK
}

fn clock_min(now: UnixMillis) -> u32 {
    now.0.div_euclid(60_000) as u32 & MINUTES_MAX
}

/// For how many seconds an entry has not been used; longer than 194 days counts anew from 0.
pub fn idle_s(access: u32, now: UnixMillis) -> u32 {
    clock_s(now).wrapping_sub(access) & MASK
}

/// The record of an entry that has not been used for so many seconds.
pub fn idle_for(idle_s: i64, now: UnixMillis) -> u32 {
    clock_s(now).wrapping_sub(idle_s as u32) & MASK
}

/// The record of an entry whose counter of accesses shows `counter` now.
pub fn used_often(counter: u8, now: UnixMillis) -> u32 {
    clock_min(now) << COUNTER_BITS | u32::from(counter)
}

/// What the counter of accesses has come down to.
pub fn frequency(access: u32, now: UnixMillis, frequency: Frequency) -> u8 {
    let (then, now) = (access >> COUNTER_BITS, clock_min(now));
    // Around the wrap Valkey counts one minute less.
    let elapsed = if now >= then {
        now - then
    } else {
        MINUTES_MAX - then + now
    };
    let periods = elapsed.checked_div(frequency.decay_min).unwrap_or(0);
    (access as u8).saturating_sub(u8::try_from(periods).unwrap_or(u8::MAX))
}

impl Accesses {
    /// Records by the clock, or by frequency too.
    pub fn new(frequency: Option<Frequency>, now: UnixMillis, rng: Rng) -> Self {
        Accesses {
            frequency,
            is_off: false,
            now,
            rng,
        }
    }

    /// The record of a new entry.
    pub fn first(&self) -> u32 {
        match self.frequency {
            Some(_) => clock_min(self.now) << COUNTER_BITS | u32::from(COUNTER_START),
            None => clock_s(self.now),
        }
    }

    /// The record of an entry that is used.
    #[inline]
    pub fn next(&mut self, access: u32) -> u32 {
        match self.frequency {
            Some(frequency) => self.next_frequency(access, frequency),
            None => clock_s(self.now),
        }
    }

    fn next_frequency(&mut self, access: u32, how: Frequency) -> u32 {
        let counter = frequency(access, self.now, how);
        let above_start = u64::from(counter.saturating_sub(COUNTER_START));
        let grows = self.rng.chance(1, above_start * u64::from(how.log_factor) + 1);
        let counter = counter.saturating_add(u8::from(grows));
        clock_min(self.now) << COUNTER_BITS | u32::from(counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOW: Frequency = Frequency {
        log_factor: 10,
        decay_min: 1,
    };

    #[test]
    fn idle_seconds_wrap() {
        let now = UnixMillis(1_750_000_000_000);
        let access = Accesses::new(None, now, Rng::new(1)).first();
        for seconds in [0, 1, 1000, i64::from(MASK)] {
            let later = UnixMillis(now.0 + seconds * 1000);
            assert_eq!(i64::from(idle_s(access, later)), seconds);
        }
        assert_eq!(idle_s(access, UnixMillis(now.0 + (i64::from(MASK) + 1) * 1000)), 0);
    }

    #[test]
    fn the_counter_grows_with_the_logarithm_of_accesses() {
        // The table in Valkey's configuration file: accesses and about what the counter shows, by factor.
        for (log_factor, accesses, want) in [
            (0, 100, 100..=110),
            (0, 1000, 255..=255),
            (1, 100, 14..=23),
            (1, 1000, 40..=58),
            (10, 100, 8..=12),
            (10, 1000, 15..=22),
            (10, 100_000, 130..=165),
            (100, 1000, 8..=13),
        ] {
            let how = Frequency {
                log_factor,
                decay_min: 1,
            };
            let mut accesses_of = Accesses::new(Some(how), UnixMillis(0), Rng::new(9));
            let access = (0..accesses).fold(accesses_of.first(), |access, _| accesses_of.next(access));
            let counter = frequency(access, UnixMillis(0), how);
            assert!(want.contains(&counter), "{log_factor} {accesses}: {counter}");
        }
    }

    #[test]
    fn the_counter_decays() {
        let start = UnixMillis(1_750_000_000_000);
        let access = Accesses::new(Some(HOW), start, Rng::new(1)).first();
        let after = |minutes: i64, decay_min| {
            let how = Frequency { decay_min, ..HOW };
            frequency(access, UnixMillis(start.0 + minutes * 60_000), how)
        };
        assert_eq!(
            [0, 1, 4, 5, 6, 3000].map(|minutes| after(minutes, 1)),
            [5, 4, 1, 0, 0, 0]
        );
        assert_eq!([0, 1, 2, 5].map(|minutes| after(minutes, 2)), [5, 5, 4, 3]);
        assert_eq!(after(1000, 0), 5);
    }
}
