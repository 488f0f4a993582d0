//! Time as the state machines see it: read once a loop, handed in, never asked for.

/// Unix time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub i64);

/// One reading of the clocks, taken by the runtime (or the simulation) for one pass of the loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Wall clock, microseconds since the Unix epoch.
    pub unix_us: i64,
    /// Monotonic clock, microseconds since an arbitrary start.
    pub mono_us: u64,
}

impl Now {
    /// The wall clock in milliseconds, in which keys expire.
    pub fn unix_ms(self) -> UnixMillis {
        UnixMillis(self.unix_us.div_euclid(1000))
    }
}
