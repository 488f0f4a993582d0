//! What nodes and the link to a primary know of each other: of which primary each node is a replica, and how the link is.
//!
//! Owns these few facts. It must not know sockets, or how a link works.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::local::Text;
use crate::base::id::ShardId;
use crate::base::time::Now;
use crate::config::Config;

/// How far the link is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum LinkState {
    /// There is none; one will be tried.
    #[default]
    Down,
    /// The primary is called.
    Connecting,
    /// It is told who calls and what is wanted.
    Handshake,
    /// It prepares its data.
    Awaiting,
    /// Its data arrives, in place of what was here.
    Loading,
    /// The data is here, and what the primary runs follows.
    Up,
}

impl LinkState {
    const ALL: [LinkState; 6] = [
        LinkState::Down,
        LinkState::Connecting,
        LinkState::Handshake,
        LinkState::Awaiting,
        LinkState::Loading,
        LinkState::Up,
    ];

    /// As ROLE tells it.
    pub fn name(self) -> &'static str {
        match self {
            LinkState::Down => "connect",
            LinkState::Connecting => "connecting",
            LinkState::Handshake => "handshake",
            LinkState::Awaiting | LinkState::Loading => "sync",
            LinkState::Up => "connected",
        }
    }
}

/// What a link needs to know of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The user as which to authenticate; empty: the default one.
    pub user: String,
    /// The password; empty: none.
    pub password: String,
    /// The address to be told of; empty: that of the connection.
    pub announced_ip: String,
    /// The port to be told of.
    pub announced_port: u16,
    /// How long the primary may be silent, seconds.
    pub timeout_s: u64,
    /// How many databases there are here.
    pub databases: usize,
}

/// The primary that is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Host and port, once all nodes want the same and refuse what a replica refuses.
    pub primary: Option<(String, u16)>,
    /// How often a node has ceased to be a replica: what was received before may not be what is here now.
    pub promotions: u64,
}

#[derive(Default)]
struct Wishes {
    /// Host and port by shard, empty for none.
    by_shard: Vec<Option<Vec<String>>>,
    settings: Settings,
    promotions: u64,
}

/// What nodes and the link know of each other.
#[derive(Default)]
pub struct PrimaryLink {
    wishes: Mutex<Wishes>,
    changed: Condvar,
    /// Whether nodes want different primaries, as when two clients turn them at once.
    disagrees: AtomicBool,
    state: AtomicU8,
    /// Up to where in the primary's stream all has been applied.
    applied: AtomicI64,
    /// Up to where it has been read.
    read: AtomicI64,
    /// When the primary was last heard, monotonic microseconds.
    heard_us: AtomicU64,
    /// Since when the link is down, monotonic microseconds.
    down_since_us: AtomicU64,
    /// Bytes of the primary's data that have come, and that come in all (0: not told).
    loaded_bytes: AtomicU64,
    total_bytes: AtomicU64,
    /// The name of the primary's history.
    history: Mutex<String>,
}

impl PrimaryLink {
    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node acts by this configuration from now on.
    pub fn note_config(&self, shard: ShardId, shards: u16, config: &Config) {
        let mut wishes = self.wishes();
        wishes.by_shard.resize(usize::from(shards), None);
        let wish = Some(config.replicaof.clone());
        let before = std::mem::replace(&mut wishes.by_shard[shard.index()], wish.clone());
        if before != wish && !config.is_replica() {
            wishes.promotions += 1;
        }
        if shard.index() == 0 {
            wishes.settings = settings(config);
        }
        let disagrees = wishes.by_shard.iter().any(|other| *other != wish);
        self.disagrees.store(disagrees, Relaxed);
        drop(wishes);
        self.changed.notify_all();
    }

    /// What a node is to want, when nodes disagree: what the first one does.
    pub fn decision(&self) -> Option<Vec<String>> {
        if !self.disagrees.load(Relaxed) {
            return None;
        }
        self.wishes().by_shard.first().cloned().flatten()
    }

    /// The primary that is wanted now.
    pub fn wanted(&self) -> Wanted {
        wanted(&self.wishes())
    }

    /// What a link needs to know of the configuration.
    pub fn settings(&self) -> Settings {
        self.wishes().settings.clone()
    }

    /// Waits until another primary is wanted than `known`, but not for longer than `patience`; tells which.
    pub fn wait_for_other(&self, known: &Wanted, patience: Duration) -> Wanted {
        let same = |wishes: &mut Wishes| wanted(wishes) == *known;
        let waited = self.changed.wait_timeout_while(self.wishes(), patience, same);
        let (wishes, _) = waited.unwrap_or_else(PoisonError::into_inner);
        wanted(&wishes)
    }

    /// How far the link is.
    pub fn state(&self) -> LinkState {
        let number = usize::from(self.state.load(Relaxed));
        LinkState::ALL.get(number).copied().unwrap_or_default()
    }

    /// The link is so far, at this point of the monotonic clock.
    pub fn set_state(&self, state: LinkState, now_us: u64) {
        if state == LinkState::Down {
            self.down_since_us.store(now_us, Relaxed);
        }
        self.state.store(state as u8, Relaxed);
    }

