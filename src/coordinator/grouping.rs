//! Pipelined commands of one connection whose keys are on several shards, in turns: a group, which takes effect as one step, so that the order of the
//! commands costs a message or two for each shard and as many back, instead of a pair for each turn.
//!
//! The keys of this shard are locked. When all other commands are for one other shard, that is asked to run them, which it does at once or not at all.
//! When they are for several, each of these is asked to prepare its part: to lock the keys, at once or not at all. Once all have done so, they are asked
//! to run what they have prepared and to end their locks. When the others have run their parts, the commands of this shard run and its locks end.
//!
//! From the moment in which all keys are locked, or the only other shard runs its part in one go, until its own part has run nobody can see a key of a
//! shard, so that whoever has seen what one shard did and then asks another one waits there; whoever has seen a key before came before all of the group.
//!
//! Nobody waits for a lock: a shard that cannot run or prepare its part says so, what the others have prepared is aborted, and the commands are sent one
//! by one, as without a group. So a group adds no edge to the graph of who waits for whom.
//!
//! The commands of an EXEC over keys of several shards are a group too, a block, which is a transaction of the usual kind when it cannot be one. Nobody may
//! be served between them, so nobody may wait for their keys.

use std::ops::Range;

use super::connection::{Connection, Flow};
use super::dispatch::Target;
use super::members::{COMMANDS_MAX, Members, Shards, is_groupable, take_requests};
use super::node::Node;
use crate::base::id::{ClientId, ConnId, ShardId};
use crate::command::session::Queued;
use crate::command::{Args, Command};
use crate::protocol::reply::Reply;
use crate::shard::locks::{Place, Ticket};
use crate::shard::message::{Asker, GroupPart, Grouped, Message, Together};

/// How many commands at most are sent one by one before a connection whose commands could not be grouped is looked at again.
const PATIENCE_MAX: u8 = 64;
/// For how many commands of this shard a connection that has made a group is expected to make another.
const GROUPS_EXPECTED: u8 = 8;

/// A group whose other parts are under way.
pub(super) struct Group {
    asker: Asker,
    /// Holds the keys of this shard.
    ticket: Ticket,
    pub(super) members: Members,
    /// Its commands are those of an EXEC.
    pub(super) is_block: bool,
    /// How many shards have not answered yet what they were asked last.
    awaited: usize,
    /// Those that have prepared their part.
    prepared: Shards,
    /// Whether one cannot prepare or run its part.
    is_refused: bool,
}

