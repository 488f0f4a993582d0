//! Directives of how values are encoded.

use super::field;
use crate::config::choices::notify_events;
use crate::config::directive::{Directive, Why};
use crate::config::value::Kind;

const COMPRESS: Why = Why::Moot("list nodes are not compressed");
const INT_MAX: i64 = 2_147_483_647;
const SIGNED: u64 = i64::MAX as u64;

/// Sorted by name.
pub const DIRECTIVES: &[Directive] = &[
    Directive::live(
        "hash-max-listpack-entries",
        Kind::Integer(0, i64::MAX),
        field!(hash_max_listpack_entries),
    )
    .alias("hash-max-ziplist-entries"),
    Directive::live(
        "hash-max-listpack-value",
        Kind::Bytes(0, SIGNED),
        field!(hash_max_listpack_value),
    )
    .alias("hash-max-ziplist-value"),
    Directive::live(
        "hll-sparse-max-bytes",
        Kind::Bytes(0, SIGNED),
        field!(hll_sparse_max_bytes),
    ),
    Directive::inert("list-compress-depth", Kind::Integer(0, INT_MAX), "0", COMPRESS),
    Directive::live(
        "list-max-listpack-size",
        Kind::Integer(-INT_MAX - 1, INT_MAX),
        field!(list_max_listpack_size),
    )
    .alias("list-max-ziplist-size"),
    Directive::live(
        "notify-keyspace-events",
        Kind::Own(notify_events),
        field!(notify_keyspace_events),
    ),
    Directive::live(
        "set-max-intset-entries",
        Kind::Integer(0, i64::MAX),
        field!(set_max_intset_entries),
    ),
    Directive::live(
        "set-max-listpack-entries",
        Kind::Integer(0, i64::MAX),
        field!(set_max_listpack_entries),
    ),
    Directive::live(
        "set-max-listpack-value",
        Kind::Integer(0, i64::MAX),
        field!(set_max_listpack_value),
    ),
    Directive::live(
        "stream-node-max-bytes",
        Kind::Bytes(0, SIGNED),
        field!(stream_node_max_bytes),
    ),
    Directive::live(
        "stream-node-max-entries",
        Kind::Integer(0, i64::MAX),
        field!(stream_node_max_entries),
    ),
    Directive::live(
        "zset-max-listpack-entries",
        Kind::Integer(0, i64::MAX),
        field!(zset_max_listpack_entries),
    )
    .alias("zset-max-ziplist-entries"),
    Directive::live(
        "zset-max-listpack-value",
        Kind::Bytes(0, SIGNED),
        field!(zset_max_listpack_value),
    )
    .alias("zset-max-ziplist-value"),
];
