//! What a client that caches must hear when the server, and no other client, ends what it has read.

use std::collections::BTreeSet;
use std::net::TcpStream;

use super::server::{Client, Server};

const KEYS: usize = 40;

/// A client that tracks all it reads, and has read the keys.
fn reader(server: &Server) -> Client<TcpStream> {
    let mut reader = server.connect();
    let hello = reader.ask("HELLO 3");
    let pairs: usize = hello[1..].parse().expect("a map has a length");
    // The last field is a list, which is empty.
    let mut lines = 0;
    while lines == 0 || !matches!(reader.line().as_str(), "*0") {
        lines += 1;
    }
    assert!(pairs > 0 && lines > 0);
    assert_eq!(reader.ask("CLIENT TRACKING ON"), "+OK");
    for key in 0..KEYS {
        reader.send(&format!("GET key{key}\r\n"));
    }
    reader
}

/// The keys that the reader was told of before the answer to its PING.
fn told(reader: &mut Client<TcpStream>) -> BTreeSet<String> {
    reader.send("PING\r\n");
    let mut told = BTreeSet::new();
    loop {
        match reader.line().as_str() {
            "+PONG" => return told,
            ">2" => {
                let message: Vec<String> = (0..5).map(|_| reader.line()).collect();
                assert_eq!(message[..3], ["$10", "invalidate", "*1"]);
                assert!(told.insert(message[4].clone()), "{} is told once", message[4]);
            }
            _ => {}
        }
    }
}

#[test]
fn readers_hear_of_keys_that_are_not_tracked_any_more() {
    for shards in ["1", "2", "4"] {
        let server = Server::start(&["--shards", shards, "--tracking-table-max-keys", "10"]);
        let mut writer = server.connect();
        (0..KEYS).for_each(|key| assert_eq!(writer.ask(&format!("SET key{key} v")), "+OK"));
        let mut reader = reader(&server);
        let gone = told(&mut reader);
        assert_eq!(gone.len(), KEYS - 10, "{shards} shards: {gone:?}");
        // Of the others it still hears when they change, of these not.
        (0..KEYS).for_each(|key| assert_eq!(writer.ask(&format!("SET key{key} w")), "+OK"));
        let changed = told(&mut reader);
        assert_eq!(changed.len(), 10, "{shards} shards: {changed:?}");
        assert!(changed.is_disjoint(&gone));
        // A limit that is lowered holds for what is tracked already, in time.
        assert_eq!(writer.ask("CONFIG SET tracking-table-max-keys 100"), "+OK");
        (0..KEYS).for_each(|key| reader.send(&format!("GET key{key}\r\n")));
        assert_eq!(told(&mut reader).len(), 0);
        assert_eq!(writer.ask("CONFIG SET tracking-table-max-keys 1"), "+OK");
        let mut gone = BTreeSet::new();
        while gone.len() < KEYS - 1 {
            gone.extend(told(&mut reader));
        }
        assert_eq!(gone.len(), KEYS - 1);
    }
}

#[test]
fn readers_hear_of_keys_that_are_evicted_or_expire() {
    for shards in ["1", "2", "4"] {
        let server = Server::start(&["--shards", shards, "--maxmemory-policy", "allkeys-random"]);
        let mut writer = server.connect();
        (0..KEYS).for_each(|key| assert_eq!(writer.ask(&format!("SET key{key} v")), "+OK"));
        let mut first = reader(&server);
        assert_eq!(told(&mut first).len(), 0);
        // No more than nothing: all of them are evicted.
        assert_eq!(writer.ask("CONFIG SET maxmemory 1"), "+OK");
        let mut gone = BTreeSet::new();
        while gone.len() < KEYS {
            gone.extend(told(&mut first));
        }
        assert_eq!(writer.ask("CONFIG SET maxmemory 0"), "+OK");
        assert_eq!(writer.ask("DBSIZE"), ":0");
        (0..KEYS).for_each(|key| assert_eq!(writer.ask(&format!("SET key{key} v PX 50")), "+OK"));
        let mut second = reader(&server);
        let mut gone = BTreeSet::new();
        while gone.len() < KEYS {
            gone.extend(told(&mut second));
        }
    }
}
