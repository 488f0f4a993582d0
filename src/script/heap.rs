//! The interpreter's memory: counted, and limited while a script's own code runs.
//!
//! Owns the count and the allocator that Lua calls. It must not know what is allocated.

use super::ffi;
use std::alloc::{Layout, alloc, dealloc, realloc};
use std::cell::Cell;
use std::ffi::c_void;

/// Alignment of every block; enough for each of Lua's types.
const ALIGN_BYTES: usize = 16;

/// Counts what an interpreter holds.
#[derive(Debug)]
pub struct Heap {
    used_bytes: Cell<usize>,
    limit_bytes: usize,
    /// Whether a request beyond the limit fails. It does so only while Lua code runs: a failure is a `longjmp`, which must not
    /// cross a Rust frame.
    enforced: Cell<bool>,
    /// Whether the next request fails whatever it asks for.
    failing: Cell<bool>,
}

impl Heap {
    /// A heap whose scripts get `not enough memory` beyond `limit_bytes`.
    pub fn new(limit_bytes: usize) -> Heap {
        Heap {
            used_bytes: Cell::new(0),
            limit_bytes,
            enforced: Cell::new(false),
            failing: Cell::new(false),
        }
    }

    /// Bytes in use.
    pub fn used_bytes(&self) -> usize {
        self.used_bytes.get()
    }

    /// Switches the limit and answers what it was.
    pub fn enforce(&self, on: bool) -> bool {
        self.enforced.replace(on)
    }

    /// Lets the next request for more memory fail.
    pub fn fail_next(&self) {
        self.failing.set(true);
    }

    fn admits(&self, old_bytes: usize, new_bytes: usize) -> bool {
        if new_bytes > old_bytes && self.failing.take() {
            return false;
        }
        let after = (self.used_bytes.get() - old_bytes).checked_add(new_bytes);
        !self.enforced.get() || new_bytes <= old_bytes || after.is_some_and(|after| after <= self.limit_bytes)
    }

    /// As C's `realloc`, which also allocates and frees; null on failure.
    ///
    /// # Safety
    /// `block` is null, with `old_bytes` 0, or comes from here with that size.
    unsafe fn resize(&self, block: *mut u8, old_bytes: usize, new_bytes: usize) -> *mut u8 {
        if !self.admits(old_bytes, new_bytes) {
            return std::ptr::null_mut();
        }
        let (Ok(old), Ok(new)) = (
            Layout::from_size_align(old_bytes, ALIGN_BYTES),
            Layout::from_size_align(new_bytes, ALIGN_BYTES),
        ) else {
            return std::ptr::null_mut();
        };
        // SAFETY: the caller keeps that `block` was allocated with the layout `old`; sizes of 0 never reach the allocator.
        let fresh = unsafe {
            match (old_bytes, new_bytes) {
                (0, 0) => std::ptr::null_mut(),
                (0, _) => alloc(new),
                (_, 0) => {
                    dealloc(block, old);
                    std::ptr::null_mut()
                }
                (_, _) => realloc(block, old, new_bytes),
            }
        };
        if new_bytes == 0 || !fresh.is_null() {
            self.used_bytes.set(self.used_bytes.get() - old_bytes + new_bytes);
        }
        fresh
    }
}

/// The allocator of an interpreter whose userdata is a [`super::runtime::Runtime`].
///
/// # Safety
/// Called by Lua only, with the userdata that `lua_newstate` was given.
pub unsafe extern "C" fn allocate(
    userdata: *mut c_void,
    block: *mut c_void,
    old_bytes: usize,
    new_bytes: usize,
) -> *mut c_void {
    // SAFETY: the userdata is the engine's runtime, which outlives the interpreter; Lua tells the true size of each block.
    unsafe {
        let runtime = &*userdata.cast::<super::runtime::Runtime>();
        let old_bytes = if block.is_null() { 0 } else { old_bytes };
        runtime.heap.resize(block.cast(), old_bytes, new_bytes).cast()
    }
}

/// The allocator has the type that Lua expects.
const _: ffi::Allocator = allocate;
