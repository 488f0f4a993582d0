//! Clients that wait for a key: registering, timing out, being released, leaving.

use super::connection::{Blocked, Connection, Flow};
use super::node::Node;
use crate::base::id::{ClientId, ConnId, ShardId};
use crate::catalog;
use crate::command::Exec;
use crate::command::args::OwnedArgs;
use crate::command::local::Unblock;
use crate::protocol::leaves::leaves;
use crate::shard::message::{Asker, Claim, Message, Origin, Waiter};

impl Node {
    /// The connection's last command waits for a key at `shards`.
    pub(super) fn block_at(&mut self, id: ConnId, conn: &mut Connection, claim: Claim, shards: Vec<ShardId>) {
        if let Flow::Blocked(blocked) = &mut conn.flow {
            // It nearly was served, and waits on under a new claim.
            blocked.claim = claim;
            return;
        }
        let command = conn.session.last_command.expect("a blocked client has run a command");
        if self.has_turned_on(conn, command) {
            return self.refuse_to_block(conn, claim, shards);
        }
        conn.session.blocked = true;
        conn.flow = Flow::Blocked(Box::new(Blocked {
            command,
            claim,
            shards,
            deadline_us: conn.deadline_us,
        }));
        if let Some(deadline) = conn.deadline_us {
            self.deadlines.insert((deadline, id));
        }
    }

    /// The client stops waiting (the claim is taken): forgets it wherever it is registered but at `served_by`.
    pub(super) fn end_blocking(&mut self, id: ConnId, conn: &mut Connection, served_by: Option<ShardId>) {
        let Flow::Blocked(blocked) = std::mem::replace(&mut conn.flow, Flow::Ready) else {
            return;
        };
        conn.session.blocked = false;
        if let Some(deadline) = blocked.deadline_us {
            self.deadlines.remove(&(deadline, id));
        }
        for shard in blocked.shards.iter().copied().filter(|shard| Some(*shard) != served_by) {
            let (client, claim) = (conn.session.client, blocked.claim.clone());
            self.out.request(shard, Message::Unwait { client, claim });
        }
    }

    /// Ends a wait without an answer, if nobody is serving it already.
    pub(super) fn stop_blocking(&mut self, id: ConnId, conn: &mut Connection) {
        if let Flow::Blocked(blocked) = &conn.flow {
            blocked.claim.take();
            self.end_blocking(id, conn, None);
        }
    }

    /// A blocked client was served and is gone: what was taken out for it goes back to where it was, for the next who asks.
    pub(super) fn give_back(&mut self, waiter: &Waiter, reply: &[u8]) {
        let Some(undo) = waiter.command.undone_by else { return };
        let taken = leaves(reply);
        let Some((key, taken)) = taken.split_first() else {
            return;
        };
        let name = undo(waiter.args.as_args());
        let command = catalog::find(name.as_bytes()).expect("what undoes a command is a command");
        let request = [name.as_bytes(), key].into_iter().chain(taken.iter().rev().copied());
        let lane = self.out.requests(self.router.shard(key));
        let words = lane.words(OwnedArgs::from_words(request).as_args());
        // Nobody waits for the answer, and nobody may refuse it.
        let origin = Origin {
            client: ClientId::NOBODY,
            ..waiter.asker.origin
        };
        let asker = Asker { origin, ..waiter.asker };
        lane.messages.push(Message::Run { asker, command, words });
    }

    /// The client's time is up.
    pub(super) fn time_out(&mut self, id: ConnId) {
        self.give_up(id, Unblock::Timeout);
    }

    /// Releases a blocked client; tells whether it was blocked (and not being served).
    pub(super) fn give_up(&mut self, id: ConnId, how: Unblock) -> bool {
        let Some(mut conn) = self.take_conn(id) else {
            return false;
        };
        let Flow::Blocked(blocked) = &conn.flow else {
            self.put_conn(id, conn);
            return false;
        };
        if !blocked.claim.take() {
            // The answer is on its way.
            self.put_conn(id, conn);
            return false;
        }
        let command = blocked.command;
        let mark = conn.reply.len();
        match (how, command.exec) {
            (Unblock::Timeout, Exec::Blocking { timed_out, .. }) => timed_out(&mut conn.reply),
            (Unblock::Turned, _) => self.write_turned(&mut conn),
            _ => conn.reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK"),
        }
        conn.finish_reply(mark);
        self.end_blocking(id, &mut conn, None);
        // It goes on when the current work is done: this may run while another connection's command does.
        self.resumable.push_back(id);
        self.put_conn(id, conn);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinator::testing::node;
    use crate::coordinator::{Event, Peer};

    /// The connections whose replies leave, in order.
    fn flushed(node: &mut Node) -> Vec<ConnId> {
        let replies = |event| match event {
            Event::Flush(id) => Some(id),
            _ => None,
        };
        let flushed: Vec<ConnId> = std::iter::from_fn(|| node.next_event()).filter_map(replies).collect();
        flushed.iter().for_each(|id| drop(node.output(*id)));
        flushed
    }

    #[test]
    fn replies_of_clients_that_waited_leave_before_the_reply_of_who_woke_them() {
        let mut node = node();
        let [producer, first, second] = [0, 1, 2].map(ConnId);
        for id in [producer, first, second] {
            node.open(id, Peer::default());
        }
        node.receive(first, b"BLPOP queue 0\r\n");
        node.receive(second, b"BLPOP queue 0\r\n");
        assert_eq!(flushed(&mut node), []);
        node.receive(producer, b"RPUSH queue a b\r\n");
        assert_eq!(flushed(&mut node), [first, second, producer]);
    }
}
