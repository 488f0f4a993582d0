//! What clients may miss who have subscribed, but whose subscription a shard had not read when a message passed by.
//!
//! A client may subscribe on one connection and, without waiting for the confirmation, act on another one of another shard: what is published because
//! of that must reach it. So a shard to which clients have connected of late, or that has connections which have ever subscribed, is sent every
//! message (`command::joining`), and keeps it until everything is read that had arrived before it; who subscribes until then is told.

use std::collections::VecDeque;
use std::sync::Arc;

use super::connection::Connection;
use super::node::Node;
use super::pubsub::message;
use crate::base::glob;
use crate::base::id::ClientId;
use crate::command::{Publication, Shards, Topic};
use crate::shard::message::Message;

/// Of how many sockets, at least, the runtime receives in a pass what had arrived before it: io_uring handles as many in a system call, in the
/// order in which they became readable (`IO_LOCAL_TW_DEFAULT_MAX` of Linux 6.14), some of which are not clients'.
const SOCKETS_A_PASS: usize = 10;
/// For how long subscriptions of a client that has just connected are expected, microseconds.
const JOINING_US: u64 = 60_000_000;

/// The messages of the last passes.
#[derive(Default)]
pub(super) struct Newcomers {
    recent: VecDeque<Recent>,
    /// How many of them, the first ones, end with this pass: what had arrived before them is handled in it.
    ending: usize,
    /// How many passes there have been.
    passes: u64,
    /// Whether the last pass has received all that had arrived.
    all_is_received: bool,
    /// When a client has last connected, monotonic microseconds; none when that is long ago.
    connected_us: Option<u64>,
    /// How many connections have ever subscribed.
    subscribers: usize,
}

struct Recent {
    /// In which pass, at the latest, what had arrived before it is handled.
    last_pass: u64,
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

    /// The pass that ends has received all that had arrived; the next one handles it.
    #[inline]
    pub fn note_all_is_received(&mut self) {
        self.all_is_received = true;
    }

    /// A pass begins.
    #[inline]
    pub fn begin_pass(&mut self) {
        self.passes += 1;
        self.recent.drain(..std::mem::take(&mut self.ending));
        while self.recent.front().is_some_and(|recent| recent.last_pass < self.passes) {
            self.recent.pop_front();
        }
        if std::mem::take(&mut self.all_is_received) {
            self.ending = self.recent.len();
        }
    }

    /// Keeps a message until all is handled that had arrived before, on so many sockets at most.
    fn keep(&mut self, publication: Arc<Publication>, publisher: ClientId, sockets: usize) {
        self.recent.push_back(Recent {
            last_pass: self.passes + 2 + (sockets / SOCKETS_A_PASS) as u64,
            publication,
            told: vec![publisher],
        });
    }

    /// A client leaves what it had joined.
    pub fn leave(&mut self, topic: Topic, name: &[u8], client: ClientId) {
        let for_it = self.recent.iter_mut().filter(|recent| recent.is_for(topic, name));
        for_it.for_each(|recent| recent.told.push(client));
    }
}

impl Node {
    /// A client has connected, or moved here, and may be about to subscribe.
    pub(super) fn note_connected(&mut self) {
        self.newcomers.connected_us = Some(self.shard.now.mono_us);
        self.expect_newcomers();
    }

    /// A client subscribes.
    pub(super) fn note_subscriber(&mut self, conn: &mut Connection) {
        if !std::mem::replace(&mut conn.session.has_subscribed, true) {
            self.newcomers.subscribers += 1;
            self.expect_newcomers();
        }
    }

    /// A connection is gone.
    pub(super) fn forget_subscriber(&mut self, conn: &Connection) {
        self.newcomers.subscribers -= usize::from(conn.session.has_subscribed);
    }

    fn expect_newcomers(&self) {
        if self.shard.shards > 1 && !self.shared.joining.has(self.shard.id) {
            self.shared.joining.set(self.shard.id, true);
        }
    }

    /// Looks whether nobody is expected to subscribe any more.
    pub(super) fn end_joining(&mut self) {
        let is_over = |connected_us: u64| self.shard.now.mono_us >= connected_us + JOINING_US;
        if self.newcomers.connected_us.is_none_or(is_over) && self.newcomers.subscribers == 0 {
            self.newcomers.connected_us = None;
            if self.shared.joining.has(self.shard.id) {
                self.shared.joining.set(self.shard.id, false);
            }
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
            let sockets = self.connections.places();
            self.newcomers.keep(publication, publisher, sockets);
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

    const PUBLISHER: ClientId = ClientId(9);

    fn publication(channel: &str, sharded: bool) -> Arc<Publication> {
        Arc::new(Publication {
            channel: channel.as_bytes().into(),
            payload: b"m".as_slice().into(),
            sharded,
            shards: Shards::new(),
            by: Some(PUBLISHER),
        })
    }

    #[test]
    fn a_message_is_kept_until_what_had_arrived_before_is_handled() {
        let mut newcomers = Newcomers::default();
        newcomers.keep(publication("c", false), PUBLISHER, 1000);
        newcomers.begin_pass();
        newcomers.keep(publication("d", false), PUBLISHER, 1000);
        newcomers.note_all_is_received();
        newcomers.begin_pass();
        newcomers.keep(publication("e", false), PUBLISHER, 1000);
        // What the last pass has received is handled in this one.
        assert_eq!(newcomers.recent.len(), 3);
        newcomers.begin_pass();
        assert_eq!(&*newcomers.recent[0].publication.channel, b"e");
        newcomers.begin_pass();
        assert!(newcomers.are_expected());
    }

    #[test]
    fn a_message_is_not_kept_for_ever_where_there_is_always_more_to_receive() {
        let mut newcomers = Newcomers::default();
        newcomers.keep(publication("c", false), PUBLISHER, 5 * SOCKETS_A_PASS);
        for _ in 0..7 {
            newcomers.begin_pass();
            assert!(newcomers.are_expected());
        }
        newcomers.begin_pass();
        assert!(!newcomers.are_expected());
    }

    #[test]
    fn it_is_for_those_who_listen_to_it_and_once() {
        let mut newcomers = Newcomers::default();
        for sharded in [false, true] {
            newcomers.keep(publication("news", sharded), PUBLISHER, 0);
        }
        newcomers.leave(Topic::Pattern, b"n*", ClientId(1));
        newcomers.leave(Topic::ShardChannel, b"news", ClientId(2));
        newcomers.leave(Topic::Channel, b"other", ClientId(3));
        let [plain, sharded] = [0, 1].map(|at| &newcomers.recent[at]);
        assert_eq!(plain.told, [PUBLISHER, ClientId(1)]);
        assert_eq!(sharded.told, [PUBLISHER, ClientId(2)]);
        assert!(plain.is_for(Topic::Channel, b"news") && !plain.is_for(Topic::ShardChannel, b"news"));
        assert!(!plain.is_for(Topic::Pattern, b"x*") && !sharded.is_for(Topic::Pattern, b"n*"));
    }
}
