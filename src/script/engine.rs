//! The engine of one shard: compiled scripts, libraries, and their runs.
//!
//! Owns the interpreter and what was compiled. It must not know sessions, shards or commands.

use super::error::ScriptError;
use super::ffi::{self, State};
use super::host::{Host, Stop};
use super::library::{self, Draft, FunctionFacts, LibraryFacts, Registered};
use super::runtime::{INTERRUPT_INTERVAL, Runtime, interrupt};
use super::sandbox::{self, Globals};
use super::shebang::{self, Flags};
use super::{catching, heap, loading, outgoing, stack};
use crate::protocol::reply::Reply;
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::ffi::{CStr, c_int};

/// Scripts that only EVAL has loaded are kept up to this number; the one unused for longest goes first.
pub const EVICTABLE_SCRIPTS_MAX: usize = 500;

/// A script's name: the SHA-1 digest of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha([u8; 20]);

impl Sha {
    /// The digest of a body.
    pub fn of(body: &[u8]) -> Sha {
        Sha(sha1_smol::Sha1::from(body).digest().bytes())
    }

    /// Reads 40 hexadecimal digits of either case.
    pub fn parse(text: &[u8]) -> Option<Sha> {
        let text: &[u8; 40] = text.try_into().ok()?;
        let mut digest = [0; 20];
        for (byte, pair) in digest.iter_mut().zip(text.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = (high << 4 | low) as u8;
        }
        Some(Sha(digest))
    }

    /// 40 lower-case hexadecimal digits.
    pub fn hex(&self) -> [u8; 40] {
        let mut text = [0; 40];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
            pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        text
    }
}

/// A compiled script.
struct Script {
    reference: c_int,
    body: Box<[u8]>,
    flags: Flags,
    /// Its place in the list of scripts that may be evicted; none for a script that is kept.
    place: Option<usize>,
}

/// An installed library.
struct Library {
    code: Box<[u8]>,
    functions: Vec<Registered>,
}

/// An interpreter that runs, with the state its callbacks use.
struct Interpreter {
    lua: *mut State,
    runtime: *mut Runtime,
    globals: Globals,
    /// The handler of errors, in the registry.
    handler: c_int,
}

impl Interpreter {
    fn start(limit_bytes: usize) -> Interpreter {
        let runtime = Box::into_raw(Box::new(Runtime::new(limit_bytes)));
        // SAFETY: the runtime outlives the interpreter (see `drop`) and is only reached through shared references.
        unsafe {
            let lua = ffi::lua_newstate(heap::allocate, runtime.cast());
            assert!(!lua.is_null(), "an interpreter without a limit starts");
            let globals = sandbox::build(lua);
            ffi::lua_pushcclosure(lua, catching::describe_error, 0);
            let handler = ffi::luaL_ref(lua, ffi::REGISTRY);
            Interpreter {
                lua,
                runtime,
                globals,
                handler,
            }
        }
    }

    fn runtime(&self) -> &Runtime {
        // SAFETY: alive until `drop`, and never borrowed exclusively.
        unsafe { &*self.runtime }
    }

    /// Compiles `code` to a function in the registry, with the globals of the thread.
    fn compile(&self, code: &[u8], name: &CStr) -> Result<c_int, Vec<u8>> {
        // SAFETY: the heap's limit is lifted outside of runs, and compiling catches its own errors.
        unsafe {
            let status = loading::load_text(self.lua, code, name.as_ptr());
            if status != 0 {
                let text = stack::bytes_at(self.lua, -1).unwrap_or_default().to_vec();
                stack::pop(self.lua, 1);
                return Err(text);
            }
            Ok(ffi::luaL_ref(self.lua, ffi::REGISTRY))
        }
    }

    fn release(&self, reference: c_int) {
        // SAFETY: the reference came from the registry of this interpreter.
        unsafe { ffi::luaL_unref(self.lua, ffi::REGISTRY, reference) }
    }

    /// Makes a table of globals, by its reference, that of the thread.
    fn switch_globals(&self, globals: c_int) {
        // SAFETY: the reference is a table.
        unsafe {
            ffi::lua_rawgeti(self.lua, ffi::REGISTRY, globals);
            ffi::lua_replace(self.lua, ffi::GLOBALS);
        }
    }

