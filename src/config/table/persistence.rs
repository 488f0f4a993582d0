//! Directives of snapshots and the append-only log.

use super::field;
use crate::config::choices::{SyncPolicy, save_points};
use crate::config::directive::{Directive, Why};
use crate::config::value::Kind;

const PERSISTENCE: Why = Why::NotYet("snapshots and log");
const INT_MAX: i64 = 2_147_483_647;
const SIGNED: u64 = i64::MAX as u64;
const SHUTDOWN: &[&str] = &["default", "save", "nosave", "now", "force", "safe", "failover"];

/// Sorted by name.
pub const DIRECTIVES: &[Directive] = &[
    Directive::live("aof-load-truncated", Kind::Bool, field!(aof_load_truncated)),
    Directive::inert("aof-rewrite-incremental-fsync", Kind::Bool, "yes", PERSISTENCE),
    Directive::inert("aof-timestamp-enabled", Kind::Bool, "no", PERSISTENCE),
    Directive::inert("aof-use-rdb-preamble", Kind::Bool, "yes", PERSISTENCE),
    Directive::live(
        "appenddirname",
        Kind::FileName("appenddirname can't be a path, just a dirname"),
        field!(appenddirname),
    )
    .at_start(),
    Directive::live(
        "appendfilename",
        Kind::FileName("appendfilename can't be a path, just a filename"),
        field!(appendfilename),
    )
    .at_start(),
    Directive::live("appendfsync", Kind::Choice(SyncPolicy::NAMES), field!(appendfsync)),
    Directive::live("appendonly", Kind::Bool, field!(appendonly)).at_start(),
    Directive::live(
        "auto-aof-rewrite-min-size",
        Kind::Bytes(0, SIGNED),
        field!(auto_aof_rewrite_min_bytes),
    ),
    Directive::live(
        "auto-aof-rewrite-percentage",
        Kind::Integer(0, INT_MAX),
        field!(auto_aof_rewrite_percentage),
    ),
    Directive::inert(
        "dbfilename",
        Kind::FileName("dbfilename can't be a path, just a filename"),
        "dump.rdb",
        PERSISTENCE,
    )
    .protected(),
    Directive::live("dir", Kind::Directory, field!(dir)).protected(),
    Directive::inert("no-appendfsync-on-rewrite", Kind::Bool, "no", PERSISTENCE),
    Directive::inert("rdb-del-sync-files", Kind::Bool, "no", PERSISTENCE),
    Directive::inert("rdb-save-incremental-fsync", Kind::Bool, "yes", PERSISTENCE),
    Directive::inert(
        "rdb-version-check",
        Kind::Choice(&["strict", "relaxed"]),
        "strict",
        PERSISTENCE,
    ),
    Directive::inert("rdbchecksum", Kind::Bool, "yes", PERSISTENCE).at_start(),
    Directive::inert("rdbcompression", Kind::Bool, "yes", PERSISTENCE),
    Directive::inert("save", Kind::Own(save_points), "3600 1 300 100 60 10000", PERSISTENCE).lines_of(2),
    Directive::inert("shutdown-on-sigint", Kind::Choices(SHUTDOWN), "default", PERSISTENCE),
    Directive::inert("shutdown-on-sigterm", Kind::Choices(SHUTDOWN), "default", PERSISTENCE),
    Directive::inert("shutdown-timeout", Kind::Integer(0, INT_MAX), "10", PERSISTENCE),
    Directive::inert("stop-writes-on-bgsave-error", Kind::Bool, "yes", PERSISTENCE),
];
