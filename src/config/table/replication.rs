//! Directives of replication.

use crate::config::choices::primary;
use crate::config::directive::{Directive, Why};
use crate::config::value::Kind;

const REPLICATION: Why = Why::NotYet("replication");
const INT_MAX: i64 = 2_147_483_647;
const SIGNED: u64 = i64::MAX as u64;

/// Sorted by name.
pub const DIRECTIVES: &[Directive] = &[
    Directive::inert("dual-channel-replication-enabled", Kind::Bool, "no", REPLICATION),
    Directive::inert("import-mode", Kind::Bool, "no", REPLICATION),
    Directive::inert("min-replicas-max-lag", Kind::Integer(0, INT_MAX), "10", REPLICATION).alias("min-slaves-max-lag"),
    Directive::inert("min-replicas-to-write", Kind::Integer(0, INT_MAX), "0", REPLICATION).alias("min-slaves-to-write"),
    Directive::inert("primaryauth", Kind::Text, "", REPLICATION).alias("masterauth"),
    Directive::inert("primaryuser", Kind::Text, "", REPLICATION).alias("masteruser"),
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
        REPLICATION,
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
    Directive::inert("repl-timeout", Kind::Integer(1, INT_MAX), "60", REPLICATION),
    Directive::inert("replica-announce-ip", Kind::Text, "", REPLICATION).alias("slave-announce-ip"),
    Directive::inert("replica-announce-port", Kind::Integer(0, 65_535), "0", REPLICATION).alias("slave-announce-port"),
    Directive::inert("replica-announced", Kind::Bool, "yes", REPLICATION),
    Directive::inert("replica-ignore-disk-write-errors", Kind::Bool, "no", REPLICATION),
    Directive::inert("replica-ignore-maxmemory", Kind::Bool, "yes", REPLICATION).alias("slave-ignore-maxmemory"),
    Directive::inert("replica-lazy-flush", Kind::Bool, "yes", REPLICATION).alias("slave-lazy-flush"),
    Directive::inert("replica-priority", Kind::Integer(0, INT_MAX), "100", REPLICATION).alias("slave-priority"),
    Directive::inert("replica-read-only", Kind::Bool, "yes", REPLICATION).alias("slave-read-only"),
    Directive::inert("replica-serve-stale-data", Kind::Bool, "yes", REPLICATION).alias("slave-serve-stale-data"),
    Directive::inert("replicaof", Kind::Own(primary), "", REPLICATION)
        .alias("slaveof")
        .at_start(),
];