    /// Calls the function that stands on the stack below its `arguments`, and answers whether it succeeded and why it was
    /// abandoned. One result, or an error, stands on the stack instead.
    fn call(&self, arguments: c_int, host: Option<&mut dyn Host>) -> (bool, Option<Stop>) {
        let runtime = self.runtime();
        let mut status = 0;
        let mut body = || {
            // SAFETY: the function and its arguments are on the stack; the call catches errors.
            unsafe {
                let function = ffi::lua_gettop(self.lua) - arguments;
                ffi::lua_rawgeti(self.lua, ffi::REGISTRY, self.handler);
                ffi::lua_insert(self.lua, function);
                ffi::lua_sethook(self.lua, Some(interrupt), ffi::MASK_COUNT, INTERRUPT_INTERVAL as c_int);
                runtime.heap.enforce(true);
                status = ffi::lua_pcall(self.lua, arguments, 1, function);
                runtime.heap.enforce(false);
                ffi::lua_remove(self.lua, function);
            }
        };
        let stop = match host {
            Some(host) => runtime.with_host(host, body),
            None => {
                body();
                None
            }
        };
        (status == 0, stop)
    }

    /// Pushes a list of words.
    fn push_words<W: AsRef<[u8]>>(&self, words: &[W]) {
        // SAFETY: a run starts with an almost empty stack.
        unsafe {
            ffi::lua_createtable(self.lua, words.len() as c_int, 0);
            for (index, word) in (1..).zip(words) {
                stack::push_bytes(self.lua, word.as_ref());
                ffi::lua_rawseti(self.lua, -2, index);
            }
        }
    }

    /// Takes the outcome of a call from the stack and writes it as the client's reply; `killed` begins that of what was killed.
    fn conclude(&self, succeeded: bool, stop: Option<Stop>, killed: &[u8], reply: &mut Reply) -> Result<(), Stop> {
        match stop {
            Some(Stop::Restart) => {}
            Some(Stop::Killed) => reply.error_bytes(&[killed, &self.runtime().place()].concat()),
            // SAFETY: one value stands on the stack.
            None if succeeded => unsafe { outgoing::write_value(self.lua, self.runtime().resp.get(), reply) },
            // SAFETY: as above.
            None => unsafe { reply.error_bytes(&outgoing::failure_text(self.lua)) },
        }
        // SAFETY: nothing on the stack is used after a run.
        unsafe { ffi::lua_settop(self.lua, 0) };
        stop.map_or(Ok(()), Err)
    }
}

impl Drop for Interpreter {
    fn drop(&mut self) {
        // SAFETY: nobody uses the interpreter any more; the runtime goes after it.
        unsafe {
            ffi::lua_close(self.lua);
            drop(Box::from_raw(self.runtime));
        }
    }
}

/// Compiles and runs scripts and functions; see the module's header.
pub struct Engine {
    limit_bytes: usize,
    interpreter: Option<Interpreter>,
    scripts: HashMap<Sha, Script>,
    /// Scripts that may be evicted, with the count of runs when each was used last.
    evictable: Vec<(u64, Sha)>,
    runs: u64,
    evicted: u64,
    libraries: BTreeMap<Vec<u8>, Library>,
    /// Each function's library and place in it.
    functions: HashMap<Vec<u8>, (Vec<u8>, usize)>,
}

// SAFETY: an engine is used by one thread at a time, since every method that reaches the interpreter needs the engine; Lua keeps no
// state in thread-local storage.
unsafe impl Send for Engine {}

impl Engine {
    /// An engine whose scripts together hold at most `limit_bytes`, beyond which a script fails with `not enough memory`.
    pub fn new(limit_bytes: usize) -> Engine {
        Engine {
            limit_bytes,
            interpreter: None,
            scripts: HashMap::new(),
            evictable: Vec::new(),
            runs: 0,
            evicted: 0,
            libraries: BTreeMap::new(),
            functions: HashMap::new(),
        }
    }

    /// Bytes that the interpreter holds.
    pub fn interpreter_bytes(&self) -> usize {
        self.interpreter
            .as_ref()
            .map_or(0, |interpreter| interpreter.runtime().heap.used_bytes())
    }

