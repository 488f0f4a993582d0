//! The configuration: typed values, one per directive. Knows no command and no thread.
//!
//! A directive is declared once, in `table`; CONFIG, files, the command line and the documentation follow from that.

pub mod affinity;
mod choices;
mod directive;
mod load;
mod rewrite;
mod table;
mod value;

use std::collections::BTreeMap;

use crate::base::collation::Collation;
pub use choices::{
    ClientsLimit, EvictionPolicy, LogLevel, NotifyEvents, OutputLimit, OutputLimits, SyncPolicy, Toggle,
};
pub use directive::{Changes, Directive, Field, Why};
pub use load::{Invocation, LoadError, from_arguments};
pub use rewrite::{RewriteError, rewrite_file};
pub use table::{all, find};
pub use value::{Kind, Value, ValueError};

/// What the server was told; every shard has a copy.
#[derive(Clone, Debug)]
pub struct Config {
    /// The configuration file, absolute; none when there was none.
    pub file: Option<String>,
    /// TCP port; 0 listens on none.
    pub port: u16,
    /// Addresses to listen on; a leading `-` makes one optional.
    pub bind: Vec<String>,
    /// Whether, without a password, only local connections are answered.
    pub protected_mode: bool,
    /// Unix socket path.
    pub unixsocket: Option<String>,
    /// Unix socket permissions, octal.
    pub unixsocketperm: u32,
    /// Shards; 0: one per usable core.
    pub shards: u16,
    /// Whether shard threads are pinned to cores.
    pub pin_cores: bool,
    /// Whether connections move to the shard they mostly use.
    pub move_connections: bool,
    /// Whether the kernel is told to give no transparent huge pages.
    pub disable_thp: bool,
    /// Port of the metrics page; 0: none.
    pub metrics_port: u16,
    /// Logical databases.
    pub databases: usize,
    /// The default user's password; empty: none needed.
    pub requirepass: String,
    /// Working directory.
    pub dir: String,
    /// Idle seconds after which clients are closed; 0: never.
    pub timeout_s: u64,
    /// `busy-reply-threshold`: how long scripts may run before other clients get BUSY; 0 is for ever.
    pub busy_reply_threshold_ms: u64,
    /// TCP keep-alive, seconds; 0: off.
    pub tcp_keepalive_s: u32,
    /// Listen backlog.
    pub tcp_backlog: i32,
    /// Connections.
    pub maxclients: usize,
    /// Largest bulk, bytes.
    pub proto_max_bulk_len: usize,
    /// Largest unparsed request, bytes.
    pub client_query_buffer_limit: usize,
    /// How much may wait for a client that does not read.
    pub client_output_buffer_limit: OutputLimits,
    /// Who may use DEBUG.
    pub enable_debug_command: Toggle,
    /// Who may change protected directives.
    pub enable_protected_configs: Toggle,
    /// Cron runs a second.
    pub hz: u32,
    /// How eagerly expired keys are looked for, 1 to 10.
    pub active_expire_effort: u32,
    /// Bytes that keys and values may take; 0: no limit.
    pub maxmemory_bytes: u64,
    /// What clients may take together.
    pub maxmemory_clients: ClientsLimit,
    /// What happens at that limit.
    pub maxmemory_policy: EvictionPolicy,
    /// Entries that are drawn for each eviction.
    pub maxmemory_samples: usize,
    /// How much is evicted at once, 0 to 100.
    pub maxmemory_eviction_tenacity: u32,
    /// How many accesses a step of the LFU counter takes.
    pub lfu_log_factor: u32,
    /// Minutes after which the LFU counter goes down by one; 0: never.
    pub lfu_decay_time_min: u32,
    /// Keys up to which it is remembered who has read them (CLIENT TRACKING); 0: no limit.
    pub tracking_table_max_keys: usize,
    /// Which keyspace events are published.
    pub notify_keyspace_events: NotifyEvents,
    /// How much is logged.
    pub loglevel: LogLevel,
    /// Where to; empty: standard output.
    pub logfile: String,
    /// Where the process's number is written; empty: nowhere.
    pub pidfile: String,
    /// Size of a list's nodes: entries, or when negative the class of bytes, as Valkey counts them.
    pub list_max_listpack_size: i32,
    /// The order of texts that SORT ALPHA answers.
    pub locale_collate: Collation,
    /// Entries up to which a hash is compact.
    pub hash_max_listpack_entries: usize,
    /// Bytes up to which fields and values of a compact hash go.
    pub hash_max_listpack_value: usize,
    /// Members up to which a set of integers is compact.
    pub set_max_intset_entries: usize,
    /// Members up to which another set is compact.
    pub set_max_listpack_entries: usize,
    /// Bytes up to which members of a compact set go.
    pub set_max_listpack_value: usize,
    /// Members up to which a sorted set is compact.
    pub zset_max_listpack_entries: usize,
    /// Bytes up to which members of a compact sorted set go.
    pub zset_max_listpack_value: usize,
    /// Bytes up to which a HyperLogLog is compact.
    pub hll_sparse_max_bytes: usize,
    /// Bytes up to which a stream's node is filled, as Valkey counts them; 0: no limit.
    pub stream_node_max_bytes: usize,
    /// Entries up to which a stream's node is filled; 0: no limit.
    pub stream_node_max_entries: usize,
    /// Affinity rules; see docs/affinity.md.
    pub affinity: Vec<String>,
    /// Whether keys are freed by a background thread when FLUSHALL does not say.
    pub lazyfree_lazy_user_flush: bool,
    /// Whether changes are written to a log, from which they are had back at the next start.
    pub appendonly: bool,
    /// When they must reach the disk.
    pub appendfsync: SyncPolicy,
    /// The folder of the log, inside `dir`.
    pub appenddirname: String,
    /// With what the names of its files begin.
    pub appendfilename: String,
    /// Whether the server starts although the end of a log is missing.
    pub aof_load_truncated: bool,
    /// By how much a log must have grown since it was written anew to be so again, percent; 0: never by itself.
    pub auto_aof_rewrite_percentage: u64,
    /// Below which size that never happens, bytes.
    pub auto_aof_rewrite_min_bytes: u64,
    /// New names of commands; an empty one takes the command away.
    pub renamed_commands: Vec<(String, String)>,
    /// Host and port of the primary of which this is a replica; empty: none.
    pub replicaof: Vec<String>,
    /// The user as which a replica authenticates; empty: the default one.
    pub primaryuser: String,
    /// The password with which a replica authenticates; empty: it does not.
    pub primaryauth: String,
    /// Whether a replica refuses its own clients' writes.
    pub replica_read_only: bool,
    /// Whether a replica answers from its data while it has no link to its primary.
    pub replica_serve_stale_data: bool,
    /// Whether a replica leaves evictions to its primary.
    pub replica_ignore_maxmemory: bool,
    /// The address that a primary tells of this replica; empty: that of the connection.
    pub replica_announce_ip: String,
    /// The port that a primary tells of this replica; 0: the one on which it listens.
    pub replica_announce_port: u16,
    /// How long a primary may be silent, seconds.
    pub repl_timeout_s: u64,
    /// Directives without effect that were set, as CONFIG GET prints them.
    pub inert: BTreeMap<&'static str, Box<str>>,
}

