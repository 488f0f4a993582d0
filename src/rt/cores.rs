//! Which cores the process may use and which thread runs on which.
//!
//! Owns affinity masks and quotas. It must not know what the threads do.

use core_affinity::CoreId;

/// What the process may use.
#[derive(Clone, Debug)]
pub struct Cores {
    /// The cores of its affinity mask (taskset, cpuset), ascending.
    pub mask: Vec<CoreId>,
    /// How many it may keep busy: the mask, or less when a cgroup sets a quota.
    pub count: usize,
}

impl Cores {
    /// Asks the kernel.
    pub fn usable() -> Self {
        let mask = core_affinity::get_core_ids().unwrap_or_default();
        let quota = std::thread::available_parallelism().map_or(1, usize::from);
        let count = if mask.is_empty() { quota } else { quota.min(mask.len()) };
        Cores { mask, count }
    }

    /// The core of each of `shards` threads, or none when threads are better left to the scheduler.
    ///
    /// Threads are pinned when they fill the mask exactly. With more threads than cores two would share one while the
    /// scheduler could do better; with fewer, two servers on one host would pile up on the same first cores.
    pub fn pins(&self, shards: usize, wanted: bool) -> Option<&[CoreId]> {
        (wanted && shards == self.mask.len() && self.count == self.mask.len()).then_some(&self.mask[..])
    }
}

/// Binds the calling thread; false when the kernel refuses.
pub fn pin(core: CoreId) -> bool {
    core_affinity::set_for_current(core)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_pinned_only_when_they_fill_the_mask() {
        let cores = |ids: &[usize], count| Cores {
            mask: ids.iter().map(|&id| CoreId { id }).collect(),
            count,
        };
        let pinned = |cores: &Cores, shards, wanted| {
            cores
                .pins(shards, wanted)
                .map(|pins| pins.iter().map(|core| core.id).collect::<Vec<_>>())
        };
        assert_eq!(pinned(&cores(&[2, 5], 2), 2, true), Some(vec![2, 5]));
        assert_eq!(pinned(&cores(&[2, 5], 2), 2, false), None);
        assert_eq!(pinned(&cores(&[2, 5], 2), 4, true), None);
        assert_eq!(pinned(&cores(&[2, 5], 2), 1, true), None);
        assert_eq!(pinned(&cores(&[0, 1, 2, 3], 2), 4, true), None);
    }

    #[test]
    fn a_host_has_cores() {
        let cores = Cores::usable();
        assert!(cores.count >= 1 && cores.count <= cores.mask.len());
    }
}
