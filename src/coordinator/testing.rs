//! Nodes for tests of the coordinator: without a runtime, driven by hand.

use std::sync::Arc;

use super::{ConnId, Lane, Node, NodeSetup, Shared};
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

/// What a connection is sent.
pub fn sent(node: &mut Node, conn: ConnId) -> String {
    while node.next_event().is_some() {}
    let mut bytes = Vec::new();
    while let Some(chunk) = node.output(conn) {
        bytes.extend_from_slice(&chunk);
        node.sent(conn, chunk);
    }
    String::from_utf8(bytes).expect("the replies are text")
}

/// Carries what nodes have for each other, until there is nothing.
pub fn carry(nodes: &mut [Node]) {
    let all: Vec<ShardId> = nodes.iter().map(Node::id).collect();
    let pairs = || all.iter().flat_map(|&from| all.iter().map(move |&to| (from, to)));
    let mut lanes = Vec::new();
    for (from, to) in pairs().filter(|(from, to)| from != to) {
        lanes.extend([Lane::Reply, Lane::Request].map(|lane| (from, to, lane)));
    }
    while lanes.iter().any(|lane| carry_one(nodes, *lane)) {}
}

/// Carries what one node has for another in a lane; whether there was something.
pub fn carry_one(nodes: &mut [Node], (from, to, lane): (ShardId, ShardId, Lane)) -> bool {
    let batch = nodes[from.index()].take_batch(to, lane);
    let is_there = batch.is_some();
    batch
        .into_iter()
        .for_each(|batch| nodes[to.index()].deliver(from, batch));
    is_there
}
