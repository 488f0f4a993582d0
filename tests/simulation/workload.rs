//! Random operations, the clients that send them, and the record of what came back.

use std::collections::VecDeque;

use corelane::base::rng::Rng;
use corelane::coordinator::Pipelines;

use crate::history::Event;
use crate::model::{COLLECTING, Op, RAISING};
use crate::world::{Fault, World};

/// What the operations are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Lists and strings.
    Plain,
    Streams,
    /// Many commands at a time, most of them on one key.
    Pipelines,
    /// Everything, with WATCH, expiry and two databases.
    Mixed,
}

/// What a run looks like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub shards: u16,
    pub clients: usize,
    pub operations: usize,
    pub disconnects: bool,
    pub kind: Kind,
    pub fault: Fault,
}

const TEXTS: u64 = 4;
const LISTS: u64 = 4;

fn text(rng: &mut Rng) -> String {
    format!("t{}", rng.below(TEXTS))
}

fn list(rng: &mut Rng) -> String {
    format!("l{}", rng.below(LISTS))
}

/// A list of the numbers of texts.
fn numbers(rng: &mut Rng) -> String {
    format!("n{}", rng.below(2))
}

/// A command on one or several keys; `serial` makes every stored value unique.
pub fn command(rng: &mut Rng, serial: &mut u64) -> String {
    *serial += 1;
    let value = *serial;
    match rng.below(24) {
        0 => format!("SET {} {value}", text(rng)),
        1 => format!("GET {}", text(rng)),
        2 => format!("INCR {}", text(rng)),
        3 => format!("MGET {} {} {}", text(rng), text(rng), text(rng)),
        4 => format!("MSET {} {value} {} {value}x", text(rng), text(rng)),
        5 => format!("DEL {} {}", text(rng), list(rng)),
        6 => format!("EXISTS {} {}", text(rng), list(rng)),
        7 => format!("RENAME {} {}", text(rng), text(rng)),
        8 => format!("RENAME {} {}", list(rng), list(rng)),
        9..=11 => format!("LPUSH {} {value}", list(rng)),
        12 => format!("RPUSH {} {value}", list(rng)),
        13 => format!("RPOP {}", list(rng)),
        14 => format!("LLEN {}", list(rng)),
        15..=17 => format!("LMOVE {} {} RIGHT LEFT", list(rng), list(rng)),
        18 => format!("LRANGE {} 0 -1", list(rng)),
        19 => format!("RPUSH {} {}", numbers(rng), rng.below(TEXTS)),
        20 => format!("SORT {} BY nosort GET t* GET #", numbers(rng)),
        21 => format!("SORT {} BY nosort GET t* STORE {}", numbers(rng), list(rng)),
        22 => format!("DEL {} {}", numbers(rng), text(rng)),
        _ if rng.chance(1, 4) => "FLUSHALL".into(),
        _ => "DBSIZE".into(),
    }
}

fn known(rng: &mut Rng, serial: &mut u64) -> String {
    loop {
        let line = command(rng, serial);
        if corelane::catalog::find(line.split(' ').next().expect("a name").as_bytes()).is_some() {
            return line;
        }
    }
}

/// A script of some commands, which declares some of their keys, all, or none.
fn script(rng: &mut Rng, serial: &mut u64) -> Vec<String> {
    let commands: Vec<String> = (0..1 + rng.below(4)).map(|_| known(rng, serial)).collect();
    let declares = rng.below(3);
    let mut keys: Vec<&str> = commands.iter().flat_map(|line| line.split(' ').skip(1)).collect();
    keys.retain(|word| {
        let is_key = word.len() == 2 && word.starts_with(['t', 'l', 'n']) && !word.ends_with('*');
        is_key && (declares == 2 || declares == 1 && rng.chance(1, 2))
    });
    let text = if rng.chance(1, 2) { COLLECTING } else { RAISING };
    let head = ["EVAL".to_owned(), text.to_owned(), keys.len().to_string()];
    let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
    head.into_iter().chain(keys).chain(commands).collect()
}

