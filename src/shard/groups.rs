//! Groups of pipelined commands over two shards, as a shard sees them: the locks of the one, and the part that the other runs in one go.

use smallvec::SmallVec;

use super::locks::{Place, Ticket};
use super::message::{Asker, Batch, Grouped, Message, Outbox, Together};
use super::state::{Shard, span};
use crate::command::{Args, Attempt, Command};
use crate::protocol::reply::Reply;
use crate::protocol::request::Span;

impl Shard {
    /// A ticket for keys that [`Shard::lock_keys`] adds, until [`Shard::end_lock`]; none while the whole keyspace is held or waited for.
    pub fn begin_lock(&mut self) -> Option<Ticket> {
        self.locks.hold()
    }

    /// Adds the keys of a request to a ticket and to its `held` places, if nobody else has them or waits for them or for what is there. If not,
    /// some of them may have been added.
    pub fn lock_keys(&mut self, ticket: Ticket, command: &Command, args: Args<'_>, held: &mut Vec<Place>) -> bool {
        if self.waiters.clients_len() > 0 && !command.all_keys(args, |key| !self.is_awaited(key)) {
            return false;
        }
        command.all_keys(args, |key| self.locks.hold_also(ticket, Place::key(key), held))
    }

    /// Ends a lock; those behind it go on.
    pub fn end_lock(&mut self, ticket: Ticket, held: &[Place], out: &mut Outbox) {
        self.locks.let_go(ticket, held);
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
        let Together {
            asker, group, is_block, ..
        } = together;
        let commands = batch.grouped(together);
        if commands.iter().any(|grouped| !self.can_join(grouped, batch, *is_block)) {
            return out.reply(asker.origin.shard, Message::Apart { group: *group });
        }
        let mut replies = SmallVec::<[Span; 16]>::new();
        for grouped in commands {
            let (command, args) = (grouped.command, batch.args(grouped.words));
            // What follows from a command may send to the same lane, so its arena is in place then.
            let lane = out.replies(asker.origin.shard);
            let start = lane.bytes.len();
            let mut reply = Reply::new(std::mem::take(&mut lane.bytes), asker.resp);
            self.attempt(asker, command, args, &mut reply, out);
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

    /// Whether a command of a group can run now, and what follows from it stays on this shard; for one of a block, that nothing does.
    fn can_join(&self, grouped: &Grouped, batch: &Batch, is_block: bool) -> bool {
        let (command, args) = (grouped.command, batch.args(grouped.words));
        let is_free = match command.single_key() {
            Some(_) => self.locks.is_free(grouped.place),
            None => command.all_keys(args, |key| self.locks.is_free(Place::key(key))),
        };
        let is_left_alone = |key: &[u8]| !(self.reaches_out(key) || is_block && self.is_awaited(key));
        is_free && (self.waiters.clients_len() == 0 || command.all_keys(args, is_left_alone))
    }
}
