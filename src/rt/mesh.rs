//! How shards reach each other: lanes of batches, connections that change hands, and waking who sleeps.
//!
//! Owns the channels and the sleep flags. It must not know what the batches say.
//!
//! Requests and replies have lanes of their own, so that an answer never waits behind questions; each shard has one of both,
//! which all its peers fill, so that looking for work costs three loads whatever the number of shards. Lanes are bounded:
//! a full one sends the batch back to its machine, which in the end stops reading from sockets.
//!
//! Who sleeps is woken as `handshake` says.

use std::os::fd::{OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};

use super::counters::Counters;
use super::doorbell::Doorbell;
use super::handshake::Sleep;
use crate::base::id::ShardId;
use crate::coordinator::{Lane, Peer};
use crate::shard::message::Batch;

/// How many batches fit a lane; a pass sends each peer at most two.
const LANE_BATCHES: usize = 256;

/// A connection that comes to a shard.
pub enum Arrival<T> {
    /// Just accepted, by a shard whose machine has sent it off.
    Accepted {
        /// The connection.
        socket: OwnedFd,
        /// The index of its listener.
        listener: usize,
        /// Who accepted it.
        by: ShardId,
        /// Since when something may have been sent on it, monotonic microseconds.
        since_us: u64,
    },
    /// Made within the process.
    Made(OwnedFd, Peer),
    /// From another shard, with what its machine knows.
    Moved(OwnedFd, Box<T>),
}

/// What the others have of a shard.
pub struct Door<T> {
    requests: Sender<(ShardId, Batch)>,
    replies: Sender<(ShardId, Batch)>,
    arrivals: Sender<Arrival<T>>,
    sleep: Sleep,
    bell: Doorbell,
    ring_fd: AtomicI32,
    /// Connections that the shard has or is about to be given.
    pub load: AtomicUsize,
    /// What the shard counts.
    pub counters: Counters,
}

/// What the shard itself has of its lanes.
pub struct Inbox<T> {
    /// Work asked for.
    pub requests: Receiver<(ShardId, Batch)>,
    /// Answers.
    pub replies: Receiver<(ShardId, Batch)>,
    /// Connections. Not bounded by itself: there are at most `maxclients` connections.
    pub arrivals: Receiver<Arrival<T>>,
}

impl<T> Inbox<T> {
    /// Whether there is nothing to fetch; a few loads.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.replies.is_empty() && self.arrivals.is_empty()
    }
}

/// All shards of the process.
pub struct Mesh<T> {
    doors: Box<[Door<T>]>,
    stopping: AtomicBool,
    connections: AtomicUsize,
}

impl<T> Mesh<T> {
    /// A mesh of `shards` shards, all awake, and each one's inbox.
    pub fn new(shards: u16) -> std::io::Result<(Self, Vec<Inbox<T>>)> {
        let mut doors = Vec::new();
        let mut inboxes = Vec::new();
        for _ in 0..shards {
            let (requests, requests_in) = bounded(LANE_BATCHES);
            let (replies, replies_in) = bounded(LANE_BATCHES);
            let (arrivals, arrivals_in) = unbounded();
            doors.push(Door {
                requests,
                replies,
                arrivals,
                sleep: Sleep::default(),
                bell: Doorbell::new()?,
                ring_fd: AtomicI32::new(-1),
                load: AtomicUsize::new(0),
                counters: Counters::default(),
            });
            inboxes.push(Inbox {
                requests: requests_in,
                replies: replies_in,
                arrivals: arrivals_in,
            });
        }
        let mesh = Mesh {
            doors: doors.into(),
            stopping: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
        };
        Ok((mesh, inboxes))
    }

    /// All doors, in the order of the shards.
    pub fn doors(&self) -> &[Door<T>] {
        &self.doors
    }

    /// One shard's door.
    pub fn door(&self, shard: ShardId) -> &Door<T> {
        &self.doors[shard.index()]
    }

    /// Connections of the whole server.
    pub fn connections(&self) -> &AtomicUsize {
        &self.connections
    }

    /// Tells all shards to end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for door in &self.doors {
            door.bell.ring();
        }
    }

    /// Whether the shards are to end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

impl<T> Door<T> {
    /// Puts a batch into a lane, or gives it back when the lane is full.
    pub fn send(&self, from: ShardId, lane: Lane, batch: Batch) -> Result<(), Batch> {
        let sender = match lane {
            Lane::Request => &self.requests,
            Lane::Reply => &self.replies,
        };
        match sender.try_send((from, batch)) {
            Ok(()) => Ok(()),
            // A shard that has ended takes nothing any more: what it is sent is lost, and nobody waits for the answer.
            Err(TrySendError::Disconnected(_)) => Ok(()),
            Err(TrySendError::Full((_, batch))) => Err(batch),
        }
    }

    /// Gives the shard a connection.
    pub fn hand_over(&self, arrival: Arrival<T>) {
        // A shard that has ended closes what it is given by dropping it.
        let _ended = self.arrivals.send(arrival);
    }

    /// Whether the shard must be rung after something was put into its lanes; true for one caller only.
    pub fn needs_ring(&self) -> bool {
        self.sleep.needs_ring()
    }

    /// The shard is about to sleep; false when it must not, because there is something in its inbox.
    pub fn fall_asleep(&self, inbox: &Inbox<T>) -> bool {
        self.sleep.fall_asleep(|| inbox.is_empty())
    }

    /// The shard is awake again.
    pub fn wake_up(&self) {
        self.sleep.wake_up();
    }

    /// The bell that wakes the shard from outside its peers' rings.
    pub fn bell(&self) -> &Doorbell {
        &self.bell
    }

    /// Makes the shard's ring known to its peers.
    pub fn publish_ring(&self, fd: RawFd) {
        self.ring_fd.store(fd, Ordering::Release);
    }

    /// The shard's ring, once it is known.
    pub fn ring_fd(&self) -> Option<RawFd> {
        let fd = self.ring_fd.load(Ordering::Acquire);
        (fd >= 0).then_some(fd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_lane_gives_the_batch_back_and_keeps_the_other_lane_open() {
        let (mesh, inboxes) = Mesh::<()>::new(2).expect("two bells can be made");
        let door = mesh.door(ShardId(1));
        for _ in 0..LANE_BATCHES {
            assert!(door.send(ShardId(0), Lane::Request, Batch::default()).is_ok());
        }
        assert!(door.send(ShardId(0), Lane::Request, Batch::default()).is_err());
        assert!(door.send(ShardId(0), Lane::Reply, Batch::default()).is_ok());
        assert!(inboxes[1].requests.try_recv().is_ok());
        assert!(door.send(ShardId(0), Lane::Request, Batch::default()).is_ok());
    }

    #[test]
    fn a_sleeper_is_rung_once_and_does_not_sleep_beside_work() {
        let (mesh, inboxes) = Mesh::<()>::new(1).expect("a bell can be made");
        let door = mesh.door(ShardId(0));
        assert!(!door.needs_ring(), "it is awake");
        assert!(door.fall_asleep(&inboxes[0]));
        assert!(door.needs_ring());
        assert!(!door.needs_ring(), "somebody else rings already");
        assert!(door.send(ShardId(0), Lane::Reply, Batch::default()).is_ok());
        assert!(!door.fall_asleep(&inboxes[0]));
        assert!(!door.needs_ring(), "it stayed awake");
    }
}
