//! What clients see of a script that does not end.

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::server::{Client, Server};

const BUSY: &str = "-BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
const BUSY_FUNCTION: &str =
    "-BUSY Valkey is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
const ENDLESS: &str = "EVAL \"while true do end\" 0\r\n";

/// A server whose scripts are slow after 20 ms.
fn started(shards: &str, kernel: Option<&str>) -> Server {
    started_with(shards, "20", kernel)
}

/// A server whose scripts are slow after `threshold_ms`.
fn started_with(shards: &str, threshold_ms: &str, kernel: Option<&str>) -> Server {
    let environment: Vec<(&str, &str)> = kernel.map(|kernel| ("CORELANE_IO_URING", kernel)).into_iter().collect();
    Server::start_with(
        &["--shards", shards, "--busy-reply-threshold", threshold_ms],
        &environment,
    )
}

/// Waits until FUNCTION STATS tells of a function or script that runs for long.
fn wait_until_slow(client: &mut Client<TcpStream>) {
    loop {
        let first = client.ask("FUNCTION STATS");
        if first == BUSY {
            return;
        }
        let mut lines = vec![first];
        while lines.last().is_none_or(|line| line != "functions_count") {
            lines.push(client.line());
        }
        client.line();
        if lines[3] == "*6" {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_script_that_does_not_end_is_killed_from_another_shard() {
    let server = started("2", None);
    let (mut one, mut other) = (server.connect(), server.connect());
    assert_eq!(other.ask("SCRIPT KILL"), "-NOTBUSY No scripts in execution right now.");
    one.send(ENDLESS);
    wait_until_slow(&mut other);
    assert!(other.ask("FUNCTION KILL").starts_with("-BUSY "));
    // Keys of the other shard are served, those of this one are not.
    let answers: Vec<String> = (0..20).map(|key| other.ask(&format!("GET {key}"))).collect();
    assert!(answers.iter().any(|answer| answer == BUSY), "{answers:?}");
    assert!(answers.iter().any(|answer| answer == "$-1"), "{answers:?}");
    assert_eq!(other.ask("SCRIPT KILL"), "+OK");
    assert!(one.line().starts_with("-ERR Script killed by user with SCRIPT KILL."));
    assert_eq!(one.ask("PING"), "+PONG");
    one.send("EVAL \"redis.call('SET', 'k', 'v') while true do end\" 0\r\n");
    wait_until_slow(&mut other);
    assert!(other.ask("SCRIPT KILL").starts_with("-UNKILLABLE "));
}

#[test]
fn clients_of_the_occupied_shard_are_answered_at_every_kernel_level() {
    for kernel in [None, Some("5.15"), Some("5.19"), Some("6.1")] {
        let server = started("1", kernel);
        let (mut runner, mut early) = (server.connect(), server.connect());
        assert_eq!(early.ask("SET k v"), "+OK");
        runner.send(ENDLESS);
        wait_until_slow(&mut early);
        assert_eq!(early.ask("GET k"), BUSY);
        assert_eq!(early.ask("PING"), BUSY);
        assert_eq!(
            early.ask("NOSUCH"),
            "-ERR unknown command 'NOSUCH', with args beginning with:"
        );
        assert_eq!(early.ask("SELECT 1"), "+OK");
        // Also who comes only now, in parts, and with several requests at once.
        let mut late = server.connect();
        late.send("*1\r\n$4\r\nPI");
        assert_eq!(early.ask("FUNCTION KILL"), BUSY);
        late.send("NG\r\nPING\r\nSHUTDOWN\r\nHELLO 9\r\n");
        assert_eq!([late.line(), late.line(), late.line()], [BUSY, BUSY, BUSY]);
        assert!(late.line().starts_with("-NOPROTO"));
        // A transaction is not begun by halves.
        assert_eq!(late.ask("MULTI"), "+OK");
        assert_eq!(late.ask("SET k w"), BUSY);
        assert!(
            late.ask("EXEC")
                .starts_with("-EXECABORT Transaction discarded because of: BUSY ")
        );
        assert_eq!(late.ask("SCRIPT KILL"), "+OK");
        assert!(
            runner
                .line()
                .starts_with("-ERR Script killed by user with SCRIPT KILL. script: ")
        );
        assert_eq!(runner.ask("GET k"), "$1");
        assert_eq!(runner.line(), "v");
        assert_eq!(early.ask("EXISTS k"), ":0", "the database that was selected meanwhile");
        assert_eq!(late.ask("SCRIPT KILL"), "-NOTBUSY No scripts in execution right now.");
    }
}

#[test]
fn a_function_that_has_written_is_not_killed_and_ends_with_the_server() {
    for shards in ["1", "2", "4"] {
        let mut server = started(shards, None);
        let (mut runner, mut other) = (server.connect(), server.connect());
        let code = "#!lua name=l\nserver.register_function('f', function(keys) server.call('SET', keys[1], 1) while true do end end)";
        let load = format!("*3\r\n$8\r\nFUNCTION\r\n$4\r\nLOAD\r\n${}\r\n{code}\r\n", code.len());
        runner.send(&load);
        assert_eq!((runner.line(), runner.line()), ("$1".to_owned(), "l".to_owned()));
        runner.send("FCALL f 1 key\r\n");
        wait_until_slow(&mut other);
        assert_eq!(other.ask("GET key"), BUSY_FUNCTION);
        assert!(other.ask("SCRIPT KILL").starts_with("-UNKILLABLE "));
        assert!(other.ask("FUNCTION KILL").starts_with("-UNKILLABLE "));
        assert_eq!(other.ask("SHUTDOWN"), BUSY_FUNCTION);
        other.send("SHUTDOWN NOSAVE\r\n");
        assert!(server.ended().success());
    }
}

#[test]
fn what_must_wait_for_a_scripts_end_is_not_lost() {
    let server = started("1", None);
    let mut clients: Vec<_> = (0..5).map(|_| server.connect()).collect();
    let [runner, watcher, blocked, gone, other] = &mut clients[..] else {
        unreachable!("there are five")
    };
    blocked.send("BLPOP list 0\r\n");
    gone.send("BLPOP list 0\r\n");
    assert_eq!(other.ask("SET guarded 1"), "+OK");
    runner.send("EVAL \"while true do end\" 0\r\nSET after ");
    wait_until_slow(other);
    runner.send("1\r\nRPUSH list x\r\n");
    watcher.send("WATCH guarded\r\nMULTI\r\nSET guarded 2\r\nEXEC\r\n");
    gone.stream().shutdown(std::net::Shutdown::Both).expect("it is open");
    assert_eq!(other.ask("GET guarded"), BUSY);
    assert_eq!([watcher.line(), watcher.line(), watcher.line()], ["+OK", "+OK", BUSY]);
    assert!(
        watcher
            .line()
            .starts_with("-EXECABORT Transaction discarded because of: BUSY ")
    );
    // What is watched only now may change before the script ends: it counts as changed.
    assert_eq!([watcher.ask("WATCH guarded"), watcher.ask("MULTI")], ["+OK", "+OK"]);
    // What a client sends while its own script runs is kept, however much it is, and read on afterwards.
    let sent = "PING\r\n".repeat(300_000);
    let mut stream = runner.stream().try_clone().expect("descriptors are left");
    let sender = thread::spawn(move || std::io::Write::write_all(&mut stream, sent.as_bytes()));
    thread::sleep(Duration::from_millis(50));
    assert_eq!(other.ask("SCRIPT KILL"), "+OK");
    assert!(runner.line().starts_with("-ERR Script killed by user"));
    assert_eq!(runner.line(), "+OK");
    assert_eq!(runner.line(), ":1");
    for _ in 0..300_000 {
        assert_eq!(runner.line(), "+PONG");
    }
    assert!(sender.join().expect("it does not panic").is_ok());
    assert_eq!(watcher.ask("SET guarded 2"), "+QUEUED");
    assert_eq!(watcher.ask("EXEC"), "*-1");
    assert_eq!([blocked.line(), blocked.line(), blocked.line()], ["*2", "$4", "list"]);
    assert_eq!(other.ask("LLEN list"), ":0");
}

/// What one connection each sends while a script runs that is not slow yet, over many keys.
const SENT_EARLY: [&str; 12] = [
    "GET {k}\r\n",
    "SET {k} v\r\nGET {k}\r\n",
    "SET {k} v\r\nSET {j} v\r\nSET {k} v\r\nGET {j}\r\n",
    "MSET {k} v {j} v {i} v\r\n",
    "DEL {k} {j} {i}\r\n",
    "LMOVE {k} {j} LEFT LEFT\r\n",
    "MULTI\r\nGET {k}\r\nEXEC\r\n",
    "MULTI\r\nSET {k} 1\r\nSET {j} 1\r\nEXEC\r\n",
    "WATCH {k} {j}\r\nGET {k}\r\n",
    "EVAL \"return redis.call('GET', KEYS[1])\" 1 {k}\r\n",
    "EVAL \"return redis.call('GET', KEYS[2])\" 2 {k} {j}\r\n",
    "INFO\r\nFLUSHALL\r\n",
];
/// What is always answered, so that it ends the replies.
const LAST: &str = "SELECT 99\r\n";
const LAST_REPLY: &str = "-ERR DB index is out of range";

/// Clients that have each sent one of these, and `LAST`, while `script` runs that is not slow yet.
fn send_early(server: &Server, runner: &mut Client<TcpStream>, script: &str) -> Vec<Client<TcpStream>> {
    let mut clients: Vec<_> = (0..48).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("PING"), "+PONG");
    }
    runner.send(script);
    // The script has begun before the first of these is sent.
    thread::sleep(Duration::from_millis(50));
    for (at, client) in clients.iter_mut().enumerate() {
        let keys = [("{k}", at), ("{j}", at + 7), ("{i}", at + 20)];
        let request = SENT_EARLY[at % SENT_EARLY.len()].to_owned();
        let put = |text: String, (name, key): &(&str, usize)| text.replace(name, &format!("key:{key}"));
        client.send(&(keys.iter().fold(request, put) + LAST));
    }
    clients
}

/// Reads what everybody is answered; how many were refused.
fn count_refused(clients: &mut [Client<TcpStream>]) -> usize {
    let mut refused = 0;
    for client in clients {
        let mut lines = vec![client.line()];
        while lines.last().is_none_or(|line| line != LAST_REPLY) {
            lines.push(client.line());
        }
        let busy = lines.iter().any(|line| line.contains("BUSY "));
        assert!(
            !busy || !lines.iter().any(|line| line.starts_with('*')),
            "{lines:?}: EXEC by halves"
        );
        refused += usize::from(busy);
    }
    refused
}

fn assert_all_is_well(clients: &mut [Client<TcpStream>]) {
    for client in clients {
        assert_eq!(client.ask("UNWATCH"), "+OK");
        assert_eq!(client.ask("MSET a 1 b 1 c 1 d 1 e 1 f 1"), "+OK");
        assert_eq!(client.ask("MULTI"), "+OK");
        assert_eq!(client.ask("DEL a b c d e f"), "+QUEUED");
        assert_eq!([client.ask("EXEC"), client.line()], ["*1", ":6"]);
    }
}

#[test]
fn what_was_sent_before_the_script_turned_slow_is_refused_too() {
    for shards in ["1", "2", "4"] {
        let server = started_with(shards, "400", None);
        let mut runner = server.connect();
        let mut clients = send_early(&server, &mut runner, ENDLESS);
        let refused = count_refused(&mut clients);
        assert!(refused > 12, "{refused} refused on {shards} shards");
        // Every connection can end it, whatever it has sent.
        assert_eq!(clients[47].ask("SCRIPT KILL"), "+OK");
        assert!(runner.line().starts_with("-ERR Script killed by user"));
        assert_all_is_well(&mut clients);
    }
}

#[test]
fn nobody_waits_for_keys_that_a_slow_script_has_of_other_shards() {
    let scripts = [
        "EVAL \"redis.call('MGET', unpack(KEYS)) while true do end\" 8 key:0 key:1 key:2 key:3 key:4 key:5 key:6 key:7\r\n",
        "EVAL \"redis.call('DBSIZE') while true do end\" 0\r\n",
    ];
    for shards in ["2", "4"] {
        for script in scripts {
            let server = started_with(shards, "400", None);
            let mut runner = server.connect();
            let mut clients = send_early(&server, &mut runner, script);
            let refused = count_refused(&mut clients);
            assert!(refused > 12, "{refused} refused on {shards} shards");
            // Also who asks for these keys only now.
            let late = clients[46].ask("INCRBY key:1 1");
            assert!(late.starts_with("-BUSY "), "{late}");
            assert_eq!(clients[47].ask("SCRIPT KILL"), "+OK");
            assert!(runner.line().starts_with("-ERR Script killed by user"));
            assert_all_is_well(&mut clients);
        }
    }
}

#[test]
fn a_transaction_over_an_occupied_shard_happens_wholly_or_not_at_all() {
    for (shards, groups) in [("2", "corelane_groups:0\r"), ("4", "corelane_groups_wide:0\r")] {
        let server = started_with(shards, "1", None);
        let done = transact_beside_slow_scripts(&server, "", |own, happened, lines| {
            assert_eq!(lines, KEYS.map(|_| format!(":{happened}")), "client {own}");
        });
        assert_all_has_happened(&server, &done);
        let info = server.connect().ask_bulk("INFO corelane");
        assert!(!info.contains(groups), "no transaction on {shards} shards was a group");
    }
}

#[test]
fn what_transactions_publish_while_shards_are_occupied_is_heard() {
    for shards in ["1", "2", "4"] {
        let server = started_with(shards, "1", None);
        // Many of the transactions concern only other shards than that of their connection.
        assert_eq!(server.connect().ask("CONFIG SET move-connections no"), "+OK");
        let mut listeners: Vec<_> = (0..8).map(|_| server.connect()).collect();
        for listener in &mut listeners {
            let confirmed = [listener.ask("PSUBSCRIBE done:*"), listener.line(), listener.line()];
            assert_eq!(confirmed, ["*3", "$10", "psubscribe"]);
            assert_eq!(
                [listener.line(), listener.line(), listener.line()],
                ["$6", "done:*", ":1"]
            );
        }
        let done = transact_beside_slow_scripts(&server, "PUBLISH done:{own} {attempt}\r\n", |own, _, lines| {
            assert_eq!(lines.last().map(String::as_str), Some(":8"), "client {own}");
        });
        assert_all_has_happened(&server, &done);
        let all: usize = done.iter().map(Vec::len).sum();
        for listener in &mut listeners {
            let mut heard: Vec<Vec<usize>> = vec![Vec::new(); done.len()];
            for _ in 0..all {
                let message = [(); 9].map(|()| listener.line());
                let own: usize = message[6]["done:".len()..].parse().expect("it is a number");
                heard[own].push(message[8].parse().expect("it is a number"));
            }
            assert_eq!(heard, done, "on {shards} shards");
        }
    }
}

const KEYS: [&str; 3] = ["one", "other", "third"];

/// Six clients transact on keys of their own beside slow scripts, with one more command in each transaction, and `check` how often it has happened and
/// what EXEC answers. Which of its attempts have happened, for each.
fn transact_beside_slow_scripts(server: &Server, more: &str, check: fn(usize, usize, &[String])) -> Vec<Vec<usize>> {
    let ended = AtomicBool::new(false);
    let transact = |own: usize| {
        let mut client = server.connect();
        let (mut done, mut attempt) = (Vec::new(), 0);
        let count = KEYS.len() + usize::from(!more.is_empty());
        while !ended.load(Ordering::Relaxed) {
            attempt += 1;
            let commands: String = KEYS.iter().map(|key| format!("INCR {key}{own}\r\n")).collect();
            let more = more
                .replace("{own}", &own.to_string())
                .replace("{attempt}", &attempt.to_string());
            client.send(&format!("MULTI\r\n{commands}{more}EXEC\r\n"));
            let answers: Vec<String> = (0..count + 2).map(|_| client.line()).collect();
            let exec = answers.last().expect("it is the last");
            if *exec == format!("*{count}") {
                done.push(attempt);
                let lines: Vec<String> = (0..count).map(|_| client.line()).collect();
                check(own, done.len(), &lines);
            } else {
                assert!(exec.starts_with("-EXECABORT "), "{exec}");
            }
        }
        assert!(
            done.len() < attempt,
            "no transaction of client {own} has met a slow script"
        );
        done
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..6).map(|own| scope.spawn(move || transact(own))).collect();
        let mut runner = server.connect();
        for at in 0..60 {
            // Slow at once, and soon over.
            runner.send(&format!("EVAL \"for i = 1, 1000000 do end return 1\" 1 key{at}\r\n"));
            assert_eq!(runner.line(), ":1");
            thread::sleep(Duration::from_millis(2));
        }
        ended.store(true, Ordering::Relaxed);
        let clients = clients.into_iter();
        clients.map(|client| client.join().expect("all is well")).collect()
    })
}

fn assert_all_has_happened(server: &Server, done: &[Vec<usize>]) {
    let mut client = server.connect();
    for (own, done) in done.iter().enumerate() {
        let counts = KEYS.map(|key| client.ask_bulk(&format!("GET {key}{own}")));
        assert_eq!(counts, KEYS.map(|_| done.len().to_string()), "client {own}");
    }
}
