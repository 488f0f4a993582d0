//! What a run has touched, and what it lacked: the keys with which it begins again.

use crate::command::args::append;
use crate::command::waiting::Look;
use crate::command::{Args, Command, Exec, Span};

/// Bytes of touched keys that are remembered; a script that touches more takes the whole keyspace when it lacks something.
const TOUCHED_BYTES_MAX: usize = 64 << 10;

/// What a run that was given up needs in order to run to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Keys, each once, in order.
    pub keys: Vec<Box<[u8]>>,
    /// Everything there is.
    pub whole: bool,
}

/// Memory that runs of scripts share, one after the other.
#[derive(Default)]
pub struct Scratch {
    /// The words of the command that the script calls.
    pub(super) words: Vec<u8>,
    pub(super) spans: Vec<Span>,
    /// Whether the keys that it touches are noted.
    notes: bool,
    /// Keys that the script has touched, back to back.
    touched: Vec<u8>,
    touched_spans: Vec<Span>,
    /// Whether there were too many to remember.
    overflowed: bool,
    /// Whether the last run lacked something, and whether that was more than keys.
    lacked: Option<bool>,
}

impl Scratch {
    /// A run begins, of which is noted or not what it touches.
    pub(super) fn begin(&mut self, notes: bool) {
        self.notes = notes;
        self.touched.clear();
        self.touched_spans.clear();
        self.overflowed = false;
        self.lacked = None;
    }

    /// The run lacks something; whether that is more than keys.
    pub(super) fn lack(&mut self, more_than_keys: bool) {
        self.lacked = Some(more_than_keys);
    }

    /// Whether a command touches a key that `has` does not know. All keys that it touches are noted, if any are.
    pub(super) fn misses(
        &mut self,
        has: &dyn Fn(&[u8]) -> bool,
        command: &Command,
        args: Args<'_>,
        look: Look<'_>,
    ) -> bool {
        let mut misses = false;
        let mut meet = |key: &[u8]| {
            self.touch(key);
            misses |= !has(key);
        };
        if let Some(at) = command.single_key() {
            meet(args.at(usize::from(at)));
        } else if command.has_keys() {
            // Words that do not fit the specification make the command answer an error.
            command.key_positions(args).into_iter().for_each(|at| meet(args.at(at)));
        }
        if let Exec::Roaming { touches, .. } = command.exec
            && !misses
        {
            touches(args, look, &mut |key| {
                self.touch(key);
                misses |= !has(key);
            });
        }
        misses
    }

    fn touch(&mut self, key: &[u8]) {
        if !self.notes {
            return;
        }
        if self.touched.len() + key.len() > TOUCHED_BYTES_MAX {
            self.overflowed = true;
        } else {
            let span = append(&mut self.touched, key);
            self.touched_spans.push(span);
        }
    }

    /// What the last run needs, if it lacked something: all that it has touched.
    pub fn take_needs(&mut self) -> Option<Needs> {
        let whole = self.lacked.take()? || self.overflowed;
        let word = |span: &Span| &self.touched[span.start as usize..span.start as usize + span.len as usize];
        let mut keys: Vec<Box<[u8]>> = self.touched_spans.iter().map(|span| word(span).into()).collect();
        keys.sort_unstable();
        keys.dedup();
        Some(Needs { keys, whole })
    }
}
