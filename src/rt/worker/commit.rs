//! The shard's log on its way to the file: one write at a time, and behind it what makes it reach the disk.
//!
//! Owns the file and the bytes on their way. While they are written the loop goes on, and the machine collects the next ones. It must not know
//! what is in them.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use io_uring::opcode;
use io_uring::types::{Fd, FsyncFlags};

use super::Worker;
use crate::rt::clock::monotonic_us;
use crate::rt::machine::Machine;
use crate::rt::rewrites::Rewrites;
use crate::rt::token::{Op, Token};
use crate::shard::emission::Inscribed;
use crate::shard::log::{Commit, Milestone};

/// A write's length is 32 bits wide, and the kernel's result signed.
const WRITE_BYTES_MAX: usize = 1 << 30;
/// Beyond so many bytes that wait for a write, the loop waits for it too.
const BACKLOG_BYTES_MAX: usize = 64 << 20;

/// How soon it is looked again whether the next file is there.
const NEXT_FILE_RETRY: Duration = Duration::from_millis(1);
/// How long the end waits for it, microseconds.
const CLOSING_US: u64 = 10_000_000;

/// Where a commit is.
enum Stage {
    /// So many of its bytes are written.
    Writing(usize),
    /// All are, and the disk is to be reached.
    Syncing,
    /// It is done, and the machine has not been told.
    Done,
}

/// A shard's file, and the commit under way.
pub struct Journal {
    file: File,
    rewrites: Arc<Rewrites>,
    /// Which generation the file is of, and how many rewrites the machine has heard of.
    generation: u64,
    over: u64,
    under_way: Option<(Commit, Stage)>,
    /// Large values that other threads have recorded.
    inscribed: (Sender<Inscribed>, Receiver<Inscribed>),
}

impl Journal {
    /// A log that is written to `file`, of the current generation.
    pub fn new(file: File, rewrites: Arc<Rewrites>) -> Self {
        let (generation, over) = (rewrites.current(), rewrites.over());
        Journal {
            file,
            rewrites,
            generation,
            over,
            under_way: None,
            inscribed: unbounded(),
        }
    }
}

impl<M: Machine> Worker<M> {
    /// Tells the machine of a commit that is done; begins the next one if there is one.
    pub(super) fn commit(&mut self) -> io::Result<()> {
        if self.journal.is_none() {
            return Ok(());
        }
        self.end_commit();
        self.look_at_rewrites()?;
        self.inscribe()?;
        self.begin_commit()?;
        while self.machine.uncommitted_bytes() > BACKLOG_BYTES_MAX {
            if self.mesh.is_stopping() {
                return Ok(());
            }
            if self.journal.as_ref().is_none_or(|journal| journal.under_way.is_none()) {
                // The next file is not there yet.
                thread::sleep(NEXT_FILE_RETRY);
            }
            self.wait_for_commit()?;
            self.end_commit();
            self.look_at_rewrites()?;
            self.begin_commit()?;
        }
        Ok(())
    }

