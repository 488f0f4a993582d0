//! One shard's loop: completions and messages go into the machine, what it answers goes out, then sleep.
//!
//! Owns the order of a pass and the decision to sleep. It must not know what the machine does. The parts: [`accept`],
//! [`receive`], [`send`], [`life`] of connections, [`peers`].
//!
//! A pass reads the clocks once; fetches what peers sent; handles all completions there are; runs timers that are due; does what
//! the machine asks for; puts one batch per peer and lane into the lanes; and makes one system call, which submits everything
//! and waits when there is nothing else to do.
//!
//! Peers come before clients: what a client sends because of what another shard has answered somebody (it unsubscribes, say) must not overtake
//! what that shard had sent here before.

#![allow(unsafe_code)]

mod accept;
mod commit;
mod interim;
mod life;
mod peers;
mod receive;
mod send;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use io_uring::squeue::{self, Flags};
use io_uring::types::Fd;
use io_uring::{cqueue, opcode};
use smallvec::SmallVec;

use super::allocator::give_back_at_once;
use super::clock::{Clock, monotonic_us, thread_cpu_us};
use super::connection::Connections;
use super::counters::add;
use super::listener::Listener;
use super::machine::Machine;
use super::mesh::{Door, Inbox, Mesh};
use super::rewrites::Rewrites;
use super::ring::{Buffers, Features, Ring, RingError};
use super::token::{Op, Token};
use crate::base::debris;
use crate::base::id::ShardId;
use crate::base::time::Now;
use crate::coordinator::{ConnId, Event};
use crate::protocol::scout::AHEAD;
use commit::Journal;
use interim::{Held, Wings};

/// After being told to end, connections have so long to take their last replies.
const FAREWELL_US: u64 = 500_000;
/// How long a pass frees what nobody needs any more, microseconds.
const FREEING_US: u64 = 250;
/// How soon a loop that is to end looks again whether it may.
const END_RETRY_US: u64 = 1_000;
/// How soon a lane that was full is tried again.
const LANE_RETRY_US: u64 = 50;

/// What a shard's loop is made of.
pub struct Parts<M: Machine> {
    /// Which shard.
    pub id: ShardId,
    /// Its machine.
    pub machine: M,
    /// Its ring.
    pub ring: Ring,
    /// All shards.
    pub mesh: Arc<Mesh<M::Moved>>,
    /// Its lanes.
    pub inbox: Inbox<M::Moved>,
    /// Where clients come from; every shard knows all, the first one accepts.
    pub listeners: Arc<[Listener]>,
    /// How long to look for work before sleeping, microseconds; none where shards share cores.
    pub spin_us: u64,
    /// Whether to time passes.
    pub times_passes: bool,
    /// Where the machine's log goes.
    pub log: Option<(File, Arc<Rewrites>)>,
}

/// A shard's loop.
pub struct Worker<M: Machine> {
    id: ShardId,
    machine: Held<M>,
    /// How the machine reaches this loop.
    wings: Rc<Wings<M>>,
    /// Whether another machine has made passes during the call under way.
    had_interim: bool,
    ring: Ring,
    features: Features,
    buffers: Option<Buffers>,
    /// Where bytes are read to when there are no buffers in the ring.
    scratch: Vec<u8>,
    mesh: Arc<Mesh<M::Moved>>,
    inbox: Inbox<M::Moved>,
    listeners: Arc<[Listener]>,
    spin_us: u64,
    times_passes: bool,
    /// How long the thread had computed at the end of the last pass, microseconds.
    computed_us: u64,
    clock: Clock,
    now: Now,
    connections: Connections,
    /// Completions that were taken from the ring and are not handled yet.
    completions: VecDeque<cqueue::Entry>,
    /// Connections for which something other than the usual is to be done in this pass.
    unsettled: Vec<ConnId>,
    /// Connections with more to read than one pass reads; without a buffer ring only.
    unread: Vec<Token>,
    /// Something was not received since there was no buffer for it.
    starved: bool,
    /// When connections that end are looked at.
    lingering_at_us: Option<u64>,
    accepting: accept::Accepting,
    /// Whose lane was full.
    stalled: bool,
    /// Whether this pass has put something into a peer's lane.
    has_sent: bool,
    /// There is more to do that no completion will announce.
    again: bool,
    /// Set when told to end: by when at the latest.
    ends_at_us: Option<u64>,
    bell_count: Box<[u8; 8]>,
    journal: Option<Journal>,
}

