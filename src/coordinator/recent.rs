//! The messages that this shard has published of late, for those whose subscription was sent before and comes after them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::node::Node;
use crate::command::{Publication, Topic};
use crate::shard::message::Message;

/// How much is kept before it is looked at what all shards are beyond, in bytes.
const LOOK_BYTES: usize = 32 << 10;
/// How much is kept before shards are waked that hold it up, in bytes.
const WAKE_BYTES: usize = 256 << 10;
/// How much is kept at most, in bytes: as much as is published while a shard is occupied for long, and not without end.
const KEPT_BYTES_MAX: usize = 16 << 20;
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
    wake_at_bytes: usize,
    published: u64,
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

    /// Whether it is still to be noted when the last ones were published.
    #[inline]
    pub fn is_fresh(&self) -> bool {
        self.fresh > 0
    }

    fn begin_pass(&mut self, now_us: u64) {
        let known = self.kept.len() - self.fresh;
        self.kept.range_mut(known..).for_each(|kept| kept.before_us = now_us);
        self.fresh = 0;
    }

    fn is_to_be_looked_at(&self) -> bool {
        self.bytes > self.look_at_bytes
    }

    /// Drops what was published before; whether what is left is so much that somebody should be waked.
    fn forget_before(&mut self, us: u64) -> bool {
        while self.kept.front().is_some_and(|kept| kept.before_us < us) {
            self.drop_first();
        }
        self.look_at_bytes = self.bytes + LOOK_BYTES;
        self.wake_at_bytes = self.wake_at_bytes.clamp(WAKE_BYTES, self.bytes + WAKE_BYTES);
        let is_much = self.bytes > self.wake_at_bytes;
        if is_much {
            self.wake_at_bytes = self.bytes + WAKE_BYTES;
        }
        is_much
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
        if self.recent.is_fresh() {
            self.recent.begin_pass(self.shard.now.mono_us);
            if self.recent.is_to_be_looked_at() {
                self.forget_messages();
            }
        }
    }

    /// Drops the messages that all shards are beyond, and asks shards to catch up when that is not enough.
    pub(super) fn forget_messages(&mut self) {
        let horizons = &self.shared.horizons;
        let beyond_us = horizons.of_all(self.shard.shards);
        if self.recent.forget_before(beyond_us) {
            let (own, now_us) = (self.shard.id, self.shard.now.mono_us);
            let late = self
                .all_shards()
                .filter(|shard| *shard != own && horizons.of(*shard) < now_us);
            late.for_each(|shard| self.out.reply(shard, Message::CatchUp));
        }
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
        assert!(recent.is_fresh());
        assert_eq!(channels_since(&recent, 10), ["a", "b", "c"]);
        assert_eq!(channels_since(&recent, 11), ["b", "c"]);
        assert_eq!(
            channels_since(&recent, 1000),
            ["c"],
            "when it was published is not known yet"
        );
        assert!(!recent.forget_before(20));
        assert_eq!(channels_since(&recent, 0), ["b", "c"]);
        recent.begin_pass(30);
        recent.forget_before(31);
        assert_eq!((recent.kept.len(), recent.bytes), (0, 0));
    }

    #[test]
    fn others_are_waked_each_time_that_much_more_is_kept_and_there_is_an_end_to_it() {
        let mut recent = Recent::default();
        let mut wakes = 0;
        for now_us in 1..=200 {
            recent.keep(publication("c", 100_000));
            recent.begin_pass(now_us);
            if recent.is_to_be_looked_at() {
                wakes += u32::from(recent.forget_before(0));
            }
            assert!(recent.bytes <= KEPT_BYTES_MAX);
        }
        assert!((50..=100).contains(&wakes), "{wakes}");
        assert!(recent.kept.len() > 150);
        recent.forget_before(u64::MAX);
        recent.keep(publication("c", 300_000));
        recent.begin_pass(1000);
        assert!(recent.forget_before(0), "it begins anew");
    }

    #[test]
    fn a_message_that_is_dropped_in_the_pass_of_its_publishing_is_gone() {
        let mut recent = Recent::default();
        recent.keep(publication("c", KEPT_BYTES_MAX));
        assert!(!recent.is_fresh() && recent.kept.is_empty());
        recent.begin_pass(1);
    }
}
