//! Libraries of functions: the first line of their code, and `register_function`.
//!
//! Owns the grammar of `#!lua name=...` and the checks of what is registered. It must not know how libraries are stored or called.

use super::error::ScriptError;
use super::ffi::{self, State};
use super::runtime::{Outcome, Raise, export, runtime};
use super::shebang::{self, Flags};
use super::{readonly, stack};
use std::ffi::c_int;

/// What is told about a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryFacts {
    /// Its name.
    pub name: Vec<u8>,
    /// Its functions in the order of their names.
    pub functions: Vec<FunctionFacts>,
}

/// What is told about a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionFacts {
    /// Its name.
    pub name: Vec<u8>,
    /// Its description, if it has one.
    pub description: Option<Vec<u8>>,
    /// Its flags.
    pub flags: Flags,
}

/// A function that was registered.
#[derive(Debug)]
pub struct Registered {
    pub facts: FunctionFacts,
    /// The Lua function in the registry.
    pub reference: c_int,
}

/// What the code of a library has registered so far.
#[derive(Debug, Default)]
pub struct Draft {
    pub functions: Vec<Registered>,
}

/// A library's code: the name from the first line, and the code from its end on.
pub struct Header<'a> {
    pub name: Vec<u8>,
    pub code: &'a [u8],
}

/// Reads the first line of a library.
///
/// # Errors
/// Valkey's texts.
pub fn header(body: &[u8]) -> Result<Header<'_>, ScriptError> {
    if !body.starts_with(b"#!") {
        return Err(ScriptError::MissingMetadata);
    }
    let line_end = shebang::first_line(body).ok_or(ScriptError::InvalidMetadata)?;
    let words = shebang::words_of(&body[..line_end]).map_err(|_| ScriptError::InvalidMetadata)?;
    let mut name = None;
    for word in words.iter().skip(1) {
        let Some(given) = strip_prefix_ignoring_case(word, b"name=") else {
            return Err(ScriptError::InvalidMetadataValue(word.clone()));
        };
        if name.replace(given.to_vec()).is_some() {
            return Err(ScriptError::NameGivenTwice);
        }
    }
    let name = name.ok_or(ScriptError::MissingName)?;
    if !is_name(&name) {
        return Err(ScriptError::InvalidLibraryName);
    }
    let engine = words.first().map_or(&[][..], |word| &word[2..]);
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err(ScriptError::UnknownLibraryEngine(engine.to_vec()));
    }
    Ok(Header {
        name,
        code: &body[line_end..],
    })
}

fn strip_prefix_ignoring_case<'a>(word: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = word.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Checks what a library has registered, after its code has run.
///
/// # Errors
/// Valkey's texts, for the first function that is wrong.
pub fn check(functions: &[Registered]) -> Result<(), ScriptError> {
    for (index, function) in functions.iter().enumerate() {
        let name = &function.facts.name;
        if !is_name(name) {
            return Err(ScriptError::InvalidFunctionName);
        }
        if functions.iter().take(index).any(|earlier| earlier.facts.name == *name) {
            return Err(ScriptError::FunctionTwice);
        }
    }
    if functions.is_empty() {
        Err(ScriptError::NoFunctions)
    } else {
        Ok(())
    }
}

export! { register_function = register_inner }

/// Raises an error table.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn refuse(lua: *mut State, text: &str) -> Outcome {
    // SAFETY: as the caller's.
    unsafe { stack::push_error(lua, format!("ERR {text}").as_bytes(), false) };
    Err(Raise::Value)
}

/// `register_function(name, callback)` or `register_function{function_name=, callback=, flags=, description=}`.
unsafe fn register_inner(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us; the draft is borrowed only while nothing else runs.
    unsafe {
        let runtime = runtime(lua);
        if runtime.draft.borrow().is_none() {
            return refuse(
                lua,
                "server.register_function can only be called on FUNCTION LOAD command",
            );
        }
        let facts = match ffi::lua_gettop(lua) {
            1 => named_arguments(lua),
            2 => positional_arguments(lua),
            _ => Err("wrong number of arguments to server.register_function"),
        };
        let facts = match facts {
            Ok(facts) => facts,
            Err(text) => return refuse(lua, text),
        };
        let mut draft = runtime.draft.borrow_mut();
        let Some(draft) = draft.as_mut() else { return Ok(0) };
        let reference = ffi::luaL_ref(lua, ffi::REGISTRY);
        draft.functions.push(Registered { facts, reference });
        Ok(0)
    }
}

