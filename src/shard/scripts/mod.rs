//! Scripts and functions on one shard: finds what a command wants to run, runs it over what is here, and takes it back when something is missing.

mod costs;
mod ground;
mod host;
mod library;
mod needs;
mod program;
mod registry;
mod reverse;
mod running;
mod undo;
mod watch;

pub use ground::{Has, run_over_whole};
pub use needs::Needs;
pub use registry::Registry;
pub use watch::Meanwhile;

use std::rc::Rc;
use std::sync::Arc;

use ground::Ground;
use host::Host;
use needs::Scratch;
use program::Programs;
use undo::Undo;
use watch::Watch;

use super::execute::Surroundings;
use super::message::Asker;
use super::occupied::Desk;
use super::router::Router;
use crate::base::id::{ClientId, DbIndex, ShardId};
use crate::base::time::Now;
use crate::command::exec::Manage;
use crate::command::redo::{Redo, Scope};
use crate::command::script_library::Restore;
use crate::command::session::Queued;
use crate::command::{Args, Attempt, Command, Error, Exec, ScriptLibrary, Session};
use crate::format::{dump, functions};
use crate::keyspace::Keyspace;
use crate::protocol::reply::Reply;

/// What runs as a whole or not at all.
#[derive(Clone, Copy)]
pub enum Unit<'u> {
    /// One command.
    Command(&'static Command, Args<'u>),
    /// The commands of an EXEC.
    Block(&'u [Queued]),
}

/// What this shard has counted, by INFO field.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Scripts, or blocks with some, that ran over this shard's own keys.
    pub local: u64,
    /// Those that ran over keys which shards had lent.
    pub lent: u64,
    /// Scripts that ran over the whole keyspace.
    pub whole: u64,
}

/// The interpreter of one shard, and what runs share.
pub struct Scripts {
    registry: Arc<Registry>,
    programs: Programs,
    scratch: Scratch,
    undo: Undo,
    /// The session of commands that scripts call.
    session: Session,
    tally: Tally,
    /// Serves clients while a script runs for long.
    meanwhile: Option<Rc<dyn Meanwhile>>,
    /// What it needs for that.
    desk: Rc<Desk>,
}

impl Scripts {
    /// A shard without compiled scripts.
    pub fn new(shard: ShardId, registry: Arc<Registry>, now: Now) -> Self {
        Scripts {
            programs: Programs::new(shard, registry.clone()),
            registry,
            scratch: Scratch::default(),
            undo: Undo::default(),
            session: Session::new(ClientId(0), Box::default(), Box::default(), true, now),
            tally: Tally::default(),
            meanwhile: None,
            desk: Rc::default(),
        }
    }

    /// Lets `meanwhile` serve clients while a script runs for long.
    pub fn serve_meanwhile(&mut self, meanwhile: Rc<dyn Meanwhile>) {
        self.meanwhile = Some(meanwhile);
    }

    /// Where the shard leaves what is needed for that.
    #[inline]
    pub fn desk(&self) -> &Rc<Desk> {
        &self.desk
    }

