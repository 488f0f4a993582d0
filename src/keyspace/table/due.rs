//! Expiries in a table: a lower bound for each segment tells which need not be looked at.

use super::{KeyHash, Place, Table};
use crate::base::time::UnixMillis;
use crate::keyspace::entry::Entry;

/// Segments that one call looks into; each costs some ten microseconds when all of its entries have an expiry.
const SEGMENTS_MAX: usize = 8;
const NEVER: i64 = i64::MAX;

impl<H: KeyHash> Table<H> {
    /// Sets or clears an entry's expiry.
    pub fn set_expiry(&mut self, place: Place, expires_at: Option<UnixMillis>) {
        let at = place.segment as usize;
        if let Some(expires_at) = expires_at {
            self.note_due(at, expires_at);
        }
        let entry = self.get_mut(place);
        let had = entry.has_expiry();
        entry.set_expires_at(expires_at);
        self.count_volatile(at, had, expires_at.is_some());
    }

    /// A time before which no entry expires; `None` when none ever does.
    pub fn soonest(&self) -> Option<UnixMillis> {
        (self.volatile > 0).then_some(UnixMillis(self.soonest))
    }

    /// Takes out up to `limit` entries that have expired at `now`. Looks at a few segments only, so some may be left even if
    /// fewer came; then [`Table::soonest`] is not after `now`.
    pub fn take_expired(&mut self, now: UnixMillis, limit: usize) -> Vec<Entry> {
        let mut taken = Vec::new();
        if self.volatile == 0 || self.soonest > now.0 || limit == 0 {
            return taken;
        }
        let mut looked_into = 0;
        for _ in 0..self.segments.len() {
            if self.sweep >= self.segments.len() {
                self.sweep = 0;
            }
            let at = self.sweep;
            if self.due[at] <= now.0 {
                if looked_into == SEGMENTS_MAX {
                    return taken;
                }
                looked_into += 1;
                let before = taken.len();
                if let Some(due) = self.segments[at].take_expired(now, limit, &mut taken) {
                    self.due[at] = due.0;
                }
                self.len -= taken.len() - before;
                self.volatile -= taken.len() - before;
                self.make_small_if_sparse(at);
                if taken.len() == limit || self.len == 0 {
                    return taken;
                }
            }
            self.sweep += 1;
        }
        self.soonest = self.due.iter().copied().min().unwrap_or(NEVER);
        taken
    }

    pub(super) fn count_volatile(&mut self, at: usize, had: bool, has: bool) {
        self.volatile = self.volatile + usize::from(has) - usize::from(had);
        self.segments[at].count_volatile(had, has);
    }

    /// Lowers the bounds of a segment for an expiry that is about to be stored in it.
    pub(super) fn note_due(&mut self, at: usize, expires_at: UnixMillis) {
        if self.segments[at].volatile() == 0 {
            // What the bound was lowered for is gone.
            self.due[at] = NEVER;
        }
        if self.volatile == 0 {
            self.soonest = NEVER;
        }
        self.due[at] = self.due[at].min(expires_at.0);
        self.soonest = self.soonest.min(expires_at.0);
    }
}
