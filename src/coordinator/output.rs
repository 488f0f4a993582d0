//! What a connection is sent: bytes of its own, and large messages that many are sent and that exist once.
//!
//! Owns their order. It must not know what the bytes say.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;

/// From this size on a message is shared, in bytes: a smaller one is copied, which takes less than a send of its own.
const SHARED_BYTES_MIN: usize = 16 << 10;

/// Bytes to send in one go.
#[derive(Debug)]
pub enum Chunk {
    /// Of one connection, or a message of which each gets a copy.
    Own(Vec<u8>),
    /// A message that others are sent too.
    Shared(Arc<Vec<u8>>),
}

impl Chunk {
    /// A message that several connections are to be sent: each a copy, or all the same bytes.
    pub(super) fn for_several(message: Vec<u8>) -> Self {
        if message.len() < SHARED_BYTES_MIN {
            Chunk::Own(message)
        } else {
            Chunk::Shared(Arc::new(message))
        }
    }
}

impl Default for Chunk {
    fn default() -> Self {
        Chunk::Own(Vec::new())
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Chunk::Own(bytes) => bytes,
            Chunk::Shared(bytes) => bytes,
        }
    }
}

/// What is to be sent before a connection's reply, in order.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    chunks: VecDeque<Chunk>,
    bytes: usize,
}

impl Earlier {
    /// How many bytes there are.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn push(&mut self, chunk: Chunk) {
        self.bytes += chunk.len();
        self.chunks.push_back(chunk);
    }

    #[inline]
    pub fn pop(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.pop_front()?;
        self.bytes -= chunk.len();
        if self.chunks.is_empty() {
            self.chunks = VecDeque::new();
        }
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use hashbrown::HashMap;

    use super::*;
    use crate::base::id::ConnId;
    use crate::config::Config;
    use crate::coordinator::testing::{carry, nodes};
    use crate::coordinator::{Event, Node, Peer};

    /// What connections are sent, chunk by chunk as the runtime does it: when something is announced.
    fn sent(node: &mut Node) -> HashMap<ConnId, Vec<Chunk>> {
        let mut sent: HashMap<ConnId, Vec<Chunk>> = HashMap::new();
        while let Some(event) = node.next_event() {
            if let Event::Flush(conn) = event
                && let Some(chunk) = node.output(conn)
            {
                sent.entry(conn).or_default().push(chunk);
                node.sent(conn, Chunk::default());
            }
        }
        sent
    }

    fn publish(node: &mut Node, payload: &str) {
        let request = format!("*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n${}\r\n{payload}\r\n", payload.len());
        node.receive(ConnId(9), request.as_bytes());
    }

    fn message(payload: &str) -> String {
        format!("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n${}\r\n{payload}\r\n", payload.len())
    }

    #[test]
    fn large_messages_exist_once_and_keep_their_place() {
        let large = "x".repeat(SHARED_BYTES_MIN);
        for shards in [1, 2] {
            let mut nodes = nodes(shards, &Config::default());
            let subscribers = [ConnId(0), ConnId(1)];
            for conn in subscribers {
                nodes[0].open(conn, Peer::default());
                nodes[0].receive(conn, b"SUBSCRIBE c\r\n");
            }
            let publisher = nodes.len() - 1;
            nodes[publisher].open(ConnId(9), Peer::default());
            carry(&mut nodes);
            sent(&mut nodes[0]);
            for payload in ["before", &large, &large, "after"] {
                publish(&mut nodes[publisher], payload);
            }
            carry(&mut nodes);
            nodes[0].receive(subscribers[0], b"PING\r\n");
            let mut sent = sent(&mut nodes[0]);
            let sent = subscribers.map(|conn| sent.remove(&conn).unwrap_or_default());
            let messages = ["before", &large, &large, "after"].map(message).concat();
            let bytes = sent.each_ref().map(|chunks| {
                chunks
                    .iter()
                    .flat_map(|chunk| chunk.iter().copied())
                    .collect::<Vec<u8>>()
            });
            assert_eq!(
                bytes[0],
                (messages.clone() + "*2\r\n$4\r\npong\r\n$0\r\n\r\n").as_bytes()
            );
            assert_eq!(bytes[1], messages.as_bytes());
            let shared = |chunk: &Chunk| match chunk {
                Chunk::Shared(bytes) => Some(Arc::as_ptr(bytes)),
                Chunk::Own(_) => None,
            };
            let [one, other] = sent
                .each_ref()
                .map(|chunks| chunks.iter().filter_map(shared).collect::<Vec<_>>());
            assert_eq!((one.len(), one), (2, other), "both are sent the same bytes");
        }
    }
}
