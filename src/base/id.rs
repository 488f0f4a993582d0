//! Newtypes for ids, so that a shard is never taken for a slot.

use std::fmt;

/// One core's part of the keyspace; `0..shards`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

impl ShardId {
    /// The shard's place in per-shard arrays.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A hash slot, `0..16384`; keys belong to slots, slots to shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u16);

/// A logical database, `0..databases`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DbIndex(pub u32);

impl DbIndex {
    /// The database's place in per-database arrays.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A client's number as `CLIENT ID` tells it: never reused within a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

impl ClientId {
    /// No client: what is asked for it is asked by the server itself.
    pub const NOBODY: ClientId = ClientId(0);
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A connection's place on its shard, chosen by the runtime; reused after the connection is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u32);

impl ConnId {
    /// The connection's place in per-connection arrays.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A connection as other shards name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The shard that serves the connection.
    pub shard: ShardId,
    /// Its place there.
    pub conn: ConnId,
    /// The client, since places are reused.
    pub client: ClientId,
}

/// A transaction that holds keys of several shards: unique within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxId(pub u64);
