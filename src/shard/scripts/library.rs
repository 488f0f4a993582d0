//! Commands on scripts and functions: what they change is known to all shards at once, since shards look at the registry before they run anything.

use std::sync::Arc;

use super::program::{Programs, refusal};
use crate::command::script_library::{Code, Function, FunctionLibrary, Restore, Running};
use crate::command::{Error, Ran, ScriptLibrary};
use crate::script::{LibraryFacts, ScriptError, Sha};

/// All libraries of functions, in the order of their names.
pub type Libraries = Arc<Vec<Arc<FunctionLibrary>>>;

fn text(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(bytes).into()
}

fn described(facts: LibraryFacts, code: &[u8]) -> FunctionLibrary {
    let function = |function: crate::script::FunctionFacts| Function {
        name: text(&function.name),
        description: function.description.as_deref().map(text),
        flags: function.flags.names().collect(),
    };
    FunctionLibrary {
        name: text(&facts.name),
        code: code.into(),
        functions: facts.functions.into_iter().map(function).collect(),
    }
}

/// Refuses a library one of whose functions has a name that is taken.
fn refuse_taken(library: &FunctionLibrary, others: &[Arc<FunctionLibrary>]) -> Ran {
    let is_taken = |function: &&Function| {
        let mut others = others.iter().flat_map(|other| &other.functions);
        others.any(|other| other.name.eq_ignore_ascii_case(&function.name))
    };
    match library.functions.iter().find(is_taken) {
        Some(taken) => Err(refusal(&ScriptError::FunctionExists(taken.name.as_bytes().to_vec()))),
        None => Ok(()),
    }
}

/// Restored libraries beside those that are `kept`, some of which they may replace.
fn joined(
    mut kept: Vec<Arc<FunctionLibrary>>,
    restored: Vec<Arc<FunctionLibrary>>,
    how: Restore,
) -> Result<Vec<Arc<FunctionLibrary>>, Error> {
    for library in &restored {
        let before = kept.len();
        kept.retain(|other| other.name != library.name);
        if kept.len() < before && how != Restore::Replace {
            return Err(Error::Composed(format!("ERR Library {} already exists", library.name)));
        }
    }
    restored.iter().try_for_each(|library| refuse_taken(library, &kept))?;
    kept.extend(restored);
    Ok(kept)
}

impl Programs {
    /// Brings the engine up to what the process knows; costs one look at a counter when nothing has changed.
    #[inline]
    pub(super) fn sync_libraries(&mut self) {
        if self.registry.libraries_version() != self.libraries_version {
            let (version, libraries) = self.registry.libraries();
            self.take_libraries(version, libraries);
        }
    }

    #[cold]
    fn take_libraries(&mut self, version: u64, libraries: Libraries) {
        let old = std::mem::replace(&mut self.libraries, libraries.clone());
        let is_in = |library: &Arc<FunctionLibrary>, libraries: &Libraries| {
            libraries.iter().any(|other| Arc::ptr_eq(other, library))
        };
        for library in old.iter().filter(|library| !is_in(library, &libraries)) {
            self.engine.delete_library(library.name.as_bytes());
        }
        for library in libraries.iter().filter(|library| !is_in(library, &old)) {
            if let Err(error) = self.engine.load_library(&library.code, true) {
                log::error!(
                    "library '{}' loads on another shard, not on {}: {error}",
                    library.name,
                    self.shard.0
                );
            }
        }
        self.libraries_version = version;
    }

    /// Exchanges the libraries of the process for what `change` makes of them.
    fn install<T>(
        &mut self,
        change: impl FnOnce(&mut Self, &[Arc<FunctionLibrary>]) -> Result<(Vec<Arc<FunctionLibrary>>, T), Error>,
    ) -> Result<T, Error> {
        let registry = self.registry.clone();
        registry.change_libraries(|version, before| {
            self.take_libraries(version, before.clone());
            let (mut libraries, answer) = change(self, before)?;
            libraries.sort_by(|one, other| one.name.cmp(&other.name));
            let libraries = Arc::new(libraries);
            self.take_libraries(version + 1, libraries.clone());
            Ok((libraries, answer))
        })
    }

    /// Adds what a library's code registers to `libraries`; the engine is as before.
    fn add(
        &mut self,
        libraries: &mut Vec<Arc<FunctionLibrary>>,
        code: &[u8],
        replace: bool,
    ) -> Result<Box<str>, Error> {
        let refuse = |error: ScriptError| Err(refusal(&error));
        let library = match self.engine.check_library(code) {
            Ok(facts) => described(facts, code),
            Err(error) => return refuse(error),
        };
        let name = library.name.clone();
        if !replace && libraries.iter().any(|other| other.name == name) {
            return refuse(ScriptError::LibraryExists(name.as_bytes().to_vec()));
        }
        libraries.retain(|other| other.name != name);
        refuse_taken(&library, libraries)?;
        libraries.push(Arc::new(library));
        Ok(name)
    }
}

impl ScriptLibrary for Programs {
    fn load_script(&mut self, text: &[u8]) -> Result<[u8; 40], Error> {
        Ok(self.load(text)?.hex())
    }

    fn script(&self, digest: &[u8]) -> Option<Arc<[u8]>> {
        let known = self.registry.find(&Sha::parse(digest)?)?;
        Some(known.text.clone())
    }

    fn flush_scripts(&mut self) {
        self.registry.flush();
    }

    fn load_library(&mut self, code: &[u8], replace: bool) -> Result<Box<str>, Error> {
        self.install(|programs, before| {
            let mut libraries = before.to_vec();
            let name = programs.add(&mut libraries, code, replace)?;
            Ok((libraries, name))
        })
    }

    fn libraries(&self) -> Vec<Arc<FunctionLibrary>> {
        self.registry.libraries().1.to_vec()
    }

    fn delete_library(&mut self, name: &[u8]) -> Ran {
        self.registry.change_libraries(|_, before| {
            let mut libraries = before.to_vec();
            libraries.retain(|library| library.name.as_bytes() != name);
            if libraries.len() == before.len() {
                return Err(Error::Text("ERR Library not found"));
            }
            Ok((Arc::new(libraries), ()))
        })
    }

    fn flush_libraries(&mut self) {
        let flushed = self.registry.change_libraries(|_, _| Ok((Libraries::default(), ())));
        flushed.expect("nothing stands against there being no library");
    }

    fn restore_libraries(&mut self, codes: &mut dyn Iterator<Item = Code<'_>>, how: Restore) -> Ran {
        self.install(|programs, before| {
            let mut restored = Vec::new();
            for code in codes {
                programs.add(&mut restored, &code?, false)?;
            }
            let kept = if how == Restore::Flush {
                Vec::new()
            } else {
                before.to_vec()
            };
            Ok((joined(kept, restored, how)?, ()))
        })
    }

    fn running(&self) -> Result<Option<Running>, Error> {
        let now_us = self.registry.now_us();
        now_us.map_or(Ok(None), |now_us| self.registry.slow.longest(now_us))
    }

    fn kill(&mut self, function: bool) -> Ran {
        self.registry.slow.kill(function)
    }
}
