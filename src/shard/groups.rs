//! Groups of pipelined commands over several shards, as a shard sees them: the locks of the one that makes the group, and the part that another one runs in
//! one go, at once when it is the only other one, else once all of them hold their keys.

use std::ops::Range;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::locks::{Place, Ticket};
use super::message::{Asker, Batch, GroupPart, Grouped, Message, Outbox, Together};
use super::state::Shard;
use crate::command::{Args, Attempt, Command};
use crate::protocol::reply::Reply;

/// Where the replies to some commands lie in the arena of a lane.
type Replies = SmallVec<[Range<usize>; 16]>;

/// What groups have prepared here.
#[derive(Default)]
pub(super) struct Preparations {
    parts: HashMap<GroupPart, Prepared>,
    /// Memory for those that follow.
    spare: Vec<Prepared>,
}

/// How many of these keep their memory, and how many bytes of it each.
const SPARE_MAX: usize = 16;
const SPARE_BYTES_MAX: usize = 64 << 10;

/// A part of a group that waits for the others.
#[derive(Default)]
struct Prepared {
    asker: Asker,
    /// Holds `places`.
    ticket: Option<Ticket>,
    places: Vec<Place>,
    /// The commands.
    commands: Batch,
}

impl Preparations {
    fn reuse(&mut self, mut prepared: Prepared) {
        if self.spare.len() < SPARE_MAX && prepared.commands.bytes.capacity() <= SPARE_BYTES_MAX {
            prepared.commands.clear();
            prepared.places.clear();
            self.spare.push(prepared);
        }
    }
}

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
        self.run_part(asker, *group, commands, batch, out);
    }

    /// Keeps a part of a group and holds its keys, if that can be done at once.
    pub fn prepare_part(&mut self, together: &Together, batch: &Batch, out: &mut Outbox) {
        let (home, group) = (together.asker.origin.shard, together.group);
        let Some(ticket) = self.begin_lock() else {
            return out.reply(home, Message::Apart { group });
        };
        let mut prepared = self.preparations.spare.pop().unwrap_or_default();
        (prepared.asker, prepared.ticket) = (together.asker, Some(ticket));
        for grouped in batch.grouped(together) {
            let (command, args) = (grouped.command, batch.args(grouped.words));
            if !self.lock_keys(ticket, command, args, &mut prepared.places) {
                self.end_lock(ticket, &prepared.places, out);
                self.preparations.reuse(prepared);
                return out.reply(home, Message::Apart { group });
            }
            let words = prepared.commands.words(args);
            prepared.commands.grouped.push(Grouped { words, ..*grouped });
        }
        let before = self.preparations.parts.insert(together.part(), prepared);
        debug_assert!(before.is_none(), "the name of a group is used again only after its end");
        out.reply(home, Message::Prepared { group });
    }

    /// Runs a part that was prepared, and lets go of its keys.
    pub fn commit_part(&mut self, part: GroupPart, out: &mut Outbox) {
        let prepared = self.preparations.parts.remove(&part);
        let prepared = prepared.expect("only what was prepared is committed");
        let commands = &prepared.commands;
        self.run_part(&prepared.asker, part.group, &commands.grouped, commands, out);
        self.release_part(prepared, out);
    }

    /// Forgets a part that was prepared, and lets go of its keys.
    pub fn abort_part(&mut self, part: GroupPart, out: &mut Outbox) {
        let prepared = self.preparations.parts.remove(&part);
        self.release_part(prepared.expect("only what was prepared is aborted"), out);
    }

    fn release_part(&mut self, mut prepared: Prepared, out: &mut Outbox) {
        let ticket = prepared.ticket.take().expect("a part that is prepared has a ticket");
        self.end_lock(ticket, &prepared.places, out);
        self.preparations.reuse(prepared);
    }

    /// Runs the commands of a part of a group, whose words are in `batch`, one right after the other, and replies to all of them.
    fn run_part(&mut self, asker: &Asker, group: u32, commands: &[Grouped], batch: &Batch, out: &mut Outbox) {
        let home = asker.origin.shard;
        let mut replies = Replies::new();
        for grouped in commands {
            let (command, args) = (grouped.command, batch.args(grouped.words));
            // What follows from a command may send to the same lane, so its arena is in place then.
            let lane = out.replies(home);
            let start = lane.bytes.len();
            let mut reply = Reply::new(std::mem::take(&mut lane.bytes), asker.resp);
            self.attempt(asker, command, args, &mut reply, out);
            let lane = out.replies(home);
            lane.bytes = reply.into_bytes();
            replies.push(start..lane.bytes.len());
            if self.has_aftermath() {
                self.settle(out);
            }
        }
        let lane = out.replies(home);
        let replies = lane.note_replies(&replies);
        lane.messages.push(Message::Ran { group, replies });
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
