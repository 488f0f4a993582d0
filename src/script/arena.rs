//! Small blocks of one interpreter, apart from the rest of the process's memory.
//!
//! Owns one region and its free blocks. It must not know what is kept in them, or how much a script may take.
//!
//! What scripts make and drop all the time would otherwise lie among the values of the keyspace, wherever one of the same size was freed
//! last: outside of the cache. Here it is a few hundred kilobytes that are used over and over.

use crate::base::prefetch::prefetch;
use std::alloc::{Layout, alloc, dealloc};
use std::cell::Cell;
use std::ptr;

/// Alignment of every block, and the step between the sizes of blocks; enough for each of Lua's types.
pub const ALIGN_BYTES: usize = 16;
/// Larger blocks are not for here.
const BLOCK_BYTES_MAX: usize = 512;
/// Pages of it that are never touched take no memory.
const REGION_BYTES: usize = 1 << 20;
const CLASSES: usize = BLOCK_BYTES_MAX / ALIGN_BYTES;
const REGION: Layout = match Layout::from_size_align(REGION_BYTES, ALIGN_BYTES) {
    Ok(layout) => layout,
    Err(_) => panic!("sizes are powers of two"),
};

/// A block that nobody uses.
struct Free {
    next: *mut Free,
}

/// A region of memory, cut into blocks of a size each as they are asked for. Blocks keep their size for ever.
pub struct Arena {
    /// Null until the first block is asked for.
    region: Cell<*mut u8>,
    /// How much of it has been cut.
    cut_bytes: Cell<usize>,
    /// Blocks of each size that nobody uses, the one used last in front.
    free: [Cell<*mut Free>; CLASSES],
}

impl Arena {
    /// An empty arena.
    pub fn new() -> Arena {
        Arena {
            region: Cell::new(ptr::null_mut()),
            cut_bytes: Cell::new(0),
            free: [const { Cell::new(ptr::null_mut()) }; CLASSES],
        }
    }

    /// The class of a block of so many bytes; none when it is too large or empty.
    fn class(bytes: usize) -> Option<usize> {
        (1..=BLOCK_BYTES_MAX)
            .contains(&bytes)
            .then(|| (bytes - 1) / ALIGN_BYTES)
    }

    /// Whether a block of `old_bytes` has room for `new_bytes` and is no larger than needed.
    pub fn fits(old_bytes: usize, new_bytes: usize) -> bool {
        Self::class(new_bytes).is_some_and(|class| Some(class) == Self::class(old_bytes))
    }

    /// A block of at least so many bytes; null when it is too large for here, or all of the region is used.
    pub fn take(&self, bytes: usize) -> *mut u8 {
        let Some(class) = Self::class(bytes) else {
            return ptr::null_mut();
        };
        let free = self.free[class].get();
        if free.is_null() {
            return self.cut((class + 1) * ALIGN_BYTES);
        }
        // SAFETY: blocks on the list are ours, nobody uses them, and `give_back` has written where the next one is.
        let next = unsafe { (*free).next };
        self.free[class].set(next);
        // By the time it is asked for it is in the cache, where few free blocks are: they come round once in each cycle of the collector.
        prefetch(next.cast());
        free.cast()
    }

    /// A block that was never used.
    #[cold]
    fn cut(&self, bytes: usize) -> *mut u8 {
        if self.region.get().is_null() {
            // SAFETY: the layout is not empty.
            self.region.set(unsafe { alloc(REGION) });
        }
        let at = self.cut_bytes.get();
        if self.region.get().is_null() || bytes > REGION_BYTES - at {
            return ptr::null_mut();
        }
        self.cut_bytes.set(at + bytes);
        // SAFETY: the block ends within the region.
        unsafe { self.region.get().add(at) }
    }

    /// Whether a block comes from here.
    pub fn holds(&self, block: *const u8) -> bool {
        let at = block.addr().wrapping_sub(self.region.get().addr());
        at < self.cut_bytes.get()
    }

    /// Takes back a block.
    ///
    /// # Safety
    /// It was taken from here with as many bytes, or with others that it [fits](Arena::fits), and nobody uses it any more.
    pub unsafe fn give_back(&self, block: *mut u8, bytes: usize) {
        let class = Self::class(bytes).expect("only small blocks come from here");
        let free = block.cast::<Free>();
        // SAFETY: the block is ours, aligned for pointers, and has room for one.
        unsafe {
            free.write(Free {
                next: self.free[class].get(),
            })
        };
        self.free[class].set(free);
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        if !self.region.get().is_null() {
            // SAFETY: allocated with this layout; who drops the arena uses none of its blocks.
            unsafe { dealloc(self.region.get(), REGION) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    #[test]
    fn blocks_do_not_overlap_and_keep_what_is_written() {
        let (arena, mut rng) = (Arena::new(), Rng::new(5));
        let mut blocks: Vec<(*mut u8, usize, u8)> = Vec::new();
        let mut refused = 0;
        for round in 0..40_000u32 {
            if rng.chance(2, 5) && !blocks.is_empty() {
                let at = rng.below(blocks.len() as u64) as usize;
                let (block, bytes, mark) = blocks.swap_remove(at);
                assert!(arena.holds(block));
                // SAFETY: the block is in use, with so many bytes.
                unsafe {
                    let words = std::slice::from_raw_parts(block, bytes);
                    assert!(words.iter().all(|byte| *byte == mark));
                    arena.give_back(block, bytes);
                }
                continue;
            }
            let bytes = 1 + rng.below(BLOCK_BYTES_MAX as u64 + 20) as usize;
            let block = arena.take(bytes);
            if block.is_null() {
                refused += 1;
                continue;
            }
            assert_eq!(block.addr() % ALIGN_BYTES, 0);
            // SAFETY: the block is ours, with room for so many bytes.
            unsafe { block.write_bytes(round as u8, bytes) };
            blocks.push((block, bytes, round as u8));
        }
        assert!(refused > 0 && arena.cut_bytes.get() > REGION_BYTES - BLOCK_BYTES_MAX);
        let elsewhere = Box::new(0u8);
        assert!(!arena.holds(&*elsewhere) && !arena.holds(ptr::null()));
        assert!(!Arena::new().holds(ptr::null()));
    }

    #[test]
    fn the_block_given_back_last_is_taken_first() {
        let arena = Arena::new();
        let (one, other) = (arena.take(33), arena.take(48));
        assert_ne!(one, other);
        // SAFETY: both were taken, of one size.
        unsafe {
            arena.give_back(one, 33);
            arena.give_back(other, 48);
        }
        assert_eq!([arena.take(40), arena.take(34)], [other, one]);
        assert!(Arena::fits(33, 48) && !Arena::fits(33, 49) && !Arena::fits(600, 600) && !Arena::fits(0, 0));
    }
}