    /// Compiles a script and keeps it until [`Engine::flush`]; nothing is done for one that is there, but that it is kept.
    ///
    /// # Errors
    /// The text for the client.
    pub fn load(&mut self, body: &[u8]) -> Result<Sha, ScriptError> {
        let sha = Sha::of(body);
        match self.scripts.get_mut(&sha) {
            Some(script) => {
                if let Some(place) = script.place.take() {
                    self.unlist(place);
                }
            }
            None => self.add(sha, body, None)?,
        }
        Ok(sha)
    }

    /// As [`Engine::load`] for EVAL: the script may be evicted when there are many.
    ///
    /// # Errors
    /// The text for the client.
    pub fn load_evictable(&mut self, body: &[u8]) -> Result<Sha, ScriptError> {
        let sha = Sha::of(body);
        if !self.scripts.contains_key(&sha) {
            if self.evictable.len() >= EVICTABLE_SCRIPTS_MAX {
                self.evict();
            }
            self.add(sha, body, Some(self.evictable.len()))?;
            self.runs += 1;
            self.evictable.push((self.runs, sha));
        }
        Ok(sha)
    }

    fn add(&mut self, sha: Sha, body: &[u8], place: Option<usize>) -> Result<(), ScriptError> {
        let script = shebang::script(body)?;
        let reference = self
            .started()
            .compile(script.code, c"@user_script")
            .map_err(ScriptError::Compile)?;
        let script = Script {
            reference,
            body: body.into(),
            flags: script.flags,
            place,
        };
        self.scripts.insert(sha, script);
        Ok(())
    }

    /// Drops the script that was unused for longest; O([`EVICTABLE_SCRIPTS_MAX`]).
    fn evict(&mut self) {
        let oldest = (0..self.evictable.len()).min_by_key(|place| self.evictable[*place].0);
        if let Some(place) = oldest {
            let sha = self.evictable[place].1;
            self.unlist(place);
            self.forget(&sha);
            self.evicted += 1;
        }
    }

    /// Takes a place off the list of what may be evicted; the last one moves there.
    fn unlist(&mut self, place: usize) {
        self.evictable.swap_remove(place);
        if let Some((_, moved)) = self.evictable.get(place)
            && let Some(script) = self.scripts.get_mut(moved)
        {
            script.place = Some(place);
        }
    }

    fn forget(&mut self, sha: &Sha) {
        if let (Some(script), Some(interpreter)) = (self.scripts.remove(sha), &self.interpreter) {
            interpreter.release(script.reference);
        }
    }

    fn started(&mut self) -> &Interpreter {
        let limit_bytes = self.limit_bytes;
        self.interpreter.get_or_insert_with(|| Interpreter::start(limit_bytes))
    }

    /// Whether the script is there.
    pub fn exists(&self, sha: &Sha) -> bool {
        self.scripts.contains_key(sha)
    }

    /// The body of a script.
    pub fn body(&self, sha: &Sha) -> Option<&[u8]> {
        self.scripts.get(sha).map(|script| &script.body[..])
    }

    /// The flags of a script.
    pub fn flags(&self, sha: &Sha) -> Option<Flags> {
        self.scripts.get(sha).map(|script| script.flags)
    }

    /// How many scripts are there, how many bytes their bodies have, and how many were evicted so far.
    pub fn script_counts(&self) -> (usize, usize, u64) {
        let bytes = self.scripts.values().map(|script| script.body.len()).sum();
        (self.scripts.len(), bytes, self.evicted)
    }

    /// Forgets all scripts. Libraries stay.
    pub fn flush(&mut self) {
        let shas: Vec<Sha> = self.scripts.keys().copied().collect();
        for sha in &shas {
            self.forget(sha);
        }
        self.evictable.clear();
        self.collect();
    }

    /// Frees what is not reachable any more; the whole interpreter when nothing is loaded.
    fn collect(&mut self) {
        if self.scripts.is_empty() && self.libraries.is_empty() {
            self.interpreter = None;
        } else if let Some(interpreter) = &self.interpreter {
            // SAFETY: the collector runs no code of scripts: they cannot make finalizers.
            unsafe { ffi::lua_gc(interpreter.lua, ffi::GC_COLLECT, 0) };
        }
    }

