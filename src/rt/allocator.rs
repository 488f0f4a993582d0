//! What the server asks of its allocator.

#![allow(unsafe_code)]

// Links the library of the function below.
use mimalloc as _;

// SAFETY: this is how mimalloc.h declares it.
unsafe extern "C" {
    fn mi_collect(force: bool);
}

/// Gives memory that this thread does not use back to the system.
pub fn purge() {
    // SAFETY: the function takes a flag, and may be called by any thread at any time.
    unsafe { mi_collect(true) };
}
