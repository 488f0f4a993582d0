//! One core's part of the keyspace as a state machine: requests in, replies out; knows no connection's bytes, no thread, no clock.

mod answers;
pub mod emission;
pub mod execute;
mod expiry;
mod groups;
mod keys;
pub mod lend;
mod lending;
pub mod locks;
pub mod log;
pub mod memory;
pub mod message;
mod occupied;
pub mod router;
pub mod scripts;
pub mod serve;
mod state;
mod tracking;
pub mod waiters;
mod watches;

pub use keys::{keys_of, waited_keys};
pub use occupied::Desk;
pub use state::{Outcome, Shard, ShardSetup};
pub use tracking::TrackedKeys;
