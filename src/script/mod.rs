//! Lua 5.1 as Valkey offers it: one interpreter per shard, which compiles and runs scripts and functions.
//!
//! Owns the interpreter, its sandbox and libraries, and the conversions between replies and values of Lua. It must not know commands,
//! keys or clients: what a script wants of the server goes through the trait [`Host`].
//!
//! An [`Engine`] belongs to one shard and starts its interpreter with the first script. EVAL is [`Engine::load_evictable`] and
//! [`Engine::run`], SCRIPT LOAD is [`Engine::load`], EVALSHA is [`Engine::run`] if the script [`Engine::exists`], FUNCTION LOAD is
//! [`Engine::load_library`], FCALL is [`Engine::call_function`]. The reply of a script, or the error it ends with, goes to the
//! [`crate::protocol::reply::Reply`] of the client.
//!
//! A [`Host`] abandons a script by answering [`Stop`]: the script ends there, whatever it tries to catch, `run` answers the reason, and
//! the engine is as before the run (the generator of `math.random` too), so that the script can run again.

#![allow(unsafe_code)]

mod arena;
mod bits;
mod calls;
mod catching;
mod cjson;
mod cmsgpack;
mod engine;
mod error;
mod ffi;
mod heap;
mod host;
mod incoming;
mod library;
mod loading;
mod lua;
mod outgoing;
mod random;
mod readonly;
mod runtime;
mod sandbox;
mod server_api;
mod shebang;
mod spread;
mod stack;
mod structs;
#[cfg(test)]
mod tests;

pub use engine::{Engine, Sha};
pub use error::ScriptError;
pub use host::{AclCheck, Host, LogLevel, Stop};
pub use library::{FunctionFacts, LibraryFacts};
pub use runtime::INTERRUPT_INTERVAL;
pub use shebang::Flags;
