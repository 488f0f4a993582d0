//! The messages that this shard has published of late, for those whose subscription was sent before and comes after them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::node::Node;
use crate::command::{Publication, Topic};
use crate::shard::message::Message;

/// How much is kept before it is looked what all shards are beyond, in bytes.
const LOOK_BYTES: usize = 32 << 10;
/// How much is kept at most, in bytes: as much as is published while a shard is occupied for long, and not without end.
const KEPT_BYTES_MAX: usize = 16 << 20;
/// How often, at most, shards are asked to catch up with what was published, microseconds. Who subscribes later is not told of it any more.
const ASK_US: u64 = 1_000;
/// What a message takes besides its words, in bytes.
const OVERHEAD_BYTES: usize = size_of::<Publication>() + size_of::<Kept>();

struct Kept {
    /// It was published before, monotonic microseconds.
    before_us: u64,
    publication: Arc<Publication>,
}

impl Kept {
    fn bytes(&self) -> usize {
        self.publication.channel.len() + self.publication.payload.len() + OVERHEAD_BYTES
    }
}

/// The messages, in their order.
#[derive(Default)]
pub(super) struct Recent {
    kept: VecDeque<Kept>,
    /// How many of them, the last ones, were published in the pass under way.
    fresh: usize,
    bytes: usize,
    /// When so much is kept, it is looked again, in bytes.
    look_at_bytes: usize,
    published: u64,
    /// When shards were last asked to catch up, monotonic microseconds.
    asked_us: u64,
    /// Whether they are to be asked again.
    is_to_ask: bool,
}

impl Recent {
    /// The number of the next message.
    pub fn next_number(&mut self) -> u64 {
        self.published += 1;
        self.published
    }

    /// The number of the last message.
    pub fn last_number(&self) -> u64 {
        self.published
    }

    /// Keeps a message.
    pub fn keep(&mut self, publication: Arc<Publication>) {
        let kept = Kept {
            before_us: u64::MAX,
            publication,
        };
        self.bytes += kept.bytes();
        self.kept.push_back(kept);
        self.fresh += 1;
        while self.bytes > KEPT_BYTES_MAX {
            self.drop_first();
        }
    }

    /// When a pass has something to do here, monotonic microseconds.
    #[inline]
    pub fn due_us(&self) -> Option<u64> {
        if self.fresh > 0 {
            return Some(0);
        }
        self.is_to_ask.then_some(self.asked_us + ASK_US)
    }

    /// Notes when the messages of the last pass were published; whether shards are to be asked to catch up with them.
    fn begin_pass(&mut self, now_us: u64) -> bool {
        let known = self.kept.len() - self.fresh;
        self.kept.range_mut(known..).for_each(|kept| kept.before_us = now_us);
        self.is_to_ask |= self.fresh > 0;
        self.fresh = 0;
        let asks = self.is_to_ask && now_us >= self.asked_us + ASK_US;
        if asks {
            self.asked_us = now_us;
            self.is_to_ask = false;
        }
        asks
    }

    fn is_to_be_looked_at(&self) -> bool {
        self.bytes > self.look_at_bytes
    }

    /// Drops what was published before.
    fn forget_before(&mut self, us: u64) {
        while self.kept.front().is_some_and(|kept| kept.before_us < us) {
            self.drop_first();
        }
        self.look_at_bytes = self.bytes + LOOK_BYTES;
    }

    fn drop_first(&mut self) {
        if let Some(kept) = self.kept.pop_front() {
            self.bytes -= kept.bytes();
            self.fresh = self.fresh.min(self.kept.len());
        }
    }

    /// What may have been published since then, and one of the names of a topic listens to.
    pub fn since(&self, us: u64, topic: Topic, names: &[Box<[u8]>]) -> Vec<Arc<Publication>> {
        let first = self.kept.partition_point(|kept| kept.before_us < us);
        let late = self.kept.range(first..).map(|kept| &kept.publication);
        late.filter(|publication| names.iter().any(|name| publication.is_for(topic, name)))
            .cloned()
            .collect()
    }
}

impl Node {
    pub(super) fn begin_pass_of_recent(&mut self) {
        let now_us = self.shard.now.mono_us;
        if self.recent.due_us().is_none_or(|due_us| due_us > now_us) {
            return;
        }
        if self.recent.begin_pass(now_us) {
            self.horizon.catch_up();
            let (own, horizons) = (self.shard.id, &self.shared.horizons);
            let behind = self
                .all_shards()
                .filter(|shard| *shard != own && horizons.of(*shard) <= now_us);
            behind.for_each(|shard| self.out.reply(shard, Message::CatchUp));
        }
        if self.recent.is_to_be_looked_at() {
            self.forget_messages();
        }
    }

    /// Drops the messages that all shards are beyond.
    pub(super) fn forget_messages(&mut self) {
        self.recent
            .forget_before(self.shared.horizons.of_all(self.shard.shards));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Shards;

    fn publication(channel: &str, bytes: usize) -> Arc<Publication> {
        Arc::new(Publication {
            channel: channel.as_bytes().into(),
            payload: vec![b'x'; bytes].into(),
            sharded: false,
            shards: Shards::new(),
            by: None,
            number: 0,
        })
    }

    fn channels_since(recent: &Recent, us: u64) -> Vec<String> {
        let late = recent.since(us, Topic::Pattern, &[b"*".as_slice().into()]);
        late.iter()
            .map(|late| String::from_utf8_lossy(&late.channel).into_owned())
            .collect()
    }

    #[test]
    fn messages_are_kept_until_all_are_beyond_them() {
        let mut recent = Recent::default();
        recent.keep(publication("a", 1));
        recent.begin_pass(10);
        recent.keep(publication("b", 1));
        recent.begin_pass(20);
        recent.keep(publication("c", 1));
        assert_eq!(recent.due_us(), Some(0), "it is not noted when the last was published");
        assert_eq!(channels_since(&recent, 10), ["a", "b", "c"]);
        assert_eq!(channels_since(&recent, 11), ["b", "c"]);
        assert_eq!(channels_since(&recent, 1000), ["c"]);
        recent.forget_before(20);
        assert_eq!(channels_since(&recent, 0), ["b", "c"]);
        recent.begin_pass(30);
        recent.forget_before(31);
        assert_eq!((recent.kept.len(), recent.bytes), (0, 0));
    }

    #[test]
    fn shards_are_asked_to_catch_up_with_all_that_was_published_but_not_each_time() {
        let mut recent = Recent::default();
        recent.keep(publication("a", 1));
        assert!(recent.begin_pass(5_000));
        assert_eq!(recent.due_us(), None);
        recent.keep(publication("b", 1));
        assert!(!recent.begin_pass(5_010), "they were just asked");
        assert_eq!(recent.due_us(), Some(6_000));
        assert!(recent.begin_pass(6_000));
        assert!(!recent.begin_pass(8_000), "nothing was published since");
    }

    #[test]
    fn there_is_an_end_to_what_is_kept() {
        let mut recent = Recent::default();
        for now_us in 1..=200 {
            recent.keep(publication("c", 100_000));
            recent.begin_pass(now_us);
            assert!(recent.bytes <= KEPT_BYTES_MAX);
        }
        assert!(recent.is_to_be_looked_at() && recent.kept.len() > 150);
        // One that is dropped in the pass of its publishing is gone.
        recent.keep(publication("c", KEPT_BYTES_MAX));
        assert!(recent.kept.is_empty());
        recent.begin_pass(201);
    }
}
