//! Which entry goes when memory is short: the best of a pool into which each choice draws some more, as Valkey approximates
//! least recent, least frequent and soonest expiring use. Knows no limit and no command.

use super::access::{self, Frequency};
use super::{Db, Entry, Keyspace};
use crate::base::id::DbIndex;
use crate::base::rng::Rng;
use crate::base::time::UnixMillis;
use crate::config::EvictionPolicy;

/// Candidates that are remembered.
const POOL_MAX: usize = 16;

/// How an entry is chosen.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// What counts.
    pub policy: EvictionPolicy,
    /// Entries drawn for each choice and database.
    pub samples: usize,
    /// How uses are counted.
    pub frequency: Frequency,
    /// Wall clock.
    pub now: UnixMillis,
}

/// An entry that was drawn before.
#[derive(Debug)]
struct Candidate {
    /// The greater, the sooner it goes.
    merit: u64,
    db: DbIndex,
    key: Box<[u8]>,
}

/// Chooses entries of one keyspace.
#[derive(Debug, Default)]
pub struct Evictor {
    /// In the order of their merits, the best last.
    pool: Vec<Candidate>,
    /// By which policy.
    policy: Option<EvictionPolicy>,
    /// The database whose turn it is, when chance alone decides.
    turn: usize,
}

impl Choice {
    fn merit(&self, entry: &Entry) -> u64 {
        match self.policy {
            EvictionPolicy::VolatileTtl => {
                let at = entry.expires_at().map_or(i64::MAX, |at| at.0);
                i64::MAX.abs_diff(at)
            }
            policy if policy.is_lfu() => {
                let counter = access::frequency(entry.access(), self.now, self.frequency);
                u64::from(u8::MAX - counter)
            }
            _ => access::idle_s(entry.access(), self.now).into(),
        }
    }

    /// Whether an entry may go at all.
    fn allows(&self, entry: &Entry) -> bool {
        !self.policy.is_volatile() || entry.expires_at().is_some()
    }

    fn draw<'d>(&self, db: &'d Db, rng: &mut Rng) -> Option<&'d Entry> {
        if self.policy.is_volatile() {
            db.random_volatile(rng)
        } else {
            db.random(rng)
        }
    }
}

impl Evictor {
    /// Takes out the entry that goes next; none when none may.
    pub fn evict(&mut self, space: &mut Keyspace, choice: &Choice, rng: &mut Rng) -> Option<(DbIndex, Entry)> {
        match choice.policy {
            EvictionPolicy::NoEviction => None,
            EvictionPolicy::AllkeysRandom | EvictionPolicy::VolatileRandom => self.evict_any(space, choice, rng),
            _ => self.evict_best(space, choice, rng),
        }
    }

    fn evict_any(&mut self, space: &mut Keyspace, choice: &Choice, rng: &mut Rng) -> Option<(DbIndex, Entry)> {
        for _ in 0..space.databases() {
            self.turn = (self.turn + 1) % space.databases();
            let db = DbIndex(self.turn as u32);
            let drawn = choice.draw(space.db(db), rng);
            if let Some(key) = drawn.map(|entry| Box::<[u8]>::from(entry.key())) {
                return space.db_mut(db).remove(&key).map(|entry| (db, entry));
            }
        }
        None
    }

    fn evict_best(&mut self, space: &mut Keyspace, choice: &Choice, rng: &mut Rng) -> Option<(DbIndex, Entry)> {
        if self.policy != Some(choice.policy) {
            self.pool.clear();
            self.policy = Some(choice.policy);
        }
        loop {
            let drawn = self.draw(space, choice, rng);
            while let Some(Candidate { merit, db, key }) = self.pool.pop() {
                // It may be gone, or have been used since.
                let holds = |entry: &Entry| choice.allows(entry) && choice.merit(entry) >= merit;
                if space.db(db).get(&key).is_some_and(holds) {
                    return space.db_mut(db).remove(&key).map(|entry| (db, entry));
                }
            }
            if drawn == 0 {
                return None;
            }
        }
    }

    /// Draws from each database; answers how many entries were drawn.
    fn draw(&mut self, space: &Keyspace, choice: &Choice, rng: &mut Rng) -> usize {
        let mut drawn = 0;
        for index in (0..space.databases()).map(|index| DbIndex(index as u32)) {
            let db = space.db(index);
            if db.is_empty() {
                continue;
            }
            let entries = (0..choice.samples).map_while(|_| choice.draw(db, rng));
            for entry in entries {
                drawn += 1;
                self.consider(index, entry, choice.merit(entry));
            }
        }
        drawn
    }

