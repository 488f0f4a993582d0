//! MONITOR: who watches the commands that run, and the lines that they are shown.

use std::ops::Range;
use std::sync::Arc;

use super::connection::{Connection, Flow, Gather, Purpose};
use super::node::Node;
use super::output::Chunk;
use crate::base::id::{ConnId, ShardId};
use crate::command::{Arg, ArgKind, Args, Command, Flags, Topic};
use crate::protocol::words::quote;
use crate::shard::message::Message;

impl Node {
    /// MONITOR.
    pub(super) fn start_monitor(&mut self, id: ConnId, conn: &mut Connection) {
        conn.reply.ok();
        if !conn.session.monitor {
            conn.session.monitor = true;
            self.listeners.monitors.push(id);
            let left = self.tell_all(id, conn, Topic::Monitor, true, vec![Box::default()]);
            if left > 0 {
                conn.flow = Flow::Gathering(Box::new(Gather {
                    left,
                    purpose: Purpose::Subscribe,
                    outdated: false,
                }));
            }
        }
    }

    /// Shows what scripts have called to who monitors.
    #[cold]
    pub(super) fn show_called(&mut self) {
        for line in std::mem::take(&mut self.shard.effects.shown) {
            let line: Arc<[u8]> = line.into();
            for shard in self.shard.subscriptions.monitors().collect::<Vec<_>>() {
                self.out.request(shard, Message::Feed(line.clone()));
            }
        }
    }

    /// Shows a command to every MONITOR client.
    #[cold]
    pub(super) fn monitor(&mut self, conn: &Connection, command: &Command, args: Args<'_>) {
        let now_us = self.shard.now.unix_us;
        let mut line = format!("+{}.{:06} ", now_us / 1_000_000, now_us % 1_000_000).into_bytes();
        line.extend_from_slice(format!("[{} {}]", conn.session.db.0, conn.session.address).as_bytes());
        let secret = secret_words(command, args);
        for (at, word) in args.iter().enumerate() {
            line.push(b' ');
            let shown: &[u8] = if secret.contains(&at) { b"(redacted)" } else { word };
            quote(shown, &mut line);
        }
        line.extend_from_slice(b"\r\n");
        let line: Arc<[u8]> = line.into();
        let shards: Vec<ShardId> = self.shard.subscriptions.monitors().collect();
        for shard in shards {
            // Its own shard is told by message too: the connection may be in the middle of its command.
            self.out.request(shard, Message::Feed(line.clone()));
        }
    }

    pub(super) fn feed_monitors(&mut self, line: &[u8]) {
        let line = Chunk::for_several(line.to_vec());
        for id in self.listeners.monitors.clone() {
            self.push(id, None, |_| &line);
        }
    }
}

/// The words that nobody else may see: credentials, which are all that AUTH has and follow the word AUTH elsewhere.
fn secret_words(command: &Command, args: Args<'_>) -> Range<usize> {
    if !command.flags.has(Flags::NO_AUTH) {
        0..0
    } else if !takes_credentials(command.args) {
        1..args.len()
    } else {
        let word = args.iter().position(|word| word.eq_ignore_ascii_case(b"AUTH"));
        word.map_or(0..0, |at| at + 1..at + 3)
    }
}

/// Whether the word AUTH and credentials may stand among these arguments.
fn takes_credentials(args: &[Arg]) -> bool {
    args.iter().any(|arg| match arg.kind {
        ArgKind::OneOf(inner) | ArgKind::Block(inner) => arg.token == Some("AUTH") || takes_credentials(inner),
        _ => arg.token == Some("AUTH"),
    })
}