/// For fewer turns between shards it takes no longer to send the commands one by one than to have several shards prepare them.
const TURNS_MIN: usize = 3;

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
        if !is_groupable(first.0, first.1) || !self.allows_groups(conn) {
            return None;
        }
        let ticket = self.shard.begin_lock()?;
        let mut members = self.spare_members.pop().unwrap_or_default();
        let used = self.collect(conn, shard, ticket, first, following, &mut members);
        let others = members.other_shards(self.shard.id);
        let is_worth_it = if others.len() > 1 {
            members.turns() >= TURNS_MIN
        } else {
            !members.places.is_empty()
        };
        if !is_worth_it {
            self.shard.end_lock(ticket, &members.places, &mut self.out);
            // What has been looked at need not be looked at again.
            conn.send_one_by_one(members.commands.len());
            self.spare_members.push(members);
            return None;
        }
        conn.group_failures = 0;
        conn.groups_expected = GROUPS_EXPECTED;
        self.send_group(id, conn, &others, ticket, members, false);
        Some(used)
    }

    /// Tries to make a group of an EXEC's commands, each of which has its keys on one of several shards.
    pub(super) fn start_block_group(&mut self, id: ConnId, conn: &mut Connection, queue: &[Queued]) -> bool {
        if queue.len() > COMMANDS_MAX || !self.allows_groups(conn) {
            return false;
        }
        let Some(ticket) = self.shard.begin_lock() else {
            return false;
        };
        let own = self.shard.id;
        let mut members = self.spare_members.pop().unwrap_or_default();
        members.clear();
        for Queued { command, args } in queue {
            let args = args.as_args();
            let Target::One(target) = self.target(command, args) else {
                unreachable!("the caller has looked where the keys are");
            };
            members.append(command, args, target);
            if target == own && !self.shard.lock_keys(ticket, command, args, &mut members.places) {
                self.shard.end_lock(ticket, &members.places, &mut self.out);
                self.spare_members.push(members);
                return false;
            }
        }
        let others = members.other_shards(own);
        self.send_group(id, conn, &others, ticket, members, true);
        true
    }

    /// Asks the other shard to run its part of a group, or several to prepare theirs.
    fn send_group(
        &mut self,
        id: ConnId,
        conn: &mut Connection,
        others: &[ShardId],
        ticket: Ticket,
        members: Members,
        is_block: bool,
    ) {
        let asker = conn.asker(self.shard.id, id);
        let group = self.underway.groups().vacant_key() as u32;
        for &shard in others {
            let lane = self.out.requests(shard);
            let start = lane.grouped.len() as u32;
            for member in members.at(shard) {
                let (command, args) = (member.command, members.args(member));
                let words = lane.words(args);
                let place = Place::key(command.first_key(args).unwrap_or_default());
                lane.grouped.push(Grouped { command, words, place });
            }
            let together = Together {
                asker,
                group,
                commands: start..lane.grouped.len() as u32,
                is_block,
            };
            lane.messages.push(match others {
                [_] => Message::Together(together),
                _ => Message::Prepare(together),
            });
        }
        self.underway.groups().insert(Group {
            asker,
            ticket,
            members,
            is_block,
            awaited: others.len(),
            prepared: Shards::new(),
            is_refused: false,
        });
        conn.flow = Flow::Group;
        self.counters.groups += 1;
        self.counters.groups_wide += u64::from(others.len() > 1);
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
        members.begin(command, args, shard);
        let limits = self.limits(conn);
        let most = COMMANDS_MAX.min(conn.in_flight_max() as usize) - 1;
        let used = take_requests(following, &limits, most, |at, bytes, spans| {
            let args = Args::new(bytes, spans);
            let Some((command, target)) = self.member(conn, args) else {
                return false;
            };
            if target == self.shard.id && !self.shard.lock_keys(ticket, command, args, &mut members.places) {
                return false;
            }
            members.add(command, at, spans, target);
            true
        });
        members.end(&following[..used]);
        used
    }

    /// The command of a request that can be in a group, and the shard it is for.
    fn member(&self, conn: &Connection, args: Args<'_>) -> Option<(&'static Command, ShardId)> {
        let command = self
            .admit(conn, args)
            .ok()
            .filter(|command| is_groupable(command, args))?;
        match self.target(command, args) {
            Target::One(target) => Some((command, target)),
            _ => None,
        }
    }

    /// `shard` has prepared its part of a group.
    pub(super) fn note_prepared(&mut self, shard: ShardId, group: u32) {
        let mut groups = self.underway.groups();
        let known = &mut groups[group as usize];
        known.prepared.push(shard);
        known.awaited -= 1;
        if known.awaited > 0 {
            return;
        }
        if known.is_refused {
            drop(groups);
            return self.split_group(group);
        }
        known.awaited = known.prepared.len();
        let part = self.part(group);
        for &shard in &known.prepared {
            self.out.request(shard, Message::Commit(part));
        }
    }

    /// A shard cannot run or prepare its part of a group.
    pub(super) fn note_apart(&mut self, group: u32) {
        let mut groups = self.underway.groups();
        let known = &mut groups[group as usize];
        known.is_refused = true;
        known.awaited -= 1;
        if known.awaited == 0 {
            drop(groups);
            self.split_group(group);
        }
    }

    /// `shard` has run its part of a group.
    pub(super) fn note_ran(&mut self, shard: ShardId, group: u32, replies: &[Range<usize>], bytes: &[u8]) {
        let mut groups = self.underway.groups();
        let known = &mut groups[group as usize];
        known.members.note_replies(shard, replies, bytes);
        known.awaited -= 1;
        if known.awaited == 0 {
            drop(groups);
            self.finish_group(group);
        }
    }

    /// How other shards know a group of this one.
    fn part(&self, group: u32) -> GroupPart {
        GroupPart {
            home: self.shard.id,
            group,
        }
    }

    /// All other shards have run their parts of a group.
    fn finish_group(&mut self, group: u32) {
        let group = self.underway.groups().remove(group as usize);
        let origin = group.asker.origin;
        let conn = self.take_client(origin.conn, origin.client).map(|mut conn| {
            self.run_group(&group, &mut conn);
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

    fn run_group(&mut self, group: &Group, conn: &mut Connection) {
        let Group {
            asker,
            members,
            is_block,
            ..
        } = group;
        let (id, own) = (asker.origin.conn, self.shard.id);
        let refused = self.refuses_meanwhile();
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
            if member.shard != own {
                let reply = members.reply(member);
                conn.note_reply(reply.len());
                conn.reply.raw(reply);
                self.counters.forwarded += 1;
                self.note_use(conn, member.shard, command);
            } else if let Some(error) = &refused {
                conn.reply.error_bytes(&error.line());
            } else {
                self.shard
                    .run_locked(asker, command, args, &mut conn.reply, &mut self.out);
                self.tell_listeners(Some((id, conn)));
                self.note_use(conn, own, command);
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
        for member in members.at(self.shard.id) {
            let args = members.args(member);
            self.shard
                .run_locked(asker, member.command, args, &mut reply, &mut self.out);
        }
    }

    /// A group cannot be had at once: its first command is sent alone, and the rest is as if it had just come in.
    fn split_group(&mut self, group: u32) {
        let part = self.part(group);
        let Group {
            asker,
            ticket,
            members,
            is_block,
            prepared,
            ..
        } = self.underway.groups().remove(group as usize);
        for shard in prepared {
            self.out.request(shard, Message::Abort(part));
        }
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
                    Target::One(target) if target == first.shard => {
                        self.forward(id, &mut conn, target, first.command, members.args(first));
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
