//! Logs written by hand, torn at every byte and damaged at every one, and what recovery makes of them.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::base::id::{DbIndex, ShardId, TxId};
use crate::base::time::UnixMillis;
use crate::command::Redo;
use crate::command::redo::Scope;
use crate::config::Config;
use crate::format::frame::{self, Head};
use crate::keyspace::StringRef;
use crate::shard::router::Router;

/// A folder that goes with the test, and a configuration whose log lies there.
struct Folder {
    path: PathBuf,
    config: Config,
}

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "corelane-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        let config = Config {
            appenddirname: path.display().to_string(),
            ..Config::default()
        };
        Folder { path, config }
    }

    fn layout(&self) -> Layout {
        Layout::of(&self.config)
    }

    /// A manifest with one generation, and these files.
    fn write(&self, files: &[&[u8]]) {
        let layout = self.layout();
        layout.make_folder().expect("the folder is made");
        let generation = Generation {
            number: 1,
            shards: files.len() as u16,
            affinity: self.config.affinity.clone(),
        };
        let generations = vec![generation];
        layout
            .write(&Manifest { generations })
            .expect("the manifest is written");
        for (shard, bytes) in files.iter().enumerate() {
            fs::write(layout.file(1, ShardId(shard as u16)), bytes).expect("a file is written");
        }
    }

    fn recover(&self, shards: u16) -> Result<Recovered, RecoveryError> {
        recover(&self.config, shards)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of a test that fails may be looked at.
        if !std::thread::panicking() {
            let _absent = fs::remove_dir_all(&self.path);
        }
    }
}

/// A file of frames that each append a letter to a key.
#[derive(Default)]
struct Frames {
    bytes: Vec<u8>,
    count: u64,
    ends: Vec<usize>,
}

impl Frames {
    fn append(&mut self, key: &[u8], synced_bytes: u64, part_of: Option<(u64, &[u16])>) {
        let mut redo = Redo::default();
        let letter = [b'a' + self.count as u8];
        redo.push(DbIndex(0), Scope::Key(1), [&b"APPEND"[..], key, &letter]);
        let shards = |shards: &[u16]| shards.iter().map(|&shard| ShardId(shard)).collect();
        let head = Head {
            now: UnixMillis(1),
            number: self.count,
            synced_bytes,
            part_of: part_of.map(|(tx, of)| (TxId(tx), shards(of))),
        };
        frame::write(&head, &redo.take(), &mut self.bytes);
        self.count += 1;
        self.ends.push(self.bytes.len());
    }

    /// How many frames are whole in the first `bytes`.
    fn whole_in(&self, bytes: usize) -> usize {
        self.ends.iter().filter(|&&end| end <= bytes).count()
    }
}

fn value(recovered: &Recovered, shard: usize, key: &[u8]) -> Vec<u8> {
    let entry = recovered.spaces[shard].db(DbIndex(0)).get(key);
    match entry.and_then(|entry| entry.as_string()) {
        Some(StringRef::Bytes(bytes)) => bytes.to_vec(),
        Some(StringRef::Int(_)) => panic!("letters are no number"),
        None => Vec::new(),
    }
}

fn letters(count: usize) -> Vec<u8> {
    (b'a'..).take(count).collect()
}

/// A key of each of two shards.
fn keys() -> [Vec<u8>; 2] {
    let router = Router::new(2, &Config::default().affinity).expect("the rules are right");
    let key_of = |shard| {
        let mut keys = (0..).map(|number| format!("key:{number}").into_bytes());
        keys.find(|key| router.shard(key) == ShardId(shard))
            .expect("every shard has keys")
    };
    [key_of(0), key_of(1)]
}

#[test]
fn a_log_torn_at_any_byte_has_what_was_whole() {
    let mut frames = Frames::default();
    (0..6).for_each(|_| frames.append(b"key", 0, None));
    for cut in 0..=frames.bytes.len() {
        let folder = Folder::new();
        folder.write(&[&frames.bytes[..cut]]);
        let recovered = folder.recover(1).expect("a torn end is no error");
        let whole = frames.whole_in(cut);
        assert_eq!(value(&recovered, 0, b"key"), letters(whole), "cut at {cut}");
        let (file, position) = &recovered.files[0];
        let end = whole.checked_sub(1).map_or(0, |at| frames.ends[at]) as u64;
        assert_eq!((position.bytes, position.frames), (end, whole as u64));
        assert_eq!(file.metadata().expect("the file is there").len(), end, "cut at {cut}");
    }
}

