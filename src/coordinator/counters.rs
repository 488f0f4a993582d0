//! What one core counts, by INFO field.

/// Counters of one core; INFO sums them over cores.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Commands started.
    pub commands: u64,
    /// Connections accepted.
    pub connections_received: u64,
    /// Bytes read.
    pub received_bytes: u64,
    /// Bytes written.
    pub sent_bytes: u64,
    /// Requests refused.
    pub errors: u64,
    /// Clients closed since they did not read what was sent to them.
    pub output_limit_disconnections: u64,
    /// Clients closed since all clients took too much together.
    pub evicted_clients: u64,
    /// Commands sent to another core.
    pub forwarded: u64,
    /// Groups of pipelined commands over several cores.
    pub groups: u64,
    /// Those of them over more than two.
    pub groups_wide: u64,
    /// Those that had to be split.
    pub groups_split: u64,
    /// Series of pipelined commands over several cores, each one transaction.
    pub series: u64,
    /// Those of them that were left only their first command.
    pub series_shortened: u64,
    /// Transactions over several cores.
    pub transactions: u64,
    /// Those of them that took all keyspaces to serve clients that waited on several cores.
    pub transactions_widened: u64,
    /// Connections that moved to another core.
    pub connections_moved: u64,
    /// Times that a script began again because it touched keys which were not where it ran.
    pub scripts_restarted: u64,
}

impl Counters {
    /// Adds what another has counted for the same core.
    pub fn absorb(&mut self, other: &Counters) {
        self.commands += other.commands;
        self.connections_received += other.connections_received;
        self.received_bytes += other.received_bytes;
        self.sent_bytes += other.sent_bytes;
        self.errors += other.errors;
        self.connections_moved += other.connections_moved;
    }

    /// What pipelines have been made into.
    pub fn pipelines(&self) -> Pipelines {
        Pipelines {
            groups: self.groups,
            groups_wide: self.groups_wide,
            groups_split: self.groups_split,
            series: self.series,
            series_shortened: self.series_shortened,
        }
    }

    /// Each with its INFO field name.
    pub fn fields(&self) -> [(&'static str, i64); 17] {
        [
            ("total_commands_processed", self.commands as i64),
            ("total_connections_received", self.connections_received as i64),
            ("total_net_input_bytes", self.received_bytes as i64),
            ("total_net_output_bytes", self.sent_bytes as i64),
            ("total_error_replies", self.errors as i64),
            (
                "client_output_buffer_limit_disconnections",
                self.output_limit_disconnections as i64,
            ),
            ("evicted_clients", self.evicted_clients as i64),
            ("corelane_forwarded_commands", self.forwarded as i64),
            ("corelane_groups", self.groups as i64),
            ("corelane_groups_wide", self.groups_wide as i64),
            ("corelane_groups_split", self.groups_split as i64),
            ("corelane_series", self.series as i64),
            ("corelane_series_shortened", self.series_shortened as i64),
            ("corelane_cross_shard_transactions", self.transactions as i64),
            ("corelane_widened_transactions", self.transactions_widened as i64),
            ("corelane_moved_connections", self.connections_moved as i64),
            ("corelane_scripts_restarted", self.scripts_restarted as i64),
        ]
    }
}

/// What pipelined commands over several shards have been made into.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pipelines {
    /// Groups of commands of several shards in turns.
    pub groups: u64,
    /// Those of more than two.
    pub groups_wide: u64,
    /// Those that had to be split.
    pub groups_split: u64,
    /// Series of commands over several shards each.
    pub series: u64,
    /// Those that were left only their first command.
    pub series_shortened: u64,
}

impl std::ops::Add for Pipelines {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Pipelines {
            groups: self.groups + other.groups,
            groups_wide: self.groups_wide + other.groups_wide,
            groups_split: self.groups_split + other.groups_split,
            series: self.series + other.series,
            series_shortened: self.series_shortened + other.series_shortened,
        }
    }
}
