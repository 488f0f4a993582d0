//! A bench for tests of commands: runs command lines over fresh keyspaces and shows replies and events as text.
//!
//! Owns the stand-in for what a connection and its shards do around a command (lookup, arity, routing by the first key).
//! Knows no socket and no time: the clock stands still until a test moves it.

pub mod sessions;

use crate::base::hash::table_hash;
use crate::base::id::{DbIndex, ShardId};
use crate::base::rng::Rng;
use crate::base::time::Now;
use crate::catalog;
use crate::command::args::OwnedArgs;
use crate::command::context::record_accesses;
use crate::command::{Args, Attempt, Caller, Command, Context, Effects, Error, Exec, Expiring, Keys, Ran};
use crate::config::Config;
use crate::keyspace::Keyspace;
use crate::protocol::reply::{Reply, Resp};
use crate::protocol::words;

const DATABASES: usize = 16;

/// Runs a table of command lines and expected replies, in order, over one fresh keyspace; line ends are shown as `|`.
pub fn check(script: &[(&str, &str)]) {
    Bench::new().check(script);
}

/// Runs the lines of `script`, each `command => reply` or `command => reply ! events`, over one fresh keyspace. Line ends in
/// replies are shown as `|`; events are joined by `, ` and must be those that the command tells.
pub fn check_script(script: &str) {
    Bench::new().check_script(script);
}

/// Keyspaces (one a shard), a clock and what the changes so far have told.
pub struct Bench {
    /// What the commands are told.
    pub config: Config,
    /// What the clocks show.
    pub now: Now,
    /// The protocol of the replies.
    pub resp: Resp,
    /// CLIENT NO-TOUCH.
    pub no_touch: bool,
    shards: Vec<Keyspace>,
    db: DbIndex,
    rng: Rng,
    events: Vec<String>,
}

impl Default for Bench {
    fn default() -> Self {
        Bench::new()
    }
}

impl Bench {
    /// One shard, in the year 2025.
    pub fn new() -> Self {
        Bench::with_shards(1)
    }

    /// One shard, replies in RESP3.
    pub fn resp3() -> Self {
        Bench {
            resp: Resp::V3,
            ..Bench::new()
        }
    }

    /// Several shards; a command runs on the one that its first key belongs to, and must have no key elsewhere.
    pub fn with_shards(shards: usize) -> Self {
        Bench {
            config: Config::default(),
            now: Now {
                unix_us: 1_750_000_000_000_000,
                mono_us: 1_000_000,
            },
            resp: Resp::V2,
            no_touch: false,
            shards: (0..shards).map(|_| Keyspace::new(DATABASES)).collect(),
            db: DbIndex(0),
            rng: Rng::new(1),
            events: Vec::new(),
        }
    }

    /// As [`check`], over what is there already.
    pub fn check(&mut self, script: &[(&str, &str)]) {
        for (line, want) in script {
            assert_eq!(self.run(line), *want, "{line}");
        }
    }

    /// As [`check_script`], over what is there already.
    pub fn check_script(&mut self, script: &str) {
        self.events.clear();
        for test in script.lines().map(str::trim).filter(|test| !test.is_empty()) {
            let (line, want) = test.split_once(" => ").expect("a line holds a command and its reply");
            let (want, events) = want.split_once(" ! ").unwrap_or((want, ""));
            assert_eq!(self.run(line.trim_end()), want, "{line}");
            assert_eq!(self.take_events().join(", "), events, "{line}");
        }
    }

    /// Lets `milliseconds` pass on both clocks.
    pub fn advance_ms(&mut self, milliseconds: i64) {
        self.now.unix_us += milliseconds * 1000;
        self.now.mono_us += milliseconds.unsigned_abs() * 1000;
    }

    /// Runs a command line (quotes and escapes as in an inline request; `SELECT` changes the database) and answers the reply,
    /// its line ends shown as `|`; empty when a blocking command would wait.
    pub fn run(&mut self, line: &str) -> String {
        let mut bytes = Vec::new();
        let mut spans = Vec::new();
        words::split(line.as_bytes(), &mut bytes, &mut spans).expect("the quotes of a test's line are balanced");
        self.run_words(Args::new(&bytes, &spans))
    }

    /// As [`Bench::run`] for words that no line can spell.
    pub fn run_words(&mut self, args: Args<'_>) -> String {
        let mut reply = Reply::new(Vec::new(), self.resp);
        if let Err(error) = self.dispatch(args, &mut reply) {
            reply = Reply::new(Vec::new(), self.resp);
            reply.error_bytes(&error.line());
        }
        String::from_utf8_lossy(reply.bytes()).replace("\r\n", "|")
    }

