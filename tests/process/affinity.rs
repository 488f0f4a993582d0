//! Affinity rules that change while the server runs.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::server::{Client, Server};

const RULES: [&str; 3] = ["jobs:*", "'preset:all jobs:?:{*}'", "''"];

fn shard_of(client: &mut Client<std::net::TcpStream>, key: &str) -> String {
    let mut lines = vec![client.ask(&format!("CORELANE ROUTE {key}"))];
    while lines.len() < 2 || lines[lines.len() - 2] != "rule" && lines.last().is_none_or(|line| line != "rule") {
        lines.push(client.line());
    }
    client.line();
    client.line();
    let at = lines.iter().position(|line| line == "shard").expect("it is told");
    lines[at + 1].clone()
}

fn set(client: &mut Client<std::net::TcpStream>, rules: &str) -> String {
    client.ask(&format!("CONFIG SET affinity {rules}"))
}

#[test]
fn rules_change_only_while_there_are_no_keys_and_nobody_waits() {
    for shards in ["1", "2", "4"] {
        let server = Server::start(&["--shards", shards, "--databases", "16"]);
        let (mut one, mut other) = (server.connect(), server.connect());
        assert_eq!([other.ask("SELECT 3"), other.ask("SET a 1")], ["+OK", "+OK"]);
        assert!(set(&mut one, "jobs:*").starts_with("-ERR affinity rules can only be changed while there are no keys"));
        assert_eq!(one.ask("CONFIG GET affinity"), "*2");
        assert_eq!([(); 4].map(|()| one.line()), ["$8", "affinity", "$10", "preset:all"]);
        assert_eq!([other.ask("DEL a"), other.ask("SELECT 0")], [":1", "+OK"]);
        other.send("BLPOP jobs:a jobs:b jobs:c 0\r\n");
        while !set(&mut one, "preset:all").contains("only be changed while no client is blocked") {}
        assert_eq!(one.ask("RPUSH jobs:b x"), ":1");
        assert_eq!([(); 5].map(|()| other.line()), ["*2", "$6", "jobs:b", "$1", "x"]);
        // What is watched counts as changed, whether its transaction begins before or after.
        assert_eq!([other.ask("WATCH jobs:a b"), other.ask("MULTI")], ["+OK", "+OK"]);
        assert_eq!(other.ask("PING"), "+QUEUED");
        assert!(set(&mut one, "'*jobs'*").starts_with("-ERR"));
        assert!(set(&mut one, "a*b").contains("related to argument 'affinity'"));
        assert_eq!(set(&mut one, "jobs:*"), "+OK");
        assert_eq!(other.ask("EXEC"), "*-1");
        assert_eq!(one.ask("CONFIG GET affinity"), "*2");
        assert_eq!([(); 4].map(|()| one.line()), ["$8", "affinity", "$6", "jobs:*"]);
        let shards: Vec<String> = (0..20)
            .map(|at| shard_of(&mut one, &format!("jobs:mail:{at}")))
            .collect();
        assert!(shards.iter().all(|shard| *shard == shards[0]), "{shards:?}");
        // In a transaction too, which may empty the databases first.
        assert_eq!([one.ask("SET x 1"), one.ask("MULTI")], ["+OK", "+OK"]);
        assert_eq!(set(&mut one, "''"), "+QUEUED");
        assert_eq!(
            [one.ask("FLUSHALL"), set(&mut one, "''"), one.ask("SET y 2")],
            ["+QUEUED"; 3]
        );
        assert_eq!(one.ask("EXEC"), "*4");
        assert!(one.line().starts_with("-ERR affinity rules"));
        assert_eq!([one.line(), one.line(), one.line()], ["+OK"; 3]);
        assert_eq!(
            [other.ask("SELECT 0"), other.ask("GET y"), other.line()],
            ["+OK", "$1", "2"]
        );
    }
}

#[test]
fn a_rewritten_file_keeps_the_rules() {
    let server = Server::start(&["--shards", "2"]);
    let without = server.connect().ask("CONFIG REWRITE");
    assert_eq!(without, "-ERR The server is running without a config file");
    let file = server.dir.join("corelane.conf");
    fs::write(&file, "# ours\naffinity preset:all\n").expect("the folder is writable");
    let options = [file.to_str().expect("it is plain text"), "--shards", "2"];
    let rules = "preset:bull jobs:?:{*} *\u{6}\u{16}";
    // Its folder, which it puts into the file, stays until it is dropped.
    let rewriting = Server::start(&options);
    let mut client = rewriting.connect();
    assert_eq!(set(&mut client, &format!("'{rules}'")), "+OK");
    assert_eq!(client.ask("CONFIG REWRITE"), "+OK");
    let text = fs::read_to_string(&file).expect("it was rewritten");
    assert!(text.starts_with("# ours\naffinity preset:bull "), "{text}");
    let again = Server::start(&options);
    let mut client = again.connect();
    assert_eq!(client.ask("CONFIG GET affinity"), "*2");
    assert_eq!([(); 4].map(|()| client.line())[3], rules);
}

/// Sets a key, finds it and deletes it, over and over, until told to end; and asks for several keys that do not exist.
fn set_and_find(server: &Server, at: usize, ends: &AtomicBool) {
    let mut client = server.connect();
    let refused = |line: &str| line.starts_with("-TRYAGAIN ");
    for round in 0.. {
        if ends.load(Ordering::Relaxed) {
            return;
        }
        let key = format!("jobs:{at}:{round}");
        let set = client.ask(&format!("SET {key} 1"));
        assert!(set == "+OK" || refused(&set), "{set}");
        if set == "+OK" {
            // While the key is there the rules stay as they are.
            assert_eq!(
                [
                    client.ask(&format!("INCR {key}")),
                    client.ask(&format!("DEL {key} other"))
                ],
                [":2", ":1"]
            );
        }
        for request in [
            "LMOVE jobs:4:e jobs:5:f LEFT LEFT",
            "EVAL \"return redis.call('GET', 'jobs:2:b')\" 0",
        ] {
            let line = client.ask(request);
            assert!(line == "$-1" || refused(&line), "{line}");
        }
    }
}

#[test]
fn keys_are_found_after_rules_have_changed_under_load() {
    for shards in ["2", "4"] {
        let server = Server::start(&["--shards", shards, "--databases", "16"]);
        let ends = AtomicBool::new(false);
        thread::scope(|scope| {
            let (server, ends) = (&server, &ends);
            let asking: Vec<_> = (0..3)
                .map(|at| scope.spawn(move || set_and_find(server, at, ends)))
                .collect();
            let mut client = server.connect();
            let mut round = 0;
            // One of them that has ended has failed.
            while round < 150 && !asking.iter().any(|one| one.is_finished()) {
                round += usize::from(set(&mut client, RULES[round % RULES.len()]) == "+OK");
            }
            ends.store(true, Ordering::Relaxed);
        });
        let mut clients: Vec<_> = (0..4).map(|_| server.connect()).collect();
        for key in 0..200 {
            assert_eq!(clients[key % 4].ask(&format!("SET jobs:{key}:x {key}")), "+OK");
        }
        for key in 0..200 {
            let client = &mut clients[(key + 1) % 4];
            client.ask(&format!("GET jobs:{key}:x"));
            assert_eq!(client.line(), key.to_string());
        }
        assert_eq!(clients[0].ask("DBSIZE"), ":200");
    }
}
