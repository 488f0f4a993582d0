//! Who holds which keys, and who waits for them, first come first served per key. Knows hashes of keys and opaque requests;
//! knows no value. Empty (and free of cost) while no transaction over several shards is under way.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use slab::Slab;
use smallvec::{SmallVec, smallvec};

use crate::base::hash::table_hash;
use crate::base::id::ClientId;

/// A place in the queues of some keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(usize);

/// What is queued for: the hash of a key (in every database) or of a client's turn. What shares a hash waits for each other without need,
/// which nobody can bring about (hashes are seeded) and which is wrong for nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(u64);

impl Place {
    /// The hash by which tables place the key.
    #[inline]
    pub fn hash(self) -> u64 {
        self.0
    }

    /// A key.
    #[inline]
    pub fn key(name: &[u8]) -> Self {
        Place(table_hash(name))
    }

    /// A client's turn: its later requests stay behind those of its requests that wait, whatever keys they name.
    pub fn turn(client: ClientId) -> Self {
        Place(!table_hash(&client.0.to_le_bytes()))
    }
}

/// Places of some keys, none twice.
pub type Places = SmallVec<[Place; 4]>;

/// The places of `keys`.
pub fn places<'k>(keys: impl Iterator<Item = &'k [u8]>) -> Places {
    each_once(keys.map(Place::key).collect())
}

/// Leaves each place once.
pub fn each_once(mut places: Places) -> Places {
    places.sort_unstable();
    places.dedup();
    places
}

/// Places are hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a place is one number")
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Those who stand in line for a place: nearly always one.
type Queue = SmallVec<[Ticket; 2]>;

/// What a ticket covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// These places, none twice.
    Places(Places),
    /// Those that its owner knows (see [`Locks::hold`]).
    Held,
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
    queues: HashMap<Place, Queue, BuildHasherDefault<AsItIs>>,
    tickets: Slab<Holder<R>>,
    /// How many tickets are not granted yet.
    waiting: usize,
    /// The ticket that has, or is next to have, the whole keyspace.
    whole: Option<Ticket>,
    /// What arrived after `whole`, in order.
    stalled: std::collections::VecDeque<(Scope, R)>,
    runnable: std::collections::VecDeque<Ticket>,
}

impl<R> Default for Locks<R> {
    fn default() -> Self {
        Locks {
            queues: HashMap::default(),
            tickets: Slab::new(),
            waiting: 0,
            whole: None,
            stalled: Default::default(),
            runnable: Default::default(),
        }
    }
}

impl<R> Locks<R> {
    /// Whether nothing is held and nothing waits.
    pub fn idle(&self) -> bool {
        self.tickets.is_empty()
    }

