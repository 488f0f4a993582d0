//! What a shard does with its key and those who wait for it.

use super::*;

impl Lending {
    /// Whose turn it is among so many in line.
    fn next_of(&self, len: usize) -> usize {
        if self.fault == Fault::LastFirst {
            len.saturating_sub(1)
        } else {
            0
        }
    }

    /// Runs what waits at a shard, as far as the key is there.
    pub(super) fn pump(&self, world: &mut World, at: Shard) {
        while world.places[at as usize].holder.is_none() {
            let place = &mut world.places[at as usize];
            let index = self.next_of(place.queue.len());
            let Some(next) = place.queue.remove(index) else { return };
            place.firsts -= usize::from(index < place.firsts);
            if index > 0 {
                world.wrong = Some("who came later has the key first");
            }
            match next {
                Parked::Run(client) => self.run(world, at, client),
                Parked::Exec(client, version) => self.exec(world, at, client, version),
                Parked::Acquire(client, whole) => {
                    let loan = self.lend(world, at, client, whole);
                    self.send(world, at, self.home(client), Message::Granted(client, at, loan));
                }
                Parked::Wake(wake) => {
                    let loan = self.lend(world, at, wake.0, false);
                    self.send(world, at, self.home(wake.0), Message::Woken(wake, at, loan));
                }
                Parked::Serve(client) => self.serve_granted(world, at, client),
            }
        }
    }

    fn lend(&self, world: &mut World, at: Shard, client: Client, whole: bool) -> Loan {
        let place = &mut world.places[at as usize];
        place.holder = Some(client);
        let needs_more = |(waiter, _): &(Client, Claim)| self.keys(*waiter).len() > 1;
        Loan {
            list: std::mem::take(&mut place.list),
            awaited: !place.waiters.is_empty(),
            reaching: place.waiters.iter().any(needs_more),
            waiters: if whole {
                std::mem::take(&mut place.waiters)
            } else {
                Vec::new()
            },
            whole,
        }
    }

    fn run(&self, world: &mut World, at: Shard, client: Client) {
        let claim = world.taken[client];
        let place = &mut world.places[at as usize];
        let answer = match &self.ops[client] {
            Op::Push(_) => {
                place.list.push_back(client);
                self.changed(place);
                self.settle(world, at, false);
                Message::Done(client)
            }
            Op::Pop(_) if place.list.pop_front().is_some() => {
                self.changed(place);
                world.served[client] += 1;
                Message::Done(client)
            }
            Op::Pop(_) => {
                place.waiters.push((client, claim));
                Message::Waiting(client)
            }
            Op::Guarded(_) => {
                world.seen[client] = place.changes;
                Message::Watching(client, place.version)
            }
            Op::Move(_) => unreachable!("it has two keys"),
        };
        self.answer(world, at, client, answer);
    }

    fn exec(&self, world: &mut World, at: Shard, client: Client, version: u8) {
        let place = &mut world.places[at as usize];
        if place.version == version {
            if place.changes != world.seen[client] {
                world.wrong = Some("a transaction has run although what it watches has changed");
            }
            place.list.push_back(client);
            self.changed(place);
            self.settle(world, at, false);
        }
        self.answer(world, at, client, Message::Done(client));
    }

    /// Answers now, or when those are done whom the request has woken.
    fn answer(&self, world: &mut World, at: Shard, client: Client, answer: Message) {
        let place = &mut world.places[at as usize];
        let wakes = std::mem::take(&mut place.wakes);
        if wakes.is_empty() {
            self.send(world, at, self.home(client), answer);
        } else {
            place.deferred.push((wakes, self.home(client), answer));
        }
    }

    fn changed(&self, place: &mut Place) {
        place.version += 1;
        place.changes += 1;
    }

