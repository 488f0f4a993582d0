//! One shard's io_uring: creation with the best flags that the kernel has, submission, waiting, completions.
//!
//! Owns the queues and the list of what the kernel can do. It must not know connections.
//!
//! What is asked for, from the newest kernel to the oldest that is supported, and why:
//!
//! | since | flag or feature | what it gives |
//! |---|---|---|
//! | 6.6 | `NO_SQARRAY` | the kernel reads submissions in order, without an array of indices in between |
//! | 6.1 | `SINGLE_ISSUER` | only the creating thread submits: no lock on submission |
//! | 6.1 | `DEFER_TASKRUN` | completions are produced when the thread asks for them (`GETEVENTS`), not by interrupting it; whoever sets it **must always enter with `GETEVENTS`**, or nothing ever completes |
//! | 6.0 | multishot receive | one submission receives for the connection's whole life |
//! | 5.19 | buffer ring | the kernel takes a receive buffer when bytes are there: idle connections have none |
//! | 5.19 | `COOP_TASKRUN` | in place of `DEFER_TASKRUN`: no interrupt, completions come with the next system call |
//! | 5.19 | `TASKRUN_FLAG` | the kernel says in shared memory that completions can be had, so that spinning needs no system call |
//! | 5.19 | multishot accept | one submission accepts for the listener's whole life |
//! | 5.18 | `SUBMIT_ALL` | a bad submission does not hold up those behind it |
//! | 5.18 | `MSG_RING` | a peer is woken by an entry among the other submissions, instead of by a system call of its own |
//! | 5.18 | registered ring descriptor | entering looks up no file |
//! | 5.17 | `CQE_SKIP` | cancellations that succeed make no completion |
//! | 5.11 | `EXT_ARG` | waiting with a time limit, without a timeout entry |
//! | 5.5 | `CQSIZE` 16384, `CLAMP` | completions of very many connections fit before the kernel must keep them aside |
//!
//! Below 6.0 connections are watched by a multishot poll (5.13) and read by system calls into one buffer of the shard.

#![allow(unsafe_code)]

mod buffers;

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{CompletionQueue, EnterFlags, IoUring, Probe, SubmissionQueue, Submitter, cqueue, opcode, squeue};

pub use buffers::{Buffers, GROUP};

/// Submissions that fit the queue before the kernel is asked to take them.
const SUBMISSIONS: u32 = 1024;
/// Completions that fit the queue.
const COMPLETIONS: u32 = 16_384;

/// How much of io_uring is used at most; lower ones exist for old kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What 5.15 has.
    Plain,
    /// What 5.19 has.
    Cooperative,
    /// What 6.1 has.
    Deferred,
    /// Everything.
    Full,
}

impl Level {
    /// All levels, the best first, each with the kernel that has it.
    const LADDER: [(Level, &'static str); 4] = [
        (Level::Full, "6.6"),
        (Level::Deferred, "6.1"),
        (Level::Cooperative, "5.19"),
        (Level::Plain, "5.15"),
    ];

    /// The level of a kernel version as it stands in the table above.
    pub fn of_kernel(version: &str) -> Option<Level> {
        Self::LADDER
            .iter()
            .find(|(_, kernel)| *kernel == version)
            .map(|(level, _)| *level)
    }
}

/// What the ring can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// The flags that were accepted.
    pub level: Level,
    /// Receives last, and take their buffers from a [`Buffers`].
    pub multishot_receive: bool,
    /// Accepts last.
    pub multishot_accept: bool,
    /// Peers are woken through the ring.
    pub ring_messages: bool,
    /// Success need not make a completion.
    pub silent_success: bool,
}

impl Features {
    /// What a newer kernel would add, for the log; `None` when nothing is missing.
    pub fn missing(&self) -> Option<String> {
        let missing: Vec<&str> = [
            (self.level >= Level::Deferred, "deferred completions (6.1)"),
            (self.multishot_receive, "multishot receive (6.0)"),
            (self.multishot_accept, "multishot accept (5.19)"),
            (self.ring_messages, "messages between rings (5.18)"),
            (self.silent_success, "silent success (5.17)"),
        ]
        .iter()
        .filter_map(|&(has, what)| (!has).then_some(what))
        .collect();
        (!missing.is_empty()).then(|| missing.join(", "))
    }
}

