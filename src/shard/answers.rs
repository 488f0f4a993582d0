//! Answers that wait for a wake-up: a command that has woken a client whose transaction is still under way is answered after that, as if the client
//! had been served in the command's own instant. Otherwise somebody who has seen the answer could act before the client is served, and be
//! seen by it.

use std::ops::Range;

use super::message::{Message, Origin, Outbox, Stale};
use super::state::{Outcome, Shard};
use super::tracking::invalidation;
use crate::base::id::{ClientId, ShardId, TxId};

/// What is said once wake-ups are over, or changes on disk.
pub(super) enum Answer {
    /// The reply of a command or an EXEC.
    Done { origin: Origin, reply: Vec<u8> },
    /// To the client of an earlier answer, something in which has changed meanwhile.
    Invalid {
        reader: Origin,
        key: Box<[u8]>,
        by: ClientId,
    },
    /// To a transaction, the keys of which have woken somebody, or what it has changed.
    Settled { home: ShardId, tx: TxId },
    /// To a blocked client that was served.
    Served { to: ShardId, served: Message },
}

/// Answers that wait.
pub(super) struct Deferred {
    wakes: Vec<TxId>,
    answers: Vec<Answer>,
    /// What must be on disk before the answers are given.
    commit: Option<u64>,
    /// Databases were emptied meanwhile: those who cache what they read must not keep what the answers say.
    pub(super) is_stale: bool,
}

impl Deferred {
    fn concerns(&self, origin: Origin) -> bool {
        let is_for = |answer: &Answer| matches!(answer, Answer::Done { origin: other, .. } if *other == origin);
        self.answers.iter().any(is_for)
    }
}

impl Shard {
    /// Answers a request whose encoded reply lies at `reply` in the lane's arena: now, after the wake-ups that it has started, or when what it has
    /// changed is on disk. A client's later answers stay behind its earlier ones.
    pub(super) fn answer(&mut self, origin: Origin, reply: Range<usize>, out: &mut Outbox) {
        let commit = self.commit_of_request();
        if self.wakes.is_empty() && self.deferred.is_empty() && commit.is_none() && self.log.held.is_empty() {
            return out.done(origin, reply);
        }
        let wakes = std::mem::take(&mut self.wakes);
        let earlier = self
            .deferred
            .iter_mut()
            .rev()
            .find(|deferred| deferred.concerns(origin));
        let held = commit.or(self.log.held.commit_of(origin.client));
        if wakes.is_empty() && earlier.is_none() && held.is_none() {
            return out.done(origin, reply);
        }
        let bytes = &out.replies(origin.shard).bytes;
        let reply = bytes[reply].to_vec();
        let answer = Answer::Done { origin, reply };
        match (earlier, held) {
            (Some(deferred), _) => {
                deferred.wakes.extend(wakes);
                deferred.commit = deferred.commit.max(commit);
                deferred.answers.push(answer);
            }
            (None, Some(commit)) if wakes.is_empty() => self.log.held.push(commit, answer),
            (None, commit) => self.deferred.push(Deferred {
                wakes,
                answers: vec![answer],
                commit,
                is_stale: false,
            }),
        }
    }

    /// Holds back the reply of a command of this core that has started wake-ups, or whose changes must be on disk; then it comes by message.
    #[inline]
    pub(super) fn defer_here(&mut self, origin: Origin, reply: &[u8]) -> Outcome {
        let commit = self.commit_of_request();
        if self.wakes.is_empty() && commit.is_none() {
            return Outcome::Done;
        }
        self.defer_for(commit, origin, reply)
    }

    fn defer_for(&mut self, commit: Option<u64>, origin: Origin, reply: &[u8]) -> Outcome {
        let wakes = std::mem::take(&mut self.wakes);
        let reply = reply.to_vec();
        let answer = Answer::Done { origin, reply };
        match commit {
            Some(commit) if wakes.is_empty() => {
                self.log.held.push(commit, answer);
                Outcome::Held
            }
            _ => {
                self.deferred.push(Deferred {
                    wakes,
                    answers: vec![answer],
                    commit,
                    is_stale: false,
                });
                Outcome::Parked
            }
        }
    }

    /// Tells a blocked client that it was served, now or when what it was given is on disk; `before`: how much was recorded before.
    pub(super) fn tell_served(&mut self, to: ShardId, served: Message, before: u64, out: &mut Outbox) {
        match self.commit_since(before) {
            Some(commit) => self.log.held.push(commit, Answer::Served { to, served }),
            None => out.reply(to, served),
        }
    }

    /// Tells a transaction that its keys are back and their waiters served, or being served; then `Settled` follows.
    pub(super) fn confirm(&mut self, home: ShardId, tx: TxId, out: &mut Outbox) {
        let wakes = std::mem::take(&mut self.wakes);
        let settled = wakes.is_empty();
        out.reply(home, Message::Released { tx, settled });
        if !settled {
            self.deferred.push(Deferred {
                wakes,
                answers: vec![Answer::Settled { home, tx }],
                commit: None,
                is_stale: false,
            });
        }
    }

    /// Tells a reader what has changed behind its answer that waits, if one does.
    pub(super) fn tell_after_answer(&mut self, reader: Origin, key: &[u8], by: ClientId) -> bool {
        let mut waiting = self.deferred.iter_mut().rev();
        let deferred = waiting.find(|deferred| deferred.concerns(reader));
        let key = key.into();
        let answer = Answer::Invalid { reader, key, by };
        if let Some(deferred) = deferred {
            deferred.answers.push(answer);
            return true;
        }
        let Some(commit) = self.log.held.commit_of(reader.client) else {
            return false;
        };
        self.log.held.push(commit, answer);
        true
    }

    /// A wake-up is over: its client has been answered, waits again, or is gone.
    pub fn woke(&mut self, wake: TxId, out: &mut Outbox) {
        for deferred in &mut self.deferred {
            deferred.wakes.retain(|other| *other != wake);
        }
        for deferred in self.deferred.extract_if(.., |deferred| deferred.wakes.is_empty()) {
            for answer in deferred.answers {
                let held = answer.client().and_then(|client| self.log.held.commit_of(client));
                match deferred.commit.max(held) {
                    Some(commit) => self.log.held.push(commit, answer),
                    None => answer.send(deferred.is_stale, out),
                }
            }
        }
        self.release_answers(out);
    }
}

impl Answer {
    /// The client that is answered, behind whose earlier answers it stays.
    pub(super) fn client(&self) -> Option<ClientId> {
        match self {
            Answer::Done { origin, .. } => Some(origin.client),
            Answer::Invalid { reader, .. } => Some(reader.client),
            Answer::Settled { .. } | Answer::Served { .. } => None,
        }
    }

    /// Says it; when `is_stale`, who is answered must not keep what it says.
    pub(super) fn send(self, is_stale: bool, out: &mut Outbox) {
        match self {
            Answer::Served { to, served } => out.reply(to, served),
            Answer::Invalid { reader, key, by } => {
                out.reply(reader.shard, invalidation(reader, Stale::Keys(vec![key]), by));
            }
            Answer::Settled { home, tx } => out.reply(home, Message::Settled { tx }),
            Answer::Done { origin, reply } => {
                let reply = out.replies(origin.shard).append_reply(&reply);
                out.done(origin, reply);
                if is_stale {
                    out.reply(origin.shard, invalidation(origin, Stale::Everything, ClientId::NOBODY));
                }
            }
        }
    }
}
