//! Pipelined commands of one connection whose keys are on this shard and on one other, in turns: a group, which takes effect as one step, so that
//! the order of the commands costs one message there and one back instead of a pair for each turn.
//!
//! The keys of this shard are locked, then the other shard is asked to run its commands, which it does at once or not at all. With its answer the
//! commands of this shard run and the locks end. Whoever has seen what the other shard did and then asks for a key of this one waits behind the
//! locks; whoever has seen a key of this shard before came before all of the group. The other shard locks nothing, since it runs its part in one go.
//! It never waits either: if it cannot run its part, the commands are sent one by one, as without a group. So a group adds no edge to the graph of
//! who waits for whom.
//!
//! The commands of an EXEC over such keys are a group too, a block, which is a transaction of the usual kind when it cannot be one. Nobody may be served
//! between them, so nobody may wait for their keys.

use super::connection::{Connection, Flow};
use super::dispatch::Target;
use super::members::{COMMANDS_MAX, Members, is_groupable, take_requests};
use super::node::Node;
use crate::base::id::{ClientId, ConnId, ShardId};
use crate::command::session::Queued;
use crate::command::{Args, Command};
use crate::protocol::reply::Reply;
use crate::protocol::request::Span;
use crate::shard::locks::{Place, Ticket};
use crate::shard::message::{Asker, Batch, Grouped, Message, Together, Words};

/// How many commands at most are sent one by one before a connection whose commands could not be grouped is looked at again.
const PATIENCE_MAX: u8 = 64;
/// For how many commands of this shard a connection that has made a group is expected to make another.
const GROUPS_EXPECTED: u8 = 8;

/// A group whose other half is under way.
pub(super) struct Group {
    asker: Asker,
    /// The other shard.
    shard: ShardId,
    /// Holds the keys of this shard.
    ticket: Ticket,
    pub(super) members: Members,
    /// Its commands are those of an EXEC.
    pub(super) is_block: bool,
}

impl Connection {
    /// Whether the commands that follow are likely to be a group, as they were of late.
    #[inline]
    pub(super) fn expects_group(&mut self) -> bool {
        let expects = self.groups_expected > 0;
        self.groups_expected -= u8::from(expects);
        expects
    }

    /// So many commands could not be grouped: they, and more each time that this happens in a row, are sent without another look.
    fn send_one_by_one(&mut self, commands: usize) {
        let patience = commands << self.group_failures.min(6);
        self.group_patience = patience.min(PATIENCE_MAX.into()) as u8;
        self.group_failures = self.group_failures.saturating_add(1);
    }
}

impl Node {
    /// Tries to make a group of a command that is for `shard` and of the requests in `following`; answers how many of their bytes belong to it.
    /// `None`: the command is to be sent by itself.
    pub(super) fn start_group(
        &mut self,
        id: ConnId,
        conn: &mut Connection,
        shard: ShardId,
        first: (&'static Command, Args<'_>),
        following: &[u8],
    ) -> Option<usize> {
        if conn.group_patience > 0 {
            conn.group_patience -= 1;
            return None;
        }
        if !is_groupable(first.0) || !self.allows_groups(conn) {
            return None;
        }
        let ticket = self.shard.begin_lock()?;
        let mut members = self.spare_members.pop().unwrap_or_default();
        let used = self.collect(conn, shard, ticket, first, following, &mut members);
        if members.places.is_empty() {
            self.shard.end_lock(ticket, &[], &mut self.out);
            // What has been looked at need not be looked at again.
            conn.send_one_by_one(members.commands.len());
            self.spare_members.push(members);
            return None;
        }
        conn.group_failures = 0;
        conn.groups_expected = GROUPS_EXPECTED;
        self.send_group(id, conn, shard, ticket, members, false);
        Some(used)
    }

