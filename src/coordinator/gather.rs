//! Answers that are collected from several shards: parts of commands that run everywhere, WATCH, subscriptions.

use super::connection::{Connection, Flow, Gather, Purpose};
use super::node::{Event, Node};
use crate::base::debris;
use crate::base::id::{ClientId, ConnId, ShardId};
use crate::base::time::Now;
use crate::command::args::OwnedArgs;
use crate::command::local::Unblock;
use crate::command::primary::PrimaryLink;
use crate::command::session::Watched;
use crate::command::{Args, Command, Error, Exec, Local, Part, Session, Text, Topic};
use crate::config::Config;
use crate::keyspace::Keyspace;
use crate::protocol::reply::Reply;
use crate::shard::message::{Message, Origin};

use super::timers::Pause;

impl Node {
    pub(super) fn all_shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.shard.shards).map(ShardId)
    }

    /// Asks every shard, this one included, for its part of a command.
    pub(super) fn ask_everywhere(&mut self, origin: Origin, command: &'static Command, args: Args<'_>) -> Box<Gather> {
        for shard in self.all_shards() {
            let lane = self.out.requests(shard);
            let words = lane.words(args);
            lane.messages.push(Message::Everywhere { origin, command, words });
        }
        let shards = usize::from(self.shard.shards);
        let parts = (0..shards).map(|_| None).collect();
        Box::new(Gather {
            left: shards,
            purpose: Purpose::Everywhere {
                command,
                args: OwnedArgs::from(args),
                parts,
            },
            outdated: false,
        })
    }

    pub(super) fn start_everywhere(
        &mut self,
        id: ConnId,
        conn: &mut Connection,
        command: &'static Command,
        args: Args<'_>,
    ) {
        if let Exec::Everywhere { reroutes, .. } = command.exec
            && reroutes(args)
        {
            return self.start_rerouting(id, conn, command, args);
        }
        let origin = conn.asker(self.shard.id, id).origin;
        conn.flow = Flow::Gathering(self.ask_everywhere(origin, command, args));
    }

    /// Runs this shard's part of a command that runs everywhere.
    pub(super) fn run_part(&mut self, origin: Origin, command: &'static Command, args: Args<'_>) {
        let Exec::Everywhere { part, changes, .. } = command.exec else {
            unreachable!("only such commands are sent everywhere")
        };
        let limit_before = self.shard.config.maxmemory_bytes;
        let clients_limit_before = self.clients_limit();
        let affinity_before = self.shard.config.affinity.clone();
        let keys_max_before = self.shard.config.tracking_table_max_keys;
        let primary_before = self.shard.config.replicaof.clone();
        let part = part(
            &mut Here {
                node: self,
                caller: origin.client,
            },
            args,
        );
        if self.shard.config.maxmemory_bytes != limit_before {
            self.evict_while_over_limit();
        }
        if self.clients_limit() != clients_limit_before {
            self.client_memory.is_due = true;
        }
        if self.shard.config.affinity != affinity_before {
            self.reroute();
        }
        if self.shard.config.tracking_table_max_keys != keys_max_before {
            self.shard.limit_tracking();
        }
        if self.shard.config.replicaof != primary_before {
            self.turn();
        } else if changes {
            self.tell_link();
        }
        let Origin { shard, conn, client } = origin;
        self.out.reply(
            shard,
            Message::Part {
                conn,
                client,
                part: Box::new(part),
            },
        );
    }

    pub(super) fn note_part(&mut self, from: ShardId, id: ConnId, client: ClientId, part: Result<Part, Error>) {
        if let Some(tx) = self.rerouting_of(client) {
            return self.note_part_of_block(tx, from, part);
        }
        let Some(mut conn) = self.take_client(id, client) else {
            return;
        };
        let conn_flow = std::mem::replace(&mut conn.flow, Flow::Ready);
        match conn_flow {
            Flow::Gathering(mut gather) => {
                let complete = add_part(&mut gather, from, part);
                if complete {
                    let mark = conn.reply.len();
                    combine(*gather, &mut conn.reply);
                    conn.finish_reply(mark);
                    return self.ready(id, conn);
                }
                conn.flow = Flow::Gathering(gather);
                self.put_conn(id, conn);
            }
            Flow::Transaction(tx) => {
                conn.flow = Flow::Transaction(tx);
                self.put_conn(id, conn);
                self.note_part_of_block(tx, from, part);
            }
            other => {
                conn.flow = other;
                self.put_conn(id, conn);
            }
        }
    }

    /// One of the answers that `is_for` recognises has come.
    pub(super) fn gathered(&mut self, id: ConnId, client: ClientId, is_for: impl Fn(&Purpose) -> bool) {
        let Some(mut conn) = self.take_client(id, client) else {
            return;
        };
        if let Flow::Transaction(tx) = conn.flow {
            self.put_conn(id, conn);
            return self.note_confirmation_of_block(tx);
        }
        if let Flow::Gathering(gather) = &mut conn.flow
            && is_for(&gather.purpose)
        {
            gather.left -= 1;
            if gather.left == 0 {
                let mark = conn.reply.len();
                if matches!(gather.purpose, Purpose::Watch | Purpose::Track) {
                    conn.reply.ok();
                }
                conn.finish_reply(mark);
                return self.ready(id, conn);
            }
        }
        self.put_conn(id, conn);
    }

    /// Versions of watched keys have come; false when they are of no use, since the client is gone or the keys are elsewhere now.
    pub(super) fn note_watched(&mut self, id: ConnId, client: ClientId, watched: &[Watched]) -> bool {
        let Some(mut conn) = self.take_client(id, client) else {
            return false;
        };
        let outdated = matches!(&conn.flow, Flow::Gathering(gather) if gather.outdated);
        let before = conn.session.watched.len();
        conn.session.watched.extend_from_slice(watched);
        if outdated {
            let new = &mut conn.session.watched[before..];
            new.iter_mut().for_each(|watched| watched.version = Watched::UNSEEN);
        }
        self.put_conn(id, conn);
        self.gathered(id, client, |purpose| matches!(purpose, Purpose::Watch));
        !outdated
    }
}

