//! From the words of a command to a compiled program, and its run: what this shard has compiled of the scripts and functions that the process knows.

use std::sync::Arc;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::host::Host;
use super::registry::{Known, Registry};
use crate::base::id::ShardId;
use crate::command::exec::Program;
use crate::command::script_library::FunctionLibrary;
use crate::command::{Args, Attempt, Command, Error, Flags};
use crate::protocol::reply::Reply;
use crate::script::{Engine, Flags as ScriptFlags, ScriptError, Sha, Stop};

/// Bytes that the values of all scripts of one shard may take together.
const HEAP_BYTES_MAX: usize = 1 << 30;
/// Scripts that are remembered here beyond which those that nobody knows any more are dropped.
const REMEMBERED_MAX: usize = 1000;

const NO_SCRIPT: Error = Error::Text("NOSCRIPT No matching script.");
const READS_ONLY: Error = Error::Text("ERR Can not execute a script with write flag using *_ro command.");

/// The programs of one shard.
pub struct Programs {
    pub(super) shard: ShardId,
    pub(super) registry: Arc<Registry>,
    pub(super) engine: Engine,
    /// The scripts that this shard has compiled.
    known: HashMap<Sha, Arc<Known>>,
    /// The registry's counts when this shard last compared.
    flushes: u64,
    pub(super) libraries_version: u64,
    /// The libraries in the engine.
    pub(super) libraries: Arc<Vec<Arc<FunctionLibrary>>>,
}

/// The words behind the program: keys and arguments.
type Words<'a> = SmallVec<[&'a [u8]; 16]>;

/// What a client reads of code that is refused.
pub(super) fn refusal(error: &ScriptError) -> Error {
    Error::Quoted(error.line())
}

impl Programs {
    pub(super) fn new(shard: ShardId, registry: Arc<Registry>) -> Self {
        Programs {
            shard,
            registry,
            engine: Engine::new(HEAP_BYTES_MAX),
            known: HashMap::new(),
            flushes: 0,
            libraries_version: 0,
            libraries: Arc::default(),
        }
    }

    /// Runs what a command names over the ground of `host`.
    pub(super) fn run(
        &mut self,
        program: Program,
        command: &Command,
        args: Args<'_>,
        host: &mut Host<'_, '_>,
        reply: &mut Reply,
    ) -> Result<Attempt, Error> {
        let reads_only = command.flags.has(Flags::READONLY);
        let ran = if program == Program::Function {
            let name = self.function_name(args.at(1))?;
            let (_, facts) = self.engine.function(&name).expect("the function was just found");
            let flags = facts.flags;
            let (keys, arguments) = keys_and_arguments(args, Error::Text("ERR Bad number of keys provided"))?;
            host.reads_only = check_mode(flags, reads_only)?;
            check_role(flags, host)?;
            host.allows_oom = check_memory(flags, host.around.memory_is_full)?;
            self.engine.call_function(&name, &keys, &arguments, host, reply)
        } else {
            if program == Program::Digest && args.at(1).len() != 40 {
                return Err(NO_SCRIPT);
            }
            let (keys, arguments) = keys_and_arguments(args, Error::NotInteger)?;
            let sha = self.script(program, args.at(1))?;
            let flags = self.engine.flags(&sha).expect("the script was just compiled");
            host.reads_only = check_mode(flags, reads_only)?;
            check_role(flags, host)?;
            host.allows_oom = check_memory(flags, host.around.memory_is_full)?;
            self.engine.run(&sha, &keys, &arguments, host, reply)
        };
        match ran {
            Ok(()) | Err(Stop::Killed) => Ok(Attempt::Served),
            Err(Stop::Restart) => Ok(Attempt::Lacks),
        }
    }

    /// The script that a command names, compiled.
    fn script(&mut self, program: Program, word: &[u8]) -> Result<Sha, Error> {
        let sha = match program {
            Program::Text => Sha::of(word),
            _ => Sha::parse(word).ok_or(NO_SCRIPT)?,
        };
        if let Some(known) = self.known.get(&sha)
            && known.is_live()
            && self.engine.exists(&sha)
        {
            self.registry.note_use(known);
            return Ok(sha);
        }
        self.meet(sha, (program == Program::Text).then_some(word))
    }

