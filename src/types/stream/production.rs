//! What producers have added lately, so that what one adds again is not added twice. Knows no entry and no clock.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use hashbrown::HashMap;

use super::id::StreamId;
use crate::base::size_class::good_size;

/// Bytes by which a producer names an entry, or that stand for what is in it.
type Token = Box<[u8]>;

/// How long tokens are remembered, and how many of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Seconds.
    pub duration_s: u64,
    /// Tokens of each producer.
    pub tokens_max: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            duration_s: 100,
            tokens_max: 100,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Producer {
    added: HashMap<Token, StreamId>,
    /// The tokens in the order in which they were added, with the Unix milliseconds.
    order: VecDeque<(i64, Token)>,
    token_bytes: usize,
}

impl Producer {
    fn forget(&mut self, goes: impl Fn(i64, usize) -> bool) {
        while let Some((at, _)) = self.order.front()
            && goes(*at, self.order.len())
        {
            let (_, token) = self.order.pop_front().expect("there is a first one");
            self.token_bytes -= 2 * good_size(token.len());
            self.added.remove(&token);
        }
    }
}

/// The producers of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Production {
    memory: Memory,
    producers: BTreeMap<Box<[u8]>, Producer>,
    /// Up to which producer was looked for what is too old.
    swept: Option<Box<[u8]>>,
    added: u64,
    duplicates: u64,
}

/// What is remembered, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Producers.
    pub producers: usize,
    /// Tokens of all producers.
    pub tokens: usize,
    /// Entries that were ever added with a token.
    pub added: u64,
    /// How often such an entry was not added again.
    pub duplicates: u64,
}

impl Production {
    /// How long and how much is remembered.
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// Sets how long and how much is remembered; another setting than before forgets everything.
    pub fn set_memory(&mut self, memory: Memory) {
        if memory != self.memory {
            self.memory = memory;
            self.producers.clear();
        }
    }

    /// All that is remembered, each producer's oldest first: the producer, the token, the entry, and when it was added, Unix milliseconds.
    pub fn tokens(&self) -> impl Iterator<Item = (&[u8], &[u8], StreamId, i64)> {
        self.producers.iter().flat_map(|(name, producer)| {
            let added = producer.order.iter();
            added.filter_map(|(at, token)| Some((&**name, &**token, *producer.added.get(token)?, *at)))
        })
    }

    /// The entry that `producer` has added with `token`, if that is remembered at `now_ms`; counts it as a duplicate.
    pub fn duplicate(&mut self, producer: &[u8], token: &[u8], now_ms: i64) -> Option<StreamId> {
        let since = self.since(now_ms);
        let known = self.producers.get_mut(producer)?;
        known.forget(|at, _| at <= since);
        let id = *known.added.get(token)?;
        self.duplicates += 1;
        Some(id)
    }

    /// Remembers an entry. O(log n), amortised over what is forgotten.
    pub fn remember(&mut self, producer: &[u8], token: &[u8], id: StreamId, now_ms: i64) {
        let (since, max) = (self.since(now_ms), self.memory.tokens_max);
        self.sweep(since);
        let known = self.producers.entry(producer.into()).or_default();
        known.forget(|at, len| at <= since || len >= max);
        known.added.insert(token.into(), id);
        known.order.push_back((now_ms, token.into()));
        known.token_bytes += 2 * good_size(token.len());
        self.added += 1;
    }

    /// Forgets what is too old of two producers, the next ones in turn: more than one comes with each entry that is remembered.
    fn sweep(&mut self, since: i64) {
        for _ in 0..2 {
            let next = {
                let from = self.swept.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
                self.producers.range_mut::<[u8], _>((from, Bound::Unbounded)).next()
            };
            let Some((name, producer)) = next else {
                self.swept = None;
                return;
            };
            producer.forget(|at, _| at <= since);
            let name = name.clone();
            if producer.order.is_empty() {
                self.producers.remove(&name);
            }
            self.swept = Some(name);
        }
    }

    fn since(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.memory.duration_s as i64 * 1000)
    }

    /// What is remembered at `now_ms`; O(tokens).
    pub fn tally(&self, now_ms: i64) -> Tally {
        let since = self.since(now_ms);
        let left = |producer: &Producer| producer.order.iter().filter(|(at, _)| *at > since).count();
        let tokens = || self.producers.values().map(left).filter(|left| *left > 0);
        Tally {
            producers: tokens().count(),
            tokens: tokens().sum(),
            added: self.added,
            duplicates: self.duplicates,
        }
    }

    /// Bytes on the heap; O(producers).
    pub fn heap_bytes(&self) -> usize {
        let slot = size_of::<(i64, Token)>() + size_of::<(Token, StreamId)>() + 1;
        let names = self.producers.keys().map(|name| good_size(name.len()));
        let of = |producer: &Producer| size_of::<Producer>() + producer.token_bytes + producer.order.capacity() * slot;
        names.sum::<usize>() + self.producers.values().map(of).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_remembered_for_its_time() {
        let mut production = Production::default();
        let id = StreamId::new(1, 0);
        assert_eq!(production.duplicate(b"p", b"t", 0), None);
        production.remember(b"p", b"t", id, 0);
        assert_eq!(production.duplicate(b"p", b"t", 99_999), Some(id));
        assert_eq!(production.duplicate(b"q", b"t", 99_999), None);
        assert_eq!(production.duplicate(b"p", b"t", 100_000), None);
        let tally = production.tally(100_000);
        assert_eq!(
            (tally.producers, tally.tokens, tally.added, tally.duplicates),
            (0, 0, 1, 1)
        );
    }

    #[test]
    fn what_is_remembered_can_be_told_again() {
        let mut production = Production::default();
        for at in 0..10u64 {
            let producer = [b'a' + (at % 3) as u8];
            production.remember(&producer, &at.to_le_bytes(), StreamId::new(at, 0), at as i64);
        }
        let mut again = Production::default();
        for (producer, token, id, at) in production.tokens() {
            again.remember(producer, token, id, at);
        }
        assert!(again.tokens().eq(production.tokens()));
        assert_eq!(again.tokens().count(), 10);
    }

    #[test]
    fn no_more_than_so_many_tokens_are_remembered() {
        let mut production = Production::default();
        let memory = Memory {
            duration_s: 10,
            tokens_max: 3,
        };
        production.set_memory(memory);
        for at in 0..100u64 {
            production.remember(b"p", &at.to_le_bytes(), StreamId::new(at, 0), at as i64);
        }
        let known = |production: &mut Production, at: u64| production.duplicate(b"p", &at.to_le_bytes(), 100);
        assert_eq!(known(&mut production, 96), None);
        assert_eq!(known(&mut production, 97), Some(StreamId::new(97, 0)));
        production.set_memory(memory);
        assert!(known(&mut production, 97).is_some(), "the same setting forgets nothing");
        production.set_memory(Memory {
            tokens_max: 4,
            ..memory
        });
        assert_eq!(known(&mut production, 97), None);
    }

    #[test]
    fn producers_that_are_gone_take_no_memory() {
        let mut production = Production::default();
        for at in 0..10_000u64 {
            production.remember(&at.to_le_bytes(), b"t", StreamId::new(at, 0), at as i64 * 1000);
        }
        assert!(production.producers.len() < 300, "{}", production.producers.len());
    }
}
