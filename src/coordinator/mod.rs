//! One core's connections and its shard together: parse, admit, route, run or forward, collect, reply. No I/O, no threads, no clock.

mod node;

pub use node::{Event, Lane, Moved, Node, Peer};

pub use crate::base::id::ConnId;
