//! What a node has begun and not ended: transactions, groups, and the batch that it is taking in. A stand-in shares it, and goes on with what needs no
//! key of the shard.
//!
//! Owns the tables. Each use is over before anything else can run; what is at work is not in its table.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::collections::VecDeque;
use std::rc::Rc;

use hashbrown::HashMap;
use slab::Slab;

use super::grouping::Group;
use super::transaction::Tx;
use crate::base::id::{ShardId, TxId};
use crate::shard::message::{Batch, Message};

#[derive(Default)]
struct Tables {
    transactions: RefCell<HashMap<TxId, Box<Tx>>>,
    groups: RefCell<Slab<Group>>,
    /// The transaction whose script is running.
    running: Cell<Option<TxId>>,
    /// The batch that is being taken in, whom it is from, and its messages that are still to be taken in.
    batch: RefCell<Batch>,
    from: Cell<Option<ShardId>>,
    messages: RefCell<VecDeque<Message>>,
}

/// What is under way on a node; clones share it.
#[derive(Clone, Default)]
pub(super) struct Underway(Rc<Tables>);

impl Underway {
    /// Transactions that wait for something.
    pub fn transactions(&self) -> RefMut<'_, HashMap<TxId, Box<Tx>>> {
        self.0.transactions.borrow_mut()
    }

    /// Groups whose other half is under way.
    pub fn groups(&self) -> RefMut<'_, Slab<Group>> {
        self.0.groups.borrow_mut()
    }

    /// The transaction whose script is running.
    pub fn running(&self) -> &Cell<Option<TxId>> {
        &self.0.running
    }

    /// Begins to take in a batch of `from`.
    pub fn begin(&self, from: ShardId, mut batch: Batch) {
        let messages = VecDeque::from(std::mem::take(&mut batch.messages));
        self.0.messages.replace(messages);
        self.0.batch.replace(batch);
        self.0.from.set(Some(from));
    }

    /// The batch that is being taken in, without its messages.
    pub fn batch(&self) -> Ref<'_, Batch> {
        self.0.batch.borrow()
    }

    /// Its next message.
    #[inline]
    pub fn next(&self) -> Option<Message> {
        self.0.messages.borrow_mut().pop_front()
    }

    /// Shows its next messages; answers how many of them `look` has looked at.
    pub fn look_ahead(&self, look: impl FnOnce(&[Message]) -> usize) -> usize {
        look(self.0.messages.borrow().as_slices().0)
    }

    /// Replaces its messages by those that `keep` leaves of them.
    pub fn sift(&self, mut keep: impl FnMut(ShardId, &Batch, Message) -> Option<Message>) {
        let Some(from) = self.0.from.get() else { return };
        let (messages, batch) = (self.0.messages.take(), self.0.batch.borrow());
        let kept = messages
            .into_iter()
            .filter_map(|message| keep(from, &batch, message))
            .collect();
        self.0.messages.replace(kept);
    }

    /// The batch has been taken in: its memory, for the next.
    pub fn end(&self) -> Batch {
        let mut batch = self.0.batch.take();
        batch.messages = self.0.messages.take().into();
        batch
    }
}
