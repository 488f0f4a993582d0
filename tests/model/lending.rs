//! How keys are lent, come back and wake who waits, small enough to be tried in every order of messages.
//!
//! Each shard has one key, a list. Clients push to keys, pop from them (and wait, at all of them, under one claim), or push to a key that
//! they watch. What concerns one shard is one request; what concerns several is a transaction: it asks the shards in ascending
//! order, runs, and sends the keys home; where clients wait for what has changed comes first and is confirmed. One that has changed awaited keys of
//! several shards, for one of which a client waits that also waits elsewhere, begins again with everything. A client that
//! moves what it gets to another shard has no part here.

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
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Message {
    Run(Client),
    Exec(Client, u8),
    Acquire(Client, bool),
    Unwait(Client),
    Done(Client),
    Watching(Client, u8),
    Waiting(Client),
    Served(Client, Shard),
    Granted(Client, Shard, Loan),
    Release(Client, Box<Return>),
    Released(Client),
    Unlock(Client),
}

impl Message {
    fn is_request(&self) -> bool {
        use Message::*;
        matches!(self, Run(_) | Exec(..) | Acquire(..) | Unwait(_))
    }
}

/// A key on its way, and with the whole shard, who waits there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Loan {
    list: VecDeque<Item>,
    waiters: Vec<Client>,
    awaited: bool,
    reaching: bool,
    whole: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Return {
    loan: Loan,
    changed: bool,
    confirm: bool,
    widely: bool,
    registers: bool,
    served: Vec<Client>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Parked {
    Run(Client),
    Exec(Client, u8),
    Acquire(Client, bool),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Place {
    list: VecDeque<Item>,
    version: u8,
    /// As `version`, but right.
    changes: u8,
    holder: Option<Client>,
    queue: VecDeque<Parked>,
    waiters: Vec<Client>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Asking {
        left: VecDeque<Shard>,
        loans: BTreeMap<Shard, Loan>,
        whole: bool,
    },
    /// Some shards have not confirmed yet; what goes home, and which are unlocked, after that.
    Confirming(usize, Vec<(Shard, Box<Return>)>, Vec<Shard>),
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
    claimed: Vec<bool>,
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
            Op::Guarded(key) => vec![*key],
        }
    }

    fn send(&self, world: &mut World, from: Shard, to: Shard, message: Message) {
        let lane = (from, to, message.is_request());
        world.lanes.entry(lane).or_default().push_back(message);
    }

    fn begin(&self, world: &mut World, client: Client) {
        let mut keys = self.keys(client);
        let home = self.home(client);
        if keys.len() == 1 {
            self.send(world, home, keys[0], Message::Run(client));
            return;
        }
        keys.sort_unstable();
        if self.fault == Fault::DescendingOrder && client == 0 {
            keys.reverse();
        }
        world.phases[client] = Phase::Asking {
            left: keys.into(),
            loans: BTreeMap::new(),
            whole: false,
        };
        self.ask_next(world, client);
    }

    fn ask_next(&self, world: &mut World, client: Client) {
        let Phase::Asking { left, whole, .. } = &mut world.phases[client] else {
            unreachable!("only a transaction asks")
        };
        let whole = *whole;
        match left.pop_front() {
            Some(shard) => self.send(world, self.home(client), shard, Message::Acquire(client, whole)),
            None => self.run_transaction(world, client),
        }
    }

    fn take_claim(&self, world: &mut World, client: Client) -> bool {
        !std::mem::replace(&mut world.claimed[client], true) || self.fault == Fault::DoubleClaim
    }

    fn run_transaction(&self, world: &mut World, client: Client) {
        let Phase::Asking { loans, whole, .. } = std::mem::replace(&mut world.phases[client], Phase::Waiting) else {
            unreachable!("only a transaction runs")
        };
        let awaited = loans.values().filter(|loan| loan.awaited).count();
        if !whole && awaited > 1 && loans.values().any(|loan| loan.reaching) {
            return self.widen(world, client, loans);
        }
        let mut returns: BTreeMap<Shard, Return> = loans
            .into_iter()
            .map(|(shard, loan)| (shard, unchanged(loan)))
            .collect();
        let mut waits = false;
        match &self.ops[client] {
            Op::Push(keys) => {
                for key in *keys {
                    let back = returns.get_mut(key).expect("its keys are here");
                    back.loan.list.push_back(client);
                    back.changed = true;
                }
                for key in keys.iter().filter(|_| whole) {
                    self.serve_inside(world, returns.get_mut(key).expect("its keys are here"));
                }
            }
            Op::Pop(keys) => {
                let found = keys.iter().find(|key| !returns[key].loan.list.is_empty());
                match found {
                    Some(key) => {
                        let back = returns.get_mut(key).expect("its keys are here");
                        back.loan.list.pop_front();
                        back.changed = true;
                        world.served[client] += 1;
                    }
                    None => {
                        waits = true;
                        returns.values_mut().for_each(|back| back.registers = true);
                    }
                }
            }
            Op::Guarded(_) => unreachable!("it has one key"),
        }
        self.send_home(world, client, returns, waits);
    }

    /// Serves those who wait inside a transaction over everything.
    fn serve_inside(&self, world: &mut World, back: &mut Return) {
        for waiter in back.loan.waiters.clone() {
            if !back.loan.list.is_empty() && self.take_claim(world, waiter) {
                back.loan.list.pop_front();
                back.served.push(waiter);
                world.served[waiter] += 1;
            }
        }
    }

    fn widen(&self, world: &mut World, client: Client, loans: BTreeMap<Shard, Loan>) {
        let home = self.home(client);
        for (shard, loan) in loans {
            self.send(world, home, shard, Message::Release(client, Box::new(unchanged(loan))));
        }
        world.phases[client] = Phase::Asking {
            left: (0..self.shards).collect(),
            loans: BTreeMap::new(),
            whole: true,
        };
        self.ask_next(world, client);
    }

    fn send_home(&self, world: &mut World, client: Client, returns: BTreeMap<Shard, Return>, waits: bool) {
        let confirms = |back: &Return| !waits && back.changed && back.loan.awaited;
        let (mut first, rest): (Vec<_>, Vec<_>) = returns.into_iter().partition(|(_, back)| confirms(back));
        let widely = first.len() > 1;
        let home = self.home(client);
        let rest: Vec<(Shard, Box<Return>)> = rest.into_iter().map(|(shard, back)| (shard, Box::new(back))).collect();
        for (_, back) in &mut first {
            (back.confirm, back.widely) = (true, widely);
        }
        let count = first.len();
        let locked = if widely {
            first.iter().map(|(shard, _)| *shard).collect()
        } else {
            Vec::new()
        };
        for (shard, back) in first {
            self.send(world, home, shard, Message::Release(client, Box::new(back)));
        }
        world.phases[client] = Phase::Confirming(count, rest, locked);
        if count == 0 {
            self.send_rest(world, client);
            world.phases[client] = if waits { Phase::Blocked } else { Phase::Answered };
        }
    }

    fn send_rest(&self, world: &mut World, client: Client) {
        let Phase::Confirming(_, rest, locked) = std::mem::replace(&mut world.phases[client], Phase::Answered) else {
            unreachable!("only a transaction goes home")
        };
        let home = self.home(client);
        for shard in locked {
            self.send(world, home, shard, Message::Unlock(client));
        }
        for (shard, back) in rest {
            self.send(world, home, shard, Message::Release(client, back));
        }
    }

    /// Whose turn it is among so many in line.
    fn next_of(&self, len: usize) -> usize {
        if self.fault == Fault::LastFirst {
            len.saturating_sub(1)
        } else {
            0
        }
    }

    /// Runs what waits at a shard, as far as the key is there.
    fn pump(&self, world: &mut World, at: Shard) {
        while world.places[at as usize].holder.is_none() {
            let queue = &mut world.places[at as usize].queue;
            let index = self.next_of(queue.len());
            let Some(next) = queue.remove(index) else { return };
            if index > 0 {
                world.wrong = Some("who came later has the key first");
            }
            match next {
                Parked::Run(client) => self.run(world, at, client),
                Parked::Exec(client, version) => self.exec(world, at, client, version),
                Parked::Acquire(client, whole) => self.lend(world, at, client, whole),
            }
        }
    }

    fn lend(&self, world: &mut World, at: Shard, client: Client, whole: bool) {
        let place = &mut world.places[at as usize];
        place.holder = Some(client);
        let loan = Loan {
            list: std::mem::take(&mut place.list),
            awaited: !place.waiters.is_empty(),
            reaching: place.waiters.iter().any(|waiter| self.keys(*waiter).len() > 1),
            waiters: if whole {
                std::mem::take(&mut place.waiters)
            } else {
                Vec::new()
            },
            whole,
        };
        self.send(world, at, self.home(client), Message::Granted(client, at, loan));
    }

    fn run(&self, world: &mut World, at: Shard, client: Client) {
        let home = self.home(client);
        let place = &mut world.places[at as usize];
        let answer = match &self.ops[client] {
            Op::Push(_) => {
                place.list.push_back(client);
                self.changed(place);
                self.settle(world, at);
                Message::Done(client)
            }
            Op::Pop(_) if place.list.pop_front().is_some() => {
                self.changed(place);
                world.served[client] += 1;
                Message::Done(client)
            }
            Op::Pop(_) => {
                place.waiters.push(client);
                Message::Waiting(client)
            }
            Op::Guarded(_) => {
                world.seen[client] = place.changes;
                Message::Watching(client, place.version)
            }
        };
        self.send(world, at, home, answer);
    }

    fn exec(&self, world: &mut World, at: Shard, client: Client, version: u8) {
        let place = &mut world.places[at as usize];
        if place.version == version {
            if place.changes != world.seen[client] {
                world.wrong = Some("a transaction has run although what it watches has changed");
            }
            place.list.push_back(client);
            self.changed(place);
            self.settle(world, at);
        }
        self.send(world, at, self.home(client), Message::Done(client));
    }

    fn changed(&self, place: &mut Place) {
        place.version += 1;
        place.changes += 1;
    }

    /// Serves those who wait for a key in the order in which they came.
    fn settle(&self, world: &mut World, at: Shard) {
        while !world.places[at as usize].list.is_empty() && !world.places[at as usize].waiters.is_empty() {
            let waiters = &mut world.places[at as usize].waiters;
            let index = self.next_of(waiters.len());
            let waiter = waiters.remove(index);
            let overtaken = waiters[..index].iter().any(|other| !world.claimed[*other]);
            if !self.take_claim(world, waiter) {
                continue;
            }
            if overtaken {
                world.wrong = Some("who came later was served first");
            }
            world.places[at as usize].list.pop_front();
            self.changed(&mut world.places[at as usize]);
            world.served[waiter] += 1;
            self.send(world, at, self.home(waiter), Message::Served(waiter, at));
        }
    }

    fn take_back(&self, world: &mut World, at: Shard, client: Client, back: Return) {
        let place = &mut world.places[at as usize];
        place.list = back.loan.list;
        if back.loan.whole {
            place.waiters = back.loan.waiters;
        }
        if back.changed {
            place.changes += 1;
            place.version += u8::from(self.fault != Fault::SkippedVersion);
        }
        let claimed = &world.claimed;
        world.places[at as usize].waiters.retain(|waiter| !claimed[*waiter]);
        for waiter in back.served {
            self.send(world, at, self.home(waiter), Message::Served(waiter, at));
        }
        if back.changed && self.fault != Fault::LostWake {
            self.settle(world, at);
        }
        if back.registers {
            world.places[at as usize].waiters.push(client);
        }
        if back.confirm {
            self.send(world, at, self.home(client), Message::Released(client));
        }
        if !back.widely {
            world.places[at as usize].holder = None;
            self.pump(world, at);
        }
    }

    fn park(&self, world: &mut World, at: Shard, parked: Parked) {
        world.places[at as usize].queue.push_back(parked);
        self.pump(world, at);
    }

    fn deliver(&self, world: &mut World, at: Shard, message: Message) {
        match message {
            Message::Run(client) => self.park(world, at, Parked::Run(client)),
            Message::Exec(client, version) => self.park(world, at, Parked::Exec(client, version)),
            Message::Acquire(client, whole) => self.park(world, at, Parked::Acquire(client, whole)),
            Message::Unwait(client) => world.places[at as usize].waiters.retain(|waiter| *waiter != client),
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
                for key in self.keys(client).into_iter().filter(|key| *key != by) {
                    self.send(world, at, key, Message::Unwait(client));
                }
            }
            Message::Granted(client, shard, loan) => {
                if let Phase::Asking { loans, .. } = &mut world.phases[client] {
                    loans.insert(shard, loan);
                }
                self.ask_next(world, client);
            }
            Message::Release(client, back) => {
                if self.fault == Fault::LostReturn && !std::mem::replace(&mut world.lost, true) {
                    return;
                }
                self.take_back(world, at, client, *back);
            }
            Message::Released(client) => {
                if let Phase::Confirming(count, ..) = &mut world.phases[client] {
                    *count -= 1;
                    if *count == 0 {
                        self.send_rest(world, client);
                    }
                }
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
            if !matches!((op, phase), (_, Phase::Answered) | (Op::Pop(_), Phase::Blocked)) {
                return Some("somebody waits for ever");
            }
            if *phase == Phase::Blocked {
                let ready = |key: &Shard| !world.places[*key as usize].list.is_empty();
                let known = |key: &Shard| world.places[*key as usize].waiters.contains(&client);
                let keys = self.keys(client);
                if keys.iter().any(ready) {
                    return Some("a client waits beside what it waits for");
                }
                if !keys.iter().all(known) {
                    return Some("a client waits where it is not known");
                }
            }
        }
        let held = |place: &Place| place.holder.is_some() || !place.queue.is_empty();
        world.places.iter().any(held).then_some("a key stays held")
    }
}

fn unchanged(loan: Loan) -> Return {
    Return {
        loan,
        changed: false,
        confirm: false,
        widely: false,
        registers: false,
        served: Vec::new(),
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
            claimed: vec![false; self.ops.len()],
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