/// Why there is no ring.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The kernel or the container forbids it.
    #[error(
        "io_uring is not permitted: kernel.io_uring_disabled is {setting} (0 allows it to all; 1 to CAP_SYS_ADMIN and to \
         members of kernel.io_uring_group), or the container's seccomp profile forbids io_uring_setup"
    )]
    Forbidden {
        /// The value of the setting.
        setting: String,
    },
    /// The kernel has none.
    #[error("this kernel has no io_uring, or a seccomp profile hides it; Linux 5.15 or newer is needed")]
    Absent,
    /// Not enough memory may be locked.
    #[error(
        "no memory for an io_uring: RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=) is {limit_bytes} bytes, about 1 MiB is needed \
         for each shard"
    )]
    Memory {
        /// The limit that holds.
        limit_bytes: u64,
    },
    /// Anything else.
    #[error("io_uring: {step}: {error}")]
    Other {
        /// What was being done.
        step: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
}

/// A ring that one thread created and uses.
///
/// The mapped queues live as long as the process: a shard's ring ends with it, and so the parts need no lifetime.
pub struct Ring {
    submitter: Submitter<'static>,
    submissions: SubmissionQueue<'static>,
    completions: CompletionQueue<'static>,
    features: Features,
    enter_flags: u32,
    fd: RawFd,
    has_more: bool,
}

impl Ring {
    /// A ring for the calling thread, no better than `level`.
    pub fn new(level: Level) -> Result<Self, RingError> {
        let asked = level;
        let (ring, level) = build_best(asked)?;
        // Leaked, so that the queues can be held beside each other; see the type's description.
        let ring = Box::leak(Box::new(ring));
        let mut features = probe(ring, level, asked)?;
        let parameters = ring.params();
        if !parameters.is_feature_ext_arg() || !parameters.is_feature_nodrop() {
            return Err(RingError::Absent);
        }
        features.silent_success &= parameters.is_feature_skip_cqe_on_success();
        features.ring_messages &= features.silent_success;
        let mut enter_flags = EnterFlags::GETEVENTS | EnterFlags::EXT_ARG;
        if parameters.is_feature_no_iowait() {
            // A server that waits for clients is idle, not waiting for a device.
            enter_flags |= EnterFlags::NO_IOWAIT;
        }
        let fd = ring.as_raw_fd();
        let (mut submitter, submissions, completions) = ring.split();
        if level > Level::Plain {
            // Kernels that refuse lose a file look-up a call.
            let _slower = submitter.register_ring_fd();
        }
        Ok(Ring {
            submitter,
            submissions,
            completions,
            features,
            enter_flags: enter_flags.bits(),
            fd,
            has_more: false,
        })
    }

    /// What the ring can do.
    pub fn features(&self) -> Features {
        self.features
    }

    /// The descriptor by which peers wake the ring.
    pub fn fd(&self) -> RawFd {
        self.fd
    }

    /// A buffer ring for receives; `None` when the kernel has no multishot receive.
    pub fn buffers(&self) -> Result<Option<Buffers>, RingError> {
        if !self.features.multishot_receive {
            return Ok(None);
        }
        Buffers::register(&self.submitter)
            .map(Some)
            .map_err(|error| refused("registering receive buffers", error))
    }

