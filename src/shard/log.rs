//! The log as a shard sees it: frames of what its requests have changed, handed out once a pass, and the answers that wait until these are on disk.
//!
//! With `appendfsync always` nobody is told of a change before it is on disk, and of one that is part of a transaction over several shards not before
//! all its parts are: what is left of the logs after a crash ends before a transaction that is not whole everywhere. Requests that change nothing are
//! answered at once, also while a write is under way. Knows no file.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use hashbrown::HashMap;

use super::answers::Answer;
use super::emission::Emission;
use super::message::{Message, Outbox};
use super::state::Shard;
use crate::base::id::{ClientId, ShardId, TxId};
use crate::base::time::UnixMillis;
use crate::command::Text;
use crate::command::redo::Rewrite;
use crate::config::SyncPolicy;
use crate::format::frame::{self, Head, Shards};
use crate::keyspace::Keyspace;

/// How long what was written may be kept from the disk with `appendfsync everysec`, microseconds.
const SYNC_EVERY_US: u64 = 1_000_000;

/// A transaction's parts that are not on disk yet, counted over all shards.
#[derive(Debug)]
pub struct Parts {
    tx: TxId,
    shards: Shards,
    unsynced: AtomicUsize,
}

impl Parts {
    /// The parts of a transaction, one on each of `shards`; `tx` names it in the logs.
    pub fn new(tx: TxId, shards: Shards) -> Self {
        let unsynced = AtomicUsize::new(shards.len());
        Parts { tx, shards, unsynced }
    }

    fn are_synced(&self) -> bool {
        self.unsynced.load(Ordering::Acquire) == 0
    }
}

/// What a transaction has changed of a shard's keys.
#[derive(Debug)]
pub struct Logged {
    /// Its records, encoded.
    pub records: Vec<u8>,
    /// The clock of the run.
    pub now: UnixMillis,
    /// When it has changed other shards too.
    pub parts: Option<Arc<Parts>>,
    /// Answer `Settled` when all its parts are on disk.
    pub confirm: bool,
    /// With this the log begins anew, on all shards.
    pub rewrites: bool,
}

/// Where a shard's log goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Bytes of the file.
    pub bytes: u64,
    /// Frames in it.
    pub frames: u64,
}

/// What is to be written to the file.
#[derive(Debug)]
pub struct Commit {
    /// Frames; none when only the disk is to be reached.
    pub bytes: Vec<u8>,
    /// Where they go.
    pub offset: u64,
    /// Whether all that was written must reach the disk.
    pub syncs: bool,
    /// What comes with its end.
    pub milestone: Option<Milestone>,
}

/// What the end of a commit means to a log that is begun anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// The file is at its end; the next commit goes to the next one, when all shards are so far.
    FileEnds,
    /// The file has all that there is: those before it are not needed any more.
    Complete,
}

/// What a process's shards tell of their logs, for each other and INFO.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of all files that are written to.
    pub bytes: AtomicU64,
    /// As many when the log had been begun anew.
    pub base_bytes: AtomicU64,
    /// Whether it is being begun anew.
    pub is_rewriting: AtomicBool,
    /// How often that has succeeded, and failed since it last did.
    pub rewrites: AtomicU64,
    pub failures: AtomicU64,
    /// Whether there is a log.
    pub is_kept: AtomicBool,
}

impl Progress {
    /// Fields of INFO.
    pub fn tell(&self, out: &mut Vec<Text>) {
        let flag = |flag: &AtomicBool| u8::from(flag.load(Ordering::Relaxed)).to_string();
        let number = |number: &AtomicU64| number.load(Ordering::Relaxed).to_string();
        let status = if self.failures.load(Ordering::Relaxed) == 0 {
            "ok"
        } else {
            "err"
        };
        out.extend([
            ("aof_enabled", flag(&self.is_kept)),
            ("aof_rewrite_in_progress", flag(&self.is_rewriting)),
            ("aof_last_bgrewrite_status", status.to_owned()),
            ("aof_rewrites", number(&self.rewrites)),
            ("aof_rewrites_consecutive_failures", number(&self.failures)),
        ]);
        if self.is_kept.load(Ordering::Relaxed) {
            out.push(("aof_current_size", number(&self.bytes)));
            out.push(("aof_base_size", number(&self.base_bytes)));
        }
    }
}

