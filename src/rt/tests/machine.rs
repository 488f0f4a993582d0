//! A machine that does on demand what the real one does rarely: it moves, pauses, hops, floods and closes.
//!
//! Its requests are lines; each is answered by one line, in order. A request that waits for something holds those behind it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use crate::base::id::{ConnId, ShardId};
use crate::base::time::Now;
use crate::coordinator::{Chunk, Event, Lane, Peer};
use crate::rt::Machine;
use crate::shard::message::Batch;

/// A connection's state; it travels when the connection moves.
#[derive(Default)]
pub struct Session {
    input: Vec<u8>,
    output: Vec<u8>,
    /// Something is under way: further requests wait.
    busy: bool,
    peer: Peer,
}

/// The machine.
pub struct Lines {
    id: ShardId,
    shards: u16,
    connections_max: usize,
    now: Now,
    sessions: HashMap<u32, Session>,
    events: VecDeque<Event>,
    /// Connections that read again at a time.
    naps: BTreeMap<(u64, u32), ()>,
    outgoing: BTreeMap<(u16, bool), Batch>,
    /// Numbers that arrived by flood, which must come in order, by sender.
    floods: HashMap<ShardId, u64>,
}

impl Lines {
    pub fn new(id: ShardId, shards: u16, connections_max: usize, now: Now) -> Self {
        Lines {
            id,
            shards,
            connections_max,
            now,
            sessions: HashMap::new(),
            events: VecDeque::new(),
            naps: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            floods: HashMap::new(),
        }
    }

    fn say(&mut self, conn: u32, bytes: &[u8]) {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        session.output.extend_from_slice(bytes);
        self.events.push_back(Event::Flush(ConnId(conn)));
    }

    fn advance(&mut self, conn: u32) {
        while let Some(session) = self.sessions.get_mut(&conn) {
            let end = session.input.iter().position(|&byte| byte == b'\n');
            let Some(end) = end.filter(|_| !session.busy) else {
                return;
            };
            let line = String::from_utf8(session.input.drain(..=end).collect()).expect("tests send text");
            let words: Vec<&str> = line.split_whitespace().collect();
            self.request(conn, &words);
        }
    }

    fn request(&mut self, conn: u32, words: &[&str]) {
        let id = ConnId(conn);
        let number = |at: usize| words[at].parse::<u64>().expect("tests send numbers");
        match words[0] {
            "echo" => self.say(conn, format!("{}\n", words[1]).as_bytes()),
            "where" => self.say(conn, format!("{}\n", self.id.0).as_bytes()),
            "who" => {
                let peer = self.sessions[&conn].peer.clone();
                self.say(
                    conn,
                    format!("{} {} {}\n", peer.address, peer.local_address, peer.local).as_bytes(),
                );
            }
            "big" => {
                let mut bytes = vec![b'x'; number(1) as usize - 1];
                bytes.push(b'\n');
                self.say(conn, &bytes);
            }
            "move" => {
                self.hold(conn);
                self.events.push_back(Event::Move(id, ShardId(number(1) as u16)));
            }
            "pause" => {
                self.hold(conn);
                self.events.push_back(Event::PauseReading(id));
                self.naps.insert((self.now.mono_us + number(1) * 1000, conn), ());
            }
            "hop" => {
                self.hold(conn);
                let message = format!("{conn} {}", words[2]);
                self.post(ShardId(number(1) as u16), Lane::Request, &message);
            }
            "flood" => {
                for message in number(2)..number(3) {
                    self.post(ShardId(number(1) as u16), Lane::Request, &format!("flood {message}"));
                }
                self.say(conn, b"flooding\n");
            }
            "flooded" => {
                let count: u64 = self.floods.values().sum();
                self.say(conn, format!("{count}\n").as_bytes());
            }
            "block" => {
                std::thread::sleep(Duration::from_millis(number(1)));
                self.say(conn, b"blocked\n");
            }
            "close" => {
                self.say(conn, b"bye\n");
                self.events.push_back(Event::Close(id));
            }
            "stop" => self.events.push_back(Event::Shutdown),
            other => panic!("no such request: {other}"),
        }
    }

    fn hold(&mut self, conn: u32) {
        self.sessions.get_mut(&conn).expect("it sends").busy = true;
    }

