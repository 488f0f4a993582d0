//! Takes in what other shards (and this core's own) say, and lets connections go on.

use super::connection::{Connection, Flow, Purpose};
use super::node::{Lane, Node};
use super::underway::Underway;
use crate::base::id::{ClientId, ConnId, ShardId};
use crate::shard::message::{Batch, Claim, Message, Served};

impl Node {
    /// Handles what this core has said to itself, and resumes connections, until nothing is left.
    pub(super) fn pump(&mut self) {
        let own = self.shard.id;
        loop {
            let mut busy = self.end_interim();
            for lane in [Lane::Reply, Lane::Request] {
                if let Some(batch) = self.take_batch(own, lane) {
                    busy = true;
                    self.take_in_all(own, batch);
                }
            }
            // After what they asked of this shard before: a client must not wait twice because it has not left yet.
            // One that is to go on only behind what this core says to itself meanwhile comes again in the next turn.
            for _ in 0..self.resumable.len() {
                let Some(id) = self.resumable.pop_front() else { break };
                busy = true;
                self.resume(id);
            }
            while self.run_keyless() {
                busy = true;
            }
            if self.shard.tracking.has_news() {
                busy = true;
                self.tell_readers(None);
            }
            if !busy && self.shard.tracking.has_changed() {
                busy = true;
                self.tell_prefixes();
            }
            if !busy {
                return;
            }
        }
    }

    /// Handles a batch of `from`, and keeps its memory.
    pub(super) fn take_in_all(&mut self, from: ShardId, batch: Batch) {
        if self.stand_in.is_some() {
            return self.take_in_meanwhile(from, batch);
        }
        let underway = self.underway.clone();
        underway.begin(from, batch);
        self.take_in_begun(from, &underway);
        self.out.reuse(underway.end());
    }

    fn take_in_begun(&mut self, from: ShardId, underway: &Underway) {
        let batch = underway.batch();
        let mut fetched = 0;
        loop {
            if fetched == 0 {
                fetched = underway.look_ahead(|messages| self.prefetch(&batch, messages));
            }
            // A script may have had the rest of what was fetched refused.
            let Some(message) = underway.next() else { return };
            fetched = fetched.saturating_sub(1);
            self.take_in(from, &batch, message);
        }
    }

    /// Handles one message of `from`.
    pub(super) fn take_in(&mut self, from: ShardId, batch: &Batch, message: Message) {
        match message {
            Message::Everywhere { origin, command, words } => self.run_part(origin, command, batch.args(words)),
            Message::Subscription(subscription) => self.note_subscription(from, *subscription),
            Message::Publish(publication) => self.receive_message(from, &publication),
            Message::Invalidate(invalidate) => self.receive_invalidation(*invalidate),
            Message::Redirected { conn, client, stale } => self.receive_redirected(conn, client, &stale),
            Message::Broadcast(broadcast) => self.receive_broadcast(&broadcast),
            Message::Flushed { told } => self.receive_flush(from, told),
            Message::Feed(line) => self.feed_monitors(&line),
            Message::MakeRoom => {
                let more = self.shard.make_room_for_others(&mut self.out);
                self.evict_due_us = more.then_some(self.shard.now.mono_us);
                self.tell_listeners(None);
            }
            Message::Done {
                conn,
                client,
                reply,
                count,
            } => self.finish_flight(conn, client, &batch.bytes[reply], count),
            Message::Ran { group, replies } => self.note_ran(from, group, batch.replies(replies), &batch.bytes),
            Message::Prepared { group } => self.note_prepared(from, group),
            Message::Apart { group } => self.note_apart(group),
            Message::Waiting { conn, client, claim } => self.start_waiting_elsewhere(from, conn, client, claim),
            Message::Lacking(lacking) => self.start_lacking(*lacking),
            Message::Served(served) => self.finish_blocking(from, *served),
            Message::Woken(woken) => self.start_woken(from, *woken),
            Message::Granted(granted) => self.granted(*granted),
            Message::Release(release) => {
                self.shard.release(from, *release, &mut self.out);
                self.tell_listeners(None);
            }
            Message::Released { tx, settled } => self.released(tx, settled),
            Message::Unlock { tx } => {
                self.shard.unlock(tx, &mut self.out);
                self.tell_listeners(None);
            }
            Message::Settled { tx } => self.settled(tx),
            Message::Synced => self.shard.release_answers(&mut self.out),
            Message::Woke { wake } => self.shard.woke(wake, &mut self.out),
            Message::Watching { conn, client, watched } => {
                if !self.note_watched(conn, client, &watched) {
                    self.out.request(from, Message::Unwatch(watched));
                }
            }
            Message::Part { conn, client, part } => self.note_part(from, conn, client, *part),
            Message::Occupied { tx, error } => {
                self.shard.note_occupied(tx, *error, &mut self.out);
                self.tell_listeners(None);
            }
            Message::Joined(missed) => self.note_joined(from, *missed),
            Message::Arrived { since_us } => self.horizon.release(since_us),
            Message::CatchUp => self.horizon.catch_up(),
            Message::Noted { conn, client } => self.gathered(conn, client, |purpose| {
                matches!(purpose, Purpose::Subscribe | Purpose::Track)
            }),
            Message::Rerouted => self.outdated[from.index()] -= 1,
            request if self.outdated[from.index()] > 0 => self.refuse_outdated(batch, request),
            request => {
                self.shard.request(batch, request, &mut self.out);
                self.tell_listeners(None);
            }
        }
    }

