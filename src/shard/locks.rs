//! Who holds which keys, and who waits for them, first come first served per key. Knows names of keys and opaque requests;
//! knows no value. Empty (and free of cost) while no transaction over several shards is under way.

use std::collections::VecDeque;

use hashbrown::{Equivalent, HashMap};
use slab::Slab;

use crate::base::id::ClientId;

/// A place in the queues of some keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(usize);

/// What is queued for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A key, in every database.
    Key(Box<[u8]>),
    /// A client's turn: its later requests stay behind those of its requests that wait, whatever keys they name.
    Client(ClientId),
}

/// A borrowed [`Place`], for lookups without a copy of the key.
#[derive(Hash)]
enum PlaceRef<'k> {
    Key(&'k [u8]),
    Client(ClientId),
}

impl Equivalent<Place> for PlaceRef<'_> {
    fn equivalent(&self, place: &Place) -> bool {
        match (self, place) {
            (PlaceRef::Key(one), Place::Key(other)) => **one == **other,
            (PlaceRef::Client(one), Place::Client(other)) => one == other,
            _ => false,
        }
    }
}

/// What a ticket covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// These places, none twice.
    Places(Vec<Place>),
    /// The whole keyspace of the shard.
    Whole,
}

struct Holder<R> {
    scope: Scope,
    /// In how many of its queues it is not first.
    behind: usize,
    /// Ahead of everybody who came in order (see [`Locks::enqueue_first`]).
    first: bool,
    /// What to do once granted; `None` when granted already.
    request: Option<R>,
}

/// Locks of one shard; `R` is what waits.
pub struct Locks<R> {
    queues: HashMap<Place, VecDeque<Ticket>>,
    tickets: Slab<Holder<R>>,
    /// The ticket that has, or is next to have, the whole keyspace.
    whole: Option<Ticket>,
    /// What arrived after `whole`, in order.
    stalled: VecDeque<(Scope, R)>,
    runnable: VecDeque<Ticket>,
}

impl<R> Default for Locks<R> {
    fn default() -> Self {
        Locks {
            queues: HashMap::new(),
            tickets: Slab::new(),
            whole: None,
            stalled: VecDeque::new(),
            runnable: VecDeque::new(),
        }
    }
}

impl<R> Locks<R> {
    /// Whether nothing is held and nothing waits.
    pub fn idle(&self) -> bool {
        self.tickets.is_empty()
    }

    /// Whether a request on `keys` may run at once without a ticket.
    pub fn free<'k>(&self, mut keys: impl Iterator<Item = &'k [u8]>) -> bool {
        self.idle() || self.whole.is_none() && keys.all(|key| !self.queues.contains_key(&PlaceRef::Key(key)))
    }

    /// Whether an earlier request of the client waits.
    pub fn has_turn(&self, client: ClientId) -> bool {
        self.queues.contains_key(&PlaceRef::Client(client))
    }

    /// Takes places for `request` at the end of its queues. It is handed out by [`Locks::next_granted`], at the earliest now.
    pub fn enqueue(&mut self, scope: Scope, request: R) {
        if self.whole.is_some() {
            self.stalled.push_back((scope, request));
            return;
        }
        let whole = scope == Scope::Whole;
        // The whole keyspace is free once all tickets before this one are gone.
        let ahead = if whole { self.tickets.len() } else { 0 };
        let ticket = self.insert(scope, false, ahead, request);
        if whole {
            self.whole = Some(ticket);
        }
    }

    /// Takes places before everybody who is not granted yet (but behind earlier such requests): for a waiter that is served
    /// in the instant in which its key got data. While the whole keyspace is held this is only for its holder, as it gives it back.
    pub fn enqueue_first(&mut self, keys: Vec<Box<[u8]>>, request: R) {
        let places = keys.into_iter().map(Place::Key).collect();
        self.insert(Scope::Places(places), true, 0, request);
    }

    fn insert(&mut self, scope: Scope, first: bool, ahead: usize, request: R) -> Ticket {
        let ticket = Ticket(self.tickets.vacant_key());
        let mut behind = ahead;
        if let Scope::Places(places) = &scope {
            for place in places {
                let queue = self.queues.entry(place.clone()).or_default();
                let at = if first {
                    first_place(queue, &self.tickets)
                } else {
                    queue.len()
                };
                if at > 0 {
                    behind += 1;
                } else if let Some(&overtaken) = queue.front() {
                    self.tickets[overtaken.0].behind += 1;
                }
                queue.insert(at, ticket);
            }
        }
        self.tickets.insert(Holder {
            scope,
            behind,
            first,
            request: Some(request),
        });
        if first && let Some(whole) = self.waiting_whole() {
            self.tickets[whole.0].behind += 1;
        }
        if behind == 0 {
            self.runnable.push_back(ticket);
        }
        ticket
    }

    /// The next request that has all it needs; it holds the ticket until [`Locks::release`].
    pub fn next_granted(&mut self) -> Option<(Ticket, R)> {
        let ticket = self.runnable.pop_front()?;
        let request = self.tickets[ticket.0]
            .request
            .take()
            .expect("a runnable ticket was not granted before");
        Some((ticket, request))
    }

    /// Ends a granted ticket; those behind it move up.
    pub fn release(&mut self, ticket: Ticket) {
        let holder = self.tickets.remove(ticket.0);
        debug_assert!(
            holder.request.is_none() && holder.behind == 0,
            "only a granted ticket is released"
        );
        match holder.scope {
            Scope::Whole => {
                self.whole = None;
                self.readmit();
            }
            Scope::Places(places) => {
                for place in &places {
                    self.leave(place, ticket);
                }
                if let Some(whole) = self.waiting_whole() {
                    self.step_up(whole);
                }
            }
        }
    }

    /// The ticket for the whole keyspace, while it waits for those before it.
    fn waiting_whole(&self) -> Option<Ticket> {
        self.whole.filter(|whole| self.tickets[whole.0].behind > 0)
    }

    fn leave(&mut self, place: &Place, ticket: Ticket) {
        let queue = self.queues.get_mut(place).expect("a held place has a queue");
        let left = queue.pop_front();
        debug_assert_eq!(left, Some(ticket), "the holder is first in line");
        match queue.front().copied() {
            Some(next) => self.step_up(next),
            None => drop(self.queues.remove(place)),
        }
    }

    fn step_up(&mut self, ticket: Ticket) {
        let holder = &mut self.tickets[ticket.0];
        holder.behind -= 1;
        if holder.behind == 0 {
            self.runnable.push_back(ticket);
        }
    }

    /// Lets in what arrived behind a whole-keyspace ticket, up to the next such ticket.
    fn readmit(&mut self) {
        while self.whole.is_none()
            && let Some((scope, request)) = self.stalled.pop_front()
        {
            self.enqueue(scope, request);
        }
    }

    /// Whether a request that [`Locks::enqueue_first`] let in waits in the queue of `key`.
    pub fn has_first(&self, key: &[u8]) -> bool {
        let queue = self.queues.get(&PlaceRef::Key(key));
        let waits = |ticket: &Ticket| self.tickets[ticket.0].first && self.tickets[ticket.0].request.is_some();
        queue.is_some_and(|queue| queue.iter().any(waits))
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.stalled.len()
            + self
                .tickets
                .iter()
                .filter(|(_, holder)| holder.request.is_some())
                .count()
    }
}

