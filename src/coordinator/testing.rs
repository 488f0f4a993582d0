//! Nodes for tests of the coordinator: without a runtime, driven by hand.

use std::sync::Arc;

use super::{Node, NodeSetup, Shared};
use crate::base::id::ShardId;
use crate::base::time::Now;
use crate::config::Config;

/// The nodes of a server with this configuration.
pub fn nodes(shards: u16, config: &Config) -> Vec<Node> {
    let shared = Arc::new(Shared::default());
    let node = |shard| {
        Node::new(NodeSetup {
            shard: ShardId(shard),
            shards,
            config: config.clone(),
            now: Now::default(),
            seed: 0,
            shared: Arc::clone(&shared),
        })
    };
    let nodes: Result<Vec<Node>, _> = (0..shards).map(node).collect();
    nodes.expect("the rules are valid")
}

/// The node of a server with one shard.
pub fn node() -> Node {
    nodes(1, &Config::default()).remove(0)
}
