//! Clients that cache what they read and are told when it changes (CLIENT TRACKING): when all is quiet, nobody may hold a value that is not so.

use std::collections::{BTreeMap, VecDeque};

use corelane::base::rng::Rng;

use crate::model::{COLLECTING, Op};
use crate::reply::Value;
use crate::workload;
use crate::world::{Fault, World};

const TEXTS: u64 = 4;
const LISTS: u64 = 4;

/// How a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Reads,
    SkipsOwn,
    OptIn,
    Broadcast,
    /// By another connection, with RESP3 or as a subscriber.
    Redirect,
    /// Not at all: it keeps nothing, and pipelines so that its commands are grouped.
    Untracked,
}

const MODES: [Mode; 6] = [
    Mode::Reads,
    Mode::SkipsOwn,
    Mode::Untracked,
    Mode::OptIn,
    Mode::Broadcast,
    Mode::Redirect,
];

struct Pending {
    op: Op,
    /// What has changed since it was sent, told by another connection: its reply is not kept.
    tainted: Vec<String>,
    keeps: bool,
}

/// A client with a cache.
struct Cacher {
    mode: Mode,
    conn: usize,
    /// Where it is told.
    told_at: usize,
    sent: VecDeque<Pending>,
    left: usize,
    cache: BTreeMap<String, Value>,
}

fn text(rng: &mut Rng) -> String {
    format!("t{}", rng.below(TEXTS))
}

fn list(rng: &mut Rng) -> String {
    format!("l{}", rng.below(LISTS))
}

fn read(rng: &mut Rng) -> String {
    match rng.below(4) {
        0 => format!("MGET {} {}", text(rng), text(rng)),
        1 => format!("LRANGE {} 0 -1", list(rng)),
        _ => format!("GET {}", text(rng)),
    }
}

fn write(rng: &mut Rng, serial: &mut u64) -> String {
    match rng.below(8) {
        0 => format!("PEXPIRE {} {}", text(rng), 1 + rng.below(3)),
        1 => format!("BLMOVE {} {} RIGHT LEFT 0.01", list(rng), list(rng)),
        2 => "SWAPDB 2 3".into(),
        _ => loop {
            let line = workload::command(rng, serial);
            if line != "DBSIZE" {
                return line;
            }
        },
    }
}

fn operation(rng: &mut Rng, serial: &mut u64) -> Op {
    let mut inner = |rng: &mut Rng| {
        if rng.chance(2, 3) {
            read(rng)
        } else {
            write(rng, serial)
        }
    };
    match rng.below(10) {
        0 => {
            let commands = (0..1 + rng.below(4)).map(|_| inner(rng));
            Op::Block(
                commands
                    .map(|line| line.split(' ').map(str::to_owned).collect())
                    .collect(),
            )
        }
        1 => {
            let mut words = vec!["EVAL".to_owned(), COLLECTING.to_owned(), "0".to_owned()];
            words.extend((0..1 + rng.below(4)).map(|_| inner(rng)));
            Op::Plain(words)
        }
        _ => Op::plain(&inner(rng)),
    }
}

/// The values that a reply tells, in order, and whether the command may have changed something.
fn told(words: &[&str], reply: &Value, values: &mut Vec<(String, Value)>) -> bool {
    match (words[0], reply) {
        ("GET" | "LRANGE", Value::Error(_)) => false,
        ("GET" | "LRANGE", reply) => {
            values.push((words[1].to_owned(), reply.clone()));
            false
        }
        ("MGET", Value::Array(items)) => {
            let keys = words[1..].iter().map(|key| (*key).to_owned());
            values.extend(keys.zip(items.iter().cloned()));
            false
        }
        _ => true,
    }
}

fn told_by(op: &Op, reply: &Value) -> (Vec<(String, Value)>, bool) {
    let mut values = Vec::new();
    let commands: Vec<Vec<&str>> = match op {
        Op::Block(commands) => commands
            .iter()
            .map(|words| words.iter().map(String::as_str).collect())
            .collect(),
        Op::Plain(words) if words[0] == "EVAL" => words[3..].iter().map(|line| line.split(' ').collect()).collect(),
        Op::Plain(words) => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let writes = told(&words, reply, &mut values);
            return (values, writes);
        }
    };
    let Value::Array(replies) = reply else {
        return (values, true);
    };
    let mut writes = false;
    for (words, reply) in commands.iter().zip(replies) {
        writes |= told(words, reply, &mut values);
    }
    (values, writes)
}

