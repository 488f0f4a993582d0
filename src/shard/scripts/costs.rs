//! Which scripts could not run on one shard, and how often: so that an operator sees those that cost.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

use crate::command::{Args, Program};
use crate::script::Sha;

/// Scripts that are counted one by one; those that come later are not.
const NAMES_MAX: usize = 1000;
/// Scripts that are told.
const TOLD_MAX: usize = 10;

/// Runs of one script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Over keys that shards had lent.
    pub lent: u64,
    /// Over the whole keyspace.
    pub whole: u64,
}

/// The costly scripts of a process, by digest or function name.
#[derive(Default)]
pub struct Costs(Mutex<HashMap<Box<str>, Cost>>);

impl Costs {
    fn costs(&self) -> MutexGuard<'_, HashMap<Box<str>, Cost>> {
        // A panic elsewhere leaves the table as it is: each change is one insertion or addition.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a run of what `args` name.
    pub fn note(&self, program: Program, args: Args<'_>, count: impl FnOnce(&mut Cost)) {
        let word = args.at(1);
        let name = match program {
            Program::Text => String::from_utf8_lossy(&Sha::of(word).hex()).into_owned(),
            Program::Digest => String::from_utf8_lossy(word).to_ascii_lowercase(),
            Program::Function => String::from_utf8_lossy(word).into_owned(),
        };
        let mut costs = self.costs();
        if costs.len() < NAMES_MAX || costs.contains_key(&*name) {
            count(costs.entry(name.into()).or_default());
        }
    }

    /// The scripts that ran most often so, a line each.
    pub fn text(&self) -> String {
        let costs = self.costs();
        let mut sorted: Vec<(&str, Cost)> = costs.iter().map(|(name, cost)| (&**name, *cost)).collect();
        sorted.sort_unstable_by_key(|(name, cost)| (std::cmp::Reverse(cost.lent + cost.whole), *name));
        let line = |(name, cost): &(&str, Cost)| format!("script={name},lent={},whole={}", cost.lent, cost.whole);
        let lines: Vec<String> = sorted.iter().take(TOLD_MAX).map(line).collect();
        lines.join("\n")
    }

    /// Forgets all.
    pub fn reset(&self) {
        self.costs().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::OwnedArgs;

    #[test]
    fn the_costliest_come_first_whatever_they_are_called_by() {
        let costs = Costs::default();
        let text = OwnedArgs::from_words([b"EVAL".as_slice(), b"return 1", b"0"]);
        let digest = OwnedArgs::from_words([b"EVALSHA".as_slice(), b"E0E1F9FABFC9D4800C877A703B823AC0578FF8DB", b"0"]);
        let function = OwnedArgs::from_words([b"FCALL".as_slice(), b"f", b"0"]);
        costs.note(Program::Function, function.as_args(), |cost| cost.lent += 1);
        costs.note(Program::Text, text.as_args(), |cost| cost.lent += 1);
        costs.note(Program::Digest, digest.as_args(), |cost| cost.whole += 1);
        assert_eq!(
            costs.text(),
            "script=e0e1f9fabfc9d4800c877a703b823ac0578ff8db,lent=1,whole=1\nscript=f,lent=1,whole=0"
        );
        costs.reset();
        assert_eq!(costs.text(), "");
    }
}
