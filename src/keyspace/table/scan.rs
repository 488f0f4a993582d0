//! The walk over a table that may change between its steps.
//!
//! A cursor is a place in the order of hashes: all entries whose hash is below have been visited. Segments, and the homes in a
//! segment, are in that order whatever the table looked like when the cursor was given out, so nothing that stays is missed;
//! after a change some entries behind the cursor may be visited again.

use super::{KeyHash, Table};
use crate::keyspace::entry::Entry;

/// Cursors are the upper bits of a hash.
const CURSOR_BITS: u32 = 48;
const UNUSED_BITS: u32 = 64 - CURSOR_BITS;
/// Buckets that one step looks at for each entry it was asked for, so that a sparse table does not make it long.
const BUCKETS_PER_ENTRY_MAX: usize = 10;

impl<H: KeyHash> Table<H> {
    /// Visits about `count` entries from `cursor` (0: the beginning) on and answers where to go on; 0: this was the end.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(&Entry)) -> u64 {
        if cursor >> CURSOR_BITS != 0 {
            return 0;
        }
        let mut hash = cursor << UNUSED_BITS;
        let mut buckets_left = count.saturating_mul(BUCKETS_PER_ENTRY_MAX).max(1);
        let mut entries_left = count.max(1);
        while let Some(at) = self.segment_of(hash) {
            let segment = &self.segments[at];
            for bucket in segment.home(hash)..segment.buckets() {
                if entries_left == 0 || buckets_left == 0 {
                    return segment.first_hash(bucket) >> UNUSED_BITS;
                }
                entries_left = entries_left.saturating_sub(segment.visit_home(bucket, visit));
                buckets_left -= 1;
            }
            match segment.end() {
                Some(end) => hash = end,
                None => break,
            }
        }
        0
    }
}
