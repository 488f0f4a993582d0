//! Corelane: a shared-nothing, shard-per-core data server for queue and messaging workloads that speaks the Redis/Valkey
//! protocol. ARCHITECTURE.md tells the shape; each module's header tells what it owns and what it must not know.

pub mod base;
pub mod catalog;
pub mod command;
pub mod config;
pub mod coordinator;
pub mod family;
pub mod format;
pub mod keyspace;
pub mod persist;
pub mod protocol;
pub mod replication;
pub mod rt;
pub mod script;
pub mod server;
pub mod shard;
pub mod types;
