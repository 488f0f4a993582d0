//! How long the running script has run: looks at the clock now and then, and tells the process when clients are kept waiting.

use std::sync::Arc;

use super::registry::Registry;
use super::running::Slow;
use crate::base::id::ShardId;
use crate::command::Args;
use crate::command::exec::Program;

/// Watches one run of a script.
pub struct Watch<'w> {
    registry: &'w Arc<Registry>,
    program: Program,
    words: Args<'w>,
    /// When the script was looked at first, monotonic microseconds.
    began_us: Option<u64>,
    slow: Option<Arc<Slow>>,
}

impl<'w> Watch<'w> {
    pub(super) fn new(registry: &'w Arc<Registry>, program: Program, words: Args<'w>) -> Self {
        Watch {
            registry,
            program,
            words,
            began_us: None,
            slow: None,
        }
    }

    /// Looks at the clock; `changed` tells whether the script has written. Answers whether it is to end.
    pub(super) fn look(&mut self, shard: ShardId, threshold_ms: u64, changed: bool) -> bool {
        if let Some(slow) = &self.slow {
            return slow.is_killed();
        }
        let Some(now_us) = self.registry.now_us() else {
            return false;
        };
        let began_us = *self.began_us.get_or_insert(now_us);
        if threshold_ms > 0 && now_us.saturating_sub(began_us) > threshold_ms.saturating_mul(1000) {
            let function = (self.program == Program::Function).then(|| self.words.at(1));
            let words = self.words.iter().map(Box::from).collect();
            let slow = self.registry.slow.add(shard, function, words, began_us, changed);
            self.slow = Some(slow);
        }
        false
    }

    /// The script is about to write: false when it was killed before that.
    #[inline]
    pub(super) fn may_change(&self) -> bool {
        self.slow.as_ref().is_none_or(|slow| slow.may_change())
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(slow) = &self.slow {
            self.registry.slow.remove(slow);
        }
    }
}
