//! A client that subscribes and, without waiting for the confirmation, reads the key on another connection: if it finds nothing, the message
//! that is published when the key is set must reach it. Celery's result backend does so for each result. And one that unsubscribes when it knows
//! that something was published: it is told of that first.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::server::Server;

/// Turns of each client.
const TURNS: usize = 300;

/// Answers how many messages did not come.
fn client(server: &Server, number: usize, shards: usize) -> usize {
    let mut missed = 0;
    let (mut subscriber, mut reader, mut worker) = (server.connect(), server.connect(), server.connect());
    subscriber.ask("SUBSCRIBE others");
    (0..5).for_each(|_| drop(subscriber.line()));
    let patience = Some(Duration::from_secs(2));
    subscriber.stream().set_read_timeout(patience).expect("it is not zero");
    let (begin, beginnings) = channel::<String>();
    let (end, ends) = channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            for (turn, key) in beginnings.into_iter().enumerate() {
                thread::sleep(Duration::from_micros((turn * 37 % 300) as u64));
                worker.send(&format!("MULTI\r\nSET {key} v\r\nPUBLISH {key} said-{key}\r\nEXEC\r\n"));
                // OK, two times QUEUED, and the header and two elements of the last reply.
                (0..6).for_each(|_| drop(worker.line()));
                end.send(()).expect("the main thread waits");
            }
        });
        for turn in 0..TURNS {
            let key = format!("result-{number}-{turn}");
            begin.send(key.clone()).expect("the worker waits");
            let mut fresh = None;
            match turn % 4 {
                0 => subscriber.send(&format!("SUBSCRIBE {key}\r\n")),
                // Celery calls several tasks in a row.
                1 => subscriber.send(&format!("SUBSCRIBE before-{key}\r\nSUBSCRIBE {key}\r\n")),
                // Behind commands on keys of all shards, on a connection that may not be accepted yet: one shard reads it after others then, as Valkey.
                shape => {
                    let connection = fresh.insert(server.connect());
                    connection.stream().set_read_timeout(patience).expect("it is not zero");
                    if shape == 3 || shards == 1 {
                        connection.ask("PING");
                    }
                    let gets: String = (0..6).map(|at| format!("GET {at}-{key}\r\n")).collect();
                    connection.send(&format!("{gets}SUBSCRIBE {key}\r\n"));
                }
            }
            let found = reader.ask(&format!("GET {key}")) != "$-1";
            if found {
                reader.line();
            } else {
                let listener = fresh.as_mut().unwrap_or(&mut subscriber);
                let lines = std::iter::from_fn(|| listener.line_in_time());
                // Messages of earlier turns may be before it.
                let comes = lines.into_iter().any(|line| line == format!("said-{key}"));
                missed += usize::from(!comes);
            }
            ends.recv().expect("the worker answers");
        }
        drop(begin);
    });
    missed
}

#[test]
fn a_subscription_counts_from_when_it_was_sent() {
    for shards in [1, 2, 4] {
        let server = Server::start(&["--shards", &shards.to_string()]);
        let missed: usize = thread::scope(|scope| {
            let server = &server;
            let clients: Vec<_> = (0..4)
                .map(|number| scope.spawn(move || client(server, number, shards)))
                .collect();
            clients.into_iter().map(|client| client.join().expect("it ends")).sum()
        });
        assert_eq!(missed, 0, "messages missed with {shards} shards");
    }
}

/// Connections whose requests come before the subscription: more than io_uring handles in one system call.
const CROWD: usize = 200;

#[test]
fn a_subscription_counts_behind_what_many_others_have_sent() {
    let server = Server::start(&["--shards", "2"]);
    let mut crowd: Vec<_> = (0..CROWD).map(|_| server.connect()).collect();
    crowd
        .iter_mut()
        .for_each(|client| assert_eq!(client.ask("PING"), "+PONG"));
    for turn in 0..20 {
        // Connections are dealt out in turns. Only the subscriber's shard is kept busy.
        let side = turn % 2;
        let key = format!("key{turn}");
        let (mut subscriber, mut reader) = (server.connect(), server.connect());
        let (mut worker, mut other) = (server.connect(), server.connect());
        if side == 1 {
            std::mem::swap(&mut subscriber, &mut reader);
            std::mem::swap(&mut worker, &mut other);
        }
        for client in [&mut subscriber, &mut reader, &mut worker, &mut other] {
            assert_eq!(client.ask("PING"), "+PONG");
        }
        let worker = &mut other;
        server.signal("STOP");
        let busy = crowd.iter_mut().skip(side).step_by(2);
        busy.for_each(|client| client.send("PING\r\n"));
        subscriber.send(&format!("SUBSCRIBE {key}\r\n"));
        reader.send(&format!("GET {key}\r\n"));
        worker.send(&format!("MULTI\r\nSET {key} v\r\nPUBLISH {key} v\r\nEXEC\r\n"));
        server.signal("CONT");
        let found = reader.line() != "$-1";
        if !found {
            let patience = Some(Duration::from_secs(5));
            subscriber.stream().set_read_timeout(patience).expect("it is not zero");
            let mut lines = std::iter::from_fn(|| subscriber.line_in_time());
            assert!(lines.any(|line| line == "message"), "turn {turn}");
        }
        let busy = crowd.iter_mut().skip(side).step_by(2);
        busy.for_each(|client| assert_eq!(client.line(), "+PONG"));
    }
}

