//! The server as a process: what an operator and a client on the wire see of its start, its loops and its end.

#[path = "process/affinity.rs"]
mod affinity;
#[path = "process/bad_clients.rs"]
mod bad_clients;
#[path = "process/scripts.rs"]
mod scripts;
#[path = "process/server.rs"]
mod server;
#[path = "process/subscribing.rs"]
mod subscribing;
#[path = "process/tracking.rs"]
mod tracking;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;
use std::time::Duration;

use server::{Client, Server, free_port};

/// Kernel versions whose io_uring is imitated.
const KERNELS: [&str; 4] = ["5.15", "5.19", "6.1", "6.6"];

#[test]
fn clients_are_served_over_tcp_and_unix_sockets() {
    let server = Server::start(&["--unixsocket", "s.sock", "--unixsocketperm", "700", "--shards", "2"]);
    assert_eq!(server.connect().ask("PING"), "+PONG");
    let stream = UnixStream::connect(server.dir.join("s.sock")).expect("the server listens");
    assert_eq!(Client::new(stream).ask("PING"), "+PONG");
    assert!(server.log().contains("Ready to accept connections tcp") && server.log().contains("connections unix"));
    assert!(
        server.log().contains(&format!(" PID: {}\n", server.pid())),
        "{}",
        server.log()
    );
}

#[test]
fn more_shards_than_cores_are_not_bound() {
    let server = Server::start(&["--shards", "64"]);
    let mut clients: Vec<_> = (0..128).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("PING"), "+PONG");
    }
    assert!(
        server.log().contains("64 shards, not bound to cores"),
        "{}",
        server.log()
    );
}

#[test]
fn threads_stay_within_the_processs_own_cores() {
    // Whatever cores there are, the first of them is all that this server may use.
    let mask = fs::read_to_string("/proc/self/status").expect("the kernel tells");
    let list = mask
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .expect("the kernel tells");
    let first = list
        .trim()
        .split(['-', ','])
        .next()
        .expect("there is a core")
        .to_owned();
    let server = Server::start_under(&["taskset", "-c", &first], &[]);
    assert!(server.log().contains("1 shard, one on each core"), "{}", server.log());
    for task in fs::read_dir(format!("/proc/{}/task", server.pid())).expect("it runs") {
        let status = fs::read_to_string(task.expect("it runs").path().join("status")).expect("it runs");
        let line = format!("Cpus_allowed_list:\t{first}\n");
        assert!(status.contains(&line), "{status}");
    }
}