    /// Tries to make a group of an EXEC's commands, whose keys are on this shard and on `shard`.
    pub(super) fn start_block_group(
        &mut self,
        id: ConnId,
        conn: &mut Connection,
        shard: ShardId,
        queue: &[Queued],
    ) -> bool {
        if queue.len() > COMMANDS_MAX || !self.allows_groups(conn) {
            return false;
        }
        let Some(ticket) = self.shard.begin_lock() else {
            return false;
        };
        let mut members = self.spare_members.pop().unwrap_or_default();
        members.clear();
        for Queued { command, args } in queue {
            let args = args.as_args();
            let is_here = !matches!(self.target(command, args), Target::One(target) if target == shard);
            members.append(command, args, is_here);
            if is_here && !self.shard.lock_keys(ticket, command, args, &mut members.places) {
                self.shard.end_lock(ticket, &members.places, &mut self.out);
                self.spare_members.push(members);
                return false;
            }
        }
        self.send_group(id, conn, shard, ticket, members, true);
        true
    }

    /// Asks the other shard to run its part of a group.
    fn send_group(
        &mut self,
        id: ConnId,
        conn: &mut Connection,
        shard: ShardId,
        ticket: Ticket,
        members: Members,
        is_block: bool,
    ) {
        let asker = conn.asker(self.shard.id, id);
        let group = self.underway.groups().vacant_key() as u32;
        let lane = self.out.requests(shard);
        let start = lane.grouped.len() as u32;
        for member in members.of_the_other() {
            let (command, args) = (member.command, members.args(member));
            let words = lane.words(args);
            let place = Place::key(command.first_key(args).unwrap_or_default());
            lane.grouped.push(Grouped { command, words, place });
        }
        let commands = start..lane.grouped.len() as u32;
        lane.messages.push(Message::Together(Together {
            asker,
            group,
            commands,
            is_block,
        }));
        self.underway.groups().insert(Group {
            asker,
            shard,
            ticket,
            members,
            is_block,
        });
        conn.flow = Flow::Group;
        self.counters.groups += 1;
    }

    /// Whether nothing about the connection or the server needs commands one by one.
    pub(super) fn allows_groups(&self, conn: &Connection) -> bool {
        conn.session.multi.is_none()
            && conn.session.reply_mode == Default::default()
            // What CLIENT CACHING says is for one command.
            && conn.session.tracking.is_none()
            && self.pause.is_none()
            && self.shared.registry.slow.is_empty()
            && !self.shard.is_over_limit()
            // What a group has changed is answered before it is on disk.
            && !self.shard.answers_wait_for_disk()
            // Events are told in the order of the commands.
            && !self.shard.config.notify_keyspace_events.is_on()
    }

    /// Collects the requests at the front of `following` that can be in a group with `first`, and locks their keys of this shard; answers how
    /// many bytes they take.
    fn collect(
        &mut self,
        conn: &Connection,
        shard: ShardId,
        ticket: Ticket,
        (command, args): (&'static Command, Args<'_>),
        following: &[u8],
        members: &mut Members,
    ) -> usize {
        members.begin(command, args, false);
        let limits = self.limits(conn);
        let most = COMMANDS_MAX.min(conn.in_flight_max() as usize) - 1;
        let used = take_requests(following, &limits, most, |at, bytes, spans| {
            let args = Args::new(bytes, spans);
            let Some((command, is_here)) = self.member(conn, shard, args) else {
                return false;
            };
            if is_here && !self.shard.lock_keys(ticket, command, args, &mut members.places) {
                return false;
            }
            members.add(command, at, spans, is_here);
            true
        });
        members.end(&following[..used]);
        used
    }

    /// The command of a request that can be in a group with commands for `shard`, and whether it is for this shard.
    fn member(&self, conn: &Connection, shard: ShardId, args: Args<'_>) -> Option<(&'static Command, bool)> {
        let command = self.admit(conn, args).ok().filter(|command| is_groupable(command))?;
        match self.target(command, args) {
            Target::One(target) if target == shard => Some((command, false)),
            Target::One(target) if target == self.shard.id => Some((command, true)),
            _ => None,
        }
    }

