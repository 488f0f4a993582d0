//! Directives of the process, its threads, its log and its statistics.

use super::field;
use crate::config::choices::{LogLevel, Toggle, oom_scores, percentiles};
use crate::config::directive::{Directive, Field, Why};
use crate::config::value::{Kind, Typed};

const ACL: Why = Why::NotYet("access control lists");
const THREADS: Why = Why::Moot("each shard does its own input and output; see shards and pin-cores");
const SLOWLOG: Why = Why::NotYet("the slow log");
const LATENCY: Why = Why::NotYet("latency statistics");
const PROCESS: Why =
    Why::Moot("the process runs in the foreground under a service manager, which also keeps its output");
const MODULES: Why = Why::Moot("there are no modules");
const SEED: Why = Why::Moot("the placement of keys is the same in every process");
const COMPAT: Why = Why::Moot("the server reports the names that Valkey reports");
const INT_MAX: i64 = 2_147_483_647;
/// Rates outside what makes sense are brought inside, as Valkey does it.
const HZ: Field = Field::Live {
    get: |config| config.hz.value(),
    set: |config, value| {
        if let Some(hz) = u32::from_value(value) {
            config.hz = hz.clamp(1, 500);
        }
    },
};

/// Sorted by name.
pub const DIRECTIVES: &[Directive] = &[
    Directive::inert(
        "acl-pubsub-default",
        Kind::Choice(&["allchannels", "resetchannels"]),
        "resetchannels",
        ACL,
    ),
    Directive::inert("aclfile", Kind::Text, "", ACL).at_start(),
    Directive::inert("acllog-max-len", Kind::Integer(0, i64::MAX), "128", ACL),
    Directive::inert("always-show-logo", Kind::Bool, "no", PROCESS).at_start(),
    Directive::inert("aof-rewrite-cpulist", Kind::Text, "", THREADS)
        .alias("aof_rewrite_cpulist")
        .at_start(),
    Directive::inert("bgsave-cpulist", Kind::Text, "", THREADS)
        .alias("bgsave_cpulist")
        .at_start(),
    Directive::inert("bio-cpulist", Kind::Text, "", THREADS)
        .alias("bio_cpulist")
        .at_start(),
    Directive::live(
        "busy-reply-threshold",
        Kind::Integer(0, i64::MAX),
        field!(busy_reply_threshold_ms),
    )
    .alias("lua-time-limit"),
    Directive::inert(
        "commandlog-execution-slower-than",
        Kind::Integer(-1, i64::MAX),
        "10000",
        SLOWLOG,
    )
    .alias("slowlog-log-slower-than"),
    Directive::inert(
        "commandlog-large-reply-max-len",
        Kind::Integer(0, i64::MAX),
        "128",
        SLOWLOG,
    ),
    Directive::inert(
        "commandlog-large-request-max-len",
        Kind::Integer(0, i64::MAX),
        "128",
        SLOWLOG,
    ),
    Directive::inert(
        "commandlog-reply-larger-than",
        Kind::Integer(-1, i64::MAX),
        "1048576",
        SLOWLOG,
    ),
    Directive::inert(
        "commandlog-request-larger-than",
        Kind::Integer(-1, i64::MAX),
        "1048576",
        SLOWLOG,
    ),
    Directive::inert(
        "commandlog-slow-execution-max-len",
        Kind::Integer(0, i64::MAX),
        "128",
        SLOWLOG,
    )
    .alias("slowlog-max-len"),
    Directive::inert("crash-log-enabled", Kind::Bool, "yes", PROCESS),
    Directive::inert("crash-memcheck-enabled", Kind::Bool, "yes", PROCESS),
    Directive::inert("daemonize", Kind::Bool, "no", PROCESS).at_start(),
    Directive::live(
        "enable-debug-command",
        Kind::Choice(Toggle::NAMES),
        field!(enable_debug_command),
    )
    .at_start(),
    Directive::inert(
        "enable-module-command",
        Kind::Choice(&["no", "yes", "local"]),
        "no",
        MODULES,
    )
    .at_start(),
    Directive::live(
        "enable-protected-configs",
        Kind::Choice(Toggle::NAMES),
        field!(enable_protected_configs),
    )
    .at_start(),
    Directive::inert("extended-redis-compatibility", Kind::Bool, "no", COMPAT),
    Directive::inert("hash-seed", Kind::Text, "", SEED).at_start(),
    Directive::inert("hide-user-data-from-log", Kind::Bool, "yes", PROCESS),
    Directive::live("hz", Kind::Integer(0, INT_MAX), HZ),
    Directive::inert("ignore-warnings", Kind::Text, "", PROCESS),
    Directive::inert("io-threads", Kind::Integer(1, 256), "1", THREADS),
    Directive::inert("latency-monitor-threshold", Kind::Integer(0, i64::MAX), "0", LATENCY),
    Directive::inert("latency-tracking", Kind::Bool, "yes", LATENCY),
    Directive::inert(
        "latency-tracking-info-percentiles",
        Kind::Own(percentiles),
        "50 99 99.9",
        LATENCY,
    ),
    Directive::live("locale-collate", Kind::Locale, field!(locale_collate)),
    Directive::inert(
        "log-format",
        Kind::Choice(&["legacy", "logfmt", "json"]),
        "legacy",
        PROCESS,
    ),
    Directive::inert(
        "log-timestamp-format",
        Kind::Choice(&["legacy", "iso8601", "milliseconds"]),
        "legacy",
        PROCESS,
    ),
    Directive::live("logfile", Kind::Text, field!(logfile)).at_start(),
    Directive::live("loglevel", Kind::Choice(LogLevel::NAMES), field!(loglevel)),
    Directive::inert("max-new-connections-per-cycle", Kind::Integer(1, 1_000), "10", THREADS),
    Directive::inert(
        "oom-score-adj",
        Kind::Choice(&["no", "yes", "relative", "absolute"]),
        "no",
        PROCESS,
    ),
    Directive::inert("oom-score-adj-values", Kind::Own(oom_scores), "0 200 800", PROCESS),
    Directive::live("pidfile", Kind::Text, field!(pidfile)).at_start(),
    Directive::inert("prefetch-batch-max-size", Kind::Integer(0, 128), "16", THREADS),
    Directive::inert(
        "proc-title-template",
        Kind::Text,
        "{title} {listen-addr} {server-mode}",
        PROCESS,
    ),
    Directive::inert("server-cpulist", Kind::Text, "", THREADS)
        .alias("server_cpulist")
        .at_start(),
    Directive::inert("set-proc-title", Kind::Bool, "yes", PROCESS).at_start(),
    Directive::inert(
        "supervised",
        Kind::Choice(&["upstart", "systemd", "auto", "no"]),
        "no",
        PROCESS,
    )
    .at_start(),
    Directive::inert("syslog-enabled", Kind::Bool, "no", PROCESS).at_start(),
    Directive::inert(
        "syslog-facility",
        Kind::Choice(&[
            "user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
        ]),
        "local0",
        PROCESS,
    )
    .at_start(),
    Directive::inert("syslog-ident", Kind::Text, "valkey", PROCESS).at_start(),
    Directive::live(
        "tracking-table-max-keys",
        Kind::Integer(0, i64::MAX),
        field!(tracking_table_max_keys),
    ),
];
