//! Up to when this shard has handled what clients have sent.
//!
//! A client may subscribe and, without waiting for the confirmation, act on another connection: what is published because of that must reach it,
//! although its subscription may still be in a socket. So a subscription tells since when it may have been under way, and messages are kept where they
//! were published until all shards are beyond them (`command::horizons`, `recent`). What has arrived and cannot be handled yet *holds* the horizon.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::connection::{Connection, Flow};
use super::node::Node;
use crate::base::id::{ClientId, ConnId, ShardId};
use crate::shard::message::Message;

/// How far the horizon moves on before the others are told, microseconds.
const STEP_US: u64 = 500;
/// In how many passes the horizon comes up to the present, when all is received in each: those that it consists of, and the one under way.
const PASSES_TO_CATCH_UP: u8 = 4;
/// How many passes that have received all that had arrived make sure that a connection which has come is read.
const PASSES_TO_READ: u64 = 2;

/// A connection that has come from another shard, what was sent on it meanwhile is not read yet.
struct Newcomer {
    conn: ConnId,
    client: ClientId,
    since_us: u64,
    /// It is read when there have been so many passes that have received all.
    at_pass: u64,
}

/// How far this shard is, also for a node that stands in. All times in monotonic microseconds.
#[derive(Clone, Default)]
pub(super) struct Horizon(Rc<RefCell<Progress>>);

#[derive(Default)]
struct Progress {
    /// What was sent before is handled, but for what holds.
    reached_us: u64,
    /// When the last pass that has received all that had arrived, and is over, has begun. What was sent before on a connection that was not accepted
    /// then is received by the next such pass.
    received_us: u64,
    /// When the pass under way has begun, if it receives all.
    receiving_us: Option<u64>,
    all_is_received: bool,
    /// How many passes that are over have received all.
    passes: u64,
    /// How many things hold the horizon at a time.
    holds: BTreeMap<u64, u32>,
    newcomers: VecDeque<Newcomer>,
    /// What the others know.
    told_us: u64,
    /// How many passes are to follow each other at once.
    catching_up: u8,
}

impl Horizon {
    /// A pass begins that receives all that has arrived.
    pub fn note_all_is_received(&self) {
        self.0.borrow_mut().all_is_received = true;
    }

    /// Whether a pass is to follow at once.
    pub fn is_catching_up(&self) -> bool {
        self.0.borrow().catching_up > 0
    }

    /// Others wait for it.
    pub fn catch_up(&self) {
        self.0.borrow_mut().catching_up = PASSES_TO_CATCH_UP;
    }

    /// What comes now was sent after the horizon, which stays there until it is released.
    pub fn hold(&self) -> u64 {
        let reached_us = self.0.borrow().reached_us;
        self.hold_at(reached_us);
        reached_us
    }

    /// Holds it where something else does.
    pub fn hold_at(&self, us: u64) {
        self.0.borrow_mut().hold_at(us);
    }

    /// Ends a hold.
    pub fn release(&self, us: u64) {
        self.0.borrow_mut().release(us);
    }
}

impl Progress {
    fn begin_pass(&mut self, now_us: u64) {
        if let Some(begun_us) = self.receiving_us.take() {
            self.reached_us = self.received_us;
            self.received_us = begun_us;
            self.passes += 1;
        }
        if std::mem::take(&mut self.all_is_received) {
            self.receiving_us = Some(now_us);
        }
        self.catching_up = self.catching_up.saturating_sub(1);
    }

    fn hold_at(&mut self, us: u64) {
        *self.holds.entry(us).or_default() += 1;
    }

    fn release(&mut self, us: u64) {
        if let Some(count) = self.holds.get_mut(&us) {
            *count -= 1;
            if *count == 0 {
                self.holds.remove(&us);
            }
        }
    }

    /// What the others are to know, if it is news.
    fn news(&mut self) -> Option<u64> {
        let first_hold = self.holds.first_key_value().map(|(us, _)| *us);
        let us = first_hold.map_or(self.reached_us, |us| us.min(self.reached_us));
        let step_us = if self.catching_up > 0 { 1 } else { STEP_US };
        let is_news = us < self.told_us || us >= self.told_us + step_us;
        is_news.then(|| {
            self.told_us = us;
            us
        })
    }
}

impl Node {
    pub(super) fn begin_pass_of_horizon(&mut self) {
        let horizon = self.horizon.clone();
        let mut progress = horizon.0.borrow_mut();
        progress.begin_pass(self.shard.now.mono_us);
        let passes = progress.passes;
        while let Some(newcomer) = progress.newcomers.pop_front_if(|newcomer| newcomer.at_pass <= passes) {
            progress.release(newcomer.since_us);
            self.connections.look(newcomer.conn, |conn| {
                if conn.session.client == newcomer.client {
                    conn.came_since_us = None;
                }
            });
        }
        drop(progress);
        self.tell_horizon();
    }

    fn tell_horizon(&self) {
        if let Some(us) = self.horizon.0.borrow_mut().news() {
            self.shared.horizons.set(self.shard.id, us);
        }
    }

