//! CLIENT TRACKING on a connection's side: what it has asked for, and how it is told what it does not hold any more.
//!
//! What a shard tells comes by the lane in which its replies come, behind what has been read: no client is left with a value that is not so any
//! more. What all shards tell together (everything is stale) is passed on when the last of them has told it.

use std::sync::Arc;

use super::connection::{Connection, Flow, Gather, Purpose};
use super::directory::Address;
use super::node::Node;
use super::pubsub::Current;
use crate::base::id::{ClientId, ConnId, Origin, ShardId};
use crate::command::tracking::Request;
use crate::command::{Args, Error, Topic};
use crate::protocol::reply::{Reply, Resp};
use crate::shard::message::{Broadcast, Invalidate, Message, Stale};

/// The channel on which clients of RESP2 are told what another one does not hold any more.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// Which shards have told how often that they were emptied.
#[derive(Default)]
pub(super) struct Flushes {
    by_shard: Vec<u64>,
    passed_on: u64,
}

impl Flushes {
    /// A shard was emptied; tells whether all others have been too.
    fn note(&mut self, from: ShardId, shards: u16) -> bool {
        self.by_shard.resize(usize::from(shards), 0);
        self.by_shard[from.index()] += 1;
        let all = *self.by_shard.iter().min().expect("there is a shard");
        let is_new = all > self.passed_on;
        self.passed_on = all;
        is_new
    }
}

impl Node {
    /// CLIENT TRACKING.
    pub(super) fn track(&mut self, id: ConnId, conn: &mut Connection, args: Args<'_>) {
        if let Err(error) = self.change_tracking(id, conn, args) {
            conn.reply.error_bytes(&error.line());
        }
    }

    fn change_tracking(&mut self, id: ConnId, conn: &mut Connection, args: Args<'_>) -> Result<(), Error> {
        let directory = &self.shared.directory;
        let request = Request::parse(args, |client| directory.has(client))?;
        if !request.on {
            self.stop_tracking(id, conn);
            conn.reply.ok();
            return Ok(());
        }
        let (tracking, prefixes) = request.follow(conn.session.tracking.as_deref())?;
        if let Some(client) = tracking.redirect {
            directory.hold(client);
        }
        conn.session.tracking = Some(Box::new(tracking));
        conn.session.has_tracked = true;
        prefixes
            .iter()
            .for_each(|prefix| self.listeners.join(Topic::Prefix, prefix, id));
        let left = self.tell_all(id, conn, Topic::Prefix, true, prefixes);
        if left > 0 && matches!(conn.flow, Flow::Ready) {
            let purpose = Purpose::Track;
            conn.flow = Flow::Gathering(Box::new(Gather {
                left,
                purpose,
                outdated: false,
            }));
        } else {
            conn.confirmations_left = left;
            conn.reply.ok();
        }
        Ok(())
    }

    /// The client wants to hear no more.
    pub(super) fn stop_tracking(&mut self, id: ConnId, conn: &mut Connection) {
        if let Some(tracking) = conn.session.tracking.take() {
            self.forget_names(id, conn, Topic::Prefix, tracking.prefixes.into_iter().collect());
        }
    }

    /// Tells readers what commands that have just run have changed.
    #[cold]
    pub(super) fn tell_readers(&mut self, current: Option<Current<'_>>) {
        let client = current
            .as_ref()
            .map_or(ClientId::NOBODY, |(_, conn)| conn.session.client);
        let for_current = self.shard.tell_readers(client, &mut self.out);
        let Some((_, conn)) = current else { return };
        for (stale, by) in for_current {
            if stale == Stale::Everything {
                self.tell(conn, &Arc::new(stale), true);
            } else {
                self.tell_reader(conn, by, stale, true);
            }
        }
    }

    /// Tells clients that have asked about prefixes what has changed in this pass.
    #[cold]
    pub(super) fn tell_prefixes(&mut self) {
        for broadcast in self.shard.tracking.take_changed() {
            let broadcast = Arc::new(broadcast);
            for shard in self.shard.subscriptions.prefix_audience(&broadcast.prefix) {
                self.out.reply(shard, Message::Broadcast(broadcast.clone()));
            }
        }
    }

    /// Clients of this core have read what has changed.
    pub(super) fn receive_invalidation(&mut self, invalidate: Invalidate) {
        let Invalidate { stale, readers, by } = invalidate;
        for (id, client) in readers {
            if let Some(mut conn) = self.take_client(id, client) {
                self.tell_reader(&mut conn, by, stale.clone(), false);
                self.put_conn(id, conn);
            }
        }
    }

