//! The runtime from outside, driven by a machine that provokes what is rare: moves under load, full lanes, exhausted buffers,
//! clients that do not read or vanish. Each test runs with what every kernel level has.

mod machine;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use super::{Handle, LaunchError, Level, Plan, Running, launch, listener};
use crate::config::Config;
use machine::{Lines, Session};

/// How long anything may take on a host that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

const LEVELS: [Level; 4] = [Level::Plain, Level::Cooperative, Level::Deferred, Level::Full];

/// A server that ends with the test.
struct Server {
    running: Option<Running<Session>>,
    handle: Handle<Session>,
    address: SocketAddr,
}

impl Server {
    fn start(shards: u16, level: Level) -> Self {
        Self::with(shards, level, Config::default())
    }

    fn with(shards: u16, level: Level, config: Config) -> Self {
        let config = Config {
            port: free_port(),
            bind: vec!["127.0.0.1".into()],
            ..config
        };
        let listeners = listener::open_all(&config).expect("the port is free");
        let address = listeners[0].local_address().expect("it is a TCP listener");
        let plan = Plan {
            shards,
            pin: false,
            spin_us: 0,
            level,
            times_passes: true,
        };
        let maxclients = config.maxclients;
        let make = move |id, now| Lines::new(id, shards, maxclients, now);
        let running = launch(plan, listeners, None, make).expect("the host of the tests has io_uring");
        Server {
            handle: running.handle(),
            running: Some(running),
            address,
        }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        Client::new(stream)
    }

    /// One counter's sum over the shards.
    fn count(&self, name: &str) -> u64 {
        let readings = self.handle.readings();
        readings
            .iter()
            .flatten()
            .filter(|counter| counter.0 == name)
            .map(|counter| counter.3)
            .sum()
    }

    fn wait(&mut self) -> Result<(), LaunchError> {
        self.running.take().expect("it is waited for once").wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(running) = self.running.take()
            && !thread::panicking()
        {
            running.wait().expect("the loops end well");
        }
    }
}

fn free_port() -> u16 {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    probe.local_addr().expect("it is bound").port()
}

