//! Who listens on this core, and the delivery of messages. Publishing never waits: a message is an effect without an answer.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;

use super::connection::{Connection, Flow, Gather, Purpose};
use super::node::Node;
use crate::base::glob;
use crate::base::id::{ConnId, ShardId};
use crate::command::{Arg, ArgKind, Args, Command, Flags, Topic};
use crate::protocol::reply::Reply;
use crate::protocol::words::quote;
use crate::shard::message::{Message, Published, Subscription};

/// This core's listeners, in the order in which they subscribed.
#[derive(Default)]
pub(super) struct Listeners {
    channels: HashMap<Box<[u8]>, Vec<ConnId>>,
    patterns: HashMap<Box<[u8]>, Vec<ConnId>>,
    monitors: Vec<ConnId>,
}

impl Listeners {
    fn table(&mut self, topic: Topic) -> &mut HashMap<Box<[u8]>, Vec<ConnId>> {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
            Topic::Monitor => unreachable!("monitors listen to no name"),
        }
    }

    fn join(&mut self, topic: Topic, name: &[u8], conn: ConnId) {
        self.table(topic).entry(name.into()).or_default().push(conn);
    }

    fn leave(&mut self, topic: Topic, name: &[u8], conn: ConnId) {
        let table = self.table(topic);
        let Some(conns) = table.get_mut(name) else { return };
        conns.retain(|other| *other != conn);
        if conns.is_empty() {
            table.remove(name);
        }
    }
}

/// A connection that is taken out of its place while its command runs.
pub(super) type Current<'c> = (ConnId, &'c mut Connection);

/// Unsent bytes above which a subscriber is cut off (`client-output-buffer-limit pubsub`).
const SUBSCRIBER_BYTES_MAX: usize = 32 << 20;

impl Node {
    /// Sends what the commands that have just run have for listeners. Messages to the client itself follow its reply.
    #[inline]
    pub(super) fn tell_listeners(&mut self, current: Option<Current<'_>>) {
        if !self.shard.effects.shown.is_empty() {
            self.show_called();
        }
        if !self.shard.effects.publishes.is_empty() {
            self.publish(current);
        }
    }

    /// Shows what scripts have called to who monitors.
    #[cold]
    fn show_called(&mut self) {
        for line in std::mem::take(&mut self.shard.effects.shown) {
            let line: Arc<[u8]> = line.into();
            for shard in self.shard.subscriptions.monitors().collect::<Vec<_>>() {
                self.out.request(shard, Message::Feed(line.clone()));
            }
        }
    }

    /// Sends what PUBLISH has recorded to every shard that listens. Messages to the publisher itself follow its reply.
    pub(super) fn publish(&mut self, mut current: Option<Current<'_>>) {
        for (channel, payload) in std::mem::take(&mut self.shard.effects.publishes) {
            let (shards, _) = self.shard.subscriptions.audience(&channel);
            let published = Arc::new(Published { channel, payload });
            for shard in shards {
                if shard == self.shard.id {
                    self.fan_out(&published, current.as_mut());
                } else {
                    self.out.request(shard, Message::Publish(published.clone()));
                }
            }
        }
    }

    /// Writes a message to this core's listeners: to those of the channel, then to those of matching patterns.
    pub(super) fn fan_out(&mut self, published: &Published, mut current: Option<&mut Current<'_>>) {
        let Published { channel, payload } = published;
        let listeners = std::mem::take(&mut self.listeners);
        for &id in listeners.channels.get(channel).into_iter().flatten() {
            self.push_to(id, current.as_deref_mut(), |reply| {
                reply.push(3);
                reply.bulk(b"message");
                reply.bulk(channel);
                reply.bulk(payload);
            });
        }
        for (pattern, conns) in listeners
            .patterns
            .iter()
            .filter(|(pattern, _)| glob::matches(pattern, channel))
        {
            for &id in conns {
                self.push_to(id, current.as_deref_mut(), |reply| {
                    reply.push(4);
                    reply.bulk(b"pmessage");
                    reply.bulk(pattern);
                    reply.bulk(channel);
                    reply.bulk(payload);
                });
            }
        }
        self.listeners = listeners;
    }