impl<M: Machine> Worker<M> {
    /// A loop that has not begun; the ring must belong to the calling thread.
    pub fn new(parts: Parts<M>) -> Result<Self, RingError> {
        let buffers = parts.ring.buffers()?;
        let scratch = if buffers.is_none() { receive::SCRATCH_BYTES } else { 0 };
        let mut clock = Clock::default();
        let (mut machine, wings) = (parts.machine, Wings::new());
        machine.meet(wings.clone());
        Ok(Worker {
            id: parts.id,
            machine: Held::new(machine),
            wings,
            had_interim: false,
            features: parts.ring.features(),
            ring: parts.ring,
            buffers,
            scratch: vec![0; scratch],
            accepting: accept::Accepting::new(parts.listeners.len()),
            mesh: parts.mesh,
            inbox: parts.inbox,
            listeners: parts.listeners,
            spin_us: parts.spin_us,
            times_passes: parts.times_passes,
            computed_us: 0,
            now: clock.read(),
            clock,
            connections: Connections::default(),
            completions: VecDeque::with_capacity(AHEAD),
            unsettled: Vec::new(),
            unread: Vec::new(),
            starved: false,
            lingering_at_us: None,
            stalled: false,
            has_sent: false,
            again: false,
            ends_at_us: None,
            bell_count: Box::new([0; 8]),
            journal: parts.log.map(|(file, rewrites)| Journal::new(file, rewrites)),
        })
    }

    /// What the loop's ring can do.
    pub fn features(&self) -> Features {
        self.features
    }

    /// Runs until told to end and all replies are out.
    pub fn run(mut self) -> io::Result<()> {
        debris::tend();
        self.listen_to_bell()?;
        if self.id == ShardId(0) {
            self.accept_everywhere()?;
        }
        while !self.has_ended() {
            self.pass()?;
        }
        self.close_log()
    }

    fn pass(&mut self) -> io::Result<()> {
        self.now = self.clock.read();
        let starved = std::mem::take(&mut self.starved);
        if !self.ring.has_more() && self.unread.is_empty() && !starved {
            self.machine.note_all_is_received();
        }
        self.machine.set_now(self.now);
        self.again = false;
        self.fetch()?;
        self.handle_completions()?;
        self.end_commit();
        if self.machine.next_deadline_us().is_some_and(|at| at <= self.now.mono_us) {
            self.call(M::tick);
        }
        self.run_own_timers()?;
        self.handle_events()?;
        self.send_batches()?;
        self.commit()?;
        self.free_some();
        self.count_pass();
        self.submit_and_wait()
    }

    fn count_pass(&mut self) {
        add(&self.door().counters.passes, 1);
        if self.times_passes {
            let computed_us = thread_cpu_us();
            let took_us = computed_us - self.computed_us;
            // The thread's own beginning is no pass.
            if self.computed_us > 0 {
                self.door()
                    .counters
                    .longest_pass_us
                    .fetch_max(took_us, Ordering::Relaxed);
            }
            self.computed_us = computed_us;
        }
    }

    fn handle_completions(&mut self) -> io::Result<()> {
        loop {
            let ring = &mut self.ring;
            self.completions
                .extend(std::iter::from_fn(|| ring.next()).take(AHEAD.saturating_sub(self.completions.len())));
            if self.completions.is_empty() {
                return self.read_on();
            }
            if self.completions.len() > 1 {
                self.announce();
            }
            while let Some(completion) = self.completions.pop_front() {
                self.handle_completion(&completion)?;
            }
        }
    }

