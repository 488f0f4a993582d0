//! SUBSCRIBE and UNSUBSCRIBE in all their forms: what a session listens to, told to every shard.

use super::connection::{Connection, Flow, Gather, Purpose};
use super::node::Node;
use crate::base::id::{ConnId, ShardId};
use crate::command::session::ReplyMode;
use crate::command::{Args, Topic};
use crate::protocol::reply::Reply;
use crate::shard::message::{Message, Missed, Origin, Subscription};

/// The words with which joining and leaving are confirmed.
fn verbs(topic: Topic) -> (&'static str, &'static str) {
    match topic {
        Topic::Channel => ("subscribe", "unsubscribe"),
        Topic::Pattern => ("psubscribe", "punsubscribe"),
        Topic::ShardChannel => ("ssubscribe", "sunsubscribe"),
        Topic::Prefix | Topic::Monitor => unreachable!("only channels are subscribed to"),
    }
}

impl Node {
    /// Subscribes: the reply is sent once every shard knows, so that no message published afterwards is missed.
    pub(super) fn subscribe(&mut self, id: ConnId, conn: &mut Connection, topic: Topic, names: Args<'_>) {
        let (verb, _) = verbs(topic);
        conn.session.has_subscribed = true;
        let mark = conn.reply.len();
        let mut joined: Vec<Box<[u8]>> = Vec::new();
        for name in names.from(1) {
            if conn.session.subscribed(topic).insert(name.into()) {
                joined.push(name.into());
            }
            confirm(
                &mut conn.reply,
                verb,
                Some(name),
                conn.session.subscriptions_told(topic),
            );
        }
        set_apart(conn, mark);
        self.join(id, conn, topic, &joined);
        let left = self.tell_all(id, conn, topic, true, joined);
        if left > 0 && matches!(conn.flow, Flow::Ready) {
            conn.flow = Flow::Gathering(Box::new(Gather {
                left,
                purpose: Purpose::Subscribe,
                outdated: false,
            }));
        } else {
            conn.confirmations_left = left;
        }
    }

    /// Ends some subscriptions, or all of a kind.
    pub(super) fn unsubscribe(&mut self, id: ConnId, conn: &mut Connection, topic: Topic, names: Args<'_>) {
        let (_, verb) = verbs(topic);
        let mark = conn.reply.len();
        let names: Vec<Box<[u8]>> = if names.len() > 1 {
            names.from(1).map(Box::from).collect()
        } else {
            let mut all: Vec<_> = conn.session.subscribed(topic).iter().cloned().collect();
            all.sort_unstable();
            all
        };
        if names.is_empty() {
            confirm(&mut conn.reply, verb, None, conn.session.subscriptions_told(topic));
        }
        let mut left = Vec::new();
        for name in names {
            let was_there = conn.session.subscribed(topic).remove(&name);
            confirm(
                &mut conn.reply,
                verb,
                Some(&name),
                conn.session.subscriptions_told(topic),
            );
            if was_there {
                left.push(name);
            }
        }
        set_apart(conn, mark);
        self.forget_names(id, conn, topic, left);
    }

    pub(super) fn forget_names(&mut self, id: ConnId, conn: &mut Connection, topic: Topic, names: Vec<Box<[u8]>>) {
        // Nobody leaves before all shards know that they have joined: a connection waits for that, also within a block.
        for name in &names {
            self.listeners.leave(topic, name, id);
            if self.shard.shards > 1 {
                self.joiners
                    .leave(topic, name, conn.session.client, self.shard.now.mono_us);
            }
        }
        self.tell_all(id, conn, topic, false, names);
    }

    /// Leaves every channel and pattern without a word to the client.
    pub(super) fn leave_channels(&mut self, id: ConnId, conn: &mut Connection) {
        for topic in [Topic::Channel, Topic::Pattern, Topic::ShardChannel] {
            let names: Vec<_> = conn.session.subscribed(topic).drain().collect();
            self.forget_names(id, conn, topic, names);
        }
        if std::mem::take(&mut conn.session.monitor) {
            self.listeners.stop_monitor(id);
            self.tell_all(id, conn, Topic::Monitor, false, vec![Box::default()]);
        }
    }

