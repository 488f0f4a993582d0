//! What the interpreter's callbacks share with the engine, and how a callback fails.
//!
//! Owns the state behind the interpreter's userdata pointer, the bridge from Lua's calling convention to Rust, and the hook that abandons
//! scripts. It must not know what any function of the sandbox does.
//!
//! A Lua error is a `longjmp`, which skips destructors. So every function given to Lua has two parts: an inner one in plain Rust that
//! answers an [`Outcome`] and calls nothing that raises (the limit of the heap is lifted while it runs), and a thin outer one made by
//! [`export!`] that owns nothing and raises what the inner one asks for.

use super::ffi::{self, State};
use super::heap::Heap;
use super::host::{Host, Stop};
use super::library::Draft;
use crate::protocol::reply::{Reply, Resp};
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;

/// How many instructions a script runs between two questions whether it is to be abandoned.
pub const INTERRUPT_INTERVAL: u32 = 100_000;

/// What an inner function answers: how many results it pushed, or what to raise.
pub type Outcome = Result<c_int, Raise>;

/// What a function of the sandbox raises.
#[derive(Clone, Copy, Debug)]
pub enum Raise {
    /// The value on top of the stack, as it is.
    Value,
    /// The text on top of the stack, after the place of the caller.
    Located,
    /// `bad argument #n to 'function' (text)`.
    Argument(c_int, &'static CStr),
    /// As before, with the text on top of the stack.
    ArgumentText(c_int),
    /// `bad argument #n to 'function' (expected, got ...)`.
    Kind(c_int, &'static CStr),
    /// The script is abandoned.
    Stopped,
}

/// State behind the interpreter's userdata pointer. Everything is in cells: callbacks nest.
pub struct Runtime {
    pub heap: Heap,
    host: Cell<Option<NonNull<dyn Host>>>,
    stop: Cell<Option<Stop>>,
    /// Where the script was when it was abandoned, as errors tell it.
    place: RefCell<Vec<u8>>,
    /// The protocol in which the script wants the replies of its calls.
    pub resp: Cell<Resp>,
    /// The reply of the command under way; kept for its room.
    pub reply: Cell<Reply>,
    /// Digits of numeric arguments of the command under way; kept for its room.
    pub digits: Cell<Vec<u8>>,
    /// The library whose code is being loaded.
    pub draft: RefCell<Option<Draft>>,
    /// State of `math.random`.
    pub random: Cell<u64>,
}

impl Runtime {
    /// The state of an interpreter that has not started yet.
    pub fn new(limit_bytes: usize) -> Runtime {
        Runtime {
            heap: Heap::new(limit_bytes),
            host: Cell::new(None),
            stop: Cell::new(None),
            place: RefCell::default(),
            resp: Cell::new(Resp::V2),
            reply: Cell::default(),
            digits: Cell::default(),
            draft: RefCell::default(),
            random: Cell::new(super::random::UNSEEDED),
        }
    }

    /// Lends the host to the script that runs during `body`, and answers why it was abandoned, if it was.
    pub fn with_host(&self, host: &mut dyn Host, body: impl FnOnce()) -> Option<Stop> {
        let pointer = NonNull::from(host);
        // SAFETY: only the lifetime is changed; the pointer is taken away below, before the borrow ends.
        let pointer = unsafe { std::mem::transmute::<NonNull<dyn Host + '_>, NonNull<dyn Host + 'static>>(pointer) };
        self.host.set(Some(pointer));
        self.stop.set(None);
        self.place.borrow_mut().clear();
        self.resp.set(Resp::V2);
        body();
        self.host.set(None);
        self.stop.take()
    }

    /// Asks the host of the running script; none while library code is loaded.
    pub fn host<T>(&self, ask: impl FnOnce(&mut dyn Host) -> T) -> Option<T> {
        // SAFETY: the pointer is set only inside `with_host`, whose caller lends the host exclusively; it is taken out during
        // the question, so no second reference to it can exist.
        let host = self.host.take()?;
        let answer = ask(unsafe { &mut *host.as_ptr() });
        self.host.set(Some(host));
        Some(answer)
    }

    /// Runs plain Rust with the heap's limit lifted.
    pub fn lifted<T>(&self, body: impl FnOnce() -> T) -> T {
        let enforced = self.heap.enforce(false);
        let answer = body();
        self.heap.enforce(enforced);
        answer
    }

    /// Whether the running script is being abandoned.
    pub fn stopped(&self) -> Option<Stop> {
        self.stop.get()
    }

    /// Abandons the running script, which is at `level` of the stack: the caller raises [`Raise::Stopped`].
    ///
    /// # Safety
    /// `lua` is live.
    pub unsafe fn abandon(&self, lua: *mut State, level: c_int, stop: Stop) -> Raise {
        if self.stop.get().is_none() {
            self.stop.set(Some(stop));
            // SAFETY: as the caller's; the activation record is filled before it is read.
            unsafe {
                let mut activation: ffi::Activation = std::mem::zeroed();
                if stop == Stop::Killed && ffi::lua_getstack(lua, level, &mut activation) != 0 {
                    ffi::lua_getinfo(lua, c"Sl".as_ptr(), &mut activation);
                    let source = CStr::from_ptr(activation.source).to_bytes();
                    let line = format!(":{}.", activation.currentline);
                    self.place.replace([b" script: on ", source, line.as_bytes()].concat());
                }
            }
        }
        Raise::Stopped
    }

    /// Where the script was when it was killed, as errors tell it.
    pub fn place(&self) -> Vec<u8> {
        self.place.take()
    }
}

/// The state of the interpreter.
///
/// # Safety
/// `lua` is an interpreter made by the engine, or a coroutine of one; the answer does not outlive it.
pub unsafe fn runtime<'a>(lua: *mut State) -> &'a Runtime {
    let mut userdata: *mut c_void = std::ptr::null_mut();
    // SAFETY: the engine's interpreters have a `Runtime` as the allocator's userdata, which outlives them.
    unsafe {
        ffi::lua_getallocf(lua, &mut userdata);
        &*userdata.cast::<Runtime>()
    }
}

/// Runs an inner function with the heap's limit lifted, and raises what it asks for.
///
/// # Safety
/// Called as the outermost part of a function that Lua calls, from a frame without anything to drop.
pub unsafe fn enter(lua: *mut State, inner: unsafe fn(*mut State) -> Outcome) -> c_int {
    // SAFETY: as the caller promises; `inner` raises nothing by itself.
    unsafe { finish(lua, runtime(lua).lifted(|| inner(lua))) }
}

/// Answers Lua with an outcome, or raises.
///
/// # Safety
/// As for [`enter`].
pub unsafe fn finish(lua: *mut State, outcome: Outcome) -> c_int {
    match outcome {
        Ok(results) => results,
        // SAFETY: nothing is to be dropped here.
        Err(raise) => unsafe { raise_now(lua, raise) },
    }
}

/// How many values are pushed on the way to an error.
const RAISING_VALUES: c_int = 4;

/// Raises; it never returns, though Lua's interface gives it a result.
///
/// # Safety
/// As for [`enter`].
pub unsafe fn raise_now(lua: *mut State, raise: Raise) -> c_int {
    // SAFETY: nothing in this frame is to be dropped.
    unsafe {
        if ffi::lua_checkstack(lua, RAISING_VALUES) == 0 {
            // There are thousands of values, all of which go: what is on top takes the place of one below.
            let kept = ffi::lua_gettop(lua) - RAISING_VALUES;
            ffi::lua_replace(lua, kept);
            ffi::lua_settop(lua, kept);
        }
        match raise {
            Raise::Value => ffi::lua_error(lua),
            Raise::Located => {
                ffi::luaL_where(lua, 1);
                ffi::lua_insert(lua, -2);
                ffi::lua_concat(lua, 2);
                ffi::lua_error(lua)
            }
            Raise::Argument(number, text) => ffi::luaL_argerror(lua, number, text.as_ptr()),
            Raise::ArgumentText(number) => {
                ffi::luaL_argerror(lua, number, ffi::lua_tolstring(lua, -1, std::ptr::null_mut()))
            }
            Raise::Kind(number, expected) => ffi::luaL_typerror(lua, number, expected.as_ptr()),
            Raise::Stopped => {
                // From here on each instruction of this thread raises again, so nothing that catches errors goes on.
                ffi::lua_sethook(lua, Some(interrupt), ffi::MASK_COUNT, 1);
                // A request for memory that fails is what the interpreter raises past the handlers of `xpcall`.
                runtime(lua).heap.fail_next();
                ffi::lua_newuserdata(lua, 1);
                ffi::lua_error(lua)
            }
        }
    }
}

/// The hook: asks the host whether to go on, and keeps an abandoned script from going on.
///
/// # Safety
/// Called by Lua only.
pub unsafe extern "C-unwind" fn interrupt(lua: *mut State, _activation: *mut ffi::Activation) {
    // SAFETY: Lua calls hooks with a live interpreter; nothing in this frame is to be dropped.
    unsafe {
        let runtime = runtime(lua);
        if runtime.stopped().is_none() {
            match runtime.host(|host| host.interrupted()).flatten() {
                // What runs is at the top of the stack when the hook is called.
                Some(stop) => runtime.abandon(lua, 0, stop),
                None => return,
            };
        }
        raise_now(lua, Raise::Stopped);
    }
}

/// Makes the outer part of functions for Lua: `export!(pub outer = inner, ...)`.
macro_rules! export {
    ($($outer:ident = $inner:path),* $(,)?) => {$(
        /// The function as Lua calls it.
        ///
        /// # Safety
        /// Called by Lua only.
        pub unsafe extern "C-unwind" fn $outer(lua: *mut $crate::script::ffi::State) -> std::ffi::c_int {
            // SAFETY: Lua calls with a live interpreter, and this frame has nothing to drop.
            unsafe { $crate::script::runtime::enter(lua, $inner) }
        }
    )*};
}
pub(super) use export;
