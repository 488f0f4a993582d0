//! What a client's home does: asks for keys, runs over them, sends them back.

use super::*;

impl Lending {
    pub(super) fn begin(&self, world: &mut World, client: Client) {
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

    pub(super) fn ask_next(&self, world: &mut World, client: Client) {
        let Phase::Asking { left, whole, .. } = &mut world.phases[client] else {
            unreachable!("only a transaction asks")
        };
        let Some(shard) = left.pop_front() else {
            return self.run_transaction(world, client);
        };
        let is_below = |(at, _): (Shard, Wake)| shard < at && self.fault != Fault::PatientWake;
        let scope = if *whole {
            Scope::Whole
        } else if world.woken[client].is_some_and(is_below) {
            Scope::KeyNow
        } else {
            Scope::Key
        };
        self.send(world, self.home(client), shard, Message::Acquire(client, scope));
    }

    fn run_transaction(&self, world: &mut World, client: Client) {
        let Phase::Asking { loans, whole, .. } = std::mem::replace(&mut world.phases[client], Phase::Waiting) else {
            unreachable!("only a transaction runs")
        };
        let awaited = loans.values().filter(|loan| loan.awaited).count();
        let reaching = loans.values().any(|loan| loan.reaching);
        if !whole && reaching && awaited > 1 && world.woken[client].is_none() {
            return self.widen(world, client, loans);
        }
        let mut returns: BTreeMap<Shard, Return> = loans
            .into_iter()
            .map(|(shard, loan)| (shard, unchanged(loan)))
            .collect();
        let changes = self.run_over(world, client, &mut returns);
        let waits = changes.is_empty();
        if waits {
            let woken_at = world.woken[client].map(|(at, _)| at);
            world.needs_all[client] = false;
            for at in self.waits_at(client) {
                let back = returns.get_mut(&at).expect("its keys are here");
                back.registers = Some((world.taken[client], woken_at == Some(at)));
            }
        }
        if whole {
            self.serve_inside(world, &mut returns, changes.into());
        }
        self.send_home(world, client, returns, waits);
    }

    /// Runs a client's command over what is lent; which keys it has changed.
    fn run_over(&self, world: &mut World, client: Client, returns: &mut BTreeMap<Shard, Return>) -> Vec<Shard> {
        let changes = match &self.ops[client] {
            Op::Push(keys) => keys.to_vec(),
            Op::Pop(keys) => {
                let found = keys.iter().find(|key| !returns[key].loan.list.is_empty());
                found.map_or(Vec::new(), |key| vec![*key])
            }
            Op::Move([from, _]) if returns[from].loan.list.is_empty() => Vec::new(),
            Op::Move(keys) => keys.to_vec(),
            Op::Guarded(_) => unreachable!("it has one key"),
        };
        let takes = !matches!(self.ops[client], Op::Push(_));
        for (at, key) in changes.iter().enumerate() {
            let back = returns.get_mut(key).expect("its keys are here");
            back.changed = true;
            if takes && at == 0 {
                back.loan.list.pop_front();
                world.served[client] += 1;
            } else {
                back.loan.list.push_back(client);
            }
        }
        changes
    }

    /// Serves those who wait inside a transaction over everything, in the order of the changes and of their waiting.
    fn serve_inside(&self, world: &mut World, returns: &mut BTreeMap<Shard, Return>, mut changes: VecDeque<Shard>) {
        while let Some(key) = changes.pop_front() {
            for waiter in returns[&key].loan.waiters.clone() {
                if !returns[&key].loan.list.is_empty() && self.take_claim(world, waiter) {
                    changes.extend(self.run_over(world, waiter.0, returns));
                    returns.get_mut(&key).expect("everything is here").served.push(waiter.0);
                }
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
        for (_, back) in &mut first {
            (back.confirm, back.widely) = (true, widely);
        }
        let locked = first.iter().filter(|_| widely).map(|(shard, _)| *shard).collect();
        world.phases[client] = Phase::Confirming {
            unconfirmed: first.len(),
            unsettled: 0,
            rest: rest.into_iter().map(|(shard, back)| (shard, Box::new(back))).collect(),
            locked,
        };
        for (shard, back) in first {
            self.send(world, home, shard, Message::Release(client, Box::new(back)));
        }
        self.go_on(world, client, if waits { Phase::Blocked } else { Phase::Answered });
    }

    /// Sends home what waits for all to have confirmed, and answers when all is settled.
    pub(super) fn go_on(&self, world: &mut World, client: Client, after: Phase) {
        let Phase::Confirming {
            unconfirmed: 0,
            unsettled,
            rest,
            locked,
        } = &mut world.phases[client]
        else {
            return;
        };
        let (rest, locked, is_settled) = (std::mem::take(rest), std::mem::take(locked), *unsettled == 0);
        let home = self.home(client);
        for shard in locked {
            self.send(world, home, shard, Message::Unlock(client));
        }
        for (shard, back) in rest {
            self.send(world, home, shard, Message::Release(client, back));
        }
        if is_settled {
            world.phases[client] = after;
            if let Some((waker, wake)) = world.woken[client].take() {
                self.send(world, home, waker, Message::Woke(wake));
            }
        }
    }

    /// A client's key has data and is here: asks for the others.
    pub(super) fn start_woken(&self, world: &mut World, wake: Wake, from: Shard, loan: Loan) {
        let client = wake.0;
        if world.phases[client] != Phase::Blocked {
            world.wrong = Some("a client that does not wait is woken");
        }
        let claim = world.taken[client] - 1;
        for at in self.waits_at(client).into_iter().filter(|at| *at != from) {
            self.send(world, self.home(client), at, Message::Unwait(client, claim));
        }
        let mut left = self.keys(client);
        left.retain(|key| *key != from);
        left.sort_unstable();
        world.woken[client] = Some((from, wake));
        world.phases[client] = Phase::Asking {
            left: left.into(),
            loans: [(from, loan)].into(),
            whole: false,
        };
        self.ask_next(world, client);
    }

    /// A woken client cannot have its other keys at once: all goes back, and it is woken again.
    pub(super) fn retry(&self, world: &mut World, client: Client) {
        let Phase::Asking { loans, .. } = std::mem::replace(&mut world.phases[client], Phase::Blocked) else {
            unreachable!("only a transaction is refused")
        };
        let (waker, wake) = world.woken[client].take().expect("only a woken client does not wait");
        for (shard, loan) in loans {
            let back = Return {
                retry: (shard == waker).then_some(wake),
                ..unchanged(loan)
            };
            self.send(
                world,
                self.home(client),
                shard,
                Message::Release(client, Box::new(back)),
            );
        }
    }
}
