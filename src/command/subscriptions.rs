//! Who subscribes to what on which shard: every shard keeps an equal copy, so that publishing asks nobody.

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::base::glob;
use crate::base::id::ShardId;

/// What a subscription is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A channel.
    Channel,
    /// A pattern of channels.
    Pattern,
    /// Every command that is run (MONITOR).
    Monitor,
}

/// How many subscribers each shard has, shards without any left out.
type Counts = SmallVec<[(ShardId, u32); 2]>;

/// Subscriber counts by channel and pattern.
#[derive(Debug, Default)]
pub struct Subscriptions {
    channels: HashMap<Box<[u8]>, Counts>,
    patterns: HashMap<Box<[u8]>, Counts>,
    monitors: Counts,
}

impl Subscriptions {
    /// A client on `shard` has joined `name`.
    pub fn join(&mut self, topic: Topic, name: &[u8], shard: ShardId) {
        let counts = match topic {
            Topic::Channel => self.channels.entry(name.into()).or_default(),
            Topic::Pattern => self.patterns.entry(name.into()).or_default(),
            Topic::Monitor => &mut self.monitors,
        };
        match counts.iter_mut().find(|(at, _)| *at == shard) {
            Some((_, count)) => *count += 1,
            None => counts.push((shard, 1)),
        }
    }

    /// A client on `shard` has left `name`.
    pub fn leave(&mut self, topic: Topic, name: &[u8], shard: ShardId) {
        let table = match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
            Topic::Monitor => return remove_one(&mut self.monitors, shard),
        };
        let Some(counts) = table.get_mut(name) else { return };
        remove_one(counts, shard);
        if counts.is_empty() {
            table.remove(name);
        }
    }

    /// The shards with subscribers of `channel`, by name or pattern, and how many subscriptions a message reaches.
    pub fn audience(&self, channel: &[u8]) -> (SmallVec<[ShardId; 4]>, usize) {
        let by_name = self.channels.get(channel).into_iter();
        let by_pattern = self
            .patterns
            .iter()
            .filter(|(pattern, _)| glob::matches(pattern, channel))
            .map(|(_, counts)| counts);
        let (mut shards, mut total) = (SmallVec::new(), 0);
        for &(shard, count) in by_name.chain(by_pattern).flatten() {
            total += count as usize;
            if !shards.contains(&shard) {
                shards.push(shard);
            }
        }
        (shards, total)
    }

    /// The shards on which somebody monitors.
    pub fn monitors(&self) -> impl Iterator<Item = ShardId> + '_ {
        self.monitors.iter().map(|(shard, _)| *shard)
    }

    /// Whether nobody monitors.
    #[inline]
    pub fn is_unmonitored(&self) -> bool {
        self.monitors.is_empty()
    }

    /// Channels with subscribers, in no order.
    pub fn channels(&self) -> impl Iterator<Item = &[u8]> {
        self.channels.keys().map(|name| &**name)
    }

    /// How many clients subscribe to `channel` by name.
    pub fn subscribers(&self, channel: &[u8]) -> usize {
        self.channels
            .get(channel)
            .map_or(0, |counts| counts.iter().map(|(_, count)| *count as usize).sum())
    }

    /// How many different patterns are subscribed to.
    pub fn patterns_len(&self) -> usize {
        self.patterns.len()
    }

    /// How many different channels are subscribed to.
    pub fn channels_len(&self) -> usize {
        self.channels.len()
    }
}

fn remove_one(counts: &mut Counts, shard: ShardId) {
    let Some(at) = counts.iter().position(|(other, _)| *other == shard) else {
        return;
    };
    counts[at].1 -= 1;
    if counts[at].1 == 0 {
        counts.swap_remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reaches_names_and_patterns_and_each_shard_once() {
        let mut all = Subscriptions::default();
        all.join(Topic::Channel, b"news", ShardId(0));
        all.join(Topic::Channel, b"news", ShardId(0));
        all.join(Topic::Pattern, b"n*", ShardId(1));
        all.join(Topic::Pattern, b"x*", ShardId(2));
        let (shards, total) = all.audience(b"news");
        assert_eq!((shards.as_slice(), total), ([ShardId(0), ShardId(1)].as_slice(), 3));
        all.leave(Topic::Channel, b"news", ShardId(0));
        all.leave(Topic::Channel, b"news", ShardId(0));
        assert_eq!((all.subscribers(b"news"), all.channels_len()), (0, 0));
    }
}
