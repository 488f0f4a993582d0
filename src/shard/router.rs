//! Which shard a key belongs to: routing part, slot, shard. Pure; every shard has an equal copy.

use crate::base::hash::{SLOTS, hash_tag, slot};
use crate::base::id::{ShardId, Slot};

/// A rule that cuts the routing part out of keys without a hash tag: everything up to the end of the segment after `prefix`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// Literal start of the key, its `:` included.
    prefix: Vec<u8>,
}

impl Rule {
    /// `prefix` and the segment that follows it, when `key` has both.
    fn routing_part<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        let rest = key.strip_prefix(&*self.prefix)?;
        let segment = memchr::memchr(b':', rest).unwrap_or(rest.len());
        (segment > 0).then(|| &key[..self.prefix.len() + segment])
    }
}

/// An affinity directive that cannot be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("affinity rule '{rule}' is neither 'preset:bullmq', 'preset:none' nor a prefix that ends in ':*'")]
pub struct RuleError {
    rule: String,
}

/// Maps keys to shards: O(length of the routing part).
#[derive(Clone, Debug)]
pub struct Router {
    shards: u16,
    rules: Vec<Rule>,
    /// The shard of each slot.
    owners: Vec<ShardId>,
}

impl Router {
    /// A router that spreads the slots evenly over `shards`, with affinity rules as the `affinity` directive gives them.
    pub fn new(shards: u16, affinity: &[String]) -> Result<Self, RuleError> {
        let mut rules = Vec::new();
        for rule in affinity {
            match rule.as_str() {
                "preset:bullmq" | "preset:bull" => rules.push(Rule {
                    prefix: b"bull:".to_vec(),
                }),
                "preset:none" => {}
                custom => match custom.strip_suffix('*').filter(|prefix| prefix.ends_with(':')) {
                    Some(prefix) => rules.push(Rule {
                        prefix: prefix.as_bytes().to_vec(),
                    }),
                    None => {
                        return Err(RuleError {
                            rule: custom.to_owned(),
                        });
                    }
                },
            }
        }
        let owners = (0..u32::from(SLOTS))
            .map(|slot| ShardId((slot * u32::from(shards) / u32::from(SLOTS)) as u16))
            .collect();
        Ok(Router { shards, rules, owners })
    }

    /// How many shards there are.
    pub fn shards(&self) -> u16 {
        self.shards
    }

    /// The part of `key` that decides its slot: hash tag, else what an affinity rule cuts out, else all of it.
    pub fn routing_part<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        hash_tag(key)
            .or_else(|| self.rules.iter().find_map(|rule| rule.routing_part(key)))
            .unwrap_or(key)
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
        self.owners[usize::from(self.slot(key).0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_of_bullmq_stays_together_and_tags_win() {
        let router = Router::new(4, &["preset:bullmq".into(), "jobs:*".into()]).expect("valid rules");
        for (key, part) in [
            ("bull:mail:wait", "bull:mail"),
            ("bull:mail:1:logs", "bull:mail"),
            ("bull:mail", "bull:mail"),
            ("bull:{x}:wait", "x"),
            ("jobs:a:b", "jobs:a"),
            ("jobs:", "jobs:"),
            ("other:a:b", "other:a:b"),
        ] {
            assert_eq!(router.routing_part(key.as_bytes()), part.as_bytes(), "{key}");
        }
        assert!(Router::new(2, &["nonsense".into()]).is_err());
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
