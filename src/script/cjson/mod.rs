//! The library `cjson`: JSON text and values of Lua, with the options of each instance.
//!
//! Owns the options and the functions that change them; `encode` and `decode` are beside. Options live in a block of the interpreter, which
//! all functions of an instance share as their upvalue.

mod decode;
mod encode;
mod number;

use super::ffi::{self, State};
use super::lua::{Lua, functions};
use super::runtime::{Outcome, Raise};
use super::stack;
use std::cell::Cell;
use std::ffi::c_int;

/// How many digits a number has at most.
const PRECISION_MAX: i64 = 14;

/// What becomes of numbers that JSON does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Invalid {
    Refused,
    Written,
    Null,
}

/// The options of an instance.
#[derive(Clone, Copy, Debug)]
struct Options {
    sparse_convert: bool,
    sparse_ratio: i32,
    sparse_safe: i32,
    encode_depth: i32,
    decode_depth: i32,
    encode_invalid: Invalid,
    decode_invalid: bool,
    keep_buffer: bool,
    precision: i32,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth: 1000,
            decode_depth: 1000,
            encode_invalid: Invalid::Refused,
            decode_invalid: true,
            keep_buffer: true,
            precision: 14,
        }
    }
}

functions! {
    new = new_inner,
    encode = encode_inner,
    decode = decode_inner,
    encode_sparse_array = encode_sparse_array_inner,
    encode_max_depth = encode_max_depth_inner,
    decode_max_depth = decode_max_depth_inner,
    encode_number_precision = encode_number_precision_inner,
    encode_keep_buffer = encode_keep_buffer_inner,
    encode_invalid_numbers = encode_invalid_numbers_inner,
    decode_invalid_numbers = decode_invalid_numbers_inner,
}

/// Adds the library to the globals on top of the stack.
///
/// # Safety
/// As for [`super::sandbox::build`].
pub unsafe fn open(lua: *mut State) {
    // SAFETY: as the caller promises.
    unsafe {
        push_instance(lua);
        stack::set_field(lua, -2, "cjson");
    }
}

/// Pushes a table with functions that share fresh options.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn push_instance(lua: *mut State) {
    let functions: [(&str, ffi::Function); 10] = [
        ("new", new),
        ("encode", encode),
        ("decode", decode),
        ("encode_sparse_array", encode_sparse_array),
        ("encode_max_depth", encode_max_depth),
        ("decode_max_depth", decode_max_depth),
        ("encode_number_precision", encode_number_precision),
        ("encode_keep_buffer", encode_keep_buffer),
        ("encode_invalid_numbers", encode_invalid_numbers),
        ("decode_invalid_numbers", decode_invalid_numbers),
    ];
    // SAFETY: the block is large and aligned enough for options (the interpreter aligns to 8), which need no drop.
    unsafe {
        ffi::lua_createtable(lua, 0, 16);
        let block = ffi::lua_newuserdata(lua, size_of::<Cell<Options>>()).cast::<Cell<Options>>();
        block.write(Cell::new(Options::default()));
        for (name, function) in functions {
            ffi::lua_pushvalue(lua, -1);
            ffi::lua_pushcclosure(lua, function, 1);
            stack::set_field(lua, -3, name);
        }
        stack::pop(lua, 1);
        ffi::lua_pushlightuserdata(lua, std::ptr::null_mut());
        stack::set_field(lua, -2, "null");
        stack::set_text(lua, "_NAME", "cjson");
        stack::set_text(lua, "_VERSION", "2.1.0");
    }
}

/// The options of the running function's instance.
fn options(lua: &Lua) -> &Cell<Options> {
    let block = lua.block(ffi::FIRST_UPVALUE).cast::<Cell<Options>>();
    // SAFETY: every function here was made by `push_instance` with such an upvalue.
    unsafe { &*block }
}

fn new_inner(lua: &Lua) -> Outcome {
    // SAFETY: Lua called us.
    unsafe { push_instance(lua.state()) };
    Ok(1)
}

fn encode_inner(lua: &Lua) -> Outcome {
    if lua.top() != 1 {
        return Err(Raise::Argument(1, c"expected 1 argument"));
    }
    let mut text = Vec::new();
    encode::Encoder::new(lua, options(lua).get(), &mut text).value(0)?;
    lua.push_bytes(&text);
    Ok(1)
}

fn decode_inner(lua: &Lua) -> Outcome {
    if lua.top() != 1 {
        return Err(Raise::Argument(1, c"expected 1 argument"));
    }
    let text = lua.check_bytes(1)?;
    decode::decode(lua, options(lua).get(), text)?;
    Ok(1)
}

