//! Blocked-then-woken pairs: how long from sending a push to the reply of the consumer that waits for it.
//!
//! Owns the pairs and their pacing; must not know how results are printed. Each consumer blocks afresh for every
//! element and has time to settle before its producer pushes, so that every element finds its consumer blocked.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::client::Client;
use crate::kernel::ring::{Event, Ring, Slot};
use crate::load::latency_histogram;
use crate::options::{Extent, Options};
use crate::process::Process;
use crate::template::request;

/// What the pairs have seen.
#[derive(Debug)]
pub struct HandoffOutcome {
    /// Nanoseconds from sending the push to the consumer's reply.
    pub latency: Histogram<u64>,
    /// The median of each pair alone, in nanoseconds, in the order of the pairs.
    pub pair_medians_ns: Vec<u64>,
    /// The measured interval.
    pub elapsed: Duration,
    /// Server CPU in the measured interval.
    pub server_cpu_ns: Option<u64>,
}

struct Pair {
    reply: Vec<u8>,
    expected: Vec<u8>,
    latency: Histogram<u64>,
    rounds: u64,
    sent_at: Instant,
    blocked_at: Instant,
    consumer_done: bool,
    producer_done: bool,
}

struct Handoff<'a> {
    options: &'a Options,
    ring: Ring,
    pairs: Vec<Pair>,
    /// Pairs whose consumer has been sent to block, longest first.
    ready: VecDeque<usize>,
    handed_over: u64,
    /// Longest silence before the run is given up.
    last_progress: Instant,
}

const REPLY_SHOWN_BYTES: usize = 200;
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Runs the pairs for the time or the number of elements that the options say.
pub fn measure(options: &Options, server: Option<&Process>) -> io::Result<HandoffOutcome> {
    let mut handoff = Handoff::new(options)?;
    handoff.block_all()?;
    handoff.run_until(Instant::now() + options.warmup, u64::MAX)?;
    for pair in &mut handoff.pairs {
        pair.latency.reset();
    }
    let cpu_before = server.map(Process::cpu_ns).transpose()?;
    let start = Instant::now();
    let (end, count) = match options.extent {
        Extent::Time(time) => (start + time, u64::MAX),
        Extent::Operations(count) => (start + Duration::from_secs(86_400), handoff.handed_over + count),
    };
    handoff.run_until(end, count)?;
    let elapsed = start.elapsed();
    let cpu_after = server.map(Process::cpu_ns).transpose()?;
    let mut latency = latency_histogram();
    for pair in &handoff.pairs {
        latency
            .add(&pair.latency)
            .map_err(|error| io::Error::other(error.to_string()))?;
    }
    Ok(HandoffOutcome {
        latency,
        pair_medians_ns: handoff
            .pairs
            .iter()
            .map(|pair| pair.latency.value_at_quantile(0.5))
            .collect(),
        elapsed,
        server_cpu_ns: cpu_after
            .zip(cpu_before)
            .map(|(after, before)| after.saturating_sub(before)),
    })
}

impl<'a> Handoff<'a> {
    fn new(options: &'a Options) -> io::Result<Self> {
        let mut sockets = Vec::new();
        for _ in 0..2 * options.pairs {
            sockets.push(Client::connect(options)?.into_socket());
        }
        let send_bytes_max = 128 + options.watch_keys * 64;
        let now = Instant::now();
        Ok(Handoff {
            options,
            ring: Ring::new(sockets, send_bytes_max + options.value_bytes)?,
            pairs: (0..options.pairs).map(|_| Pair::new(now)).collect(),
            ready: VecDeque::new(),
            handed_over: 0,
            last_progress: now,
        })
    }

    fn block_all(&mut self) -> io::Result<()> {
        let now = Instant::now();
        (0..self.pairs.len()).try_for_each(|at| self.block(at, now))
    }

    fn run_until(&mut self, end: Instant, handed_over: u64) -> io::Result<()> {
        let period = Duration::from_secs_f64(1.0 / self.options.rate);
        let mut next_push = Instant::now();
        let mut events = Vec::new();
        self.last_progress = next_push;
        loop {
            let now = Instant::now();
            if now >= end || self.handed_over >= handed_over {
                return Ok(());
            }
            if now.duration_since(self.last_progress) > SILENCE_MAX {
                return Err(io::Error::other(
                    "no element was handed over for ten seconds: a wake-up is lost",
                ));
            }
            let due = self
                .ready
                .front()
                .map(|&at| (self.pairs[at].blocked_at + self.options.settle).max(next_push));
            if due.is_some_and(|due| due <= now) {
                self.push_to_front()?;
                // A late push is not made up for: the pace is a limit, not a quota.
                next_push = (next_push + period).max(now);
            }
            let until = due
                .filter(|&due| due > now)
                .unwrap_or(now + Duration::from_millis(100))
                .min(end);
            let want = usize::from(!self.options.spin && (due.is_none() || due.is_some_and(|due| due > now)));
            self.ring.wait(want, until.saturating_duration_since(now))?;
            self.ring.reap(&mut events)?;
            let now = Instant::now();
            for event in events.drain(..) {
                self.on_event(event, now)?;
            }
        }
    }

