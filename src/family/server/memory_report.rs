//! What MEMORY STATS and MEMORY DOCTOR tell, out of the facts that INFO has.

use std::fmt::Write;

use super::info::Facts;
use crate::protocol::reply::Reply;

/// Data below which nothing is worth saying, bytes.
const TOO_LITTLE_BYTES: i64 = 4 << 20;
/// What the peak may be of what is used now, and memory of the process of what is used in it.
const PEAK_RATIO_MAX: f64 = 1.5;
const RESIDENT_RATIO_MAX: f64 = 1.4;
/// What clients may take on average, bytes.
const CLIENT_BYTES_MAX: i64 = 200 << 10;

/// A line of MEMORY STATS.
enum Figure {
    Bytes(i64),
    Share(f64),
}

use Figure::{Bytes, Share};

fn ratio(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// What stands before the databases.
fn heads(facts: &Facts) -> [(&'static str, Figure); 13] {
    let functions = facts.number("used_memory_functions");
    [
        ("peak.allocated", Bytes(facts.peak_bytes())),
        ("total.allocated", Bytes(facts.used_bytes())),
        ("startup.allocated", Bytes(facts.number("used_memory_startup"))),
        ("replication.backlog", Bytes(0)),
        ("replicas.repl.buffer", Bytes(0)),
        ("clients.slaves", Bytes(0)),
        ("clients.normal", Bytes(facts.number("mem_clients_normal"))),
        ("cluster.links", Bytes(0)),
        ("cluster.slot_import", Bytes(0)),
        ("cluster.slot_export", Bytes(0)),
        ("aof.buffer", Bytes(0)),
        ("lua.caches", Bytes(facts.number("used_memory_scripts_eval"))),
        ("functions.caches", Bytes(functions)),
    ]
}

/// What stands behind them.
fn rest(facts: &Facts) -> [(&'static str, Figure); 21] {
    let (used, resident) = (facts.used_bytes(), facts.number("used_memory_rss"));
    let (dataset, net) = (facts.dataset_bytes(), used - facts.number("used_memory_startup"));
    let keys: i64 = facts.databases.values().map(|[keys, ..]| keys).sum();
    [
        ("overhead.db.hashtable.lut", Bytes(facts.number("corelane_table_bytes"))),
        ("overhead.db.hashtable.rehashing", Bytes(0)),
        ("overhead.total", Bytes(facts.overhead_bytes())),
        ("db.dict.rehashing.count", Bytes(0)),
        ("keys.count", Bytes(keys)),
        ("keys.bytes-per-key", Bytes(net.checked_div(keys).unwrap_or(0))),
        ("dataset.bytes", Bytes(dataset)),
        ("dataset.percentage", Share(100.0 * ratio(dataset, net))),
        ("peak.percentage", Share(100.0 * ratio(used, facts.peak_bytes()))),
        ("allocator.allocated", Bytes(used)),
        ("allocator.active", Bytes(resident)),
        ("allocator.resident", Bytes(resident)),
        ("allocator.muzzy", Bytes(0)),
        ("allocator-fragmentation.ratio", Share(1.0)),
        ("allocator-fragmentation.bytes", Bytes(0)),
        ("allocator-rss.ratio", Share(1.0)),
        ("allocator-rss.bytes", Bytes(0)),
        ("rss-overhead.ratio", Share(1.0)),
        ("rss-overhead.bytes", Bytes(0)),
        ("fragmentation", Share(ratio(resident, used))),
        ("fragmentation.bytes", Bytes(resident - used)),
    ]
}

/// Writes the reply of MEMORY STATS.
pub fn stats(facts: &Facts, reply: &mut Reply) {
    let (heads, rest) = (heads(facts), rest(facts));
    reply.map(heads.len() + facts.databases.len() + rest.len());
    let write = |(name, figure): &(&str, Figure), reply: &mut Reply| {
        reply.bulk(name.as_bytes());
        match figure {
            Bytes(bytes) => reply.int(*bytes),
            Share(share) => reply.double(*share),
        }
    };
    heads.iter().for_each(|line| write(line, reply));
    for (db, numbers) in &facts.databases {
        reply.bulk(format!("db.{db}").as_bytes());
        reply.map(2);
        // Expiries stand in the entries.
        write(&("overhead.hashtable.main", Bytes(numbers[3])), reply);
        write(&("overhead.hashtable.expires", Bytes(0)), reply);
    }
    rest.iter().for_each(|line| write(line, reply));
}

/// Writes the reply of MEMORY DOCTOR.
pub fn doctor(facts: &Facts, reply: &mut Reply) {
    let used = facts.used_bytes();
    let text = if used - facts.number("used_memory_startup") < TOO_LITTLE_BYTES {
        "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in these conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be back to our programming as soon as I finished rebooting.\n".to_owned()
    } else {
        findings(facts)
    };
    reply.verbatim("txt", text.as_bytes());
}

fn findings(facts: &Facts) -> String {
    let (used, resident) = (facts.used_bytes(), facts.number("used_memory_rss"));
    let clients = facts.number("connected_clients");
    let client_bytes = facts.number("mem_clients_normal").checked_div(clients).unwrap_or(0);
    let peak = ratio(facts.peak_bytes(), used);
    let held = ratio(resident, used);
    let mut text = String::new();
    let mut tell = |is_so: bool, line: String| {
        if is_so {
            writeln!(text, " * {line}\n").expect("writing to a string does not fail");
        }
    };
    tell(
        peak > PEAK_RATIO_MAX,
        format!(
            "Peak: {peak:.2} times as much memory was in use before. What was freed since is used again first; MEMORY PURGE gives it back."
        ),
    );
    tell(
        held > RESIDENT_RATIO_MAX && peak <= PEAK_RATIO_MAX,
        format!(
            "Fragmentation: the process holds {held:.2} times the memory that is in use. MEMORY PURGE may give some of it back."
        ),
    );
    tell(
        client_bytes > CLIENT_BYTES_MAX,
        format!(
            "Clients: buffers of {client_bytes} bytes a client on average wait to be read or sent. Some clients send faster than they read."
        ),
    );
    if text.is_empty() {
        return "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n".into();
    }
    format!(
        "Sam, I detected a few issues in this Valkey instance memory implants:\n\n{text}I'm here to keep you safe, Sam. I want to help you.\n"
    )
}
