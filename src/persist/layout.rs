//! Where the log lies: a folder with a manifest and, for each generation, a file of each shard.
//!
//! A generation is what the shards have written since the log was last begun anew; the manifest names those that must be read, in order. It changes as
//! a whole, by a new file that takes the name of the old one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::base::id::ShardId;
use crate::config::Config;
use crate::protocol::words;

/// The first line of a manifest.
const TITLE: &str = "corelane log 1";

/// The files that the shards have written between two rewrites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Its number; later ones have greater ones.
    pub number: u64,
    /// How many shards there were.
    pub shards: u16,
    /// The affinity rules in force when it began, by which what is from before lies on these shards.
    pub affinity: Vec<String>,
}

/// Which generations there are, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// In the order in which they are read.
    pub generations: Vec<Generation>,
}

/// Why the log cannot be found or begun.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file or folder cannot be used.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The manifest is something else.
    #[error(
        "{path}:{line}: this is no manifest of a Corelane log: '{text}'. Move the folder away, or set appenddirname to another one"
    )]
    Manifest {
        /// The manifest.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What it says.
        text: String,
    },
}

impl Manifest {
    /// The manifest that says `text`; the number and text of the line that cannot be read otherwise.
    fn parse(text: &str) -> Result<Manifest, (usize, String)> {
        let mut lines = text.lines().enumerate();
        let refused = |(at, line): (usize, &str)| (at + 1, line.to_owned());
        match lines.next() {
            Some((_, TITLE)) => {}
            other => return Err(refused(other.unwrap_or((0, "")))),
        }
        let mut manifest = Manifest::default();
        for (at, line) in lines {
            let (mut bytes, mut spans) = (Vec::new(), Vec::new());
            let split = words::split(line.as_bytes(), &mut bytes, &mut spans);
            split.map_err(|_| refused((at, line)))?;
            let words = spans.iter().map(|span| String::from_utf8_lossy(&bytes[span.range()]));
            let words: Vec<String> = words.map(Into::into).collect();
            let [name, number, of, shards, by, affinity @ ..] = &*words else {
                return Err(refused((at, line)));
            };
            if (&**name, &**of, &**by) != ("generation", "shards", "affinity") {
                return Err(refused((at, line)));
            }
            let (Ok(number), Ok(shards @ 1..)) = (number.parse(), shards.parse()) else {
                return Err(refused((at, line)));
            };
            if manifest.generations.last().is_some_and(|last| last.number >= number) {
                return Err(refused((at, line)));
            }
            let affinity = affinity.to_vec();
            manifest.generations.push(Generation {
                number,
                shards,
                affinity,
            });
        }
        Ok(manifest)
    }

    fn text(&self) -> Vec<u8> {
        let mut text = format!("{TITLE}\n").into_bytes();
        for Generation {
            number,
            shards,
            affinity,
        } in &self.generations
        {
            text.extend_from_slice(format!("generation {number} shards {shards} affinity").as_bytes());
            for rule in affinity {
                text.push(b' ');
                words::quote(rule.as_bytes(), &mut text);
            }
            text.push(b'\n');
        }
        text
    }
}

/// The folder of a log.
#[derive(Clone, Debug)]
pub struct Layout {
    folder: PathBuf,
    /// With what the names of files begin.
    name: String,
}

impl Layout {
    /// Where the configuration has the log, below the working directory.
    pub fn of(config: &Config) -> Self {
        Layout {
            folder: PathBuf::from(&config.appenddirname),
            name: config.appendfilename.clone(),
        }
    }

    /// The file of a shard.
    pub fn file(&self, generation: u64, shard: ShardId) -> PathBuf {
        self.folder.join(format!("{}.{generation}.{}", self.name, shard.0))
    }

    /// The manifest's path.
    pub fn manifest(&self) -> PathBuf {
        self.folder.join(format!("{}.manifest", self.name))
    }

    /// What the manifest says; none before there is one.
    pub fn read(&self) -> Result<Option<Manifest>, LayoutError> {
        let path = self.manifest();
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(told(&path)(error)),
        };
        let refused = |(line, text)| LayoutError::Manifest {
            path: path.display().to_string(),
            line,
            text,
        };
        Manifest::parse(&text).map(Some).map_err(refused)
    }

    /// Puts a manifest in place of the one before, so that either is found whole after a crash.
    pub fn write(&self, manifest: &Manifest) -> Result<(), LayoutError> {
        let path = self.manifest();
        let fresh = self.folder.join(format!("{}.manifest.new", self.name));
        let mut file = File::create(&fresh).map_err(told(&fresh))?;
        file.write_all(&manifest.text()).map_err(told(&fresh))?;
        file.sync_all().map_err(told(&fresh))?;
        fs::rename(&fresh, &path).map_err(told(&path))?;
        self.sync_folder()
    }

    /// Makes the folder, if it is not there.
    pub fn make_folder(&self) -> Result<(), LayoutError> {
        fs::create_dir_all(&self.folder).map_err(told(&self.folder))
    }

    /// Opens the files of a generation to be written, and makes those that are not there.
    pub fn open(&self, generation: &Generation) -> Result<Vec<File>, LayoutError> {
        let open = |shard| {
            let path = self.file(generation.number, ShardId(shard));
            let mut how = File::options();
            how.read(true).write(true).create(true).truncate(false);
            how.open(&path).map_err(told(&path))
        };
        let files = (0..generation.shards).map(open).collect::<Result<_, _>>()?;
        self.sync_folder()?;
        Ok(files)
    }

    /// Removes the files of a generation that the manifest does not name any more.
    pub fn remove(&self, generation: &Generation) {
        for shard in 0..generation.shards {
            let path = self.file(generation.number, ShardId(shard));
            if let Err(error) = fs::remove_file(&path) {
                log::warn!("Can't remove {}: {error}", path.display());
            }
        }
    }

    fn sync_folder(&self) -> Result<(), LayoutError> {
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(told(&self.folder))
    }
}

/// An error with the path that it is about.
pub fn told(path: &Path) -> impl Fn(io::Error) -> LayoutError {
    let path = path.display().to_string();
    move |error| LayoutError::File {
        path: path.clone(),
        error,
    }
}
