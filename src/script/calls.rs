//! `redis.call` and `redis.pcall`: words in, a reply out.
//!
//! Owns the checks of arguments and what becomes of an error reply. It must not know any command.

use super::ffi::{self, State};
use super::incoming;
use super::runtime::{Outcome, Raise, Runtime, export, runtime};
use super::stack;
use crate::protocol::reply::{Reply, Resp};
use smallvec::SmallVec;

/// The words of a command, in place up to this number.
type Words<'a> = SmallVec<[&'a [u8]; 16]>;

export! { call = raising, pcall = answering }

// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn raising(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us.
    unsafe { run(lua) }.and_then(|failed| if failed { Err(Raise::Value) } else { Ok(1) })
}

unsafe fn answering(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us.
    unsafe { run(lua) }.map(|_| 1)
}

/// Runs the command on the stack and pushes its result; whether that is an error table.
unsafe fn run(lua: *mut State) -> Result<bool, Raise> {
    // SAFETY: Lua called us, so there is a runtime behind the interpreter; arguments stay on the stack meanwhile.
    unsafe {
        let runtime = runtime(lua);
        if runtime.stopped().is_some() {
            return Err(Raise::Stopped);
        }
        let mut digits = runtime.digits.take();
        let words = words(lua, &mut digits);
        let answer = match &words {
            Ok(words) => submit(lua, runtime, words),
            Err(text) => {
                stack::push_error(lua, text.as_bytes(), false);
                Ok(true)
            }
        };
        drop(words);
        digits.clear();
        runtime.digits.set(digits);
        answer
    }
}

/// Takes a command to the host and pushes what it replied.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn submit(lua: *mut State, runtime: &Runtime, words: &Words<'_>) -> Result<bool, Raise> {
    let mut reply = runtime.reply.take();
    reply.truncate(0);
    reply.set_resp(runtime.resp.get());
    let outcome = runtime.host(|host| host.call(words, &mut reply));
    // SAFETY: as the caller's; the heap's limit is lifted.
    let answer = unsafe {
        match outcome {
            Some(Ok(())) => incoming::push_reply(lua, reply.bytes()),
            Some(Err(stop)) => Err(runtime.abandon(lua, 1, stop)),
            None => {
                stack::push_error(
                    lua,
                    b"ERR server.call/pcall can only be called inside a script invocation",
                    false,
                );
                Ok(true)
            }
        }
    };
    shrink(&mut reply);
    runtime.reply.set(reply);
    answer
}

/// A reply's buffer is kept up to this size.
const KEPT_REPLY_BYTES: usize = 64 * 1024;

fn shrink(reply: &mut Reply) {
    if reply.capacity() > KEPT_REPLY_BYTES {
        *reply = Reply::new(Vec::new(), Resp::V2);
    }
}

/// The arguments as words; numbers are written into `digits`.
///
/// # Safety
/// The arguments stay on the stack while the answer is used, and `digits` is not touched.
pub unsafe fn words<'a>(lua: *mut State, digits: &mut Vec<u8>) -> Result<Words<'a>, &'static str> {
    // SAFETY: indices up to the top are valid. Room for all digits is reserved first, so what is written stays in place; the
    // caller keeps the buffer.
    unsafe {
        let count = ffi::lua_gettop(lua);
        if count == 0 {
            return Err("ERR Please specify at least one argument for this call");
        }
        let mut words = Words::new();
        digits.clear();
        digits.reserve(count as usize * NUMBER_BYTES_MAX);
        for index in 1..=count {
            words.push(match ffi::lua_type(lua, index) {
                ffi::STRING => stack::bytes_at(lua, index).unwrap_or_default(),
                ffi::NUMBER => {
                    let start = digits.len();
                    write_number(ffi::lua_tonumber(lua, index), digits);
                    std::slice::from_raw_parts(digits.as_ptr().add(start), digits.len() - start)
                }
                _ => return Err("ERR Command arguments must be strings or integers"),
            });
        }
        Ok(words)
    }
}

/// Longest text of a number in bytes.
const NUMBER_BYTES_MAX: usize = 32;

/// Writes a number as a word: an integer without a point, another one with 17 digits.
fn write_number(number: f64, digits: &mut Vec<u8>) {
    let whole = number as i64;
    if whole as f64 == number && number.abs() < 9.2e18 {
        digits.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
        return;
    }
    if number.is_nan() && number.is_sign_negative() {
        // What 0/0 is on x86.
        return digits.extend_from_slice(b"-nan");
    }
    let mut text = crate::base::number::DoubleText::default();
    digits.extend_from_slice(text.format(number).as_bytes());
}
