//! The configuration: typed values, one per directive. Knows no command and no thread.

/// What the server was told; every shard has a copy.
#[derive(Clone, Debug)]
pub struct Config {
    /// TCP port; 0 listens on none.
    pub port: u16,
    /// Addresses to listen on; a leading `-` makes one optional.
    pub bind: Vec<String>,
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
    /// Logical databases.
    pub databases: usize,
    /// The default user's password; empty: none needed.
    pub requirepass: String,
    /// Working directory.
    pub dir: String,
    /// Idle seconds after which clients are closed; 0: never.
    pub timeout_s: u64,
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
    /// DEBUG allowed: `yes`, `no` or `local`.
    pub enable_debug_command: Toggle,
    /// Cron runs a second.
    pub hz: u32,
    /// Affinity rules: `preset:bullmq`, `prefix*:...`; see docs.
    pub affinity: Vec<String>,
    /// Whether keys are freed by a background thread when FLUSHALL does not say.
    pub lazyfree_lazy_user_flush: bool,
}

/// A directive of three values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toggle {
    /// Always.
    Yes,
    /// Never.
    No,
    /// For local connections.
    Local,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            port: 6379,
            bind: vec!["127.0.0.1".into(), "-::1".into()],
            unixsocket: None,
            unixsocketperm: 0,
            shards: 0,
            pin_cores: true,
            move_connections: true,
            databases: 16,
            requirepass: String::new(),
            dir: ".".into(),
            timeout_s: 0,
            tcp_keepalive_s: 300,
            tcp_backlog: 511,
            maxclients: 10_000,
            proto_max_bulk_len: 512 << 20,
            client_query_buffer_limit: 1 << 30,
            enable_debug_command: Toggle::No,
            hz: 10,
            affinity: vec!["preset:bullmq".into()],
            lazyfree_lazy_user_flush: true,
        }
    }
}
