//! Who listens on this core, and the delivery of messages. Publishing never waits: a message is an effect without an answer.

use std::sync::Arc;

use hashbrown::HashMap;

use super::connection::Connection;
use super::node::Node;
use super::output::Chunk;
use crate::base::id::{ConnId, DbIndex, ShardId};
use crate::base::patterns::Patterns;
use crate::command::{Announcement, Publication, Topic};
use crate::protocol::reply::{Reply, Resp};
use crate::shard::message::Message;

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
    resp2: Option<Chunk>,
    resp3: Option<Chunk>,
}

impl<F: Fn(&mut Reply)> Encoded<F> {
    pub(super) fn new(write: F) -> Self {
        Encoded {
            write,
            resp2: None,
            resp3: None,
        }
    }

    pub(super) fn chunk(&mut self, resp: Resp) -> &Chunk {
        let chunk = match resp {
            Resp::V2 => &mut self.resp2,
            Resp::V3 => &mut self.resp3,
        };
        chunk.get_or_insert_with(|| {
            let mut reply = Reply::new(Vec::new(), resp);
            (self.write)(&mut reply);
            Chunk::for_several(reply.into_bytes())
        })
    }
}

/// Writes a message for who listens to its channel, or to `pattern`.
pub(super) fn message<'m>(publication: &'m Publication, pattern: Option<&'m [u8]>) -> impl Fn(&mut Reply) + 'm {
    let verb: &[u8] = match pattern {
        Some(_) => b"pmessage",
        None if publication.sharded => b"smessage",
        None => b"message",
    };
    move |reply| {
        reply.push(if pattern.is_some() { 4 } else { 3 });
        reply.bulk(verb);
        if let Some(pattern) = pattern {
            reply.bulk(pattern);
        }
        reply.bulk(&publication.channel);
        reply.bulk(&publication.payload);
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
        let comes_late = self.shard.subscriptions.come_late();
        if self.shard.subscriptions.is_silent() && !comes_late {
            return;
        }
        let channel = [format!("__{kind}@{}__:", db.0).as_bytes(), subject].concat();
        let (shards, reached) = self.shard.subscriptions.audience(&channel, false);
        if reached > 0 || comes_late {
            let publication = Publication {
                channel: channel.into(),
                payload: payload.into(),
                sharded: false,
                shards,
                by: None,
                number: 0,
            };
            self.deliver_message(publication, current);
        }
    }

    fn deliver_message(&mut self, mut publication: Publication, mut current: Option<&mut Current<'_>>) {
        let own = self.shard.id;
        publication.number = self.recent.next_number();
        // What runs on behalf of a connection of this core and nobody else's message precedes is delivered at once.
        let direct = current.is_some() && self.messages_to_self == 0;
        let comes_late = self.shard.subscriptions.come_late();
        if direct && *publication.shards == [own] && !comes_late {
            return self.fan_out(own, &publication, current);
        }
        let publication = Arc::new(publication);
        for &shard in &publication.shards {
            if shard == own && direct {
                self.fan_out(own, &publication, current.as_deref_mut());
            } else {
                self.messages_to_self += usize::from(shard == own);
                self.out.reply(shard, Message::Publish(publication.clone()));
            }
        }
        if comes_late {
            self.recent.keep(publication);
        }
    }

    /// A message has arrived.
    pub(super) fn receive_message(&mut self, from: ShardId, publication: &Publication) {
        self.messages_to_self -= usize::from(from == self.shard.id);
        self.fan_out(from, publication, None);
    }

    /// Writes a message of `from` to this core's listeners: to those of the channel, then to those of matching patterns, then to those who are joining.
    fn fan_out(&mut self, from: ShardId, publication: &Publication, mut current: Option<&mut Current<'_>>) {
        let channel = &publication.channel;
        let listeners = std::mem::take(&mut self.listeners);
        let named = if publication.sharded {
            &listeners.shard_channels
        } else {
            &listeners.channels
        };
        if let Some(conns) = named.get(channel) {
            self.push_to_all(conns, current.as_deref_mut(), Encoded::new(message(publication, None)));
        }
        if !publication.sharded {
            for (pattern, conns) in listeners.patterns.matching(channel) {
                let encoded = Encoded::new(message(publication, Some(pattern)));
                self.push_to_all(conns, current.as_deref_mut(), encoded);
            }
        }
        self.listeners = listeners;
        self.joiners.hear(from, publication.number);
        if !self.joiners.is_empty() {
            self.fan_out_to_joiners(from, publication, current);
        }
    }

    #[cold]
    fn fan_out_to_joiners(&mut self, from: ShardId, publication: &Publication, mut current: Option<&mut Current<'_>>) {
        let joiners = self.joiners.of(from, self.shard.id, publication);
        let joiners: Vec<_> = joiners
            .map(|(conn, pattern)| (conn, pattern.map(Box::<[u8]>::from)))
            .collect();
        for (conn, pattern) in joiners {
            let mut encoded = Encoded::new(message(publication, pattern.as_deref()));
            self.push(conn, current.as_deref_mut(), |resp| encoded.chunk(resp));
        }
    }

    fn push_to_all(
        &mut self,
        conns: &[ConnId],
        mut current: Option<&mut Current<'_>>,
        mut encoded: Encoded<impl Fn(&mut Reply)>,
    ) {
        for &id in conns {
            self.push(id, current.as_deref_mut(), |resp| encoded.chunk(resp));
        }
    }

    /// Adds a message to what is to be sent to a connection, behind the reply to the command that it has under way.
    pub(super) fn push<'m>(
        &mut self,
        id: ConnId,
        current: Option<&mut Current<'_>>,
        message: impl FnOnce(Resp) -> &'m Chunk,
    ) {
        if let Some((_, conn)) = current.filter(|(at, ..)| *at == id) {
            return conn.add_chunk(true, message(conn.session.resp));
        }
        let Some(mut conn) = self.take_conn(id) else { return };
        conn.add_chunk(false, message(conn.session.resp));
        self.put_conn(id, conn);
    }
}
