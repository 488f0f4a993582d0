//! What others have asked of a shard that a script occupies: it is refused by whoever stands in, who has the requests that wait and no key.
//!
//! Owns what changes hands for that, and how each kind of request is refused. It must not know when a script is slow.

use std::cell::RefCell;
use std::mem::swap;

use super::answers::Deferred;
use super::locks::{Locks, Ticket};
use super::log::HeldAnswers;
use super::message::{Acquire, Batch, Block, Granted, Message, Origin, Outbox, Parcel};
use super::state::{Parked, Shard};
use crate::base::id::{ClientId, DbIndex, TxId};
use crate::command::session::Watched;
use crate::command::{Args, Error, Exec};
use crate::protocol::reply::{Reply, Resp};

/// Where a shard leaves, while it runs a script, what whoever stands in for it needs: what is to be said, and who waits for keys or answers.
#[derive(Default)]
pub struct Desk(RefCell<Left>);

#[derive(Default)]
struct Left {
    out: Outbox,
    locks: Locks<Parked>,
    deferred: Vec<Deferred>,
    held: Box<HeldAnswers>,
}

impl Desk {
    /// Whether nobody holds `key` or waits for it.
    pub(super) fn is_free(&self, key: &[u8]) -> bool {
        self.0.borrow().locks.free([key].into_iter())
    }
}

impl Shard {
    /// Exchanges what this shard has for what is on the desk: leaves it there, or takes it.
    #[inline]
    pub fn exchange(&mut self, out: &mut Outbox) {
        let mut left = self.scripts.desk().0.borrow_mut();
        let log = &mut self.log;
        exchange(&mut left, &mut self.locks, &mut self.deferred, &mut log.held, out);
    }

    /// As [`Shard::exchange`], for a shard that stands in for the one that has left something on `desk`.
    pub fn exchange_at(&mut self, desk: &Desk, out: &mut Outbox) {
        let (mut left, log) = (desk.0.borrow_mut(), &mut self.log);
        exchange(&mut left, &mut self.locks, &mut self.deferred, &mut log.held, out);
    }

    /// Refuses a request while a script occupies the shard: answers `error`. Answers what is to be done nevertheless, after the script.
    pub fn refuse(&mut self, batch: &Batch, request: Message, error: &Error, out: &mut Outbox) -> Option<Message> {
        match request {
            Message::Run { asker, .. } if asker.origin.client != ClientId::NOBODY => {
                self.refuse_client(asker.origin, asker.resp, &error.line(), out);
            }
            Message::Together(together) | Message::Prepare(together) => {
                let group = together.group;
                out.reply(together.asker.origin.shard, Message::Apart { group });
            }
            Message::Block(block) => return self.refuse_block(*block, error, out),
            Message::Acquire(acquire) => refuse_keys(*acquire, error, out),
            Message::Watch { origin, db, words } => watch_unseen(origin, db, batch.args(words), out),
            Message::Everywhere { origin, command, .. }
                if matches!(command.exec, Exec::Everywhere { changes: false, .. }) =>
            {
                let Origin { shard, conn, client } = origin;
                let part = Box::new(Err(error.clone()));
                out.reply(shard, Message::Part { conn, client, part });
            }
            other => return Some(other),
        }
        None
    }

    fn refuse_block(&mut self, block: Block, error: &Error, out: &mut Outbox) -> Option<Message> {
        let Block { asker, watched, .. } = block;
        self.refuse_client(asker.origin, asker.resp, &error.aborts_exec(), out);
        (!watched.is_empty()).then(|| Message::Unwatch(Box::new(watched)))
    }

    fn refuse_client(&mut self, origin: Origin, resp: Resp, line: &[u8], out: &mut Outbox) {
        let mut reply = Reply::new(Vec::new(), resp);
        reply.error_bytes(line);
        let reply = out.replies(origin.shard).append_reply(reply.bytes());
        self.answer(origin, reply, out);
    }