impl Cacher {
    fn new(world: &mut World, mode: Mode, operations: usize, seed: u64) -> Self {
        let conn = world.connect();
        let mut cacher = Cacher {
            mode,
            conn,
            told_at: conn,
            sent: VecDeque::new(),
            left: operations,
            cache: BTreeMap::new(),
        };
        ask(world, conn, "HELLO 3");
        let options = match mode {
            Mode::Reads => String::new(),
            Mode::SkipsOwn => " NOLOOP".into(),
            Mode::OptIn => " OPTIN".into(),
            Mode::Broadcast => " BCAST PREFIX t PREFIX l".into(),
            Mode::Redirect => {
                cacher.told_at = world.connect();
                let hears = if seed.is_multiple_of(2) {
                    "HELLO 3"
                } else {
                    "SUBSCRIBE __redis__:invalidate"
                };
                let id = ask(world, cacher.told_at, "CLIENT ID");
                ask(world, cacher.told_at, hears);
                let Some(Value::Int(id)) = id else {
                    panic!("a client has a number")
                };
                format!(" REDIRECT {id}")
            }
            Mode::Untracked => return cacher,
        };
        let answer = ask(world, conn, &format!("CLIENT TRACKING ON{options}"));
        assert_eq!(answer, Some(Value::Simple("OK".into())));
        cacher
    }

    fn drive(&mut self, world: &mut World, rng: &mut Rng, serial: &mut u64) {
        if self.left == 0 || !self.sent.is_empty() || !rng.chance(1, 4) {
            return;
        }
        let deepest = if self.mode == Mode::Untracked { 10 } else { 4 };
        for _ in 0..1 + rng.below(deepest).min(self.left as u64 - 1) {
            let keeps = match self.mode {
                Mode::OptIn => rng.chance(1, 2),
                Mode::Untracked => false,
                _ => true,
            };
            if keeps && self.mode == Mode::OptIn {
                self.send(world, Op::plain("CLIENT CACHING YES"), false);
            }
            self.send(world, operation(rng, serial), keeps);
            self.left -= 1;
        }
    }

    fn send(&mut self, world: &mut World, op: Op, keeps: bool) {
        world.send(self.conn, &op.encode());
        let tainted = Vec::new();
        self.sent.push_back(Pending { op, tainted, keeps });
    }

    /// Takes in what has arrived, in order.
    fn hear(&mut self, world: &mut World) {
        if self.told_at != self.conn {
            while let Some(message) = world.clients[self.told_at].replies.pop_front() {
                self.forget(&message);
            }
        }
        let replies = &mut world.clients[self.conn].replies;
        let mut heard = Vec::new();
        while let Some(front) = replies.front() {
            if matches!(front, Value::Push(_)) {
                heard.push((None, replies.pop_front()));
                continue;
            }
            // Messages come before or after a reply, also between those of one block.
            let needed = self.sent.front().map_or(1, |pending| pending.op.replies());
            let complete = replies.iter().filter(|value| !matches!(value, Value::Push(_))).count() >= needed;
            if !complete {
                break;
            }
            for _ in 1..needed {
                while matches!(replies.front(), Some(Value::Push(_))) {
                    heard.push((None, replies.pop_front()));
                }
                replies.pop_front();
            }
            while matches!(replies.front(), Some(Value::Push(_))) {
                heard.push((None, replies.pop_front()));
            }
            heard.push((self.sent.pop_front(), replies.pop_front()));
        }
        for (pending, value) in heard {
            let value = value.expect("it was at the front");
            match pending {
                Some(pending) => self.keep(&pending, &value),
                None => self.forget(&value),
            }
        }
    }

    fn keep(&mut self, pending: &Pending, reply: &Value) {
        let (values, writes) = told_by(&pending.op, reply);
        if writes && self.mode == Mode::SkipsOwn {
            return self.cache.clear();
        }
        for (key, value) in values {
            let tainted = pending.tainted.contains(&key) || pending.tainted.iter().any(String::is_empty);
            if pending.keeps && !tainted {
                self.cache.insert(key, value);
            }
        }
    }

