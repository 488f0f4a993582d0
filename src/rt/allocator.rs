//! The process's allocator: mimalloc, made to give memory back in steps that keep nobody waiting.
//!
//! Owns what the server asks of it. It must not know what the memory is used for.
//!
//! The kernel takes a page back in 0.1 to 0.4 us, and mimalloc gives back what was freed in the last while in one go: 20 ms for the pages of a
//! collection of millions. So what is freed piecemeal is given back piece by piece as well ([`give_back_at_once`]), and an area that
//! is large by itself is emptied step by step before it is freed.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ffi::{c_int, c_long, c_void};
use std::sync::atomic::{AtomicU32, Ordering};

use mimalloc::MiMalloc;

use crate::base::debris::{self, Debris};

/// Areas from this size on are emptied step by step. Smaller ones are worth using again at once.
const LARGE_BYTES: usize = 8 << 20;
/// How much of an area is emptied in a step.
const STEP_BYTES: usize = 512 << 10;
/// At least the size of a page, on all machines.
const PAGE_BYTES_MAX: usize = 64 << 10;
/// What may wait to be freed on one thread: beyond that, who frees an area pays for it.
const WAITING_BYTES_MAX: usize = 1 << 30;

/// `mi_option_purge_delay`: milliseconds until memory that was freed is given back.
const PURGE_DELAY: c_int = 15;
const PURGE_DELAY_DEFAULT: c_long = 10;
/// `mi_option_arena_purge_mult`: how many times as long it takes for what a whole segment (32 MiB) took.
const ARENA_PURGE_MULT: c_int = 24;

// SAFETY: this is how mimalloc.h declares them.
unsafe extern "C" {
    fn mi_collect(force: bool);
    #[cfg(test)]
    fn mi_option_get(option: c_int) -> c_long;
    fn mi_option_set(option: c_int, value: c_long);
}

thread_local! {
    /// Bytes of areas that wait to be freed.
    static WAITING: Cell<usize> = const { Cell::new(0) };
}

/// Threads that give back at once.
static AT_ONCE: AtomicU32 = AtomicU32::new(0);

/// mimalloc, but for the end of large areas.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allocator;

// SAFETY: all memory is mimalloc's; an area that waits to be freed is freed once, by `Area`.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps what the trait asks for.
        unsafe { MiMalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe { MiMalloc.realloc(block, layout, new_size) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.size() >= LARGE_BYTES {
            return free_large(Area {
                block,
                layout,
                emptied: 0,
            });
        }
        // SAFETY: as in `alloc`.
        unsafe { MiMalloc.dealloc(block, layout) }
    }
}

/// Leaves an area to its thread, if that comes back for it; else frees it now.
#[cold]
fn free_large(area: Area) {
    let bytes = area.layout.size();
    let is_bearable = WAITING.with(|waiting| waiting.get() + bytes <= WAITING_BYTES_MAX);
    if is_bearable && debris::is_tended() {
        WAITING.with(|waiting| waiting.set(waiting.get() + bytes));
        debris::leave(Waiting(area));
    }
}

/// A large area that nobody uses any more; dropping it frees it.
struct Area {
    block: *mut u8,
    layout: Layout,
    /// Bytes from the beginning whose pages the kernel has back.
    emptied: usize,
}

impl Area {
    /// Gives some of the area's pages back; tells whether there are more.
    fn empty_step(&mut self) -> bool {
        let size = self.layout.size();
        let until = (self.emptied + STEP_BYTES).min(size);
        let skipped = if self.emptied == 0 {
            self.block.align_offset(PAGE_BYTES_MAX)
        } else {
            0
        };
        let from = self.emptied + skipped;
        let length = (until - from) / PAGE_BYTES_MAX * PAGE_BYTES_MAX;
        self.emptied = from + length;
        // SAFETY: these are whole pages within an allocation that nobody reads any more.
        unsafe { libc::madvise(self.block.add(from).cast::<c_void>(), length, libc::MADV_DONTNEED) };
        until < size
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: the block came from mimalloc with this layout, and nobody else frees it.
        unsafe { MiMalloc.dealloc(self.block, self.layout) };
    }
}

/// One that waits for its turn.
struct Waiting(Area);

impl Debris for Waiting {
    fn is_large(&self) -> bool {
        true
    }

    fn free_part(&mut self) -> bool {
        self.0.empty_step()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Nothing waits any more when the thread has ended.
        let _ = WAITING.try_with(|waiting| waiting.set(waiting.get() - self.0.layout.size()));
    }
}

