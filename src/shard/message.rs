//! What travels between shards. Requests and replies use separate lanes, so that a reply never waits behind a request.

use crate::command::Span;

/// All that one pass of a shard's loop has for one peer, in order; the words of its messages lie in one arena.
#[derive(Default)]
pub struct Batch {
    /// Words and encoded replies, back to back.
    pub bytes: Vec<u8>,
    /// Where the words lie.
    pub spans: Vec<Span>,
    /// The messages, in order.
    pub messages: Vec<Message>,
}

/// One message.
pub enum Message {}