/// Where a `first` ticket goes: behind the granted holder and behind earlier `first` tickets.
fn first_place<R>(queue: &VecDeque<Ticket>, tickets: &Slab<Holder<R>>) -> usize {
    let stays = |ticket: &&Ticket| tickets[ticket.0].behind == 0 || tickets[ticket.0].first;
    queue.iter().take_while(stays).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &str) -> Scope {
        Scope::Places(
            names
                .split(' ')
                .map(|name| Place::Key(name.as_bytes().into()))
                .collect(),
        )
    }

    fn granted(locks: &mut Locks<&'static str>) -> Vec<(Ticket, &'static str)> {
        std::iter::from_fn(|| locks.next_granted()).collect()
    }

    #[test]
    fn keys_are_granted_in_order_of_arrival() {
        let mut locks = Locks::default();
        locks.enqueue(keys("a b"), "one");
        locks.enqueue(keys("b c"), "two");
        locks.enqueue(keys("c"), "three");
        locks.enqueue(keys("d"), "four");
        let first = granted(&mut locks);
        assert_eq!(first.iter().map(|(_, name)| *name).collect::<Vec<_>>(), ["one", "four"]);
        assert!(!locks.free([b"c".as_slice()].into_iter()));
        locks.release(first[0].0);
        let second = granted(&mut locks);
        assert_eq!(second[0].1, "two");
        locks.release(second[0].0);
        assert_eq!(granted(&mut locks)[0].1, "three");
    }

    #[test]
    fn the_whole_keyspace_waits_for_all_before_and_stalls_all_after() {
        let mut locks = Locks::default();
        locks.enqueue(keys("a"), "before");
        locks.enqueue(Scope::Whole, "whole");
        locks.enqueue(keys("z"), "after");
        locks.enqueue(Scope::Whole, "second whole");
        let before = granted(&mut locks);
        assert_eq!(before.len(), 1);
        locks.release(before[0].0);
        let whole = granted(&mut locks);
        assert_eq!(whole[0].1, "whole");
        assert!(!locks.free([b"q".as_slice()].into_iter()));
        locks.release(whole[0].0);
        let after = granted(&mut locks);
        assert_eq!(after.iter().map(|(_, name)| *name).collect::<Vec<_>>(), ["after"]);
        locks.release(after[0].0);
        let last = granted(&mut locks);
        assert_eq!(last[0].1, "second whole");
        locks.release(last[0].0);
        assert!(locks.idle());
    }

    #[test]
    fn a_served_waiter_goes_before_those_who_wait_but_not_before_the_holder() {
        let mut locks = Locks::default();
        locks.enqueue(keys("src dst"), "holder");
        let holder = granted(&mut locks);
        locks.enqueue(keys("src"), "later");
        locks.enqueue_first(vec![b"src".as_slice().into(), b"dst".as_slice().into()], "served");
        assert!(granted(&mut locks).is_empty());
        locks.release(holder[0].0);
        let served = granted(&mut locks);
        assert_eq!(served[0].1, "served");
        locks.release(served[0].0);
        assert_eq!(granted(&mut locks)[0].1, "later");
    }
}
