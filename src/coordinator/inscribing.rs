//! Large values on their way into a log that is begun anew: lent like keys of a transaction, recorded on another thread, logged by pieces.

use super::node::Node;
use super::transaction::{Tx, Work};
use crate::base::id::{Origin, TxId};
use crate::shard::emission::{Inscribed, Inscription};
use crate::shard::message::{Asker, Granted, Message, Parcel, Release};

/// What of large values is under way.
#[derive(Default)]
pub(super) struct Inscribing {
    /// To be recorded by somebody who has time for it.
    asked: Option<Inscription>,
    /// Recorded, and being logged.
    recorded: Option<Inscribed>,
}

impl Node {
    /// Whether [`Node::emit`] has something to do.
    pub(super) fn may_emit(&self) -> bool {
        self.shard.may_emit() || self.inscribing.recorded.is_some() && self.shard.may_record()
    }

    /// Records some of the values that are to be recorded in a log that is begun anew.
    pub(super) fn emit(&mut self) {
        if self.shard.may_record()
            && let Some(mut inscribed) = self.inscribing.recorded.take()
        {
            if self.shard.log_piece(&mut inscribed) {
                let (tx, lent) = inscribed.into_lent();
                self.let_go(tx, Parcel::Keys(lent));
            } else {
                self.inscribing.recorded = Some(inscribed);
            }
        }
        if let Some(key) = self.shard.emit() {
            let stages = self.stages(Some(vec![key.clone()]), Vec::new());
            let (id, work) = (self.shared.next_transaction(), Work::Inscription { key });
            let tx = Tx::new(id, self.asker_for_itself(), stages, work);
            self.ask_next(tx);
        }
    }

    /// A large value is lent to be recorded, or cannot be had now.
    pub(super) fn begin_inscription(&mut self, tx: TxId, key: Box<[u8]>, granted: Granted) {
        match granted.parcel {
            Parcel::Keys(lent) => {
                self.inscribing.asked = Some(Inscription {
                    tx,
                    lent,
                    now: self.shard.now.unix_ms(),
                    config: self.shard.config.clone(),
                });
            }
            Parcel::Refused | Parcel::Occupied(_) => self.shard.emit_later(key),
            Parcel::Whole(_) => unreachable!("one key was asked for"),
        }
    }

    fn let_go(&mut self, tx: TxId, parcel: Parcel) {
        let release = Release::unchanged(tx, parcel);
        self.out.reply(self.shard.id, Message::Release(Box::new(release)));
    }

    /// A large value to be recorded by somebody who has time for it; [`Node::inscribed`] follows.
    pub fn take_inscription(&mut self) -> Option<Inscription> {
        self.inscribing.asked.take()
    }

    /// A large value has been recorded.
    pub fn inscribed(&mut self, inscribed: Inscribed) {
        self.inscribing.recorded = Some(inscribed);
    }

    /// Who asks when the server does something by itself.
    pub(super) fn asker_for_itself(&self) -> Asker {
        let shard = self.shard.id;
        Asker {
            origin: Origin {
                shard,
                ..Origin::default()
            },
            ..Asker::default()
        }
    }
}
