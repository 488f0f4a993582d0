//! Directives of cluster mode.

use crate::config::directive::{Directive, Why};
use crate::config::value::Kind;

const CLUSTER: Why = Why::NotYet("cluster mode");
const INT_MAX: i64 = 2_147_483_647;

/// Sorted by name.
pub const DIRECTIVES: &[Directive] = &[
    Directive::inert("availability-zone", Kind::Text, "", CLUSTER),
    Directive::inert("cluster-allow-pubsubshard-when-down", Kind::Bool, "yes", CLUSTER),
    Directive::inert("cluster-allow-reads-when-down", Kind::Bool, "no", CLUSTER),
    Directive::inert("cluster-allow-replica-migration", Kind::Bool, "yes", CLUSTER),
    Directive::inert("cluster-announce-bus-port", Kind::Integer(0, 65_535), "0", CLUSTER),
    Directive::inert("cluster-announce-client-ipv4", Kind::Text, "", CLUSTER),
    Directive::inert("cluster-announce-client-ipv6", Kind::Text, "", CLUSTER),
    Directive::inert("cluster-announce-client-port", Kind::Integer(0, 65_535), "0", CLUSTER),
    Directive::inert("cluster-announce-hostname", Kind::Text, "", CLUSTER),
    Directive::inert("cluster-announce-human-nodename", Kind::Text, "", CLUSTER),
    Directive::inert("cluster-announce-ip", Kind::Text, "", CLUSTER),
    Directive::inert("cluster-announce-port", Kind::Integer(0, 65_535), "0", CLUSTER),
    Directive::inert(
        "cluster-blacklist-ttl",
        Kind::Integer(i64::MIN, i64::MAX),
        "60",
        CLUSTER,
    ),
    Directive::inert("cluster-config-file", Kind::Text, "nodes.conf", CLUSTER).at_start(),
    Directive::inert(
        "cluster-config-save-behavior",
        Kind::Choice(&["sync", "best-effort"]),
        "sync",
        CLUSTER,
    ),
    Directive::inert("cluster-databases", Kind::Integer(1, INT_MAX), "1", CLUSTER).at_start(),
    Directive::inert("cluster-enabled", Kind::Bool, "no", CLUSTER).at_start(),
    Directive::inert("cluster-link-sendbuf-limit", Kind::Bytes(0, u64::MAX), "0", CLUSTER),
    Directive::inert(
        "cluster-manual-failover-timeout",
        Kind::Integer(1, INT_MAX),
        "5000",
        CLUSTER,
    ),
    Directive::inert("cluster-migration-barrier", Kind::Integer(0, INT_MAX), "1", CLUSTER),
    Directive::inert("cluster-node-timeout", Kind::Integer(0, i64::MAX), "15000", CLUSTER),
    Directive::inert("cluster-port", Kind::Integer(0, 65_535), "0", CLUSTER).at_start(),
    Directive::inert(
        "cluster-preferred-endpoint-type",
        Kind::Choice(&["ip", "hostname", "unknown-endpoint"]),
        "ip",
        CLUSTER,
    ),
    Directive::inert("cluster-replica-no-failover", Kind::Bool, "no", CLUSTER).alias("cluster-slave-no-failover"),
    Directive::inert(
        "cluster-replica-validity-factor",
        Kind::Integer(0, INT_MAX),
        "10",
        CLUSTER,
    )
    .alias("cluster-slave-validity-factor"),
    Directive::inert("cluster-require-full-coverage", Kind::Bool, "yes", CLUSTER),
    Directive::inert(
        "cluster-slot-migration-log-max-len",
        Kind::Integer(0, i64::MAX),
        "1000",
        CLUSTER,
    ),
    Directive::inert("cluster-slot-stats-enabled", Kind::Bool, "no", CLUSTER),
    Directive::inert(
        "slot-migration-max-failover-repl-bytes",
        Kind::Integer(-1, i64::MAX),
        "0",
        CLUSTER,
    ),
];