/// A client that fails the test when it must wait too long.
struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        let reader = BufReader::new(stream.try_clone().expect("descriptors are left"));
        Client { stream, reader }
    }

    fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("the server takes it");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("the server answers in time");
        line.trim_end().to_owned()
    }

    fn ask(&mut self, text: &str) -> String {
        self.send(&format!("{text}\n"));
        self.line()
    }

    fn is_at_end(&mut self) -> bool {
        let mut byte = [0];
        match self.reader.read(&mut byte) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn requests_in_pieces_and_in_crowds_are_answered_in_order() {
    for level in LEVELS {
        let server = Server::start(2, level);
        let mut client = server.connect();
        for piece in ["ec", "ho", " a\nwh", "ere", "\n"] {
            client.send(piece);
            thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(client.line(), "a");
        assert!(["0", "1"].contains(&client.line().as_str()));
        let many: String = (0..20_000).map(|number| format!("echo {number}\n")).collect();
        let mut writer = client.stream.try_clone().expect("descriptors are left");
        let sender = thread::spawn(move || writer.write_all(many.as_bytes()).expect("the server takes it"));
        for number in 0..20_000 {
            assert_eq!(client.line(), number.to_string(), "{level:?}");
        }
        sender.join().expect("all was sent");
    }
}

#[test]
fn few_connections_spread_evenly() {
    let server = Server::start(4, Level::Full);
    for round in 0..3 {
        let mut clients: Vec<Client> = (0..8).map(|_| server.connect()).collect();
        let mut shards: Vec<String> = clients.iter_mut().map(|client| client.ask("where")).collect();
        shards.sort();
        assert_eq!(shards, ["0", "0", "1", "1", "2", "2", "3", "3"], "round {round}");
        drop(clients);
        eventually("all connections end", || server.count("connections") == 0);
    }
}

#[test]
fn unix_socket_clients_are_served_and_named() {
    let path = std::env::temp_dir().join(format!("corelane-rt-{}.sock", std::process::id()));
    let path = path.to_str().expect("the name is ASCII").to_owned();
    let config = Config {
        unixsocket: Some(path.clone()),
        ..Config::default()
    };
    let server = Server::with(2, Level::Full, config);
    let mut stream = UnixStream::connect(&path).expect("the server listens");
    stream.write_all(b"who\n").expect("the server takes it");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("the server answers");
    assert_eq!(line, format!("{path}:0 {path}:0 true\n"));
    let mut client = server.connect();
    let own = client.stream.local_addr().expect("it is connected");
    assert_eq!(client.ask("who"), format!("{own} {} true", server.address));
    std::fs::remove_file(path).expect("the listener made it");
}

#[test]
fn large_replies_reach_a_slow_reader_whole() {
    for level in LEVELS {
        let server = Server::start(1, level);
        let mut client = server.connect();
        client.send("big 30000000\necho after\n");
        thread::sleep(Duration::from_millis(50));
        let mut bytes = Vec::new();
        client.reader.read_until(b'\n', &mut bytes).expect("the server answers");
        assert_eq!(bytes.len(), 30_000_000, "{level:?}");
        assert!(bytes[..bytes.len() - 1].iter().all(|&byte| byte == b'x'));
        assert_eq!(client.line(), "after");
    }
}

#[test]
fn a_client_that_never_reads_harms_nobody_and_can_vanish() {
    for level in LEVELS {
        let server = Server::start(1, level);
        let mut deaf = server.connect();
        deaf.send("big 30000000\n");
        let mut other = server.connect();
        for number in 0..100 {
            assert_eq!(other.ask(&format!("echo {number}")), number.to_string());
        }
        assert_eq!(server.count("connections"), 2);
        drop(deaf);
        eventually("the deaf client's connection ends", || server.count("connections") == 1);
        assert_eq!(other.ask("echo alive"), "alive");
    }
}

#[test]
fn a_client_that_ends_its_side_gets_its_replies() {
    for level in LEVELS {
        let server = Server::start(2, level);
        let mut client = server.connect();
        // Replies of other shards, and of a shard to which it moves, are replies too.
        client.send("echo 1\nhop 1 h\nmove 1\nmove 0\nhop 1 i\nbig 3000000\necho 2\n");
        client.stream.shutdown(Shutdown::Write).expect("it is connected");
        for reply in ["1", "h", "moved", "moved", "i"] {
            assert_eq!(client.line(), reply, "{level:?}");
        }
        assert_eq!(client.line().len(), 2_999_999);
        assert_eq!(client.line(), "2");
        assert!(client.is_at_end(), "{level:?}");
        eventually("the connection ends", || server.count("connections") == 0);
    }
}

#[test]
fn closing_sends_what_there_is_and_ignores_the_rest() {
    for level in LEVELS {
        let server = Server::start(1, level);
        let mut client = server.connect();
        client.send("big 3000000\nclose\n");
        assert_eq!(client.line().len(), 2_999_999);
        assert_eq!(client.line(), "bye", "{level:?}");
        assert!(client.is_at_end());
        eventually("the connection ends", || server.count("connections") == 0);
    }
}

#[test]
fn closing_does_not_wait_for_ever_for_a_client_that_never_reads() {
    for level in LEVELS {
        let server = Server::start(1, level);
        let mut deaf = server.connect();
        deaf.send("big 30000000\nclose\n");
        let mut slow = server.connect();
        slow.send("big 30000000\nclose\n");
        // One that reads, however slowly, is waited for; the last bytes fit the socket's buffers.
        let mut part = vec![0; 50_000];
        let mut taken = 0;
        eventually("the deaf client's connection ends", || {
            if taken < 29_000_000 {
                slow.reader.read_exact(&mut part).expect("the server goes on");
                taken += part.len();
            }
            server.count("connections") <= 1
        });
        assert_eq!(slow.line().len() + taken, 29_999_999);
        assert_eq!(slow.line(), "bye");
    }
}

#[test]
fn a_paused_connection_is_not_read_and_loses_nothing() {
    for level in LEVELS {
        let server = Server::start(1, level);
        let mut client = server.connect();
        let pause = "pause 2000\n";
        client.send(pause);
        eventually("the request arrives", || {
            server.count("received_bytes_total") == pause.len() as u64
        });
        let before = server.count("received_bytes_total");
        client.send(&"echo x\n".repeat(1000));
        thread::sleep(Duration::from_millis(100));
        assert_eq!(server.count("received_bytes_total"), before, "{level:?}");
        assert_eq!(client.line(), "rested");
        for _ in 0..1000 {
            assert_eq!(client.line(), "x");
        }
    }
}

#[test]
fn a_connection_that_moves_under_load_loses_and_reorders_nothing() {
    for level in LEVELS {
        let server = Server::start(3, level);
        let work = |seed: usize| {
            let mut client = server.connect();
            let mut writer = client.stream.try_clone().expect("descriptors are left");
            let requests = (0..3000).map(move |number| match (number + seed) % 7 {
                3 => format!("move {}\necho {number}\n", (number / 7) % 3),
                _ => format!("echo {number}\n"),
            });
            let sender = thread::spawn(move || {
                for chunk in requests.collect::<String>().as_bytes().chunks(997) {
                    writer.write_all(chunk).expect("the server takes it");
                }
            });
            for number in 0..3000 {
                if (number + seed) % 7 == 3 {
                    assert_eq!(client.line(), "moved", "{level:?} {number}");
                }
                assert_eq!(client.line(), number.to_string(), "{level:?}");
            }
            sender.join().expect("all was sent");
        };
        thread::scope(|scope| {
            for seed in 0..4 {
                scope.spawn(move || work(seed));
            }
        });
        assert!(server.count("moved_total") > 1000);
        eventually("all connections end", || server.count("connections") == 0);
    }
}

#[test]
fn sleeping_shards_are_woken_by_their_peers() {
    for level in LEVELS {
        // Without any timer: a lost wake-up is a hang.
        let server = Server::start(3, level);
        let work = |client: u16| {
            let mut connection = server.connect();
            let own: u16 = connection.ask("where").parse().expect("a number");
            for number in 0..1000 {
                let to = (own + 1 + number % 2) % 3;
                let reply = connection.ask(&format!("hop {to} {client}-{number}"));
                assert_eq!(reply, format!("{client}-{number}"));
            }
        };
        thread::scope(|scope| {
            for client in 0..3 {
                scope.spawn(move || work(client));
            }
        });
        assert!(server.count("rings_total") > 0, "{level:?}");
    }
}

#[test]
fn full_lanes_hold_messages_back_in_order() {
    let server = Server::start(2, Level::Full);
    let mut clients = [server.connect(), server.connect()];
    let shards: Vec<u16> = clients
        .iter_mut()
        .map(|client| client.ask("where").parse().expect("a number"))
        .collect();
    let [sender, receiver] = &mut clients;
    let mut sent = 0;
    eventually("a lane is full", || {
        // The receiver's loop stands still while the lane fills, unless the host lets the sender wait for so long.
        receiver.send("block 200\n");
        thread::sleep(Duration::from_millis(20));
        assert_eq!(
            sender.ask(&format!("flood {} {sent} {}", shards[1], sent + 3000)),
            "flooding"
        );
        assert_eq!(receiver.line(), "blocked");
        sent += 3000;
        eventually("all messages arrive", || receiver.ask("flooded") == sent.to_string());
        server.count("batches_held_total") > 0
    });
}

#[test]
fn running_out_of_buffers_loses_nothing() {
    let server = Server::start(1, Level::Full);
    let mut clients: Vec<Client> = (0..50).map(|_| server.connect()).collect();
    let mut blocker = server.connect();
    eventually("all are served", || server.count("connections") == 51);
    let text = "y".repeat(1_000_000);
    eventually("buffers run out", || {
        // The socket buffers fill while the loop stands still; then a single call finds more than there are buffers.
        blocker.send("block 300\n");
        thread::sleep(Duration::from_millis(50));
        thread::scope(|scope| {
            for client in &mut clients {
                let text = &text;
                scope.spawn(move || {
                    client.send(&format!("echo {text}\n"));
                    assert_eq!(client.line(), *text);
                });
            }
        });
        assert_eq!(blocker.line(), "blocked");
        server.count("buffers_exhausted_total") > 0
    });
}

#[test]
fn a_client_too_many_is_told_so() {
    let config = Config {
        maxclients: 2,
        ..Config::default()
    };
    let server = Server::with(2, Level::Full, config);
    let mut first = server.connect();
    let mut second = server.connect();
    assert_eq!(first.ask("echo 1"), "1");
    assert_eq!(second.ask("echo 2"), "2");
    let mut third = server.connect();
    assert_eq!(third.line(), "-ERR max number of clients reached");
    assert!(third.is_at_end());
    drop(first);
    eventually("a place is free", || {
        let mut next = server.connect();
        next.ask("echo 3") == "3"
    });
    assert!(server.count("rejected_total") >= 1);
}

#[test]
fn stopping_sends_the_last_replies_and_ends_in_time() {
    for level in LEVELS {
        let mut server = Server::start(2, level);
        let mut idle: Vec<Client> = (0..20).map(|_| server.connect()).collect();
        assert_eq!(idle[0].ask("echo here"), "here");
        let mut deaf = server.connect();
        deaf.send("big 30000000\n");
        let mut last = server.connect();
        last.send("echo farewell\nstop\n");
        let start = Instant::now();
        server.wait().expect("the loops end well");
        assert!(start.elapsed() < PATIENCE, "{level:?}");
        assert_eq!(last.line(), "farewell");
        assert!(last.is_at_end());
        assert!(idle[1].is_at_end());
    }
}

#[test]
fn idle_shards_sleep() {
    let server = Server::start(2, Level::Full);
    let mut client = server.connect();
    assert_eq!(client.ask("echo x"), "x");
    eventually("they sleep", || {
        let before = server.count("passes_total");
        thread::sleep(Duration::from_millis(200));
        server.count("passes_total") - before <= 2
    });
}
