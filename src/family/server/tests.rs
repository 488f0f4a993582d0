//! Tests of the commands on the server: replies, errors and effects as Valkey's.

use crate::family::testing::sessions::Sessions;

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
