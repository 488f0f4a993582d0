//! What a run of commands did to the keyspace, for those who must hear of it: watchers, waiters, notifications, the log.

use crate::base::glob;
use crate::base::hash::table_hash;
use crate::base::id::{ClientId, DbIndex, Origin};

use super::redo::Redo;
use super::subscriptions::{Shards, Topic};
use crate::config::NotifyEvents;
use crate::keyspace::Entry;

/// The class of a keyspace event, by the place of its letter among those of `notify-keyspace-events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    /// `g`: DEL, EXPIRE, RENAME, ...
    Generic = 0,
    /// `$`: strings.
    String = 1,
    /// `l`: lists.
    List = 2,
    /// `s`: sets.
    Set = 3,
    /// `h`: hashes.
    Hash = 4,
    /// `z`: sorted sets.
    SortedSet = 5,
    /// `x`: expired.
    Expired = 6,
    /// `e`: evicted.
    Evicted = 7,
    /// `t`: streams.
    Stream = 8,
    /// `n`: new keys.
    New = 10,
    /// `m`: keys that were read and are not there.
    Miss = 13,
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub db: DbIndex,
    /// Which key.
    pub key: Box<[u8]>,
    /// The event's class.
    pub class: Class,
    /// The event's name, as in keyspace notifications (`lpush`, `del`, ...); empty when there is nothing to tell.
    pub event: &'static str,
    /// Whether the value changed (not only an event to tell).
    pub modified: bool,
    /// Nothing changed: a client that tracks what it reads has read the key, or found that it is not there.
    pub read: bool,
    /// Whose command did it; nobody's when the server did it by itself.
    pub by: Origin,
}

const BUCKETS: usize = 4096;

/// Which keys somebody waits for or watches: a counting filter over table hashes. A hit may be false, a miss never is.
#[derive(Debug, Default)]
pub struct Interest {
    /// None before the first is added.
    counts: Vec<u16>,
    total: usize,
    everything: bool,
    /// Until what has been recorded is looked at.
    everything_for_now: bool,
}

impl Interest {
    fn bucket(key: &[u8]) -> usize {
        (table_hash(key) >> 20) as usize % BUCKETS
    }

    /// Somebody wants to hear of `key`.
    pub fn add(&mut self, key: &[u8]) {
        self.counts.resize(BUCKETS, 0);
        let count = &mut self.counts[Self::bucket(key)];
        // A saturated bucket stays: it costs a false hit, never a miss.
        *count = count.saturating_add(1);
        self.total += 1;
    }

    /// Takes one [`Interest::add`] of `key` back.
    pub fn remove(&mut self, key: &[u8]) {
        let count = &mut self.counts[Self::bucket(key)];
        if *count != u16::MAX {
            *count = count
                .checked_sub(1)
                .expect("interest is removed as often as it was added");
        }
        self.total -= 1;
    }

    /// Whether all changes are wanted, whatever the key.
    pub fn set_everything(&mut self, everything: bool) {
        self.everything = everything;
    }

    /// What was recorded has been looked at: whoever wants to hear of a key has said so.
    pub fn is_up_to_date(&mut self) {
        self.everything_for_now = false;
    }

    fn wants(&self, key: &[u8]) -> bool {
        self.everything || self.everything_for_now || self.total > 0 && self.counts[Self::bucket(key)] > 0
    }
}

/// What subscribers are to hear.
#[derive(Clone, Debug)]
pub enum Announcement {
    /// A message of PUBLISH or SPUBLISH.
    Message(Publication),
    /// What happened to a key.
    Event(Event),
}

/// What happened to a key, as keyspace notifications tell it.
#[derive(Clone, Debug)]
pub struct Event {
    /// Where.
    pub db: DbIndex,
    /// To which key.
    pub key: Box<[u8]>,
    /// Of which class.
    pub class: Class,
    /// What.
    pub name: &'static str,
}

/// A message, and who is to have it.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Where it is published.
    pub channel: Box<[u8]>,
    /// What.
    pub payload: Box<[u8]>,
    /// By SPUBLISH.
    pub sharded: bool,
    /// The shards with subscribers, when it was published.
    pub shards: Shards,
    /// The client that published it; none for a keyspace notification.
    pub by: Option<ClientId>,
    /// Its place among the messages of the shard that publishes it, from 1.
    pub number: u64,
}