    /// The other shard has run its part of a group.
    pub(super) fn finish_group(&mut self, group: u32, batch: &Batch, replies: Words) {
        let group = self.underway.groups().remove(group as usize);
        let origin = group.asker.origin;
        let conn = self.take_client(origin.conn, origin.client).map(|mut conn| {
            self.run_group(&group, &mut conn, batch.spans(replies), &batch.bytes);
            conn
        });
        if conn.is_none() && self.stand_in.is_none() {
            self.run_for_nobody(&group);
        }
        self.end_lock(group.ticket, &group.members.places);
        self.spare_members.push(group.members);
        match conn {
            Some(conn) if matches!(conn.flow, Flow::Group) => self.ready(origin.conn, conn),
            Some(conn) => self.put_conn(origin.conn, conn),
            None => {}
        }
    }

    fn run_group(&mut self, group: &Group, conn: &mut Connection, replies: &[Span], bytes: &[u8]) {
        let Group {
            asker,
            shard,
            members,
            is_block,
            ..
        } = group;
        let id = asker.origin.conn;
        let refused = self.refuses_meanwhile();
        let mut replies = replies.iter();
        if *is_block {
            self.counters.transactions += 1;
            conn.reply.array(members.commands.len());
        }
        for (at, member) in members.commands.iter().enumerate() {
            let (command, args) = (member.command, members.args(member));
            if at > 0 && !is_block {
                // The first has begun before it turned out to be one of a group.
                self.begin(conn, command, args);
            }
            let mark = conn.reply.len();
            if let Some(error) = refused.as_ref().filter(|_| member.is_here) {
                conn.reply.error_bytes(&error.line());
            } else if member.is_here {
                self.shard
                    .run_locked(asker, command, args, &mut conn.reply, &mut self.out);
                self.tell_listeners(Some((id, conn)));
                self.note_use(conn, self.shard.id, command);
            } else {
                let reply = replies.next().expect("the other shard answers all its commands");
                conn.note_reply(reply.len);
                conn.reply.raw(&bytes[reply.range()]);
                self.counters.forwarded += 1;
                self.note_use(conn, *shard, command);
            }
            if !is_block {
                conn.finish_reply(mark);
            }
        }
        conn.finish_messages();
    }

    /// The client is gone: what it sent before what has happened happens too.
    #[cold]
    fn run_for_nobody(&mut self, group: &Group) {
        let Group { asker, members, .. } = group;
        let mut reply = Reply::new(Vec::new(), asker.resp);
        for member in members.of_this_shard() {
            let args = members.args(member);
            self.shard
                .run_locked(asker, member.command, args, &mut reply, &mut self.out);
        }
    }

    /// The other shard could not run its part: the first command goes there alone, and the rest is as if it had just come in.
    pub(super) fn split_group(&mut self, group: u32) {
        let Group {
            asker,
            shard,
            ticket,
            members,
            is_block,
        } = self.underway.groups().remove(group as usize);
        self.counters.groups_split += 1;
        self.end_lock(ticket, &members.places);
        let (id, client) = (asker.origin.conn, asker.origin.client);
        if is_block {
            self.start_split_block(id, client, &members);
        } else if let Some(mut conn) = self.take_client(id, client) {
            conn.send_one_by_one(members.commands.len());
            if matches!(conn.flow, Flow::Group) {
                conn.flow = Flow::Ready;
                conn.unread(members.requests_from(1));
                let first = &members.commands[0];
                match self.target(first.command, members.args(first)) {
                    Target::One(target) if target == shard => {
                        self.forward(id, &mut conn, shard, first.command, members.args(first));
                    }
                    // Other affinity rules hold since.
                    _ => self.refuse(&mut conn, members.args(first), &super::rerouting::TRY_AGAIN),
                }
                self.process_input(id, &mut conn);
            }
            self.put_conn(id, conn);
        }
        self.spare_members.push(members);
    }

    /// A block that cannot be a group is a transaction.
    fn start_split_block(&mut self, id: ConnId, client: ClientId, members: &Members) {
        let Some(mut conn) = self.take_client(id, client) else {
            return;
        };
        if matches!(conn.flow, Flow::Group) {
            conn.flow = Flow::Ready;
            let queue = members.commands.iter().map(|member| Queued {
                command: member.command,
                args: members.args(member).into(),
            });
            self.start_block(id, &mut conn, queue.collect(), Vec::new(), Some(members.keys()));
        }
        self.put_conn(id, conn);
    }
}
