//! Tests of the commands on the server: replies, errors and effects as Valkey's.

use crate::base::id::DbIndex;
use crate::family::testing::Bench;
use crate::family::testing::sessions::Sessions;
use crate::keyspace::Entry;

#[test]
fn config_get_answers_names_and_aliases() {
    Sessions::new(1).check(&[
        ("config get hz", "*2|$2|hz|$2|10|"),
        ("config get HZ h?", "*2|$2|HZ|$2|10|"),
        ("config get nothing", "*0|"),
        (
            "config get min-*-to-write",
            "*4|$21|min-replicas-to-write|$1|0|$19|min-slaves-to-write|$1|0|",
        ),
        ("config get", "-ERR wrong number of arguments for 'config|get' command|"),
        ("config foo", "-ERR unknown subcommand 'foo'. Try CONFIG HELP.|"),
        ("hello 3", "%7|$6|server|$6|valkey|$7|version|$5|9.1.2|$5|proto|:3|$2|id|:1|$4|mode|$10|standalone|$4|role|$6|master|$7|modules|*0|"),
        ("config get hz", "%1|$2|hz|$2|10|"),
    ]);
}

#[test]
fn config_set_changes_all_or_nothing() {
    let failed = |name: &str, reason: &str| {
        format!("-ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}|")
    };
    let mut sessions = Sessions::new(1);
    sessions.check(&[
        ("config set hz 20 maxmemory 1k", "+OK|"),
        ("config get hz maxmemory", "*4|$2|hz|$2|20|$9|maxmemory|$4|1000|"),
        (
            "config set hz 30 maxmemory foo",
            &failed("maxmemory", "argument must be a memory value"),
        ),
        ("config set hz 30 maxmemory", "-ERR syntax error|"),
        (
            "config set nope 1",
            "-ERR Unknown option or number of arguments for CONFIG SET - 'nope'|",
        ),
        (
            "config set hz x nope 1",
            "-ERR Unknown option or number of arguments for CONFIG SET - 'nope'|",
        ),
        ("config set hz 30 hz 40", &failed("hz", "duplicate parameter")),
        (
            "config set hz 30 daemonize yes",
            &failed("daemonize", "can't set immutable config"),
        ),
        (
            "config set hz 30 dbfilename x",
            &failed("dbfilename", "can't set protected config"),
        ),
        (
            "config set slave-priority x",
            &failed("slave-priority", "argument couldn't be parsed into an integer"),
        ),
        ("config set hz \"\\xff\"", &failed("hz", "argument must be UTF-8 text")),
        (
            "config set hz",
            "-ERR wrong number of arguments for 'config|set' command|",
        ),
        ("config get hz", "*2|$2|hz|$2|20|"),
        ("config rewrite", "-ERR The server is running without a config file|"),
        ("config resetstat", "+OK|"),
    ]);
    assert_eq!(sessions.deeds, ["reset counters"]);
    assert!(
        sessions
            .run(1, "config help")
            .starts_with("*11|+CONFIG <subcommand> [<arg> [value] [opt] ...].")
    );
}

#[test]
fn the_clock_and_the_role_are_told() {
    Sessions::new(1).check(&[
        ("time", "*2|$10|1750000000|$1|0|"),
        ("role", "*3|$6|master|:0|*0|"),
        ("time x", "-ERR wrong number of arguments for 'time' command|"),
    ]);
}

#[test]
fn info_tells_sections_in_order() {
    let mut sessions = Sessions::new(2);
    let titles = |text: &str| -> Vec<String> {
        let titles = text.split('|').filter_map(|line| line.strip_prefix("# "));
        titles.map(str::to_owned).collect()
    };
    let all = sessions.run(1, "info all");
    let by_default = sessions.run(1, "info");
    assert_eq!(titles(&sessions.run(1, "info everything")), titles(&all));
    assert_eq!(titles(&sessions.run(1, "info server default")), titles(&by_default));
    assert_eq!(
        titles(&by_default).join(" "),
        "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Corelane Keyspace"
    );
    assert_eq!(titles(&all).len(), titles(&by_default).len() + 5);
    assert_eq!(
        titles(&sessions.run(1, "info stats CLIENTS nonsense")).join(" "),
        "Clients Stats"
    );
    sessions.check(&[
        ("info nonsense", "$0||"),
        ("info cluster", "$30|# Cluster|cluster_enabled:0||"),
    ]);
    sessions.client(1).resp = crate::protocol::reply::Resp::V3;
    assert_eq!(sessions.run(1, "info cluster"), "=34|txt:# Cluster|cluster_enabled:0||");
}