#[test]
fn a_damaged_byte_is_told_from_a_torn_end() {
    let mut frames = Frames::default();
    frames.append(b"key", 0, None);
    frames.append(b"key", frames.bytes.len() as u64, None);
    frames.append(b"key", frames.bytes.len() as u64, None);
    let on_disk = frames.ends[1];
    for at in 0..frames.bytes.len() {
        let folder = Folder::new();
        let mut bytes = frames.bytes.clone();
        bytes[at] ^= 0x10;
        folder.write(&[&bytes]);
        match folder.recover(1) {
            // The last frame knows that the two before it were on disk.
            Err(RecoveryError::Scan { error, .. }) => {
                assert!(at < on_disk, "byte {at}");
                let offset = frames.whole_in(at).checked_sub(1).map_or(0, |frame| frames.ends[frame]);
                assert!(
                    error.to_string().contains(&format!("offset {offset}:")),
                    "byte {at}: {error}"
                );
            }
            Ok(recovered) => {
                assert!(at >= on_disk, "byte {at}");
                assert_eq!(value(&recovered, 0, b"key"), letters(2));
            }
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
}

#[test]
fn a_transaction_is_there_on_all_shards_or_on_none() {
    let [here, there] = keys();
    let (mut one, mut other) = (Frames::default(), Frames::default());
    one.append(&here, 0, None);
    one.append(&here, 0, Some((7, &[0, 1])));
    one.append(&here, 0, None);
    other.append(&there, 0, Some((7, &[0, 1])));
    other.append(&there, 0, None);
    for cut in 0..=other.bytes.len() {
        let folder = Folder::new();
        folder.write(&[&one.bytes, &other.bytes[..cut]]);
        let recovered = folder.recover(2).expect("a torn end is no error");
        let whole = other.whole_in(cut);
        let expected = if whole > 0 { 3 } else { 1 };
        assert_eq!(value(&recovered, 0, &here), letters(expected), "cut at {cut}");
        assert_eq!(value(&recovered, 1, &there), letters(whole), "cut at {cut}");
    }
}

#[test]
fn another_number_of_shards_takes_over() {
    let [here, there] = keys();
    let (mut one, mut other) = (Frames::default(), Frames::default());
    one.append(&here, 0, None);
    other.append(&there, 0, None);
    let folder = Folder::new();
    folder.write(&[&one.bytes, &other.bytes]);
    let recovered = folder.recover(1).expect("the log is whole");
    assert!(recovered.is_foreign);
    assert_eq!(
        (value(&recovered, 0, &here), value(&recovered, 0, &there)),
        (letters(1), letters(1))
    );
    let manifest = folder
        .layout()
        .read()
        .expect("the manifest is read")
        .expect("there is one");
    let shards: Vec<u16> = manifest
        .generations
        .iter()
        .map(|generation| generation.shards)
        .collect();
    assert_eq!(shards, [2, 1]);
    // The new files have nothing yet; what is in the old ones is found again.
    let again = folder.recover(3).expect("the log is whole");
    let found: usize = again.spaces.iter().map(|space| space.len()).sum();
    assert_eq!(found, 2);
}

#[test]
fn a_missing_end_is_an_error_where_that_is_asked_for_or_files_follow() {
    let mut frames = Frames::default();
    (0..3).for_each(|_| frames.append(b"key", 0, None));
    let torn = &frames.bytes[..frames.bytes.len() - 1];
    let mut folder = Folder::new();
    folder.config.aof_load_truncated = false;
    folder.write(&[torn]);
    assert!(matches!(folder.recover(1), Err(RecoveryError::Truncated { .. })));
    folder.config.aof_load_truncated = true;
    let layout = folder.layout();
    let mut manifest = layout.read().expect("the manifest is read").expect("there is one");
    let mut second = manifest.generations[0].clone();
    second.number = 2;
    manifest.generations.push(second);
    layout.write(&manifest).expect("the manifest is written");
    fs::write(layout.file(2, ShardId(0)), &frames.bytes).expect("a file is written");
    assert!(matches!(folder.recover(1), Err(RecoveryError::Gap { .. })));
}

#[test]
fn what_is_no_manifest_is_refused() {
    for (text, line) in [
        ("", 1),
        ("file appendonly.aof.1.base.rdb seq 1 type b\n", 1),
        ("corelane log 1\ngeneration 1 shards 0 affinity\n", 2),
        (
            "corelane log 1\ngeneration 2 shards 1 affinity\ngeneration 2 shards 1 affinity\n",
            3,
        ),
        ("corelane log 1\ngeneration 1 shards 1 affinity \"x\n", 2),
    ] {
        let folder = Folder::new();
        folder.layout().make_folder().expect("the folder is made");
        fs::write(folder.layout().manifest(), text).expect("a file is written");
        match folder.recover(1) {
            Err(RecoveryError::Layout(LayoutError::Manifest { line: found, .. })) => assert_eq!(found, line, "{text}"),
            _ => panic!("taken as a manifest: {text}"),
        }
    }
}

#[test]
fn files_without_a_manifest_are_left_alone() {
    let mut frames = Frames::default();
    frames.append(b"key", 0, None);
    let folder = Folder::new();
    folder.write(&[&frames.bytes]);
    fs::remove_file(folder.layout().manifest()).expect("there is one");
    assert!(matches!(folder.recover(1), Err(RecoveryError::Unnamed { .. })));
    let path = folder.layout().file(1, ShardId(0));
    assert_eq!(fs::read(path).expect("the file is there"), frames.bytes);
}
