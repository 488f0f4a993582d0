//! Who subscribes to what on which shard: every shard keeps an equal copy, so that publishing asks nobody.

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::base::id::ShardId;
use crate::base::patterns::Patterns;
use crate::base::prefixes::Prefixes;

/// What a subscription is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A channel.
    Channel,
    /// A pattern of channels.
    Pattern,
    /// A channel of SPUBLISH.
    ShardChannel,
    /// Changes of keys with a prefix (CLIENT TRACKING BCAST).
    Prefix,
    /// Every command that is run (MONITOR).
    Monitor,
}

/// How many subscribers each shard has, shards without any left out.
pub type Counts = SmallVec<[(ShardId, u32); 2]>;

/// Some shards.
pub type Shards = SmallVec<[ShardId; 4]>;

/// Subscriber counts by channel and pattern.
#[derive(Debug, Default)]
pub struct Subscriptions {
    channels: HashMap<Box<[u8]>, Counts>,
    patterns: Patterns<Counts>,
    shard_channels: HashMap<Box<[u8]>, Counts>,
    prefixes: Prefixes<Counts>,
    monitors: Counts,
    /// Whether some may become known here late.
    come_late: bool,
}

impl Subscriptions {
    /// None yet, on one of so many shards.
    pub fn new(shards: u16) -> Self {
        Subscriptions {
            come_late: shards > 1,
            ..Subscriptions::default()
        }
    }

    /// A client on `shard` has joined `name`.
    pub fn join(&mut self, topic: Topic, name: &[u8], shard: ShardId) {
        let counts = match topic {
            Topic::Channel => self.channels.entry(name.into()).or_default(),
            Topic::Pattern => self.patterns.entry(name),
            Topic::ShardChannel => self.shard_channels.entry(name.into()).or_default(),
            Topic::Prefix => self.prefixes.entry(name),
            Topic::Monitor => &mut self.monitors,
        };
        match counts.iter_mut().find(|(at, _)| *at == shard) {
            Some((_, count)) => *count += 1,
            None => counts.push((shard, 1)),
        }
    }

    /// A client on `shard` has left `name`.
    pub fn leave(&mut self, topic: Topic, name: &[u8], shard: ShardId) {
        let counts = match topic {
            Topic::Channel => self.channels.get_mut(name),
            Topic::Pattern => self.patterns.get_mut(name),
            Topic::ShardChannel => self.shard_channels.get_mut(name),
            Topic::Prefix => self.prefixes.get_mut(name),
            Topic::Monitor => return remove_one(&mut self.monitors, shard),
        };
        let Some(counts) = counts else { return };
        remove_one(counts, shard);
        if !counts.is_empty() {
            return;
        }
        match topic {
            Topic::Pattern => self.patterns.remove(name),
            Topic::ShardChannel => drop(self.shard_channels.remove(name)),
            Topic::Prefix => self.prefixes.remove(name),
            _ => drop(self.channels.remove(name)),
        }
    }

    /// The shards with subscribers of `channel`, by name or pattern, and how many subscriptions a message reaches.
    pub fn audience(&self, channel: &[u8], sharded: bool) -> (Shards, usize) {
        let (mut shards, mut total) = (Shards::new(), 0);
        let mut add = |counts: &Counts| {
            for &(shard, count) in counts {
                total += count as usize;
                if !shards.contains(&shard) {
                    shards.push(shard);
                }
            }
        };
        if sharded {
            self.shard_channels.get(channel).into_iter().for_each(add);
        } else {
            self.channels.get(channel).into_iter().for_each(&mut add);
            self.patterns.matching(channel).for_each(|(_, counts)| add(counts));
        }
        (shards, total)
    }

    /// Whether nobody subscribes to a channel or a pattern.
    #[inline]
    pub fn is_silent(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty()
    }

    /// Whether a subscription may become known here after a message that it was sent before, so that messages are made even for nobody.
    #[inline]
    pub fn come_late(&self) -> bool {
        self.come_late
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

    /// The prefixes of keys that clients have asked about.
    pub fn prefixes(&self) -> &Prefixes<Counts> {
        &self.prefixes
    }

    /// The shards with clients that have asked about `prefix`.
    pub fn prefix_audience(&self, prefix: &[u8]) -> Shards {
        let counts = self.prefixes.get(prefix);
        counts.into_iter().flatten().map(|(shard, _)| *shard).collect()
    }

    fn named(&self, topic: Topic) -> &HashMap<Box<[u8]>, Counts> {
        match topic {
            Topic::ShardChannel => &self.shard_channels,
            _ => &self.channels,
        }
    }

    /// Channels of a kind with subscribers, in no order.
    pub fn channels(&self, topic: Topic) -> impl Iterator<Item = &[u8]> {
        self.named(topic).keys().map(|name| &**name)
    }

    /// How many clients subscribe to `channel` by name.
    pub fn subscribers(&self, topic: Topic, channel: &[u8]) -> usize {
        let counts = self.named(topic).get(channel);
        counts.map_or(0, |counts| counts.iter().map(|(_, count)| *count as usize).sum())
    }

    /// How many different patterns are subscribed to.
    pub fn patterns_len(&self) -> usize {
        self.patterns.len()
    }

    /// How many different channels of a kind are subscribed to.
    pub fn channels_len(&self, topic: Topic) -> usize {
        self.named(topic).len()
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
        let (shards, total) = all.audience(b"news", false);
        assert_eq!((shards.as_slice(), total), ([ShardId(0), ShardId(1)].as_slice(), 3));
        all.join(Topic::ShardChannel, b"news", ShardId(3));
        let (shards, total) = all.audience(b"news", true);
        assert_eq!((shards.as_slice(), total), ([ShardId(3)].as_slice(), 1));
        all.leave(Topic::Channel, b"news", ShardId(0));
        all.leave(Topic::Channel, b"news", ShardId(0));
        all.leave(Topic::Pattern, b"n*", ShardId(1));
        let counts = (
            all.subscribers(Topic::Channel, b"news"),
            all.channels_len(Topic::Channel),
        );
        assert_eq!((counts, all.patterns_len()), ((0, 0), 1));
        assert_eq!(all.audience(b"news", false).1, 0);
    }
}
