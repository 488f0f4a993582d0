//! Directives of replication.

use super::field;
use crate::config::choices::primary;
use crate::config::directive::{Directive, Why};
use crate::config::value::Kind;

const REPLICATION: Why = Why::NotYet("replication to others");
const LOADING: Why = Why::Moot("what a primary sends is loaded while it arrives");
const INT_MAX: i64 = 2_147_483_647;
const SIGNED: u64 = i64::MAX as u64;

/// Sorted by name.
pub const DIRECTIVES: &[Directive] = &[
    Directive::inert("dual-channel-replication-enabled", Kind::Bool, "no", REPLICATION),
    Directive::inert("import-mode", Kind::Bool, "no", REPLICATION),
    Directive::inert("min-replicas-max-lag", Kind::Integer(0, INT_MAX), "10", REPLICATION).alias("min-slaves-max-lag"),
    Directive::inert("min-replicas-to-write", Kind::Integer(0, INT_MAX), "0", REPLICATION).alias("min-slaves-to-write"),
    Directive::live("primaryauth", Kind::Text, field!(primaryauth)).alias("masterauth"),
    Directive::live("primaryuser", Kind::Text, field!(primaryuser)).alias("masteruser"),
    Directive::inert(
        "propagation-error-behavior",
        Kind::Choice(&["ignore", "panic", "panic-on-replicas"]),
        "ignore",
        REPLICATION,
    ),
    Directive::inert("repl-backlog-size", Kind::Bytes(1, SIGNED), "10485760", REPLICATION),
    Directive::inert("repl-backlog-ttl", Kind::Integer(0, i64::MAX), "3600", REPLICATION),
    Directive::inert("repl-disable-tcp-nodelay", Kind::Bool, "no", REPLICATION),
    Directive::inert(
        "repl-diskless-load",
        Kind::Choice(&["disabled", "on-empty-db", "swapdb", "flush-before-load"]),
        "disabled",
        LOADING,
    ),
    Directive::inert("repl-diskless-sync", Kind::Bool, "yes", REPLICATION),
    Directive::inert("repl-diskless-sync-delay", Kind::Integer(0, INT_MAX), "5", REPLICATION),
    Directive::inert(
        "repl-diskless-sync-max-replicas",
        Kind::Integer(0, INT_MAX),
        "0",
        REPLICATION,
    ),
    Directive::inert("repl-mptcp", Kind::Bool, "no", REPLICATION).at_start(),
    Directive::inert("repl-ping-replica-period", Kind::Integer(1, INT_MAX), "10", REPLICATION)
        .alias("repl-ping-slave-period"),
    Directive::live("repl-timeout", Kind::Integer(1, INT_MAX), field!(repl_timeout_s)),
    Directive::live("replica-announce-ip", Kind::Text, field!(replica_announce_ip)).alias("slave-announce-ip"),
    Directive::live(
        "replica-announce-port",
        Kind::Integer(0, 65_535),
        field!(replica_announce_port),
    )
    .alias("slave-announce-port"),
    Directive::inert("replica-announced", Kind::Bool, "yes", REPLICATION),
    Directive::inert("replica-ignore-disk-write-errors", Kind::Bool, "no", REPLICATION),
    Directive::live("replica-ignore-maxmemory", Kind::Bool, field!(replica_ignore_maxmemory))
        .alias("slave-ignore-maxmemory"),
    Directive::inert("replica-lazy-flush", Kind::Bool, "yes", REPLICATION).alias("slave-lazy-flush"),
    Directive::inert("replica-priority", Kind::Integer(0, INT_MAX), "100", REPLICATION).alias("slave-priority"),
    Directive::live("replica-read-only", Kind::Bool, field!(replica_read_only)).alias("slave-read-only"),
    Directive::live("replica-serve-stale-data", Kind::Bool, field!(replica_serve_stale_data))
        .alias("slave-serve-stale-data"),
    Directive::live("replicaof", Kind::Own(primary), field!(replicaof))
        .alias("slaveof")
        .at_start(),
];
