//! Who subscribes, until every shard knows it.
//!
//! A shard that hears of a subscription answers what it has published since that may have been sent (`recent`), and what it publishes from then on
//! comes behind. What has come from it before is not for the client: so it is told everything, in order, and once.

use std::collections::VecDeque;
use std::rc::Rc;

use super::connection::Connection;
use super::node::Node;
use super::pubsub::{Encoded, message};
use crate::base::id::{ClientId, ConnId, ShardId};
use crate::command::{Publication, Shards, Topic};
use crate::shard::message::Missed;

/// How long, in microseconds, and of how many names it is known what was heard until they were left: for those who come again.
const LEFT_US: u64 = 1_000_000;
const LEFT_MAX: usize = 4096;

/// The number of the last message of each shard.
type Heard = Rc<[u64]>;

/// What a client joins.
struct Joined {
    name: Box<[u8]>,
    /// What it was told before, when it has left it just now.
    told: Option<Heard>,
}

impl Joined {
    fn was_told(&self, from: ShardId, publication: &Publication) -> bool {
        self.told
            .as_ref()
            .is_some_and(|told| publication.number <= told[from.index()])
    }
}

/// One subscription that not all shards know yet.
struct Joiner {
    conn: ConnId,
    client: ClientId,
    topic: Topic,
    names: Vec<Joined>,
    /// The shards that do not know.
    left: Shards,
    /// The last message of this shard that came before it.
    after: u64,
    /// Where it holds the horizon.
    since_us: u64,
}

/// What a client has left of late.
struct Left {
    at_us: u64,
    client: ClientId,
    topic: Topic,
    name: Box<[u8]>,
    heard: Heard,
}

/// All of them, in the order in which they came.
pub(super) struct Joiners {
    joiners: Vec<Joiner>,
    left: VecDeque<Left>,
    heard: Heard,
}

impl Joiners {
    /// Nobody, on one of so many shards.
    pub fn new(shards: u16) -> Self {
        Joiners {
            joiners: Vec::new(),
            left: VecDeque::new(),
            heard: vec![0; usize::from(shards)].into(),
        }
    }

    /// All messages of `from` up to that number have come that are for those who listen here.
    #[inline]
    pub fn hear(&mut self, from: ShardId, number: u64) {
        let heard = Rc::make_mut(&mut self.heard);
        heard[from.index()] = heard[from.index()].max(number);
    }

    /// A client leaves what it had joined.
    pub fn leave(&mut self, topic: Topic, name: &[u8], client: ClientId, now_us: u64) {
        while self.left.len() >= LEFT_MAX || self.left.front().is_some_and(|left| left.at_us + LEFT_US < now_us) {
            self.left.pop_front();
        }
        self.left.push_back(Left {
            at_us: now_us,
            client,
            topic,
            name: name.into(),
            heard: self.heard.clone(),
        });
    }

    fn told_before(&self, topic: Topic, name: &[u8], client: ClientId) -> Option<Heard> {
        let mut left = self.left.iter().rev();
        let left = left.find(|left| left.client == client && left.topic == topic && *left.name == *name);
        left.map(|left| left.heard.clone())
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.joiners.is_empty()
    }

    /// For whom a message of `from` is, and by which pattern.
    pub fn of<'j>(
        &'j self,
        from: ShardId,
        own: ShardId,
        publication: &'j Publication,
    ) -> impl Iterator<Item = (ConnId, Option<&'j [u8]>)> {
        let hears = move |joiner: &&Joiner| {
            if from == own {
                publication.number > joiner.after
            } else {
                !joiner.left.contains(&from)
            }
        };
        self.joiners.iter().filter(hears).flat_map(move |joiner| {
            let names = joiner.names.iter();
            let named = names.filter(|joined| publication.is_for(joiner.topic, &joined.name));
            named.map(|joined| (joiner.conn, pattern_of(joiner.topic, &joined.name)))
        })
    }
}

fn pattern_of(topic: Topic, name: &[u8]) -> Option<&[u8]> {
    (topic == Topic::Pattern).then_some(name)
}

impl Node {
    /// A client joins what it was not subscribed to: it hears at once of what this shard publishes, also of what it may have missed, and of what others do
    /// as soon as they know.
    pub(super) fn join(&mut self, id: ConnId, conn: &mut Connection, topic: Topic, names: &[Box<[u8]>]) {
        if self.shard.shards == 1 {
            return names.iter().for_each(|name| self.listeners.join(topic, name, id));
        }
        let (own, client) = (self.shard.id, conn.session.client);
        let since_us = self.under_way_since_us(conn);
        self.horizon.hold_at(since_us);
        let names_joined = names.iter().map(|name| Joined {
            name: name.clone(),
            told: self.joiners.told_before(topic, name, client),
        });
        let joiner = Joiner {
            conn: id,
            client,
            topic,
            names: names_joined.collect(),
            left: self.all_shards().filter(|shard| *shard != own).collect(),
            after: self.recent.last_number(),
            since_us,
        };
        for publication in self.recent.since(since_us, topic, names) {
            tell_missed(&joiner, own, &publication, |pattern| {
                conn.add_message(false, message(&publication, pattern));
            });
        }
        self.joiners.joiners.push(joiner);
    }

    /// Another shard knows what a client has subscribed to, which the shard tells what it has missed.
    pub(super) fn note_joined(&mut self, from: ShardId, missed: Missed) {
        let Missed {
            conn,
            client,
            publications,
            last,
        } = missed;
        self.joiners.hear(from, last);
        let mut joiners = self.joiners.joiners.iter_mut();
        let of_client = |joiner: &Joiner| joiner.conn == conn && joiner.client == client;
        let Some(at) = joiners.position(|joiner| of_client(joiner) && joiner.left.contains(&from)) else {
            return;
        };
        let mut joiner = self.joiners.joiners.remove(at);
        joiner.left.retain(|shard| *shard != from);
        for publication in &publications {
            tell_missed(&joiner, from, publication, |pattern| {
                let mut encoded = Encoded::new(message(publication, pattern));
                self.push(conn, None, |resp| encoded.chunk(resp));
            });
        }
        if joiner.left.is_empty() {
            self.horizon.release(joiner.since_us);
            self.joiners.hear(self.shard.id, joiner.after);
            for joined in &joiner.names {
                self.listeners.join(joiner.topic, &joined.name, conn);
            }
        } else {
            self.joiners.joiners.insert(at, joiner);
        }
    }

    /// A client is gone that may have been joining.
    pub(super) fn stop_joining(&mut self, conn: ConnId) {
        let joiners = &mut self.joiners.joiners;
        for joiner in joiners.extract_if(.., |joiner| joiner.conn == conn) {
            self.horizon.release(joiner.since_us);
        }
    }
}

/// Tells a client of a message that `from` has published before it knew of the client. Whoever has published it is not told: what it had sent before was
/// done before.
fn tell_missed(joiner: &Joiner, from: ShardId, publication: &Publication, mut tell: impl FnMut(Option<&[u8]>)) {
    if publication.by == Some(joiner.client) {
        return;
    }
    for joined in &joiner.names {
        if publication.is_for(joiner.topic, &joined.name) && !joined.was_told(from, publication) {
            tell(pattern_of(joiner.topic, &joined.name));
        }
    }
}
