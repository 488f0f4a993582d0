//! How a blocking command waits when a value of the right kind is not all that it waits for. Knows no client and no shard.

use super::args::{Args, OwnedArgs};
use super::key::{Key, KeyFlags};
use super::spec::Command;
use crate::base::time::UnixMillis;
use crate::keyspace::Entry;

/// What is at a key.
pub type Look<'l> = &'l dyn Fn(&[u8]) -> Option<&'l Entry>;

/// How a blocking command waits when a value of the right kind is not all that it waits for.
pub struct Waiting {
    /// Whether it waits for a change after which this entry is at this key at this time. An attempt must then serve it.
    pub ready: fn(Option<&Entry>, &[u8], Args<'_>, UnixMillis) -> bool,
    /// Whether time alone may bring what it waits for with these words.
    pub by_time: fn(Args<'_>) -> bool,
    /// The words to wait with: what they say about the moment of the first attempt, spelled out.
    pub fixed: Option<fn(Args<'_>, Look<'_>) -> OwnedArgs>,
    /// Whether an attempt needs all of its keys: without, it does what it can with those of one shard.
    pub needs_all_keys: bool,
}

impl Command {
    /// It waits in a way of its own.
    pub const fn waiting(mut self, waiting: &'static Waiting) -> Self {
        self.waiting = Some(waiting);
        self
    }

    /// Whether a blocked client's attempt must see all keys of the command: it puts something into one, or says so.
    pub fn needs_all_keys(&self) -> bool {
        let puts = |key: &Key| key.flags.has(KeyFlags::INSERT);
        self.keys.iter().any(puts) || self.waiting.is_some_and(|waiting| waiting.needs_all_keys)
    }

    /// Whether time alone may bring what a client waits for with these words.
    pub fn waits_for_time(&self, args: Args<'_>) -> bool {
        self.waiting.is_some_and(|waiting| (waiting.by_time)(args))
    }

    /// The words with which a client waits whose first attempt has found nothing.
    pub fn fixed_args(&self, args: Args<'_>, look: Look<'_>) -> Option<OwnedArgs> {
        let fixed = self.waiting?.fixed?;
        Some(fixed(args, look))
    }
}