fn operation(rng: &mut Rng, serial: &mut u64) -> Op {
    let timeout = if rng.chance(1, 3) { "0.001" } else { "0.02" };
    match rng.below(14) {
        0 => Op::plain(&format!("BLPOP {} {timeout}", list(rng))),
        1 => Op::plain(&format!("BRPOP {} {} {} {timeout}", list(rng), list(rng), list(rng))),
        2 => Op::plain(&format!("BLMOVE {} {} RIGHT LEFT {timeout}", list(rng), list(rng))),
        3 | 4 => {
            let count = 1 + rng.below(3);
            let mut command = || match rng.below(6) {
                0 => script(rng, serial),
                _ => known(rng, serial).split(' ').map(str::to_owned).collect(),
            };
            Op::Block((0..count).map(|_| command()).collect())
        }
        5..=8 => Op::Plain(script(rng, serial)),
        _ => Op::plain(&known(rng, serial)),
    }
}

/// Mostly commands on one key, some that wait, few that need several.
fn short_operation(rng: &mut Rng, serial: &mut u64) -> Op {
    *serial += 1;
    let value = *serial;
    match rng.below(24) {
        0 => operation(rng, serial),
        1 => Op::plain(&format!("BLPOP {} 0.01", list(rng))),
        2 => Op::plain(&format!("BRPOP {} {} 0.01", list(rng), list(rng))),
        3 => Op::plain(&format!("BLMOVE {} {} RIGHT LEFT 0.01", list(rng), list(rng))),
        4 => Op::plain("DBSIZE"),
        5..=8 => Op::plain(&format!("SET {} {value}", text(rng))),
        9..=13 => Op::plain(&format!("GET {}", text(rng))),
        14 => Op::plain(&format!("DEL {}", text(rng))),
        15 | 16 => Op::plain(&format!("LPUSH {} {value}", list(rng))),
        17 | 18 => Op::plain(&format!("RPOP {}", list(rng))),
        19..=21 => Op::plain(&format!("LLEN {}", list(rng))),
        _ => Op::plain(&format!("INCR {}", text(rng))),
    }
}

/// An operation on several keys.
fn spanning_operation(rng: &mut Rng, serial: &mut u64) -> Op {
    *serial += 1;
    let value = *serial;
    Op::plain(&match rng.below(8) {
        0 => format!("MSET {} {value} {} {value}x", text(rng), text(rng)),
        1 => format!("RENAME {} {}", text(rng), text(rng)),
        2 => format!("DEL {} {}", text(rng), list(rng)),
        3 => format!("MGET {} {} {}", text(rng), text(rng), text(rng)),
        4 => format!("RENAME {} {}", list(rng), list(rng)),
        _ => format!("LMOVE {} {} RIGHT LEFT", list(rng), list(rng)),
    })
}

struct Pending {
    op: Op,
    invoked: u64,
}

#[derive(Default)]
struct Driver {
    sent: VecDeque<Pending>,
    left: usize,
}

/// What a run brought.
pub struct Run {
    pub events: Vec<Event>,
    /// What pipelines were made into.
    pub pipelines: Pipelines,
}

