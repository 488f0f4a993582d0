//! Beginning the log anew: when the shards go over to new files, and when the old ones go.
//!
//! Owns the manifest of the running server. What takes the disk long is done on a thread of its own, so that no shard waits for it but with its log.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::base::id::ShardId;
use crate::persist::{Generation, Layout, LayoutError, Manifest};
use crate::shard::log::Progress;

/// How long to wait before what the disk has refused is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The log's files, and how far the shards are with exchanging them.
pub struct Rewrites {
    layout: Layout,
    manifest: Mutex<Manifest>,
    shards: usize,
    /// Shards that have ended their file, and that have all there is in the next one.
    ended: AtomicUsize,
    complete: AtomicUsize,
    /// The generation whose files may be written to.
    current: AtomicU64,
    /// How often the log was begun anew, or failed to be.
    over: AtomicU64,
    progress: Arc<Progress>,
}

impl Rewrites {
    /// A log with this manifest, the last generation of which is written to.
    pub fn new(layout: Layout, manifest: Manifest, progress: Arc<Progress>) -> Arc<Self> {
        let last = manifest.generations.last();
        let (number, shards) = last.map_or((0, 0), |last| (last.number, last.shards));
        let rewrites = Rewrites {
            layout,
            manifest: Mutex::new(manifest),
            shards: shards.into(),
            ended: AtomicUsize::new(0),
            complete: AtomicUsize::new(0),
            current: AtomicU64::new(number),
            over: AtomicU64::new(0),
            progress,
        };
        let bytes = rewrites.bytes();
        rewrites.progress.bytes.store(bytes, Ordering::Relaxed);
        rewrites.progress.base_bytes.store(bytes, Ordering::Relaxed);
        Arc::new(rewrites)
    }

    /// The generation whose files may be written to.
    pub fn current(&self) -> u64 {
        self.current.load(Ordering::Acquire)
    }

    /// Moves on when the log has been begun anew.
    pub fn over(&self) -> u64 {
        self.over.load(Ordering::Acquire)
    }

    /// A shard's file.
    pub fn path(&self, generation: u64, shard: ShardId) -> PathBuf {
        self.layout.file(generation, shard)
    }

    /// A shard has ended its file. After the last one the next generation begins; then `wake` is called.
    pub fn note_end(self: &Arc<Self>, affinity: Vec<String>, wake: impl Fn() + Send + 'static) {
        if self.ended.fetch_add(1, Ordering::AcqRel) + 1 < self.shards {
            return;
        }
        self.ended.store(0, Ordering::Release);
        let this = Arc::clone(self);
        thread::spawn(move || {
            while let Err(error) = this.begin(&affinity) {
                log::error!("Can't begin the append only file anew, trying again: {error}");
                thread::sleep(RETRY);
            }
            wake();
        });
    }

    /// A shard has all there is in the current generation, on disk. After the last one those before are removed; then `wake` is called.
    pub fn note_completion(self: &Arc<Self>, wake: impl Fn() + Send + 'static) {
        if self.complete.fetch_add(1, Ordering::AcqRel) + 1 < self.shards {
            return;
        }
        self.complete.store(0, Ordering::Release);
        let this = Arc::clone(self);
        thread::spawn(move || {
            match this.retire() {
                Ok(()) => {
                    this.progress.rewrites.fetch_add(1, Ordering::Relaxed);
                    this.progress.failures.store(0, Ordering::Relaxed);
                    log::info!("Background AOF rewrite finished successfully");
                }
                // What was there before is still named, and read first.
                Err(error) => {
                    this.progress.failures.fetch_add(1, Ordering::Relaxed);
                    log::error!("Background AOF rewrite failed, the files before are kept: {error}");
                }
            }
            let bytes = this.bytes();
            this.progress.bytes.store(bytes, Ordering::Relaxed);
            this.progress.base_bytes.store(bytes, Ordering::Relaxed);
            this.progress.is_rewriting.store(false, Ordering::Release);
            this.over.fetch_add(1, Ordering::AcqRel);
            wake();
        });
    }

    fn begin(&self, affinity: &[String]) -> Result<(), LayoutError> {
        let mut manifest = self.manifest();
        let last = manifest.generations.last();
        let (number, shards) = last.map_or((1, 0), |last| (last.number + 1, last.shards));
        let affinity = affinity.to_vec();
        let generation = Generation {
            number,
            shards,
            affinity,
        };
        self.layout.open(&generation)?;
        let mut next = manifest.clone();
        next.generations.push(generation);
        self.layout.write(&next)?;
        *manifest = next;
        self.current.store(number, Ordering::Release);
        Ok(())
    }

    fn retire(&self) -> Result<(), LayoutError> {
        let mut manifest = self.manifest();
        let mut next = manifest.clone();
        let before = next.generations.len().saturating_sub(1);
        let old: Vec<Generation> = next.generations.drain(..before).collect();
        self.layout.write(&next)?;
        *manifest = next;
        old.iter().for_each(|generation| self.layout.remove(generation));
        Ok(())
    }

    fn manifest(&self) -> std::sync::MutexGuard<'_, Manifest> {
        // A panic elsewhere leaves the manifest as it was: each change is one assignment.
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of all files.
    fn bytes(&self) -> u64 {
        let manifest = self.manifest();
        let files = manifest.generations.iter().flat_map(|generation| {
            (0..generation.shards).map(|shard| self.layout.file(generation.number, ShardId(shard)))
        });
        files
            .filter_map(|path| path.metadata().ok())
            .map(|metadata| metadata.len())
            .sum()
    }
}
