//! Who listens on this core, and the delivery of messages. Publishing never waits: a message is an effect without an answer.

use std::sync::Arc;

use hashbrown::HashMap;

use super::connection::Connection;
use super::node::Node;
use crate::base::id::{ConnId, DbIndex, ShardId};
use crate::base::patterns::Patterns;
use crate::command::{Announcement, Publication, Topic};
use crate::protocol::reply::{Reply, Resp};
use crate::shard::message::Message;

/// A message that comes while clients subscribe waits until the pass after the next: only then is everything read that had arrived before it.
const PASSES_LATE: u8 = 1;
/// For how long after a subscription others are expected, microseconds.
const JOINING_US: u64 = 60_000_000;

/// This core's listeners, in the order in which they subscribed.
#[derive(Default)]
pub(super) struct Listeners {
    channels: HashMap<Box<[u8]>, Vec<ConnId>>,
    patterns: Patterns<Vec<ConnId>>,
    shard_channels: HashMap<Box<[u8]>, Vec<ConnId>>,
    prefixes: HashMap<Box<[u8]>, Vec<ConnId>>,
    pub(super) monitors: Vec<ConnId>,
}

impl Listeners {
    pub(super) fn join(&mut self, topic: Topic, name: &[u8], conn: ConnId) {
        let conns = match topic {
            Topic::Channel => self.channels.entry(name.into()).or_default(),
            Topic::Pattern => self.patterns.entry(name),
            Topic::ShardChannel => self.shard_channels.entry(name.into()).or_default(),
            Topic::Prefix => self.prefixes.entry(name.into()).or_default(),
            Topic::Monitor => &mut self.monitors,
        };
        conns.push(conn);
    }

    pub(super) fn leave(&mut self, topic: Topic, name: &[u8], conn: ConnId) {
        let conns = match topic {
            Topic::Channel => self.channels.get_mut(name),
            Topic::Pattern => self.patterns.get_mut(name),
            Topic::ShardChannel => self.shard_channels.get_mut(name),
            Topic::Prefix => self.prefixes.get_mut(name),
            Topic::Monitor => return self.stop_monitor(conn),
        };
        let Some(conns) = conns else { return };
        conns.retain(|other| *other != conn);
        if !conns.is_empty() {
            return;
        }
        match topic {
            Topic::Pattern => self.patterns.remove(name),
            Topic::ShardChannel => drop(self.shard_channels.remove(name)),
            Topic::Prefix => drop(self.prefixes.remove(name)),
            _ => drop(self.channels.remove(name)),
        }
    }

    /// Who has asked about a prefix of keys.
    pub(super) fn of_prefix(&self, prefix: &[u8]) -> Vec<ConnId> {
        self.prefixes.get(prefix).cloned().unwrap_or_default()
    }

    pub(super) fn stop_monitor(&mut self, conn: ConnId) {
        self.monitors.retain(|other| *other != conn);
    }
}

/// A connection that is taken out of its place while its command runs.
pub(super) type Current<'c> = (ConnId, &'c mut Connection);

/// A message as bytes, written once for each protocol that somebody wants it in.
pub(super) struct Encoded<F> {
    write: F,
    resp2: Vec<u8>,
    resp3: Vec<u8>,
}

impl<F: Fn(&mut Reply)> Encoded<F> {
    pub(super) fn new(write: F) -> Self {
        Encoded {
            write,
            resp2: Vec::new(),
            resp3: Vec::new(),
        }
    }

    pub(super) fn bytes(&mut self, resp: Resp) -> &[u8] {
        let bytes = match resp {
            Resp::V2 => &mut self.resp2,
            Resp::V3 => &mut self.resp3,
        };
        if bytes.is_empty() {
            let mut reply = Reply::new(std::mem::take(bytes), resp);
            (self.write)(&mut reply);
            *bytes = reply.into_bytes();
        }
        bytes
    }
}

impl Node {
    /// Sends what the commands that have just run have for listeners. Messages to the client itself follow its reply.
    #[inline]
    pub(super) fn tell_listeners(&mut self, mut current: Option<Current<'_>>) {
        if !self.shard.effects.shown.is_empty() {
            self.show_called();
        }
        if self.shard.tracking.has_news() {
            self.tell_readers(current.as_mut().map(|(id, conn)| (*id, &mut **conn)));
        }
        if !self.shard.effects.announcements.is_empty() {
            self.publish(current);
        }
    }

    /// Sends what has been published to every shard that listens: by the lane of replies, so that a client hears of what its command has
    /// published after the command's reply, wherever it ran.
    fn publish(&mut self, mut current: Option<Current<'_>>) {
        let mut announcements = std::mem::take(&mut self.shard.effects.announcements);
        for announcement in announcements.drain(..) {
            match announcement {
                Announcement::Message(publication) => self.deliver_message(publication, current.as_mut()),
                Announcement::Event(event) => {
                    let notify = self.shard.config.notify_keyspace_events;
                    if notify.by_key() {
                        self.notify(
                            "keyspace",
                            event.db,
                            &event.key,
                            event.name.as_bytes(),
                            current.as_mut(),
                        );
                    }
                    if notify.by_event() {
                        self.notify(
                            "keyevent",
                            event.db,
                            event.name.as_bytes(),
                            &event.key,
                            current.as_mut(),
                        );
                    }
                }
            }
        }
        self.shard.effects.announcements = announcements;
    }

