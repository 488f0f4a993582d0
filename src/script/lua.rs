//! The interpreter as the sandbox's own functions see it: safe words for what they do with its stack.
//!
//! Owns the type [`Lua`], which exists only while a function that Lua called runs in plain Rust, with the heap's limit lifted. So
//! nothing here can raise. Lua guarantees room for 20 values to each function; one that pushes more asks [`Lua::has_room`] first.

use super::ffi::{self, State};
use super::outgoing::truncated;
use super::runtime::{Outcome, Raise, runtime};
use super::stack;
use std::ffi::{CStr, c_int};

/// An interpreter that has called us.
pub struct Lua {
    state: *mut State,
}

/// A function of the sandbox.
pub type Inner = fn(&Lua) -> Outcome;

/// Runs an inner function in safe Rust.
///
/// # Safety
/// As for [`super::runtime::enter`].
pub unsafe fn enter_safely(state: *mut State, inner: Inner) -> c_int {
    // SAFETY: as the caller promises; `inner` raises nothing by itself.
    unsafe {
        let lua = Lua { state };
        super::runtime::finish(state, runtime(state).lifted(|| inner(&lua)))
    }
}

/// Makes functions for Lua of functions in safe Rust: `functions!(outer = inner, ...)`.
macro_rules! functions {
    ($($outer:ident = $inner:path),* $(,)?) => {$(
        /// The function as Lua calls it.
        ///
        /// # Safety
        /// Called by Lua only.
        unsafe extern "C-unwind" fn $outer(state: *mut $crate::script::ffi::State) -> std::ffi::c_int {
            // SAFETY: Lua calls with a live interpreter, and this frame has nothing to drop.
            unsafe { $crate::script::lua::enter_safely(state, $inner) }
        }
    )*};
}
pub(super) use functions;

impl Lua {
    /// How many values there are.
    pub fn top(&self) -> c_int {
        // SAFETY: reads the stack, as most functions below; an index that nobody pushed reads as no value.
        unsafe { ffi::lua_gettop(self.state) }
    }

    /// Makes `count` the number of values.
    pub fn set_top(&self, count: c_int) {
        // SAFETY: not negative.
        unsafe { ffi::lua_settop(self.state, count.max(0)) }
    }

    /// Drops the topmost `count` values.
    pub fn pop(&self, count: c_int) {
        self.set_top(self.top() - count);
    }

    /// Whether `count` more values can be pushed.
    pub fn has_room(&self, count: c_int) -> bool {
        // SAFETY: grows the stack or answers no.
        unsafe { ffi::lua_checkstack(self.state, count) != 0 }
    }

    /// The type of a value, one of the constants of [`ffi`].
    pub fn kind(&self, index: c_int) -> c_int {
        // SAFETY: reads the stack.
        unsafe { ffi::lua_type(self.state, index) }
    }

