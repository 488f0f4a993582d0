//! Commands that are the coordinator's own business: QUIT, RESET, MONITOR, SHUTDOWN, subscriptions, and the end of a connection.

use super::connection::{Connection, Flow};
use super::node::{Event, Node};
use crate::base::id::{ConnId, DbIndex};
use crate::command::session::ReplyMode;
use crate::command::{Args, Control};
use crate::protocol::reply::Resp;

impl Node {
    pub(super) fn control(&mut self, id: ConnId, conn: &mut Connection, control: Control, args: Args<'_>) {
        match control {
            Control::Multi => self.multi(conn),
            Control::Exec => self.exec(id, conn, args),
            Control::Discard => self.discard(conn),
            Control::Watch => self.watch(id, conn, args),
            Control::Unwatch => {
                self.unwatch(conn);
                conn.reply.ok();
            }
            Control::Quit => {
                conn.reply.ok();
                conn.session.closing = true;
            }
            Control::Reset => self.reset(id, conn),
            Control::Monitor => self.start_monitor(id, conn),
            Control::Subscribe(topic) => self.subscribe(id, conn, topic, args),
            Control::Unsubscribe(topic) => self.unsubscribe(id, conn, topic, args),
            Control::Tracking => self.track(id, conn, args),
            Control::Shutdown => self.shut_down(conn, args),
        }
    }

    /// RESET: the connection is as it was when it came.
    fn reset(&mut self, id: ConnId, conn: &mut Connection) {
        conn.session.multi = None;
        self.unwatch(conn);
        self.leave_channels(id, conn);
        self.stop_tracking(id, conn);
        let session = &mut conn.session;
        session.db = DbIndex(0);
        session.resp = Resp::V2;
        session.name = Box::default();
        session.reply_mode = ReplyMode::On;
        session.no_evict = false;
        session.no_touch = false;
        session.authenticated = self.shard.config.requirepass.is_empty();
        conn.reply.set_resp(Resp::V2);
        conn.reply.simple("RESET");
    }

    fn shut_down(&mut self, conn: &mut Connection, args: Args<'_>) {
        let known = ["NOSAVE", "SAVE", "NOW", "FORCE", "SAFE", "FAILOVER", "ABORT"];
        if (1..args.len()).any(|at| !known.iter().any(|word| args.is(at, word))) {
            return conn.reply.error_bytes(&crate::command::Error::Syntax.line());
        }
        if args.is(1, "ABORT") {
            return conn.reply.error("ERR No shutdown in progress.");
        }
        let saves = (1..args.len()).all(|at| !args.is(at, "NOSAVE"));
        if let Some(busy) = self.busy(|_| saves) {
            return conn.reply.error_bytes(&busy.line());
        }
        conn.session.closing = true;
        self.events.push_back(Event::Shutdown);
    }

    /// A connection is gone: nobody may wait for it or hold anything for it.
    pub(super) fn leave_everything(&mut self, id: ConnId, mut conn: Connection) {
        self.end_hold_for_input(&mut conn);
        self.stop_blocking(id, &mut conn);
        self.unwatch(&mut conn);
        self.leave_channels(id, &mut conn);
        self.stop_joining(id);
        self.stop_tracking(id, &mut conn);
        if let Flow::Transaction(tx) = conn.flow {
            self.forget_client(tx);
        }
    }
}
