//! Messages (PUBLISH): who has subscribed before a message was published is told it, once, and each publisher's messages in their order; also who has
//! sent `SUBSCRIBE` and waited for nothing before somebody else published.

use std::collections::VecDeque;

use corelane::base::rng::Rng;

use crate::model::Op;
use crate::reply::Value;
use crate::world::{Fault, World};

/// What a message takes that is not copied for each, bytes.
const LARGE_BYTES: usize = 16 << 10;
const CHANNELS: [&str; 2] = ["ca", "cb"];
/// What may be subscribed to: the verb's beginning, and the name.
const NAMES: [(&str, &str); 5] = [("", "ca"), ("", "cb"), ("P", "c*"), ("P", "ca"), ("S", "ca")];

/// From when to when a client subscribes to a name, in sends of all clients.
struct Interval {
    asked: u64,
    left: Option<u64>,
}

#[derive(Default)]
struct Subscriptions {
    intervals: Vec<Interval>,
    /// The messages, in the order in which they came.
    told: Vec<usize>,
}

impl Subscriptions {
    fn is_open(&self) -> bool {
        self.intervals.last().is_some_and(|interval| interval.left.is_none())
    }
}

struct Message {
    by: usize,
    channel: &'static str,
    sharded: bool,
    asked: u64,
    answered: bool,
}

impl Message {
    fn is_for(&self, (kind, name): (&str, &str)) -> bool {
        let names_it = name == self.channel || kind == "P" && name == "c*";
        (kind == "S") == self.sharded && names_it
    }
}

struct Actor {
    conn: usize,
    left: usize,
    /// The messages that its commands without an answer yet publish.
    unanswered: VecDeque<Option<usize>>,
    subscriptions: [Subscriptions; NAMES.len()],
}

/// The clients and what they have said.
struct Play {
    world: World,
    rng: Rng,
    actors: Vec<Actor>,
    messages: Vec<Message>,
    /// How much has been sent.
    clock: u64,
    /// Whether clients have a favourite shard first, so that they move.
    moves: bool,
    /// Whether clients publish with scripts too, which run where a key is.
    scripts: bool,
    seed: u64,
}

impl Play {
    fn new(seed: u64, fault: Fault) -> Self {
        let shards = 2 + seed as usize % 5;
        let mut world = World::new(seed, shards as u16, fault).with_passes();
        let mut actors = Vec::new();
        for at in 0..2 + seed as usize / 5 % 3 {
            let conn = world.connect_to(at % shards);
            world.send(conn, &Op::plain("HELLO 3").encode());
            while world.step() {}
            world.clients[conn].replies.clear();
            actors.push(Actor {
                conn,
                left: 30,
                unanswered: VecDeque::new(),
                subscriptions: Default::default(),
            });
        }
        Play {
            world,
            rng: Rng::new(seed ^ 0x5eed),
            actors,
            messages: Vec::new(),
            clock: 0,
            moves: seed.is_multiple_of(8),
            scripts: seed % 8 == 1,
            seed,
        }
    }

    fn send(&mut self, at: usize, line: &str) {
        self.world.send(self.actors[at].conn, &Op::plain(line).encode());
        self.clock += 1;
    }

    fn act(&mut self, at: usize) {
        self.actors[at].left -= 1;
        match self.rng.below(10) {
            0..=2 => self.publish(at),
            3..=5 => self.toggle(at),
            _ => {
                let line = match self.rng.below(3) {
                    0 => format!("SET k{} v", self.rng.below(8)),
                    1 => format!("MGET k{} k{}", self.rng.below(8), self.rng.below(8)),
                    _ => format!("GET k{}", self.rng.below(8)),
                };
                self.send(at, &line);
                self.actors[at].unanswered.push_back(None);
            }
        }
    }