/// Reads both arguments; the callback is on top of the stack afterwards.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn positional_arguments(lua: *mut State) -> Result<FunctionFacts, &'static str> {
    // SAFETY: as the caller's.
    unsafe {
        if !stack::is_text(lua, 1) {
            return Err("first argument to server.register_function must be a string");
        }
        if ffi::lua_type(lua, 2) != ffi::FUNCTION {
            return Err("second argument to server.register_function must be a function");
        }
        Ok(FunctionFacts {
            name: stack::bytes_at(lua, 1).unwrap_or_default().to_vec(),
            description: None,
            flags: Flags::default(),
        })
    }
}

/// Reads the table; the callback is on top of the stack afterwards.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn named_arguments(lua: *mut State) -> Result<FunctionFacts, &'static str> {
    // SAFETY: as the caller's; keys are read without changing them.
    unsafe {
        if ffi::lua_type(lua, 1) != ffi::TABLE {
            return Err(
                "calling server.register_function with a single argument is only applicable to Lua table (representing named arguments).",
            );
        }
        let (mut name, mut description, mut flags, mut callback) = (None, None, Flags::default(), false);
        readonly::uncover(lua, 1);
        ffi::lua_pushnil(lua);
        ffi::lua_insert(lua, 1);
        // Stack: callback or nil, table, key, value.
        ffi::lua_pushnil(lua);
        while ffi::lua_next(lua, 2) != 0 {
            if ffi::lua_type(lua, -2) != ffi::STRING {
                return Err("named argument key given to server.register_function is not a string");
            }
            let key = stack::bytes_at(lua, -2).unwrap_or_default();
            if key.eq_ignore_ascii_case(b"function_name") {
                name = text_value(lua)
                    .map(Some)
                    .ok_or("function_name argument given to server.register_function must be a string")?;
            } else if key.eq_ignore_ascii_case(b"description") {
                description = text_value(lua)
                    .map(Some)
                    .ok_or("description argument given to server.register_function must be a string")?;
            } else if key.eq_ignore_ascii_case(b"callback") {
                if ffi::lua_type(lua, -1) != ffi::FUNCTION {
                    return Err("callback argument given to server.register_function must be a function");
                }
                ffi::lua_pushvalue(lua, -1);
                ffi::lua_replace(lua, 1);
                callback = true;
            } else if key.eq_ignore_ascii_case(b"flags") {
                if ffi::lua_type(lua, -1) != ffi::TABLE {
                    return Err(
                        "flags argument to server.register_function must be a table representing function flags",
                    );
                }
                flags = flag_list(lua).ok_or("unknown flag given")?;
            } else {
                return Err("unknown argument given to server.register_function");
            }
            stack::pop(lua, 1);
        }
        let name = name.ok_or("server.register_function must get a function name argument")?;
        if !callback {
            return Err("server.register_function must get a callback argument");
        }
        ffi::lua_settop(lua, 1);
        Ok(FunctionFacts {
            name,
            description,
            flags,
        })
    }
}

// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn text_value(lua: *mut State) -> Option<Vec<u8>> {
    // SAFETY: as the caller's; a value may be turned into a string in place.
    unsafe { stack::is_text(lua, -1).then(|| stack::bytes_at(lua, -1).unwrap_or_default().to_vec()) }
}

/// The flags named by the list on top of the stack.
unsafe fn flag_list(lua: *mut State) -> Option<Flags> {
    let mut flags = Flags::default();
    // SAFETY: as the caller's.
    unsafe {
        for index in 1.. {
            ffi::lua_rawgeti(lua, -1, index);
            let kind = ffi::lua_type(lua, -1);
            let flag = Flags::named(stack::bytes_at(lua, -1).unwrap_or_default());
            stack::pop(lua, 1);
            match (kind, flag) {
                (ffi::NIL, _) => break,
                (ffi::STRING, Some(flag)) => flags = flags.or(flag),
                _ => return None,
            }
        }
    }
    Some(flags)
}
