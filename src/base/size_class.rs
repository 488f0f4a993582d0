//! How many bytes the allocator really uses for a request, so that accounting sums what is taken and slack is put to use.
//!
//! Knows mimalloc's size classes (four to each power of two, multiples of 16 below 64); under another allocator it is an estimate.

/// Requests above this take whole pages of their own.
const CLASSES_MAX: usize = 1 << 19;
const PAGE: usize = 4096;

/// The usable size of an allocation of `bytes` bytes.
pub const fn good_size(bytes: usize) -> usize {
    if bytes <= 8 {
        return if bytes == 0 { 0 } else { 8 };
    }
    if bytes <= 64 {
        return bytes.next_multiple_of(16);
    }
    if bytes > CLASSES_MAX {
        return bytes.next_multiple_of(PAGE);
    }
    let highest_bit = (bytes - 1).ilog2();
    bytes.next_multiple_of(1 << (highest_bit - 2))
}

/// Moves items into memory for `capacity` of them. What [`Vec::shrink_to`] asks for is not done unless it frees more than half:
/// the allocator leaves things where they are.
pub fn move_to_fit<T>(items: &mut Vec<T>, capacity: usize) {
    let mut fitting = Vec::with_capacity(capacity);
    fitting.append(items);
    *items = fitting;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_mimalloc() {
        // What mi_good_size answers.
        for (bytes, want) in [
            (0, 0),
            (1, 8),
            (9, 16),
            (33, 48),
            (64, 64),
            (65, 80),
            (81, 96),
            (96, 96),
            (97, 112),
            (129, 160),
            (1024, 1024),
            (1025, 1280),
            (10_240, 10_240),
            (10_241, 12_288),
            (524_289, 528_384),
        ] {
            assert_eq!(good_size(bytes), want, "{bytes}");
        }
    }
}