/// An answer, and the commit that it waits for.
struct Held {
    commit: u64,
    answer: Answer,
    is_stale: bool,
}

/// Answers that wait for commits.
#[derive(Default)]
pub(super) struct HeldAnswers {
    /// In the order in which they are given.
    queue: VecDeque<Held>,
    /// For each client how many there are, and the last one's commit.
    clients: HashMap<ClientId, (usize, u64)>,
}

impl HeldAnswers {
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The commit of the last answer that waits for a client.
    pub fn commit_of(&self, client: ClientId) -> Option<u64> {
        self.clients.get(&client).map(|(_, commit)| *commit)
    }

    pub fn push(&mut self, commit: u64, answer: Answer) {
        if let Some(client) = answer.client() {
            let (count, last) = self.clients.entry(client).or_insert((0, commit));
            *count += 1;
            *last = commit.max(*last);
        }
        let is_stale = false;
        self.queue.push_back(Held {
            commit,
            answer,
            is_stale,
        });
    }

    /// Databases were emptied: those who cache what they read must not keep what the answers say.
    pub fn become_stale(&mut self) {
        self.queue.iter_mut().for_each(|held| held.is_stale = true);
    }

    /// The first answer, if it waits for none of the commits from `limit` on.
    fn pop_before(&mut self, limit: u64) -> Option<Held> {
        let held = self.queue.pop_front_if(|held| held.commit < limit)?;
        if let Some(client) = held.answer.client()
            && let Some((count, _)) = self.clients.get_mut(&client)
        {
            *count -= 1;
            if *count == 0 {
                self.clients.remove(&client);
            }
        }
        Some(held)
    }
}

/// Part of a transaction in a commit.
struct InCommit {
    commit: u64,
    parts: Arc<Parts>,
    /// Whether this part is on disk, and counted.
    synced: bool,
}

/// A commit that is being written.
struct UnderWay {
    commit: u64,
    syncs: bool,
    milestone: Option<Milestone>,
}

/// A shard's log.
#[derive(Default)]
pub(super) struct Log {
    is_kept: bool,
    /// Frames that were not handed out.
    frames: Vec<u8>,
    /// How many there have been.
    frame_count: u64,
    /// Bytes that were handed out, and how many of them are on disk.
    written_bytes: u64,
    synced_bytes: u64,
    /// The commit that is being collected, and the first one that is not on disk.
    open: u64,
    unsynced: u64,
    /// The commit that is being written.
    under_way: Option<UnderWay>,
    /// The last frames of a file after which another one begins, where they go, and their commit.
    last_of_file: Option<(Vec<u8>, u64, u64)>,
    /// Nothing can be written before the next file is there.
    awaits_file: bool,
    /// The values that are recorded while the log begins anew.
    pub emission: Option<Emission>,
    /// Since when there is something that is not on disk, monotonic microseconds.
    dirty_since_us: u64,
    /// Parts of transactions, by commit, until all their parts are on disk.
    parts: VecDeque<InCommit>,
    /// Bytes of records in frames so far, and of all records when the last request was answered.
    framed: u64,
    answered: u64,
    pub held: Box<HeldAnswers>,
}

impl Log {
    /// Up to which commit everything is on disk, all parts of its transactions included.
    fn durable_before(&mut self) -> u64 {
        while self
            .parts
            .pop_front_if(|part| part.synced && part.parts.are_synced())
            .is_some()
        {}
        let whole = self.parts.iter().find(|part| !part.parts.are_synced());
        whole.map_or(self.unsynced, |part| part.commit.min(self.unsynced))
    }

    /// What has been framed is the last of its file. What comes belongs to another commit: it is on disk later.
    pub fn end_file(&mut self) {
        let last = std::mem::take(&mut self.frames);
        self.last_of_file = Some((last, self.written_bytes, self.open));
        self.open += 1;
        (self.written_bytes, self.synced_bytes, self.frame_count) = (0, 0, 0);
    }