/// Sets how memory is given back; to be called once, when the process begins.
pub fn prepare() {
    // SAFETY: the function may be called at any time; the option is a number that mimalloc reads when it needs it.
    unsafe { mi_option_set(ARENA_PURGE_MULT, 0) };
}

/// Runs `free`, meanwhile giving back at once what is freed. It costs more for each piece, but no piece brings the cost of many.
pub fn give_back_at_once(free: impl FnOnce()) {
    // The option is the process's. When one thread ends while another begins, that one's pages are given back as usual.
    if AT_ONCE.fetch_add(1, Ordering::Relaxed) == 0 {
        // SAFETY: as in `prepare`.
        unsafe { mi_option_set(PURGE_DELAY, 0) };
    }
    free();
    if AT_ONCE.fetch_sub(1, Ordering::Relaxed) == 1 {
        // SAFETY: as in `prepare`.
        unsafe { mi_option_set(PURGE_DELAY, PURGE_DELAY_DEFAULT) };
    }
}

/// Gives memory that this thread does not use back to the system.
pub fn purge() {
    // SAFETY: the function takes a flag, and may be called by any thread at any time.
    unsafe { mi_collect(true) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_the_ones_that_are_meant() {
        // Their defaults are rare enough among mimalloc's options to tell.
        // SAFETY: the functions may be called at any time.
        let option = |option| unsafe { mi_option_get(option) };
        assert_eq!(
            (option(PURGE_DELAY), option(ARENA_PURGE_MULT)),
            (PURGE_DELAY_DEFAULT, 10)
        );
        give_back_at_once(|| {
            give_back_at_once(|| assert_eq!(option(PURGE_DELAY), 0));
            assert_eq!(option(PURGE_DELAY), 0, "it holds for the outer one still");
        });
        assert_eq!(option(PURGE_DELAY), PURGE_DELAY_DEFAULT);
    }

    #[test]
    fn a_large_area_is_emptied_in_steps_and_freed_once() {
        let freed_by = |thread_is_tended: bool| {
            let run = move || {
                if thread_is_tended {
                    debris::tend();
                }
                for odd in [0, 1, PAGE_BYTES_MAX + 1] {
                    let layout = Layout::from_size_align(LARGE_BYTES + odd, 8).expect("it is a layout");
                    // SAFETY: the block is written within its size, and freed once with its layout.
                    unsafe {
                        let block = Allocator.alloc(layout);
                        block.write_bytes(7, layout.size());
                        Allocator.dealloc(block, layout);
                    }
                }
                let waiting = WAITING.with(Cell::get);
                let steps = 1 + std::iter::repeat_with(debris::free_part)
                    .take_while(|&more| more)
                    .count();
                assert_eq!(WAITING.with(Cell::get), 0);
                (waiting, steps)
            };
            std::thread::spawn(run).join().expect("the thread ends")
        };
        assert_eq!(freed_by(false), (0, 1));
        let (waiting, steps) = freed_by(true);
        assert_eq!(waiting, 3 * LARGE_BYTES + PAGE_BYTES_MAX + 2);
        assert!((3 * LARGE_BYTES / STEP_BYTES..60).contains(&steps), "{steps}");
    }

    #[test]
    fn what_waits_is_bounded() {
        let run = || {
            debris::tend();
            let layout = Layout::from_size_align(WAITING_BYTES_MAX / 2, 8).expect("it is a layout");
            for _ in 0..3 {
                // SAFETY: the block is freed once with its layout.
                unsafe {
                    let block = Allocator.alloc(layout);
                    Allocator.dealloc(block, layout);
                }
            }
            WAITING.with(Cell::get)
        };
        let waiting = std::thread::spawn(run).join().expect("the thread ends");
        assert_eq!(waiting, WAITING_BYTES_MAX);
    }

    #[test]
    fn the_end_of_a_thread_frees_what_waits() {
        let run = || {
            debris::tend();
            let layout = Layout::from_size_align(LARGE_BYTES, 8).expect("it is a layout");
            // SAFETY: the block is freed once with its layout.
            unsafe { Allocator.dealloc(Allocator.alloc(layout), layout) };
            WAITING.with(Cell::get)
        };
        assert_eq!(std::thread::spawn(run).join().expect("the thread ends"), LARGE_BYTES);
    }
}