    /// Shows the machine what it is about to receive.
    fn announce(&self) {
        let Some(buffers) = &self.buffers else { return };
        let received = |completion: &cqueue::Entry| {
            let length = usize::try_from(completion.result()).ok().filter(|length| *length > 0)?;
            let is_receive = matches!(Token::decode(completion.user_data()).op, Op::Receive);
            let id = cqueue::buffer_select(completion.flags()).filter(|_| is_receive)?;
            Some(buffers.bytes(id, length))
        };
        let inputs: SmallVec<[&[u8]; AHEAD]> = self.completions.iter().filter_map(received).collect();
        self.machine.prefetch(&inputs);
    }

    fn handle_completion(&mut self, completion: &cqueue::Entry) -> io::Result<()> {
        let token = Token::decode(completion.user_data());
        let (result, flags) = (completion.result(), completion.flags());
        match token.op {
            Op::Receive => self.received(token, result, flags)?,
            Op::Send => self.send_ended(token, result)?,
            Op::Accept => self.accepted(token, result, flags)?,
            Op::Bell => self.listen_to_bell()?,
            Op::Ring => self.mesh.door(ShardId(token.index as u16)).bell().ring(),
            Op::Log => self.commit_went_on(result)?,
            Op::Ignored | Op::Rung => {}
        }
        Ok(())
    }

    /// Does what the machine asks for, and what follows from it, until both are done.
    fn handle_events(&mut self) -> io::Result<()> {
        loop {
            while let Some(event) = self.machine.next_event() {
                match event {
                    Event::Flush(conn) => self.flush(conn)?,
                    Event::Close(conn) => self.end(conn),
                    Event::Abort(conn) => self.break_off(conn)?,
                    Event::PauseReading(conn) => self.pause(conn)?,
                    Event::ResumeReading(conn) => self.resume(conn),
                    Event::Move(conn, to) => self.leave(conn, to),
                    Event::Shutdown => self.mesh.stop(),
                }
            }
            if self.unsettled.is_empty() {
                return Ok(());
            }
            for conn in std::mem::take(&mut self.unsettled) {
                self.settle(conn)?;
            }
        }
    }

    /// Frees large structures that were dropped, a part at a time, and comes back for the rest.
    fn free_some(&mut self) {
        if !debris::is_pending() {
            return;
        }
        let until_us = monotonic_us() + FREEING_US;
        give_back_at_once(|| while debris::free_part() && monotonic_us() < until_us {});
        self.again |= debris::is_pending();
    }

    fn run_own_timers(&mut self) -> io::Result<()> {
        self.give_up_lingering()?;
        self.retry_accepting()?;
        if self.mesh.is_stopping() && self.ends_at_us.is_none() {
            self.ends_at_us = Some(self.now.mono_us + FAREWELL_US);
            self.stop_accepting()?;
            for conn in self.connections.ids() {
                self.end(conn);
            }
        }
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.ends_at_us
            .is_some_and(|at| self.connections.len() == 0 && self.is_done() || at <= self.now.mono_us)
    }

    /// Whether nothing comes any more that the log must have: what transactions have changed comes from the shards that still answer clients.
    fn is_done(&self) -> bool {
        let others_are_done = || self.mesh.connections().load(Ordering::Relaxed) == 0;
        self.journal.is_none() || others_are_done() && self.machine.is_settled() && self.inbox.is_empty()
    }

    fn submit_and_wait(&mut self) -> io::Result<()> {
        if let Some(buffers) = &mut self.buffers {
            buffers.publish();
        }
        let Some(timeout_us) = self.may_wait() else {
            return self.ring.enter(0, None);
        };
        if self.mesh.doors().len() == 1 {
            // Nobody puts anything into the lanes. The outside rings the bell, which is a completion.
            return self.ring.enter(1, timeout_us);
        }
        if self.spin_us > 0 {
            self.ring.enter(0, None)?;
            if self.spin(timeout_us) {
                return Ok(());
            }
        } else if self.has_sent {
            return self.make_way();
        }
        self.sleep(timeout_us)
    }