#[test]
fn memory_stats_names_each_figure_and_each_database() {
    let mut sessions = Sessions::new(1);
    sessions.keyspace.db_mut(DbIndex(0)).insert(Entry::string(b"k", b"v"));
    let told = sessions.run(1, "memory stats");
    let head = "*70|$14|peak.allocated|:";
    assert!(told.starts_with(head), "{told}");
    for part in [
        "|$17|startup.allocated|:0|$19|replication.backlog|:0|",
        "|$4|db.0|*4|$23|overhead.hashtable.main|:",
        "|$10|keys.count|:1|$18|keys.bytes-per-key|:",
        "|$13|fragmentation|$",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    sessions.run(1, "hello 3");
    assert!(sessions.run(1, "memory stats").starts_with("%35|$14|peak.allocated|:"));
    assert_eq!(sessions.run(1, "memory purge"), "+OK|");
    assert_eq!(sessions.deeds, ["purge memory"]);
    let told = sessions.run(1, "memory doctor");
    assert!(told.contains("|txt:Hi Sam, this instance is empty"), "{told}");
}

#[test]
fn info_tells_numbers_and_facts() {
    let mut sessions = Sessions::new(3);
    sessions.client(2).channels.insert(b"news"[..].into());
    sessions.client(3).input_bytes = 99;
    sessions.config.maxmemory_bytes = 3 << 19;
    sessions
        .keyspace
        .db_mut(DbIndex(3))
        .insert(Entry::string(b"key", b"value"));
    let info = sessions.run(1, "info all");
    for line in [
        "connected_clients:3",
        "pubsub_clients:1",
        "client_recent_max_input_buffer:99",
        "maxmemory:1572864",
        "maxmemory_human:1.50M",
        "maxmemory_policy:noeviction",
        "tcp_port:6379",
        "process_id:7",
        "uptime_in_days:0",
        "db3:keys=1,expires=0,avg_ttl=0,keys_with_volatile_items=0",
        "corelane_shards:1",
    ] {
        assert!(info.contains(&format!("|{line}|")), "{line} in {info}");
    }
    let mut names: Vec<&str> = info
        .split('|')
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name)
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "every field is told once");
}

#[test]
fn debug_serves_tests() {
    let mut sessions = Sessions::new(1);
    sessions.check(&[
        ("debug error 'MY error'", "-MY error|"),
        ("debug sleep 0", "+OK|"),
        ("debug sleep x", "+OK|"),
        ("debug sleep -1", "+OK|"),
        ("debug set-active-expire 0", "+OK|"),
        ("debug set-active-expire 1", "+OK|"),
        ("debug nonsense", "-ERR unknown subcommand 'nonsense'. Try DEBUG HELP.|"),
    ]);
    assert_eq!(sessions.deeds, ["active expire false", "active expire true"]);
    let mut bench = Bench::new();
    bench.check(&[("debug object a", "-ERR no such key|"), ("set a 1", "+OK|")]);
    let object = bench.run("debug object a");
    assert!(object.contains(" encoding:int serializedlength:"), "{object}");
}

#[test]
fn memory_of_a_key_is_told() {
    let mut bench = Bench::new();
    bench.check(&[
        ("memory usage a", "$-1|"),
        (
            "memory usage a samples x",
            "-ERR value is not an integer or out of range|",
        ),
        ("memory usage a samples -1", "-ERR syntax error|"),
        ("memory usage a samples", "-ERR syntax error|"),
        ("memory usage a nonsense 1", "-ERR syntax error|"),
        ("set a 1", "+OK|"),
    ]);
    let bytes = |reply: String| -> usize {
        let digits = reply.trim_start_matches(':').trim_end_matches('|');
        digits.parse().expect("a number of bytes")
    };
    let small = bytes(bench.run("memory usage a samples 5"));
    bench.run(&format!("set a {}", "x".repeat(5000)));
    let large = bytes(bench.run("memory usage a"));
    assert!(small > 0 && large > 5000, "{small} {large}");
}
