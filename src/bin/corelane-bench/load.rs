//! The saturating load: one thread's connections, each sending a batch as soon as its last batch is answered.
//!
//! Owns the loop and what it counts; must not know named tests, output formats or whose server it is.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::kernel::cpu_clock::CpuClock;
use crate::kernel::ring::{Chunk, Event, Ring, Slot};
use crate::scan::{Scanner, Tally};
use crate::template::{Draw, Template};

/// What the threads of a run are to do at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Load without measuring.
    WarmUp,
    /// Load and measure.
    Measure,
    /// Send nothing more and wait for what is outstanding.
    Stop,
}

/// The phase, set by one thread and followed by the others.
#[derive(Debug, Clone)]
pub struct PhaseSwitch(Arc<AtomicU8>);

impl PhaseSwitch {
    /// Starts in the given phase.
    pub fn new(phase: Phase) -> Self {
        PhaseSwitch(Arc::new(AtomicU8::new(phase as u8)))
    }

    /// Changes the phase for all.
    pub fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Release);
    }

    fn get(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::WarmUp,
            1 => Phase::Measure,
            _ => Phase::Stop,
        }
    }
}

/// One connection of the load.
#[derive(Debug)]
pub struct Link {
    pub socket: OwnedFd,
    /// Sent in turn.
    pub templates: Vec<Template>,
    /// Commands in a batch.
    pub pipeline: usize,
    /// Whether its latencies are recorded.
    pub observed: bool,
}

/// A reply that took long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// From sending the batch to the reply.
    pub latency_ns: u64,
    /// What the server computed in that time, if its clock is watched. Where it is much less than the latency, the
    /// machine was busy with something else.
    pub server_busy_ns: Option<u64>,
    /// Replies that the thread had counted in the measured interval before it.
    pub after_operations: u64,
}

impl Stall {
    /// What the server itself can be blamed for.
    pub fn blame_ns(&self) -> u64 {
        self.server_busy_ns
            .map_or(self.latency_ns, |busy_ns| busy_ns.min(self.latency_ns))
    }
}

/// What one thread does.
#[derive(Debug)]
pub struct Work {
    pub links: Vec<Link>,
    /// Commands to send in total; no end if absent.
    pub operations: Option<u64>,
    pub draw: Draw,
    /// Arrivals to collect before waking; a part of the connections if absent.
    pub wake_after: Option<usize>,
    /// The server's clock, to be read with every observed batch and reply.
    pub watched: Option<CpuClock>,
}

/// What one thread has seen.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The whole run, warm-up included.
    pub tally: Tally,
    /// Replies in the measured interval.
    pub measured: u64,
    /// Nanoseconds from sending a batch to each of its replies, in the measured interval.
    pub latency: Histogram<u64>,
    /// The worst stalls by what the server can be blamed for, the worst first.
    pub stalls: Vec<Stall>,
    /// The measured interval as this thread saw it.
    pub interval: (Instant, Instant),
}

/// Significant digits of every latency histogram.
pub const HISTOGRAM_DIGITS: u8 = 3;
const LATENCY_NS_MAX: u64 = 100_000_000_000;
/// How many of the longest latencies are kept.
const STALLS_MAX: usize = 10;
const DRAIN_MAX: Duration = Duration::from_secs(2);
const WAIT_MAX: Duration = Duration::from_millis(100);
/// Bounds the delay of the last arrivals when fewer come than the loop waits for.
const GATHER_MAX: Duration = Duration::from_millis(1);
const GATHER_DIVISOR: usize = 4;

/// An empty latency histogram in nanoseconds, up to 100 seconds.
pub fn latency_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, HISTOGRAM_DIGITS).expect("constant bounds that the library accepts")
}

impl Outcome {
    fn record(&mut self, latency_ns: u64, replies: u64, server_busy_ns: Option<u64>) {
        self.latency.saturating_record_n(latency_ns, replies);
        let stall = Stall {
            latency_ns,
            server_busy_ns,
            after_operations: self.measured,
        };
        let blame_ns = stall.blame_ns();
        if self.stalls.len() < STALLS_MAX || self.stalls.last().is_some_and(|least| least.blame_ns() < blame_ns) {
            let at = self.stalls.partition_point(|stall| stall.blame_ns() >= blame_ns);
            self.stalls.insert(at, stall);
            self.stalls.truncate(STALLS_MAX);
        }
    }
}

struct Conversation {
    templates: Vec<Template>,
    next_template: usize,
    /// How often the templates have been begun, from 1 on.
    turn: u64,
    pipeline: usize,
    observed: bool,
    scanner: Scanner,
    outstanding: u64,
    sent_at: Instant,
    server_at_send_ns: u64,
}

/// One thread's load in progress.
pub struct Load {
    ring: Ring,
    conversations: Vec<Conversation>,
    left: Option<u64>,
    draw: Draw,
    wake_after: Option<usize>,
    watched: Option<CpuClock>,
    /// Connections that wait for replies.
    waiting: usize,
    outcome: Outcome,
}