    /// The connection at `id`, if the client is still there.
    pub(super) fn take_client(&mut self, id: ConnId, client: ClientId) -> Option<Box<Connection>> {
        self.connections.take_client(id, client)
    }

    fn resume(&mut self, id: ConnId) {
        if let Some(mut conn) = self.take_conn(id) {
            self.process_input(id, &mut conn);
            self.put_conn(id, conn);
        }
    }

    /// Makes a connection ready and lets it go on.
    pub(super) fn ready(&mut self, id: ConnId, mut conn: Box<Connection>) {
        conn.flow = Flow::Ready;
        if !conn.session.closing {
            self.process_input(id, &mut conn);
        }
        self.put_conn(id, conn);
    }

    pub(super) fn finish_flight(&mut self, id: ConnId, client: ClientId, replies: &[u8], count: u32) {
        let Some(mut conn) = self.take_client(id, client) else {
            return;
        };
        let mark = conn.reply.len();
        conn.note_reply(replies.len() / count as usize);
        conn.reply.raw(replies);
        conn.finish_reply(mark);
        match &mut conn.flow {
            Flow::Flight { outstanding, .. } if *outstanding > count => {
                *outstanding -= count;
                self.put_conn(id, conn);
            }
            // What follows it runs after the rest of the batch: messages of the command that was answered come first.
            Flow::Flight { .. } => {
                conn.flow = Flow::Ready;
                self.resumable.push_back(id);
                self.put_conn(id, conn);
            }
            // The client was killed meanwhile.
            _ => self.put_conn(id, conn),
        }
    }

    fn start_waiting_elsewhere(&mut self, from: ShardId, id: ConnId, client: ClientId, claim: Claim) {
        let Some(mut conn) = self.take_client(id, client) else {
            claim.take();
            self.out.request(from, Message::Unwait { client, claim });
            return;
        };
        self.block_at(id, &mut conn, claim, vec![from]);
        self.put_conn(id, conn);
    }

    fn finish_blocking(&mut self, from: ShardId, served: Served) {
        let Served { waiter, reply } = served;
        let origin = waiter.asker.origin;
        let Some(mut conn) = self.take_client(origin.conn, origin.client) else {
            return self.give_back(&waiter, &reply);
        };
        if !matches!(conn.flow, Flow::Blocked(_)) {
            self.put_conn(origin.conn, conn);
            return self.give_back(&waiter, &reply);
        }
        let mark = conn.reply.len();
        conn.reply.raw(&reply);
        conn.finish_reply(mark);
        self.end_blocking(origin.conn, &mut conn, Some(from));
        if conn.wants_flush() {
            conn.flush_announced = true;
            self.served.push_back(origin.conn);
        }
        self.resumable.push_back(origin.conn);
        self.put_conn(origin.conn, conn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Now;
    use crate::coordinator::testing::{node, sent};
    use crate::coordinator::{Event, Peer};

    #[test]
    fn a_connection_is_read_on_when_what_is_left_is_a_part_of_a_request() {
        let mut node = node();
        let conn = ConnId(0);
        node.open(conn, Peer::default());
        node.receive(conn, b"CLIENT PAUSE 10 ALL\r\n");
        let mut many = b"SET k v\r\n".repeat(200_000);
        // More than what a connection that waits may have before it is read on.
        many.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n");
        many.extend_from_slice(&[b'x'; 70_000]);
        node.receive(conn, &many);
        let mut events: Vec<Event> = std::iter::from_fn(|| node.next_event()).collect();
        assert!(events.contains(&Event::PauseReading(conn)), "{events:?}");
        node.set_now(Now {
            unix_us: 1_000_000,
            mono_us: 1_000_000,
        });
        node.tick();
        events.clear();
        // Replies are many enough to make requests wait.
        while let Some(event) = node.next_event() {
            if event == Event::Flush(conn)
                && let Some(sent) = node.output(conn)
            {
                node.sent(conn, sent);
            }
            events.push(event);
        }
        assert!(events.contains(&Event::ResumeReading(conn)), "{events:?}");
        node.receive(conn, &[&[b'x'; 30_000][..], b"\r\nSTRLEN k\r\n"].concat());
        let replies = node.output(conn).expect("all of it was answered");
        assert!(replies.ends_with(b"+OK\r\n:100000\r\n"));
    }

    #[test]
    fn a_request_that_is_never_completed_is_not_a_part_of_another_client_s() {
        let mut node = node();
        let (one, other) = (ConnId(0), ConnId(1));
        for conn in [one, other] {
            node.open(conn, Peer::default());
        }
        node.receive(one, b"*3\r\n$3\r\nSET\r\n$1\r\nk");
        node.receive(other, b"CLIENT KILL ID 1\r\n");
        node.receive(one, b"ey");
        node.receive(other, b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n");
        assert_eq!(sent(&mut node, other), ":1\r\n+OK\r\n");
    }
}
