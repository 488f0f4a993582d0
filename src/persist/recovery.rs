//! What a server begins with that keeps a log: the keyspaces of its shards as the log has them, and where the log goes on.

use std::fs::File;
use std::sync::Mutex;
use std::thread;

use super::cut::cut;
use super::layout::{Generation, Layout, LayoutError, Manifest, told};
use super::replay::{Libraries, Replay, ReplayError};
use super::scan::{Frames, Scan, ScanError, scan};
use crate::base::id::{DbIndex, ShardId, TxId};
use crate::config::Config;
use crate::keyspace::Keyspace;
use crate::shard::lend;
use crate::shard::log::Position;
use crate::shard::router::{Router, RuleError};

/// What there is when a server begins.
pub struct Recovered {
    /// A keyspace for each shard.
    pub spaces: Vec<Box<Keyspace>>,
    /// The functions that were known.
    pub libraries: Libraries,
    /// The last name of a transaction in the log.
    pub last_tx: TxId,
    /// A file for each shard, and where it goes on.
    pub files: Vec<(File, Position)>,
    /// What the manifest says.
    pub manifest: Manifest,
    /// The log must be written anew, since it is that of another number of shards, or of other affinity rules.
    pub is_foreign: bool,
}

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// It is not where it should be, or something else.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A file is damaged.
    #[error("{path}: {error}")]
    Scan {
        /// The file.
        path: String,
        /// What is wrong.
        error: ScanError,
    },
    /// There is a file, but nothing that tells what it belongs to.
    #[error("{path} is there, but no manifest: put it back, or move the folder away")]
    Unnamed {
        /// The file.
        path: String,
    },
    /// Something is missing that a crash does not take.
    #[error(
        "{path}: {bytes} bytes behind offset {offset} are missing or torn, although a later file goes on behind them"
    )]
    Gap {
        /// The file.
        path: String,
        /// Up to where it is whole.
        offset: u64,
        /// How much is not.
        bytes: u64,
    },
    /// The end is missing, and the configuration has that as an error.
    #[error("{path}: the end behind offset {offset} is torn. With aof-load-truncated yes the server starts without it")]
    Truncated {
        /// The file.
        path: String,
        /// Up to where it is whole.
        offset: u64,
    },
    /// A record cannot be run.
    #[error("{path}: at offset {offset}: {error}")]
    Replay {
        /// The file.
        path: String,
        /// Where its frame begins.
        offset: u64,
        /// What is wrong.
        error: ReplayError,
    },
    /// An affinity rule cannot be understood.
    #[error("affinity: {0}")]
    Rule(#[from] RuleError),
}

/// The log of a server with `shards` shards: what is in it, or a new one.
pub fn recover(config: &Config, shards: u16) -> Result<Recovered, RecoveryError> {
    let layout = Layout::of(config);
    layout.make_folder()?;
    let Some(mut manifest) = layout.read()?.filter(|manifest| !manifest.generations.is_empty()) else {
        return begin(config, &layout, shards);
    };
    let router = Router::new(shards, &config.affinity)?;
    let mut state = State {
        config,
        layout: &layout,
        spaces: Vec::new(),
        libraries: Libraries::default(),
        last_tx: TxId(0),
    };
    let generations = manifest.generations.clone();
    let mut scans = Vec::new();
    for (at, generation) in generations.iter().enumerate() {
        let found = state.scan(generation)?;
        let is_last = generations[at + 1..].iter().all(|later| state.is_empty(later));
        state.check_end(generation, &found, is_last)?;
        state.load(generation, &found)?;
        scans = found;
    }
    let last = generations.last().expect("a manifest without generations is none");
    let State {
        spaces,
        libraries,
        last_tx,
        ..
    } = state;
    let (spaces, moved) = distribute(spaces, &router, config.databases);
    let is_foreign = last.shards != shards || moved > 0;
    let generation = if is_foreign {
        let number = last.number + 1;
        let affinity = config.affinity.clone();
        let generation = Generation {
            number,
            shards,
            affinity,
        };
        manifest.generations.push(generation.clone());
        scans = vec![Scan::default(); usize::from(shards)];
        generation
    } else {
        last.clone()
    };
    let files = layout.open(&generation)?;
    if is_foreign {
        layout.write(&manifest)?;
    }
    let position = |scan: &Scan| Position {
        bytes: scan.bytes,
        frames: scan.frames,
    };
    Ok(Recovered {
        spaces,
        libraries,
        last_tx,
        files: files.into_iter().zip(scans.iter().map(position)).collect(),
        manifest,
        is_foreign,
    })
}

