//! Runs commands over a keyspace that the caller owns for the moment: its own shard's, or one made of lent keys.

use crate::base::id::{DbIndex, ShardId};
use crate::base::rng::Rng;
use crate::base::time::Now;
use crate::command::context::record_accesses;
use crate::command::redo::Scope;
use crate::command::{
    Args, Attempt, Caller, Command, Context, Effects, Error, Exec, Expiring, Flags, Keys, Ran, Subscriptions,
};
use crate::config::Config;
use crate::keyspace::Keyspace;
use crate::protocol::reply::Reply;
use crate::shard::message::Asker;

/// What the primary has run, when it comes to a server that has ceased to be its replica.
const NO_REPLICA: Error = Error::Text("ERR This server is no replica any more");

/// What a run needs beside the keyspace.
pub struct Surroundings<'a> {
    /// Where changes are recorded.
    pub effects: &'a mut Effects,
    /// The configuration.
    pub config: &'a Config,
    /// The clocks.
    pub now: Now,
    /// Who subscribes to what.
    pub subscriptions: &'a Subscriptions,
    /// Randomness.
    pub rng: &'a mut Rng,
    /// The shard on whose thread this runs, and how many there are.
    pub shard: (ShardId, u16),
    /// Whether memory was short, with nothing to evict, when this run began.
    pub memory_is_full: bool,
}

impl Surroundings<'_> {
    /// Why who asks may not run a command in the role that the server has now, which may be another than when the command was admitted.
    #[inline]
    pub fn refusal(&self, asker: &Asker, command: &Command) -> Option<Error> {
        if asker.from_primary == self.config.is_replica() {
            return None;
        }
        self.refusal_in_role(asker, command)
    }

    #[cold]
    fn refusal_in_role(&self, asker: &Asker, command: &Command) -> Option<Error> {
        if asker.from_primary {
            return Some(NO_REPLICA);
        }
        (self.config.replica_read_only && command.flags.has(Flags::WRITE)).then_some(Error::ReadOnlyReplica)
    }

    fn expiring(&self, asker: &Asker, command: &Command) -> Expiring {
        if asker.from_primary {
            Expiring::Seen
        } else if self.config.is_replica() && !command.flags.has(Flags::WRITE) {
            Expiring::Hidden
        } else {
            Expiring::Removed
        }
    }

    /// Builds the context of one run.
    pub fn context<'c>(
        &'c mut self,
        space: &'c mut Keyspace,
        asker: &Asker,
        command: &Command,
        reply: &'c mut Reply,
    ) -> Context<'c> {
        let expiring = self.expiring(asker, command);
        self.effects.notify = self.config.notify_keyspace_events;
        self.effects.by = asker.origin;
        let accesses = record_accesses(self.config, self.now, asker.no_touch, self.rng);
        Context {
            keys: Keys {
                accesses,
                space,
                db: asker.db,
                now: self.now,
                effects: self.effects,
                keeps_digits: false,
                expiring,
            },
            reply,
            caller: Caller {
                client: asker.origin.client,
                db: asker.db,
                no_touch: asker.no_touch,
                scripted: asker.scripted,
            },
            config: self.config,
            shard: self.shard,
            subscriptions: self.subscriptions,
            rng: self.rng,
        }
    }

    /// Runs one command and writes its whole reply, errors included; `Nothing` when a blocking command found nothing (and wrote nothing).
    pub fn run(
        &mut self,
        space: &mut Keyspace,
        asker: &Asker,
        command: &Command,
        args: Args<'_>,
        reply: &mut Reply,
    ) -> Attempt {
        self.run_for(false, space, asker, command, args, reply)
    }

    /// As [`Surroundings::run`], for a client or for its script.
    pub fn run_for(
        &mut self,
        script: bool,
        space: &mut Keyspace,
        asker: &Asker,
        command: &Command,
        args: Args<'_>,
        reply: &mut Reply,
    ) -> Attempt {
        if let Some(error) = self.refusal(asker, command) {
            reply.error_bytes(&error.line());
            return Attempt::Served;
        }
        let mark = reply.len();
        let dirty = self.effects.dirty;
        self.effects.redo.begin_command();
        let mut context = self.context(space, asker, command, reply);
        context.keys.keeps_digits = script;
        let ran = match command.exec {
            Exec::Keys(run) | Exec::Roaming { run, .. } | Exec::Shard { run, .. } => {
                run(&mut context, args).map(|()| Attempt::Served)
            }
            Exec::Blocking { attempt, .. } => attempt(&mut context, args),
            Exec::Whole { part, combine } => part(&mut context, args)
                .map(|part| combine(&[part], args, reply))
                .map(|()| Attempt::Served),
            Exec::Script(_) | Exec::Library(_) => unreachable!("what has to do with scripts runs beside them"),
            Exec::Everywhere { .. } | Exec::Session(_) | Exec::Control(_) | Exec::Container => {
                unreachable!("the coordinator runs what is not over a keyspace")
            }
        };
        if self.effects.redo.is_wanted() && dirty != self.effects.dirty && !self.effects.redo.is_said() {
            self.record(space, asker.db, command, args);
        }
        if asker.tracks && command.flags.has(Flags::READONLY) {
            self.note_reads(asker, command, args);
        }
        ran.unwrap_or_else(|error| {
            reply.truncate(mark);
            reply.error_bytes(&error.line());
            Attempt::Served
        })
    }

    /// A command that has said nothing of how its changes are brought about again has changed something.
    #[cold]
    fn record(&mut self, space: &Keyspace, db: DbIndex, command: &Command, args: Args<'_>) {
        if matches!(command.exec, Exec::Whole { .. }) {
            return self.record_whole(db, command, args);
        }
        let (now, config) = (self.now.unix_ms(), self.config);
        self.effects.redo.push_command(space, db, command, args, now, config);
    }

    /// As [`Surroundings::record`], of a command whose parts have run over each shard's keyspace.
    pub fn record_whole(&mut self, db: DbIndex, command: &Command, args: Args<'_>) {
        if self.effects.redo.is_wanted() && command.flags.has(Flags::WRITE) {
            self.effects.redo.push_words(db, Scope::Shard, command, args);
        }
    }

    /// A client has read the keys of a command, also those that are not there or of which it got an error.
    #[cold]
    fn note_reads(&mut self, asker: &Asker, command: &Command, args: Args<'_>) {
        for at in command.key_positions(args) {
            self.effects.read(asker.db, args.at(at));
        }
    }

    /// As [`Surroundings::run`] inside EXEC, where a blocking command that finds nothing answers at once.
    pub fn run_in_block(
        &mut self,
        space: &mut Keyspace,
        asker: &Asker,
        command: &Command,
        args: Args<'_>,
        reply: &mut Reply,
    ) {
        let timeout = match command.exec {
            Exec::Blocking { timeout, .. } => timeout(args).map(drop),
            _ => Ok(()),
        };
        if let Err(error) = timeout {
            reply.error_bytes(&error.line());
        } else if self.run(space, asker, command, args, reply) == Attempt::Nothing
            && let Exec::Blocking { denied, .. } = command.exec
        {
            denied(reply);
        }
    }
}

/// Writes an error reply for `ran`, if it is one.
pub fn report(ran: Ran, mark: usize, reply: &mut Reply) {
    if let Err(error) = ran {
        reply.truncate(mark);
        reply.error_bytes(&error.line());
    }
}
