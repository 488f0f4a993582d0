//! What transactions have changed, for the logs of the shards whose keys it was; and the log of this core, as the runtime sees it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::node::Node;
use super::transaction::{Tx, Work};
use crate::base::id::{ShardId, TxId};
use crate::base::time::Now;
use crate::catalog;
use crate::command::args::OwnedArgs;
use crate::command::redo::{Record, Rewrite, Scope, records};
use crate::command::{Error, Redo};
use crate::format::frame::Shards;
use crate::keyspace::Keyspace;
use crate::shard::log::{Commit, Logged, Parts, Position};
use crate::shard::scripts::Scripts;

/// By shards, what to log there.
pub(super) type Shares = Vec<(ShardId, Box<Logged>)>;

impl Node {
    /// The parts of a transaction's records for the shards whose keys they change; `confirm`: it is told when all are on disk.
    pub(super) fn share_out(&mut self, tx: &mut Tx, confirm: bool) -> Shares {
        let rewrites = tx.effects.redo.rewrite == Rewrite::Asked && self.begin_rewrite();
        if tx.effects.redo.is_empty() && !rewrites {
            return Shares::new();
        }
        let encoded = tx.effects.redo.take();
        let mut parts: Vec<(ShardId, Redo)> = Vec::new();
        for record in records(&encoded) {
            let record = record.expect("what was recorded is encoded well");
            match record.scope {
                Scope::Key(_) | Scope::Token | Scope::Value => {
                    let owner = record.key().map_or(self.shard.id, |key| self.router.shard(key));
                    add(&mut parts, owner, &record);
                }
                Scope::Shard => self.all_shards().for_each(|shard| add(&mut parts, shard, &record)),
                Scope::Piece | Scope::LastPiece => unreachable!("no transaction records pieces"),
                Scope::Libraries(_) => {
                    let words = record.words.iter().copied();
                    self.shard.effects.redo.push(record.db, record.scope, words);
                }
            }
        }
        if rewrites {
            let untouched = self
                .all_shards()
                .filter(|shard| parts.iter().all(|(other, _)| other != shard));
            let untouched: Vec<ShardId> = untouched.collect();
            parts.extend(untouched.into_iter().map(|shard| (shard, Redo::default())));
        }
        let changed = parts.iter().filter(|(_, redo)| !redo.is_empty());
        let shards: Shards = changed.map(|(shard, _)| *shard).collect();
        let together = (shards.len() > 1).then(|| Arc::new(Parts::new(self.shared.next_logged(), shards)));
        let now = tx.now.unix_ms();
        let share = |(shard, mut redo): (ShardId, Redo)| {
            let records = redo.take();
            let changes = !records.is_empty();
            let logged = Logged {
                records,
                now,
                parts: together.clone().filter(|_| changes),
                confirm: confirm && changes,
                rewrites,
            };
            (shard, Box::new(logged))
        };
        parts.into_iter().map(share).collect()
    }

    /// Whether the log is to be begun anew now: it is not being so already.
    fn begin_rewrite(&self) -> bool {
        let progress = &self.shared.progress;
        !progress.is_rewriting.swap(true, Ordering::AcqRel)
    }

    /// What a transaction must know of the log.
    pub(super) fn prepare_redo(&self, tx: &mut Tx) {
        let redo = &mut tx.effects.redo;
        redo.set_wanted(self.shard.keeps_log());
        if self.shared.progress.is_rewriting.load(Ordering::Acquire) {
            redo.rewrite = Rewrite::UnderWay;
        }
    }

    /// Begins the log anew when it has grown as much as the configuration has it; only one shard looks.
    pub(super) fn rewrite_when_due(&mut self) {
        let (config, progress) = (&self.shard.config, &self.shared.progress);
        if self.shard.id != ShardId(0) || !self.shard.keeps_log() || config.auto_aof_rewrite_percentage == 0 {
            return;
        }
        let bytes = progress.bytes.load(Ordering::Relaxed);
        let base = progress.base_bytes.load(Ordering::Relaxed).max(1);
        let growth = bytes.saturating_sub(base).saturating_mul(100) / base;
        if bytes < config.auto_aof_rewrite_min_bytes
            || growth < config.auto_aof_rewrite_percentage
            || progress.is_rewriting.load(Ordering::Relaxed)
            || std::mem::replace(&mut self.rewrite_is_asked, true)
        {
            return;
        }
        log::info!("Starting automatic rewriting of AOF on {growth}% growth");
        let command = catalog::find_declared(b"BGREWRITEAOF").expect("the command is declared");
        let args = Arc::new(OwnedArgs::from_words([&b"BGREWRITEAOF"[..]]));
        let asker = self.asker_for_itself();
        let stages = self.stages(None, Vec::new());
        let tx = Tx::new(
            self.shared.next_transaction(),
            asker,
            stages,
            Work::Command { command, args },
        );
        self.ask_next(tx);
    }