    /// Queues an operation; it reaches the kernel with the next [`Ring::enter`], or now when the queue is full.
    ///
    /// # Safety
    ///
    /// Memory that the operation names must stay valid until its last completion.
    pub unsafe fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        // SAFETY: the caller answers for the operation's memory.
        while unsafe { self.submissions.push(entry) }.is_err() {
            self.enter(0, None)?;
        }
        Ok(())
    }

    /// Whether [`Ring::enter`] would find completions at once; tells in shared memory, without a system call.
    pub fn is_ready(&mut self) -> bool {
        self.completions.sync();
        !self.completions.is_empty() || self.submissions.taskrun()
    }

    /// Whether the last [`Ring::enter`] has left something undone that had become ready: the kernel does only so much in a call.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// Submits what is queued, waits for `want` completions or `timeout_us`, and makes completions visible.
    pub fn enter(&mut self, want: usize, timeout_us: Option<u64>) -> io::Result<()> {
        self.submissions.sync();
        let time;
        let arguments = match timeout_us {
            Some(us) => {
                time = Timespec::new().sec(us / 1_000_000).nsec((us % 1_000_000) as u32 * 1000);
                SubmitArgs::new().timespec(&time)
            }
            None => SubmitArgs::new(),
        };
        let count = self.submissions.len() as u32;
        // SAFETY: the argument is of the type that EXT_ARG announces and outlives the call.
        let outcome = unsafe {
            self.submitter
                .enter(count, want as u32, self.enter_flags, Some(&arguments))
        };
        self.submissions.sync();
        self.completions.sync();
        self.has_more = self.submissions.taskrun();
        match outcome {
            Ok(_) => Ok(()),
            // Time is up; a signal came; completions must be fetched, or memory freed, before more is taken.
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN)
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The next completion that [`Ring::enter`] made visible.
    pub fn next(&mut self) -> Option<cqueue::Entry> {
        self.completions.next()
    }
}

fn build_best(level: Level) -> Result<(IoUring, Level), RingError> {
    let mut last = None;
    for (candidate, _) in Level::LADDER {
        if candidate > level {
            continue;
        }
        match build(candidate) {
            Ok(ring) => return Ok((ring, candidate)),
            // The kernel does not know a flag.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => last = Some(error),
            Err(error) => return Err(refused("setup", error)),
        }
    }
    Err(refused(
        "setup",
        last.unwrap_or_else(|| io::Error::from_raw_os_error(libc::EINVAL)),
    ))
}

fn build(level: Level) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder.dontfork().setup_clamp().setup_cqsize(COMPLETIONS);
    match level {
        Level::Plain => {}
        Level::Cooperative => {
            builder.setup_coop_taskrun().setup_taskrun_flag().setup_submit_all();
        }
        Level::Deferred | Level::Full => {
            builder
                .setup_single_issuer()
                .setup_defer_taskrun()
                .setup_taskrun_flag()
                .setup_submit_all();
        }
    }
    if level == Level::Full {
        builder.setup_no_sqarray();
    }
    builder.build(SUBMISSIONS)
}

/// Finds out what a ring of that level can do, leaving out what a kernel of the level that was asked for would not have.
/// Operations tell the kernel's age where features cannot be asked for.
fn probe(ring: &IoUring, level: Level, asked: Level) -> Result<Features, RingError> {
    let mut probe = Probe::new();
    ring.submitter()
        .register_probe(&mut probe)
        .map_err(|error| refused("asking for its operations", error))?;
    let has = |least: Level, operation: u8| asked >= least && probe.is_supported(operation);
    Ok(Features {
        level,
        multishot_receive: has(Level::Deferred, opcode::SendZc::CODE),
        multishot_accept: has(Level::Cooperative, opcode::Socket::CODE),
        ring_messages: has(Level::Cooperative, opcode::MsgRingData::CODE),
        silent_success: asked >= Level::Cooperative,
    })
}

fn refused(step: &'static str, error: io::Error) -> RingError {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => RingError::Forbidden {
            setting: std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
                .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned()),
        },
        Some(libc::ENOSYS) => RingError::Absent,
        Some(libc::ENOMEM) => RingError::Memory {
            limit_bytes: super::limits::locked_memory().map_or(0, |limit| limit.soft),
        },
        _ => RingError::Other { step, error },
    }
}

#[cfg(test)]
mod tests;