    fn push_to(&mut self, id: ConnId, current: Option<&mut Current<'_>>, write: impl Fn(&mut Reply)) {
        if let Some((_, conn)) = current.filter(|(at, ..)| *at == id) {
            conn.own_messages.set_resp(conn.session.resp);
            return write(&mut conn.own_messages);
        }
        let Some(mut conn) = self.take_conn(id) else { return };
        if matches!(conn.flow, Flow::Transaction(_)) {
            conn.own_messages.set_resp(conn.session.resp);
            write(&mut conn.own_messages);
        } else {
            write(&mut conn.reply);
        }
        if conn.unsent_bytes() > SUBSCRIBER_BYTES_MAX && !matches!(conn.flow, Flow::Closing) {
            conn.reply.truncate(0);
            conn.session.closing = true;
            conn.flow = Flow::Closing;
            self.events.push_back(super::node::Event::Close(id));
        }
        self.put_conn(id, conn);
    }

    /// SUBSCRIBE and PSUBSCRIBE: the reply is sent once every shard knows, so that no message published afterwards is missed.
    pub(super) fn subscribe(&mut self, id: ConnId, conn: &mut Connection, topic: Topic, names: Args<'_>) {
        let mut joined: Vec<Box<[u8]>> = Vec::new();
        for name in names.from(1) {
            let names = if topic == Topic::Channel {
                &mut conn.session.channels
            } else {
                &mut conn.session.patterns
            };
            if names.insert(name.into()) {
                self.listeners.join(topic, name, id);
                joined.push(name.into());
            }
            let verb = if topic == Topic::Channel {
                "subscribe"
            } else {
                "psubscribe"
            };
            confirm(&mut conn.reply, verb, Some(name), conn.session.subscriptions());
        }
        let left = self.tell_all(id, conn, topic, true, joined);
        if left > 0 && matches!(conn.flow, Flow::Ready) {
            conn.flow = Flow::Gathering(Box::new(Gather {
                left,
                purpose: Purpose::Subscribe,
            }));
        }
    }

    /// UNSUBSCRIBE and PUNSUBSCRIBE.
    pub(super) fn unsubscribe(&mut self, id: ConnId, conn: &mut Connection, topic: Topic, names: Args<'_>) {
        let own = if topic == Topic::Channel {
            &conn.session.channels
        } else {
            &conn.session.patterns
        };
        let names: Vec<Box<[u8]>> = if names.len() > 1 {
            names.from(1).map(Box::from).collect()
        } else {
            own.iter().cloned().collect()
        };
        let verb = if topic == Topic::Channel {
            "unsubscribe"
        } else {
            "punsubscribe"
        };
        if names.is_empty() {
            confirm(&mut conn.reply, verb, None, conn.session.subscriptions());
        }
        let mut left = Vec::new();
        for name in names {
            let own = if topic == Topic::Channel {
                &mut conn.session.channels
            } else {
                &mut conn.session.patterns
            };
            let was_there = own.remove(&name);
            confirm(&mut conn.reply, verb, Some(&name), conn.session.subscriptions());
            if was_there {
                left.push(name);
            }
        }
        self.forget_names(id, conn, topic, left);
    }

    fn forget_names(&mut self, id: ConnId, conn: &mut Connection, topic: Topic, names: Vec<Box<[u8]>>) {
        names.iter().for_each(|name| self.listeners.leave(topic, name, id));
        self.tell_all(id, conn, topic, false, names);
    }

    /// Leaves every channel and pattern without a word to the client.
    pub(super) fn leave_channels(&mut self, id: ConnId, conn: &mut Connection) {
        for topic in [Topic::Channel, Topic::Pattern] {
            let own = if topic == Topic::Channel {
                &mut conn.session.channels
            } else {
                &mut conn.session.patterns
            };
            let names: Vec<_> = own.drain().collect();
            self.forget_names(id, conn, topic, names);
        }
        if std::mem::take(&mut conn.session.monitor) {
            self.listeners.monitors.retain(|other| *other != id);
            self.tell_all(id, conn, Topic::Monitor, false, vec![Box::default()]);
        }
    }

