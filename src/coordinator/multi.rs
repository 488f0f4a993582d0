//! MULTI, EXEC, DISCARD, WATCH: queueing, and the choice between one shard's block and a transaction over several.

use super::connection::{Connection, Flow, Gather, Purpose};
use super::dispatch::Target;
use super::members::is_groupable;
use super::node::Node;
use crate::base::id::{ConnId, ShardId};
use crate::command::session::{Multi, Queued, Watched};
use crate::command::{Args, Command, Error, Exec, Flags};
use crate::shard::message::{Block, Message};

/// Where the commands of an EXEC must run.
enum Place {
    /// All over this shard's keyspace.
    Shard(ShardId),
    /// Commands on keys, each on one of several shards.
    Group,
    /// In a transaction, over these keys (`None`: everything).
    Transaction(Option<Vec<Box<[u8]>>>),
}

impl Node {
    pub(super) fn multi(&mut self, conn: &mut Connection) {
        conn.session.multi = Some(Box::default());
        conn.reply.ok();
    }

    pub(super) fn queue(&mut self, conn: &mut Connection, command: &'static Command, args: Args<'_>) {
        let multi = conn.session.multi.as_mut().expect("only a transaction queues");
        multi.push(Queued {
            command,
            args: args.into(),
        });
        conn.reply.simple("QUEUED");
    }

    pub(super) fn discard(&mut self, conn: &mut Connection) {
        if conn.session.multi.take().is_none() {
            return conn.reply.error_bytes(&Error::DiscardWithoutMulti.line());
        }
        self.unwatch(conn);
        conn.reply.ok();
    }

