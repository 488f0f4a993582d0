//! Answers that wait for a wake-up: a command that has woken a client whose transaction is still under way is answered after that, as if the client
//! had been served in the command's own instant. Otherwise somebody who has seen the answer could act before the client is served, and be
//! seen by it.

use super::message::{Message, Origin, Outbox, Stale};
use super::state::Shard;
use super::tracking::invalidation;
use crate::base::id::{ClientId, ShardId, TxId};
use crate::protocol::request::Span;

/// What is said once wake-ups are over.
enum Answer {
    /// The reply of a command or an EXEC.
    Done { origin: Origin, reply: Vec<u8> },
    /// To the client of an earlier answer, something in which has changed meanwhile.
    Invalid {
        reader: Origin,
        key: Box<[u8]>,
        by: ClientId,
    },
    /// To a transaction, the keys of which have woken somebody.
    Settled { home: ShardId, tx: TxId },
}

/// Answers that wait.
pub(super) struct Deferred {
    wakes: Vec<TxId>,
    answers: Vec<Answer>,
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
    /// Answers a request whose encoded reply lies at `reply` in the lane's arena, now or after the wake-ups that it has started. A client's later
    /// answers stay behind its earlier ones.
    pub(super) fn answer(&mut self, origin: Origin, reply: Span, out: &mut Outbox) {
        if self.wakes.is_empty() && self.deferred.is_empty() {
            return out.done(origin, reply);
        }
        let wakes = std::mem::take(&mut self.wakes);
        let earlier = self
            .deferred
            .iter_mut()
            .rev()
            .find(|deferred| deferred.concerns(origin));
        if wakes.is_empty() && earlier.is_none() {
            return out.done(origin, reply);
        }
        let bytes = &out.replies(origin.shard).bytes;
        let reply = bytes[reply.start as usize..reply.start as usize + reply.len as usize].to_vec();
        let answer = Answer::Done { origin, reply };
        match earlier {
            Some(deferred) => {
                deferred.wakes.extend(wakes);
                deferred.answers.push(answer);
            }
            None => self.deferred.push(Deferred {
                wakes,
                answers: vec![answer],
                is_stale: false,
            }),
        }
    }

    /// Holds back the reply of a command of this core that has started wake-ups; it comes by message. Tells whether it did.
    pub(super) fn defer_here(&mut self, origin: Origin, reply: &[u8]) -> bool {
        if self.wakes.is_empty() {
            return false;
        }
        let wakes = std::mem::take(&mut self.wakes);
        let answers = vec![Answer::Done {
            origin,
            reply: reply.to_vec(),
        }];
        let is_stale = false;
        self.deferred.push(Deferred {
            wakes,
            answers,
            is_stale,
        });
        true
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
                is_stale: false,
            });
        }
    }

    /// Tells a reader what has changed behind its answer that waits, if one does.
    pub(super) fn tell_after_answer(&mut self, reader: Origin, key: &[u8], by: ClientId) -> bool {
        let mut waiting = self.deferred.iter_mut().rev();
        let Some(deferred) = waiting.find(|deferred| deferred.concerns(reader)) else {
            return false;
        };
        let key = key.into();
        deferred.answers.push(Answer::Invalid { reader, key, by });
        true
    }

    /// A wake-up is over: its client has been answered, waits again, or is gone.
    pub fn woke(&mut self, wake: TxId, out: &mut Outbox) {
        for deferred in &mut self.deferred {
            deferred.wakes.retain(|other| *other != wake);
        }
        for deferred in self.deferred.extract_if(.., |deferred| deferred.wakes.is_empty()) {
            for answer in deferred.answers {
                answer.send(deferred.is_stale, out);
            }
        }
    }
}

impl Answer {
    /// Says it; when `is_stale`, who is answered must not keep what it says.
    fn send(self, is_stale: bool, out: &mut Outbox) {
        match self {
            Answer::Invalid { reader, key, by } => {
                out.reply(reader.shard, invalidation(reader, Stale::Keys(vec![key]), by));
            }
            Answer::Settled { home, tx } => out.reply(home, Message::Settled { tx }),
            Answer::Done { origin, reply } => {
                let reply = crate::command::args::append(&mut out.replies(origin.shard).bytes, &reply);
                out.done(origin, reply);
                if is_stale {
                    out.reply(origin.shard, invalidation(origin, Stale::Everything, ClientId::NOBODY));
                }
            }
        }
    }
}