    fn push_to_front(&mut self) -> io::Result<()> {
        let Some(at) = self.ready.pop_front() else {
            return Ok(());
        };
        let pair = &mut self.pairs[at];
        let key = key_name(at, (pair.rounds % self.options.watch_keys as u64) as usize);
        let mut element = format!("{at}:{}:", pair.rounds);
        element.extend(std::iter::repeat_n(
            'x',
            self.options.value_bytes.saturating_sub(element.len()),
        ));
        pair.expected = request(&[&key, &element]);
        pair.rounds += 1;
        pair.consumer_done = false;
        pair.producer_done = false;
        pair.sent_at = Instant::now();
        self.send(self.pairs.len() + at, &request(&["LPUSH", &key, &element]))
    }

    fn block(&mut self, at: usize, now: Instant) -> io::Result<()> {
        let keys: Vec<String> = (0..self.options.watch_keys).map(|key| key_name(at, key)).collect();
        let mut command = vec!["BRPOP"];
        command.extend(keys.iter().map(String::as_str));
        command.push("0");
        self.pairs[at].blocked_at = now;
        self.ready.push_back(at);
        self.send(at, &request(&command))
    }

    fn send(&mut self, slot: usize, bytes: &[u8]) -> io::Result<()> {
        let slot = Slot(slot as u32);
        self.ring.outgoing(slot)[..bytes.len()].copy_from_slice(bytes);
        self.ring.send(slot, bytes.len())
    }

    fn on_event(&mut self, event: Event, now: Instant) -> io::Result<()> {
        let (slot, chunk) = match event {
            Event::Received(slot, chunk) => (slot.index(), chunk),
            Event::Closed(slot) => return Err(io::Error::other(format!("the server closed connection {}", slot.0))),
            Event::Failed(_, error) => return Err(error),
        };
        let at = slot % self.pairs.len();
        let pair = &mut self.pairs[at];
        let bytes = self.ring.bytes(&chunk);
        if slot < self.options.pairs {
            if pair.consumer_receives(bytes, now)? {
                self.handed_over += 1;
                self.last_progress = now;
            }
        } else {
            pair.producer_receives(bytes)?;
        }
        self.ring.recycle(chunk);
        if pair.consumer_done && pair.producer_done {
            self.block(at, now)
        } else {
            Ok(())
        }
    }
}

impl Pair {
    fn new(now: Instant) -> Self {
        Pair {
            reply: Vec::new(),
            expected: Vec::new(),
            latency: latency_histogram(),
            rounds: 0,
            sent_at: now,
            blocked_at: now,
            consumer_done: true,
            producer_done: true,
        }
    }

    /// Takes bytes of the consumer's reply; says whether it is complete. Anything but the element just pushed is a
    /// failure of the server.
    fn consumer_receives(&mut self, bytes: &[u8], now: Instant) -> io::Result<bool> {
        self.reply.extend_from_slice(bytes);
        if self.consumer_done || !self.expected.starts_with(&self.reply) {
            let got = String::from_utf8_lossy(&self.reply[..self.reply.len().min(REPLY_SHOWN_BYTES)]).into_owned();
            let wanted = if self.consumer_done {
                "nothing".into()
            } else {
                String::from_utf8_lossy(&self.expected)
            };
            return Err(io::Error::other(format!(
                "a consumer got {got:?} where {wanted:?} was pushed"
            )));
        }
        if self.reply.len() < self.expected.len() {
            return Ok(false);
        }
        self.latency
            .saturating_record(now.duration_since(self.sent_at).as_nanos() as u64);
        self.reply.clear();
        self.consumer_done = true;
        Ok(true)
    }

    fn producer_receives(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.producer_done || !bytes.starts_with(b":") {
            return Err(io::Error::other(format!(
                "a producer got {:?}",
                String::from_utf8_lossy(bytes)
            )));
        }
        // An integer reply of a few bytes comes in one piece.
        self.producer_done = true;
        Ok(())
    }
}

/// The process id keeps apart from a consumer that an aborted run left blocked on the server.
fn key_name(pair: usize, key: usize) -> String {
    format!("handoff:{}:{pair}:{key}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting_pair() -> Pair {
        let mut pair = Pair::new(Instant::now());
        pair.expected = request(&["handoff:0:0", "0:0:"]);
        pair.consumer_done = false;
        pair
    }

    #[test]
    fn the_pushed_element_is_accepted_wherever_its_reply_is_cut() {
        let reply = request(&["handoff:0:0", "0:0:"]);
        for cut in 1..reply.len() {
            let mut pair = waiting_pair();
            assert_eq!(pair.consumer_receives(&reply[..cut], Instant::now()).ok(), Some(false));
            assert_eq!(pair.consumer_receives(&reply[cut..], Instant::now()).ok(), Some(true));
            assert_eq!(pair.latency.len(), 1);
        }
    }

    #[test]
    fn another_element_and_a_second_reply_are_refused() {
        let now = Instant::now();
        assert!(
            waiting_pair()
                .consumer_receives(&request(&["handoff:0:0", "0:1:"]), now)
                .is_err()
        );
        let mut pair = waiting_pair();
        let twice = request(&["handoff:0:0", "0:0:"]).repeat(2);
        assert!(pair.consumer_receives(&twice, now).is_err());
        let mut pair = waiting_pair();
        assert!(pair.consumer_receives(&request(&["handoff:0:0", "0:0:"]), now).is_ok());
        assert!(pair.consumer_receives(b"*", now).is_err());
    }
}
