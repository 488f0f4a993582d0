//! The server as a running script sees it: finds the command, checks that scripts may run it, and runs it over the script's ground.

use super::ground::{Ground, run_over_whole};
use super::needs::Scratch;
use super::undo::Undo;
use super::watch::Watch;
use crate::catalog;
use crate::command::args::append;
use crate::command::session::SessionContext;
use crate::command::{Args, Attempt, Command, Error, Exec, Flags, Session};
use crate::protocol::reply::Reply;
use crate::protocol::words::quote;
use crate::script::{AclCheck, Host as ScriptHost, LogLevel, Stop};
use crate::shard::execute::{Surroundings, report};
use crate::shard::message::Asker;

/// One run of one script.
pub struct Host<'h, 's> {
    pub(super) around: &'h mut Surroundings<'s>,
    pub(super) ground: Ground<'h>,
    /// The client; its database follows SELECT.
    pub(super) asker: Asker,
    pub(super) undo: &'h mut Undo,
    pub(super) scratch: &'h mut Scratch,
    pub(super) session: &'h mut Session,
    /// Whether the script must not write.
    pub(super) reads_only: bool,
    /// Whether it may take memory although there is none left: it says so, or has begun to write.
    pub(super) allows_oom: bool,
    pub(super) watch: Watch<'h>,
}

impl Host<'_, '_> {
    fn lack(&mut self, more_than_keys: bool) -> Stop {
        self.scratch.lack(more_than_keys);
        Stop::Restart
    }

    fn run(&mut self, args: Args<'_>, reply: &mut Reply) -> Result<(), Stop> {
        let command = match self.admit(args) {
            Ok(command) => command,
            Err(error) => {
                reply.error_bytes(&error.line());
                return Ok(());
            }
        };
        match command.exec {
            Exec::Session(run) => {
                if !self.around.subscriptions.is_unmonitored() {
                    self.show(command, args);
                }
                self.run_on_session(run, args, reply);
                Ok(())
            }
            _ if command.flags.has(Flags::WRITE) && !self.watch.may_change() => Err(Stop::Killed),
            _ if self.lacks_memory(command) => {
                reply.error_bytes(&Error::OutOfMemory.line());
                Ok(())
            }
            Exec::Keys(_) | Exec::Roaming { .. } | Exec::Blocking { .. } => {
                self.check_keys(command, args)?;
                self.run_keyed(command, args, reply);
                Ok(())
            }
            Exec::Shard { .. } | Exec::Whole { .. } => {
                if matches!(self.ground, Ground::Part { has: Some(_), .. }) {
                    return Err(self.lack(true));
                }
                self.run_keyed(command, args, reply);
                Ok(())
            }
            Exec::Everywhere { .. } | Exec::Script(_) | Exec::Library(_) | Exec::Control(_) | Exec::Container => {
                reply.error_bytes(&NOT_ALLOWED.line());
                Ok(())
            }
        }
    }

    /// Whether there is no memory for a command. A script that has written is not stopped half-way.
    fn lacks_memory(&mut self, command: &Command) -> bool {
        let lacks = self.around.memory_is_full && !self.allows_oom && command.flags.has(Flags::DENYOOM);
        self.allows_oom |= command.flags.has(Flags::WRITE) && !lacks;
        lacks
    }