/// Brings the arguments to `count`, nil for those that were left out.
fn arguments(lua: &Lua, count: c_int) -> Result<(), Raise> {
    if lua.top() > count {
        return Err(Raise::Argument(count + 1, c"found too many arguments"));
    }
    lua.set_top(count);
    Ok(())
}

/// Takes an integer option from an argument, if it was given, and pushes its value.
fn integer_option(lua: &Lua, index: c_int, setting: i32, least: i64, most: i64) -> Result<i32, Raise> {
    let mut setting = setting;
    if lua.kind(index) != ffi::NIL {
        let given = i64::from(lua.check_integer(index)? as i32);
        if !(least..=most).contains(&given) {
            return Err(lua.bad_argument(1, &format!("expected integer between {least} and {most}")));
        }
        setting = given as i32;
    }
    lua.push_number(f64::from(setting));
    Ok(setting)
}

/// Reads an argument as one of some words, of which the first means false and the second true.
fn choice(lua: &Lua, index: c_int, words: &[&str]) -> Result<Option<usize>, Raise> {
    match lua.kind(index) {
        ffi::NIL => Ok(None),
        ffi::BOOLEAN => Ok(Some(usize::from(lua.truth(index)))),
        _ => {
            let given = lua.check_bytes(index)?;
            let found = words.iter().position(|word| word.as_bytes() == given);
            let refusal = || lua.bad_argument(index, &format!("invalid option '{}'", String::from_utf8_lossy(given)));
            found.map(Some).ok_or_else(refusal)
        }
    }
}

const ON_OFF: [&str; 2] = ["off", "on"];

fn encode_sparse_array_inner(lua: &Lua) -> Outcome {
    arguments(lua, 3)?;
    let mut all = options(lua).get();
    if let Some(convert) = choice(lua, 1, &ON_OFF)? {
        all.sparse_convert = convert == 1;
    }
    lua.push_truth(all.sparse_convert);
    options(lua).set(all);
    all.sparse_ratio = integer_option(lua, 2, all.sparse_ratio, 0, i32::MAX.into())?;
    options(lua).set(all);
    all.sparse_safe = integer_option(lua, 3, all.sparse_safe, 0, i32::MAX.into())?;
    options(lua).set(all);
    Ok(3)
}

fn encode_max_depth_inner(lua: &Lua) -> Outcome {
    arguments(lua, 1)?;
    let mut all = options(lua).get();
    all.encode_depth = integer_option(lua, 1, all.encode_depth, 1, i32::MAX.into())?;
    options(lua).set(all);
    Ok(1)
}

fn decode_max_depth_inner(lua: &Lua) -> Outcome {
    arguments(lua, 1)?;
    let mut all = options(lua).get();
    all.decode_depth = integer_option(lua, 1, all.decode_depth, 1, i32::MAX.into())?;
    options(lua).set(all);
    Ok(1)
}

fn encode_number_precision_inner(lua: &Lua) -> Outcome {
    arguments(lua, 1)?;
    let mut all = options(lua).get();
    all.precision = integer_option(lua, 1, all.precision, 1, PRECISION_MAX)?;
    options(lua).set(all);
    Ok(1)
}

fn encode_keep_buffer_inner(lua: &Lua) -> Outcome {
    arguments(lua, 1)?;
    let mut all = options(lua).get();
    if let Some(keep) = choice(lua, 1, &ON_OFF)? {
        all.keep_buffer = keep == 1;
    }
    lua.push_truth(all.keep_buffer);
    options(lua).set(all);
    Ok(1)
}

fn encode_invalid_numbers_inner(lua: &Lua) -> Outcome {
    arguments(lua, 1)?;
    let mut all = options(lua).get();
    match choice(lua, 1, &["off", "on", "null"])? {
        Some(0) => all.encode_invalid = Invalid::Refused,
        Some(1) => all.encode_invalid = Invalid::Written,
        Some(_) => all.encode_invalid = Invalid::Null,
        None => {}
    }
    match all.encode_invalid {
        Invalid::Refused => lua.push_truth(false),
        Invalid::Written => lua.push_truth(true),
        Invalid::Null => lua.push_bytes(b"null"),
    }
    options(lua).set(all);
    Ok(1)
}

fn decode_invalid_numbers_inner(lua: &Lua) -> Outcome {
    arguments(lua, 1)?;
    let mut all = options(lua).get();
    if let Some(accepted) = choice(lua, 1, &ON_OFF)? {
        all.decode_invalid = accepted == 1;
    }
    lua.push_truth(all.decode_invalid);
    options(lua).set(all);
    Ok(1)
}