impl Load {
    /// Sets up the ring; the thread that calls this must be the one that calls `run`.
    pub fn new(work: Work) -> io::Result<Self> {
        let now = Instant::now();
        let bytes_max = |link: &Link| link.pipeline * link.templates.iter().map(Template::bytes_max).max().unwrap_or(0);
        let send_bytes_max = work.links.iter().map(bytes_max).max().unwrap_or(0);
        let (sockets, conversations) = work
            .links
            .into_iter()
            .map(|link| {
                let conversation = Conversation {
                    templates: link.templates,
                    next_template: 0,
                    turn: 1,
                    pipeline: link.pipeline,
                    observed: link.observed,
                    scanner: Scanner::default(),
                    outstanding: 0,
                    sent_at: now,
                    server_at_send_ns: 0,
                };
                (link.socket, conversation)
            })
            .unzip();
        Ok(Load {
            ring: Ring::new(sockets, send_bytes_max)?,
            conversations,
            left: work.operations,
            draw: work.draw,
            wake_after: work.wake_after,
            watched: work.watched,
            waiting: 0,
            outcome: Outcome {
                tally: Tally::default(),
                measured: 0,
                latency: latency_histogram(),
                stalls: Vec::new(),
                interval: (now, now),
            },
        })
    }

    /// Loads the server until the phase says stop or all operations are answered, then drains what is outstanding.
    pub fn run(&mut self, phase: &PhaseSwitch) -> io::Result<Outcome> {
        let mut now = Instant::now();
        let mut current = phase.get();
        self.outcome.interval = (now, now);
        for slot in 0..self.conversations.len() {
            self.send_batch(Slot(slot as u32), now)?;
        }
        let mut events = Vec::new();
        while self.waiting > 0 {
            self.wait()?;
            self.ring.reap(&mut events)?;
            now = Instant::now();
            let next = phase.get();
            if next != current {
                self.change_phase(next, now);
                current = next;
            }
            for event in events.drain(..) {
                self.on_event(event, now, current)?;
            }
            if current == Phase::Stop && now > self.outcome.interval.1 + DRAIN_MAX {
                break;
            }
        }
        if current != Phase::Stop {
            self.outcome.interval.1 = now;
        }
        Ok(self.outcome.clone())
    }

    fn change_phase(&mut self, next: Phase, now: Instant) {
        match next {
            Phase::WarmUp => {}
            Phase::Measure => self.outcome.interval = (now, now),
            Phase::Stop => self.outcome.interval.1 = now,
        }
    }

    fn wait(&mut self) -> io::Result<()> {
        let want = self
            .wake_after
            .unwrap_or(self.waiting / GATHER_DIVISOR)
            .clamp(1, self.waiting);
        self.ring.wait(want, if want > 1 { GATHER_MAX } else { WAIT_MAX })
    }

    fn on_event(&mut self, event: Event, now: Instant, phase: Phase) -> io::Result<()> {
        match event {
            Event::Received(slot, chunk) => self.on_bytes(slot, chunk, now, phase),
            Event::Closed(slot) => Err(io::Error::other(format!("the server closed connection {}", slot.0))),
            Event::Failed(slot, error) => Err(io::Error::new(error.kind(), format!("connection {}: {error}", slot.0))),
        }
    }

    fn on_bytes(&mut self, slot: Slot, chunk: Chunk, now: Instant, phase: Phase) -> io::Result<()> {
        let conversation = &mut self.conversations[slot.index()];
        let before = self.outcome.tally.replies;
        let fed = conversation
            .scanner
            .feed(self.ring.bytes(&chunk), &mut self.outcome.tally);
        self.ring.recycle(chunk);
        fed.map_err(|malformed| io::Error::other(malformed.to_string()))?;
        let replies = self.outcome.tally.replies - before;
        let Some(outstanding) = conversation.outstanding.checked_sub(replies) else {
            return Err(io::Error::other(format!(
                "connection {} got more replies than it sent commands",
                slot.0
            )));
        };
        conversation.outstanding = outstanding;
        if phase == Phase::Measure && replies > 0 {
            if conversation.observed {
                let latency_ns = now.duration_since(conversation.sent_at).as_nanos() as u64;
                let server_ns = self.watched.map(CpuClock::now_ns).transpose()?;
                let server_busy_ns = server_ns.map(|now_ns| now_ns.saturating_sub(conversation.server_at_send_ns));
                self.outcome.record(latency_ns, replies, server_busy_ns);
            }
            self.outcome.measured += replies;
        }
        if outstanding == 0 && replies > 0 {
            self.waiting -= 1;
            if phase != Phase::Stop {
                self.send_batch(slot, now)?;
            }
        }
        Ok(())
    }

