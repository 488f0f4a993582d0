//! One core's connections and its shard together: parse, admit, route, run or forward, collect, reply. No I/O, no threads, no clock.

mod admission;
mod blocking;
mod client_memory;
mod connection;
mod connections;
mod control;
mod counters;
mod directory;
mod dispatch;
mod gather;
mod grouping;
mod homecoming;
mod horizon;
mod inbox;
mod inscribing;
mod interim;
mod joiners;
mod logging;
mod members;
mod monitors;
mod movement;
mod multi;
mod node;
mod occupied;
mod pubsub;
mod recent;
mod rerouting;
mod roamers;
mod roaming;
mod role;
mod series;
mod slow_clients;
mod spare;
mod subscribing;
#[cfg(test)]
mod testing;
mod timers;
mod tracking;
mod transaction;
mod underway;
mod widening;

pub use crate::base::id::ConnId;
pub use counters::Pipelines;
pub use interim::Runtime;
pub use logging::Start;
pub use node::{Event, Lane, Moved, Node, NodeSetup, Peer, Shared};
