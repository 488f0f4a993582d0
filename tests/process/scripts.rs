//! What clients see of a script that does not end.

use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::server::{Client, Server};

const BUSY: &str = "-BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
const BUSY_FUNCTION: &str =
    "-BUSY Valkey is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
const ENDLESS: &str = "EVAL \"while true do end\" 0\r\n";

/// A server whose scripts are slow after 20 ms.
fn started(shards: &str, kernel: Option<&str>) -> Server {
    let environment: Vec<(&str, &str)> = kernel.map(|kernel| ("CORELANE_IO_URING", kernel)).into_iter().collect();
    Server::start_with(&["--shards", shards, "--busy-reply-threshold", "20"], &environment)
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
    assert_eq!(
        [watcher.line(), watcher.line(), watcher.line(), watcher.line()],
        ["+OK", "+OK", "+QUEUED", "*1"]
    );
    assert_eq!(watcher.line(), "+OK");
    assert_eq!([blocked.line(), blocked.line(), blocked.line()], ["*2", "$4", "list"]);
    assert_eq!(other.ask("LLEN list"), ":0");
}