    pub(super) fn watch(&mut self, id: ConnId, conn: &mut Connection, args: Args<'_>) {
        let db = conn.session.db;
        let is_new = |key: &&[u8]| {
            !conn
                .session
                .watched
                .iter()
                .any(|watched| watched.db == db && *watched.key == **key)
        };
        let mut keys: Vec<(ShardId, &[u8])> = args
            .from(1)
            .filter(is_new)
            .map(|key| (self.router.shard(key), key))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return conn.reply.ok();
        }
        let origin = conn.asker(self.shard.id, id).origin;
        let mut left = 0;
        for keys in keys.chunk_by(|one, other| one.0 == other.0) {
            let shard = keys[0].0;
            let owned = crate::command::args::OwnedArgs::from_words(keys.iter().map(|(_, key)| *key));
            let lane = self.out.requests(shard);
            let words = lane.words(owned.as_args());
            lane.messages.push(Message::Watch { origin, db, words });
            left += 1;
        }
        conn.flow = Flow::Gathering(Box::new(Gather {
            left,
            purpose: Purpose::Watch,
            outdated: false,
        }));
    }

    pub(super) fn unwatch(&mut self, conn: &mut Connection) {
        let watched = std::mem::take(&mut conn.session.watched);
        for (shard, watched) in self.by_shard(watched) {
            self.out.request(shard, Message::Unwatch(Box::new(watched)));
        }
    }

    /// Watched keys by their owners.
    pub(super) fn by_shard(&self, watched: Vec<Watched>) -> Vec<(ShardId, Vec<Watched>)> {
        self.by_owner(watched, |watched| &watched.key)
    }

    /// What concerns a key each, by the keys' owners, in order.
    pub(super) fn by_owner<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        key_of: impl Fn(&T) -> &[u8],
    ) -> Vec<(ShardId, Vec<T>)> {
        let mut groups: Vec<(ShardId, Vec<T>)> = Vec::new();
        for item in items {
            let shard = self.router.shard(key_of(&item));
            match groups.iter_mut().find(|(other, _)| *other == shard) {
                Some((_, group)) => group.push(item),
                None => groups.push((shard, vec![item])),
            }
        }
        groups
    }

    pub(super) fn exec(&mut self, id: ConnId, conn: &mut Connection, args: Args<'_>) {
        if !self.shard.subscriptions.is_unmonitored() {
            self.show_block(conn, args);
        }
        let Some(multi) = conn.session.multi.take() else {
            return conn.reply.error_bytes(&Error::ExecWithoutMulti.line());
        };
        let Multi { queue, refused, .. } = *multi;
        if refused {
            self.unwatch(conn);
            return conn.reply.error_bytes(&Error::ExecAbort.line());
        }
        let watched = std::mem::take(&mut conn.session.watched);
        if queue.is_empty() && watched.is_empty() {
            return conn.reply.array(0);
        }
        let asker = conn.asker(self.shard.id, id);
        match self.place(&queue, &watched) {
            Place::Shard(shard) => {
                let keys = all_keys(&queue, &watched);
                conn.flow = Flow::Flight {
                    shard,
                    outstanding: 1,
                    sealed: true,
                };
                let block = Box::new(Block {
                    asker,
                    queue,
                    watched,
                    keys,
                });
                self.out.request(shard, Message::Block(block));
                if let Some(favourite) = conn.favourite.note(shard, 4) {
                    let moves = favourite != self.shard.id && self.shard.config.move_connections;
                    conn.moves_to = moves.then_some(favourite);
                }
            }
            Place::Group if self.start_block_group(id, conn, &queue) => {}
            Place::Group => {
                let keys = all_keys(&queue, &watched);
                self.start_block(id, conn, queue, watched, Some(keys));
            }
            Place::Transaction(keys) => self.start_block(id, conn, queue, watched, keys),
        }
    }

    /// Shows EXEC to who monitors, behind the commands that it runs.
    #[cold]
    fn show_block(&mut self, conn: &Connection, args: Args<'_>) {
        for Queued { command, args } in conn
            .session
            .multi
            .iter()
            .filter(|multi| !multi.refused)
            .flat_map(|multi| &multi.queue)
        {
            self.show(conn, command, args.as_args());
        }
        let exec = conn.session.last_command.expect("EXEC is the last command");
        self.show(conn, exec, args);
    }

    fn place(&self, queue: &[Queued], watched: &[Watched]) -> Place {
        let mut shards: Vec<ShardId> = watched.iter().map(|watched| self.router.shard(&watched.key)).collect();
        let (mut simple, mut revocable, mut roams, mut many) = (true, true, false, false);
        // The log has what the shards of a group do as if each had done it alone, which an EXEC must not be.
        let groupable = watched.is_empty()
            && !self.shard.keeps_log()
            && queue
                .iter()
                .all(|queued| is_groupable(queued.command, queued.args.as_args()));
        for Queued { command, args } in queue {
            let keyed = matches!(command.exec, Exec::Keys(_) | Exec::Blocking { .. }) || command.roams();
            if matches!(command.exec, Exec::Everywhere { reroutes, .. } if reroutes(args.as_args())) {
                return Place::Transaction(None);
            }
            roams |= command.roams();
            revocable &= keyed;
            simple &= keyed && !command.flags.has(Flags::PUBSUB);
            match self.target(command, args.as_args()) {
                Target::Whole => return Place::Transaction(None),
                Target::One(_) if matches!(command.exec, Exec::Shard { .. } | Exec::Whole { .. }) => {
                    return Place::Transaction(None);
                }
                Target::One(_) if !command.has_keys() => {}
                Target::One(shard) => shards.push(shard),
                Target::Many => many = true,
            }
        }
        shards.sort_unstable();
        shards.dedup();
        let apart = many;
        many |= shards.len() > 1;
        // What roams may have to begin again, and its block with it: not after commands that cannot be taken back, nor when what guards
        // the watched keys is gone. So these take everything from the start.
        if roams && (!revocable || many && !watched.is_empty()) {
            return Place::Transaction(None);
        }
        match &*shards {
            [] if simple && !many => Place::Shard(self.shard.id),
            [shard] if simple && !many => Place::Shard(*shard),
            [_, _, ..] if groupable && !apart => Place::Group,
            _ => Place::Transaction(Some(all_keys(queue, watched))),
        }
    }
}

/// All keys of a block, watched ones included, each once.
fn all_keys(queue: &[Queued], watched: &[Watched]) -> Vec<Box<[u8]>> {
    let mut keys: Vec<Box<[u8]>> = watched.iter().map(|watched| watched.key.clone()).collect();
    for Queued { command, args } in queue {
        let args = args.as_args();
        keys.extend(command.key_positions(args).into_iter().map(|at| Box::from(args.at(at))));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}
