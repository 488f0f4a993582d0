//! Clients that send garbage, or half of what they announce, or do not read: they cost bounded memory and harm nobody else.

use std::io::Write;
use std::time::Duration;

use super::server::Server;

/// What a server may take for clients that misbehave, bytes.
const MEMORY_MAX: u64 = 64 << 20;

fn growth(server: &Server, before: u64) -> u64 {
    server.memory_bytes().saturating_sub(before)
}

#[test]
fn garbage_is_answered_with_an_error_and_the_end() {
    let server = Server::start(&["--shards", "2"]);
    let mut other = server.connect();
    let before = server.memory_bytes();
    let long_line = "x".repeat(100_000);
    let cases = [
        ("*3\r\n+GET\r\n", "-ERR Protocol error: expected '$', got '+'"),
        ("*1\r\n$-7\r\n", "-ERR Protocol error: invalid bulk length"),
        (
            "*1\r\n$99999999999999999999\r\n",
            "-ERR Protocol error: invalid bulk length",
        ),
        ("*2147483648\r\n", "-ERR Protocol error: invalid multibulk length"),
        ("*x\r\n", "-ERR Protocol error: invalid multibulk length"),
        (
            "SET \"key value\r\n",
            "-ERR Protocol error: unbalanced quotes in request",
        ),
        (long_line.as_str(), "-ERR Protocol error: too big inline request"),
    ];
    for round in 0..50 {
        for (garbage, error) in cases {
            let mut client = server.connect();
            // The server may close before it has read all.
            let _cut_off = client.stream().write_all(garbage.as_bytes());
            assert_eq!(client.line(), error);
            assert!(client.is_at_end(), "{error}");
        }
        assert_eq!(other.ask(&format!("SET key {round}")), "+OK");
    }
    let grown = growth(&server, before);
    assert!(grown < MEMORY_MAX, "{grown}");
}

#[test]
fn half_of_what_was_announced_takes_what_was_sent() {
    let server = Server::start(&["--shards", "2"]);
    let mut other = server.connect();
    let before = server.memory_bytes();
    // Together they announce 100 GB of words, and a billion words.
    let mut clients: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for (at, client) in clients.iter_mut().enumerate() {
        client.send(match at % 2 {
            0 => "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$536870912\r\nbeginning",
            _ => "*10000000\r\n$4\r\nMSET\r\n$1\r\n",
        });
    }
    for round in 0..1000 {
        assert_eq!(other.ask(&format!("SET key {round}")), "+OK");
    }
    let grown = growth(&server, before);
    assert!(grown < MEMORY_MAX, "{grown}");
}

#[test]
fn a_client_that_does_not_read_waits_with_what_it_has_asked() {
    for shards in ["1", "2"] {
        let server = Server::start(&["--shards", shards]);
        let mut other = server.connect();
        let keys = ["a", "b", "c", "d"];
        for key in keys {
            assert_eq!(other.ask(&format!("SETRANGE {key} 99999 {key}")), ":100000");
        }
        let before = server.memory_bytes();
        let mut deaf = server.connect();
        let timeout = Some(Duration::from_millis(300));
        deaf.stream().set_write_timeout(timeout).expect("it is not zero");
        // A gigabyte of replies in the end.
        let requests: String = keys.map(|key| format!("GET {key}\r\n")).concat();
        let rounds = (0..2500)
            .take_while(|_| deaf.stream().write_all(requests.as_bytes()).is_ok())
            .count();
        for _ in 0..1000 {
            assert_eq!(other.ask("GET a").len(), "$100000".len());
            other.line();
        }
        let grown = growth(&server, before);
        assert!(grown < MEMORY_MAX, "{shards} shards: {grown}");
        for _ in 0..rounds {
            for key in keys {
                assert_eq!(deaf.line(), "$100000");
                let value = deaf.line();
                assert!(
                    value.len() == 100_000 && value.ends_with(key),
                    "replies are whole and in order"
                );
            }
        }
        drop(deaf);
        assert_eq!(other.ask("PING"), "+PONG");
    }
}
