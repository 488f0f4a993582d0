//! The interpreter's memory: counted, and limited while a script's own code runs.
//!
//! Owns the count and the allocator that Lua calls. It must not know what is allocated.

use super::arena::{ALIGN_BYTES, Arena};
use super::ffi;
use std::alloc::{Layout, alloc, dealloc, realloc};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

/// Counts what an interpreter holds.
pub struct Heap {
    /// Its small blocks, as long as there is room.
    arena: Arena,
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
            arena: Arena::new(),
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
            return ptr::null_mut();
        }
        // SAFETY: as the caller keeps.
        let fresh = unsafe { self.moved(block, old_bytes, new_bytes) };
        if new_bytes == 0 || !fresh.is_null() {
            self.used_bytes.set(self.used_bytes.get() - old_bytes + new_bytes);
        }
        fresh
    }

    /// The block at its new size, where there is room for it; null when there is none, or the size is 0.
    ///
    /// # Safety
    /// As for [`Heap::resize`].
    unsafe fn moved(&self, block: *mut u8, old_bytes: usize, new_bytes: usize) -> *mut u8 {
        let (Ok(old), Ok(new)) = (
            Layout::from_size_align(old_bytes, ALIGN_BYTES),
            Layout::from_size_align(new_bytes, ALIGN_BYTES),
        ) else {
            return ptr::null_mut();
        };
        let is_small = self.arena.holds(block);
        if is_small && Arena::fits(old_bytes, new_bytes) {
            return block;
        }
        // SAFETY: the caller keeps that the block has `old_bytes`; it goes back to where it came from. No layout is empty where it is used.
        unsafe {
            match (old_bytes, new_bytes) {
                (0, 0) => ptr::null_mut(),
                (0, _) => self.take(new),
                (_, 0) if is_small => {
                    self.arena.give_back(block, old_bytes);
                    ptr::null_mut()
                }
                (_, 0) => {
                    dealloc(block, old);
                    ptr::null_mut()
                }
                _ if !is_small => realloc(block, old, new_bytes),
                _ => {
                    let fresh = self.take(new);
                    if !fresh.is_null() {
                        fresh.copy_from_nonoverlapping(block, old_bytes.min(new_bytes));
                        self.arena.give_back(block, old_bytes);
                    }
                    fresh
                }
            }
        }
    }

    /// A block from the arena, or from the process's memory when there is no room.
    ///
    /// # Safety
    /// The layout is not empty.
    unsafe fn take(&self, layout: Layout) -> *mut u8 {
        let small = self.arena.take(layout.size());
        if !small.is_null() {
            return small;
        }
        // SAFETY: as the caller keeps.
        unsafe { alloc(layout) }
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
