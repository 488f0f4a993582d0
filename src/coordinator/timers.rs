//! What happens by the clock: blocking timeouts, expiry cycles, the end of a pause, idle clients.

use super::connection::{Connection, Flow};
use super::node::{Event, Node};
use crate::command::{Command, Exec, Flags};

/// CLIENT PAUSE.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    /// When it ends, Unix milliseconds.
    pub until_unix_ms: i64,
    /// Only commands that may write wait.
    pub writes_only: bool,
}

/// Keys that one expiry cycle removes at most before other work goes on.
const EXPIRED_PER_CYCLE_MAX: usize = 500;

impl Node {
    pub(super) fn run_timers(&mut self) {
        let now_us = self.shard.now.mono_us;
        self.emit();
        while let Some(&(deadline, id)) = self.deadlines.first()
            && deadline <= now_us
        {
            self.deadlines.remove(&(deadline, id));
            self.time_out(id);
        }
        if self.cron_due_us <= now_us || self.client_memory.is_due {
            self.evict_clients();
        }
        if self.cron_due_us <= now_us || self.evict_due_us.is_some_and(|at| at <= now_us) {
            self.evict_while_over_limit();
        }
        if self.cron_due_us <= now_us {
            let period_us = 1_000_000 / u64::from(self.shard.config.hz.clamp(1, 500));
            let expires = self.shard.active_expire && !self.shard.config.is_replica();
            let more = expires && self.shard.expire_due(EXPIRED_PER_CYCLE_MAX, &mut self.out);
            self.shard.limit_tracking();
            self.tell_listeners(None);
            self.cron_due_us = now_us + if more { 1_000 } else { period_us };
            self.shard.look_at_the_time(&mut self.out);
            self.end_pause();
            self.look_at_role();
            self.forget_messages();
            self.close_idle();
            self.limit_slow_clients();
            self.rewrite_when_due();
        }
    }

    /// Makes room when memory is short although no command asks for it: the limit was lowered, or what was lent has grown.
    pub(super) fn evict_while_over_limit(&mut self) {
        let more = self.shard.is_over_limit() && self.shard.evict(&mut self.out);
        self.evict_due_us = more.then_some(self.shard.now.mono_us);
        self.tell_listeners(None);
    }

    /// Makes room for the command that begins, on this shard.
    #[cold]
    pub(super) fn evict_before_command(&mut self) {
        self.shard.make_room(&mut self.out);
        self.tell_listeners(None);
    }

    /// Whether CLIENT PAUSE holds this command back.
    #[inline]
    pub(super) fn is_held_back(&self, conn: &Connection, command: &Command) -> bool {
        let Some(pause) = self.pause else { return false };
        let writes = Flags::WRITE.or(Flags::MAY_REPLICATE);
        let concerned = if conn.session.multi.is_some() {
            matches!(
                command.exec,
                crate::command::Exec::Control(crate::command::Control::Exec)
            )
        } else {
            let may_write = command.flags.0 & writes.0 != 0
                || matches!(command.exec, Exec::Script(_)) && !command.flags.has(Flags::READONLY);
            !pause.writes_only || may_write
        };
        let exempt = conn.session.from_primary || command.flags.has(Flags::ADMIN) && command.flags.has(Flags::NOSCRIPT);
        concerned && !exempt && self.shard.now.unix_ms().0 < pause.until_unix_ms
    }

    pub(super) fn end_pause(&mut self) {
        let Some(pause) = self.pause else { return };
        if self.shard.now.unix_ms().0 < pause.until_unix_ms {
            return;
        }
        self.pause = None;
        let resumable = &mut self.resumable;
        self.connections.each(|id, conn| {
            if matches!(conn.flow, Flow::Paused) {
                conn.flow = Flow::Ready;
                resumable.push_back(id);
            }
        });
    }

    fn close_idle(&mut self) {
        let timeout_us = self.shard.config.timeout_s * 1_000_000;
        if timeout_us == 0 {
            return;
        }
        let now_us = self.shard.now.mono_us;
        let events = &mut self.events;
        self.connections.each(|id, conn| {
            let session = &conn.session;
            let stays = session.is_subscriber() || session.monitor || session.from_primary;
            let idle = matches!(conn.flow, Flow::Ready) && !stays;
            if idle && now_us.saturating_sub(conn.session.active_mono_us) > timeout_us {
                conn.session.closing = true;
                conn.flow = Flow::Closing;
                events.push_back(Event::Close(id));
            }
        });
    }
}
