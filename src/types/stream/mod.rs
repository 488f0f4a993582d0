//! Streams: entries under ascending ids, packed into nodes, and the groups that read them.

pub mod group;
pub mod id;
mod log;
mod node;
mod production;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeMap;

pub use group::{ConsumerId, Group, Pending};
pub use id::{Spelled, StreamId};
pub use log::{Ends, Log, Reach, Trim};
pub use node::{Entry, Limits, Node, Packed, Pairs};
pub use production::{Memory, Production};
pub use tree::Flow;

use crate::base::size_class::good_size;

/// Entries and the groups that read them. One without entries stays, with its groups and its last id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stream {
    /// The entries.
    pub log: Log,
    /// The groups, by name.
    pub groups: BTreeMap<Box<[u8]>, Group>,
    /// What producers have added lately, once one has said who it is or how long that is to be remembered.
    pub production: Option<Box<Production>>,
}

impl Stream {
    /// An empty stream.
    pub fn new() -> Self {
        Stream::default()
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        "stream"
    }

    /// Bytes on the heap; O(groups and consumers).
    pub fn heap_bytes(&self) -> usize {
        let groups = self.groups.iter();
        let groups = groups.map(|(name, group)| good_size(name.len()) + size_of::<Group>() + group.heap_bytes());
        let production = self.production.iter();
        let production = production.map(|production| good_size(size_of::<Production>()) + production.heap_bytes());
        self.log.heap_bytes() + groups.sum::<usize>() + production.sum::<usize>()
    }
}
