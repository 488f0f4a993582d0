//! Clients that do not read what is sent to them: `client-output-buffer-limit` decides for how long that goes well.

use super::connection::{Connection, Flow};
use super::node::{Event, Node};
use crate::base::id::ConnId;
use crate::config::OutputLimit;

impl Node {
    /// Cuts a connection off when too much of what it is to get is unsent, or much for too long.
    #[cold]
    pub(super) fn limit_output(&mut self, id: ConnId, conn: &mut Connection) {
        let unsent = conn.unsent_bytes() as u64;
        let limits = &self.shard.config.client_output_buffer_limit;
        let limit = if conn.session.is_subscriber() {
            &limits.pubsub
        } else {
            &limits.normal
        };
        let OutputLimit {
            hard_bytes,
            soft_bytes,
            soft_s,
        } = *limit;
        let over_hard = hard_bytes > 0 && unsent > hard_bytes;
        let now_us = self.shard.now.mono_us;
        if soft_bytes == 0 || unsent <= soft_bytes {
            conn.over_limit_since_us = None;
        } else {
            conn.over_limit_since_us.get_or_insert(now_us);
        }
        let over_soft = conn
            .over_limit_since_us
            .is_some_and(|since| now_us.saturating_sub(since) > soft_s.saturating_mul(1_000_000));
        if over_hard || over_soft {
            self.cut_off(id, conn);
        }
    }

    fn cut_off(&mut self, id: ConnId, conn: &mut Connection) {
        if std::mem::replace(&mut conn.is_cut_off, true) {
            conn.drop_output();
            return;
        }
        log::warn!(
            "Client {} closed for overcoming of output buffer limits: {} bytes unsent.",
            conn.session.address,
            conn.unsent_bytes()
        );
        self.counters.output_limit_disconnections += 1;
        self.close_at_once(id, conn);
    }

    /// Closes a connection without sending anything more.
    pub(super) fn close_at_once(&mut self, id: ConnId, conn: &mut Connection) {
        conn.is_cut_off = true;
        self.stop_blocking(id, conn);
        conn.drop_output();
        conn.session.closing = true;
        conn.flow = Flow::Closing;
        self.events.push_back(Event::Abort(id));
    }

    /// Looks for connections that have had too much unsent for too long.
    pub(super) fn limit_slow_clients(&mut self) {
        let mut slow = Vec::new();
        self.connections
            .each(|id, conn| slow.extend(conn.over_limit_since_us.map(|_| id)));
        for id in slow {
            if let Some(conn) = self.take_conn(id) {
                self.put_conn(id, conn);
            }
        }
    }
}