#[test]
fn half_a_request_waits_for_the_rest_at_every_kernel_level() {
    for kernel in KERNELS {
        let server = Server::start_with(&["--shards", "2"], &[("CORELANE_IO_URING", kernel)]);
        let mut client = server.connect();
        for byte in "*2\r\n$4\r\nPING\r\n$5\r\nhello\r\n".bytes() {
            client.stream().write_all(&[byte]).expect("the server takes it");
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(
            (client.line(), client.line()),
            ("$5".to_owned(), "hello".to_owned()),
            "{kernel}"
        );
        assert_eq!(
            server.log().contains("io_uring of this kernel lacks"),
            kernel.starts_with("5."),
            "{}",
            server.log()
        );
    }
}

#[test]
fn a_client_that_ends_its_side_gets_the_replies_of_all_shards() {
    for kernel in KERNELS {
        let server = Server::start_with(&["--shards", "3"], &[("CORELANE_IO_URING", kernel)]);
        let mut client = server.connect();
        let requests: String = (0..500)
            .map(|number| format!("SET key:{number} {number}\r\nGET key:{number}\r\n"))
            .collect();
        client.send(&requests);
        client.stream().shutdown(Shutdown::Write).expect("it is connected");
        for number in 0..500 {
            assert_eq!(client.line(), "+OK", "{kernel} {number}");
            client.line();
            assert_eq!(client.line(), number.to_string());
        }
        assert!(client.is_at_end());
    }
}

#[test]
fn a_kernel_level_that_does_not_exist_is_refused() {
    let mut server = Server::launch(&[], &[("CORELANE_IO_URING", "7.0")]);
    assert_eq!(server.ended().code(), Some(1));
    assert!(server.log().contains("CORELANE_IO_URING"), "{}", server.log());
}

#[test]
fn subscribers_that_do_not_read_are_cut_off() {
    let limits = [
        ["pubsub 1mb 0 0", "normal 0 0 0"],
        ["pubsub 0 500kb 1", "normal 1mb 0 0"],
    ];
    for (shards, [pubsub, normal]) in ["1", "2"].iter().flat_map(|shards| limits.map(|limit| (shards, limit))) {
        let server = Server::start(&["--shards", shards]);
        let (mut deaf, mut publisher) = (server.connect(), server.connect());
        for limit in [pubsub, normal] {
            let set = format!("CONFIG SET client-output-buffer-limit \"{limit}\"");
            assert_eq!(publisher.ask(&set), "+OK");
        }
        assert_eq!(deaf.ask("SUBSCRIBE c"), "*3");
        let message = format!("PUBLISH c {}", "x".repeat(50_000));
        // The kernel holds a few megabytes; what comes after those is the server's to keep.
        let sent = (0..1000).take_while(|_| publisher.ask(&message) == ":1").count();
        if pubsub.ends_with(" 1") {
            while publisher.ask("PUBLISH c last") == ":1" {
                thread::sleep(Duration::from_millis(20));
            }
        }
        assert!(sent > 20, "the limit lies above what was sent at first: {sent}");
        let server_side: u64 = server.memory_bytes();
        assert!(server_side < 256 << 20, "{server_side}");
        publisher.send("INFO stats\r\n");
        while publisher.line() != "client_output_buffer_limit_disconnections:1" {}
    }
}

#[test]
fn the_biggest_clients_are_closed_when_all_take_too_much() {
    for shards in ["1", "2"] {
        let server = Server::start(&["--shards", shards]);
        let mut admin = server.connect();
        assert_eq!(admin.ask("CONFIG SET maxmemory 100mb maxmemory-clients 4%"), "+OK");
        let mut kept = server.connect();
        assert_eq!(kept.ask("CLIENT NO-EVICT on"), "+OK");
        let mut big = server.connect();
        let mut small: Vec<_> = (0..20).map(|_| server.connect()).collect();
        for client in [&mut kept, &mut big].into_iter().chain(&mut small) {
            assert_eq!(client.ask("MULTI"), "+OK");
            assert_eq!(client.ask("SET key x"), "+QUEUED");
        }
        let append = format!("APPEND key {}", "x".repeat(50_000));
        for _ in 0..30 {
            assert_eq!(kept.ask(&append), "+QUEUED");
        }
        // Its own share lies below the limit; both together lie above, and the other one stays.
        let is_queued = |client: &mut Client<_>| client.ask_while_open(&append).as_deref() == Some("+QUEUED");
        let queued = (0..500).take_while(|_| is_queued(&mut big)).count();
        assert!((20..200).contains(&queued), "{queued} commands with {shards} shards");
        assert!(big.is_at_end());
        let mut eager = server.connect();
        assert_eq!(eager.ask("PING"), "+PONG");
        assert_eq!(kept.ask("GET key"), "+QUEUED");
        for client in &mut small {
            assert_eq!(client.ask("DISCARD"), "+OK", "with {shards} shards");
        }
        admin.send("INFO stats\r\n");
        while admin.line() != "evicted_clients:1" {}
    }
}

#[test]
fn connections_that_break_while_replies_are_sent_do_no_harm() {
    for kernel in KERNELS {
        let server = Server::start_with(&["--shards", "2"], &[("CORELANE_IO_URING", kernel)]);
        let request = format!("*2\r\n$4\r\nPING\r\n$500000\r\n{}\r\n", "x".repeat(500_000));
        for round in 0..30 {
            let mut client = server.connect();
            for _ in 0..4 {
                client.send(&request);
            }
            // Some read a part, some nothing; all leave replies behind, which makes the kernel reset the connection.
            if round % 2 == 0 {
                client.read_exactly(200_000);
            }
        }
        assert_eq!(server.connect().ask("PING"), "+PONG", "{kernel}");
    }
}

#[test]
fn one_client_too_many_is_told_so() {
    let server = Server::start(&["--maxclients", "3", "--shards", "2"]);
    let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("PING"), "+PONG");
    }
    let mut fourth = server.connect();
    assert_eq!(fourth.line(), "-ERR max number of clients reached");
    assert!(fourth.is_at_end());
}

