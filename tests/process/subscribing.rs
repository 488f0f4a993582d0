//! A client that subscribes and, without waiting for the confirmation, reads the key on another connection: if it finds nothing, the message
//! that is published when the key is set must reach it. Celery's result backend does so for each result.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::server::Server;

/// Turns of each client.
const TURNS: usize = 300;

/// Answers how many messages did not come.
fn client(server: &Server, number: usize) -> usize {
    let mut missed = 0;
    let (mut subscriber, mut reader, mut worker) = (server.connect(), server.connect(), server.connect());
    // Subscriptions are expected from the first one on.
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
                worker.send(&format!("MULTI\r\nSET {key} v\r\nPUBLISH {key} v\r\nEXEC\r\n"));
                // OK, two times QUEUED, and the header and two elements of the last reply.
                (0..6).for_each(|_| drop(worker.line()));
                end.send(()).expect("the main thread waits");
            }
        });
        for turn in 0..TURNS {
            let key = format!("result-{number}-{turn}");
            begin.send(key.clone()).expect("the worker waits");
            subscriber.send(&format!("SUBSCRIBE {key}\r\n"));
            let found = reader.ask(&format!("GET {key}")) != "$-1";
            if found {
                reader.line();
            } else {
                let lines = std::iter::from_fn(|| subscriber.line_in_time());
                let comes = lines.into_iter().any(|line| line == "message");
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
    for shards in ["1", "2", "4"] {
        let server = Server::start(&["--shards", shards]);
        let missed: usize = thread::scope(|scope| {
            let server = &server;
            let clients: Vec<_> = (0..4)
                .map(|number| scope.spawn(move || client(server, number)))
                .collect();
            clients.into_iter().map(|client| client.join().expect("it ends")).sum()
        });
        assert_eq!(missed, 0, "messages missed with {shards} shards");
    }
}