    /// The primary was heard at this point of the monotonic clock.
    pub fn note_heard(&self, now_us: u64) {
        self.heard_us.store(now_us, Relaxed);
    }

    /// So much of the primary's data has come, of so much (0: not told).
    pub fn note_loaded(&self, bytes: u64, of_bytes: u64) {
        self.loaded_bytes.store(bytes, Relaxed);
        self.total_bytes.store(of_bytes, Relaxed);
    }

    /// The primary's stream has been read up to here.
    pub fn set_read(&self, offset: u64) {
        self.read.store(offset as i64, Relaxed);
    }

    /// All of the primary's stream has been applied up to here.
    pub fn set_applied(&self, offset: u64) {
        self.applied.store(offset as i64, Relaxed);
    }

    /// The name of the primary's history.
    pub fn set_history(&self, id: &str) {
        id.clone_into(&mut self.history.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// State and offset, as ROLE tells them; -1 while there is no link.
    pub fn position(&self) -> (&'static str, i64) {
        let state = self.state();
        let offset = if state == LinkState::Up {
            self.applied.load(Relaxed)
        } else {
            -1
        };
        (state.name(), offset)
    }

    /// What INFO tells of a replica's link, by field.
    pub fn tell(&self, now: Now, out: &mut Vec<Text>) {
        let state = self.state();
        let since_s = |us: &AtomicU64| (now.mono_us.saturating_sub(us.load(Relaxed)) / 1_000_000).to_string();
        let up = state == LinkState::Up;
        let syncs = matches!(state, LinkState::Awaiting | LinkState::Loading);
        let heard = if up { since_s(&self.heard_us) } else { "-1".to_owned() };
        out.push(("master_link_status", if up { "up" } else { "down" }.to_owned()));
        out.push(("master_last_io_seconds_ago", heard));
        out.push(("master_sync_in_progress", u8::from(syncs).to_string()));
        out.push(("slave_read_repl_offset", self.read.load(Relaxed).to_string()));
        out.push(("slave_repl_offset", self.applied.load(Relaxed).to_string()));
        out.push(("master_repl_offset", self.applied.load(Relaxed).to_string()));
        if syncs {
            let (total, loaded) = (self.total_bytes.load(Relaxed), self.loaded_bytes.load(Relaxed));
            let share = if total == 0 {
                0.0
            } else {
                loaded as f64 * 100.0 / total as f64
            };
            out.push(("master_sync_total_bytes", total.to_string()));
            out.push(("master_sync_read_bytes", loaded.to_string()));
            out.push(("master_sync_left_bytes", (total as i64 - loaded as i64).to_string()));
            out.push(("master_sync_perc", format!("{share:.2}")));
            out.push(("master_sync_last_io_seconds_ago", since_s(&self.heard_us)));
        }
        if !up {
            out.push(("master_link_down_since_seconds", since_s(&self.down_since_us)));
        }
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        if !history.is_empty() {
            out.push(("master_replid", history.clone()));
        }
    }
}

fn wanted(wishes: &Wishes) -> Wanted {
    let first = wishes.by_shard.first().cloned().flatten();
    let agreed = wishes.by_shard.iter().all(|wish| *wish == first);
    let primary = match first.as_deref() {
        Some([host, port]) if agreed => port.parse().ok().map(|port| (host.clone(), port)),
        _ => None,
    };
    Wanted {
        primary,
        promotions: wishes.promotions,
    }
}

fn settings(config: &Config) -> Settings {
    let port = match config.replica_announce_port {
        0 => config.port,
        port => port,
    };
    Settings {
        user: config.primaryuser.clone(),
        password: config.primaryauth.clone(),
        announced_ip: config.replica_announce_ip.clone(),
        announced_port: port,
        timeout_s: config.repl_timeout_s,
        databases: config.databases,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_primary_is_wanted_once_all_nodes_want_it() {
        let link = PrimaryLink::default();
        let replica = Config {
            replicaof: vec!["there".into(), "6379".into()],
            ..Config::default()
        };
        link.note_config(ShardId(0), 2, &replica);
        assert_eq!(link.wanted().primary, None);
        link.note_config(ShardId(1), 2, &replica);
        assert_eq!(link.wanted().primary, Some(("there".to_owned(), 6379)));
        assert_eq!(link.decision(), None);
        let before = link.wanted();
        link.note_config(ShardId(1), 2, &Config::default());
        assert_eq!(link.wanted().primary, None);
        assert_eq!(link.decision(), Some(replica.replicaof.clone()));
        link.note_config(ShardId(1), 2, &replica);
        assert_ne!(link.wanted(), before, "it was no replica for a moment");
        assert_eq!(link.decision(), None);
    }

    #[test]
    fn the_offset_is_told_while_there_is_a_link() {
        let link = PrimaryLink::default();
        assert_eq!(link.position(), ("connect", -1));
        link.set_applied(14);
        link.set_state(LinkState::Up, 0);
        assert_eq!(link.position(), ("connected", 14));
        link.set_state(LinkState::Loading, 0);
        assert_eq!(link.position(), ("sync", -1));
    }
}
