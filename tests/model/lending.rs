//! How keys are lent, come back and wake who waits, small enough to be tried in every order of messages.
//!
//! Each shard has one key, a list. Clients push to keys, pop from them (and wait, at all of them, under one claim), or push to a key that
//! they watch. What concerns one shard is one request; what concerns several is a transaction: it asks the shards in ascending
//! order, runs, and sends the keys home; where clients wait for what has changed comes first and is confirmed. One that has changed awaited keys of
//! several shards, for one of which a client waits that needs more, begins again with everything.
//!
//! A client that moves what it gets to another shard is woken: the key that has data goes to its home with its name, which asks for the other
//! key, without waiting when that is below. What is refused goes back and queues again. Whoever has brought the data is answered when the woken client
//! is done; those behind it in line are then served over all their keys only.

mod home;
mod shard;

use std::collections::{BTreeMap, VecDeque};

use stateright::{Checker, Model, Property};

type Shard = u8;
type Client = usize;
type Item = Client;

/// What a client does; shards are named in the order of the command's keys.
#[derive(Clone, Debug)]
pub enum Op {
    Push(&'static [Shard]),
    Pop(&'static [Shard]),
    /// Waits for an item at the first and moves it to the second.
    Move(&'static [Shard; 2]),
    /// WATCH, then a transaction that pushes.
    Guarded(Shard),
}

/// What goes wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    LostReturn,
    LostWake,
    SkippedVersion,
    DoubleClaim,
    LastFirst,
    DescendingOrder,
    /// A woken client's transaction waits for whatever it needs.
    PatientWake,
}

/// A client's waiting, which ends once: taken claims are below the client's count of them.
type Claim = u8;
/// A client that is woken, and for the how manieth time.
type Wake = (Client, u8);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Message {
    Run(Client),
    Exec(Client, u8),
    Acquire(Client, Scope),
    Unwait(Client, Claim),
    Done(Client),
    Watching(Client, u8),
    Waiting(Client),
    Served(Client, Shard),
    Granted(Client, Shard, Loan),
    Refused(Client),
    Woken(Wake, Shard, Loan),
    Woke(Wake),
    Release(Client, Box<Return>),
    Released(Client, bool),
    Settled(Client),
    Unlock(Client),
}

impl Message {
    fn is_request(&self) -> bool {
        use Message::*;
        matches!(self, Run(_) | Exec(..) | Acquire(..) | Unwait(..))
    }
}

/// What of a shard is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scope {
    Key,
    /// If it can be had at once.
    KeyNow,
    Whole,
}

/// A key on its way, and with the whole shard, who waits there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Loan {
    list: VecDeque<Item>,
    waiters: Vec<(Client, Claim)>,
    awaited: bool,
    reaching: bool,
    whole: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Return {
    loan: Loan,
    changed: bool,
    confirm: bool,
    widely: bool,
    /// The client waits from now on, under this claim: before those who wait already when this is what woke it.
    registers: Option<(Claim, bool)>,
    served: Vec<Client>,
    /// The client is to be woken again.
    retry: Option<Wake>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Parked {
    Run(Client),
    Exec(Client, u8),
    Acquire(Client, bool),
    Wake(Wake),
    Serve(Client),
}

/// Something that is said when clients that were woken are done.
type Deferred = (Vec<Wake>, Shard, Message);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Place {
    list: VecDeque<Item>,
    version: u8,
    /// As `version`, but right.
    changes: u8,
    holder: Option<Client>,
    queue: VecDeque<Parked>,
    /// How many at the front of the queue have not come in order.
    firsts: usize,
    waiters: Vec<(Client, Claim)>,
    /// Whom the request that is being handled has woken.
    wakes: Vec<Wake>,
    deferred: Vec<Deferred>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Asking {
        left: VecDeque<Shard>,
        loans: BTreeMap<Shard, Loan>,
        whole: bool,
    },
    /// Some shards have not confirmed yet, or not served those whom they have woken; what goes home, and which are unlocked, when all have confirmed.
    Confirming {
        unconfirmed: usize,
        unsettled: usize,
        rest: Vec<(Shard, Box<Return>)>,
        locked: Vec<Shard>,
    },
    /// Waits for one answer.
    Waiting,
    Blocked,
    Answered,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    places: Vec<Place>,
    lanes: BTreeMap<(Shard, Shard, bool), VecDeque<Message>>,
    phases: Vec<Phase>,
    /// How many claims of each client are taken.
    taken: Vec<Claim>,
    /// Who is served over all its keys or not at all.
    needs_all: Vec<bool>,
    /// How often each client was woken, and where it was this time.
    wakes: Vec<u8>,
    woken: Vec<Option<(Shard, Wake)>>,
    served: Vec<u8>,
    /// How much was changed of what a client watches when it began to.
    seen: Vec<u8>,
    wrong: Option<&'static str>,
    lost: bool,
}

#[derive(Clone, Debug)]
pub struct Lending {
    pub shards: Shard,
    pub ops: Vec<Op>,
    pub fault: Fault,
}

impl Lending {
    fn home(&self, client: Client) -> Shard {
        client as Shard % self.shards
    }

    fn keys(&self, client: Client) -> Vec<Shard> {
        match &self.ops[client] {
            Op::Push(keys) | Op::Pop(keys) => keys.to_vec(),
            Op::Move(keys) => keys.to_vec(),
            Op::Guarded(key) => vec![*key],
        }
    }

    /// Where it waits.
    fn waits_at(&self, client: Client) -> Vec<Shard> {
        match &self.ops[client] {
            Op::Move([from, _]) => vec![*from],
            _ => self.keys(client),
        }
    }

    fn roams(&self, client: Client) -> bool {
        matches!(self.ops[client], Op::Move(_))
    }

    fn send(&self, world: &mut World, from: Shard, to: Shard, message: Message) {
        let lane = (from, to, message.is_request());
        world.lanes.entry(lane).or_default().push_back(message);
    }

    fn take_claim(&self, world: &mut World, (client, claim): (Client, Claim)) -> bool {
        let is_free = world.taken[client] <= claim;
        world.taken[client] = world.taken[client].max(claim + 1);
        is_free || self.fault == Fault::DoubleClaim
    }

    fn deliver(&self, world: &mut World, at: Shard, message: Message) {
        match message {
            Message::Run(client) => self.park(world, at, Parked::Run(client)),
            Message::Exec(client, version) => self.park(world, at, Parked::Exec(client, version)),
            Message::Acquire(client, scope) => {
                let place = &world.places[at as usize];
                if scope == Scope::KeyNow && !(place.holder.is_none() && place.queue.is_empty()) {
                    return self.send(world, at, self.home(client), Message::Refused(client));
                }
                self.park(world, at, Parked::Acquire(client, scope == Scope::Whole));
            }
            Message::Unwait(client, claim) => world.places[at as usize]
                .waiters
                .retain(|waiter| *waiter != (client, claim)),
            Message::Done(client) => world.phases[client] = Phase::Answered,
            // It may have been served before it was told that it waits, but the answers come in order.
            Message::Waiting(client) => world.phases[client] = Phase::Blocked,
            Message::Watching(client, version) => {
                let key = self.keys(client)[0];
                self.send(world, at, key, Message::Exec(client, version));
            }
            Message::Served(client, by) => {
                if world.phases[client] != Phase::Blocked {
                    world.wrong = Some("a client that does not wait is served");
                }
                world.phases[client] = Phase::Answered;
                let claim = world.taken[client] - 1;
                for key in self.waits_at(client).into_iter().filter(|key| *key != by) {
                    self.send(world, at, key, Message::Unwait(client, claim));
                }
            }
            Message::Granted(client, shard, loan) => {
                if let Phase::Asking { loans, .. } = &mut world.phases[client] {
                    loans.insert(shard, loan);
                }
                self.ask_next(world, client);
            }
            Message::Refused(client) => self.retry(world, client),
            Message::Woken(wake, from, loan) => self.start_woken(world, wake, from, loan),
            Message::Woke(wake) => {
                let deferred = &mut world.places[at as usize].deferred;
                deferred
                    .iter_mut()
                    .for_each(|(wakes, ..)| wakes.retain(|other| *other != wake));
                let said: Vec<Deferred> = deferred.extract_if(.., |(wakes, ..)| wakes.is_empty()).collect();
                for (_, to, message) in said {
                    self.send(world, at, to, message);
                }
            }
            Message::Release(client, back) => {
                if self.fault == Fault::LostReturn && !std::mem::replace(&mut world.lost, true) {
                    return;
                }
                self.take_back(world, at, client, *back);
            }
            Message::Released(client, is_settled) => {
                if let Phase::Confirming {
                    unconfirmed, unsettled, ..
                } = &mut world.phases[client]
                {
                    *unconfirmed -= 1;
                    *unsettled += usize::from(!is_settled);
                }
                self.go_on(world, client, Phase::Answered);
            }
            Message::Settled(client) => {
                if let Phase::Confirming { unsettled, .. } = &mut world.phases[client] {
                    *unsettled -= 1;
                }
                self.go_on(world, client, Phase::Answered);
            }
            Message::Unlock(_) => {
                world.places[at as usize].holder = None;
                self.pump(world, at);
            }
        }
    }

    /// What is wrong with a world in which nothing is left to be delivered.
    fn end(&self, world: &World) -> Option<&'static str> {
        for (client, op) in self.ops.iter().enumerate() {
            let phase = &world.phases[client];
            if !matches!(
                (op, phase),
                (_, Phase::Answered) | (Op::Pop(_) | Op::Move(_), Phase::Blocked)
            ) {
                return Some("somebody waits for ever");
            }
            if *phase == Phase::Blocked {
                let ready = |key: &Shard| !world.places[*key as usize].list.is_empty();
                let known = |key: &Shard| {
                    world.places[*key as usize]
                        .waiters
                        .contains(&(client, world.taken[client]))
                };
                let keys = self.waits_at(client);
                if keys.iter().any(ready) {
                    return Some("a client waits beside what it waits for");
                }
                if !keys.iter().all(known) {
                    return Some("a client waits where it is not known");
                }
            }
        }
        let held = |place: &Place| {
            place.holder.is_some() || !place.queue.is_empty() || place.firsts > 0 || !place.deferred.is_empty()
        };
        world.places.iter().any(held).then_some("a key stays held")
    }
}

fn unchanged(loan: Loan) -> Return {
    Return {
        loan,
        ..Return::default()
    }
}

impl Model for Lending {
    type State = World;
    type Action = (Shard, Shard, bool);