/// A new log.
fn begin(config: &Config, layout: &Layout, shards: u16) -> Result<Recovered, RecoveryError> {
    let affinity = config.affinity.clone();
    let generation = Generation {
        number: 1,
        shards,
        affinity,
    };
    let files = layout.open(&generation)?;
    for (shard, file) in files.iter().enumerate() {
        let path = layout.file(generation.number, ShardId(shard as u16));
        if file.metadata().map_err(told(&path))?.len() > 0 {
            let path = path.display().to_string();
            return Err(RecoveryError::Unnamed { path });
        }
    }
    let generations = vec![generation];
    let manifest = Manifest { generations };
    layout.write(&manifest)?;
    Ok(Recovered {
        spaces: (0..shards).map(|_| Box::new(Keyspace::new(config.databases))).collect(),
        libraries: Libraries::default(),
        last_tx: TxId(0),
        files: files.into_iter().map(|file| (file, Position::default())).collect(),
        manifest,
        is_foreign: false,
    })
}

/// What has been read so far.
struct State<'l> {
    config: &'l Config,
    layout: &'l Layout,
    /// By the shards of the generation that was read last.
    spaces: Vec<Box<Keyspace>>,
    libraries: Libraries,
    last_tx: TxId,
}

impl State<'_> {
    fn path(&self, generation: &Generation, shard: usize) -> String {
        let path = self.layout.file(generation.number, ShardId(shard as u16));
        path.display().to_string()
    }

    fn is_empty(&self, generation: &Generation) -> bool {
        let length = |shard| {
            let path = self.layout.file(generation.number, ShardId(shard));
            path.metadata().map_or(0, |metadata| metadata.len())
        };
        (0..generation.shards).all(|shard| length(shard) == 0)
    }

    fn open(&self, generation: &Generation, shard: usize) -> Result<(File, u64), RecoveryError> {
        let path = self.layout.file(generation.number, ShardId(shard as u16));
        let mut how = File::options();
        let file = how.read(true).write(true).open(&path).map_err(told(&path))?;
        let bytes = file.metadata().map_err(told(&path))?.len();
        Ok((file, bytes))
    }

    /// Looks through the files of a generation, all at the same time; what is not whole is left out.
    fn scan(&mut self, generation: &Generation) -> Result<Vec<Scan>, RecoveryError> {
        let one = |shard: usize| {
            let (mut file, bytes) = self.open(generation, shard)?;
            scan(&mut file, bytes).map_err(|error| RecoveryError::Scan {
                path: self.path(generation, shard),
                error,
            })
        };
        let mut scans: Vec<Scan> = on_threads(usize::from(generation.shards), one)?;
        let parts = scans.iter().flat_map(|scan| &scan.parts);
        self.last_tx = parts
            .map(|part| part.tx)
            .max()
            .unwrap_or(self.last_tx)
            .max(self.last_tx);
        cut(&mut scans);
        Ok(scans)
    }

    /// Shortens files of which a crash has torn the end, where that may be.
    fn check_end(&self, generation: &Generation, scans: &[Scan], is_last: bool) -> Result<(), RecoveryError> {
        for (shard, scan) in scans.iter().enumerate().filter(|(_, scan)| scan.torn_bytes > 0) {
            let path = self.path(generation, shard);
            let (offset, bytes) = (scan.bytes, scan.torn_bytes);
            if !is_last {
                return Err(RecoveryError::Gap { path, offset, bytes });
            }
            if !self.config.aof_load_truncated {
                return Err(RecoveryError::Truncated { path, offset });
            }
            log::warn!(
                "{path}: the last {bytes} bytes are torn or belong to a transaction that is not whole; shortened to {offset}"
            );
            let (file, _) = self.open(generation, shard)?;
            let path = self.layout.file(generation.number, ShardId(shard as u16));
            let shortened = file.set_len(offset).and_then(|()| file.sync_all());
            shortened.map_err(told(&path))?;
        }
        Ok(())
    }

    /// Runs what the files of a generation record, each on a thread of its own.
    fn load(&mut self, generation: &Generation, scans: &[Scan]) -> Result<(), RecoveryError> {
        let databases = self.config.databases;
        let router = Router::new(generation.shards, &generation.affinity)?;
        (self.spaces, _) = distribute(std::mem::take(&mut self.spaces), &router, databases);
        let spaces: Vec<Mutex<Box<Keyspace>>> = std::mem::take(&mut self.spaces).into_iter().map(Mutex::new).collect();
        let one = |shard: usize| {
            let mut space = spaces[shard].lock().expect("a thread that panics ends recovery");
            self.load_one(generation, shard, &scans[shard], &mut space)
        };
        let met: Vec<Libraries> = on_threads(usize::from(generation.shards), one)?;
        let spaces = spaces.into_iter().map(Mutex::into_inner);
        self.spaces = spaces.collect::<Result<_, _>>().expect("all threads have ended");
        let latest = met.into_iter().max_by_key(|libraries| libraries.state);
        if let Some(latest) = latest.filter(|latest| latest.state > self.libraries.state) {
            self.libraries = latest;
        }
        Ok(())
    }

    fn load_one(
        &self,
        generation: &Generation,
        shard: usize,
        scan: &Scan,
        space: &mut Keyspace,
    ) -> Result<Libraries, RecoveryError> {
        let path = self.layout.file(generation.number, ShardId(shard as u16));
        let (file, _) = self.open(generation, shard)?;
        let mut frames = Frames::new(file, scan.bytes);
        let mut replay = Replay::new(self.config);
        let mut offset = 0;
        while let Some(frame) = frames.next().map_err(told(&path))? {
            replay.run(space, &frame).map_err(|error| RecoveryError::Replay {
                path: path.display().to_string(),
                offset,
                error,
            })?;
            offset += frames.len();
        }
        Ok(replay.libraries)
    }
}

