//! Code from text: `load`, `loadstring`, and the engine's own scripts.
//!
//! Owns the refusal of compiled chunks, which could break the interpreter. It must not know what is done with functions.
//!
//! The interpreter takes a chunk for compiled by its first byte. A space before that byte makes it text, and the byte a syntax error.

use super::ffi::{self, State};
use super::runtime::{Raise, raise_now};
use super::stack;
use std::ffi::{CStr, c_char, c_int, c_void};

const SPACE: &CStr = c" ";

/// Text that is still to be read.
struct Text {
    bytes: *const c_char,
    len: usize,
    /// Whether a space goes before it.
    spaced: bool,
}

/// Compiles `bytes` and pushes a function, with status 0, or the text of an error.
///
/// # Safety
/// There is room for one value. A frame below may have something to drop, as errors are caught.
pub unsafe fn load_text(lua: *mut State, bytes: &[u8], name: *const c_char) -> c_int {
    let mut text = Text {
        bytes: bytes.as_ptr().cast(),
        len: bytes.len(),
        spaced: bytes.first() == ffi::BYTECODE.first(),
    };
    // SAFETY: as the caller promises; the reader is used during the call only.
    unsafe { ffi::lua_load(lua, read_text, (&raw mut text).cast(), name) }
}

/// The reader of [`load_text`].
///
/// # Safety
/// Called by Lua only, with a [`Text`].
unsafe extern "C-unwind" fn read_text(_lua: *mut State, text: *mut c_void, len: *mut usize) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe {
        let text = &mut *text.cast::<Text>();
        if std::mem::take(&mut text.spaced) {
            *len = 1;
            return SPACE.as_ptr();
        }
        *len = std::mem::take(&mut text.len);
        text.bytes
    }
}

/// `loadstring(text, name)`.
///
/// # Safety
/// Called by Lua only.
pub unsafe extern "C-unwind" fn loadstring(lua: *mut State) -> c_int {
    // SAFETY: Lua has called us; nothing here is to be dropped when an error passes through. Both texts stay on the stack.
    unsafe {
        let mut len = 0;
        let text = ffi::luaL_checklstring(lua, 1, &mut len);
        let name = ffi::luaL_optlstring(lua, 2, text, std::ptr::null_mut());
        let status = load_text(lua, std::slice::from_raw_parts(text.cast(), len), name);
        answer(lua, status)
    }
}

/// How far a chunk in pieces has been read.
#[derive(Clone, Copy)]
enum Progress {
    Nothing,
    /// A space was read; the first piece is held.
    Space,
    Some,
}

/// `load(function, name)`.
///
/// # Safety
/// Called by Lua only.
pub unsafe extern "C-unwind" fn load(lua: *mut State) -> c_int {
    // SAFETY: Lua has called us; nothing here is to be dropped when an error passes through.
    unsafe {
        let name = ffi::luaL_optlstring(lua, 2, c"=(load)".as_ptr(), std::ptr::null_mut());
        ffi::luaL_checktype(lua, 1, ffi::FUNCTION);
        // The function, its name, and the piece that is read.
        ffi::lua_settop(lua, 3);
        // The interpreter does not hold the chunk's name while it reads the first piece, when garbage may be collected.
        stack::push_bytes(lua, CStr::from_ptr(name).to_bytes());
        let mut progress = Progress::Nothing;
        let status = ffi::lua_load(lua, read_piece, (&raw mut progress).cast(), name);
        answer(lua, status)
    }
}

/// The reader of [`load`].
///
/// # Safety
/// Called by Lua only, with a [`Progress`].
unsafe extern "C-unwind" fn read_piece(lua: *mut State, progress: *mut c_void, len: *mut usize) -> *const c_char {
    // SAFETY: as the caller promises; nothing here is to be dropped when an error passes through.
    unsafe {
        let progress = progress.cast::<Progress>();
        if !matches!(*progress, Progress::Space) {
            if ffi::lua_checkstack(lua, 2) == 0 {
                stack::push_bytes(lua, b"stack overflow (too many nested functions)");
                raise_now(lua, Raise::Located);
            }
            ffi::lua_pushvalue(lua, 1);
            ffi::lua_call(lua, 0, 1);
            if ffi::lua_type(lua, -1) == ffi::NIL {
                *len = 0;
                return std::ptr::null();
            }
            if !stack::is_text(lua, -1) {
                stack::push_bytes(lua, b"reader function must return a string");
                raise_now(lua, Raise::Located);
            }
            ffi::lua_replace(lua, 3);
        }
        let piece = ffi::lua_tolstring(lua, 3, len);
        let compiled = *len > 0 && *piece.cast::<u8>() == ffi::BYTECODE[0];
        if matches!(*progress, Progress::Nothing) && compiled {
            *progress = Progress::Space;
            *len = 1;
            return SPACE.as_ptr();
        }
        *progress = Progress::Some;
        piece
    }
}

/// Answers the function, or nil and the text of an error.
// SAFETY: for callers: one of them is on top of the stack.
unsafe fn answer(lua: *mut State, status: c_int) -> c_int {
    if status == 0 {
        return 1;
    }
    // SAFETY: as the caller's.
    unsafe {
        ffi::lua_pushnil(lua);
        ffi::lua_insert(lua, -2);
    }
    2
}
