//! How long the running script has run: looks at the clock now and then, and tells the process when clients are kept waiting.

use std::sync::Arc;

use super::registry::Registry;
use super::running::Slow;
use crate::base::id::ShardId;
use crate::base::time::Now;
use crate::command::Args;
use crate::command::exec::Program;
use crate::config::Config;

/// Who serves the clients of a shard that a script occupies.
pub trait Meanwhile {
    /// Serves what is to be served now; whether the server is to end, and the script with it.
    fn serve(&self, shard: ShardId, config: &Config, now: Now) -> bool;

    /// The script is over.
    fn end(&self);
}

/// Watches one run of a script.
pub struct Watch<'w> {
    registry: &'w Arc<Registry>,
    meanwhile: Option<&'w dyn Meanwhile>,
    program: Program,
    words: Args<'w>,
    /// When the script was looked at first, monotonic microseconds.
    began_us: Option<u64>,
    slow: Option<Arc<Slow>>,
}

impl<'w> Watch<'w> {
    pub(super) fn new(
        registry: &'w Arc<Registry>,
        meanwhile: Option<&'w dyn Meanwhile>,
        program: Program,
        words: Args<'w>,
    ) -> Self {
        Watch {
            registry,
            meanwhile,
            program,
            words,
            began_us: None,
            slow: None,
        }
    }

    /// Looks at the clock; `changed` tells whether the script has written. Answers whether it is to end.
    pub(super) fn look(&mut self, shard: ShardId, config: &Config, now: Now, changed: bool) -> bool {
        if let Some(slow) = &self.slow {
            let ends = self
                .meanwhile
                .is_some_and(|meanwhile| meanwhile.serve(shard, config, now));
            return ends || slow.is_killed();
        }
        let threshold_ms = config.busy_reply_threshold_ms;
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
            if let Some(meanwhile) = self.meanwhile {
                meanwhile.end();
            }
        }
    }
}