#[test]
fn a_signal_ends_the_server_and_it_leaves_nothing_behind() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&["--shards", "2", "--unixsocket", "s.sock", "--pidfile", "pid"]);
        let pid = fs::read_to_string(server.dir.join("pid")).expect("it was written at the start");
        assert_eq!(pid, format!("{}\n", server.pid()));
        let mut client = server.connect();
        assert_eq!(client.ask("PING"), "+PONG");
        server.signal("HUP");
        assert_eq!(client.ask("PING"), "+PONG");
        server.signal(signal);
        assert_eq!(server.ended().code(), Some(0));
        assert!(client.is_at_end());
        let log = server.log();
        assert!(
            log.contains(&format!("Received SIG{signal} scheduling shutdown...")),
            "{log}"
        );
        assert!(log.trim_end().ends_with("bye bye..."), "{log}");
        assert!(!server.dir.join("pid").exists() && !server.dir.join("s.sock").exists());
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let first = Server::start(&[]);
    let port = first.port.to_string();
    let mut second = Server::launch(&["--port", &port], &[]);
    assert_eq!(second.ended().code(), Some(1));
    let wanted = format!(
        "# Warning: Could not create server TCP listening socket 127.0.0.1:{port}: bind: Address already in use\n"
    );
    assert!(second.log().contains(&wanted), "{}", second.log());
    assert!(
        second
            .log()
            .contains(&format!("# Failed listening on port {port} (tcp), aborting.\n"))
    );
}

#[test]
fn the_log_goes_to_its_file() {
    let server = Server::launch(&["--logfile", "server.log", "--loglevel", "warning"], &[]);
    let path = server.dir.join("server.log");
    for _ in 0..12_000 {
        if TcpStream::connect(("127.0.0.1", server.port)).is_ok() {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    server.signal("TERM");
    let mut server = server;
    assert_eq!(server.ended().code(), Some(0));
    let log = fs::read_to_string(path).expect("the server made it");
    assert!(
        log.contains("# Received SIGTERM") && !log.contains("Ready to accept"),
        "{log}"
    );
    assert_eq!(server.log(), "");
}

#[test]
fn version_and_help_are_shown() {
    let show = |option: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_corelane"))
            .arg(option)
            .output()
            .expect("it was built");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("it is text")
    };
    assert!(show("--version").starts_with(concat!("Corelane server v=", env!("CARGO_PKG_VERSION"))));
    assert!(show("-h").contains("CONFIG_FILE"));
}

#[test]
fn the_metrics_page_counts() {
    let port = free_port().to_string();
    let mut server = Server::start(&["--shards", "2", "--metrics-port", &port]);
    server.wait_for_log("Metrics page on");
    let mut client = server.connect();
    assert_eq!(client.ask("PING"), "+PONG");
    let mut stream = TcpStream::connect(("127.0.0.1", port.parse().expect("it is a number"))).expect("it listens");
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("it reads");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("it answers");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(
        page.contains("corelane_connections{shard=\"0\"} 1\ncorelane_connections{shard=\"1\"} 0\n"),
        "{page}"
    );
}

#[test]
fn an_idle_server_uses_no_processor_time() {
    let server = Server::start(&["--shards", "2"]);
    let mut clients: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("PING"), "+PONG");
    }
    let before = server.cpu_ticks();
    thread::sleep(Duration::from_secs(3));
    // Half a percent of a core for each shard.
    assert!(server.cpu_ticks() - before <= 3);
}

#[test]
fn an_idle_connection_costs_little_memory() {
    // Memory is taken from the system in pieces of a megabyte: many connections make the error small.
    const COUNT: u64 = 4000;
    let granted = corelane::rt::limits::raise_open_files(2 * COUNT + 100).expect("the limit can be read");
    let count = COUNT.min((granted - 100) / 2);
    let server = Server::start(&["--shards", "1"]);
    let wave = || -> Vec<_> {
        let mut clients: Vec<_> = (0..count).map(|_| server.connect()).collect();
        for client in &mut clients {
            assert_eq!(client.ask("PING"), "+PONG");
        }
        clients
    };
    // The first wave pays for what is shared: receive buffers, the allocator's pages.
    let first = wave();
    let before = server.memory_bytes();
    let second = wave();
    let each = server.memory_bytes().saturating_sub(before) / count;
    assert!(each <= 2048, "{each} bytes for each connection");
    drop((first, second));
}