    /// Runs a script with its keys and arguments and writes its result, or the error it ends with, as one reply in the client's
    /// protocol.
    ///
    /// # Errors
    /// Why the host has abandoned it. After [`Stop::Restart`] nothing was replied and nothing of the run is left.
    ///
    /// # Panics
    /// When the script is not there, which [`Engine::exists`] tells.
    pub fn run<K: AsRef<[u8]>, A: AsRef<[u8]>>(
        &mut self,
        sha: &Sha,
        keys: &[K],
        arguments: &[A],
        host: &mut dyn Host,
        reply: &mut Reply,
    ) -> Result<(), Stop> {
        self.runs += 1;
        let script = self
            .scripts
            .get(sha)
            .expect("the caller has asked whether the script exists");
        if let Some(place) = script.place {
            self.evictable[place].0 = self.runs;
        }
        let interpreter = self.interpreter.as_ref().expect("a compiled script has an interpreter");
        let random = interpreter.runtime().random.get();
        let lua = interpreter.lua;
        // SAFETY: the stack is empty between runs; the true table of the globals is reached only here.
        unsafe {
            ffi::lua_rawgeti(lua, ffi::REGISTRY, interpreter.globals.script_true);
            interpreter.push_words(keys);
            stack::set_field(lua, -2, "KEYS");
            interpreter.push_words(arguments);
            stack::set_field(lua, -2, "ARGV");
            stack::pop(lua, 1);
            ffi::lua_rawgeti(lua, ffi::REGISTRY, script.reference);
        }
        let (succeeded, stop) = interpreter.call(0, Some(host));
        if stop == Some(Stop::Restart) {
            interpreter.runtime().random.set(random);
        }
        interpreter.conclude(succeeded, stop, b"ERR Script killed by user with SCRIPT KILL.", reply)
    }

    /// Calls a function, as [`Engine::run`] runs a script.
    ///
    /// # Errors
    /// As for [`Engine::run`].
    ///
    /// # Panics
    /// When there is no such function, which [`Engine::function`] tells.
    pub fn call_function<K: AsRef<[u8]>, A: AsRef<[u8]>>(
        &mut self,
        name: &[u8],
        keys: &[K],
        arguments: &[A],
        host: &mut dyn Host,
        reply: &mut Reply,
    ) -> Result<(), Stop> {
        let (library, place) = self
            .functions
            .get(name)
            .expect("the caller has asked whether the function exists");
        let reference = self.libraries[library].functions[*place].reference;
        let interpreter = self
            .interpreter
            .as_ref()
            .expect("a registered function has an interpreter");
        let random = interpreter.runtime().random.get();
        interpreter.switch_globals(interpreter.globals.function);
        // SAFETY: the stack is empty between runs.
        unsafe { ffi::lua_rawgeti(interpreter.lua, ffi::REGISTRY, reference) };
        interpreter.push_words(keys);
        interpreter.push_words(arguments);
        let (succeeded, stop) = interpreter.call(2, Some(host));
        interpreter.switch_globals(interpreter.globals.script);
        if stop == Some(Stop::Restart) {
            interpreter.runtime().random.set(random);
        }
        interpreter.conclude(succeeded, stop, b"ERR Script killed by user with FUNCTION KILL.", reply)
    }

    /// What is known of a function: its library's name and its facts.
    pub fn function(&self, name: &[u8]) -> Option<(&[u8], &FunctionFacts)> {
        let (library, place) = self.functions.get(name)?;
        Some((library, &self.libraries.get(library)?.functions.get(*place)?.facts))
    }

    /// Every library with its code, in the order of their names.
    pub fn libraries(&self) -> impl Iterator<Item = (LibraryFacts, &[u8])> {
        self.libraries.iter().map(|(name, library)| {
            let facts = LibraryFacts {
                name: name.clone(),
                functions: library
                    .functions
                    .iter()
                    .map(|function| function.facts.clone())
                    .collect(),
            };
            (facts, &library.code[..])
        })
    }

    /// Whether there is a library of this name.
    pub fn library_exists(&self, name: &[u8]) -> bool {
        self.libraries.contains_key(name)
    }