    /// Whether a request on `keys` may run at once without a ticket.
    #[inline]
    pub fn free<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) -> bool {
        self.idle() || self.are_free(keys.map(Place::key))
    }

    fn are_free(&self, mut places: impl Iterator<Item = Place>) -> bool {
        self.whole.is_none() && places.all(|place| !self.queues.contains_key(&place))
    }

    /// As [`Locks::free`], for one place.
    #[inline]
    pub fn is_free(&self, place: Place) -> bool {
        self.idle() || self.are_free(std::iter::once(place))
    }

    /// Whether an earlier request of the client waits.
    pub fn has_turn(&self, client: ClientId) -> bool {
        self.waiting > 0 && self.queues.contains_key(&Place::turn(client))
    }

    /// A granted ticket for places that are still to be named, unless somebody has, or waits for, the whole keyspace.
    pub fn hold(&mut self) -> Option<Ticket> {
        self.whole.is_none().then(|| {
            Ticket(self.tickets.insert(Holder {
                scope: Scope::Held,
                behind: 0,
                first: false,
                request: None,
            }))
        })
    }

    /// Adds a place to a ticket of [`Locks::hold`] and to its `held` places, if nobody else has it or waits for it. Call it before anybody
    /// else is let in.
    #[inline]
    pub fn hold_also(&mut self, ticket: Ticket, place: Place, held: &mut Vec<Place>) -> bool {
        match self.queues.entry(place) {
            Entry::Occupied(queue) => queue.get().first() == Some(&ticket),
            Entry::Vacant(queue) => {
                queue.insert(smallvec![ticket]);
                held.push(place);
                true
            }
        }
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
    pub fn enqueue_first(&mut self, places: Places, request: R) {
        self.insert(Scope::Places(places), true, 0, request);
    }

    fn insert(&mut self, scope: Scope, first: bool, ahead: usize, request: R) -> Ticket {
        let ticket = Ticket(self.tickets.vacant_key());
        let mut behind = ahead;
        if let Scope::Places(places) = &scope {
            for place in places {
                let queue = self.queues.entry(*place).or_default();
                let at = if first {
                    first_place(queue, &self.tickets)
                } else {
                    queue.len()
                };
                if at > 0 {
                    behind += 1;
                } else if let Some(&overtaken) = queue.first() {
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
        self.waiting += 1;
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
        self.waiting -= 1;
        Some((ticket, request))
    }

    /// Ends a granted ticket; those behind it move up.
    pub fn release(&mut self, ticket: Ticket) {
        match self.end(ticket) {
            Scope::Whole => {
                self.whole = None;
                self.readmit();
            }
            Scope::Places(places) => self.leave_all(ticket, &places),
            Scope::Held => unreachable!("a ticket of `hold` ends by `let_go`"),
        }
    }

    /// As [`Locks::release`], for a ticket of [`Locks::hold`] with the places that it holds.
    pub fn let_go(&mut self, ticket: Ticket, held: &[Place]) {
        let scope = self.end(ticket);
        debug_assert_eq!(scope, Scope::Held, "a ticket of `hold`");
        self.leave_all(ticket, held);
    }

    fn end(&mut self, ticket: Ticket) -> Scope {
        let holder = self.tickets.remove(ticket.0);
        debug_assert!(
            holder.request.is_none() && holder.behind == 0,
            "only a granted ticket is released"
        );
        holder.scope
    }

    fn leave_all(&mut self, ticket: Ticket, places: &[Place]) {
        places.iter().for_each(|place| self.leave(*place, ticket));
        if let Some(whole) = self.waiting_whole() {
            self.step_up(whole);
        }
    }

    /// Takes out the requests that are `meant` and not granted yet; those behind them move up.
    pub fn withdraw(&mut self, mut meant: impl FnMut(&R) -> bool) -> Vec<R> {
        let mut withdrawn = Vec::new();
        for (scope, request) in std::mem::take(&mut self.stalled) {
            if meant(&request) {
                withdrawn.push(request);
            } else {
                self.stalled.push_back((scope, request));
            }
        }
        let waits = |(at, holder): (usize, &Holder<R>)| holder.request.as_ref().is_some_and(&mut meant).then_some(at);
        let tickets: Vec<usize> = self.tickets.iter().filter_map(waits).collect();
        withdrawn.extend(tickets.into_iter().map(|at| self.leave_line(Ticket(at))));
        withdrawn
    }

    /// As [`Locks::withdraw`], of those who wait for what `held` covers.
    pub fn withdraw_behind(&mut self, held: Ticket, meant: impl Fn(&R) -> bool) -> Vec<R> {
        let Some(Holder {
            scope: Scope::Places(places),
            ..
        }) = self.tickets.get(held.0)
        else {
            return self.withdraw(meant);
        };
        let mut behind: Vec<Ticket> = places
            .iter()
            .filter_map(|place| self.queues.get(place))
            .flatten()
            .chain(&self.whole)
            .copied()
            .collect();
        behind.sort_unstable();
        behind.dedup();
        behind.retain(|ticket| self.tickets[ticket.0].request.as_ref().is_some_and(&meant));
        behind.into_iter().map(|ticket| self.leave_line(ticket)).collect()
    }

    /// Ends a ticket that is not granted yet.
    fn leave_line(&mut self, ticket: Ticket) -> R {
        self.waiting -= 1;
        self.runnable.retain(|other| *other != ticket);
        let waiting_whole = self.waiting_whole();
        let holder = self.tickets.remove(ticket.0);
        match holder.scope {
            Scope::Whole => {
                self.whole = None;
                self.readmit();
            }
            Scope::Places(places) => {
                for place in places {
                    self.leave(place, ticket);
                }
                if let Some(whole) = waiting_whole {
                    self.step_up(whole);
                }
            }
            Scope::Held => unreachable!("a ticket of `hold` is granted"),
        }
        holder.request.expect("only what waits leaves the line")
    }

    /// The ticket for the whole keyspace, while it waits for those before it.
    fn waiting_whole(&self) -> Option<Ticket> {
        self.whole.filter(|whole| self.tickets[whole.0].behind > 0)
    }

    fn leave(&mut self, place: Place, ticket: Ticket) {
        let Entry::Occupied(mut queue) = self.queues.entry(place) else {
            unreachable!("a held place has a queue")
        };
        let at = queue.get().iter().position(|other| *other == ticket);
        let at = at.expect("a ticket stands in the queues of its places");
        queue.get_mut().remove(at);
        match queue.get().first().copied() {
            Some(next) if at == 0 => self.step_up(next),
            Some(_) => {}
            None => drop(queue.remove()),
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
        let queue = self.queues.get(&Place::key(key));
        let waits = |ticket: &Ticket| self.tickets[ticket.0].first && self.tickets[ticket.0].request.is_some();
        queue.is_some_and(|queue| queue.iter().any(waits))
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.stalled.len() + self.waiting
    }
}

/// Where a `first` ticket goes: behind the granted holder and behind earlier `first` tickets.
fn first_place<R>(queue: &[Ticket], tickets: &Slab<Holder<R>>) -> usize {
    let stays = |ticket: &&Ticket| tickets[ticket.0].behind == 0 || tickets[ticket.0].first;
    queue.iter().take_while(stays).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &str) -> Places {
        places(names.split(' ').map(str::as_bytes))
    }

    fn keys(names: &str) -> Scope {
        Scope::Places(named(names))
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
        locks.enqueue_first(named("src dst"), "served");
        assert!(granted(&mut locks).is_empty());
        locks.release(holder[0].0);
        let served = granted(&mut locks);
        assert_eq!(served[0].1, "served");
        locks.release(served[0].0);
        assert_eq!(granted(&mut locks)[0].1, "later");
    }

    #[test]
    fn who_is_withdrawn_lets_those_behind_move_up() {
        let mut locks = Locks::default();
        locks.enqueue(keys("a"), "holder");
        let holder = granted(&mut locks)[0].0;
        locks.enqueue(keys("a b"), "no");
        locks.enqueue(keys("b c"), "free then");
        locks.enqueue(keys("a d"), "stays");
        locks.enqueue(keys("d"), "behind");
        locks.enqueue(keys("e"), "runnable no");
        locks.enqueue(Scope::Whole, "whole");
        locks.enqueue(keys("f"), "stalled no");
        locks.enqueue(keys("a"), "stalled");
        let mut withdrawn = locks.withdraw(|name| name.ends_with("no"));
        withdrawn.sort_unstable();
        assert_eq!(withdrawn, ["no", "runnable no", "stalled no"]);
        let freed = granted(&mut locks);
        assert_eq!(freed.iter().map(|(_, name)| *name).collect::<Vec<_>>(), ["free then"]);
        let mut behind = locks.withdraw_behind(holder, |_| true);
        behind.sort_unstable();
        assert_eq!(behind, ["stays", "whole"], "what was stalled is let in");
        let freed_too = granted(&mut locks);
        assert_eq!(freed_too[0].1, "behind");
        for ticket in [holder, freed[0].0, freed_too[0].0] {
            locks.release(ticket);
        }
        let last = granted(&mut locks);
        assert_eq!(last[0].1, "stalled");
        locks.release(last[0].0);
        assert!(locks.idle() && locks.waiting() == 0);
    }

    #[test]
    fn held_places_are_nobody_elses_and_held_once() {
        let mut locks = Locks::default();
        let [a, b, c] = ["a", "b", "c"].map(|name| Place::key(name.as_bytes()));
        let first = locks.hold().expect("nobody has the keyspace");
        let mut held = Vec::new();
        assert!(
            [a, b, a]
                .into_iter()
                .all(|place| locks.hold_also(first, place, &mut held))
        );
        assert_eq!(held, [a, b]);
        let second = locks.hold().expect("nobody has the keyspace");
        let mut others = Vec::new();
        assert!(locks.hold_also(second, c, &mut others));
        assert!(!locks.hold_also(second, b, &mut others), "the first holds it");
        assert!(!locks.is_free(b) && locks.is_free(Place::key(b"d")));
        locks.let_go(second, &others);
        assert!(locks.is_free(c));

        locks.enqueue(keys("b"), "behind");
        assert!(granted(&mut locks).is_empty());
        locks.let_go(first, &held);
        let behind = granted(&mut locks);
        assert_eq!(behind[0].1, "behind");
        let third = locks.hold().expect("nobody has the keyspace");
        assert!(
            !locks.hold_also(third, b, &mut Vec::new()),
            "somebody has it who stood in line"
        );
        locks.let_go(third, &[]);
        locks.enqueue(Scope::Whole, "whole");
        assert!(locks.hold().is_none(), "the whole keyspace is waited for");
        locks.release(behind[0].0);
        assert_eq!(granted(&mut locks)[0].1, "whole");
    }

    #[test]
    fn the_whole_keyspace_waits_for_who_holds_places() {
        let mut locks = Locks::default();
        let ticket = locks.hold().expect("nobody has the keyspace");
        let mut held = Vec::new();
        assert!(locks.hold_also(ticket, Place::key(b"a"), &mut held));
        locks.enqueue(Scope::Whole, "whole");
        assert!(granted(&mut locks).is_empty());
        locks.let_go(ticket, &held);
        assert_eq!(granted(&mut locks)[0].1, "whole");
    }
}
