//! Where the clients of the process are, so that one can be told what concerns another (CLIENT TRACKING REDIRECT): the only thing about
//! connections that shards share. Touched when a connection comes, moves and goes, and when something is redirected.
//!
//! Owns the table. It must not know what is told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

use crate::base::id::{ClientId, Origin};
use crate::shard::message::Stale;

/// What may wait for a client that is on its way, before it is told that everything is stale.
const WAITING_MAX: usize = 1024;

struct Entry {
    /// Where it is; nowhere while it moves from one shard to another.
    place: Option<Origin>,
    /// Whether it may not move any more, since something may be on its way to where it is.
    stays: bool,
    /// What came while it was moving.
    waiting: Vec<Arc<Stale>>,
}

/// Where something for a client is to go.
pub(super) enum Address {
    /// There.
    At(Origin),
    /// It is moving, and will find it where it arrives.
    Kept,
    /// The client is gone.
    Gone,
}

/// All clients of the process by number.
#[derive(Default)]
pub(super) struct Directory(Mutex<HashMap<ClientId, Entry>>);

impl Directory {
    fn entries(&self) -> MutexGuard<'_, HashMap<ClientId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client has connected.
    pub fn add(&self, place: Origin) {
        let entry = Entry {
            place: Some(place),
            stays: false,
            waiting: Vec::new(),
        };
        self.entries().insert(place.client, entry);
    }

    /// A client is gone.
    pub fn remove(&self, client: ClientId) {
        self.entries().remove(&client);
    }

    /// A client is about to move; tells whether it may.
    pub fn begin_move(&self, client: ClientId) -> bool {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(&client) else {
            return false;
        };
        if !entry.stays {
            entry.place = None;
        }
        !entry.stays
    }

    /// A client has moved; answers what has been waiting for it.
    pub fn end_move(&self, place: Origin) -> Vec<Arc<Stale>> {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(&place.client) else {
            return Vec::new();
        };
        entry.place = Some(place);
        std::mem::take(&mut entry.waiting)
    }

    /// Whether a client is connected.
    pub fn has(&self, client: ClientId) -> bool {
        self.entries().contains_key(&client)
    }

    /// A client is to stay where it is, or where it arrives.
    pub fn hold(&self, client: ClientId) {
        if let Some(entry) = self.entries().get_mut(&client) {
            entry.stays = true;
        }
    }

    /// Where to send `stale` for a client.
    pub fn address(&self, client: ClientId, stale: &Arc<Stale>) -> Address {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(&client) else {
            return Address::Gone;
        };
        if let Some(place) = entry.place {
            return Address::At(place);
        }
        if entry.waiting.len() < WAITING_MAX {
            entry.waiting.push(stale.clone());
        } else {
            entry.waiting = vec![Arc::new(Stale::Everything)];
        }
        Address::Kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::{ConnId, ShardId};

    fn place(shard: u16, client: u64) -> Origin {
        Origin {
            shard: ShardId(shard),
            conn: ConnId(3),
            client: ClientId(client),
        }
    }

    #[test]
    fn what_comes_while_a_client_moves_waits_for_it() {
        let directory = Directory::default();
        let (client, stale) = (ClientId(5), Arc::new(Stale::Keys(vec![Box::from(b"k".as_slice())])));
        assert!(matches!(directory.address(client, &stale), Address::Gone));
        directory.add(place(0, 5));
        assert!(directory.begin_move(client));
        directory.hold(client);
        assert!(matches!(directory.address(client, &stale), Address::Kept));
        assert_eq!(directory.end_move(place(1, 5)), std::slice::from_ref(&stale));
        assert!(matches!(directory.address(client, &stale), Address::At(at) if at == place(1, 5)));
        assert!(!directory.begin_move(client), "it was to stay");
        directory.remove(client);
        assert!(!directory.has(client));
    }

    #[test]
    fn too_much_becomes_everything() {
        let directory = Directory::default();
        directory.add(place(0, 5));
        assert!(directory.begin_move(ClientId(5)));
        let stale = Arc::new(Stale::Keys(Vec::new()));
        for _ in 0..=WAITING_MAX {
            directory.address(ClientId(5), &stale);
        }
        assert_eq!(directory.end_move(place(1, 5)), [Arc::new(Stale::Everything)]);
    }
}
