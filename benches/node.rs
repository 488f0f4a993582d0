//! Time per pipeline of the nodes' state machines alone, without the kernel: one node, and two whose keys all clients use.
//!
//! `cargo bench --bench node` prints nanoseconds a pipeline of 16; `cargo bench --bench node -- SHARDS ROUNDS` sends so many rounds of
//! `SET`, for a profiler.

mod measure;

use std::sync::Arc;

use corelane::base::id::{ConnId, ShardId};
use corelane::base::rng::Rng;
use corelane::base::time::Now;
use corelane::config::Config;
use corelane::coordinator::{Event, Lane, Node, NodeSetup, Peer, Shared};
use measure::measure;

const KEYS: u64 = 100_000;
const PIPELINE: usize = 16;
const CONNECTIONS: u32 = 48;
/// Pipelines that are made ahead, so that making them is not measured.
const PIPELINES: usize = 4096;

/// Nodes and their clients; client `c` is connection `c / shards` of node `c % shards`.
struct Clients {
    nodes: Vec<Node>,
    pipelines: Vec<Vec<u8>>,
    next: usize,
}

fn set(key: u64) -> String {
    format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:{key:012}\r\n$64\r\n{key:064}\r\n")
}

fn get(key: u64) -> String {
    format!("*2\r\n$3\r\nGET\r\n$16\r\nkey:{key:012}\r\n")
}

impl Clients {
    fn new(shards: u16) -> Self {
        let shared = Arc::new(Shared::default());
        let node = |shard| {
            let setup = NodeSetup {
                shard: ShardId(shard),
                shards,
                config: Config::default(),
                now: Now {
                    unix_us: 1_700_000_000_000_000,
                    mono_us: 1_000_000,
                },
                seed: shard.into(),
                shared: shared.clone(),
            };
            Node::new(setup).expect("the default rules are valid")
        };
        let mut nodes: Vec<Node> = (0..shards).map(node).collect();
        for client in 0..CONNECTIONS {
            let conn = ConnId(client / u32::from(shards));
            nodes[(client % u32::from(shards)) as usize].open(conn, Peer::default());
        }
        let mut clients = Clients {
            nodes,
            pipelines: Vec::new(),
            next: 0,
        };
        let all: Vec<String> = (0..KEYS).map(set).collect();
        clients.pipelines = all.chunks(PIPELINE).map(|chunk| chunk.concat().into_bytes()).collect();
        (0..=clients.pipelines.len() / CONNECTIONS as usize).for_each(|_| clients.round());
        clients
    }

    /// From now on the clients send `command` with random keys.
    fn send(&mut self, command: fn(u64) -> String) {
        let mut rng = Rng::new(1);
        let mut pipeline = || (0..PIPELINE).map(|_| command(rng.below(KEYS))).collect::<String>();
        self.pipelines = (0..PIPELINES).map(|_| pipeline().into_bytes()).collect();
    }

    /// Every client sends a pipeline, and is answered.
    fn round(&mut self) {
        let shards = self.nodes.len() as u32;
        let mut answered = 0;
        for (index, node) in self.nodes.iter_mut().enumerate() {
            let inputs: Vec<&[u8]> = (0..CONNECTIONS / shards)
                .map(|conn| &*self.pipelines[(self.next + (conn * shards) as usize + index) % self.pipelines.len()])
                .collect();
            for (at, some) in inputs.chunks(16).enumerate() {
                node.prefetch_inputs(some);
                for (offset, input) in some.iter().enumerate() {
                    node.receive(ConnId((at * 16 + offset) as u32), input);
                }
            }
            answered += answer(node);
        }
        self.next += CONNECTIONS as usize;
        while answered < CONNECTIONS {
            for to in 0..shards as usize {
                let others = (0..shards as usize).filter(|from| *from != to);
                others.for_each(|from| self.carry(from, to));
                answered += answer(&mut self.nodes[to]);
            }
        }
    }

    /// Brings a node what another one has for it.
    fn carry(&mut self, from: usize, to: usize) {
        for lane in [Lane::Reply, Lane::Request] {
            if let Some(batch) = self.nodes[from].take_batch(ShardId(to as u16), lane) {
                self.nodes[to].deliver(ShardId(from as u16), batch);
            }
        }
    }
}

/// Takes the replies of a node's clients; each has the replies of its whole pipeline.
fn answer(node: &mut Node) -> u32 {
    let mut answered = 0;
    while let Some(event) = node.next_event() {
        let Event::Flush(conn) = event else { continue };
        if let Some(output) = node.output(conn) {
            node.sent(conn, output);
            answered += 1;
        }
    }
    answered
}

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    if let [shards, rounds] = *numbers {
        let mut clients = Clients::new(shards as u16);
        clients.send(set);
        return (0..rounds).for_each(|_| clients.round());
    }
    for shards in [1, 2] {
        for (name, command) in [("SET", set as fn(u64) -> String), ("GET", get)] {
            let mut clients = Clients::new(shards);
            clients.send(command);
            let what = format!("16 {name}, shards: {shards}, 48 of them");
            measure(&what, CONNECTIONS.into(), |_| clients.round());
        }
    }
}
