//! The sections of INFO, in Valkey's order with Valkey's field names, and one of our own.
//!
//! A field whose subject this server does not have (yet) is told with the value that says so, since monitoring reads it.

use std::fmt::Write;

use super::facts::Facts;

/// A part of the text with a title.
pub struct Section {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// The line above it.
    title: &'static str,
    /// Whether it is told without being asked for.
    pub by_default: bool,
    fields: &'static [Field],
}

/// One line, or several.
enum Field {
    /// A fact, or this text when there is none.
    Fact(&'static str, &'static str),
    /// Always the same.
    Fixed(&'static str, &'static str),
    /// Computed.
    From(&'static str, fn(&Facts) -> String),
    /// Lines of their own form.
    Lines(fn(&Facts, &mut String)),
}

use Field::{Fact, Fixed, From, Lines};

impl Section {
    const fn new(name: &'static str, title: &'static str, fields: &'static [Field]) -> Self {
        Section {
            name,
            title,
            by_default: true,
            fields,
        }
    }

    const fn on_request(mut self) -> Self {
        self.by_default = false;
        self
    }

    /// Appends the section to `text`.
    pub fn write(&self, facts: &Facts, text: &mut String) {
        line(text, format_args!("# {}", self.title));
        for field in self.fields {
            match field {
                Fact(name, absent) => match facts.text(name) {
                    Some(value) => line(text, format_args!("{name}:{value}")),
                    None => line(text, format_args!("{name}:{absent}")),
                },
                Fixed(name, value) => line(text, format_args!("{name}:{value}")),
                From(name, value) => line(text, format_args!("{name}:{}", value(facts))),
                Lines(write) => write(facts, text),
            }
        }
    }
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    write!(text, "{content}\r\n").expect("writing to a string does not fail");
}

/// Bytes as people read them.
fn human(bytes: i64) -> String {
    let (mut value, mut units) = (bytes as f64, ["B", "K", "M", "G", "T"].iter());
    let mut unit = units.next().copied().unwrap_or_default();
    while value >= 1024.0
        && let Some(next) = units.next()
    {
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" {
        format!("{bytes}B")
    } else {
        format!("{value:.2}{unit}")
    }
}

fn ratio(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The scripts that needed more than one shard most often.
fn costly_scripts(facts: &Facts, text: &mut String) {
    let scripts = facts.text("corelane_costly_scripts").unwrap_or_default();
    for (number, script) in scripts.lines().enumerate() {
        line(text, format_args!("corelane_costly_script_{number}:{script}"));
    }
}

/// What a replica tells of its primary.
fn primary(facts: &Facts, text: &mut String) {
    if facts.text("master_host").is_none() {
        return;
    }
    let told = |name: &str| facts.text(name);
    for name in PRIMARY {
        if let Some(value) = told(name) {
            line(text, format_args!("{name}:{value}"));
        }
        // Nothing is kept for replicas of this server's own.
        if *name == "slave_repl_offset" {
            line(
                text,
                format_args!("replicas_repl_buffer_size:0\r\nreplicas_repl_buffer_peak:0"),
            );
        }
    }
    let priority = told("replica-priority").unwrap_or_default();
    line(text, format_args!("slave_priority:{priority}"));
    line(
        text,
        format_args!("slave_read_only:{}", told("slave_read_only").unwrap_or_default()),
    );
    line(text, format_args!("replica_announced:1"));
}

fn databases(facts: &Facts, text: &mut String) {
    for (db, [keys, expires, hashes, _]) in &facts.databases {
        line(
            text,
            format_args!("db{db}:keys={keys},expires={expires},avg_ttl=0,keys_with_volatile_items={hashes}"),
        );
    }
}

fn shards(facts: &Facts, text: &mut String) {
    for (shard, numbers) in facts.shards.iter().enumerate() {
        let number = |name: &str| numbers.get(name).copied().unwrap_or(0);
        line(
            text,
            format_args!(
                "corelane_shard{shard}:keys={},used_bytes={},clients={},commands={},forwarded={}",
                number("corelane_keys"),
                number("corelane_used_bytes"),
                number("connected_clients"),
                number("total_commands_processed"),
                number("corelane_forwarded_commands"),
            ),
        );
    }
}

/// In the order in which they are told.
pub const SECTIONS: &[Section] = &[
    Section::new("server", "Server", SERVER),
    Section::new("tls", "TLS", TLS).on_request(),
    Section::new("clients", "Clients", CLIENTS),
    Section::new("memory", "Memory", MEMORY),
    Section::new("persistence", "Persistence", PERSISTENCE),
    Section::new("stats", "Stats", STATS),
    Section::new("replication", "Replication", REPLICATION),
    Section::new("cpu", "CPU", CPU),
    Section::new("modules", "Modules", &[]),
    Section::new("commandstats", "Commandstats", &[]).on_request(),
    Section::new("errorstats", "Errorstats", &[]),
    Section::new("latencystats", "Latencystats", &[]).on_request(),
    Section::new("cluster", "Cluster", &[Fixed("cluster_enabled", "0")]),
    Section::new("cluster_info", "Cluster Info", &[]).on_request(),
    Section::new("scriptingengines", "Scripting Engines", ENGINES).on_request(),
    Section::new("corelane", "Corelane", CORELANE),
    Section::new("keyspace", "Keyspace", &[Lines(databases)]),
];

/// The one engine, whose interpreters have no tables beside their own memory.
const ENGINES: &[Field] = &[
    Fixed("engines_count", "1"),
    From("engines_total_used_memory", |facts| {
        facts.number("used_memory_vm_eval").to_string()
    }),
    Fixed("engines_total_memory_overhead", "0"),
    From("engine_0", |facts| {
        let used = facts.number("used_memory_vm_eval");
        format!("name=LUA,module=lua,abi_version=4,used_memory={used},memory_overhead=0")
    }),
];

const SERVER: &[Field] = &[
    Fixed("redis_version", "7.2.4"),
    Fixed("server_name", "valkey"),
    Fixed("valkey_version", "9.1.2"),
    Fixed("valkey_release_stage", "ga"),
    Fixed("corelane_version", env!("CARGO_PKG_VERSION")),
    Fixed("redis_git_sha1", "00000000"),
    Fixed("redis_git_dirty", "0"),
    Fixed("redis_build_id", "0000000000000000"),
    Fixed("server_mode", "standalone"),
    Fact("os", "Linux"),
    Fixed("arch_bits", "64"),
    Fixed("monotonic_clock", "POSIX clock_gettime"),
    Fixed("multiplexing_api", "io_uring"),
    Fixed("gcc_version", "0.0.0"),
    Fact("process_id", "0"),
    Fixed("process_supervised", "no"),
    Fact("run_id", "0000000000000000000000000000000000000000"),
    Fact("tcp_port", "0"),
    Fact("server_time_usec", "0"),
    Fact("uptime_in_seconds", "0"),
    From("uptime_in_days", |facts| {
        (facts.number("uptime_in_seconds") / 86_400).to_string()
    }),
    Fact("hz", "10"),
    From("configured_hz", |facts| facts.number("hz").to_string()),
    From("clients_hz", |facts| facts.number("hz").to_string()),
    From("lru_clock", |facts| {
        ((facts.number("server_time_usec") / 1_000_000) & 0xff_ffff).to_string()
    }),
    Fact("executable", ""),
    Fact("config_file", ""),
    Fixed("io_threads_active", "0"),
    From("availability_zone", |facts| {
        facts.text("availability-zone").unwrap_or_default()
    }),
];

const TLS: &[Field] = &[
    Fixed("tls_server_cert_serial", "none"),
    Fixed("tls_server_cert_expires_in_seconds", "0"),
    Fixed("tls_client_cert_serial", "none"),
    Fixed("tls_client_cert_expires_in_seconds", "0"),
    Fixed("tls_ca_cert_serial", "none"),
    Fixed("tls_ca_cert_expires_in_seconds", "0"),
];

const CLIENTS: &[Field] = &[
    Fact("connected_clients", "0"),
    Fixed("cluster_connections", "0"),
    Fact("maxclients", "0"),
    Fact("client_recent_max_input_buffer", "0"),
    Fact("client_recent_max_output_buffer", "0"),
    Fact("blocked_clients", "0"),
    Fact("tracking_clients", "0"),
    Fact("pubsub_clients", "0"),
    Fact("watching_clients", "0"),
    Fact("clients_in_timeout_table", "0"),
    Fact("total_watched_keys", "0"),
    Fact("total_blocking_keys", "0"),
    Fixed("total_blocking_keys_on_nokey", "0"),
    Fact("paused_reason", "none"),
    Fact("paused_actions", "none"),
    Fact("paused_timeout_milliseconds", "0"),
];

const MEMORY: &[Field] = &[
    From("used_memory", |facts| facts.used_bytes().to_string()),
    From("used_memory_human", |facts| human(facts.used_bytes())),
    Fact("used_memory_rss", "0"),
    From("used_memory_rss_human", |facts| human(facts.number("used_memory_rss"))),
    From("used_memory_peak", |facts| facts.peak_bytes().to_string()),
    From("used_memory_peak_human", |facts| human(facts.peak_bytes())),
    From("used_memory_peak_perc", |facts| {
        format!("{:.2}%", 100.0 * ratio(facts.used_bytes(), facts.peak_bytes()))
    }),
    From("used_memory_overhead", |facts| facts.overhead_bytes().to_string()),
    Fact("used_memory_startup", "0"),
    From("used_memory_dataset", |facts| facts.dataset_bytes().to_string()),
    From("used_memory_dataset_perc", |facts| {
        let net = facts.used_bytes() - facts.number("used_memory_startup");
        format!("{:.2}%", 100.0 * ratio(facts.dataset_bytes(), net))
    }),
    From("allocator_allocated", |facts| facts.used_bytes().to_string()),
    From("allocator_active", |facts| facts.number("used_memory_rss").to_string()),
    From("allocator_resident", |facts| {
        facts.number("used_memory_rss").to_string()
    }),
    Fixed("allocator_muzzy", "0"),
    Fact("total_system_memory", "0"),
    From("total_system_memory_human", |facts| {
        human(facts.number("total_system_memory"))
    }),
    From("used_memory_lua", |facts| {
        facts.number("used_memory_vm_eval").to_string()
    }),
    Fact("used_memory_vm_eval", "0"),
    From("used_memory_lua_human", |facts| {
        human(facts.number("used_memory_vm_eval"))
    }),
    Fact("used_memory_scripts_eval", "0"),
    Fact("number_of_cached_scripts", "0"),
    Fact("number_of_functions", "0"),
    Fact("number_of_libraries", "0"),
    // Functions live in the interpreters of scripts.
    Fixed("used_memory_vm_functions", "0"),
    From("used_memory_vm_total", |facts| {
        facts.number("used_memory_vm_eval").to_string()
    }),
    From("used_memory_vm_total_human", |facts| {
        human(facts.number("used_memory_vm_eval"))
    }),
    Fact("used_memory_functions", "0"),
    From("used_memory_scripts", |facts| facts.script_bytes().to_string()),
    From("used_memory_scripts_human", |facts| human(facts.script_bytes())),
    Fact("maxmemory", "0"),
    From("maxmemory_human", |facts| human(facts.number("maxmemory"))),
    From("maxmemory_policy", |facts| {
        facts.text("maxmemory-policy").unwrap_or_default()
    }),
    Fixed("allocator_frag_ratio", "1.00"),
    Fixed("allocator_frag_bytes", "0"),
    Fixed("allocator_rss_ratio", "1.00"),
    Fixed("allocator_rss_bytes", "0"),
    Fixed("rss_overhead_ratio", "1.00"),
    Fixed("rss_overhead_bytes", "0"),
    From("mem_fragmentation_ratio", |facts| {
        format!("{:.2}", ratio(facts.number("used_memory_rss"), facts.used_bytes()))
    }),
    From("mem_fragmentation_bytes", |facts| {
        (facts.number("used_memory_rss") - facts.used_bytes()).to_string()
    }),
    Fixed("mem_not_counted_for_evict", "0"),
    Fixed("mem_replication_backlog", "0"),
    Fixed("mem_total_replication_buffers", "0"),
    Fixed("mem_replicas_repl_buffer", "0"),
    Fixed("mem_clients_slaves", "0"),
    Fact("mem_clients_normal", "0"),
    Fixed("mem_cluster_links", "0"),
    Fixed("mem_cluster_slot_import", "0"),
    Fixed("mem_cluster_slot_export", "0"),
    Fixed("mem_aof_buffer", "0"),
    Fixed("mem_allocator", "mimalloc"),
    Fixed("mem_overhead_db_hashtable_rehashing", "0"),
    Fixed("active_defrag_running", "0"),
    Fact("lazyfree_pending_objects", "0"),
    Fact("lazyfreed_objects", "0"),
];

const PERSISTENCE: &[Field] = &[
    Fixed("loading", "0"),
    Fixed("async_loading", "0"),
    Fixed("current_cow_peak", "0"),
    Fixed("current_cow_size", "0"),
    Fixed("current_cow_size_age", "0"),
    Fixed("current_fork_perc", "0.00"),
    Fixed("current_save_keys_processed", "0"),
    Fixed("current_save_keys_total", "0"),
    Fact("rdb_changes_since_last_save", "0"),
    Fixed("rdb_bgsave_in_progress", "0"),
    Fact("rdb_last_save_time", "0"),
    Fixed("rdb_last_bgsave_status", "ok"),
    Fixed("rdb_last_bgsave_time_sec", "-1"),
    Fixed("rdb_current_bgsave_time_sec", "-1"),
    Fixed("rdb_saves", "0"),
    Fixed("rdb_last_cow_size", "0"),
    Fixed("rdb_last_load_keys_expired", "0"),
    Fixed("rdb_last_load_keys_loaded", "0"),
    Fact("aof_enabled", "0"),
    Fact("aof_rewrite_in_progress", "0"),
    Fixed("aof_rewrite_scheduled", "0"),
    Fixed("aof_last_rewrite_time_sec", "-1"),
    Fixed("aof_current_rewrite_time_sec", "-1"),
    Fact("aof_last_bgrewrite_status", "ok"),
    Fact("aof_rewrites", "0"),
    Fact("aof_rewrites_consecutive_failures", "0"),
    Fixed("aof_last_write_status", "ok"),
    Fixed("aof_last_cow_size", "0"),
    Fixed("module_fork_in_progress", "0"),
    Fixed("module_fork_last_cow_size", "0"),
    Fixed("slot_migration_fork_in_progress", "0"),
    Lines(log),
];

/// Only told when there is a log.
fn log(facts: &Facts, text: &mut String) {
    let sizes = ["aof_current_size", "aof_base_size"];
    for (name, bytes) in sizes.iter().filter_map(|name| Some((name, facts.text(name)?))) {
        line(text, format_args!("{name}:{bytes}"));
    }
    if facts.text(sizes[0]).is_some() {
        for name in [
            "aof_pending_rewrite",
            "aof_buffer_length",
            "aof_pending_bio_fsync",
            "aof_delayed_fsync",
        ] {
            line(text, format_args!("{name}:0"));
        }
    }
}

/// What is known of a primary, in the order in which it is told; what is not known is left out.
const PRIMARY: &[&str] = &[
    "master_host",
    "master_port",
    "master_link_status",
    "master_last_io_seconds_ago",
    "master_sync_in_progress",
    "slave_read_repl_offset",
    "slave_repl_offset",
    "master_sync_total_bytes",
    "master_sync_read_bytes",
    "master_sync_left_bytes",
    "master_sync_perc",
    "master_sync_last_io_seconds_ago",
    "master_link_down_since_seconds",
];

const REPLICATION: &[Field] = &[
    Fact("role", "master"),
    Lines(primary),
    Fixed("connected_slaves", "0"),
    Fixed("replicas_waiting_psync", "0"),
    Fixed("master_failover_state", "no-failover"),
    Fact("master_replid", "0000000000000000000000000000000000000000"),
    Fixed("master_replid2", "0000000000000000000000000000000000000000"),
    Fact("master_repl_offset", "0"),
    Fixed("second_repl_offset", "-1"),
    Fixed("repl_backlog_active", "0"),
    Fixed("repl_backlog_size", "10485760"),
    Fixed("repl_backlog_first_byte_offset", "0"),
    Fixed("repl_backlog_histlen", "0"),
];

const CPU: &[Field] = &[
    Fact("used_cpu_sys", "0.000000"),
    Fact("used_cpu_user", "0.000000"),
    Fixed("used_cpu_sys_children", "0.000000"),
    Fixed("used_cpu_user_children", "0.000000"),
];

const CORELANE: &[Field] = &[
    Fact("corelane_shards", "0"),
    Fact("corelane_forwarded_commands", "0"),
    Fact("corelane_groups", "0"),
    Fact("corelane_groups_split", "0"),
    Fact("corelane_series", "0"),
    Fact("corelane_series_shortened", "0"),
    Fact("corelane_cross_shard_transactions", "0"),
    Fact("corelane_moved_connections", "0"),
    Fact("corelane_scripts_local", "0"),
    Fact("corelane_scripts_lent", "0"),
    Fact("corelane_scripts_whole", "0"),
    Fact("corelane_scripts_restarted", "0"),
    Lines(costly_scripts),
    Fact("corelane_table_bytes", "0"),
    Lines(shards),
];

const STATS: &[Field] = &[
    Fact("total_connections_received", "0"),
    Fact("total_commands_processed", "0"),
    Fact("instantaneous_ops_per_sec", "0"),
    Fact("total_net_input_bytes", "0"),
    Fact("total_net_output_bytes", "0"),
    Fixed("total_net_repl_input_bytes", "0"),
    Fixed("total_net_repl_output_bytes", "0"),
    Fixed("total_net_cluster_slot_import_bytes", "0"),
    Fixed("total_net_cluster_slot_export_bytes", "0"),
    Fact("instantaneous_input_kbps", "0.00"),
    Fact("instantaneous_output_kbps", "0.00"),
    Fixed("instantaneous_input_repl_kbps", "0.00"),
    Fixed("instantaneous_output_repl_kbps", "0.00"),
    Fact("rejected_connections", "0"),
    Fixed("sync_full", "0"),
    Fixed("sync_partial_ok", "0"),
    Fixed("sync_partial_err", "0"),
    Fact("expired_keys", "0"),
    Fact("expired_fields", "0"),
    Fixed("expired_stale_perc", "0.00"),
    Fixed("expired_keys_with_volatile_items_stale_perc", "0.00"),
    Fixed("expired_time_cap_reached_count", "0"),
    Fixed("expire_cycle_cpu_milliseconds", "0"),
    Fact("evicted_keys", "0"),
    Fact("evicted_clients", "0"),
    Fact("evicted_scripts", "0"),
    Fixed("total_eviction_exceeded_time", "0"),
    Fixed("current_eviction_exceeded_time", "0"),
    Fact("keyspace_hits", "0"),
    Fact("keyspace_misses", "0"),
    Fact("pubsub_channels", "0"),
    Fact("pubsub_patterns", "0"),
    Fact("pubsubshard_channels", "0"),
    Fixed("latest_fork_usec", "0"),
    Fixed("total_forks", "0"),
    Fixed("migrate_cached_sockets", "0"),
    Fixed("slave_expires_tracked_keys", "0"),
    Fixed("active_defrag_hits", "0"),
    Fixed("active_defrag_misses", "0"),
    Fixed("active_defrag_key_hits", "0"),
    Fixed("active_defrag_key_misses", "0"),
    Fixed("total_active_defrag_time", "0"),
    Fixed("current_active_defrag_time", "0"),
    Fact("tracking_total_keys", "0"),
    Fact("tracking_total_items", "0"),
    Fact("tracking_total_prefixes", "0"),
    Fixed("unexpected_error_replies", "0"),
    Fact("total_error_replies", "0"),
    Fixed("dump_payload_sanitizations", "0"),
    Fact("total_reads_processed", "0"),
    Fact("total_writes_processed", "0"),
    Fixed("io_threaded_reads_processed", "0"),
    Fixed("io_threaded_writes_processed", "0"),
    Fixed("io_threaded_freed_objects", "0"),
    Fixed("io_threaded_accept_processed", "0"),
    Fixed("io_threaded_poll_processed", "0"),
    Fixed("io_threaded_total_prefetch_batches", "0"),
    Fixed("io_threaded_total_prefetch_entries", "0"),
    Fact("client_query_buffer_limit_disconnections", "0"),
    Fact("client_output_buffer_limit_disconnections", "0"),
    Fixed("reply_buffer_shrinks", "0"),
    Fixed("reply_buffer_expands", "0"),
    Fact("eventloop_cycles", "0"),
    Fixed("eventloop_duration_sum", "0"),
    Fixed("eventloop_duration_cmd_sum", "0"),
    Fixed("instantaneous_eventloop_cycles_per_sec", "0"),
    Fixed("instantaneous_eventloop_duration_usec", "0"),
    Fixed("acl_access_denied_auth", "0"),
    Fixed("acl_access_denied_cmd", "0"),
    Fixed("acl_access_denied_key", "0"),
    Fixed("acl_access_denied_channel", "0"),
    Fixed("acl_access_denied_tls_cert", "0"),
    Fixed("acl_access_denied_db", "0"),
];
