//! Records of the log run again over a keyspace, at the time at which they were recorded.

use crate::base::id::ShardId;
use crate::base::number::parse_i64;
use crate::base::rng::Rng;
use crate::base::time::{Now, UnixMillis};
use crate::catalog;
use crate::command::args::Span;
use crate::command::context::record_accesses;
use crate::command::redo::{Damaged, Record, Scope, records};
use crate::command::{Command, Effects, Subscriptions};
use crate::config::Config;
use crate::format::frame::Frame;
use crate::format::{self, Limits};
use crate::keyspace::{Entry, Keyspace};
use crate::protocol::reply::{Reply, Resp};
use crate::shard::execute::Surroundings;
use crate::shard::message::Asker;
use crate::types::stream::Spelled;

/// The functions that the process knew, and the state of their registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Libraries {
    /// As [`Scope::Libraries`] has it.
    pub state: u64,
    /// What FUNCTION RESTORE takes.
    pub payload: Vec<u8>,
}

/// Why a record cannot be run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read, though its frame is whole.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// It is of a newer version, perhaps.
    #[error("unknown command '{0}'")]
    Unknown(String),
    /// It is in a database beyond those that there are.
    #[error("a key in database {db}, but there are only {databases}: set databases higher")]
    Database {
        /// Which.
        db: u32,
        /// How many there are.
        databases: usize,
    },
}

/// Runs records, in their order.
pub struct Replay<'c> {
    config: &'c Config,
    effects: Effects,
    subscriptions: Subscriptions,
    rng: Rng,
    reply: Reply,
    bytes: Vec<u8>,
    spans: Vec<Span>,
    /// Pieces of records that are too long for one.
    pieces: Vec<u8>,
    /// The functions that were met last.
    pub libraries: Libraries,
}

impl<'c> Replay<'c> {
    /// Runs with the limits of `config`.
    pub fn new(config: &'c Config) -> Self {
        Replay {
            config,
            effects: Effects::default(),
            subscriptions: Subscriptions::default(),
            rng: Rng::new(0),
            reply: Reply::new(Vec::new(), Resp::V2),
            bytes: Vec::new(),
            spans: Vec::new(),
            pieces: Vec::new(),
            libraries: Libraries::default(),
        }
    }

    /// Runs the records of a frame over the keyspace of their shard.
    pub fn run(&mut self, space: &mut Keyspace, frame: &Frame<'_>) -> Result<(), ReplayError> {
        self.run_all(space, frame.records, frame.head.now)
    }

    fn run_all(&mut self, space: &mut Keyspace, encoded: &[u8], now: UnixMillis) -> Result<(), ReplayError> {
        for record in records(encoded) {
            let record = record?;
            if !matches!(record.scope, Scope::Piece | Scope::LastPiece) {
                self.run_one(space, &record, now)?;
                continue;
            }
            record
                .words
                .iter()
                .for_each(|piece| self.pieces.extend_from_slice(piece));
            if record.scope == Scope::LastPiece {
                let whole = std::mem::take(&mut self.pieces);
                self.run_all(space, &whole, now)?;
            }
        }
        Ok(())
    }

    fn run_one(&mut self, space: &mut Keyspace, record: &Record<'_>, now: UnixMillis) -> Result<(), ReplayError> {
        if let (Scope::Libraries(state), Some(payload)) = (record.scope, record.words.get(2)) {
            if state > self.libraries.state {
                let payload = payload.to_vec();
                self.libraries = Libraries { state, payload };
            }
            return Ok(());
        }
        if record.db.index() >= space.databases() {
            return Err(ReplayError::Database {
                db: record.db.0,
                databases: space.databases(),
            });
        }
        match record.scope {
            Scope::Token => return remember(space, record).ok_or(ReplayError::Damaged(Damaged)),
            Scope::Value => return self.put(space, record, now).ok_or(ReplayError::Damaged(Damaged)),
            _ => {}
        }
        let command = command_of(record)?;
        let mut surroundings = Surroundings {
            effects: &mut self.effects,
            config: self.config,
            now: clocks(now),
            subscriptions: &self.subscriptions,
            rng: &mut self.rng,
            shard: (ShardId(0), 1),
            memory_is_full: false,
        };
        let asker = Asker {
            db: record.db,
            // What it has recorded of its primary, a replica runs again.
            from_primary: self.config.is_replica(),
            ..Asker::default()
        };
        // An error is what there was to be: while a log was written anew, changes of values that were still to come are in it too.
        let args = record.args(&mut self.bytes, &mut self.spans);
        surroundings.run(space, &asker, command, args, &mut self.reply);
        self.reply.truncate(0);
        drop(space.take_upheavals());
        Ok(())
    }
}

impl Replay<'_> {
    /// Puts a value in the place of what is at its key.
    fn put(&mut self, space: &mut Keyspace, record: &Record<'_>, now: UnixMillis) -> Option<()> {
        let [key, expires_at, value] = *record.words else {
            return None;
        };
        let expires_at = Some(parse_i64(expires_at)?).filter(|at| *at != 0).map(UnixMillis);
        let value = format::read(value, &Limits::of(self.config)).ok()?;
        let db = space.db_mut(record.db);
        if expires_at.is_some_and(|at| at <= now) {
            db.remove(key);
        } else {
            let mut entry = Entry::new(key, value).expiring(expires_at);
            entry.set_access(record_accesses(self.config, clocks(now), false, &mut self.rng).first());
            db.insert(entry);
        }
        Some(())
    }
}

/// The clocks of a run at this time.
fn clocks(now: UnixMillis) -> Now {
    Now {
        unix_us: now.0.saturating_mul(1000),
        mono_us: 0,
    }
}

/// The command of a record, by its name in Valkey.
fn command_of(record: &Record<'_>) -> Result<&'static Command, ReplayError> {
    let name = record.words.first().copied().unwrap_or_default();
    let unknown = || ReplayError::Unknown(String::from_utf8_lossy(name).into_owned());
    let command = catalog::find_declared(name).ok_or_else(unknown)?;
    match record.words.get(1) {
        Some(sub) if !command.subcommands.is_empty() => catalog::find_sub(command, sub).ok_or_else(unknown),
        _ => Ok(command),
    }
}

/// A producer of a stream knows again what it has added.
fn remember(space: &mut Keyspace, record: &Record<'_>) -> Option<()> {
    let [key, producer, token, id, at] = *record.words else {
        return None;
    };
    let (Spelled::Full(id), at) = (Spelled::parse(id)?, parse_i64(at)?) else {
        return None;
    };
    // A stream that is gone has no producers.
    let stream = space.db_mut(record.db).get_mut(key).and_then(Entry::stream_mut);
    if let Some(stream) = stream {
        let production = stream.production.get_or_insert_default();
        production.remember(producer, token, id, at);
    }
    Some(())
}