    fn init_states(&self) -> Vec<World> {
        let mut world = World {
            places: vec![Place::default(); self.shards as usize],
            lanes: BTreeMap::new(),
            phases: vec![Phase::Waiting; self.ops.len()],
            taken: vec![0; self.ops.len()],
            needs_all: vec![false; self.ops.len()],
            wakes: vec![0; self.ops.len()],
            woken: vec![None; self.ops.len()],
            served: vec![0; self.ops.len()],
            seen: vec![0; self.ops.len()],
            wrong: None,
            lost: false,
        };
        // The clients of one shard are heard in the order in which they are named.
        (0..self.ops.len()).for_each(|client| self.begin(&mut world, client));
        vec![world]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Self::Action>) {
        actions.extend(
            world
                .lanes
                .iter()
                .filter(|(_, lane)| !lane.is_empty())
                .map(|(lane, _)| *lane),
        );
    }

    fn next_state(&self, world: &World, lane: Self::Action) -> Option<World> {
        let mut world = world.clone();
        let queue = world.lanes.get_mut(&lane)?;
        let message = queue.pop_front()?;
        if queue.is_empty() {
            world.lanes.remove(&lane);
        }
        self.deliver(&mut world, lane.1, message);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "who is served is served once, in order, and by right",
                |_, world: &World| world.wrong.is_none() && world.served.iter().all(|count| *count <= 1),
            ),
            Property::always("all ends well", |model: &Lending, world: &World| {
                !world.lanes.is_empty() || model.end(world).is_none()
            }),
            Property::sometimes("it ends", |_, world: &World| world.lanes.is_empty()),
        ]
    }
}

/// Tries all orders; how many states there are, or what was found.
pub fn explore(shards: Shard, ops: &[Op], fault: Fault) -> Result<usize, String> {
    let model = Lending {
        shards,
        ops: ops.to_vec(),
        fault,
    };
    let checker = model.checker().spawn_bfs().join();
    for name in ["who is served is served once, in order, and by right", "all ends well"] {
        if let Some(path) = checker.discovery(name) {
            return Err(format!("not so: {name}: {:#?}", path.last_state()));
        }
    }
    Ok(checker.unique_state_count())
}
