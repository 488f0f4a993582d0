//! What commands on scripts and functions see of them: texts, flags and who runs, not the interpreter.

use std::borrow::Cow;
use std::sync::Arc;

use super::error::Error;
use super::spec::Ran;

/// A function of a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: Box<str>,
    /// What its author says of it.
    pub description: Option<Box<str>>,
    /// Its flags by name, in the order of registration.
    pub flags: Vec<&'static str>,
}

/// A library of functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionLibrary {
    /// Its name.
    pub name: Box<str>,
    /// Its whole text, the line that names it included.
    pub code: Box<[u8]>,
    /// Its functions.
    pub functions: Vec<Function>,
}

/// The text of a library, or why there is none.
pub type Code<'c> = Result<Cow<'c, [u8]>, Error>;

/// What FUNCTION RESTORE does with libraries that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restore {
    /// They stay; one of the same name is an error.
    Append,
    /// They stay, but for those of the same name.
    Replace,
    /// They go.
    Flush,
}

/// A function that runs for longer than clients are made to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The function's name.
    pub function: Box<[u8]>,
    /// The words of the command that runs it.
    pub command: Vec<Box<[u8]>>,
    /// For how long it has run, in milliseconds.
    pub duration_ms: u64,
}

/// The scripts and functions of the process.
pub trait ScriptLibrary {
    /// Makes a script known to all shards, if it compiles; its digest in lower-case hexadecimal digits.
    fn load_script(&mut self, text: &[u8]) -> Result<[u8; 40], Error>;
    /// The text of the script with this digest, whatever the case of its digits.
    fn script(&self, digest: &[u8]) -> Option<Arc<[u8]>>;
    /// Forgets all scripts.
    fn flush_scripts(&mut self);
    /// Makes the functions of a library known to all shards; answers its name.
    fn load_library(&mut self, code: &[u8], replace: bool) -> Result<Box<str>, Error>;
    /// All libraries, in no order.
    fn libraries(&self) -> Vec<Arc<FunctionLibrary>>;
    /// Forgets a library.
    fn delete_library(&mut self, name: &[u8]) -> Ran;
    /// Forgets all libraries.
    fn flush_libraries(&mut self);
    /// Makes several libraries known, all or none; an error among the texts is the answer if those before it are right.
    fn restore_libraries(&mut self, codes: &mut dyn Iterator<Item = Code<'_>>, how: Restore) -> Ran;
    /// The function that has run for long; an error when that is a script.
    fn running(&self) -> Result<Option<Running>, Error>;
    /// Ends what has run for long: a function, or a script.
    fn kill(&mut self, function: bool) -> Ran;
}