    /// The last commit of a file, if it is to be written now.
    fn last_commit(&mut self) -> Option<Commit> {
        let (bytes, offset, commit) = self.last_of_file.take()?;
        let milestone = Some(Milestone::FileEnds);
        self.under_way = Some(UnderWay {
            commit,
            syncs: true,
            milestone,
        });
        Some(Commit {
            bytes,
            offset,
            syncs: true,
            milestone,
        })
    }
}

impl Shard {
    /// Begins with what the log has; from now on changes are logged, behind what is in the file.
    pub fn keep_log(&mut self, keyspace: Box<Keyspace>, position: Position) {
        self.keyspace = Some(keyspace);
        self.progress.is_kept.store(true, Ordering::Relaxed);
        self.log.is_kept = true;
        self.log.frame_count = position.frames;
        (self.log.written_bytes, self.log.synced_bytes) = (position.bytes, position.bytes);
        self.effects.redo.set_wanted(true);
    }

    /// Whether changes are logged.
    pub fn keeps_log(&self) -> bool {
        self.log.is_kept
    }

    /// Whether answers wait until what they tell of is on disk.
    #[inline]
    pub fn answers_wait_for_disk(&self) -> bool {
        self.log.is_kept && self.config.appendfsync == SyncPolicy::Always
    }

    /// How many bytes have been recorded so far.
    #[inline]
    pub(super) fn recorded(&self) -> u64 {
        self.log.framed + self.effects.redo.len() as u64
    }

    /// The commit that must be on disk before the request that has just run is answered, if it has changed something.
    #[inline]
    pub(super) fn commit_of_request(&mut self) -> Option<u64> {
        if !self.answers_wait_for_disk() {
            return None;
        }
        let recorded = self.recorded();
        let before = std::mem::replace(&mut self.log.answered, recorded);
        (before != recorded).then_some(self.log.open)
    }

    /// The commit for which to wait with what follows from something that has happened when `before` bytes were recorded.
    pub(super) fn commit_since(&self, before: u64) -> Option<u64> {
        (self.answers_wait_for_disk() && self.recorded() != before).then_some(self.log.open)
    }

    /// Makes a frame of what has been recorded; before the clocks move on.
    pub fn seal_frame(&mut self) {
        if !self.effects.redo.is_empty() {
            let records = self.effects.redo.take();
            self.add_frame(&records, self.now.unix_ms(), None);
            self.effects.redo.reuse(records);
        }
    }

    fn add_frame(&mut self, records: &[u8], now: UnixMillis, part_of: Option<(TxId, Shards)>) {
        let log = &mut self.log;
        let head = Head {
            now,
            number: log.frame_count,
            synced_bytes: log.synced_bytes,
            part_of,
        };
        frame::write(&head, records, &mut log.frames);
        log.frame_count += 1;
        log.framed += records.len() as u64;
    }

    /// Logs what a transaction has changed of this shard's keys, before anything else happens to them.
    pub(super) fn log_part(&mut self, home: ShardId, tx: TxId, logged: Logged) {
        let Logged {
            records,
            now,
            parts,
            confirm,
            rewrites,
        } = logged;
        self.seal_frame();
        if rewrites {
            self.begin_generation();
        }
        if records.is_empty() {
            return;
        }
        let part_of = parts.as_ref().map(|parts| (parts.tx, parts.shards.clone()));
        self.add_frame(&records, now, part_of);
        let commit = self.log.open;
        if confirm {
            self.log.parts.extend(parts.map(|parts| InCommit {
                commit,
                parts,
                synced: false,
            }));
            self.log.held.push(commit, Answer::Settled { home, tx });
        }
    }

    /// What was recorded since the last answer belongs to no request.
    pub(super) fn disown_records(&mut self) {
        self.log.answered = self.recorded();
    }