    /// Counters with their INFO field names, into `out`; what the process shares is told by its first shard.
    pub fn tell(&self, out: &mut Vec<(&'static str, i64)>) {
        out.extend([
            ("corelane_scripts_local", self.tally.local as i64),
            ("corelane_scripts_lent", self.tally.lent as i64),
            ("corelane_scripts_whole", self.tally.whole as i64),
            ("used_memory_vm_eval", self.programs.engine.interpreter_bytes() as i64),
        ]);
        if self.programs.shard == ShardId(0) {
            let (scripts, bytes, evicted) = self.registry.totals();
            let (_, libraries) = self.registry.libraries();
            let functions: usize = libraries.iter().map(|library| library.functions.len()).sum();
            let code_bytes: usize = libraries.iter().map(|library| library.code.len()).sum();
            out.extend([
                ("number_of_cached_scripts", scripts as i64),
                ("used_memory_scripts_eval", bytes as i64),
                ("evicted_scripts", evicted as i64),
                ("number_of_libraries", libraries.len() as i64),
                ("number_of_functions", functions as i64),
                ("used_memory_functions", code_bytes as i64),
            ]);
        }
    }

    /// Sets the counters to zero.
    pub fn reset_counters(&mut self) {
        self.tally = Tally::default();
        self.registry.costs.reset();
    }

    /// What the last run has lacked.
    pub fn take_needs(&mut self) -> Box<Needs> {
        Box::new(
            self.scratch
                .take_needs()
                .expect("a run that lacked something noted what"),
        )
    }

    /// Runs `unit` over the keys of `space` that `has` knows (`None`: all that there are), which may be `lent`. When it lacks something, nothing is
    /// replied and nothing has changed.
    #[allow(clippy::too_many_arguments, reason = "what runs, over what, for whom, into what")]
    pub fn run_unit(
        &mut self,
        around: &mut Surroundings<'_>,
        space: &mut Keyspace,
        has: Has<'_>,
        lent: bool,
        asker: &Asker,
        unit: Unit<'_>,
        reply: &mut Reply,
    ) -> Attempt {
        let mark = reply.len();
        // Few runs lack something, so only one that does runs once more to note what it touches.
        let mut notes = lent;
        let attempt = loop {
            self.scratch.begin(notes);
            self.undo.begin(has.is_some(), around.now.unix_ms(), around.effects);
            let attempt = match unit {
                Unit::Command(command, args) => {
                    let ground = Ground::Part { space, has };
                    self.run(around, ground, asker, command, args, reply)
                }
                Unit::Block(queue) => self.run_block(around, space, has, asker, queue, reply),
            };
            if attempt != Attempt::Lacks {
                self.undo.end(around.effects);
                break attempt;
            }
            reply.truncate(mark);
            self.undo.take_back(space, around.effects);
            if std::mem::replace(&mut notes, true) {
                break attempt;
            }
        };
        if attempt != Attempt::Lacks {
            if lent {
                self.tally.lent += 1;
                if let Unit::Command(command, args) = unit
                    && let Exec::Script(program) = command.exec
                {
                    self.registry.costs.note(program, args, |cost| cost.lent += 1);
                }
            } else {
                self.tally.local += 1;
            }
        }
        attempt
    }

    /// Runs a command that manages scripts and needs no keyspace.
    pub fn manage(&mut self, run: Manage, args: Args<'_>, redo: &mut Redo, reply: &mut Reply) {
        let mark = reply.len();
        let version = self.registry.libraries_version();
        if let Err(error) = run(&mut self.programs, args, reply) {
            reply.truncate(mark);
            reply.error_bytes(&error.line());
        }
        if redo.is_wanted() && version != self.registry.libraries_version() {
            self.record_libraries(redo);
        }
    }

    /// Makes the process know the libraries that [`Scripts::record_libraries`] has recorded in an earlier life of the server.
    pub fn resume_libraries(registry: &Arc<Registry>, version: u64, payload: &[u8], now: Now) -> Result<(), Error> {
        let mut codes = functions::read(dump::open(payload).map_err(|_| Error::Text("ERR damaged functions"))?);
        let mut codes = std::iter::from_fn(|| codes.next())
            .map(|code| code.map_err(|_| Error::Text("ERR Failed loading library payload")));
        let mut scripts = Scripts::new(ShardId(0), registry.clone(), now);
        scripts.programs.restore_libraries(&mut codes, Restore::Flush)?;
        registry.resume_libraries(version);
        Ok(())
    }

    /// Records the libraries as they are now.
    #[cold]
    pub fn record_libraries(&self, redo: &mut Redo) {
        let (version, libraries) = self.registry.libraries();
        let mut payload = Vec::new();
        libraries
            .iter()
            .for_each(|library| functions::write(&library.code, &mut payload));
        dump::seal(&mut payload);
        let words: [&[u8]; 4] = [b"FUNCTION", b"RESTORE", &payload, b"FLUSH"];
        redo.push(DbIndex(0), Scope::Libraries(version), words);
    }

    fn run_block(
        &mut self,
        around: &mut Surroundings<'_>,
        space: &mut Keyspace,
        has: Has<'_>,
        asker: &Asker,
        queue: &[Queued],
        reply: &mut Reply,
    ) -> Attempt {
        reply.array(queue.len());
        for Queued { command, args } in queue {
            let args = args.as_args();
            if command.roams() {
                let ground = Ground::Part {
                    space: &mut *space,
                    has,
                };
                if self.run(around, ground, asker, command, args, reply) == Attempt::Lacks {
                    return Attempt::Lacks;
                }
            } else {
                self.undo.keep(space, around.effects, asker.db, command, args);
                around.run_in_block(space, asker, command, args, reply);
            }
        }
        Attempt::Served
    }

    /// Runs a command that needs the interpreter over the keyspaces of all shards.
    #[allow(clippy::too_many_arguments, reason = "what runs, over what, for whom, into what")]
    pub fn run_over_whole(
        &mut self,
        around: &mut Surroundings<'_>,
        spaces: &mut [Box<Keyspace>],
        router: &Router,
        asker: &Asker,
        command: &'static Command,
        args: Args<'_>,
        reply: &mut Reply,
    ) -> Attempt {
        self.scratch.begin(false);
        self.undo.begin(false, around.now.unix_ms(), around.effects);
        if let Exec::Script(program) = command.exec {
            self.tally.whole += 1;
            self.registry.costs.note(program, args, |cost| cost.whole += 1);
        }
        let attempt = self.run(around, Ground::Whole { spaces, router }, asker, command, args, reply);
        self.undo.end(around.effects);
        attempt
    }

    /// Runs a command that touches keys which it does not name, if they are here.
    fn run_roaming(
        &mut self,
        around: &mut Surroundings<'_>,
        ground: Ground<'_>,
        asker: &Asker,
        command: &'static Command,
        args: Args<'_>,
        reply: &mut Reply,
    ) -> Attempt {
        let Ground::Part { space, has } = ground else {
            unreachable!("over everything such a command runs as others do")
        };
        let db = space.db(asker.db);
        if let Some(has) = has
            && self.scratch.misses(has, command, args, &|key| db.get(key))
        {
            self.scratch.lack(false);
            return Attempt::Lacks;
        }
        self.undo.keep(space, around.effects, asker.db, command, args);
        around.run(space, asker, command, args, reply)
    }

    fn run(
        &mut self,
        around: &mut Surroundings<'_>,
        ground: Ground<'_>,
        asker: &Asker,
        command: &'static Command,
        args: Args<'_>,
        reply: &mut Reply,
    ) -> Attempt {
        let mark = reply.len();
        if let Exec::Roaming { .. } = command.exec {
            return self.run_roaming(around, ground, asker, command, args, reply);
        }
        let ran = match command.exec {
            Exec::Library(manage) => {
                self.manage(manage, args, &mut around.effects.redo, reply);
                Ok(Attempt::Served)
            }
            Exec::Script(program) => {
                let mut host = Host {
                    around,
                    ground,
                    asker: Asker {
                        scripted: true,
                        ..*asker
                    },
                    undo: &mut self.undo,
                    scratch: &mut self.scratch,
                    session: &mut self.session,
                    reads_only: false,
                    allows_oom: false,
                    watch: Watch::new(&self.registry, self.meanwhile.as_deref(), program, args),
                };
                self.programs.run(program, command, args, &mut host, reply)
            }
            _ => unreachable!("{} needs no interpreter", command.name),
        };
        ran.unwrap_or_else(|error| {
            reply.truncate(mark);
            reply.error_bytes(&error.line());
            Attempt::Served
        })
    }
}