    /// Forgets what a message says. Where it comes by another connection it may come before a reply that it is about.
    fn forget(&mut self, message: &Value) {
        let (Value::Push(items) | Value::Array(items)) = message else {
            return;
        };
        let kind = items.first();
        let is_kind = |name: &str| kind == Some(&Value::Bulk(name.into()));
        if !is_kind("invalidate") && !is_kind("message") {
            return;
        }
        let stale = match items.last() {
            Some(Value::Array(keys)) => keys.iter().map(|key| match key {
                Value::Bulk(key) => key.clone(),
                other => panic!("a key is no {other:?}"),
            }),
            Some(Value::Nil) => {
                self.cache.clear();
                return self.taint(String::new());
            }
            other => panic!("nobody forgets {other:?}"),
        };
        for key in stale {
            self.cache.remove(&key);
            self.taint(key);
        }
    }

    fn taint(&mut self, key: String) {
        if self.told_at != self.conn {
            self.sent
                .iter_mut()
                .for_each(|pending| pending.tainted.push(key.clone()));
        }
    }
}

fn quiet(world: &mut World) {
    while world.step() {}
}

/// Sends a command on a connection that waits for nothing, and waits for its reply.
fn ask(world: &mut World, conn: usize, line: &str) -> Option<Value> {
    world.send(conn, &Op::plain(line).encode());
    quiet(world);
    world.clients[conn].replies.pop_back()
}

/// Runs a seed; tells what somebody holds that is not so.
fn run(seed: u64, fault: Fault) -> Result<usize, String> {
    let mut world = World::new(seed, 1 + (seed % 6) as u16, fault);
    let mut rng = Rng::new(seed ^ 0xcac4e);
    let mut serial = 0;
    let auditor = world.connect();
    if seed.is_multiple_of(5) {
        ask(&mut world, auditor, "CONFIG SET tracking-table-max-keys 3");
    }
    let count = 2 + (seed / 7 % 3) as usize;
    let mode = |at: usize| MODES[(seed as usize / 3 + at) % MODES.len()];
    let mut cachers: Vec<Cacher> = (0..count)
        .map(|at| Cacher::new(&mut world, mode(at), 24, seed))
        .collect();
    let mut rounds = 0;
    loop {
        for cacher in &mut cachers {
            cacher.drive(&mut world, &mut rng, &mut serial);
        }
        let busy = world.step();
        if !busy {
            world.pass_time(1 + rng.below(2_000));
        }
        cachers.iter_mut().for_each(|cacher| cacher.hear(&mut world));
        rounds += 1;
        let done = cachers.iter().all(|cacher| cacher.left == 0 && cacher.sent.is_empty());
        if done && !busy && world.is_settled() {
            break;
        }
        if rounds > 1_000_000 {
            return Err(format!("seed {seed}: stuck"));
        }
    }
    // What expires does so, and is found.
    world.pass_time(10_000_000);
    let texts = (0..TEXTS).map(|at| format!("t{at}"));
    let lists = (0..LISTS).map(|at| format!("l{at}"));
    let mut truth = BTreeMap::new();
    for key in texts.chain(lists) {
        let look = if key.starts_with('t') {
            format!("GET {key}")
        } else {
            format!("LRANGE {key} 0 -1")
        };
        truth.insert(key, ask(&mut world, auditor, &look));
    }
    quiet(&mut world);
    let mut kept = 0;
    for cacher in &mut cachers {
        cacher.hear(&mut world);
        for (key, value) in &cacher.cache {
            kept += 1;
            if truth[key].as_ref() != Some(value) {
                let (mode, truth) = (cacher.mode, &truth[key]);
                return Err(format!(
                    "seed {seed}: {mode:?} holds {value:?} at {key}, where {truth:?} is"
                ));
            }
        }
    }
    Ok(kept)
}

#[test]
fn nobody_holds_what_is_not_so() {
    let mut kept = 0;
    for seed in crate::seeds(5_000) {
        match run(seed, Fault::None) {
            Ok(held) => kept += held,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(kept > 0, "nobody has kept anything");
}

fn is_seen(fault: Fault) -> bool {
    (0..300).any(|seed| std::panic::catch_unwind(|| run(seed, fault).is_err()).unwrap_or(true))
}

#[test]
fn lost_invalidations_are_seen() {
    assert!(is_seen(Fault::LoseInvalidations));
}

#[test]
fn reads_in_transactions_that_are_not_told_are_seen() {
    assert!(is_seen(Fault::LoseReads));
}
