//! What the link has sent to this server and is not answered yet, and up to where the primary's stream is applied.

use std::collections::{HashSet, VecDeque};

/// How many kinds of errors are told apart.
const KINDS_MAX: usize = 32;

/// A place in the primary's stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Bytes of the stream before it.
    pub offset: u64,
    /// The database that is selected there.
    pub db: u64,
}

/// What follows when a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The stream is applied up to here.
    pub applied: Position,
    /// It must not be refused: it is a part of the primary's data, or decides where others go.
    pub is_vital: bool,
    /// The primary waits to hear of it.
    pub acknowledges: bool,
}

/// What is sent and not answered.
#[derive(Debug, Default)]
pub struct Ledger {
    due: VecDeque<Due>,
    applied: Position,
    /// Why the link cannot go on.
    failure: Option<String>,
    errors: u64,
    kinds: HashSet<String>,
}

impl Ledger {
    /// Nothing is sent, and the stream is applied up to `applied`.
    pub fn new(applied: Position) -> Self {
        Ledger {
            applied,
            ..Ledger::default()
        }
    }

    /// A request is sent.
    pub fn send(&mut self, due: Due) {
        self.due.push_back(due);
    }

    /// Up to `to` the stream has nothing that is sent.
    pub fn pass(&mut self, to: Position) {
        match self.due.back_mut() {
            Some(last) => last.applied = to,
            None => self.applied = to,
        }
    }

    /// The primary wants to hear when all that was sent is applied. True when it is already.
    pub fn acknowledge(&mut self) -> bool {
        match self.due.back_mut() {
            Some(last) => {
                last.acknowledges = true;
                false
            }
            None => true,
        }
    }

    /// The first request is answered, perhaps by an error. Tells whether the primary is to hear of it.
    pub fn settle(&mut self, error: Option<String>) -> bool {
        let Some(due) = self.due.pop_front() else {
            self.failure
                .get_or_insert("an answer that nothing was asked for".to_owned());
            return false;
        };
        if let Some(error) = error {
            // What was put off would be lost, which is worse than all from the start.
            if due.is_vital || error.starts_with("BUSY ") {
                self.failure.get_or_insert(error);
                return false;
            }
            self.note_error(&error);
        }
        self.applied = due.applied;
        due.acknowledges
    }

    /// Each kind of error is told once.
    fn note_error(&mut self, error: &str) {
        self.errors += 1;
        let kind = error.split(' ').next().unwrap_or_default();
        if self.kinds.len() < KINDS_MAX && self.kinds.insert(kind.to_owned()) {
            log::error!("This replica cannot do what its primary did, and differs from it now: {error}");
        }
    }

    /// The connection within the server has ended.
    pub fn cut(&mut self) {
        self.failure
            .get_or_insert("the connection within the server has ended".to_owned());
    }

    /// Why the link cannot go on, if so.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Whether all that was sent is answered.
    pub fn is_settled(&self) -> bool {
        self.due.is_empty()
    }

    /// Up to where the stream is applied.
    pub fn applied(&self) -> Position {
        self.applied
    }

    /// How many requests were refused.
    pub fn errors(&self) -> u64 {
        self.errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(offset: u64) -> Due {
        Due {
            applied: Position { offset, db: 0 },
            is_vital: false,
            acknowledges: false,
        }
    }

    #[test]
    fn what_is_answered_is_applied() {
        let mut ledger = Ledger::new(Position { offset: 5, db: 0 });
        ledger.pass(Position { offset: 9, db: 0 });
        assert_eq!(ledger.applied().offset, 9);
        assert!(ledger.acknowledge(), "all is applied");
        ledger.send(due(20));
        ledger.send(due(30));
        ledger.pass(Position { offset: 34, db: 0 });
        assert!(!ledger.acknowledge());
        assert!(!ledger.settle(None));
        assert_eq!(ledger.applied().offset, 20);
        assert!(ledger.settle(Some("WRONGTYPE no".into())));
        assert_eq!((ledger.applied().offset, ledger.errors()), (34, 1));
        assert!(ledger.is_settled() && ledger.failure().is_none());
    }

    #[test]
    fn what_must_not_be_refused_ends_the_link() {
        for (is_vital, error) in [(true, "ERR Bad data format"), (false, "BUSY a script runs")] {
            let mut ledger = Ledger::default();
            ledger.send(Due { is_vital, ..due(7) });
            ledger.settle(Some(error.into()));
            assert_eq!((ledger.failure(), ledger.applied().offset), (Some(error), 0));
        }
        let mut ledger = Ledger::default();
        ledger.settle(None);
        assert!(ledger.failure().is_some());
    }
}