    /// The name of a value's type.
    pub fn kind_name(&self, index: c_int) -> &'static str {
        // SAFETY: names of types are constants of the interpreter.
        let name = unsafe { CStr::from_ptr(ffi::lua_typename(self.state, self.kind(index))) };
        name.to_str().unwrap_or_default()
    }

    /// Whether a value is a number or a string that reads as one.
    pub fn is_number(&self, index: c_int) -> bool {
        // SAFETY: reads the stack.
        unsafe { stack::is_number(self.state, index) }
    }

    /// A number, or 0.
    pub fn number(&self, index: c_int) -> f64 {
        // SAFETY: reads the stack.
        unsafe { ffi::lua_tonumber(self.state, index) }
    }

    /// A truth value: everything but nil and false is true.
    pub fn truth(&self, index: c_int) -> bool {
        // SAFETY: reads the stack.
        unsafe { ffi::lua_toboolean(self.state, index) != 0 }
    }

    /// The bytes of a string; a number becomes its text in place. They are good as long as the value stays on the stack.
    pub fn bytes(&self, index: c_int) -> Option<&[u8]> {
        // SAFETY: the collector frees no string that is on the stack; values leave it only where the caller says so.
        unsafe { stack::bytes_at(self.state, index) }
    }

    /// Whether a value is the null pointer, JSON's null.
    pub fn is_null(&self, index: c_int) -> bool {
        // SAFETY: reads the stack.
        self.kind(index) == ffi::LIGHT_USERDATA && unsafe { ffi::lua_touserdata(self.state, index) }.is_null()
    }

    /// Pushes a string.
    pub fn push_bytes(&self, bytes: &[u8]) {
        // SAFETY: without a limit nothing fails; so for all that allocate below.
        unsafe { stack::push_bytes(self.state, bytes) }
    }

    /// Pushes a number.
    pub fn push_number(&self, number: f64) {
        // SAFETY: as above.
        unsafe { ffi::lua_pushnumber(self.state, number) }
    }

    /// Pushes a truth value.
    pub fn push_truth(&self, value: bool) {
        // SAFETY: as above.
        unsafe { ffi::lua_pushboolean(self.state, c_int::from(value)) }
    }

    /// Pushes nil.
    pub fn push_nil(&self) {
        // SAFETY: as above.
        unsafe { ffi::lua_pushnil(self.state) }
    }

    /// Pushes the null pointer.
    pub fn push_null(&self) {
        // SAFETY: a light userdata is only compared.
        unsafe { ffi::lua_pushlightuserdata(self.state, std::ptr::null_mut()) }
    }

    /// Pushes a copy of a value.
    pub fn push_copy(&self, index: c_int) {
        // SAFETY: as above.
        unsafe { ffi::lua_pushvalue(self.state, index) }
    }

    /// Moves the topmost value down to an index.
    pub fn insert(&self, index: c_int) {
        // SAFETY: as above.
        unsafe { ffi::lua_insert(self.state, index) }
    }

    /// Pushes a table with room.
    pub fn push_table(&self, array: usize, hash: usize) {
        let room = |count: usize| c_int::try_from(count.min(1 << 16)).unwrap_or_default();
        // SAFETY: as above.
        unsafe { ffi::lua_createtable(self.state, room(array), room(hash)) }
    }

    /// Pushes an element of the table at `index`.
    pub fn push_element(&self, index: c_int, place: c_int) {
        debug_assert_eq!(self.kind(index), ffi::TABLE);
        // SAFETY: the caller has a table there.
        unsafe { ffi::lua_rawgeti(self.state, index, place) }
    }

    /// Takes the topmost value into the table at `index`.
    pub fn set_element(&self, index: c_int, place: c_int) {
        debug_assert_eq!(self.kind(index), ffi::TABLE);
        // SAFETY: the caller has made the table.
        unsafe { ffi::lua_rawseti(self.state, index, place) }
    }

    /// Takes the topmost key and value into the table at `index`; a key that cannot be one is the answer.
    pub fn set_pair(&self, index: c_int) -> Result<(), &'static str> {
        let kind = self.kind(-2);
        if kind == ffi::NIL {
            return Err("table index is nil");
        }
        if kind == ffi::NUMBER && self.number(-2).is_nan() {
            return Err("table index is NaN");
        }
        debug_assert_eq!(self.kind(index), ffi::TABLE);
        // SAFETY: the caller has made the table, and the key can be one.
        unsafe { ffi::lua_rawset(self.state, index) };
        Ok(())
    }

    /// Replaces the key on top of the stack by the next key of the table at `index` and its value; false at the end, when the
    /// key is gone. Starts with nil. The table must not change meanwhile, nor the key.
    pub fn next(&self, index: c_int) -> bool {
        debug_assert_eq!(self.kind(index), ffi::TABLE);
        // SAFETY: the key came from this table.
        unsafe { ffi::lua_next(self.state, index) != 0 }
    }

    /// Replaces a read-only table at `index` by what its readers see.
    pub fn uncover(&self, index: c_int) {
        // SAFETY: Lua guarantees the room; the function that called does not give the table away.
        unsafe { super::readonly::uncover(self.state, index) }
    }

    /// Makes room for the text of an error, if need be in place of a value that is lost with this call anyway.
    fn make_room(&self) {
        if !self.has_room(1) {
            self.pop(1);
        }
    }

    /// What raises a text after the place of the caller.
    pub fn located(&self, text: &str) -> Raise {
        self.make_room();
        self.push_bytes(text.as_bytes());
        Raise::Located
    }

    /// What raises a text as it is.
    pub fn plain(&self, text: &str) -> Raise {
        self.make_room();
        self.push_bytes(text.as_bytes());
        Raise::Value
    }

    /// What raises `bad argument #n to 'function' (text)`.
    pub fn bad_argument(&self, number: c_int, text: &str) -> Raise {
        self.make_room();
        self.push_bytes(text.as_bytes());
        Raise::ArgumentText(number)
    }

    /// An argument that must be a number.
    pub fn check_number(&self, index: c_int) -> Result<f64, Raise> {
        let number = self.number(index);
        if number == 0.0 && !self.is_number(index) {
            return Err(Raise::Kind(index, c"number"));
        }
        Ok(number)
    }

    /// An argument that must be a number, cut to an integer.
    pub fn check_integer(&self, index: c_int) -> Result<i64, Raise> {
        self.check_number(index).map(truncated)
    }

    /// As [`Lua::check_integer`], or `default` for no value.
    pub fn integer_or(&self, index: c_int, default: i64) -> Result<i64, Raise> {
        if self.kind(index) <= ffi::NIL {
            Ok(default)
        } else {
            self.check_integer(index)
        }
    }

    /// An argument that must be a string or a number.
    pub fn check_bytes(&self, index: c_int) -> Result<&[u8], Raise> {
        self.bytes(index).ok_or(Raise::Kind(index, c"string"))
    }
}

impl Lua {
    /// The bare interpreter, for what has no word here.
    pub fn state(&self) -> *mut State {
        self.state
    }

    /// The address of a userdata's block; null for another value.
    pub fn block(&self, index: c_int) -> *mut std::ffi::c_void {
        // SAFETY: reads the stack.
        unsafe { ffi::lua_touserdata(self.state, index) }
    }
}