/// Keeps all shards at work until told to stop.
fn keep_busy(server: &Server, number: usize, ended: &AtomicBool) {
    const REQUESTS: usize = 200;
    let mut client = server.connect();
    let request = |at: usize| {
        let keys: String = (0..6).map(|key| format!(" busy:{number}:{at}:{key} v")).collect();
        format!("MSET{keys}\r\n")
    };
    let requests: String = (0..REQUESTS).map(request).collect();
    while !ended.load(Ordering::Relaxed) {
        client.send(&requests);
        (0..REQUESTS).for_each(|_| assert_eq!(client.line(), "+OK"));
    }
}

/// Turns in which one connection publishes, reads the answer, and another one unsubscribes. Answers how many messages did not come.
fn leaver(server: &Server, number: usize) -> usize {
    let (mut subscriber, mut publisher) = (server.connect(), server.connect());
    let mut missed = 0;
    for turn in 0..TURNS {
        let channel = format!("channel{number}");
        subscriber.send(&format!("SUBSCRIBE {channel}\r\n"));
        // Those of earlier turns may be among the messages.
        while subscriber.line() != ":1" {}
        publisher.ask(&format!("PUBLISH {channel} said-{turn}"));
        subscriber.send(&format!("UNSUBSCRIBE {channel}\r\n"));
        let lines = std::iter::from_fn(|| Some(subscriber.line()).filter(|line| line != ":0"));
        let lines: Vec<String> = lines.collect();
        missed += usize::from(!lines.contains(&format!("said-{turn}")));
    }
    missed
}

#[test]
fn who_unsubscribes_is_told_first_what_was_published_before() {
    for shards in [2, 4] {
        let server = Server::start(&["--shards", &shards.to_string()]);
        let ended = AtomicBool::new(false);
        let missed: usize = thread::scope(|scope| {
            let (server, ended) = (&server, &ended);
            for number in 0..16 {
                scope.spawn(move || keep_busy(server, number, ended));
            }
            let leavers: Vec<_> = (0..4)
                .map(|number| scope.spawn(move || leaver(server, number)))
                .collect();
            let missed = leavers.into_iter().map(|leaver| leaver.join().expect("it ends")).sum();
            ended.store(true, Ordering::Relaxed);
            missed
        });
        assert_eq!(missed, 0, "messages missed with {shards} shards");
    }
}

#[test]
fn a_large_message_takes_memory_once_however_many_do_not_read_it() {
    const LISTENERS: usize = 64;
    const MESSAGE_BYTES: usize = 8 << 20;
    for shards in ["1", "2"] {
        let limit = ["--client-output-buffer-limit", "pubsub", "0", "0", "0"];
        let server = Server::start(&[&["--shards", shards], &limit[..]].concat());
        let mut listeners: Vec<_> = (0..LISTENERS).map(|_| server.connect()).collect();
        for listener in &mut listeners {
            listener.send("SUBSCRIBE large\r\n");
            while listener.line() != ":1" {}
        }
        let mut publisher = server.connect();
        let head = format!("*3\r\n$7\r\nPUBLISH\r\n$5\r\nlarge\r\n${MESSAGE_BYTES}\r\n");
        let payload = "x".repeat(MESSAGE_BYTES);
        assert_eq!(publisher.ask(&format!("{head}{payload}")), format!(":{LISTENERS}"));
        assert_eq!(publisher.ask("PUBLISH large last"), format!(":{LISTENERS}"));
        let bytes = server.memory_bytes();
        assert!(
            bytes < (LISTENERS * MESSAGE_BYTES / 3) as u64,
            "{bytes} bytes with {shards} shards"
        );
        for listener in &mut listeners {
            let lines: Vec<String> =
                std::iter::from_fn(|| Some(listener.line()).filter(|line| line != "last")).collect();
            assert!(lines.contains(&payload), "with {shards} shards");
        }
    }
}