    /// Compiles a script that is new to this shard: one that another shard knows, or `text`, which all know from then on.
    #[cold]
    fn meet(&mut self, sha: Sha, text: Option<&[u8]>) -> Result<Sha, Error> {
        self.forget_flushed();
        let known = match (self.registry.find(&sha), text) {
            (Some(known), _) => known,
            (None, Some(text)) => {
                self.engine.load_evictable(text).map_err(|error| refusal(&error))?;
                self.registry.add(sha, text, false)
            }
            (None, None) => return Err(NO_SCRIPT),
        };
        let compiled = self.engine.load_evictable(&known.text);
        compiled.map_err(|error| refusal(&error))?;
        self.registry.note_use(&known);
        self.known.insert(sha, known);
        Ok(sha)
    }

    /// Drops what was compiled of scripts that nobody knows any more.
    fn forget_flushed(&mut self) {
        let flushes = self.registry.flushes();
        if flushes != self.flushes {
            self.flushes = flushes;
            self.engine.flush();
        }
        if self.known.len() > REMEMBERED_MAX || self.known.values().any(|known| !known.is_live()) {
            self.known.retain(|_, known| known.is_live());
        }
    }

    /// Compiles a script for SCRIPT LOAD.
    pub(super) fn load(&mut self, text: &[u8]) -> Result<Sha, Error> {
        self.forget_flushed();
        let sha = self.engine.load_evictable(text).map_err(|error| refusal(&error))?;
        let known = self.registry.add(sha, text, true);
        self.known.insert(sha, known);
        Ok(sha)
    }

    /// The name under which the engine has a function; case does not matter.
    fn function_name(&mut self, word: &[u8]) -> Result<Vec<u8>, Error> {
        self.sync_libraries();
        if self.engine.function(word).is_some() {
            return Ok(word.to_vec());
        }
        let functions = self.libraries.iter().flat_map(|library| &library.functions);
        let named = |name: &&str| name.as_bytes().eq_ignore_ascii_case(word);
        let found = functions.map(|function| &*function.name).find(named);
        Ok(found.ok_or(Error::Text("ERR Function not found"))?.as_bytes().to_vec())
    }
}

/// Whether a program must not write; an error when it may, called by a command that only reads.
fn check_mode(flags: ScriptFlags, reads_only: bool) -> Result<bool, Error> {
    let promises = flags.contains(ScriptFlags::NO_WRITES);
    if reads_only && !promises && !flags.contains(ScriptFlags::COMPATIBLE) {
        return Err(READS_ONLY);
    }
    Ok(reads_only || promises)
}

/// An error when a program that may write must not begin, since this is a replica; one without flags may, up to where it writes.
fn check_role(flags: ScriptFlags, host: &Host<'_, '_>) -> Result<(), Error> {
    let config = host.around.config;
    let refuses = config.is_replica() && config.replica_read_only && !host.asker.from_primary;
    let begins = flags.contains(ScriptFlags::NO_WRITES) || flags.contains(ScriptFlags::COMPATIBLE);
    if refuses && !begins {
        return Err(Error::ReadOnlyReplica);
    }
    Ok(())
}

/// Whether a program may take memory although there is none left; an error when it must not even begin.
fn check_memory(flags: ScriptFlags, memory_is_full: bool) -> Result<bool, Error> {
    let allows = flags.contains(ScriptFlags::ALLOW_OOM);
    let begins = allows || flags.contains(ScriptFlags::NO_WRITES) || flags.contains(ScriptFlags::COMPATIBLE);
    if memory_is_full && !begins {
        return Err(Error::OutOfMemory);
    }
    Ok(allows)
}

fn keys_and_arguments(args: Args<'_>, no_number: Error) -> Result<(Words<'_>, Words<'_>), Error> {
    let count = args.int(2).map_err(|_| no_number)?;
    let left = args.len() - 3;
    if count > left as i64 {
        return Err(Error::Text("ERR Number of keys can't be greater than number of args"));
    }
    let Ok(count) = usize::try_from(count) else {
        return Err(Error::Text("ERR Number of keys can't be negative"));
    };
    let mut words = args.from(3);
    let keys = words.by_ref().take(count).collect();
    Ok((keys, words.collect()))
}