    fn send_batch(&mut self, slot: Slot, now: Instant) -> io::Result<()> {
        let conversation = &mut self.conversations[slot.index()];
        let wanted = conversation.pipeline as u64;
        let batch = self.left.map_or(wanted, |left| left.min(wanted));
        if batch == 0 {
            return Ok(());
        }
        if let Some(left) = &mut self.left {
            *left -= batch;
        }
        let out = self.ring.outgoing(slot);
        let mut length = 0;
        for _ in 0..batch {
            let template = &conversation.templates[conversation.next_template];
            self.draw.turn = conversation.turn;
            length += template.render(&mut out[length..], &mut self.draw);
            conversation.next_template = (conversation.next_template + 1) % conversation.templates.len();
            conversation.turn += u64::from(conversation.next_template == 0);
        }
        conversation.outstanding = batch;
        conversation.sent_at = now;
        if let (Some(clock), true) = (self.watched, conversation.observed) {
            conversation.server_at_send_ns = clock.now_ns()?;
        }
        self.waiting += 1;
        self.ring.send(slot, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Substitution;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::thread;

    /// Answers each command on a connection with `answer` until the peer closes; returns how many came.
    fn serve(mut stream: UnixStream, answer: &'static [u8]) -> u64 {
        let mut scanner = Scanner::default();
        let mut commands = Tally::default();
        let mut buffer = [0; 777];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            let before = commands.replies;
            // Requests are arrays of bulks, so that the scanner of replies counts them too.
            scanner
                .feed(&buffer[..length], &mut commands)
                .expect("well-formed requests");
            let answers = answer.repeat((commands.replies - before) as usize);
            // A client that has what it wants may close first.
            let _ = stream.write_all(&answers);
        }
        commands.replies
    }

    fn work(connections: usize, pipeline: usize, operations: u64) -> (Work, Vec<UnixStream>) {
        let text = || "x".to_owned();
        let with = Substitution {
            keyspace: 10,
            value: text(),
            queue: text(),
            connection: text(),
        };
        let command = ["SET", "{key}", "{int}"].map(str::to_owned);
        let template = Template::compile(&command, &with).expect("valid");
        let (ours, theirs): (Vec<_>, Vec<_>) = (0..connections)
            .map(|_| UnixStream::pair().expect("socket pair"))
            .unzip();
        let link = |stream| Link {
            socket: OwnedFd::from(stream),
            templates: vec![template.clone()],
            pipeline,
            observed: true,
        };
        let links = ours.into_iter().map(link).collect();
        let operations = Some(operations);
        (
            Work {
                links,
                operations,
                draw: Draw::new(1, 0),
                wake_after: None,
                watched: None,
            },
            theirs,
        )
    }

    #[test]
    fn exactly_the_asked_operations_are_sent_and_each_reply_is_measured() {
        let (work, peers) = work(7, 16, 1_001);
        let servers: Vec<_> = peers
            .into_iter()
            .map(|peer| thread::spawn(move || serve(peer, b"+OK\r\n")))
            .collect();
        let mut load = Load::new(work).expect("ring");
        let outcome = load.run(&PhaseSwitch::new(Phase::Measure)).expect("run");
        drop(load);
        let served: u64 = servers.into_iter().map(|server| server.join().expect("no panic")).sum();
        assert_eq!((served, outcome.measured, outcome.latency.len()), (1_001, 1_001, 1_001));
        assert_eq!(outcome.tally.replies, 1_001);
    }

    #[test]
    fn too_many_replies_end_the_run() {
        let (work, peers) = work(1, 4, 100);
        let servers: Vec<_> = peers
            .into_iter()
            .map(|peer| thread::spawn(move || serve(peer, b":1\r\n:2\r\n")))
            .collect();
        let mut load = Load::new(work).expect("ring");
        let failure = load
            .run(&PhaseSwitch::new(Phase::Measure))
            .expect_err("the server answers twice");
        assert!(failure.to_string().contains("more replies"), "{failure}");
        drop(load);
        for server in servers {
            server.join().expect("no panic");
        }
    }

    #[test]
    fn the_worst_stalls_are_kept_by_what_the_server_computed_in_them() {
        let now = Instant::now();
        let mut outcome = Outcome {
            tally: Tally::default(),
            measured: 0,
            latency: latency_histogram(),
            stalls: Vec::new(),
            interval: (now, now),
        };
        for step in 0..30 {
            outcome.measured = step;
            outcome.record(1_000 + step, 1, Some(500 + step % 7));
        }
        outcome.record(900_000, 1, Some(3));
        outcome.record(2_000, 1, Some(5_000));
        let blames: Vec<u64> = outcome.stalls.iter().map(Stall::blame_ns).collect();
        assert_eq!(blames, [2_000, 506, 506, 506, 506, 505, 505, 505, 505, 504]);
        assert_eq!(outcome.stalls[1].after_operations, 6);
        assert_eq!(outcome.latency.len(), 32);
    }
}
