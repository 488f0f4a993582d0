//! What a client that caches must hear when the server, and no other client, ends what it has read.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::server::{Client, Server};

const KEYS: usize = 40;
/// For how long a reader may hear of nothing.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server with the keys, and a client that has written them.
fn filled(options: &[&str]) -> (Server, Client<TcpStream>) {
    let server = Server::start(options);
    let mut writer = server.connect();
    write(&mut writer, "");
    (server, writer)
}

/// Sets each key.
fn write(writer: &mut Client<TcpStream>, options: &str) {
    (0..KEYS).for_each(|key| assert_eq!(writer.ask(&format!("SET key{key} v {options}")), "+OK"));
}

/// Reads each key.
fn read(reader: &mut Client<TcpStream>) {
    (0..KEYS).for_each(|key| reader.send(&format!("GET key{key}\r\n")));
}

/// A client that tracks all it reads, and has read the keys.
fn reader(server: &Server) -> Client<TcpStream> {
    let mut reader = server.connect();
    reader.send("HELLO 3\r\nCLIENT TRACKING ON\r\n");
    assert_eq!(told(&mut reader).len(), 0);
    read(&mut reader);
    reader
}

/// Waits until the reader was told of so many keys.
fn wait_until_told(reader: &mut Client<TcpStream>, count: usize) {
    let begun = Instant::now();
    let mut gone = BTreeSet::new();
    while gone.len() < count && begun.elapsed() < PATIENCE {
        gone.extend(told(reader));
    }
    assert_eq!(gone.len(), count);
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
        let (server, mut writer) = filled(&["--shards", shards, "--tracking-table-max-keys", "10"]);
        let mut reader = reader(&server);
        let gone = told(&mut reader);
        assert_eq!(gone.len(), KEYS - 10, "{shards} shards: {gone:?}");
        // Of the others it still hears when they change, of these not.
        write(&mut writer, "");
        let changed = told(&mut reader);
        assert_eq!(changed.len(), 10, "{shards} shards: {changed:?}");
        assert!(changed.is_disjoint(&gone));
        // A limit that is lowered holds for what is tracked already, in time.
        assert_eq!(writer.ask("CONFIG SET tracking-table-max-keys 100"), "+OK");
        read(&mut reader);
        assert_eq!(told(&mut reader).len(), 0);
        assert_eq!(writer.ask("CONFIG SET tracking-table-max-keys 1"), "+OK");
        wait_until_told(&mut reader, KEYS - 1);
    }
}

#[test]
fn readers_hear_of_keys_that_are_evicted_or_expire() {
    for shards in ["1", "2", "4"] {
        let (server, mut writer) = filled(&["--shards", shards, "--maxmemory-policy", "allkeys-random"]);
        let mut first = reader(&server);
        assert_eq!(told(&mut first).len(), 0);
        // No more than nothing: all of them are evicted.
        assert_eq!(writer.ask("CONFIG SET maxmemory 1"), "+OK");
        wait_until_told(&mut first, KEYS);
        assert_eq!(writer.ask("CONFIG SET maxmemory 0"), "+OK");
        assert_eq!(writer.ask("DBSIZE"), ":0");
        // Longer on a machine that is so busy that some are gone before they are read.
        let in_time = |ttl_ms| {
            write(&mut writer, &format!("PX {ttl_ms}"));
            let mut second = reader(&server);
            (told(&mut second).is_empty() && writer.ask("DBSIZE") == format!(":{KEYS}")).then_some(second)
        };
        let mut second = [100, 500, 2500, 12500]
            .into_iter()
            .find_map(in_time)
            .expect("they are read before they expire");
        wait_until_told(&mut second, KEYS);
    }
}