    /// MONITOR.
    pub(super) fn start_monitor(&mut self, id: ConnId, conn: &mut Connection) {
        conn.reply.ok();
        if !conn.session.monitor {
            conn.session.monitor = true;
            self.listeners.monitors.push(id);
            let left = self.tell_all(id, conn, Topic::Monitor, true, vec![Box::default()]);
            if left > 0 {
                conn.flow = Flow::Gathering(Box::new(Gather {
                    left,
                    purpose: Purpose::Subscribe,
                }));
            }
        }
    }

    /// Tells every other shard, and notes here; answers how many will confirm.
    fn tell_all(&mut self, id: ConnId, conn: &Connection, topic: Topic, joined: bool, names: Vec<Box<[u8]>>) -> usize {
        if names.is_empty() {
            return 0;
        }
        let own = self.shard.id;
        let origin = conn.asker(own, id).origin;
        for shard in self.all_shards().filter(|shard| *shard != own) {
            let subscription = Subscription {
                origin,
                topic,
                joined,
                names: names.clone(),
            };
            self.out.request(shard, Message::Subscription(Box::new(subscription)));
        }
        self.record(own, topic, joined, &names);
        usize::from(self.shard.shards) - 1
    }

    fn record(&mut self, shard: ShardId, topic: Topic, joined: bool, names: &[Box<[u8]>]) {
        for name in names {
            if joined {
                self.shard.subscriptions.join(topic, name, shard);
            } else {
                self.shard.subscriptions.leave(topic, name, shard);
            }
        }
    }

    pub(super) fn note_subscription(&mut self, from: ShardId, subscription: Subscription) {
        let Subscription {
            origin,
            topic,
            joined,
            names,
        } = subscription;
        self.record(from, topic, joined, &names);
        if joined {
            self.out.reply(
                from,
                Message::Noted {
                    conn: origin.conn,
                    client: origin.client,
                },
            );
        }
    }

    /// Shows a command to every MONITOR client.
    #[cold]
    pub(super) fn monitor(&mut self, conn: &Connection, command: &Command, args: Args<'_>) {
        let now_us = self.shard.now.unix_us;
        let mut line = format!("+{}.{:06} ", now_us / 1_000_000, now_us % 1_000_000).into_bytes();
        line.extend_from_slice(format!("[{} {}]", conn.session.db.0, conn.session.address).as_bytes());
        let secret = secret_words(command, args);
        for (at, word) in args.iter().enumerate() {
            line.push(b' ');
            let shown: &[u8] = if secret.contains(&at) { b"(redacted)" } else { word };
            quote(shown, &mut line);
        }
        line.extend_from_slice(b"\r\n");
        let line: Arc<[u8]> = line.into();
        let shards: Vec<ShardId> = self.shard.subscriptions.monitors().collect();
        for shard in shards {
            // Its own shard is told by message too: the connection may be in the middle of its command.
            self.out.request(shard, Message::Feed(line.clone()));
        }
    }

    pub(super) fn feed_monitors(&mut self, line: &[u8]) {
        for id in self.listeners.monitors.clone() {
            self.push_to(id, None, |reply| reply.raw(line));
        }
    }
}

fn confirm(reply: &mut Reply, verb: &str, name: Option<&[u8]>, subscriptions: usize) {
    reply.push(3);
    reply.bulk(verb.as_bytes());
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.count(subscriptions);
}

/// The words that nobody else may see: credentials, which are all that AUTH has and follow the word AUTH elsewhere.
fn secret_words(command: &Command, args: Args<'_>) -> Range<usize> {
    if !command.flags.has(Flags::NO_AUTH) {
        0..0
    } else if !takes_credentials(command.args) {
        1..args.len()
    } else {
        let word = args.iter().position(|word| word.eq_ignore_ascii_case(b"AUTH"));
        word.map_or(0..0, |at| at + 1..at + 3)
    }
}

/// Whether the word AUTH and credentials may stand among these arguments.
fn takes_credentials(args: &[Arg]) -> bool {
    args.iter().any(|arg| match arg.kind {
        ArgKind::OneOf(inner) | ArgKind::Block(inner) => arg.token == Some("AUTH") || takes_credentials(inner),
        _ => arg.token == Some("AUTH"),
    })
}
