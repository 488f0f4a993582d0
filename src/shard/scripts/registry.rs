//! What all shards of a process know of scripts: texts by digest. Texts never change, so shards keep what they have compiled of them; the lock is
//! taken only when a script is new to a shard, and when scripts are managed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

use super::costs::Costs;
use super::library::Libraries;
use super::running::SlowScripts;
use crate::command::Error;
use crate::script::Sha;

/// Scripts that EVAL has made known, beyond which the least recently used one is forgotten.
const EVALUATED_MAX: usize = 500;

/// A script that is known.
pub struct Known {
    /// Its text.
    pub text: Arc<[u8]>,
    /// Whether it is still known.
    live: AtomicBool,
    /// When it was used last, by the clock of additions.
    used: AtomicU64,
    /// Its number, in order of addition.
    number: u64,
    /// Whether SCRIPT LOAD has asked to keep it.
    loaded: AtomicBool,
}

impl Known {
    /// Whether it is still known.
    pub fn is_live(&self) -> bool {
        self.live.load(Ordering::Acquire)
    }
}

#[derive(Default)]
struct Texts {
    known: HashMap<Sha, Arc<Known>>,
    /// How many of them EVAL has made known.
    evaluated: usize,
}

/// The scripts of a process.
#[derive(Default)]
pub struct Registry {
    texts: Mutex<Texts>,
    /// How many scripts were added so far: the clock by which the least recently used one is told.
    additions: AtomicU64,
    /// How often all scripts were forgotten.
    flushes: AtomicU64,
    evicted: AtomicU64,
    libraries: Mutex<Libraries>,
    /// Moves on with every change of `libraries`.
    libraries_version: AtomicU64,
    /// Scripts that run for long.
    pub slow: SlowScripts,
    /// Scripts that need more than one shard.
    pub costs: Costs,
    clock: Option<fn() -> u64>,
}

impl Registry {
    /// A registry that tells the time by `clock`, in monotonic microseconds; without one no script is ever found to be slow.
    pub fn with_clock(clock: fn() -> u64) -> Self {
        Registry {
            clock: Some(clock),
            ..Registry::default()
        }
    }

    /// The time in the middle of a run.
    pub(super) fn now_us(&self) -> Option<u64> {
        self.clock.map(|clock| clock())
    }

    fn texts(&self) -> MutexGuard<'_, Texts> {
        // A panic elsewhere leaves the texts as they are: each change is one insertion or removal.
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The script with this digest.
    pub fn find(&self, sha: &Sha) -> Option<Arc<Known>> {
        self.texts().known.get(sha).cloned()
    }

    /// Makes a script known, for good when `loaded`.
    pub fn add(&self, sha: Sha, text: &[u8], loaded: bool) -> Arc<Known> {
        let mut texts = self.texts();
        if let Some(known) = texts.known.get(&sha).cloned() {
            if loaded && !known.loaded.swap(true, Ordering::Relaxed) {
                texts.evaluated -= 1;
            }
            return known;
        }
        if !loaded && texts.evaluated >= EVALUATED_MAX {
            self.evict(&mut texts);
        }
        let number = self.additions.fetch_add(1, Ordering::Relaxed) + 1;
        let known = Arc::new(Known {
            text: text.into(),
            live: AtomicBool::new(true),
            used: AtomicU64::new(number),
            number,
            loaded: AtomicBool::new(loaded),
        });
        texts.evaluated += usize::from(!loaded);
        texts.known.insert(sha, known.clone());
        known
    }

    fn evict(&self, texts: &mut Texts) {
        let evaluated = texts
            .known
            .iter()
            .filter(|(_, known)| !known.loaded.load(Ordering::Relaxed));
        let oldest = evaluated.min_by_key(|(_, known)| (known.used.load(Ordering::Relaxed), known.number));
        let Some(digest) = oldest.map(|(digest, _)| *digest) else {
            return;
        };
        let known = texts.known.remove(&digest).expect("the script was just found");
        known.live.store(false, Ordering::Release);
        texts.evaluated -= 1;
        self.evicted.fetch_add(1, Ordering::Relaxed);
    }

    /// A script is used. Writes nothing while no script is added, so that shards do not fight for the line.
    pub fn note_use(&self, known: &Known) {
        let now = self.additions.load(Ordering::Relaxed);
        if known.used.load(Ordering::Relaxed) != now {
            known.used.store(now, Ordering::Relaxed);
        }
    }

    /// Forgets all scripts.
    pub fn flush(&self) {
        let mut texts = self.texts();
        texts
            .known
            .values()
            .for_each(|known| known.live.store(false, Ordering::Release));
        *texts = Texts::default();
        self.flushes.fetch_add(1, Ordering::Release);
    }

    /// Moves on whenever all scripts are forgotten.
    pub fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Acquire)
    }

    fn locked_libraries(&self) -> MutexGuard<'_, Libraries> {
        // A panic elsewhere leaves the libraries as they are: each change is one assignment.
        self.libraries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves on with every change of the libraries.
    #[inline]
    pub fn libraries_version(&self) -> u64 {
        self.libraries_version.load(Ordering::Acquire)
    }

    /// The libraries and their version.
    pub fn libraries(&self) -> (u64, Libraries) {
        let libraries = self.locked_libraries();
        (self.libraries_version(), libraries.clone())
    }

    /// Exchanges the libraries for what `change` makes of their version and them; nobody else changes them meanwhile.
    pub fn change_libraries<T>(
        &self,
        change: impl FnOnce(u64, &Libraries) -> Result<(Libraries, T), Error>,
    ) -> Result<T, Error> {
        let mut libraries = self.locked_libraries();
        let (changed, answer) = change(self.libraries_version(), &libraries)?;
        *libraries = changed;
        self.libraries_version.fetch_add(1, Ordering::Release);
        Ok(answer)
    }

    /// Counts changes of the libraries on from `version`, which they had in an earlier life of the server.
    pub fn resume_libraries(&self, version: u64) {
        self.libraries_version.store(version, Ordering::Release);
    }

    /// How many scripts are known, how many bytes their texts take, and how many were evicted.
    pub fn totals(&self) -> (usize, usize, u64) {
        let texts = self.texts();
        let bytes = texts.known.values().map(|known| known.text.len()).sum();
        (texts.known.len(), bytes, self.evicted.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Sha {
        Sha::of(&number.to_be_bytes())
    }

    #[test]
    fn the_least_recently_used_script_of_eval_is_forgotten() {
        let registry = Registry::default();
        registry.add(digest(9000), b"loaded", true);
        let first = registry.add(digest(0), b"0", false);
        (1..EVALUATED_MAX).for_each(|number| drop(registry.add(digest(number), b"x", false)));
        registry.note_use(&first);
        registry.add(digest(8000), b"new", false);
        assert!(first.is_live() && registry.find(&digest(0)).is_some());
        assert!(registry.find(&digest(1)).is_none());
        assert!(registry.find(&digest(9000)).is_some());
        assert_eq!(registry.totals().0, EVALUATED_MAX + 1);
        assert_eq!(registry.totals().2, 1);
    }

    #[test]
    fn a_script_that_is_loaded_too_is_kept() {
        let registry = Registry::default();
        registry.add(digest(0), b"0", false);
        registry.add(digest(0), b"0", true);
        (1..=EVALUATED_MAX + 5).for_each(|number| drop(registry.add(digest(number), b"x", false)));
        assert!(registry.find(&digest(0)).is_some());
        let known = registry.add(digest(0), b"0", true);
        registry.flush();
        assert!(!known.is_live() && registry.totals().0 == 0);
    }
}