    fn release(&mut self, conn: u32, word: &str) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.busy = false;
            self.say(conn, format!("{word}\n").as_bytes());
            self.advance(conn);
        }
    }

    fn post(&mut self, to: ShardId, lane: Lane, message: &str) {
        let batch = self.outgoing.entry((to.0, lane == Lane::Reply)).or_default();
        let mark = if lane == Lane::Reply { "re " } else { "" };
        batch.bytes.extend_from_slice(format!("{mark}{message}\n").as_bytes());
    }
}

impl Machine for Lines {
    type Moved = Session;

    fn set_now(&mut self, now: Now) {
        assert!(now.mono_us >= self.now.mono_us, "time does not go back");
        self.now = now;
    }

    fn open(&mut self, conn: ConnId, peer: Peer) {
        let session = Session {
            peer,
            ..Session::default()
        };
        assert!(self.sessions.insert(conn.0, session).is_none(), "the place is in use");
    }

    fn receive(&mut self, conn: ConnId, data: &[u8]) {
        self.sessions
            .get_mut(&conn.0)
            .expect("only open connections receive")
            .input
            .extend_from_slice(data);
        self.advance(conn.0);
    }

    fn is_answering(&self, conn: ConnId) -> bool {
        self.sessions.get(&conn.0).is_some_and(|session| session.busy)
    }

    fn closed(&mut self, conn: ConnId) {
        assert!(self.sessions.remove(&conn.0).is_some(), "a connection closes once");
        self.events.retain(|event| {
            !matches!(event, Event::Flush(id) | Event::Close(id) | Event::PauseReading(id) | Event::ResumeReading(id)
                | Event::Move(id, _) if *id == conn)
        });
        self.naps.retain(|&(_, napping), ()| napping != conn.0);
    }

    fn deliver(&mut self, from: ShardId, batch: Batch) {
        let text = String::from_utf8(batch.bytes).expect("machines send text");
        for message in text.lines() {
            let words: Vec<&str> = message.split(' ').collect();
            match words[..] {
                ["re", conn, word] => self.release(conn.parse().expect("a number"), word),
                ["flood", number] => {
                    let next = self.floods.entry(from).or_default();
                    assert_eq!(number, next.to_string(), "messages of one peer come in order");
                    *next += 1;
                }
                [conn, word] => self.post(from, Lane::Reply, &format!("{conn} {word}")),
                _ => panic!("no such message: {message}"),
            }
        }
    }

    fn tick(&mut self) {
        while let Some((&(at, conn), ())) = self.naps.first_key_value() {
            if at > self.now.mono_us {
                return;
            }
            self.naps.pop_first();
            self.events.push_back(Event::ResumeReading(ConnId(conn)));
            self.release(conn, "rested");
        }
    }

    fn next_deadline_us(&self) -> Option<u64> {
        let unsent = self.outgoing.values().any(|batch| !batch.bytes.is_empty());
        let woken = self.naps.first_key_value().map(|(&(at, _), ())| at);
        if unsent { Some(self.now.mono_us) } else { woken }
    }

    fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn output(&mut self, conn: ConnId) -> Option<Chunk> {
        let output = std::mem::take(&mut self.sessions.get_mut(&conn.0)?.output);
        (!output.is_empty()).then_some(Chunk::Own(output))
    }

    fn sent(&mut self, conn: ConnId, _chunk: Chunk) {
        assert!(self.sessions.contains_key(&conn.0), "only open connections send");
    }

    fn take_batch(&mut self, to: ShardId, lane: Lane) -> Option<Batch> {
        assert!(to != self.id && to.0 < self.shards);
        let batch = self.outgoing.get_mut(&(to.0, lane == Lane::Reply))?;
        // One message in each, so that lanes fill.
        let end = batch.bytes.iter().position(|&byte| byte == b'\n')?;
        let rest = batch.bytes.split_off(end + 1);
        Some(Batch {
            bytes: std::mem::replace(&mut batch.bytes, rest),
            ..Batch::default()
        })
    }

    fn put_back(&mut self, to: ShardId, lane: Lane, mut batch: Batch) {
        let waiting = self.outgoing.entry((to.0, lane == Lane::Reply)).or_default();
        batch.bytes.append(&mut waiting.bytes);
        waiting.bytes = batch.bytes;
    }

    fn detach(&mut self, conn: ConnId) -> Option<Box<Session>> {
        self.sessions.remove(&conn.0).map(Box::new)
    }

    fn adopt(&mut self, conn: ConnId, moved: Box<Session>) {
        assert!(self.sessions.insert(conn.0, *moved).is_none(), "the place is in use");
        self.release(conn.0, "moved");
    }

    fn connections_max(&self) -> usize {
        self.connections_max
    }
}