impl Config {
    /// Whether the server is a replica.
    #[inline]
    pub fn is_replica(&self) -> bool {
        !self.replicaof.is_empty()
    }

    /// Tells the log which directives have been set although they have no effect, unless `before` had them.
    pub fn log_without_effect(&self, before: &Config) {
        for (name, why) in self.without_effect() {
            if self.inert.get(name) == before.inert.get(name) {
                continue;
            }
            match why {
                Why::NotYet(what) => log::warn!("Directive {name} has no effect yet: {what}"),
                Why::Moot(reason) => log::info!("Directive {name} has no effect: {reason}"),
            }
        }
    }

    /// Directives that were set to something else than their default although they have no effect.
    pub fn without_effect(&self) -> impl Iterator<Item = (&'static str, Why)> {
        all().filter_map(|directive| match directive.field {
            Field::Inert { default, why } => {
                let text = self.inert.get(directive.name)?;
                (**text != *default).then_some((directive.name, why))
            }
            Field::Live { .. } => None,
        })
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            file: None,
            port: 6379,
            bind: vec!["127.0.0.1".into(), "-::1".into()],
            protected_mode: true,
            unixsocket: None,
            unixsocketperm: 0,
            shards: 0,
            pin_cores: true,
            move_connections: true,
            disable_thp: true,
            metrics_port: 0,
            databases: 16,
            requirepass: String::new(),
            dir: ".".into(),
            timeout_s: 0,
            busy_reply_threshold_ms: 5000,
            tcp_keepalive_s: 300,
            tcp_backlog: 511,
            maxclients: 10_000,
            proto_max_bulk_len: 512 << 20,
            client_query_buffer_limit: 1 << 30,
            client_output_buffer_limit: OutputLimits::default(),
            enable_debug_command: Toggle::No,
            enable_protected_configs: Toggle::No,
            hz: 10,
            active_expire_effort: 1,
            maxmemory_bytes: 0,
            maxmemory_clients: ClientsLimit::default(),
            maxmemory_policy: EvictionPolicy::NoEviction,
            maxmemory_samples: 5,
            maxmemory_eviction_tenacity: 10,
            lfu_log_factor: 10,
            lfu_decay_time_min: 1,
            tracking_table_max_keys: 1_000_000,
            notify_keyspace_events: NotifyEvents::default(),
            loglevel: LogLevel::Notice,
            logfile: String::new(),
            pidfile: String::new(),
            list_max_listpack_size: -2,
            locale_collate: Collation::default(),
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            set_max_intset_entries: 512,
            set_max_listpack_entries: 128,
            set_max_listpack_value: 64,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            hll_sparse_max_bytes: 3000,
            stream_node_max_bytes: 4096,
            stream_node_max_entries: 100,
            affinity: vec!["preset:all".into()],
            lazyfree_lazy_user_flush: true,
            appendonly: false,
            appendfsync: SyncPolicy::EverySecond,
            appenddirname: "appendonlydir".into(),
            appendfilename: "appendonly.aof".into(),
            aof_load_truncated: true,
            auto_aof_rewrite_percentage: 100,
            auto_aof_rewrite_min_bytes: 64 << 20,
            renamed_commands: Vec::new(),
            replicaof: Vec::new(),
            primaryuser: String::new(),
            primaryauth: String::new(),
            replica_read_only: true,
            replica_serve_stale_data: true,
            replica_ignore_maxmemory: true,
            replica_announce_ip: String::new(),
            replica_announce_port: 0,
            repl_timeout_s: 60,
            inert: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests;
