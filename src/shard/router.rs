//! Which shard a key belongs to: routing part, slot, shard. Pure; every shard has an equal copy.

use smallvec::SmallVec;

use crate::base::hash::{SLOTS, owner, slot};
use crate::base::id::{ShardId, Slot};
use crate::config::affinity::Affinity;
pub use crate::config::affinity::RuleError;

/// Maps keys to shards: O(length of the routing part).
#[derive(Clone, Debug)]
pub struct Router {
    shards: u16,
    affinity: Affinity,
    /// The shard of each slot.
    owners: Box<[ShardId; SLOTS as usize]>,
}

impl Router {
    /// A router that spreads the slots evenly over `shards`, with affinity rules as the `affinity` directive gives them.
    pub fn new(shards: u16, affinity: &[String]) -> Result<Self, RuleError> {
        let affinity = Affinity::new(affinity)?;
        let owners = Box::new(std::array::from_fn(|at| owner(Slot(at as u16), shards)));
        Ok(Router {
            shards,
            affinity,
            owners,
        })
    }

    /// How many shards there are.
    pub fn shards(&self) -> u16 {
        self.shards
    }

    /// The part of `key` that decides its slot: hash tag, else what an affinity rule cuts out, else all of it.
    pub fn routing_part<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        self.affinity.routing_part(key)
    }

    /// The slot of `key`.
    pub fn slot(&self, key: &[u8]) -> Slot {
        slot(self.routing_part(key))
    }

    /// The shard that owns `key`.
    pub fn shard(&self, key: &[u8]) -> ShardId {
        if self.shards == 1 {
            return ShardId(0);
        }
        self.owner(self.routing_part(key))
    }

    /// What [`Router::shard_after`] begins with.
    pub fn before(&self) -> Before {
        Before {
            part: SmallVec::new(),
            settles: false,
            shard: self.owner(b""),
        }
    }

    /// As [`Router::shard`], for keys many of which have the routing part of the one before.
    #[inline]
    pub fn shard_after(&self, key: &[u8], before: &mut Before) -> ShardId {
        if !before.settles_for(key) {
            let (part, settles) = self.affinity.settled_part(key);
            before.settles = settles;
            if before.part[..] != *part {
                before.part.clear();
                before.part.extend_from_slice(part);
                before.shard = self.owner(part);
            }
        }
        before.shard
    }

    fn owner(&self, part: &[u8]) -> ShardId {
        self.owners[usize::from(slot(part).0)]
    }
}

/// A routing part, and the shard it belongs to.
pub struct Before {
    part: SmallVec<[u8; 32]>,
    /// Whether every key has it that begins with it and a colon, and has no `{`.
    settles: bool,
    shard: ShardId,
}

impl Before {
    #[inline]
    fn settles_for(&self, key: &[u8]) -> bool {
        self.settles
            && key.strip_prefix(&*self.part).and_then(<[u8]>::first) == Some(&b':')
            && memchr::memchr(b'{', key).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    #[test]
    fn the_key_before_changes_nothing() {
        let router = Router::new(5, &["jobs:*".to_owned()]).expect("a valid rule");
        let mut before = router.before();
        let long = "x".repeat(100);
        for key in [
            "",
            "jobs:a:1",
            "jobs:a:2",
            "jobs:a",
            "{}",
            "",
            "jobs:",
            "a{jobs:a}",
            "jobs:b:1",
            &long,
            &long,
            "",
        ] {
            let shard = router.shard(key.as_bytes());
            assert_eq!(router.shard_after(key.as_bytes(), &mut before), shard, "{key}");
        }
    }

    #[test]
    fn whatever_the_rules_the_key_before_changes_nothing() {
        let rules = ["j:*", "j:a:*", "j:a", "j", "j:?:{*}", "*:b", "*a", "preset:all", "k:*"];
        let pieces = ["j", ":", "a", "b", "k", "{", "}", "bull:", "x", "j:a:", "j:a:b:"];
        let mut rng = Rng::new(3);
        for _ in 0..300 {
            let chosen = (0..1 + rng.below(4)).map(|_| rules[rng.below(rules.len() as u64) as usize].to_owned());
            let chosen: Vec<String> = chosen.collect();
            let router = Router::new(251, &chosen).expect("the rules are valid");
            let mut before = router.before();
            for _ in 0..200 {
                let key = (0..rng.below(7)).map(|_| pieces[rng.below(pieces.len() as u64) as usize]);
                let key: String = key.collect();
                let shard = router.shard(key.as_bytes());
                assert_eq!(
                    router.shard_after(key.as_bytes(), &mut before),
                    shard,
                    "{key} by {chosen:?}"
                );
            }
        }
    }

    #[test]
    fn every_shard_owns_its_share_of_the_slots() {
        for shards in [1, 2, 3, 7, 64] {
            let router = Router::new(shards, &[]).expect("no rules");
            let mut counts = vec![0; usize::from(shards)];
            router.owners.iter().for_each(|owner| counts[owner.index()] += 1);
            let (least, most) = (counts.iter().min(), counts.iter().max());
            assert!(most.expect("a shard") - least.expect("a shard") <= 1, "{counts:?}");
        }
    }
}