    /// Refuses all that waits for keys here. Answers what is to be done nevertheless, after the script.
    pub fn refuse_parked(&mut self, error: &Error, out: &mut Outbox) -> Vec<Message> {
        let refused = self.locks.withdraw(is_refusable);
        let requests = refused.into_iter();
        requests
            .filter_map(|parked| self.refuse_one(parked, error, out))
            .collect()
    }

    /// A script has run for long over what is lent to `tx`: from now on nobody waits for that.
    pub fn note_occupied(&mut self, tx: TxId, error: Error, out: &mut Outbox) {
        if let Some(held) = self.held.get_mut(&tx) {
            self.occupied += usize::from(held.occupied.is_none());
            held.occupied = Some(error);
            self.refuse_who_waits_for_scripts(out);
        }
    }

    /// Refuses those who wait for keys that are lent to slow scripts.
    #[cold]
    pub(super) fn refuse_who_waits_for_scripts(&mut self, out: &mut Outbox) {
        let occupied = self
            .held
            .values()
            .filter_map(|held| Some((held.ticket, held.occupied.clone()?)));
        let occupied: Vec<_> = occupied.collect();
        for (ticket, error) in occupied {
            // Who goes may let others in, who then wait too.
            while self.refuse_behind(ticket, &error, out) {}
        }
        self.run_parked(out);
    }

    /// Refuses those who wait for what `ticket` covers; whether there were some.
    fn refuse_behind(&mut self, ticket: Ticket, error: &Error, out: &mut Outbox) -> bool {
        let refused = self.locks.withdraw_behind(ticket, is_refusable);
        let some = !refused.is_empty();
        for parked in refused {
            if let Some(Message::Unwatch(watched)) = self.refuse_one(parked, error, out) {
                self.unwatch(&watched);
            }
        }
        some
    }

    fn refuse_one(&mut self, parked: Parked, error: &Error, out: &mut Outbox) -> Option<Message> {
        match parked {
            Parked::Run { asker, .. } => {
                self.refuse_client(asker.origin, asker.resp, &error.line(), out);
                None
            }
            Parked::Block(block) => self.refuse_block(*block, error, out),
            Parked::Acquire(acquire) => {
                refuse_keys(*acquire, error, out);
                None
            }
            Parked::Watch { origin, db, keys } => {
                watch_unseen(origin, db, keys.as_args(), out);
                None
            }
            Parked::Serve(_) | Parked::Wake { .. } => unreachable!("who is being served is not refused"),
        }
    }
}

#[inline]
fn exchange(
    left: &mut Left,
    locks: &mut Locks<Parked>,
    deferred: &mut Vec<Deferred>,
    held: &mut Box<HeldAnswers>,
    out: &mut Outbox,
) {
    swap(&mut left.out, out);
    // Nearly always both are empty.
    if !left.locks.idle() || !locks.idle() {
        swap(&mut left.locks, locks);
    }
    swap(&mut left.deferred, deferred);
    swap(&mut left.held, held);
}

/// Whether what waits has not begun.
fn is_refusable(parked: &Parked) -> bool {
    match parked {
        Parked::Run { asker, .. } => asker.origin.client != ClientId::NOBODY,
        Parked::Block(_) | Parked::Acquire(_) | Parked::Watch { .. } => true,
        Parked::Serve(_) | Parked::Wake { .. } => false,
    }
}

/// Answers WATCH without looking at the keys.
fn watch_unseen(origin: Origin, db: DbIndex, keys: Args<'_>, out: &mut Outbox) {
    let Origin { shard, conn, client } = origin;
    let watched = keys.iter().map(|key| Watched {
        db,
        key: key.into(),
        version: Watched::UNSEEN,
        was_expired: false,
    });
    let watched = Box::new(watched.collect());
    out.reply(shard, Message::Watching { conn, client, watched });
}

fn refuse_keys(acquire: Acquire, error: &Error, out: &mut Outbox) {
    let parcel = if acquire.immediately {
        Parcel::Refused
    } else {
        Parcel::Occupied(error.clone())
    };
    let refused = Granted::nothing(acquire.tx, parcel, acquire.watched);
    out.reply(acquire.home, Message::Granted(Box::new(refused)));
}
