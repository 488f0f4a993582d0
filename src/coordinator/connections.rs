//! The places of a node's connections: a table that a stand-in shares with the node for which it stands in.
//!
//! Owns the table. Each use is over before anything else can run, so that two users never meet in it.

use std::cell::RefCell;
use std::rc::Rc;

use super::connection::Connection;
use crate::base::id::{ClientId, ConnId};

type Table = Vec<Option<Box<Connection>>>;

/// A node's connections by their places; clones share them.
#[derive(Clone, Default)]
pub(super) struct Connections(Rc<RefCell<Table>>);

impl Connections {
    /// Fills a place that is empty.
    pub fn install(&self, id: ConnId, conn: Box<Connection>) {
        let mut table = self.0.borrow_mut();
        if table.len() <= id.index() {
            table.resize_with(id.index() + 1, || None);
        }
        let previous = table[id.index()].replace(conn);
        assert!(
            previous.is_none(),
            "the runtime reuses a place only after its connection is gone"
        );
    }

    /// Takes a connection out, to work on it.
    #[inline]
    pub fn take(&self, id: ConnId) -> Option<Box<Connection>> {
        self.0.borrow_mut().get_mut(id.index())?.take()
    }

    /// As [`Connections::take`], if it is this client's.
    pub fn take_client(&self, id: ConnId, client: ClientId) -> Option<Box<Connection>> {
        let mut table = self.0.borrow_mut();
        let slot = table.get_mut(id.index())?;
        if slot.as_ref()?.session.client == client {
            slot.take()
        } else {
            None
        }
    }

    /// Puts a connection back that was taken out.
    #[inline]
    pub fn put(&self, id: ConnId, conn: Box<Connection>) {
        self.0.borrow_mut()[id.index()] = Some(conn);
    }

    /// Whether a connection is in its place.
    pub fn has(&self, id: ConnId) -> bool {
        self.look(id, |_| ()).is_some()
    }

    /// Looks at a connection that is in its place, or changes it there.
    #[inline]
    pub fn look<T>(&self, id: ConnId, look: impl FnOnce(&mut Connection) -> T) -> Option<T> {
        let mut table = self.0.borrow_mut();
        table.get_mut(id.index())?.as_deref_mut().map(look)
    }

    /// Looks at all connections that are in their places.
    pub fn each(&self, mut look: impl FnMut(ConnId, &mut Connection)) {
        for (at, slot) in self.0.borrow_mut().iter_mut().enumerate() {
            if let Some(conn) = slot {
                look(ConnId(at as u32), conn);
            }
        }
    }
}