    /// The command that a script may run.
    fn admit(&self, args: Args<'_>) -> Result<&'static Command, Error> {
        let mut command = catalog::find(args.at(0)).ok_or(Error::Text("ERR Unknown command called from script"))?;
        if !command.subcommands.is_empty()
            && let Some(name) = args.get(1)
        {
            command = catalog::find_sub(command, name).ok_or_else(|| Error::unknown_subcommand(name, command.name))?;
        }
        if !command.arity.allows(args.len()) || matches!(command.exec, Exec::Container) {
            return Err(Error::Text("ERR Wrong number of args calling command from script"));
        }
        if command.flags.has(Flags::NOSCRIPT) {
            return Err(NOT_ALLOWED);
        }
        if self.reads_only && (command.flags.has(Flags::WRITE) || command.flags.has(Flags::MAY_REPLICATE)) {
            return Err(Error::Text(
                "ERR Write commands are not allowed from read-only scripts.",
            ));
        }
        Ok(command)
    }

    /// Whether all keys of a command are here.
    fn check_keys(&mut self, command: &Command, args: Args<'_>) -> Result<(), Stop> {
        let Ground::Part { space, has: Some(has) } = &self.ground else {
            return Ok(());
        };
        let db = space.db(self.asker.db);
        if self.scratch.misses(*has, command, args, &|key| db.get(key)) {
            return Err(self.lack(false));
        }
        Ok(())
    }

    fn run_keyed(&mut self, command: &'static Command, args: Args<'_>, reply: &mut Reply) {
        if !self.around.subscriptions.is_unmonitored() {
            self.show(command, args);
        }
        if let Exec::Blocking { timeout, .. } = command.exec
            && let Err(error) = timeout(args)
        {
            return reply.error_bytes(&error.line());
        }
        let asker = &self.asker;
        let attempt = match &mut self.ground {
            Ground::Part { space, .. } => {
                self.undo.keep(space, self.around.effects, asker.db, command, args);
                self.around.run_for(true, space, asker, command, args, reply)
            }
            Ground::Whole { spaces, router } => {
                run_over_whole(self.around, true, spaces, router, asker, command, args, reply)
            }
        };
        if attempt == Attempt::Nothing
            && let Exec::Blocking { denied, .. } = command.exec
        {
            denied(reply);
        }
    }

    /// Runs a command on a session of the script's own: what it selects ends with the script.
    fn run_on_session(
        &mut self,
        run: fn(&mut SessionContext<'_>, Args<'_>) -> crate::command::Ran,
        args: Args<'_>,
        reply: &mut Reply,
    ) {
        let mark = reply.len();
        self.session.client = self.asker.origin.client;
        self.session.db = self.asker.db;
        self.session.resp = reply.resp();
        let ran = run(
            &mut SessionContext {
                session: self.session,
                reply,
                config: self.around.config,
                now: self.around.now,
                shards: self.around.shard.1,
            },
            args,
        );
        report(ran, mark, reply);
        self.asker.db = self.session.db;
    }

    /// Records a line for MONITOR.
    #[cold]
    fn show(&mut self, command: &Command, args: Args<'_>) {
        if command.flags.has(Flags::SKIP_MONITOR) || command.flags.has(Flags::ADMIN) {
            return;
        }
        let now_us = self.around.now.unix_us;
        let head = format!(
            "+{}.{:06} [{} lua]",
            now_us / 1_000_000,
            now_us % 1_000_000,
            self.asker.db.0
        );
        let mut line = head.into_bytes();
        for word in args.iter() {
            line.push(b' ');
            quote(word, &mut line);
        }
        line.extend_from_slice(b"\r\n");
        self.around.effects.shown.push(line.into());
    }
}

const NOT_ALLOWED: Error = Error::Text("ERR This Valkey command is not allowed from script");

impl ScriptHost for Host<'_, '_> {
    fn call(&mut self, argv: &[&[u8]], reply: &mut Reply) -> Result<(), Stop> {
        let (mut words, mut spans) = (
            std::mem::take(&mut self.scratch.words),
            std::mem::take(&mut self.scratch.spans),
        );
        words.clear();
        spans.clear();
        spans.extend(argv.iter().map(|word| append(&mut words, word)));
        let ran = self.run(Args::new(&words, &spans), reply);
        (self.scratch.words, self.scratch.spans) = (words, spans);
        ran
    }

    fn interrupted(&mut self) -> Option<Stop> {
        let changed = self.undo.has_changed(self.around.effects);
        let around = &self.around;
        let killed = self.watch.look(around.shard.0, around.config, around.now, changed);
        killed.then_some(Stop::Killed)
    }

    fn log(&mut self, level: LogLevel, text: &[u8]) {
        let level = match level {
            LogLevel::Debug => log::Level::Trace,
            LogLevel::Verbose => log::Level::Debug,
            LogLevel::Notice => log::Level::Info,
            LogLevel::Warning => log::Level::Warn,
        };
        log::log!(level, "{}", String::from_utf8_lossy(text));
    }

    fn acl_check(&mut self, argv: &[&[u8]]) -> AclCheck {
        let words = crate::command::args::OwnedArgs::from_words(argv.iter().copied());
        let args = words.as_args();
        let found = catalog::find(args.at(0)).and_then(|command| match args.get(1) {
            Some(name) if !command.subcommands.is_empty() => catalog::find_sub(command, name),
            _ => Some(command),
        });
        // Whether the words fit the command is not asked.
        if found.is_some() {
            AclCheck::Allowed
        } else {
            AclCheck::UnknownCommand
        }
    }

    fn set_replication(&mut self, _: u8) {}
}
