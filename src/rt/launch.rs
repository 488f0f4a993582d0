//! Starting the shards' threads, and learning how they ended.
//!
//! Owns the threads. It must not know configuration files or signals.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};

use core_affinity::CoreId;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::cores::{self, Cores};
use super::counters::Reading;
use super::listener::Listener;
use super::machine::Machine;
use super::mesh::{Arrival, Inbox, Mesh};
use super::rewrites::Rewrites;
use super::ring::{Features, Level, Ring, RingError};
use super::worker::{Parts, Worker};
use super::{clock, limits};
use crate::base::id::ShardId;
use crate::base::time::Now;
use crate::coordinator::Peer;

/// Room for the deepest value that a script can return, which nests some thousand tables; only what is touched costs memory.
const SHARD_STACK_BYTES: usize = 16 << 20;

/// How shards are laid out.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many; at least 1.
    pub shards: u16,
    /// Whether each thread may be bound to a core of its own.
    pub pin: bool,
    /// How long a thread on a core of its own looks for work before it sleeps, microseconds.
    pub spin_us: u64,
    /// How much of io_uring is used at most.
    pub level: Level,
    /// Whether the loop times its passes, which costs a system call in each.
    pub times_passes: bool,
}

/// Why the shards did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// No ring.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// No thread or bell.
    #[error("starting shard threads: {0}")]
    Thread(io::Error),
    /// The ring broke.
    #[error("shard {shard}: io_uring: {error}")]
    Broken {
        /// Which shard.
        shard: u16,
        /// What the kernel said.
        error: io::Error,
    },
    /// A defect of ours.
    #[error("shard {0} ended by a panic")]
    Panic(u16),
}

/// Ends a server, and reads what it counts.
pub struct Handle<T> {
    mesh: Arc<Mesh<T>>,
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Handle {
            mesh: Arc::clone(&self.mesh),
        }
    }
}

impl<T> Handle<T> {
    /// Tells all shards to send their last replies and to end; they are given half a second.
    pub fn stop(&self) {
        self.mesh.stop();
    }

    /// Gives the first shard a connection that was made within the process.
    pub fn hand_over(&self, socket: OwnedFd, peer: Peer) {
        self.mesh.connections().fetch_add(1, Ordering::Relaxed);
        let door = self.mesh.door(ShardId(0));
        door.load.fetch_add(1, Ordering::Relaxed);
        door.hand_over(Arrival::Made(socket, peer));
        if door.needs_ring() {
            door.bell().ring();
        }
    }

    /// Every shard's counters.
    pub fn readings(&self) -> Vec<Reading> {
        self.mesh.doors().iter().map(|door| door.counters.read()).collect()
    }
}

/// Shards at work.
pub struct Running<T> {
    handle: Handle<T>,
    threads: Vec<JoinHandle<io::Result<()>>>,
    ended: Receiver<ShardId>,
    features: Features,
    pinned: bool,
}

impl<T> Running<T> {
    /// A way to end them.
    pub fn handle(&self) -> Handle<T> {
        self.handle.clone()
    }

    /// What the kernel's io_uring lacks, if anything.
    pub fn missing_features(&self) -> Option<String> {
        self.features.missing()
    }

    /// Whether each thread has a core of its own.
    pub fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// Waits until all have ended; the first that fails ends the others.
    pub fn wait(mut self) -> Result<(), LaunchError> {
        let mut threads: Vec<Option<_>> = self.threads.drain(..).map(Some).collect();
        let mut outcome = Ok(());
        for _ in 0..threads.len() {
            let Ok(shard) = self.ended.recv() else {
                break;
            };
            let Some(thread) = threads[shard.index()].take() else {
                continue;
            };
            let ended = match thread.join() {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(LaunchError::Broken { shard: shard.0, error }),
                Err(_) => Err(LaunchError::Panic(shard.0)),
            };
            if ended.is_err() {
                self.handle.stop();
            }
            outcome = outcome.and(ended);
        }
        outcome
    }
}

/// Tells that a thread ends, however it ends.
struct EndNotice(ShardId, Sender<ShardId>);

impl Drop for EndNotice {
    fn drop(&mut self) {
        // Nobody listens when starting failed.
        let _nobody = self.1.send(self.0);
    }
}