    fn tell_reader(&mut self, conn: &mut Connection, by: ClientId, stale: Stale, is_current: bool) {
        let own = conn.session.client;
        let tracking = conn.session.tracking.as_ref();
        if tracking.is_some_and(|tracking| !tracking.is_broadcast() && tracking.hears(own, by)) {
            self.tell(conn, &Arc::new(stale), is_current);
        }
    }

    /// Keys with a prefix have changed.
    pub(super) fn receive_broadcast(&mut self, broadcast: &Broadcast) {
        let Broadcast { prefix, keys } = broadcast;
        let all = Arc::new(Stale::Keys(keys.iter().map(|(key, _)| key.clone()).collect()));
        for id in self.listeners.of_prefix(prefix) {
            let Some(mut conn) = self.take_conn(id) else { continue };
            let own = conn.session.client;
            if let Some(tracking) = &conn.session.tracking {
                let heard = |(key, by): &(Box<[u8]>, ClientId)| tracking.hears(own, *by).then(|| key.clone());
                if !tracking.skips_own {
                    self.tell(&mut conn, &all, false);
                } else if let heard @ [_, ..] = &*keys.iter().filter_map(heard).collect::<Vec<_>>() {
                    self.tell(&mut conn, &Arc::new(Stale::Keys(heard.to_vec())), false);
                }
            }
            self.put_conn(id, conn);
        }
    }

    /// Another shard, or this one, was emptied.
    pub(super) fn receive_flush(&mut self, from: ShardId, told: ClientId) {
        if !self.flushes.note(from, self.shard.shards) {
            return;
        }
        let mut tracking = Vec::new();
        self.connections.each(|id, conn| {
            let session = &conn.session;
            tracking.extend((session.tracking.is_some() && session.client != told).then_some(id));
        });
        let stale = Arc::new(Stale::Everything);
        for id in tracking {
            if let Some(mut conn) = self.take_conn(id) {
                self.tell(&mut conn, &stale, false);
                self.put_conn(id, conn);
            }
        }
    }

    /// Tells a client that tracks, or the one to which it redirects.
    fn tell(&mut self, conn: &mut Connection, stale: &Arc<Stale>, is_current: bool) {
        let Some(tracking) = &mut conn.session.tracking else {
            return;
        };
        let Some(client) = tracking.redirect else {
            if conn.session.resp == Resp::V3 {
                conn.add_message(is_current, |reply| write_push(reply, stale));
            }
            return;
        };
        if client == conn.session.client {
            return redirect_to(conn, stale, is_current);
        }
        match self.shared.directory.address(client, stale) {
            Address::At(Origin { shard, conn, client }) => {
                let stale = stale.clone();
                self.out.reply(shard, Message::Redirected { conn, client, stale });
            }
            Address::Kept => {}
            Address::Gone => {
                tracking.redirect_is_broken = true;
                if conn.session.resp == Resp::V3 {
                    conn.add_message(is_current, |reply| {
                        reply.push(2);
                        reply.bulk(b"tracking-redir-broken");
                        reply.int(client.0 as i64);
                    });
                }
            }
        }
    }

    /// What another client does not hold any more goes to one of this core.
    pub(super) fn receive_redirected(&mut self, id: ConnId, client: ClientId, stale: &Stale) {
        let Some(mut conn) = self.take_client(id, client) else {
            return;
        };
        redirect_to(&mut conn, stale, false);
        self.put_conn(id, conn);
    }
}

/// With RESP2 only a subscriber expects messages; of which channel does not matter, as in Valkey.
fn redirect_to(conn: &mut Connection, stale: &Stale, is_current: bool) {
    if conn.session.resp == Resp::V3 {
        conn.add_message(is_current, |reply| write_push(reply, stale));
    } else if conn.session.is_subscriber() {
        conn.add_message(is_current, |reply| {
            reply.array(3);
            reply.bulk(b"message");
            reply.bulk(CHANNEL);
            write_stale(reply, stale);
        });
    }
}

fn write_push(reply: &mut Reply, stale: &Stale) {
    reply.push(2);
    reply.bulk(b"invalidate");
    write_stale(reply, stale);
}

fn write_stale(reply: &mut Reply, stale: &Stale) {
    match stale {
        Stale::Everything => reply.null(),
        Stale::Keys(keys) => {
            reply.array(keys.len());
            keys.iter().for_each(|key| reply.bulk(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_is_passed_on_when_the_last_shard_has_told_it() {
        let mut flushes = Flushes::default();
        let told = [0, 0, 2, 1, 1, 2].map(|shard| flushes.note(ShardId(shard), 3));
        assert_eq!(told, [false, false, false, true, false, true]);
    }
}