    fn consider(&mut self, db: DbIndex, entry: &Entry, merit: u64) {
        let at = self.pool.partition_point(|other| other.merit < merit);
        let is_full = self.pool.len() >= POOL_MAX;
        let is_known = |other: &Candidate| other.db == db && *other.key == *entry.key();
        if is_full && at == 0 || self.pool.iter().any(is_known) {
            return;
        }
        let key = entry.key().into();
        self.pool.insert(at, Candidate { merit, db, key });
        if is_full {
            self.pool.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_750_000_000_000);

    fn choice(policy: EvictionPolicy) -> Choice {
        Choice {
            policy,
            samples: 5,
            frequency: Frequency {
                log_factor: 10,
                decay_min: 1,
            },
            now: NOW,
        }
    }

    /// Key `n` was last used n seconds ago, n times; every third expires in n seconds. They are in two databases.
    fn space(lfu: bool, keys: i64) -> Keyspace {
        let mut space = Keyspace::new(16);
        for n in 0..keys {
            let at = (n % 3 == 0).then_some(UnixMillis(NOW.0 + n * 1000));
            let mut entry = Entry::string(format!("key:{n}").as_bytes(), b"value").expiring(at);
            entry.set_access(if lfu {
                access::used_often((n * 255 / keys) as u8, NOW)
            } else {
                access::idle_for(n, NOW)
            });
            space.db_mut(DbIndex((n % 2) as u32)).insert(entry);
        }
        space
    }

    fn number(entry: &Entry) -> i64 {
        let key = std::str::from_utf8(entry.key()).expect("keys are text");
        key["key:".len()..].parse().expect("keys end in a number")
    }

    /// The numbers of the keys that go, in order.
    fn evicted(policy: EvictionPolicy, keys: i64, count: usize) -> Vec<i64> {
        let mut space = space(policy.is_lfu(), keys);
        let (mut evictor, mut rng) = (Evictor::default(), Rng::new(11));
        let choice = choice(policy);
        let gone = std::iter::from_fn(|| evictor.evict(&mut space, &choice, &mut rng));
        let gone: Vec<i64> = gone.take(count).map(|(_, entry)| number(&entry)).collect();
        (0..2).for_each(|db| space.db_mut(DbIndex(db)).check());
        gone
    }

    fn mean(numbers: &[i64]) -> f64 {
        numbers.iter().sum::<i64>() as f64 / numbers.len() as f64
    }

    #[test]
    fn old_keys_go_first() {
        let (all, expiring) = (EvictionPolicy::AllkeysLru, EvictionPolicy::VolatileLru);
        let gone = evicted(all, 3000, 300);
        assert!(mean(&gone) > 2500.0 && gone.iter().all(|&n| n > 600), "{}", mean(&gone));
        let gone = evicted(expiring, 3000, 200);
        assert!(
            mean(&gone) > 2300.0 && gone.iter().all(|n| n % 3 == 0),
            "{}",
            mean(&gone)
        );
    }

    #[test]
    fn keys_that_are_seldom_used_go_first() {
        for policy in [EvictionPolicy::AllkeysLfu, EvictionPolicy::VolatileLfu] {
            let gone = evicted(policy, 3000, 200);
            assert!(mean(&gone) < 700.0, "{}", mean(&gone));
            assert!(!policy.is_volatile() || gone.iter().all(|n| n % 3 == 0));
        }
    }

    #[test]
    fn what_expires_soon_goes_first() {
        let gone = evicted(EvictionPolicy::VolatileTtl, 3000, 200);
        assert!(
            mean(&gone) < 700.0 && gone.iter().all(|n| n % 3 == 0),
            "{}",
            mean(&gone)
        );
    }

    #[test]
    fn chance_takes_any() {
        let gone = evicted(EvictionPolicy::AllkeysRandom, 3000, 1000);
        assert!((1350.0..1650.0).contains(&mean(&gone)), "{}", mean(&gone));
        let gone = evicted(EvictionPolicy::VolatileRandom, 3000, 500);
        assert!((1300.0..1700.0).contains(&mean(&gone)) && gone.iter().all(|n| n % 3 == 0));
    }

    #[test]
    fn all_that_may_go_goes_in_the_end() {
        for (policy, want) in [
            (EvictionPolicy::AllkeysLru, 500),
            (EvictionPolicy::AllkeysLfu, 500),
            (EvictionPolicy::AllkeysRandom, 500),
            (EvictionPolicy::VolatileLru, 167),
            (EvictionPolicy::VolatileLfu, 167),
            (EvictionPolicy::VolatileRandom, 167),
            (EvictionPolicy::VolatileTtl, 167),
            (EvictionPolicy::NoEviction, 0),
        ] {
            let mut gone = evicted(policy, 500, 1000);
            gone.sort_unstable();
            gone.dedup();
            assert_eq!(gone.len(), want, "{policy:?}");
        }
    }

    #[test]
    fn one_that_was_used_since_it_was_drawn_stays() {
        let mut space = space(false, 2);
        let (mut evictor, mut rng) = (Evictor::default(), Rng::new(3));
        let lru = choice(EvictionPolicy::AllkeysLru);
        // One is drawn as the older one, and then used: the other is older now.
        let old = Candidate {
            merit: 50,
            db: DbIndex(1),
            key: b"key:1".as_slice().into(),
        };
        evictor.policy = Some(lru.policy);
        evictor.pool.push(old);
        space
            .db_mut(DbIndex(0))
            .get_mut(b"key:0")
            .expect("it is there")
            .set_access(access::idle_for(9, NOW));
        let gone = evictor
            .evict(&mut space, &lru, &mut rng)
            .map(|(_, entry)| number(&entry));
        assert_eq!(gone, Some(0));
    }
}
