//! The only door to the kernel, to threads and to clocks: rings, sockets, lanes between shards, cores, time.
//!
//! Owns bytes in flight and the order in which a shard's state machine ([`Machine`]) is given its input. It must not know
//! what the bytes mean. All `unsafe` of the server is in this folder.

mod allocator;
pub mod clock;
mod connection;
pub mod cores;
mod counters;
mod doorbell;
pub mod handshake;
mod launch;
pub mod limits;
pub mod listener;
mod machine;
mod mesh;
mod rewrites;
mod ring;
mod token;
mod worker;

pub use allocator::{Allocator, prepare as prepare_allocator, purge};
pub use clock::monotonic_us;
pub use counters::{Counters, Reading};
pub use launch::{Handle, LaunchError, Plan, Running, launch};
pub use listener::{ListenError, Listener};
pub use machine::Machine;
pub use rewrites::Rewrites;
pub use ring::{Level, RingError};

#[cfg(test)]
mod tests;