    /// Tells every other shard, and notes here; answers how many will confirm.
    pub(super) fn tell_all(
        &mut self,
        id: ConnId,
        conn: &Connection,
        topic: Topic,
        joined: bool,
        names: Vec<Box<[u8]>>,
    ) -> usize {
        if names.is_empty() {
            return 0;
        }
        let own = self.shard.id;
        let (origin, since_us) = (conn.asker(own, id).origin, self.under_way_since_us(conn));
        for shard in self.all_shards().filter(|shard| *shard != own) {
            let subscription = Subscription {
                origin,
                topic,
                joined,
                is_noted: false,
                since_us,
                names: names.clone(),
            };
            // Among the answers, so that whatever reaches the other shard because of what this client does next finds it said.
            self.out.reply(shard, Message::Subscription(Box::new(subscription)));
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
        // Any key may have one of the prefixes.
        let everything = !self.shard.subscriptions.prefixes().is_empty();
        self.shard.effects.interest.set_everything(everything);
    }

    pub(super) fn note_subscription(&mut self, from: ShardId, subscription: Subscription) {
        let Subscription {
            origin,
            topic,
            joined,
            is_noted,
            since_us,
            names,
        } = subscription;
        self.record(from, topic, joined, &names);
        if !joined {
            return;
        }
        let Origin { conn, client, .. } = origin;
        if matches!(topic, Topic::Channel | Topic::Pattern | Topic::ShardChannel) {
            let publications = self.recent.since(since_us, topic, &names);
            let missed = Missed {
                conn,
                client,
                publications,
                last: self.recent.last_number(),
            };
            self.out.reply(from, Message::Joined(Box::new(missed)));
        }
        if !is_noted {
            self.out.reply(from, Message::Noted { conn, client });
        }
    }
}

/// Confirmations are messages: they reach also a client that wants no replies.
fn set_apart(conn: &mut Connection, mark: usize) {
    if conn.session.reply_mode != ReplyMode::On && !matches!(conn.flow, Flow::Transaction(_)) {
        conn.own_messages.raw(&conn.reply.bytes()[mark..]);
        conn.reply.truncate(mark);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Now;
    use crate::config::Config;
    use crate::coordinator::testing::{carry, carry_one, nodes, sent};
    use crate::coordinator::{Lane, Peer};

    /// Nodes, and connections to be opened on them.
    fn opened<const N: usize>(shards: u16, places: [(usize, u32); N]) -> Vec<Node> {
        let mut nodes = nodes(shards, &Config::default());
        for (node, conn) in places {
            nodes[node].open(ConnId(conn), Peer::default());
        }
        nodes
    }

    /// Passes in each of which all is received that had arrived, as long as a node wants one at once. Answers when the last one was.
    fn pass(nodes: &mut [Node], mut now_us: u64) -> u64 {
        let wants_one = |node: &Node, now_us| node.next_deadline_us().is_some_and(|at| at <= now_us);
        while nodes.iter().any(|node| wants_one(node, now_us)) {
            now_us += 1;
            for node in nodes.iter_mut().filter(|node| wants_one(node, now_us)) {
                node.note_all_is_received();
                node.set_now(Now {
                    mono_us: now_us,
                    ..Now::default()
                });
                node.tick();
            }
            carry(nodes);
        }
        now_us
    }

    #[test]
    fn a_subscription_counts_from_when_it_came_also_behind_one_that_is_not_confirmed() {
        let mut nodes = opened(2, [(0, 0), (1, 0)]);
        let (subscriber, publisher) = (ConnId(0), ConnId(0));
        nodes[0].receive(subscriber, b"SUBSCRIBE one\r\n");
        nodes[0].receive(subscriber, b"PING\r\nSUBSCRIBE other\r\nUNSUBSCRIBE one\r\nGET key\r\n");
        nodes[1].receive(publisher, b"PUBLISH other message\r\n");
        assert_eq!(sent(&mut nodes[0], subscriber), "", "not all shards know");
        carry(&mut nodes);
        let lines = "*3\r\n$9\r\nsubscribe\r\n$3\r\none\r\n:1\r\n\
                     *2\r\n$4\r\npong\r\n$0\r\n\r\n\
                     *3\r\n$9\r\nsubscribe\r\n$5\r\nother\r\n:2\r\n\
                     *3\r\n$7\r\nmessage\r\n$5\r\nother\r\n$7\r\nmessage\r\n\
                     *3\r\n$11\r\nunsubscribe\r\n$3\r\none\r\n:1\r\n\
                     -ERR Can't execute 'get': ";
        let told = sent(&mut nodes[0], subscriber);
        assert!(told.starts_with(lines), "{told}");
    }

    #[test]
    fn what_is_not_to_be_answered_ends_with_the_subscription() {
        let mut nodes = opened(2, [(0, 0)]);
        let subscriber = ConnId(0);
        nodes[0].receive(subscriber, b"CLIENT REPLY SKIP\r\nSUBSCRIBE one\r\nPING\r\n");
        carry(&mut nodes);
        let lines = "*3\r\n$9\r\nsubscribe\r\n$3\r\none\r\n:1\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n";
        assert_eq!(sent(&mut nodes[0], subscriber), lines);
    }

    #[test]
    fn who_subscribes_to_a_shard_at_rest_is_not_told_of_the_past() {
        let mut nodes = opened(3, [(0, 0), (1, 0)]);
        let (subscriber, publisher) = (ConnId(0), ConnId(0));
        let now_us = pass(&mut nodes, 5_000);
        nodes[1].receive(publisher, b"PUBLISH one before\r\n");
        pass(&mut nodes, now_us);
        nodes[0].receive(subscriber, b"SUBSCRIBE one\r\n");
        nodes[1].receive(publisher, b"PUBLISH one after\r\n");
        carry(&mut nodes);
        let lines = "*3\r\n$9\r\nsubscribe\r\n$3\r\none\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$3\r\none\r\n$5\r\nafter\r\n";
        assert_eq!(sent(&mut nodes[0], subscriber), lines);
    }

    #[test]
    fn who_joins_leaves_and_joins_at_once_is_told_once_what_others_have_heard_meanwhile() {
        let mut nodes = opened(2, [(0, 0), (0, 1), (1, 0)]);
        let (listener, subscriber, publisher) = (ConnId(0), ConnId(1), ConnId(0));
        nodes[0].receive(listener, b"SUBSCRIBE one\r\n");
        carry(&mut nodes);
        let is_elsewhere = |key: &usize| {
            nodes[0].receive(subscriber, format!("GET {key}\r\n").as_bytes());
            carry_one(&mut nodes, (ShardId(0), ShardId(1), Lane::Request))
        };
        let key = (0..).find(is_elsewhere).expect("there are many keys");
        carry(&mut nodes);
        // Behind a key of the other shard, which is not asked before the message has come.
        let block = "MULTI\r\nSUBSCRIBE one\r\nUNSUBSCRIBE one\r\nSUBSCRIBE one\r\nEXEC\r\n";
        nodes[0].receive(subscriber, format!("GET {key}\r\n{block}").as_bytes());
        nodes[1].receive(publisher, b"PUBLISH one message\r\n");
        assert!(carry_one(&mut nodes, (ShardId(1), ShardId(0), Lane::Reply)));
        assert!(sent(&mut nodes[0], listener).ends_with("$7\r\nmessage\r\n"));
        carry(&mut nodes);
        let told = sent(&mut nodes[0], subscriber);
        assert!(
            told.ends_with("*3\r\n$7\r\nmessage\r\n$3\r\none\r\n$7\r\nmessage\r\n"),
            "{told}"
        );
        assert_eq!(told.matches("\r\nmessage\r\n").count(), 2, "{told}");
    }

    #[test]
    fn who_unsubscribes_waits_for_what_this_core_says_to_itself_once_a_turn() {
        let mut nodes = opened(2, [(0, 0), (0, 1)]);
        let (subscriber, writer) = (ConnId(0), ConnId(1));
        nodes[0].receive(writer, b"CONFIG SET notify-keyspace-events E$\r\n");
        nodes[0].receive(subscriber, b"HELLO 3\r\nSUBSCRIBE __keyevent@0__:incrby\r\n");
        carry(&mut nodes);
        for conn in [subscriber, writer] {
            sent(&mut nodes[0], conn);
        }
        let router = nodes[0].router.clone();
        let [here, elsewhere] = [ShardId(0), ShardId(1)].map(|shard| {
            let mut keys = (0..).map(|key: u32| key.to_string());
            keys.find(|key| router.shard(key.as_bytes()) == shard)
                .expect("there are many keys")
        });
        // Both answers come in one batch. The subscriber goes on at once, with what this core says to itself; the writer a turn later, so that it
        // publishes just when the subscriber is to leave.
        let block = |command: &str| format!("MULTI\r\n{command} {here}\r\nEXEC\r\n");
        let write = format!("GET {elsewhere}\r\n{}", block("INCR"));
        let leave = format!("CLIENT KILL ID 99\r\n{}UNSUBSCRIBE\r\n", block("GET"));
        nodes[0].receive(writer, write.as_bytes());
        nodes[0].receive(subscriber, leave.as_bytes());
        carry(&mut nodes);
        let event = format!(">3\r\n$7\r\nmessage\r\n$21\r\n__keyevent@0__:incrby\r\n$1\r\n{here}\r\n");
        let told = sent(&mut nodes[0], subscriber);
        assert!(told.contains(&event) && told.contains("unsubscribe"), "{told}");
        assert!(sent(&mut nodes[0], writer).ends_with("*1\r\n:1\r\n"));
    }
}