/// Stores one shard's part; tells whether it was the last.
pub(super) fn add_part(gather: &mut Gather, from: ShardId, part: Result<Part, Error>) -> bool {
    let Purpose::Everywhere { parts, .. } = &mut gather.purpose else {
        unreachable!("parts belong to such commands")
    };
    parts[from.index()] = Some(part);
    gather.left -= 1;
    gather.left == 0
}

/// Writes the reply of a command whose parts have all come.
pub(super) fn combine(gather: Gather, reply: &mut Reply) {
    let Purpose::Everywhere { command, args, parts } = gather.purpose else {
        unreachable!("parts belong to such commands")
    };
    let Exec::Everywhere { combine, .. } = command.exec else {
        unreachable!("only such commands are sent everywhere")
    };
    let parts: Result<Vec<Part>, Error> = parts
        .into_iter()
        .map(|part| part.expect("all parts have come"))
        .collect();
    match parts {
        Ok(parts) => combine(&parts, args.as_args(), reply),
        Err(error) => reply.error_bytes(&error.line()),
    }
}

/// This core as [`Exec::Everywhere`] commands see it.
struct Here<'a> {
    node: &'a mut Node,
    caller: ClientId,
}

impl Here<'_> {
    fn find(&self, client: ClientId) -> Option<ConnId> {
        let mut found = None;
        self.node.connections.each(|id, conn| {
            if conn.session.client == client {
                found = Some(id);
            }
        });
        found
    }
}

/// Whether a client waits for a key, a timeout or the end of a pause.
fn is_blocked(conn: &Connection) -> bool {
    conn.session.blocked || matches!(conn.flow, Flow::Paused)
}