    fn publish(&mut self, at: usize) {
        let number = self.messages.len();
        let channel = CHANNELS[self.rng.below(2) as usize];
        let sharded = self.rng.chance(1, 4);
        let verb = if sharded { "SPUBLISH" } else { "PUBLISH" };
        // A large one is shared by those who are sent it.
        let digits = if self.rng.chance(1, 24) { LARGE_BYTES } else { 1 };
        let payload = format!("{number:0digits$}");
        self.messages.push(Message {
            by: at,
            channel,
            sharded,
            asked: self.clock,
            answered: false,
        });
        if self.scripts && self.rng.chance(1, 2) {
            let key = self.rng.below(8);
            let script =
                format!("EVAL return(redis.call(ARGV[1],ARGV[2],ARGV[3])) 1 k{key} {verb} {channel} {payload}");
            self.send(at, &script);
        } else {
            self.send(at, &format!("{verb} {channel} {payload}"));
        }
        self.actors[at].unanswered.push_back(Some(number));
    }

    fn toggle(&mut self, at: usize) {
        let name = self.rng.below(NAMES.len() as u64) as usize;
        let again = self.rng.chance(1, 3);
        let (kind, of) = NAMES[name];
        let clock = self.clock;
        let subscriptions = &mut self.actors[at].subscriptions[name];
        let was_open = subscriptions.is_open();
        if was_open {
            subscriptions.intervals.last_mut().expect("it is open").left = Some(clock);
        }
        let joins = !was_open || again;
        if joins {
            let (asked, left) = (clock, None);
            subscriptions.intervals.push(Interval { asked, left });
        }
        if was_open {
            self.send(at, &format!("{kind}UNSUBSCRIBE {of}"));
        }
        if joins {
            self.send(at, &format!("{kind}SUBSCRIBE {of}"));
        }
    }

    fn hear(&mut self, at: usize) {
        let actor = &mut self.actors[at];
        while let Some(value) = self.world.clients[actor.conn].replies.pop_front() {
            let Value::Push(items) = &value else {
                let published = actor
                    .unanswered
                    .pop_front()
                    .unwrap_or_else(|| panic!("seed {}: {value:?} answers nothing", self.seed));
                if let Some(number) = published {
                    self.messages[number].answered = true;
                }
                continue;
            };
            let words: Vec<&str> = items
                .iter()
                .map(|item| match item {
                    Value::Bulk(word) => word.as_str(),
                    _ => "",
                })
                .collect();
            let (kind, of, payload) = match words[..] {
                ["message", channel, payload] => ("", channel, payload),
                ["pmessage", pattern, _, payload] => ("P", pattern, payload),
                ["smessage", channel, payload] => ("S", channel, payload),
                _ => continue,
            };
            let name = NAMES
                .iter()
                .position(|name| *name == (kind, of))
                .expect("it was asked for");
            let number = payload.parse().expect("messages are numbers");
            actor.subscriptions[name].told.push(number);
        }
    }

    fn run(&mut self) {
        self.settle_down();
        let disconnects = self.rng.chance(1, 4);
        loop {
            for at in 0..self.actors.len() {
                if self.actors[at].left > 0 && self.rng.chance(1, 6) {
                    self.act(at);
                    self.may_leave(at, disconnects);
                }
            }
            let busy = self.world.step();
            if !busy {
                let us = 1 + self.rng.below(500);
                self.world.pass_time(us);
            }
            (0..self.actors.len()).for_each(|at| self.hear(at));
            if !busy && self.actors.iter().all(|actor| actor.left == 0) {
                break;
            }
        }
        // What a pass that follows brings.
        for _ in 0..3 {
            self.world.pass_time(1);
            while self.world.step() {}
        }
        (0..self.actors.len()).for_each(|at| self.hear(at));
    }

    /// Has clients ask a shard so much that they move there.
    fn settle_down(&mut self) {
        for at in 0..self.actors.len() {
            let (key, times) = (self.rng.below(8), if self.moves { 128 } else { 0 });
            for _ in 0..times {
                self.send(at, &format!("GET k{key}"));
                self.actors[at].unanswered.push_back(None);
            }
        }
    }

