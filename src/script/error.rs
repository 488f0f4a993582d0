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

impl Display for ScriptError {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self {
            ScriptError::InvalidShebang => out.write_str("ERR Invalid script shebang"),
            ScriptError::InvalidEngineLine => out.write_str("ERR Invalid engine in script shebang"),
            ScriptError::UnknownEngine(name) => write!(out, "ERR Could not find scripting engine '{}'", text(name)),
            ScriptError::UnknownShebangOption(word) => write!(out, "ERR Unknown lua shebang option: {}", text(word)),
            ScriptError::UnknownShebangFlag(flag) => {
                write!(out, "ERR Unexpected flag in script shebang: {}", text(flag))
            }
            ScriptError::Compile(why) => write!(out, "ERR Error compiling script (new function): {}", text(why)),
            ScriptError::MissingMetadata => out.write_str("ERR Missing library metadata"),
            ScriptError::InvalidMetadata => out.write_str("ERR Invalid library metadata"),
            ScriptError::InvalidMetadataValue(word) => {
                write!(out, "ERR Invalid metadata value given: {}", text(word))
            }
            ScriptError::NameGivenTwice => {
                out.write_str("ERR Invalid metadata value, name argument was given multiple times")
            }
            ScriptError::MissingName => out.write_str("ERR Library name was not given"),
            ScriptError::UnknownLibraryEngine(name) => write!(out, "ERR Engine '{}' not found", text(name)),
            ScriptError::InvalidLibraryName => out.write_str(
                "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
            ),
            ScriptError::LibraryExists(name) => write!(out, "ERR Library '{}' already exists", text(name)),
            ScriptError::FunctionExists(name) => write!(out, "ERR Function {} already exists", text(name)),
            ScriptError::CompileLibrary(why) => write!(out, "ERR Error compiling function: {}", text(why)),
            ScriptError::RegisterFunctions(why) => write!(out, "ERR Error registering functions: {}", text(why)),
            ScriptError::InvalidFunctionName => out.write_str(
                "ERR Function names can only contain letters, numbers, or underscores(_) and must be at least one character long",
            ),
            ScriptError::FunctionTwice => out.write_str("ERR Function already exists in the library"),
            ScriptError::NoFunctions => out.write_str("ERR No functions registered"),
        }
    }
}