    /// The next file of the log is there.
    pub fn file_is_ready(&mut self) {
        self.shard.file_is_ready();
    }

    /// The log has been begun anew, on all shards.
    pub fn rewrite_is_over(&mut self) {
        self.rewrite_is_asked = false;
        self.shard.rewrite_is_over();
    }

    /// Begins with what the log has, and logs what changes from now on.
    pub fn begin_with(&mut self, start: Start) {
        self.shard.keep_log(start.keyspace, start.position);
        if start.emits {
            self.shard.emit_everything();
        }
    }

    /// What is to be written to the log now; [`Node::committed`] follows, before there is more.
    pub fn take_commit(&mut self) -> Option<Commit> {
        self.shard.take_commit()
    }

    /// How many bytes wait to be written to the log.
    pub fn uncommitted_bytes(&self) -> usize {
        self.shard.uncommitted_bytes()
    }

    /// The commit taken last has been written, and is on disk if it had to be; `buffer` had its bytes.
    pub fn committed(&mut self, buffer: Vec<u8>) {
        self.shard.committed(buffer, &mut self.out);
        self.pump();
    }
}

/// With what a shard begins that keeps a log.
pub struct Start {
    /// What the log has.
    pub keyspace: Box<Keyspace>,
    /// Where its file goes on.
    pub position: Position,
    /// Whether all that it has is to be recorded in the file, which has nothing yet.
    pub emits: bool,
}

/// What to log on one shard.
pub(super) fn share_of(shares: &mut Shares, shard: ShardId) -> Option<Box<Logged>> {
    let at = shares.iter().position(|(other, _)| *other == shard)?;
    Some(shares.swap_remove(at).1)
}

fn add(parts: &mut Vec<(ShardId, Redo)>, shard: ShardId, record: &Record<'_>) {
    let at = parts.iter().position(|(other, _)| *other == shard).unwrap_or_else(|| {
        parts.push((shard, Redo::default()));
        parts.len() - 1
    });
    let words = record.words.iter().copied();
    parts[at].1.push(record.db, record.scope, words);
}