    /// Lets the peers run that were sent something, when they may share this core: what clients send meanwhile makes one pass together
    /// with the peers' answers, instead of passes that find less and less.
    fn make_way(&mut self) -> io::Result<()> {
        self.ring.enter(0, None)?;
        std::thread::yield_now();
        self.ring.enter(0, None)
    }

    /// How long the kernel may make us wait (`None` inside: for ever); `None` when there is more to do now.
    fn may_wait(&self) -> Option<Option<u64>> {
        if self.again || self.mesh.is_stopping() && self.ends_at_us.is_none() || self.has_ended() {
            return None;
        }
        let retry_us = self.stalled.then_some(self.now.mono_us + LANE_RETRY_US);
        let end_retry_us = self.ends_at_us.map(|_| self.now.mono_us + END_RETRY_US);
        let deadlines = [
            self.machine.next_deadline_us(),
            self.lingering_at_us,
            self.accepting.retry_at_us(),
            self.ends_at_us,
            end_retry_us,
            retry_us,
        ];
        match deadlines.into_iter().flatten().min() {
            None => Some(None),
            Some(at) if at <= self.now.mono_us => None,
            Some(at) => Some(Some(at - self.now.mono_us)),
        }
    }

    /// Looks for work for a while; true when there is some.
    fn spin(&mut self, timeout_us: Option<u64>) -> bool {
        let start_us = monotonic_us();
        let until_us = start_us + self.spin_us.min(timeout_us.unwrap_or(u64::MAX));
        loop {
            for _ in 0..32 {
                if !self.inbox.is_empty() || self.ring.is_ready() {
                    return true;
                }
                std::hint::spin_loop();
            }
            if monotonic_us() >= until_us {
                return false;
            }
        }
    }

    fn sleep(&mut self, timeout_us: Option<u64>) -> io::Result<()> {
        // When completions wait already, the call returns at once: peers need not ring.
        if self.ring.is_ready() || !self.door().fall_asleep(&self.inbox) {
            return self.ring.enter(0, None);
        }
        add(&self.door().counters.sleeps, 1);
        let outcome = self.ring.enter(1, timeout_us);
        self.door().wake_up();
        outcome
    }

    fn door(&self) -> &Door<M::Moved> {
        self.mesh.door(self.id)
    }

    /// Keeps a read of the doorbell's counter under way.
    fn listen_to_bell(&mut self) -> io::Result<()> {
        let bell = Fd(self.door().bell().fd());
        let entry = opcode::Read::new(bell, self.bell_count.as_mut_ptr(), 8)
            .build()
            .user_data(Token::plain(Op::Bell, 0).encode());
        // SAFETY: the eight bytes are on the heap, and are leaked in `drop` while the read may be under way.
        unsafe { self.ring.push(&entry) }
    }

    /// Queues an operation that names no memory.
    fn push_plain(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        // SAFETY: the callers build operations of descriptors and numbers only.
        unsafe { self.ring.push(entry) }
    }

    /// Asks the kernel to end an operation early; its own completion tells how it ended.
    fn cancel(&mut self, target: Token) -> io::Result<()> {
        let mut entry = opcode::AsyncCancel::new(target.encode())
            .build()
            .user_data(Token::plain(Op::Ignored, 0).encode());
        if self.features.silent_success {
            entry = entry.flags(Flags::SKIP_SUCCESS);
        }
        self.push_plain(&entry)
    }
}

impl<M: Machine> Drop for Worker<M> {
    fn drop(&mut self) {
        // The kernel may still hold what the ring was given: the counter's place, and buffers of peers that do not read.
        // A loop ends with its process, so leaking costs nothing.
        std::mem::forget(std::mem::take(&mut self.bell_count));
        std::mem::forget(self.journal.take());
        for conn in self.connections.ids() {
            std::mem::forget(std::mem::take(&mut self.connections.remove(conn).chunk));
            self.mesh.connections().fetch_sub(1, Ordering::Relaxed);
        }
    }
}