    /// The events since the last call, each as `name key`, with ` @database` unless that is 0.
    pub fn take_events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }

    /// Runs the lines of `script` and answers the events that they told, joined by `, `.
    pub fn events_of(&mut self, script: &str) -> String {
        self.events.clear();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.run(line);
        }
        self.take_events().join(", ")
    }

    fn dispatch(&mut self, args: Args<'_>, reply: &mut Reply) -> Ran {
        if args.is(0, "SELECT") {
            self.db = DbIndex(u32::try_from(args.int(1)?).map_err(|_| Error::DbOutOfRange)?);
            reply.ok();
            return Ok(());
        }
        let command = lookup(args)?;
        match command.exec {
            Exec::Whole { part, combine } => {
                let mut parts = Vec::new();
                for shard in 0..self.shards.len() {
                    parts.push(self.on_shard(shard, reply, |ctx| part(ctx, args))?);
                }
                combine(&parts, args, reply);
                Ok(())
            }
            Exec::Shard { shard, run } => {
                let shard = shard(args, self.shards.len() as u16, &|key| self.owner(key) as u16)?;
                self.on_shard(usize::from(shard), reply, |ctx| run(ctx, args))
            }
            Exec::Keys(run) | Exec::Roaming { run, .. } => {
                let shard = self.shard_of(command, args);
                self.on_shard(shard, reply, |ctx| run(ctx, args))
            }
            Exec::Blocking { attempt, .. } => {
                let shard = self.shard_of(command, args);
                let attempt = self.on_shard(shard, reply, |ctx| attempt(ctx, args))?;
                assert_eq!(
                    attempt == Attempt::Nothing,
                    reply.is_empty(),
                    "what waits writes nothing"
                );
                Ok(())
            }
            _ => unreachable!("{} does not run over a keyspace", command.name),
        }
    }

    fn shard_of(&self, command: &Command, args: Args<'_>) -> usize {
        let positions = command.key_positions(args);
        positions.first().map_or(0, |at| self.owner(args.at(*at)))
    }

    fn owner(&self, key: &[u8]) -> usize {
        table_hash(key) as usize % self.shards.len()
    }

    fn on_shard<T>(
        &mut self,
        shard: usize,
        reply: &mut Reply,
        run: impl FnOnce(&mut Context<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut effects = Effects::recording();
        let shards = self.shards.len() as u16;
        let accesses = record_accesses(&self.config, self.now, self.no_touch, &mut self.rng);
        let ran = run(&mut Context {
            keys: Keys {
                space: &mut self.shards[shard],
                db: self.db,
                now: self.now,
                effects: &mut effects,
                accesses,
                keeps_digits: false,
                expiring: Expiring::Removed,
            },
            reply,
            caller: Caller {
                db: self.db,
                no_touch: self.no_touch,
                ..Caller::default()
            },
            config: &self.config,
            shard: (ShardId(shard as u16), shards),
            subscriptions: &crate::command::Subscriptions::default(),
            rng: &mut self.rng,
        });
        for change in effects.changes.iter().filter(|change| !change.event.is_empty()) {
            let key = String::from_utf8_lossy(&change.key);
            let place = match change.db.index() {
                0 => String::new(),
                db => format!(" @{db}"),
            };
            self.events.push(format!("{} {key}{place}", change.event));
        }
        ran
    }
}

/// The command or subcommand that the words name, if their number is right.
fn lookup(args: Args<'_>) -> Result<&'static Command, Error> {
    let unknown = || Error::UnknownCommand {
        name: args.at(0).to_vec(),
        arguments: Vec::new(),
    };
    let mut command = catalog::find(args.at(0)).ok_or_else(unknown)?;
    if let (false, Some(word)) = (command.subcommands.is_empty(), args.get(1)) {
        let container = command;
        command = catalog::find_sub(container, word).ok_or_else(|| Error::UnknownSubcommand {
            name: word.to_vec(),
            container: container.name,
        })?;
    }
    if command.arity.allows(args.len()) {
        Ok(command)
    } else {
        Err(Error::Arity(command.full_name()))
    }
}

#[test]
fn a_bench_routes_checks_and_tells() {
    let mut bench = Bench::with_shards(3);
    bench.check(&[
        ("nosuch a", "-ERR unknown command 'nosuch', with args beginning with: |"),
        ("get", "-ERR wrong number of arguments for 'get' command|"),
        ("rpush l 'a b'", ":1|"),
        ("select 9", "+OK|"),
        ("rpush l a", ":1|"),
        ("blpop none 0", ""),
        ("lpop l", "$1|a|"),
    ]);
    assert_eq!(bench.take_events(), ["rpush l", "rpush l @9", "lpop l @9", "del l @9"]);
    let words = OwnedArgs::from_words([&b"get"[..], b"a"]);
    assert_eq!(bench.run_words(words.as_args()), "$-1|");
}