impl super::node::Shared {
    /// A name for a transaction in the logs, which none has had that is in them.
    fn next_logged(&self) -> TxId {
        TxId(self.logged.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Functions that the log has; `state` is that of the registry when they were recorded.
    pub fn restore_libraries(&self, state: u64, payload: &[u8]) -> Result<(), Error> {
        Scripts::resume_libraries(&self.registry, state, payload, Now::default())
    }

    /// Transactions in the logs have names up to `last`.
    pub fn begin_logged_after(&self, last: TxId) {
        self.logged.store(last.0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::ConnId;
    use crate::config::{Config, SyncPolicy};
    use crate::coordinator::testing::{self, carry, sent};
    use crate::coordinator::{Node, Peer};
    use crate::shard::log::Milestone;
    use crate::shard::router::Router;

    /// Nodes that keep a log in which every answer waits for the disk.
    fn nodes(shards: u16) -> Vec<Node> {
        let config = Config {
            appendonly: true,
            appendfsync: SyncPolicy::Always,
            ..Config::default()
        };
        let mut nodes = testing::nodes(shards, &config);
        for node in &mut nodes {
            node.begin_with(Start {
                keyspace: Box::new(Keyspace::new(config.databases)),
                position: Position::default(),
                emits: false,
            });
        }
        nodes
    }

    fn commit(node: &mut Node) {
        let commit = node.take_commit().expect("there is something to be written");
        assert!(commit.syncs, "answers wait for it");
        assert!(node.take_commit().is_none(), "one commit is written at a time");
        node.committed(commit.bytes);
    }

    #[test]
    fn a_change_is_answered_when_it_is_on_disk_and_a_read_at_once() {
        let mut nodes = nodes(1);
        let node = &mut nodes[0];
        let (one, other) = (ConnId(0), ConnId(1));
        node.open(one, Peer::default());
        node.open(other, Peer::default());
        node.receive(one, b"SET k v\r\nAPPEND k w\r\nGET k\r\n");
        node.receive(other, b"GET k\r\n");
        assert_eq!(
            (sent(node, one), sent(node, other)),
            (String::new(), "$2\r\nvw\r\n".to_owned())
        );
        let first = node.take_commit().expect("there is something to be written");
        node.receive(other, b"DEL k\r\n");
        node.committed(first.bytes);
        // What came while the first was written waits for the next.
        assert_eq!(
            (sent(node, one), sent(node, other)),
            ("+OK\r\n:2\r\n$2\r\nvw\r\n".to_owned(), String::new())
        );
        commit(node);
        assert_eq!(sent(node, other), ":1\r\n");
        assert!(node.take_commit().is_none(), "there is nothing left");
    }

    #[test]
    fn a_transaction_is_answered_when_all_its_parts_are_on_disk() {
        let mut nodes = nodes(2);
        let router = Router::new(2, &Config::default().affinity).expect("the default rules are valid");
        let mut names = (0..).map(|number| format!("key:{number}"));
        let keys = [0, 1].map(|shard| names.find(|name| router.shard(name.as_bytes()) == ShardId(shard)));
        let [Some(here), Some(there)] = keys else {
            unreachable!("names do not end")
        };
        let conn = ConnId(0);
        nodes[0].open(conn, Peer::default());
        nodes[1].open(conn, Peer::default());
        let block = format!("MULTI\r\nSET {here} 1\r\nSET {there} 2\r\nEXEC\r\n");
        nodes[0].receive(conn, block.as_bytes());
        carry(&mut nodes);
        // Another change of a shard, behind its part.
        nodes[1].receive(conn, format!("APPEND {there} 3\r\n").as_bytes());
        commit(&mut nodes[1]);
        carry(&mut nodes);
        let nothing = String::new();
        assert_eq!(
            (sent(&mut nodes[0], conn), sent(&mut nodes[1], conn)),
            (nothing.clone(), nothing)
        );
        commit(&mut nodes[0]);
        carry(&mut nodes);
        let replies = "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n";
        assert_eq!(sent(&mut nodes[0], conn), replies);
        assert_eq!(sent(&mut nodes[1], conn), ":2\r\n");
    }

    #[test]
    fn what_is_changed_behind_the_end_of_a_file_waits_for_the_next_one() {
        let mut nodes = nodes(2);
        let router = Router::new(2, &Config::default().affinity).expect("the default rules are valid");
        let mut names = (0..).map(|number| format!("key:{number}"));
        let key = names
            .find(|name| router.shard(name.as_bytes()) == ShardId(0))
            .expect("names do not end");
        let conn = ConnId(0);
        nodes[0].open(conn, Peer::default());
        nodes[0].receive(conn, format!("SET {key} v\r\n").as_bytes());
        let before = nodes[0].take_commit().expect("there is something to be written");
        let other = ConnId(1);
        nodes[0].open(other, Peer::default());
        nodes[0].receive(other, b"BGREWRITEAOF\r\n");
        carry(&mut nodes);
        assert_eq!(
            sent(&mut nodes[0], other),
            "+Background append only file rewriting started\r\n"
        );
        nodes[0].receive(other, format!("APPEND {key} w\r\n").as_bytes());
        nodes[0].committed(before.bytes);
        assert_eq!(sent(&mut nodes[0], conn), "+OK\r\n");
        let last = nodes[0].take_commit().expect("the file has an end");
        assert_eq!(last.milestone, Some(Milestone::FileEnds));
        nodes[0].committed(last.bytes);
        assert_eq!(sent(&mut nodes[0], other), "", "what is changed is in no file yet");
        assert!(nodes[0].take_commit().is_none(), "the next file is not there");
        nodes[0].file_is_ready();
        let first = nodes[0].take_commit().expect("there is something to be written");
        assert_eq!((first.offset, first.milestone), (0, None));
        nodes[0].committed(first.bytes);
        assert_eq!(sent(&mut nodes[0], other), ":2\r\n");
    }
}