    /// What is to be written now; nothing while the commit before is being written.
    pub fn take_commit(&mut self) -> Option<Commit> {
        if !self.log.is_kept || self.log.under_way.is_some() || self.log.awaits_file {
            return None;
        }
        if self.effects.redo.rewrite == Rewrite::Asked {
            self.begin_generation();
        }
        self.seal_frame();
        let (policy, now_us) = (self.config.appendfsync, self.now.mono_us);
        let log = &mut self.log;
        if log.last_of_file.is_some() {
            return log.last_commit();
        }
        let milestone = log.emission.take_if(|emission| emission.is_done());
        let milestone = milestone.map(|_| Milestone::Complete);
        let was_clean = log.written_bytes == log.synced_bytes;
        let is_clean = was_clean && log.frames.is_empty();
        if was_clean && !is_clean {
            log.dirty_since_us = now_us;
        }
        let is_due = match policy {
            SyncPolicy::Always => true,
            SyncPolicy::EverySecond => log.dirty_since_us + SYNC_EVERY_US <= now_us,
            SyncPolicy::Never => false,
        };
        let syncs = milestone.is_some() || !log.held.is_empty() || !is_clean && is_due;
        if log.frames.is_empty() && !syncs {
            return None;
        }
        let bytes = std::mem::take(&mut log.frames);
        let offset = log.written_bytes;
        log.written_bytes += bytes.len() as u64;
        log.under_way = Some(UnderWay {
            commit: log.open,
            syncs,
            milestone,
        });
        log.open += 1;
        self.progress.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Some(Commit {
            bytes,
            offset,
            syncs,
            milestone,
        })
    }

    /// The next file is there, and all shards have ended the one before.
    pub fn file_is_ready(&mut self) {
        self.log.awaits_file = false;
    }

    /// The log has been begun anew, on all shards.
    pub fn rewrite_is_over(&mut self) {
        self.effects.redo.rewrite = Rewrite::No;
    }

    /// How many bytes wait to be handed out.
    pub fn uncommitted_bytes(&self) -> usize {
        self.log.frames.len() + self.effects.redo.len()
    }

    /// The commit has been written, and is on disk if that was asked for; `buffer` had its bytes.
    pub fn committed(&mut self, mut buffer: Vec<u8>, out: &mut Outbox) {
        let log = &mut self.log;
        if log.frames.is_empty() && buffer.capacity() <= FRAMES_KEPT_BYTES {
            buffer.clear();
            log.frames = buffer;
        }
        let ended = log.under_way.take();
        let UnderWay {
            commit,
            syncs,
            milestone,
        } = ended.expect("one commit is written at a time");
        if !syncs {
            return;
        }
        log.awaits_file = milestone == Some(Milestone::FileEnds);
        if !log.awaits_file {
            log.synced_bytes = log.written_bytes;
        }
        log.dirty_since_us = self.now.mono_us;
        log.unsynced = commit + 1;
        let on_disk = |part: &&mut InCommit| part.commit < log.unsynced && !part.synced;
        for part in log.parts.iter_mut().filter(on_disk) {
            part.synced = true;
            if part.parts.unsynced.fetch_sub(1, Ordering::AcqRel) == 1 {
                let others = part.parts.shards.iter().filter(|&&shard| shard != self.id);
                others.for_each(|&shard| out.reply(shard, Message::Synced));
            }
        }
        self.release_answers(out);
    }

    /// Gives the answers that wait for nothing any more.
    pub fn release_answers(&mut self, out: &mut Outbox) {
        let limit = self.log.durable_before();
        while let Some(held) = self.log.held.pop_before(limit) {
            held.answer.send(held.is_stale, out);
        }
    }

    /// When [`Shard::take_commit`] will have something although nothing happens, monotonic microseconds.
    pub fn sync_deadline_us(&self) -> Option<u64> {
        let log = &self.log;
        let may_commit = log.is_kept && log.under_way.is_none() && !log.awaits_file;
        let waits = may_commit && log.written_bytes > log.synced_bytes;
        (waits && self.config.appendfsync == SyncPolicy::EverySecond).then_some(log.dirty_since_us + SYNC_EVERY_US)
    }
}

/// The most memory that is kept for the next frames, in bytes.
const FRAMES_KEPT_BYTES: usize = 1 << 20;
