//! What clients may miss who have subscribed, but whose subscription a shard had not read when a message passed by.
//!
//! A client may subscribe on one connection and, without waiting for the confirmation, act on another one of another shard: what is published because
//! of that must reach it. So a shard whose clients have subscribed of late is sent every message (`command::joining`), and keeps it until everything is
//! read that had arrived before it; who subscribes until then is told.

use std::collections::VecDeque;
use std::sync::Arc;

use super::connection::Connection;
use super::node::Node;
use super::pubsub::message;
use crate::base::glob;
use crate::base::id::ClientId;
use crate::command::{Publication, Shards, Topic};
use crate::shard::message::Message;

/// In how many further passes sockets are read for a message. What had arrived before it is received when the pass ends in which it came, and
/// handled in the next.
const PASSES_KEPT: u8 = 1;
/// For how long after a subscription others are expected, microseconds.
const JOINING_US: u64 = 60_000_000;

/// The messages of the last passes.
#[derive(Default)]
pub(super) struct Newcomers {
    recent: VecDeque<Recent>,
    /// When a client has last subscribed, monotonic microseconds; none when that is long ago.
    joined_us: Option<u64>,
}

struct Recent {
    passes_left: u8,
    publication: Arc<Publication>,
    /// Clients for whom it is not: the publisher, and those who had it and have left since.
    told: Vec<ClientId>,
}

impl Recent {
    fn is_for(&self, topic: Topic, name: &[u8]) -> bool {
        let Publication { channel, sharded, .. } = &*self.publication;
        match topic {
            Topic::Channel => !sharded && **channel == *name,
            Topic::Pattern => !sharded && glob::matches(name, channel),
            Topic::ShardChannel => *sharded && **channel == *name,
            Topic::Prefix | Topic::Monitor => false,
        }
    }
}

impl Newcomers {
    /// Whether there are messages for those who come now.
    #[inline]
    pub fn are_expected(&self) -> bool {
        !self.recent.is_empty()
    }

    /// A pass begins.
    #[inline]
    pub fn begin_pass(&mut self) {
        while self.recent.front().is_some_and(|recent| recent.passes_left == 0) {
            self.recent.pop_front();
        }
        self.recent.iter_mut().for_each(|recent| recent.passes_left -= 1);
    }

    /// A client leaves what it had joined.
    pub fn leave(&mut self, topic: Topic, name: &[u8], client: ClientId) {
        let for_it = self.recent.iter_mut().filter(|recent| recent.is_for(topic, name));
        for_it.for_each(|recent| recent.told.push(client));
    }
}

impl Node {
    /// A client of this core subscribes.
    pub(super) fn note_joining(&mut self) {
        if self.shard.shards > 1 {
            self.newcomers.joined_us = Some(self.shard.now.mono_us);
            self.shared.joining.set(self.shard.id, true);
        }
    }

    /// No client has subscribed for a while.
    pub(super) fn end_joining(&mut self) {
        let is_over = |joined_us: u64| self.shard.now.mono_us >= joined_us + JOINING_US;
        if self.newcomers.joined_us.is_some_and(is_over) {
            self.newcomers.joined_us = None;
            self.shared.joining.set(self.shard.id, false);
        }
    }

    /// Sends a message also to shards of which no subscriber is known; this one has it at hand, unless it was sent to itself.
    pub(super) fn tell_joining(&mut self, publication: &Arc<Publication>, direct: bool) {
        let own = self.shard.id;
        let joining: Shards = self.shared.joining.shards().collect();
        for shard in joining {
            let is_sent = publication.shards.contains(&shard);
            if shard == own && (direct || !is_sent) {
                self.keep_for_newcomers(publication.clone());
            } else if !is_sent {
                self.out.reply(shard, Message::Publish(publication.clone()));
            }
        }
    }

    /// Keeps a message that was delivered for those who have subscribed before it came and were not read yet. Whoever has published it is not
    /// among them: what it had sent before was read before.
    pub(super) fn keep_for_newcomers(&mut self, publication: Arc<Publication>) {
        if let Some(publisher) = publication.by
            && self.stand_in.is_none()
            && self.shared.joining.has(self.shard.id)
        {
            self.newcomers.recent.push_back(Recent {
                passes_left: PASSES_KEPT,
                publication,
                told: vec![publisher],
            });
        }
    }

    /// Tells a client what it may have missed of what it has just joined, behind the confirmations.
    pub(super) fn tell_newcomer(&mut self, conn: &mut Connection, topic: Topic, joined: &[Box<[u8]>]) {
        let client = conn.session.client;
        for recent in self
            .newcomers
            .recent
            .iter()
            .filter(|recent| !recent.told.contains(&client))
        {
            for name in joined.iter().filter(|name| recent.is_for(topic, name)) {
                let pattern = (topic == Topic::Pattern).then_some(&**name);
                conn.add_message(true, message(&recent.publication, pattern));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recent(channel: &str, sharded: bool) -> Recent {
        Recent {
            passes_left: PASSES_KEPT,
            publication: Arc::new(Publication {
                channel: channel.as_bytes().into(),
                payload: b"m".as_slice().into(),
                sharded,
                shards: Shards::new(),
                by: Some(ClientId(9)),
            }),
            told: Vec::new(),
        }
    }

    #[test]
    fn a_message_is_kept_for_the_pass_that_reads_what_had_arrived_before() {
        let mut newcomers = Newcomers::default();
        newcomers.recent.push_back(recent("c", false));
        newcomers.begin_pass();
        newcomers.recent.push_back(recent("d", false));
        assert_eq!(newcomers.recent.len(), 2);
        newcomers.begin_pass();
        assert!(newcomers.are_expected() && newcomers.recent[0].is_for(Topic::Channel, b"d"));
        newcomers.begin_pass();
        assert!(!newcomers.are_expected());
    }

    #[test]
    fn it_is_for_those_who_listen_to_it_and_once() {
        let mut newcomers = Newcomers::default();
        newcomers.recent.extend([recent("news", false), recent("news", true)]);
        newcomers.leave(Topic::Pattern, b"n*", ClientId(1));
        newcomers.leave(Topic::ShardChannel, b"news", ClientId(2));
        newcomers.leave(Topic::Channel, b"other", ClientId(3));
        let [plain, sharded] = [0, 1].map(|at| &newcomers.recent[at]);
        assert_eq!((&*plain.told, &*sharded.told), (&[ClientId(1)][..], &[ClientId(2)][..]));
        assert!(plain.is_for(Topic::Channel, b"news") && !plain.is_for(Topic::ShardChannel, b"news"));
        assert!(!plain.is_for(Topic::Pattern, b"x*") && !sharded.is_for(Topic::Pattern, b"n*"));
    }
}