/// Runs a seed to its end: all answered, nothing held, no time left to wait for.
pub fn run(seed: u64, shape: Shape) -> Result<Run, String> {
    let mut world = World::new(seed, shape.shards, shape.fault);
    let mut rng = Rng::new(seed ^ 0x5eed);
    let mut serial = 0;
    let mut drivers: Vec<Driver> = Vec::new();
    for _ in 0..shape.clients {
        world.connect();
        drivers.push(Driver {
            left: shape.operations / shape.clients,
            ..Driver::default()
        });
    }
    let mut events = Vec::new();
    let mut idle_rounds = 0;
    loop {
        for (client, driver) in drivers.iter_mut().enumerate() {
            drive(&mut world, client, driver, &mut rng, &mut serial, shape.kind);
        }
        if shape.disconnects && rng.chance(1, 400) {
            world.disconnect(rng.below(shape.clients as u64) as usize);
        }
        let busy = world.step();
        collect(&mut world, &mut drivers, &mut events);
        idle_rounds = if busy { 0 } else { idle_rounds + 1 };
        if !busy {
            world.pass_time(1 + rng.below(2_000));
        }
        let done = drivers
            .iter()
            .enumerate()
            .all(|(at, driver)| world.clients[at].is_closed() || driver.left == 0 && driver.sent.is_empty());
        if done && !busy && world.is_settled() {
            break;
        }
        if idle_rounds > 2_000 {
            return Err(format!("seed {seed}: stuck; settled: {}", world.is_settled()));
        }
    }
    // Nobody is left: what is in the keyspace must be what the history leaves behind.
    let auditor = world.connect();
    drivers.push(Driver::default());
    let audit = (0..LISTS)
        .map(|at| format!("LRANGE l{at} 0 -1"))
        .chain((0..TEXTS).map(|at| format!("GET t{at}")))
        .chain((0..crate::streams::STREAMS).flat_map(|at| [format!("XRANGE s{at} - +"), format!("XPENDING s{at} g")]))
        .chain((0..crate::mixed::SORTED).map(|at| format!("ZPOPMIN z{at}")));
    // All that expires does so first.
    world.pass_time(10_000_000);
    for line in std::iter::once("ECHO late".to_owned()).chain(audit) {
        let op = Op::plain(&line);
        world.send(auditor, &op.encode());
        drivers[auditor].sent.push_back(Pending {
            op,
            invoked: world.steps,
        });
        while world.step() {}
        collect(&mut world, &mut drivers, &mut events);
    }
    for (client, driver) in drivers.iter_mut().enumerate() {
        let unanswered = driver.sent.drain(..).map(|Pending { op, invoked }| Event {
            client,
            op,
            invoked,
            answered: None,
        });
        events.extend(unanswered);
    }
    Ok(Run {
        events,
        pipelines: world.pipelines(),
    })
}

fn drive(world: &mut World, client: usize, driver: &mut Driver, rng: &mut Rng, serial: &mut u64, kind: Kind) {
    if driver.left == 0 || !driver.sent.is_empty() || world.clients[client].is_closed() || !rng.chance(1, 4) {
        return;
    }
    let deepest = if kind == Kind::Pipelines { 10 } else { 4 };
    let spanning = rng.chance(1, 3);
    let depth = 1 + rng.below(deepest).min(driver.left as u64 - 1);
    for _ in 0..depth {
        let op = match kind {
            Kind::Plain => operation(rng, serial),
            Kind::Streams => crate::streams::operation(rng, serial),
            Kind::Pipelines if spanning => spanning_operation(rng, serial),
            Kind::Pipelines => short_operation(rng, serial),
            Kind::Mixed => crate::mixed::operation(rng, serial),
        };
        world.send(client, &op.encode());
        driver.sent.push_back(Pending {
            op,
            invoked: world.steps,
        });
        driver.left -= 1;
    }
}

fn collect(world: &mut World, drivers: &mut [Driver], events: &mut Vec<Event>) {
    let now = world.steps;
    for (client, driver) in drivers.iter_mut().enumerate() {
        let replies = &mut world.clients[client].replies;
        while let Some(Pending { op, .. }) = driver.sent.front()
            && replies.len() >= op.replies()
        {
            let Pending { op, invoked } = driver.sent.pop_front().expect("the front was just seen");
            let answer = replies
                .drain(..op.replies())
                .next_back()
                .expect("every operation has a reply");
            events.push(Event {
                client,
                op,
                invoked,
                answered: Some((now, answer)),
            });
        }
    }
}