impl Local for Here<'_> {
    fn shard(&self) -> ShardId {
        self.node.shard.id
    }

    fn shards(&self) -> u16 {
        self.node.shard.shards
    }

    fn now(&self) -> Now {
        self.node.shard.now
    }

    fn caller(&self) -> ClientId {
        self.caller
    }

    fn each_session(&mut self, visit: &mut dyn FnMut(&mut Session)) {
        let mut clients = Vec::new();
        self.node
            .connections
            .each(|id, conn| clients.push((conn.session.client, id)));
        clients.sort_unstable();
        for (_, id) in clients {
            self.node.connections.look(id, |conn| {
                conn.session.input_bytes = conn.input_bytes();
                conn.session.output_bytes = conn.unsent_bytes();
                visit(&mut conn.session);
            });
        }
    }

    fn kill(&mut self, client: ClientId) -> bool {
        let Some(id) = self.find(client) else { return false };
        let mut conn = self.node.take_conn(id).expect("the connection was just found");
        conn.session.closing = true;
        if client != self.caller {
            self.node.stop_blocking(id, &mut conn);
            conn.flow = Flow::Closing;
            self.node.events.push_back(Event::Close(id));
        }
        self.node.put_conn(id, conn);
        true
    }

    fn unblock(&mut self, client: ClientId, how: Unblock) -> bool {
        self.find(client).is_some_and(|id| self.node.give_up(id, how))
    }

    fn pause(&mut self, until_unix_ms: i64, writes_only: bool) {
        self.node.pause = Some(Pause {
            until_unix_ms,
            writes_only,
        });
        self.node.end_pause();
    }

    fn config(&mut self) -> &mut Config {
        &mut self.node.shard.config
    }

    fn keyspace(&mut self) -> Option<&mut Keyspace> {
        self.node.shard.keyspace()
    }

    fn set_active_expire(&mut self, on: bool) {
        self.node.shard.active_expire = on;
    }

    fn counters(&self, out: &mut Vec<(&'static str, i64)>) {
        let node = &self.node;
        out.extend(node.counters.fields());
        node.shard.scripts.tell(out);
        let effects = &node.shard.effects;
        let (mut connected, mut blocked, mut tracking) = (0, 0, 0);
        node.connections.each(|_, conn| {
            connected += 1;
            blocked += i64::from(is_blocked(conn));
            tracking += i64::from(conn.session.tracking.is_some());
        });
        let (tracked_keys, tracked_items) = node.shard.tracking.totals();
        out.extend([
            ("connected_clients", connected),
            ("tracking_clients", tracking),
            ("tracking_total_keys", tracked_keys as i64),
            ("tracking_total_items", tracked_items as i64),
            ("blocked_clients", blocked),
            ("expired_keys", effects.expired as i64),
            ("expired_fields", effects.expired_fields as i64),
            ("evicted_keys", effects.evicted as i64),
            ("keyspace_hits", effects.hits as i64),
            ("keyspace_misses", effects.misses as i64),
        ]);
        let (pending, freed) = debris::counts();
        out.extend([
            ("lazyfree_pending_objects", pending as i64),
            ("lazyfreed_objects", freed as i64),
        ]);
        if node.shard.id == ShardId(0) {
            // Every shard has the same copy of these.
            let subscriptions = &node.shard.subscriptions;
            out.extend([
                ("pubsub_channels", subscriptions.channels_len(Topic::Channel) as i64),
                ("tracking_total_prefixes", subscriptions.prefixes().len() as i64),
                ("pubsub_patterns", subscriptions.patterns_len() as i64),
                (
                    "pubsubshard_channels",
                    subscriptions.channels_len(Topic::ShardChannel) as i64,
                ),
            ]);
        }
    }

    fn facts(&self, out: &mut Vec<Text>) {
        self.node.shared.tell_facts(out);
        out.push(("corelane_costly_scripts", self.node.shared.registry.costs.text()));
    }

    fn primary_link(&self) -> &PrimaryLink {
        &self.node.shared.primary_link
    }

    fn purge_memory(&mut self) {
        self.node.shared.purge_memory();
    }

    fn reset_counters(&mut self) {
        self.node.counters = Default::default();
        debris::reset_counts();
        self.node.shard.scripts.reset_counters();
        let effects = &mut self.node.shard.effects;
        (effects.expired, effects.expired_fields, effects.evicted) = (0, 0, 0);
        (effects.hits, effects.misses) = (0, 0);
    }
}
