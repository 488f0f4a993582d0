//! Directives of memory, expiry and databases.

use super::field;
use crate::config::choices::EvictionPolicy;
use crate::config::directive::{Directive, Why};
use crate::config::value::Kind;

const ALLOCATOR: Why = Why::Moot("the allocator is mimalloc, which needs no defragmentation by hand");
const LAZYFREE: Why = Why::Moot("every shard frees large values piecemeal");
const TABLE: Why = Why::Moot("tables grow by segments, which needs no work between commands");
const INT_MAX: i64 = 2_147_483_647;
const SIGNED: u64 = i64::MAX as u64;

/// Sorted by name.
pub const DIRECTIVES: &[Directive] = &[
    Directive::inert("active-defrag-cycle-max", Kind::Integer(1, 99), "25", ALLOCATOR),
    Directive::inert("active-defrag-cycle-min", Kind::Integer(1, 99), "1", ALLOCATOR),
    Directive::inert("active-defrag-cycle-us", Kind::Integer(0, 100_000), "500", ALLOCATOR),
    Directive::inert(
        "active-defrag-ignore-bytes",
        Kind::Bytes(1, SIGNED),
        "104857600",
        ALLOCATOR,
    ),
    Directive::inert(
        "active-defrag-max-scan-fields",
        Kind::Integer(1, i64::MAX),
        "1000",
        ALLOCATOR,
    ),
    Directive::inert(
        "active-defrag-threshold-lower",
        Kind::Integer(0, 1_000),
        "10",
        ALLOCATOR,
    ),
    Directive::inert(
        "active-defrag-threshold-upper",
        Kind::Integer(0, 1_000),
        "100",
        ALLOCATOR,
    ),
    Directive::live(
        "active-expire-effort",
        Kind::Integer(1, 10),
        field!(active_expire_effort),
    ),
    Directive::inert("activedefrag", Kind::Bool, "no", ALLOCATOR),
    Directive::inert("activerehashing", Kind::Bool, "yes", TABLE),
    Directive::live("databases", Kind::Integer(1, INT_MAX), field!(databases)).at_start(),
    Directive::live("disable-thp", Kind::Bool, field!(disable_thp)).at_start(),
    Directive::inert("jemalloc-bg-thread", Kind::Bool, "yes", ALLOCATOR),
    Directive::inert("lazyfree-lazy-eviction", Kind::Bool, "yes", LAZYFREE),
    Directive::inert("lazyfree-lazy-expire", Kind::Bool, "yes", LAZYFREE),
    Directive::inert("lazyfree-lazy-server-del", Kind::Bool, "yes", LAZYFREE),
    Directive::inert("lazyfree-lazy-user-del", Kind::Bool, "yes", LAZYFREE),
    Directive::live("lazyfree-lazy-user-flush", Kind::Bool, field!(lazyfree_lazy_user_flush)),
    Directive::live("lfu-decay-time", Kind::Integer(0, INT_MAX), field!(lfu_decay_time_min)),
    Directive::live("lfu-log-factor", Kind::Integer(0, INT_MAX), field!(lfu_log_factor)),
    Directive::live("maxmemory", Kind::Bytes(0, u64::MAX), field!(maxmemory_bytes)),
    Directive::live("maxmemory-clients", Kind::BytesOrPercent, field!(maxmemory_clients)),
    Directive::live(
        "maxmemory-eviction-tenacity",
        Kind::Integer(0, 100),
        field!(maxmemory_eviction_tenacity),
    ),
    Directive::live(
        "maxmemory-policy",
        Kind::Choice(EvictionPolicy::NAMES),
        field!(maxmemory_policy),
    ),
    Directive::live("maxmemory-samples", Kind::Integer(1, 64), field!(maxmemory_samples)),
];