/// What a new thread is told.
struct Post<T> {
    id: ShardId,
    inbox: Inbox<T>,
    core: Option<CoreId>,
    mesh: Arc<Mesh<T>>,
    listeners: Arc<[Listener]>,
    plan: Plan,
    log: Option<(File, Arc<Rewrites>)>,
    ready: Sender<Result<Features, RingError>>,
    /// Passed when all rings exist, so that no shard calls upon one that does not.
    together: Arc<Barrier>,
    notice: EndNotice,
}

/// Starts one thread for each shard; returns when all serve. `make` builds a shard's machine on its thread; `logs` has a file for each shard, if
/// there is a log.
pub fn launch<M, F>(
    plan: Plan,
    listeners: Vec<Listener>,
    logs: Option<(Vec<File>, Arc<Rewrites>)>,
    make: F,
) -> Result<Running<M::Moved>, LaunchError>
where
    M: Machine,
    M::Moved: 'static,
    F: Fn(ShardId, Now) -> M + Send + Sync + 'static,
{
    // A kernel that counts rings as locked memory may need more than the default; without the right to raise it we try anyway.
    let _as_it_is = limits::raise_locked_memory();
    let cores = Cores::usable();
    let pins = cores.pins(plan.shards.into(), plan.pin);
    let plan = Plan {
        spin_us: if pins.is_some() { plan.spin_us } else { 0 },
        ..plan
    };
    let (mesh, inboxes) = Mesh::new(plan.shards).map_err(LaunchError::Thread)?;
    let mesh = Arc::new(mesh);
    let listeners: Arc<[Listener]> = listeners.into();
    let make = Arc::new(make);
    let (ready, readiness) = bounded(plan.shards.into());
    let (notices, ended) = bounded(plan.shards.into());
    let together = Arc::new(Barrier::new(plan.shards.into()));
    let mut threads = Vec::new();
    let (files, rewrites) = logs.unzip();
    let mut files = files.into_iter().flatten();
    for (index, inbox) in inboxes.into_iter().enumerate() {
        let id = ShardId(index as u16);
        let post = Post {
            id,
            inbox,
            core: pins.map(|pins| pins[index]),
            mesh: Arc::clone(&mesh),
            listeners: Arc::clone(&listeners),
            plan,
            log: files.next().zip(rewrites.clone()),
            ready: ready.clone(),
            together: Arc::clone(&together),
            notice: EndNotice(id, notices.clone()),
        };
        let make = Arc::clone(&make);
        let builder = thread::Builder::new()
            .name(format!("shard-{index}"))
            .stack_size(SHARD_STACK_BYTES);
        threads.push(builder.spawn(move || work(post, &*make)).map_err(LaunchError::Thread)?);
    }
    drop(ready);
    let mut features = None;
    for _ in 0..plan.shards {
        match readiness.recv() {
            Ok(Ok(found)) => features = Some(found),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(LaunchError::Panic(0)),
        }
    }
    Ok(Running {
        handle: Handle { mesh },
        threads,
        ended,
        features: features.expect("there is at least one shard, and all answered"),
        pinned: pins.is_some(),
    })
}

fn work<M, F>(post: Post<M::Moved>, make: &F) -> io::Result<()>
where
    M: Machine,
    F: Fn(ShardId, Now) -> M,
{
    let _told_at_the_end = post.notice;
    if let Some(core) = post.core
        && !cores::pin(core)
    {
        log::warn!("Shard {} could not be bound to core {}", post.id.0, core.id);
    }
    let started = Ring::new(post.plan.level).and_then(|ring| {
        post.mesh.door(post.id).publish_ring(ring.fd());
        Worker::new(Parts {
            id: post.id,
            machine: make(post.id, clock::Clock::default().read()),
            ring,
            mesh: post.mesh,
            inbox: post.inbox,
            listeners: post.listeners,
            spin_us: post.plan.spin_us,
            times_passes: post.plan.times_passes,
            log: post.log,
        })
    });
    // Without listeners nobody answers: who started us has given up.
    match started {
        Ok(worker) => {
            let _gone = post.ready.send(Ok(worker.features()));
            post.together.wait();
            worker.run()
        }
        Err(error) => {
            let _gone = post.ready.send(Err(error));
            Ok(())
        }
    }
}
