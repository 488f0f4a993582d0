//! Blocked clients of one shard, by the keys they wait for, in order of arrival. Knows no value and serves nobody.

use std::collections::{BTreeSet, VecDeque};

use hashbrown::{Equivalent, HashMap};

use super::message::{Claim, Reach, Waiter};
use crate::base::id::{ClientId, DbIndex};

/// A key somebody waits for.
type Place = (DbIndex, Box<[u8]>);

/// A waiter's arrival number: lower is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Arrival(i64);

struct Registered {
    waiter: Waiter,
    keys: Vec<Box<[u8]>>,
    arrival: Arrival,
}

/// Blocked clients of one shard.
#[derive(Default)]
pub struct Waiters {
    clients: HashMap<ClientId, Registered>,
    by_key: HashMap<Place, VecDeque<(Arrival, ClientId)>>,
    last: i64,
    first: i64,
    /// How many clients wait for what time alone may bring.
    by_time_len: usize,
}

fn waits_for_time(waiter: &Waiter) -> bool {
    waiter.command.waits_for_time(waiter.args.as_args())
}

/// A borrowed [`Place`], for lookups without a copy of the key.
#[derive(Hash)]
struct PlaceRef<'k>(DbIndex, &'k [u8]);

impl Equivalent<Place> for PlaceRef<'_> {
    fn equivalent(&self, place: &Place) -> bool {
        self.0 == place.0 && *self.1 == *place.1
    }
}

impl Waiters {
    /// How many clients wait.
    pub fn clients_len(&self) -> usize {
        self.clients.len()
    }

    /// How many keys are waited for.
    pub fn keys_len(&self) -> usize {
        self.by_key.len()
    }

    /// Registers a client, last in line for each of `keys` (each once).
    pub fn add(&mut self, waiter: Waiter, keys: Vec<Box<[u8]>>) {
        self.last += 1;
        self.register(waiter, keys, Arrival(self.last));
    }

    /// As [`Waiters::add`], first in line: a client that was about to be served goes back to its place.
    pub fn add_first(&mut self, waiter: Waiter, keys: Vec<Box<[u8]>>) {
        self.first -= 1;
        self.register(waiter, keys, Arrival(self.first));
    }

    fn register(&mut self, waiter: Waiter, keys: Vec<Box<[u8]>>, arrival: Arrival) {
        let client = waiter.asker.origin.client;
        for key in &keys {
            let queue = self.by_key.entry((waiter.asker.db, key.clone())).or_default();
            let place = queue.partition_point(|(earlier, _)| *earlier < arrival);
            queue.insert(place, (arrival, client));
        }
        self.by_time_len += usize::from(waits_for_time(&waiter));
        let replaced = self.clients.insert(client, Registered { waiter, keys, arrival });
        debug_assert!(replaced.is_none(), "a client waits for one command at a time");
    }

    /// A client that waits.
    pub fn get(&self, client: ClientId) -> Option<&Waiter> {
        self.clients.get(&client).map(|registered| &registered.waiter)
    }

    /// Removes a client; answers the keys it waited for.
    pub fn remove(&mut self, client: ClientId) -> Option<Vec<Box<[u8]>>> {
        let Registered { waiter, keys, arrival } = self.clients.remove(&client)?;
        self.by_time_len -= usize::from(waits_for_time(&waiter));
        for key in &keys {
            let place = (waiter.asker.db, key.clone());
            let queue = self.by_key.get_mut(&place).expect("a registered key has a queue");
            let at = queue
                .binary_search_by_key(&arrival, |(arrival, _)| *arrival)
                .expect("a waiter stands in its queues");
            queue.remove(at);
            if queue.is_empty() {
                self.by_key.remove(&place);
            }
        }
        Some(keys)
    }

    /// Whether anybody waits for `key`.
    pub fn has(&self, db: DbIndex, key: &[u8]) -> bool {
        !self.by_key.is_empty() && self.by_key.contains_key(&PlaceRef(db, key))
    }

    /// The first client in line for `key` that satisfies `fits`.
    pub fn first(&self, db: DbIndex, key: &[u8], fits: impl Fn(&Waiter) -> bool) -> Option<&Waiter> {
        let queue = self.by_key.get(&PlaceRef(db, key))?;
        queue
            .iter()
            .map(|(_, client)| &self.clients[client].waiter)
            .find(|waiter| fits(waiter))
    }

    /// A client that was nearly served waits on under a new claim.
    pub fn renew(&mut self, client: ClientId, old: &Claim, new: &Claim) {
        if let Some(registered) = self.clients.get_mut(&client)
            && registered.waiter.claim.is(old)
        {
            registered.waiter.claim = new.clone();
        }
    }

    /// Clients whose wait is over: somebody has taken their claim. O(clients).
    pub fn finished(&self) -> Vec<ClientId> {
        let finished =
            |(client, registered): (&ClientId, &Registered)| registered.waiter.claim.is_taken().then_some(*client);
        self.clients.iter().filter_map(finished).collect()
    }

    /// Whether a client that waits for `key` needs keys of other shards too.
    pub fn reach_out(&self, db: DbIndex, key: &[u8]) -> bool {
        self.first(db, key, |waiter| waiter.reach != Reach::Here).is_some()
    }

    /// The clients in line for `key`, in order.
    pub fn in_line(&self, db: DbIndex, key: &[u8]) -> Vec<Waiter> {
        let mut waiters = Vec::new();
        self.each_in_line(db, key, |waiter| waiters.push(waiter.clone()));
        waiters
    }

    /// Visits the clients in line for `key`, in order.
    pub fn each_in_line(&self, db: DbIndex, key: &[u8], mut visit: impl FnMut(&Waiter)) {
        let queue = self.by_key.get(&PlaceRef(db, key));
        queue
            .into_iter()
            .flatten()
            .for_each(|(_, client)| visit(&self.clients[client].waiter));
    }

    /// The keys for which clients wait that time alone may serve; O(1) when there are none, else O(clients).
    pub fn places_by_time(&self) -> Vec<Place> {
        if self.by_time_len == 0 {
            return Vec::new();
        }
        let waiting = self
            .clients
            .values()
            .filter(|registered| waits_for_time(&registered.waiter));
        let places = waiting.flat_map(|registered| {
            let db = registered.waiter.asker.db;
            registered.keys.iter().map(move |key| (db, key.clone()))
        });
        places.collect::<BTreeSet<Place>>().into_iter().collect()
    }

    /// All keys that are waited for.
    pub fn places(&self) -> impl Iterator<Item = (DbIndex, &[u8])> {
        self.by_key.keys().map(|(db, key)| (*db, &**key))
    }
}
