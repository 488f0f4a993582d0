//! The server's role at one node: what a replica's clients may do, and what the node does when it turns replica or primary.
//!
//! Owns the checks before a command runs. What is on its way when the role changes is refused where it comes to run
//! (`shard/execute`), so that nothing that was admitted in one role takes effect in the other. It must not know how a link works.

use super::connection::{Connection, Flow};
use super::node::{Event, Node};
use crate::base::id::{ConnId, ShardId};
use crate::command::local::Unblock;
use crate::command::primary::LinkState;
use crate::command::{Command, Control, Error, Exec, Flags};
use crate::shard::message::{Claim, Message};

const TURNED: &str = "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";

impl Node {
    /// Whether a client of a replica may run a command, or the former primary's link any.
    #[cold]
    pub(super) fn check_role(&self, conn: &Connection, command: &Command) -> Result<(), Error> {
        let config = &self.shard.config;
        if conn.session.from_primary {
            return Err(Error::Text("ERR This server is no replica any more"));
        }
        let writes = with_queued(conn, command, |command| command.flags.has(Flags::WRITE));
        let reads = with_queued(conn, command, |command| command.flags.has(Flags::READONLY));
        if conn.session.redirect_capable && (writes || reads) {
            return Err(Error::Composed(self.redirection()));
        }
        if writes && config.replica_read_only {
            return Err(Error::ReadOnlyReplica);
        }
        let state = self.shared.primary_link.state();
        let needs_link = with_queued(conn, command, |command| {
            !command.flags.has(Flags::STALE) || matches!(command.exec, Exec::Script(_))
        });
        if needs_link && state != LinkState::Up && !config.replica_serve_stale_data {
            return Err(Error::PrimaryDown);
        }
        let needs_data = with_queued(conn, command, |command| !command.flags.has(Flags::LOADING));
        if needs_data && state == LinkState::Loading {
            return Err(Error::Loading);
        }
        Ok(())
    }

    /// Where clients that understand it are to ask instead.
    fn redirection(&self) -> String {
        format!("REDIRECT {}", self.shard.config.replicaof.join(":"))
    }

    /// Tells the link what this node wants.
    pub(super) fn tell_link(&self) {
        let shard = &self.shard;
        self.shared
            .primary_link
            .note_config(shard.id, shard.shards, &shard.config);
    }

    /// Another primary is in force, or none. The link learns of it when nobody can be served here any more who must not.
    pub(super) fn turn(&mut self) {
        let is_replica = self.shard.config.is_replica();
        let mut concerned: Vec<ConnId> = Vec::new();
        self.connections.each(|id, conn| {
            let waits = matches!(conn.flow, Flow::Blocked(_)) && is_replica;
            if waits || conn.session.from_primary && !is_replica {
                concerned.push(id);
            }
        });
        for id in concerned {
            if is_replica {
                self.give_up(id, Unblock::Turned);
            } else {
                self.close_link(id);
            }
        }
        if self.shard.id == ShardId(0) {
            match self.shard.config.replicaof.as_slice() {
                [] => log::info!("This server is a primary from now on"),
                primary => log::info!("This server is a replica of {} from now on", primary.join(":")),
            }
        }
        self.tell_link();
    }

    /// What the former primary has sent and was not run is not run any more.
    fn close_link(&mut self, id: ConnId) {
        let Some(mut conn) = self.take_conn(id) else { return };
        conn.session.closing = true;
        conn.flow = Flow::Closing;
        self.events.push_back(Event::Close(id));
        self.put_conn(id, conn);
    }

    /// Follows the first node when nodes have been told different things in different orders, and lets the link go on that a script has held up.
    pub(super) fn look_at_role(&mut self) {
        if self.stand_in.is_none()
            && let Some(decided) = self.shared.primary_link.decision()
            && decided != self.shard.config.replicaof
        {
            self.shard.config.replicaof = decided;
            self.turn();
        }
        if self.shard.config.is_replica() && self.pause.is_none() {
            let resumable = &mut self.resumable;
            self.connections.each(|id, conn| {
                if conn.session.from_primary && matches!(conn.flow, Flow::Paused) {
                    conn.flow = Flow::Ready;
                    resumable.push_back(id);
                }
            });
        }
    }

    /// Whether the server has turned replica while a blocking command that writes was on its way.
    pub(super) fn has_turned_on(&self, conn: &Connection, command: &Command) -> bool {
        let config = &self.shard.config;
        let refuses = config.is_replica() && config.replica_read_only;
        refuses && !conn.session.from_primary && command.flags.has(Flags::WRITE)
    }

    /// A client starts to wait that must not any more.
    pub(super) fn refuse_to_block(&mut self, conn: &mut Connection, claim: Claim, shards: Vec<ShardId>) {
        conn.flow = Flow::Ready;
        if !claim.take() {
            return;
        }
        let mark = conn.reply.len();
        self.write_turned(conn);
        conn.finish_reply(mark);
        let client = conn.session.client;
        for shard in shards {
            let claim = claim.clone();
            self.out.request(shard, Message::Unwait { client, claim });
        }
    }

    /// Tells a client that it waits no longer. One that cannot be told where to ask is closed, as in Valkey.
    pub(super) fn write_turned(&self, conn: &mut Connection) {
        if conn.session.redirect_capable {
            return conn.reply.error(&self.redirection());
        }
        conn.reply.error(TURNED);
        conn.session.closing = true;
    }
}

/// Whether something holds for a command, or for one of those that EXEC is to run.
fn with_queued(conn: &Connection, command: &Command, holds: impl Fn(&Command) -> bool) -> bool {
    let queue = match (&conn.session.multi, command.exec) {
        (Some(multi), Exec::Control(Control::Exec)) => &*multi.queue,
        _ => &[],
    };
    holds(command) || queue.iter().any(|queued| holds(queued.command))
}