    /// Lets another thread record a large value, and tells the machine of those that are.
    fn inscribe(&mut self) -> io::Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        while let Ok(inscribed) = journal.inscribed.1.try_recv() {
            self.again = true;
            self.machine.inscribed(inscribed);
        }
        let Some(inscription) = self.machine.take_inscription() else {
            return Ok(());
        };
        let (sender, mesh, own) = (journal.inscribed.0.clone(), Arc::clone(&self.mesh), self.id);
        let inscription = Arc::new(Mutex::new(Some(inscription)));
        let work = {
            let inscription = Arc::clone(&inscription);
            move || {
                let inscription = inscription.lock().ok().and_then(|mut left| left.take());
                if let Some(inscription) = inscription {
                    // Nobody receives when the loop has ended.
                    let _gone = sender.send(inscription.inscribe());
                    mesh.door(own).bell().ring();
                }
            }
        };
        let thread = thread::Builder::new().name("log-large".to_owned());
        if let Err(error) = thread.spawn(work.clone()) {
            log::warn!("No thread to record a large value, so its shard does it: {error}");
            work();
        }
        Ok(())
    }

    /// Goes over to the next file when it is there, and tells the machine how the rewrite goes.
    fn look_at_rewrites(&mut self) -> io::Result<()> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let (current, over) = (journal.rewrites.current(), journal.rewrites.over());
        if journal.generation != current && journal.under_way.is_none() {
            let path = journal.rewrites.path(current, self.id);
            let opened = File::options().read(true).write(true).open(path);
            journal.file = opened.map_err(|error| failed(&error))?;
            journal.generation = current;
            self.machine.file_is_ready();
        }
        if std::mem::replace(&mut journal.over, over) != over {
            self.machine.rewrite_is_over();
        }
        Ok(())
    }

    fn begin_commit(&mut self) -> io::Result<()> {
        let Some(journal) = self.journal.as_mut().filter(|journal| journal.under_way.is_none()) else {
            return Ok(());
        };
        let Some(commit) = self.machine.take_commit() else {
            return Ok(());
        };
        journal.under_way = Some((commit, Stage::Writing(0)));
        self.push_commit()
    }

    /// Tells the machine of a commit that is done, early in a pass, so that the answers go out with this pass.
    pub(super) fn end_commit(&mut self) {
        let Some(journal) = &mut self.journal else { return };
        if let Some((commit, _)) = journal.under_way.take_if(|(_, stage)| matches!(stage, Stage::Done)) {
            if let Some(milestone) = commit.milestone {
                self.pass_milestone(milestone);
            }
            self.call(|machine| machine.committed(commit.bytes));
        }
    }

    fn pass_milestone(&self, milestone: Milestone) {
        let Some(journal) = &self.journal else { return };
        let mesh = Arc::clone(&self.mesh);
        let wake = move || mesh.doors().iter().for_each(|door| door.bell().ring());
        match milestone {
            Milestone::FileEnds => journal.rewrites.note_end(self.machine.affinity(), wake),
            Milestone::Complete => journal.rewrites.note_completion(wake),
        }
    }

    /// Asks the kernel for the next step of the commit under way.
    fn push_commit(&mut self) -> io::Result<()> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let (fd, token) = (Fd(journal.file.as_raw_fd()), Token::plain(Op::Log, 0).encode());
        let Some((commit, stage)) = &mut journal.under_way else {
            return Ok(());
        };
        let rest = match stage {
            Stage::Writing(written) => commit.bytes.get(*written..).unwrap_or_default(),
            _ => &[],
        };
        let entry = if !rest.is_empty() {
            let offset = commit.offset + (commit.bytes.len() - rest.len()) as u64;
            let length = rest.len().min(WRITE_BYTES_MAX) as u32;
            opcode::Write::new(fd, rest.as_ptr(), length).offset(offset).build()
        } else if commit.syncs {
            *stage = Stage::Syncing;
            opcode::Fsync::new(fd).flags(FsyncFlags::DATASYNC).build()
        } else {
            *stage = Stage::Done;
            self.again = true;
            return Ok(());
        };
        // SAFETY: the bytes are not touched before the completion, which moves the stage on. The buffer of a loop that ends before is leaked.
        unsafe { self.ring.push(&entry.user_data(token)) }
    }

    /// A step of the commit under way has ended.
    pub(super) fn commit_went_on(&mut self, result: i32) -> io::Result<()> {
        let journal = self.journal.as_mut().expect("only a log is written");
        let (_, stage) = journal.under_way.as_mut().expect("a commit under way stays");
        match (result, &mut *stage) {
            (code, _) if code == -libc::EINTR || code == -libc::EAGAIN => {}
            (code @ ..0, _) => return Err(failed(&io::Error::from_raw_os_error(-code))),
            (0, Stage::Writing(_)) => return Err(failed(&io::ErrorKind::WriteZero.into())),
            (written, Stage::Writing(so_far)) => *so_far += written as usize,
            (_, Stage::Syncing | Stage::Done) => {
                *stage = Stage::Done;
                return Ok(());
            }
        }
        self.push_commit()
    }

    /// Waits until the commit under way is done; other completions are handled later.
    fn wait_for_commit(&mut self) -> io::Result<()> {
        while let Some(journal) = &self.journal
            && let Some((_, Stage::Writing(_) | Stage::Syncing)) = journal.under_way
        {
            self.ring.enter(1, None)?;
            while let Some(completion) = self.ring.next() {
                if Token::decode(completion.user_data()).op == Op::Log {
                    self.commit_went_on(completion.result())?;
                } else {
                    self.completions.push_back(completion);
                }
            }
        }
        Ok(())
    }

    /// Writes what is left when the loop ends, and waits until it is on disk.
    pub(super) fn close_log(&mut self) -> io::Result<()> {
        self.wait_for_commit()?;
        self.end_commit();
        let until_us = monotonic_us() + CLOSING_US;
        while self.journal.is_some() && monotonic_us() < until_us {
            self.look_at_rewrites()?;
            let Some(commit) = self.machine.take_commit() else {
                if self.machine.uncommitted_bytes() == 0 {
                    return Ok(());
                }
                // Other shards have not ended their file yet.
                thread::sleep(NEXT_FILE_RETRY);
                continue;
            };
            self.write_last(&commit).map_err(|error| failed(&error))?;
            if let Some(milestone) = commit.milestone {
                self.pass_milestone(milestone);
            }
            self.machine.committed(commit.bytes);
        }
        match self.machine.uncommitted_bytes() {
            0 => Ok(()),
            bytes => Err(failed(&io::Error::other(format!(
                "{bytes} bytes are left that no file takes"
            )))),
        }
    }

    fn write_last(&self, commit: &Commit) -> io::Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        journal.file.write_all_at(&commit.bytes, commit.offset)?;
        journal.file.sync_data()
    }
}

fn failed(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("Error writing to the append only file: {error}"))
}