/// Does `work` for each of `count` shards on threads of their own; the first error, if there is one.
fn on_threads<T: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T, RecoveryError> + Sync,
) -> Result<Vec<T>, RecoveryError> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..count).map(|at| scope.spawn(move || work(at))).collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended.map(|outcome| outcome.expect("recovery does not panic")).collect()
    })
}

/// Puts all entries where `router` has them; answers how many had been elsewhere.
fn distribute(spaces: Vec<Box<Keyspace>>, router: &Router, databases: usize) -> (Vec<Box<Keyspace>>, usize) {
    let mut placed: Vec<Box<Keyspace>> = spaces;
    let shards = usize::from(router.shards());
    let before = placed.len();
    placed.resize_with(before.max(shards), || Box::new(Keyspace::new(databases)));
    let mut moved = 0;
    for from in 0..placed.len() {
        let mut leaving = Vec::new();
        for db in (0..databases).map(|db| DbIndex(db as u32)) {
            let keys = placed[from].db(db).iter().map(|entry| entry.key());
            leaving.extend(
                keys.filter(|key| router.shard(key).index() != from)
                    .map(Box::<[u8]>::from),
            );
        }
        leaving.sort_unstable();
        leaving.dedup();
        moved += leaving.len();
        for key in leaving {
            let to = router.shard(&key).index();
            let lent = lend::take(&mut placed[from], key);
            lend::put(&mut placed[to], lent);
        }
    }
    placed.truncate(shards);
    (placed, moved)
}