    /// Serves those who wait for a key in the order in which they came.
    fn settle(&self, world: &mut World, at: Shard, widely: bool) {
        loop {
            let place = &mut world.places[at as usize];
            if place.list.is_empty() || place.waiters.is_empty() || place.firsts > 0 {
                return;
            }
            let index = self.next_of(place.waiters.len());
            let (waiter, claim) = place.waiters.remove(index);
            let overtaken = place.waiters[..index]
                .iter()
                .any(|(other, claim)| world.taken[*other] <= *claim);
            if !self.take_claim(world, (waiter, claim)) {
                continue;
            }
            if overtaken {
                world.wrong = Some("who came later was served first");
            }
            let needs_all = world.needs_all[waiter];
            let spans = self.keys(waiter).len() > 1;
            if self.roams(waiter) || spans && (needs_all || widely) {
                world.wakes[waiter] += 1;
                let wake = (waiter, world.wakes[waiter]);
                world.places[at as usize].wakes.push(wake);
                return self.put_first(world, at, Parked::Wake(wake));
            }
            let place = &world.places[at as usize];
            if needs_all && !(place.holder.is_none() && place.queue.is_empty()) {
                return self.put_first(world, at, Parked::Serve(waiter));
            }
            self.serve(world, at, waiter);
        }
    }

    /// What follows from a change comes before all that waits; those behind in line must see that.
    fn put_first(&self, world: &mut World, at: Shard, parked: Parked) {
        let place = &mut world.places[at as usize];
        for (behind, claim) in &place.waiters {
            if world.taken[*behind] <= *claim {
                world.needs_all[*behind] = true;
            }
        }
        place.queue.insert(place.firsts, parked);
        place.firsts += 1;
    }

    fn serve(&self, world: &mut World, at: Shard, waiter: Client) {
        let place = &mut world.places[at as usize];
        place.list.pop_front();
        self.changed(place);
        world.served[waiter] += 1;
        self.send(world, at, self.home(waiter), Message::Served(waiter, at));
    }

    fn serve_granted(&self, world: &mut World, at: Shard, waiter: Client) {
        if world.places[at as usize].list.is_empty() {
            let claim = world.taken[waiter];
            world.needs_all[waiter] = false;
            world.places[at as usize].waiters.insert(0, (waiter, claim));
            self.send(world, at, self.home(waiter), Message::Waiting(waiter));
        } else {
            self.serve(world, at, waiter);
        }
        self.settle(world, at, true);
    }

    pub(super) fn take_back(&self, world: &mut World, at: Shard, client: Client, back: Return) {
        let place = &mut world.places[at as usize];
        let outer = std::mem::take(&mut place.wakes);
        place.list = back.loan.list;
        if back.loan.whole {
            place.waiters = back.loan.waiters;
        }
        if back.changed {
            place.changes += 1;
            place.version += u8::from(self.fault != Fault::SkippedVersion);
        }
        let taken = &world.taken;
        place.waiters.retain(|(waiter, claim)| taken[*waiter] <= *claim);
        for waiter in back.served {
            self.send(world, at, self.home(waiter), Message::Served(waiter, at));
        }
        if let Some((claim, first)) = back.registers {
            let waiters = &mut world.places[at as usize].waiters;
            let line = if first { 0 } else { waiters.len() };
            waiters.insert(line, (client, claim));
        }
        if back.retry.is_none() && self.fault != Fault::LostWake {
            self.settle(world, at, back.widely);
        }
        let place = &mut world.places[at as usize];
        place.queue.extend(back.retry.map(Parked::Wake));
        if back.confirm {
            let wakes = std::mem::take(&mut place.wakes);
            self.send(
                world,
                at,
                self.home(client),
                Message::Released(client, wakes.is_empty()),
            );
            if !wakes.is_empty() {
                let settled = (wakes, self.home(client), Message::Settled(client));
                world.places[at as usize].deferred.push(settled);
            }
        }
        world.places[at as usize].wakes = outer;
        if !back.widely {
            world.places[at as usize].holder = None;
            self.pump(world, at);
        }
    }

    pub(super) fn park(&self, world: &mut World, at: Shard, parked: Parked) {
        world.places[at as usize].queue.push_back(parked);
        self.pump(world, at);
    }
}