    /// Publishes one half of a keyspace notification.
    fn notify(&mut self, kind: &str, db: DbIndex, subject: &[u8], payload: &[u8], current: Option<&mut Current<'_>>) {
        if self.shard.subscriptions.is_silent() {
            return;
        }
        let channel = [format!("__{kind}@{}__:", db.0).as_bytes(), subject].concat();
        let (shards, _) = self.shard.subscriptions.audience(&channel, false, Some(self.shard.id));
        if !shards.is_empty() {
            let publication = Publication {
                channel: channel.into(),
                payload: payload.into(),
                sharded: false,
                shards,
            };
            self.deliver_message(publication, current);
        }
    }

    fn deliver_message(&mut self, publication: Publication, mut current: Option<&mut Current<'_>>) {
        let own = self.shard.id;
        // What runs on behalf of a connection of this core and nobody else's message precedes is delivered at once: whoever had subscribed here
        // before has been read before, and whoever does so next is not to hear of it.
        let direct = current.is_some() && self.messages_to_self == 0;
        let shards = publication.shards.clone();
        if direct && *shards == [own] {
            return self.fan_out(&publication, current);
        }
        let publication = Arc::new(publication);
        for shard in shards {
            if shard == own && direct {
                self.fan_out(&publication, current.as_deref_mut());
            } else {
                self.messages_to_self += usize::from(shard == own);
                self.out.reply(shard, Message::Publish(publication.clone()));
            }
        }
    }

    /// A message has arrived.
    pub(super) fn receive_message(&mut self, from: ShardId, publication: Arc<Publication>) {
        self.messages_to_self -= usize::from(from == self.shard.id);
        if self.stand_in.is_none() && (self.shared.joining.has(self.shard.id) || !self.late.is_empty()) {
            return self.late.push_back((PASSES_LATE, publication));
        }
        self.fan_out(&publication, None);
    }

    /// A pass begins: messages are delivered once the sockets have been read that clients had written to before they were published.
    pub(super) fn deliver_late(&mut self) {
        while let Some((0, publication)) = self.late.front() {
            let publication = publication.clone();
            self.late.pop_front();
            self.fan_out(&publication, None);
        }
        self.late.iter_mut().for_each(|(passes, _)| *passes -= 1);
    }

    /// A client of this core subscribes.
    pub(super) fn note_joining(&mut self) {
        if self.shard.shards > 1 {
            self.joined_us = Some(self.shard.now.mono_us);
            self.shared.joining.set(self.shard.id, true);
        }
    }

    /// No client has subscribed for a while.
    pub(super) fn end_joining(&mut self) {
        let is_over = |joined_us: u64| self.shard.now.mono_us >= joined_us + JOINING_US;
        if self.joined_us.is_some_and(is_over) {
            self.joined_us = None;
            self.shared.joining.set(self.shard.id, false);
        }
    }

    /// Writes a message to this core's listeners: to those of the channel, then to those of matching patterns.
    pub(super) fn fan_out(&mut self, publication: &Publication, mut current: Option<&mut Current<'_>>) {
        let Publication { channel, payload, .. } = publication;
        let listeners = std::mem::take(&mut self.listeners);
        let (named, verb) = if publication.sharded {
            (&listeners.shard_channels, b"smessage".as_slice())
        } else {
            (&listeners.channels, b"message".as_slice())
        };
        if let Some(conns) = named.get(channel) {
            let encoded = Encoded::new(|reply| {
                reply.push(3);
                reply.bulk(verb);
                reply.bulk(channel);
                reply.bulk(payload);
            });
            self.push_to_all(conns, current.as_deref_mut(), encoded);
        }
        if !publication.sharded {
            for (pattern, conns) in listeners.patterns.matching(channel) {
                let encoded = Encoded::new(|reply| {
                    reply.push(4);
                    reply.bulk(b"pmessage");
                    reply.bulk(pattern);
                    reply.bulk(channel);
                    reply.bulk(payload);
                });
                self.push_to_all(conns, current.as_deref_mut(), encoded);
            }
        }
        self.listeners = listeners;
    }

    fn push_to_all(
        &mut self,
        conns: &[ConnId],
        mut current: Option<&mut Current<'_>>,
        mut encoded: Encoded<impl Fn(&mut Reply)>,
    ) {
        for &id in conns {
            self.push(id, current.as_deref_mut(), |resp| encoded.bytes(resp));
        }
    }

    /// Adds a message to what is to be sent to a connection, behind the reply to the command that it has under way.
    pub(super) fn push<'b>(
        &mut self,
        id: ConnId,
        current: Option<&mut Current<'_>>,
        bytes: impl FnOnce(Resp) -> &'b [u8],
    ) {
        if let Some((_, conn)) = current.filter(|(at, ..)| *at == id) {
            let resp = conn.session.resp;
            return conn.add_message(true, |reply| reply.raw(bytes(resp)));
        }
        let Some(mut conn) = self.take_conn(id) else { return };
        let resp = conn.session.resp;
        conn.add_message(false, |reply| reply.raw(bytes(resp)));
        self.put_conn(id, conn);
    }
}
