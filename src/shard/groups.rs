//! Groups of pipelined commands over two shards, as a shard sees them: the locks of the one, and the part that the other runs in one go.

use smallvec::SmallVec;

use super::locks::{Places, Ticket};
use super::message::{Asker, Batch, Message, Outbox, Together};
use super::state::{Shard, span};
use crate::command::{Args, Attempt, Command};
use crate::protocol::reply::Reply;
use crate::protocol::request::Span;

impl Shard {
    /// Locks places that nobody has or waits for, until [`Shard::end_lock`].
    pub fn try_lock(&mut self, places: Places) -> Option<Ticket> {
        self.locks.try_take(places)
    }

    /// Ends a lock; those behind it go on.
    pub fn end_lock(&mut self, ticket: Ticket, out: &mut Outbox) {
        self.locks.release(ticket);
        if !self.locks.idle() {
            self.run_parked(out);
        }
    }

    /// Runs a command over keys that its group has locked.
    pub fn run_locked(
        &mut self,
        asker: &Asker,
        command: &'static Command,
        args: Args<'_>,
        reply: &mut Reply,
        out: &mut Outbox,
    ) {
        let attempt = self.execute(asker, command, args, reply, out);
        debug_assert_eq!(
            attempt,
            Attempt::Served,
            "commands of a group neither wait nor lack anything"
        );
    }

    /// Runs a part of a group, if it can be done at once.
    pub fn together(&mut self, together: &Together, batch: &Batch, out: &mut Outbox) {
        let Together { asker, group, .. } = together;
        let requests = || {
            batch
                .grouped(together)
                .iter()
                .map(|grouped| (grouped.command, batch.args(grouped.words)))
        };
        if requests().any(|(command, args)| !self.can_join(command, args)) {
            return out.reply(asker.origin.shard, Message::Apart { group: *group });
        }
        let mut replies = SmallVec::<[Span; 16]>::new();
        for (command, args) in requests() {
            // What follows from a command may send to the same lane, so its arena is in place then.
            let lane = out.replies(asker.origin.shard);
            let start = lane.bytes.len();
            let mut reply = Reply::new(std::mem::take(&mut lane.bytes), asker.resp);
            self.attempt(asker, command, args, &mut reply);
            let lane = out.replies(asker.origin.shard);
            lane.bytes = reply.into_bytes();
            replies.push(span(start, lane.bytes.len()));
            if self.has_aftermath() {
                self.settle(out);
            }
        }
        let lane = out.replies(asker.origin.shard);
        let replies = lane.replies(&replies);
        lane.messages.push(Message::Ran { group: *group, replies });
    }

    /// Whether a command of a group can run now, and what follows from it stays on this shard.
    fn can_join(&self, command: &Command, args: Args<'_>) -> bool {
        if self.locks.idle() && self.waiters.clients_len() == 0 {
            return true;
        }
        let positions = command.key_positions(args);
        self.locks.free(positions.iter().map(|&at| args.at(at)))
            && positions.iter().all(|&at| !self.reaches_out(args.at(at)))
    }
}