impl Publication {
    /// Whether it is for those who subscribe to `name`.
    pub fn is_for(&self, topic: Topic, name: &[u8]) -> bool {
        match topic {
            Topic::Channel => !self.sharded && *self.channel == *name,
            Topic::Pattern => !self.sharded && glob::matches(name, &self.channel),
            Topic::ShardChannel => self.sharded && *self.channel == *name,
            Topic::Prefix | Topic::Monitor => false,
        }
    }
}

/// Collects what commands do; the shard takes it after each command.
#[derive(Debug, Default)]
pub struct Effects {
    /// Which changes are worth recording.
    pub interest: Interest,
    /// The recorded changes, in order.
    pub changes: Vec<Change>,
    /// Whose command runs; nobody's while the server works by itself.
    pub by: Origin,
    /// How many changes were made, recorded or not (Valkey's `dirty`).
    pub dirty: u64,
    /// What would bring the changes about again, for the log.
    pub redo: Redo,
    /// Values that were removed, while they may have to be put back.
    pub removed: Option<Vec<(DbIndex, Entry)>>,
    /// Which events are told.
    pub notify: NotifyEvents,
    /// What subscribers are to hear, in order.
    pub announcements: Vec<Announcement>,
    /// Lines for MONITOR of commands that scripts have run, when somebody monitors.
    pub shown: Vec<Box<[u8]>>,
    /// Keys that expired on access or by the cycle.
    pub expired: u64,
    /// Fields of hashes that expired, by commands or by the cycle.
    pub expired_fields: u64,
    /// Keys that were evicted.
    pub evicted: u64,
    /// Lookups of commands that only read, which found a key.
    pub hits: u64,
    /// Lookups of commands that only read, which found none.
    pub misses: u64,
}

impl Effects {
    /// A collector that records every change: for keys lent to a transaction, whose owner sorts out who cares.
    pub fn recording() -> Self {
        let mut effects = Effects::default();
        effects.interest.set_everything(true);
        effects
    }

    /// Records that `key` was modified by what `event` names.
    pub fn changed(&mut self, db: DbIndex, key: &[u8], class: Class, event: &'static str) {
        self.dirty += 1;
        self.note(db, key, class, event, true);
    }

    /// Records an event that modifies nothing more (a further name for the same change).
    pub fn event(&mut self, db: DbIndex, key: &[u8], class: Class, event: &'static str) {
        self.note(db, key, class, event, false);
    }

    /// Records an event that is only told: it changes nothing that others may wait for.
    #[inline]
    pub fn tell(&mut self, db: DbIndex, key: &[u8], class: Class, event: &'static str) {
        if self.notify.takes(class as u8) {
            self.announce(db, key, class, event);
        }
    }

    /// Records that a client which tracks what it reads has read `key`. It must hear of what changes in the same go, before that is looked at.
    #[cold]
    pub fn read(&mut self, db: DbIndex, key: &[u8]) {
        self.interest.everything_for_now = true;
        self.changes.push(Change {
            db,
            key: key.into(),
            class: Class::Generic,
            event: "",
            modified: false,
            read: true,
            by: self.by,
        });
    }

    /// Databases are emptied, of which all clients will hear: what they have read before does not matter any more.
    pub fn forget_reads(&mut self) {
        self.changes.retain(|change| !change.read);
    }

    /// Records that a command which only reads has found no key.
    pub fn missed(&mut self, db: DbIndex, key: &[u8]) {
        self.misses += 1;
        self.tell(db, key, Class::Miss, "keymiss");
    }

    #[cold]
    fn announce(&mut self, db: DbIndex, key: &[u8], class: Class, name: &'static str) {
        if !name.is_empty() {
            let key = key.into();
            self.announcements
                .push(Announcement::Event(Event { db, key, class, name }));
        }
    }

    #[inline]
    fn note(&mut self, db: DbIndex, key: &[u8], class: Class, event: &'static str, modified: bool) {
        self.tell(db, key, class, event);
        if self.interest.wants(key) {
            self.changes.push(Change {
                db,
                key: key.into(),
                class,
                event,
                modified,
                read: false,
                by: self.by,
            });
        }
    }
}