    /// Since when, at the earliest, the request of a connection that runs now has been under way.
    pub(super) fn under_way_since_us(&self, conn: &Connection) -> u64 {
        let reached_us = self.horizon.0.borrow().reached_us;
        let held = [conn.input_since_us, conn.came_since_us].into_iter().flatten();
        held.fold(reached_us, u64::min)
    }

    /// Holds the horizon where it is while a connection has input that waits for other shards, or is about to move. What waits behind a command that
    /// blocks, or because its client does not read, would wait anywhere.
    #[inline]
    pub(super) fn hold_for_input(&self, conn: &mut Connection) {
        let waits = match conn.flow {
            Flow::Flight { .. } | Flow::Group | Flow::Transaction(_) | Flow::Gathering(_) => conn.input_bytes() > 0,
            Flow::Moving => true,
            // Its input is about to be looked at, or was.
            Flow::Ready if conn.input_bytes() > 0 => return,
            _ => false,
        };
        if !waits {
            self.end_hold_for_input(conn);
        } else if conn.input_since_us.is_none() {
            let us = self.under_way_since_us(conn);
            self.horizon.hold_at(us);
            conn.input_since_us = Some(us);
        }
    }

    /// What a connection has sent was handled as far as it can be.
    #[inline]
    pub(super) fn end_hold_for_input(&self, conn: &mut Connection) {
        if let Some(us) = conn.input_since_us.take() {
            self.horizon.release(us);
        }
    }

    /// A connection goes to another shard: answers since when something may have been sent on it that nobody has received. [`Node::note_arrival`] there
    /// ends the hold.
    pub fn send_off(&mut self) -> u64 {
        self.horizon.hold()
    }

    /// As [`Node::send_off`], of a connection that this shard has served.
    pub(super) fn send_on(&mut self, conn: &mut Connection) -> u64 {
        let us = self.under_way_since_us(conn);
        self.horizon.hold_at(us);
        self.end_hold_for_input(conn);
        us
    }

    /// A connection has come from another shard, where something may have been sent on it since `since_us`.
    pub fn note_arrival(&mut self, conn: ConnId, from: ShardId, since_us: u64) {
        let come = |conn: &mut Connection| {
            conn.came_since_us = Some(since_us);
            conn.session.client
        };
        if let Some(client) = self.connections.look(conn, come) {
            let mut progress = self.horizon.0.borrow_mut();
            progress.hold_at(since_us);
            let at_pass = progress.passes + PASSES_TO_READ + 1;
            progress.newcomers.push_back(Newcomer {
                conn,
                client,
                since_us,
                at_pass,
            });
        }
        self.tell_horizon();
        self.out.reply(from, Message::Arrived { since_us });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(horizon: &Horizon, now_us: u64, receives_all: bool) {
        if receives_all {
            horizon.note_all_is_received();
        }
        horizon.0.borrow_mut().begin_pass(now_us);
    }

    fn news(horizon: &Horizon) -> Option<u64> {
        horizon.0.borrow_mut().news()
    }

    #[test]
    fn it_follows_the_passes_that_receive_all() {
        let horizon = Horizon::default();
        for now_us in [1000, 2000, 3000] {
            pass(&horizon, now_us, true);
        }
        // The pass of 3000 is under way; that of 2000 has handled what had arrived before 1000 on whatever connection.
        assert_eq!(news(&horizon), Some(1000));
        assert_eq!(news(&horizon), None, "it is no news any more");
        pass(&horizon, 4000, false);
        assert_eq!(news(&horizon), Some(2000));
        pass(&horizon, 5000, false);
        pass(&horizon, 6000, true);
        assert_eq!(news(&horizon), None, "not all was received");
        pass(&horizon, 7000, true);
        assert_eq!(news(&horizon), Some(3000));
    }

    #[test]
    fn it_stays_while_something_holds_it() {
        let horizon = Horizon::default();
        for now_us in [1000, 2000, 3000] {
            pass(&horizon, now_us, true);
        }
        let [first, second] = [horizon.hold(), horizon.hold()];
        assert_eq!(news(&horizon), Some(1000));
        for now_us in [4000, 5000, 6000] {
            pass(&horizon, now_us, true);
        }
        horizon.release(first);
        assert_eq!(news(&horizon), None);
        horizon.hold_at(500);
        assert_eq!(
            news(&horizon),
            Some(500),
            "what comes from elsewhere may have been sent before"
        );
        horizon.release(500);
        horizon.release(second);
        assert_eq!(news(&horizon), Some(4000));
    }

    #[test]
    fn small_steps_are_told_only_who_waits_for_them() {
        let horizon = Horizon::default();
        for now_us in 1..=10 {
            pass(&horizon, now_us, true);
        }
        assert_eq!(news(&horizon), None);
        horizon.catch_up();
        assert_eq!(news(&horizon), Some(8));
        for now_us in 11..=14 {
            assert!(horizon.is_catching_up());
            pass(&horizon, now_us, true);
        }
        assert!(!horizon.is_catching_up());
    }
}
