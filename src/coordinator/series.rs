//! Pipelined commands of one connection that follow each other and each have keys on several shards: a series, which is one transaction over the
//! keys of all of them, so that keys travel once for all instead of once for each.
//!
//! Nobody can tell a series from the same commands right after each other, except a client that waits for one of the keys, who would have been
//! served between two of them. When there is such a client, or when the keys cannot be had, only the first command is dealt with, and the others
//! are as if they had just come in.

use std::sync::Arc;

use super::connection::Connection;
use super::dispatch::{Target, UNSENT_BYTES_MAX};
use super::members::{COMMANDS_MAX, Members, is_groupable, take_requests};
use super::node::Node;
use super::transaction::{Tx, Work};
use crate::base::id::ConnId;
use crate::command::{Args, Attempt, Command};

impl Node {
    /// Tries to make a series of a command whose keys are on several shards and of the requests in `following`; answers how many of their bytes
    /// belong to it. `None`: the command is to run by itself.
    pub(super) fn start_series(
        &mut self,
        id: ConnId,
        conn: &mut Connection,
        (command, args): (&'static Command, Args<'_>),
        following: &[u8],
    ) -> Option<usize> {
        if !is_groupable(command, args) || !self.allows_groups(conn) {
            return None;
        }
        let mut members = self.spare_members.pop().unwrap_or_default();
        members.begin(command, args, self.shard.id);
        let most = COMMANDS_MAX.min(conn.in_flight_max() as usize) - 1;
        let used = take_requests(following, &self.limits(conn), most, |at, bytes, spans| {
            let args = Args::new(bytes, spans);
            let admitted = self
                .admit(conn, args)
                .ok()
                .filter(|command| is_groupable(command, args));
            let Some(command) = admitted.filter(|command| matches!(self.target(command, args), Target::Many)) else {
                return false;
            };
            members.add(command, at, spans, self.shard.id);
            true
        });
        members.end(&following[..used]);
        if used == 0 {
            self.spare_members.push(members);
            return None;
        }
        let stages = self.stages(Some(members.keys()), Vec::new());
        self.begin_transaction(id, conn, stages, Work::Series(members));
        self.counters.series += 1;
        Some(used)
    }

    /// Leaves only the first command to a series, which has not begun to run.
    #[cold]
    pub(super) fn shorten(&mut self, tx: &mut Tx) {
        let Work::Series(members) = &mut tx.work else { return };
        let members = std::mem::take(members);
        let (command, args) = members.get(0).expect("a series has a first command");
        tx.work = Work::Command {
            command,
            args: Arc::new(args.into()),
        };
        self.counters.series_shortened += 1;
        self.unread(tx, members.requests_from(1));
        self.spare_members.push(members);
    }

    /// Runs the commands of a series over what it holds.
    pub(super) fn run_series(&mut self, mut tx: Box<Tx>, members: Members) {
        let mut at = 0;
        while let Some((command, args)) = members.get(at) {
            // The first has begun before it turned out to be one of a series.
            if at > 0 {
                self.begin_of_series(&tx, command, args);
            }
            self.run_over(&mut tx, command, args);
            at += 1;
            if tx.reply.len() > UNSENT_BYTES_MAX {
                // The rest waits until that is sent.
                self.unread(&tx, members.requests_from(at));
                break;
            }
        }
        self.spare_members.push(members);
        self.finish(tx, Attempt::Served);
    }

    fn begin_of_series(&mut self, tx: &Tx, command: &'static Command, args: Args<'_>) {
        let origin = tx.asker.origin;
        if let Some(mut conn) = self.take_client(origin.conn, origin.client) {
            self.begin(&mut conn, command, args);
            self.connections.put(origin.conn, conn);
        }
    }

    /// Gives requests back to the client's connection, if it is still there.
    fn unread(&mut self, tx: &Tx, requests: &[u8]) {
        let origin = tx.asker.origin;
        if let Some(mut conn) = self.take_client(origin.conn, origin.client) {
            conn.unread(requests);
            self.connections.put(origin.conn, conn);
        }
    }
}