    fn may_leave(&mut self, at: usize, disconnects: bool) {
        if disconnects && at > 0 && self.rng.chance(1, 60) {
            self.world.disconnect(self.actors[at].conn);
            self.actors[at].left = 0;
        }
    }

    /// Tells what went wrong; otherwise how many messages had to be told.
    fn check(&self) -> Result<usize, String> {
        let mut due = 0;
        for (at, actor) in self.actors.iter().enumerate() {
            if self.world.clients[actor.conn].is_closed() {
                continue;
            }
            for (name, subscriptions) in NAMES.iter().zip(&actor.subscriptions) {
                let told = &subscriptions.told;
                due += self
                    .check_subscriptions(at, *name, subscriptions)
                    .map_err(|error| format!("client {at} was told by {name:?} {told:?}: {error}"))?;
            }
        }
        Ok(due)
    }

    fn check_subscriptions(
        &self,
        client: usize,
        name: (&str, &str),
        subscriptions: &Subscriptions,
    ) -> Result<usize, String> {
        let mut due = 0;
        for (number, message) in self.messages.iter().enumerate() {
            let told = subscriptions.told.iter().filter(|told| **told == number).count();
            let (least, most) = bounds(message, name, client, subscriptions);
            due += least;
            if !(least..=most).contains(&told) {
                let by = message.by;
                return Err(format!("{number} of client {by} {told} times, not {least} to {most}"));
            }
        }
        for by in 0..self.actors.len() {
            let of_one = subscriptions
                .told
                .iter()
                .filter(|number| self.messages[**number].by == by);
            // Lanes of two shards are not in one order here, as they mostly are in a process: what a client publishes on both may be told in another one.
            if !self.moves && !self.scripts && !of_one.is_sorted() {
                return Err(format!("those of client {by} are not in order"));
            }
        }
        Ok(due)
    }
}

/// How often a client is told a message by a subscription, at least and at most.
fn bounds(message: &Message, name: (&str, &str), client: usize, subscriptions: &Subscriptions) -> (usize, usize) {
    if !message.is_for(name) {
        return (0, 0);
    }
    // Who leaves may do so before what others have published before comes to its shard.
    let mut intervals = subscriptions.intervals.iter();
    let is_due =
        message.answered && intervals.any(|interval| interval.asked < message.asked && interval.left.is_none());
    // What the client has published itself while it was not subscribed it does not hear of.
    let may_be_own =
        |interval: &Interval| interval.asked < message.asked && interval.left.is_none_or(|left| message.asked < left);
    let is_own = message.by == client;
    let may_be = if is_own {
        subscriptions.intervals.iter().any(may_be_own)
    } else {
        !subscriptions.intervals.is_empty()
    };
    (usize::from(is_due || is_own && may_be), usize::from(may_be))
}

fn run(seed: u64, fault: Fault) -> Result<usize, String> {
    let mut play = Play::new(seed, fault);
    play.run();
    play.check().map_err(|error| format!("seed {seed}: {error}"))
}

#[test]
fn who_has_subscribed_is_told_once_and_in_order() {
    let mut due = 0;
    for seed in crate::seeds(5_000) {
        match run(seed, Fault::None) {
            Ok(told) => due += told,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(due > 0, "nothing had to be told");
}

fn is_seen(fault: Fault) -> bool {
    (0..3_000).any(|seed| std::panic::catch_unwind(|| run(seed, fault).is_err()).unwrap_or(true))
}

#[test]
fn what_late_subscribers_are_not_told_is_seen() {
    assert!(is_seen(Fault::LoseMissed));
}

#[test]
fn a_shard_that_thinks_it_has_received_what_it_has_not_is_seen() {
    assert!(is_seen(Fault::ReceivesLess));
}
