//! Why code is refused, in Valkey's words.
//!
//! Owns the texts of error replies about code that does not load. Errors of running scripts are values of Lua.

use std::fmt::{self, Display, Formatter};

/// An error reply without its leading `-`, by [`Display`]; bytes that are not UTF-8 are shown as the replacement character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptError {
    /// The first line of a script does not end.
    InvalidShebang,
    /// The first line has an open quote.
    InvalidEngineLine,
    /// Code for another engine.
    UnknownEngine(Vec<u8>),
    /// A word of a script's first line is no option.
    UnknownShebangOption(Vec<u8>),
    /// A name in `flags=` is no flag.
    UnknownShebangFlag(Vec<u8>),
    /// The script does not compile.
    Compile(Vec<u8>),
    /// A library without a first line.
    MissingMetadata,
    /// A library's first line does not end or has an open quote.
    InvalidMetadata,
    /// A word of a library's first line is no option.
    InvalidMetadataValue(Vec<u8>),
    /// A library's first line names it twice.
    NameGivenTwice,
    /// A library's first line does not name it.
    MissingName,
    /// A library for another engine.
    UnknownLibraryEngine(Vec<u8>),
    /// The library's name has other characters than letters, digits and `_`.
    InvalidLibraryName,
    /// The library exists and is not to be replaced.
    LibraryExists(Vec<u8>),
    /// A function of the library exists in another one.
    FunctionExists(Vec<u8>),
    /// The library's code does not compile.
    CompileLibrary(Vec<u8>),
    /// The library's code fails while it registers functions.
    RegisterFunctions(Vec<u8>),
    /// A function's name has other characters than letters, digits and `_`.
    InvalidFunctionName,
    /// The library registers a function twice.
    FunctionTwice,
    /// The library registers no function.
    NoFunctions,
}

impl ScriptError {
    /// The error reply without its leading `-`, byte for byte.
    pub fn line(&self) -> Vec<u8> {
        let (before, name, after) = self.parts();
        [before.as_bytes(), name, after.as_bytes()].concat()
    }

    /// What is said, around what the code says itself.
    fn parts(&self) -> (&'static str, &[u8], &'static str) {
        let whole = |text| (text, &[][..], "");
        match self {
            ScriptError::InvalidShebang => whole("ERR Invalid script shebang"),
            ScriptError::InvalidEngineLine => whole("ERR Invalid engine in script shebang"),
            ScriptError::UnknownEngine(name) => ("ERR Could not find scripting engine '", name, "'"),
            ScriptError::UnknownShebangOption(word) => ("ERR Unknown lua shebang option: ", word, ""),
            ScriptError::UnknownShebangFlag(flag) => ("ERR Unexpected flag in script shebang: ", flag, ""),
            ScriptError::Compile(why) => ("ERR Error compiling script (new function): ", why, ""),
            ScriptError::MissingMetadata => whole("ERR Missing library metadata"),
            ScriptError::InvalidMetadata => whole("ERR Invalid library metadata"),
            ScriptError::InvalidMetadataValue(word) => ("ERR Invalid metadata value given: ", word, ""),
            ScriptError::NameGivenTwice => whole("ERR Invalid metadata value, name argument was given multiple times"),
            ScriptError::MissingName => whole("ERR Library name was not given"),
            ScriptError::UnknownLibraryEngine(name) => ("ERR Engine '", name, "' not found"),
            ScriptError::InvalidLibraryName => whole(
                "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
            ),
            ScriptError::LibraryExists(name) => ("ERR Library '", name, "' already exists"),
            ScriptError::FunctionExists(name) => ("ERR Function ", name, " already exists"),
            ScriptError::CompileLibrary(why) => ("ERR Error compiling function: ", why, ""),
            ScriptError::RegisterFunctions(why) => ("ERR Error registering functions: ", why, ""),
            ScriptError::InvalidFunctionName => whole(
                "ERR Function names can only contain letters, numbers, or underscores(_) and must be at least one character long",
            ),
            ScriptError::FunctionTwice => whole("ERR Function already exists in the library"),
            ScriptError::NoFunctions => whole("ERR No functions registered"),
        }
    }
}

impl Display for ScriptError {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let (before, name, after) = self.parts();
        write!(out, "{before}{}{after}", String::from_utf8_lossy(name))
    }
}