    /// Runs a library's code and answers what it would install, without installing it.
    ///
    /// # Errors
    /// The text for the client; conflicts with other libraries are not looked for.
    pub fn check_library(&mut self, code: &[u8]) -> Result<LibraryFacts, ScriptError> {
        let (name, functions) = self.prepare(code)?;
        self.release(&functions);
        let functions = functions.into_iter().map(|function| function.facts).collect();
        Ok(LibraryFacts { name, functions })
    }

    /// Installs a library and answers its name; with `replace` one of the same name gives way.
    ///
    /// # Errors
    /// The text for the client; nothing has changed then.
    pub fn load_library(&mut self, code: &[u8], replace: bool) -> Result<Vec<u8>, ScriptError> {
        let header = library::header(code)?;
        if self.library_exists(&header.name) && !replace {
            return Err(ScriptError::LibraryExists(header.name));
        }
        let (name, functions) = self.prepare(code)?;
        let elsewhere = |function: &&Registered| {
            self.functions
                .get(&function.facts.name)
                .is_some_and(|(library, _)| *library != name)
        };
        if let Some(taken) = functions.iter().find(elsewhere) {
            let taken = taken.facts.name.clone();
            self.release(&functions);
            return Err(ScriptError::FunctionExists(taken));
        }
        self.delete_library(&name);
        for (place, function) in functions.iter().enumerate() {
            self.functions
                .insert(function.facts.name.clone(), (name.clone(), place));
        }
        self.libraries.insert(
            name.clone(),
            Library {
                code: code.into(),
                functions,
            },
        );
        Ok(name)
    }

    /// Runs a library's code and takes what it registers, in the order of names.
    fn prepare(&mut self, code: &[u8]) -> Result<(Vec<u8>, Vec<Registered>), ScriptError> {
        let header = library::header(code)?;
        let interpreter = self.started();
        interpreter.switch_globals(interpreter.globals.function);
        let outcome = interpreter.register(header.code);
        interpreter.switch_globals(interpreter.globals.script);
        let mut functions = outcome?;
        if let Err(error) = library::check(&functions) {
            self.release(&functions);
            return Err(error);
        }
        functions.sort_by(|left, right| left.facts.name.cmp(&right.facts.name));
        Ok((header.name, functions))
    }

    fn release(&self, functions: &[Registered]) {
        if let Some(interpreter) = &self.interpreter {
            for function in functions {
                interpreter.release(function.reference);
            }
        }
    }

    /// Removes a library; whether it was there.
    pub fn delete_library(&mut self, name: &[u8]) -> bool {
        let Some(library) = self.libraries.remove(name) else {
            return false;
        };
        self.release(&library.functions);
        for function in &library.functions {
            self.functions.remove(&function.facts.name);
        }
        true
    }

    /// Removes all libraries. Scripts stay.
    pub fn flush_libraries(&mut self) {
        for library in std::mem::take(&mut self.libraries).into_values() {
            self.release(&library.functions);
        }
        self.functions.clear();
        self.collect();
    }
}

impl Interpreter {
    /// Runs a library's code with the globals of loading, and answers what it registered.
    fn register(&self, code: &[u8]) -> Result<Vec<Registered>, ScriptError> {
        let reference = self
            .compile(code, c"@user_function")
            .map_err(ScriptError::CompileLibrary)?;
        let runtime = self.runtime();
        runtime.draft.replace(Some(Draft::default()));
        // SAFETY: the stack is empty between runs.
        unsafe {
            self.globals.set_loading(self.lua, true);
            ffi::lua_rawgeti(self.lua, ffi::REGISTRY, reference);
        }
        let (succeeded, _) = self.call(0, None);
        let draft = runtime.draft.take().unwrap_or_default();
        // SAFETY: one value stands on the stack.
        let failure = (!succeeded).then(|| unsafe { outgoing::error_text(self.lua) });
        // SAFETY: nothing on the stack is used any more.
        unsafe {
            ffi::lua_settop(self.lua, 0);
            self.globals.set_loading(self.lua, false);
        }
        self.release(reference);
        match failure {
            None => Ok(draft.functions),
            Some(text) => {
                for function in &draft.functions {
                    self.release(function.reference);
                }
                Err(ScriptError::RegisterFunctions(text))
            }
        }
    }
}
