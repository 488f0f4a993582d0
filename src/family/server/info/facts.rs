//! What INFO is made of: each shard's numbers, and once the facts of the process and the configuration.

use std::collections::BTreeMap;

use crate::base::id::{DbIndex, ShardId};
use crate::command::{Local, Part};

/// The numbers of all shards together, and the texts.
pub struct Facts {
    texts: BTreeMap<&'static str, String>,
    numbers: BTreeMap<&'static str, i64>,
    /// By database: keys, keys that expire, hashes of which a field expires, bytes of tables.
    pub databases: BTreeMap<i64, [i64; 4]>,
    /// By shard: its own numbers.
    pub shards: Vec<BTreeMap<&'static str, i64>>,
}

impl Facts {
    /// What the parts of all shards come to.
    pub fn new(parts: &[Part]) -> Self {
        let mut facts = Facts {
            texts: BTreeMap::new(),
            numbers: BTreeMap::new(),
            databases: BTreeMap::new(),
            shards: Vec::new(),
        };
        for part in parts {
            facts.texts.extend(part.texts.iter().cloned());
            for (name, number) in &part.fields {
                let total = facts.numbers.entry(*name).or_default();
                *total = if name.contains("_max_") {
                    (*total).max(*number)
                } else {
                    *total + *number
                };
            }
            for database in part.numbers.chunks_exact(5) {
                let totals = facts.databases.entry(database[0]).or_default();
                for (total, number) in totals.iter_mut().zip(&database[1..]) {
                    *total += number;
                }
            }
            facts.shards.push(part.fields.iter().copied().collect());
        }
        facts
    }

    /// One shard's contribution.
    pub fn part(local: &mut dyn Local) -> Part {
        let mut part = Part::default();
        local.counters(&mut part.fields);
        sessions(local, &mut part);
        keys(local, &mut part);
        if local.shard() == ShardId(0) {
            local.facts(&mut part.texts);
            if local.config().is_replica() {
                let now = local.now();
                local.primary_link().tell(now, &mut part.texts);
            }
            configuration(local, &mut part);
        }
        part
    }

    /// What is in use: what the process took before it had data, entries with their tables, connections and scripts.
    pub fn used_bytes(&self) -> i64 {
        self.overhead_bytes() + self.dataset_bytes()
    }

    /// What is in use beside entries.
    pub fn overhead_bytes(&self) -> i64 {
        let others = [
            "used_memory_startup",
            "corelane_table_bytes",
            "mem_clients_normal",
            "used_memory_vm_eval",
        ];
        others.iter().map(|name| self.number(name)).sum::<i64>() + self.script_bytes()
    }

    /// What entries take.
    pub fn dataset_bytes(&self) -> i64 {
        self.number("corelane_used_bytes") - self.number("corelane_table_bytes")
    }

    /// What texts of scripts and libraries take.
    pub fn script_bytes(&self) -> i64 {
        self.number("used_memory_scripts_eval") + self.number("used_memory_functions")
    }

    /// The most that was ever in use.
    pub fn peak_bytes(&self) -> i64 {
        self.number("used_memory_rss_peak").max(self.used_bytes())
    }

    /// A text or a number as text; none when nobody told it.
    pub fn text(&self, name: &str) -> Option<String> {
        let text = self.texts.get(name).cloned();
        text.or_else(|| self.numbers.get(name).map(i64::to_string))
    }

    /// A number; 0 when nobody told it.
    pub fn number(&self, name: &str) -> i64 {
        let text = || self.texts.get(name)?.parse().ok();
        self.numbers.get(name).copied().or_else(text).unwrap_or(0)
    }
}

fn sessions(local: &mut dyn Local, part: &mut Part) {
    let (mut subscribers, mut watching, mut watched) = (0, 0, 0);
    let (mut input_max, mut output_max) = (0, 0);
    let mut bytes = 0;
    local.each_session(&mut |session| {
        subscribers += i64::from(session.is_subscriber());
        watching += i64::from(!session.watched.is_empty());
        watched += session.watched.len() as i64;
        input_max = input_max.max(session.input_bytes);
        output_max = output_max.max(session.output_bytes);
        bytes += size_of_val(session) + session.input_bytes + session.output_bytes;
    });
    part.fields.extend([
        ("pubsub_clients", subscribers),
        ("watching_clients", watching),
        ("total_watched_keys", watched),
        ("client_recent_max_input_buffer", input_max as i64),
        ("client_recent_max_output_buffer", output_max as i64),
        ("mem_clients_normal", bytes as i64),
    ]);
}

fn keys(local: &mut dyn Local, part: &mut Part) {
    let Some(space) = local.keyspace() else { return };
    let (mut used, mut tables, mut keys) = (0, 0, 0);
    for index in 0..space.databases() {
        let db = space.db(DbIndex(index as u32));
        used += db.used_bytes();
        tables += db.table_bytes();
        keys += db.len();
        if !db.is_empty() {
            let counted = [
                index,
                db.len(),
                db.volatile_len(),
                db.volatile_hashes_len(),
                db.table_bytes(),
            ];
            part.numbers.extend(counted.map(|number| number as i64));
        }
    }
    part.fields.extend([
        ("corelane_used_bytes", used as i64),
        ("corelane_table_bytes", tables as i64),
        ("corelane_keys", keys as i64),
    ]);
}

fn configuration(local: &mut dyn Local, part: &mut Part) {
    let (shards, now) = (local.shards(), local.now());
    let config = local.config();
    let texts = [
        ("tcp_port", config.port.to_string()),
        ("hz", config.hz.to_string()),
        ("maxclients", config.maxclients.to_string()),
        ("maxmemory", config.maxmemory_bytes.to_string()),
        ("config_file", config.file.clone().unwrap_or_default()),
        ("server_time_usec", now.unix_us.to_string()),
        ("corelane_shards", shards.to_string()),
    ];
    part.texts.extend(texts);
    if let [host, port] = config.replicaof.as_slice() {
        part.texts.push(("role", "slave".to_owned()));
        part.texts.push(("master_host", host.clone()));
        part.texts.push(("master_port", port.clone()));
        let read_only = u8::from(config.replica_read_only);
        part.texts.push(("slave_read_only", read_only.to_string()));
    }
    for name in ["maxmemory-policy", "availability-zone", "replica-priority"] {
        let directive = crate::config::find(name).expect("the directive is in the table");
        part.texts.push((directive.name, directive.text(config)));
    }
}
