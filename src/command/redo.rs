//! Redo records: commands that would bring about again what a run has changed, collected for the log in the order of the changes.
//!
//! A record changes one key, or something of a whole shard, so that what is recorded on one shard needs nothing of another. A command on one key is
//! its own record; what the outcome of others depends on besides the key and the time (luck, other keys, how nodes of streams are filled) is
//! said by the command itself, or the value that it left is recorded. It must not know where records go.

use smallvec::SmallVec;

use super::args::{Args, Span};
use super::key::KeyFlags;
use super::spec::{Command, Flags, Positions};
use crate::base::id::DbIndex;
use crate::base::time::UnixMillis;
use crate::config::Config;
use crate::format;
use crate::keyspace::{Entry, Keyspace, StringRef};
use crate::types::stream::Production;

/// What a record changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The key that is the word at this place.
    Key(usize),
    /// Whole databases of the shard.
    Shard,
    /// The value at the key that is word 0: when it expires, Unix milliseconds (0: never), and the value as [`format::write`] has it, which may be longer
    /// than a request can be.
    Value,
    /// What a producer of the stream at the key that is word 0 has added: the producer, the token by which it knows the entry, the entry's id and when this was,
    /// Unix milliseconds. No command says that.
    Token,
    /// Nothing yet: its one word is a piece of records that are too long to be recorded at once.
    Piece,
    /// As `Piece`, the last one of these records.
    LastPiece,
    /// The functions that the process knows, as their registry was in this state: the record with the greatest number says how they are.
    Libraries(u64),
}

/// A command to be run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The database that is selected.
    pub db: DbIndex,
    /// What it changes.
    pub scope: Scope,
    /// Its words; the name as Valkey has it, whatever the command is called here.
    pub words: SmallVec<[&'a [u8]; 8]>,
}

/// The bytes are no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged record")]
pub struct Damaged;

/// What is recorded of a key that a command has removed, and of one that has gone by itself.
const REMOVED: &[u8] = b"DEL";
const EXPIRED: &[u8] = b"UNLINK";

/// Tells which kind of scope follows.
mod tag {
    pub const KEY: u64 = 0;
    pub const SHARD: u64 = 1;
    pub const LIBRARIES: u64 = 2;
    pub const PIECE: u64 = 3;
    pub const LAST_PIECE: u64 = 4;
    pub const TOKEN: u64 = 5;
    pub const VALUE: u64 = 6;
}

/// The most memory that is kept for the next records, in bytes.
const KEPT_BYTES: usize = 1 << 20;

/// How far a collection was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark(usize);

/// Collects records; those of one shard, or of a transaction over several.
#[derive(Debug, Default)]
pub struct Redo {
    wanted: bool,
    /// Whether the command that runs has said itself how its changes are brought about again.
    is_said: bool,
    /// Whether the log is being begun anew, or is to be.
    pub rewrite: Rewrite,
    bytes: Vec<u8>,
}

/// Whether a log is being written anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rewrite {
    /// It is not.
    #[default]
    No,
    /// It is to be, from this instant on.
    Asked,
    /// It is.
    UnderWay,
}

impl Redo {
    /// Whether somebody wants records.
    #[inline]
    pub fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// From now on records are collected, or not.
    pub fn set_wanted(&mut self, wanted: bool) {
        self.wanted = wanted;
    }

    /// A command begins.
    #[inline]
    pub fn begin_command(&mut self) {
        self.is_said = false;
    }

    /// Whether the command that runs has said itself how its changes are brought about again.
    pub fn is_said(&self) -> bool {
        self.is_said
    }

    /// Whether nothing has been recorded since it was last taken.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes have been recorded since they were last taken.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How far it is.
    pub fn mark(&self) -> Mark {
        Mark(self.bytes.len())
    }

    /// Forgets what has been recorded since `mark`, but that keys have expired.
    pub fn take_back(&mut self, mark: Mark) {
        if self.bytes.len() == mark.0 {
            return;
        }
        let undone = self.bytes.split_off(mark.0);
        for record in records(&undone).map_while(Result::ok).filter(Record::is_expiry) {
            self.push(record.db, record.scope, record.words.iter().copied());
        }
    }

    /// Adds that a key has gone by itself: its time had come, or memory was short.
    #[inline]
    pub fn push_gone(&mut self, db: DbIndex, key: &[u8]) {
        if self.wanted {
            self.push(db, Scope::Key(1), [EXPIRED, key]);
        }
    }

    /// Adds what a command says of its changes of the key that is word `at`: that it is gone, if it is.
    pub fn say<'w>(
        &mut self,
        space: &Keyspace,
        db: DbIndex,
        at: usize,
        words: impl IntoIterator<Item = &'w [u8], IntoIter: ExactSizeIterator + Clone>,
    ) {
        self.is_said = true;
        let words = words.into_iter();
        match words.clone().nth(at) {
            Some(key) if space.db(db).get(key).is_none() => self.push(db, Scope::Key(1), [REMOVED, key]),
            _ => self.push(db, Scope::Key(at), words),
        }
    }

    /// As [`Redo::say`], that the key has the value that is there now.
    pub fn say_state(&mut self, space: &Keyspace, db: DbIndex, key: &[u8], now: UnixMillis, config: &Config) {
        self.is_said = true;
        self.push_state(space, db, key, now, config);
    }

    /// What has been recorded, encoded; nothing is left.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Memory for the next records, those in which have been dealt with.
    pub fn reuse(&mut self, mut records: Vec<u8>) {
        if self.bytes.is_empty() && records.capacity() <= KEPT_BYTES {
            records.clear();
            self.bytes = records;
        }
    }

    /// Adds a record.
    pub fn push<'w>(
        &mut self,
        db: DbIndex,
        scope: Scope,
        words: impl IntoIterator<Item = &'w [u8], IntoIter: ExactSizeIterator + Clone>,
    ) {
        let out = &mut self.bytes;
        write_number(u64::from(db.0), out);
        match scope {
            Scope::Key(at) => {
                write_number(tag::KEY, out);
                write_number(at as u64, out);
            }
            Scope::Shard => write_number(tag::SHARD, out),
            Scope::Token => write_number(tag::TOKEN, out),
            Scope::Value => write_number(tag::VALUE, out),
            Scope::Piece => write_number(tag::PIECE, out),
            Scope::LastPiece => write_number(tag::LAST_PIECE, out),
            Scope::Libraries(state) => {
                write_number(tag::LIBRARIES, out);
                write_number(state, out);
            }
        }
        let words = words.into_iter();
        write_number(words.len() as u64, out);
        words.clone().for_each(|word| write_number(word.len() as u64, out));
        words.for_each(|word| out.extend_from_slice(word));
    }

    /// Adds a record that leaves at `key` what is there now.
    pub fn push_state(&mut self, space: &Keyspace, db: DbIndex, key: &[u8], now: UnixMillis, config: &Config) {
        let Some(entry) = space.db(db).get(key) else {
            return self.push(db, Scope::Key(1), [REMOVED, key]);
        };
        self.push_entry(db, entry, now, config);
    }

    /// Adds a record that leaves this value at its key.
    pub fn push_entry(&mut self, db: DbIndex, entry: &Entry, now: UnixMillis, config: &Config) {
        let key = entry.key();
        let expires_at = entry.expires_at().map_or(0, |at| at.0).to_string();
        if let Some(string) = entry.as_string() {
            let digits;
            let value = match string {
                StringRef::Bytes(bytes) => bytes,
                StringRef::Int(number) => {
                    digits = number.to_string();
                    digits.as_bytes()
                }
            };
            let words: [&[u8]; 5] = [b"SET", key, value, b"PXAT", expires_at.as_bytes()];
            let words = if entry.expires_at().is_some() {
                &words[..]
            } else {
                &words[..3]
            };
            return self.push(db, Scope::Key(1), words.iter().copied());
        }
        let mut payload = Vec::new();
        format::write(entry, now, config, &mut payload);
        self.push(db, Scope::Value, [key, expires_at.as_bytes(), &payload]);
        if let Some(production) = entry.stream().and_then(|stream| stream.production.as_deref()) {
            self.push_production(db, key, production);
        }
    }

    /// Adds what the producers of a stream have added lately, which its payload does not have.
    #[cold]
    fn push_production(&mut self, db: DbIndex, key: &[u8], production: &Production) {
        let memory = production.memory();
        let (duration, most) = (memory.duration_s.to_string(), memory.tokens_max.to_string());
        let settings: [&[u8]; 6] = [
            b"XCFGSET",
            key,
            b"IDMP-DURATION",
            duration.as_bytes(),
            b"IDMP-MAXSIZE",
            most.as_bytes(),
        ];
        self.push(db, Scope::Key(1), settings);
        for (producer, token, id, at) in production.tokens() {
            let (id, at) = (id.text(), at.to_string());
            self.push(db, Scope::Token, [key, producer, token, id.as_bytes(), at.as_bytes()]);
        }
    }

    /// Adds what a command has done that has said nothing itself: its words when they name one key, else the values that it left at its keys.
    pub fn push_command(
        &mut self,
        space: &Keyspace,
        db: DbIndex,
        command: &Command,
        args: Args<'_>,
        now: UnixMillis,
        config: &Config,
    ) {
        if !command.flags.has(Flags::WRITE) {
            return;
        }
        let positions = command.key_positions(args);
        if let [at] = *positions {
            // That it is gone is true whatever was there when this runs again: while a log is written anew, that may be less.
            return match space.db(db).get(args.at(at)) {
                None => self.push(db, Scope::Key(1), [REMOVED, args.at(at)]),
                Some(_) => self.push_words(db, Scope::Key(at), command, args),
            };
        }
        let (mut positions, mut written) = (Positions::new(), SmallVec::<[&[u8]; 8]>::new());
        for key in command.keys {
            positions.clear();
            if key.positions(args, &mut positions) && !command.flags_of(key, args).has(KeyFlags::RO) {
                written.extend(positions.iter().map(|&at| args.at(at)));
            }
        }
        written.sort_unstable();
        written.dedup();
        for key in written {
            self.push_state(space, db, key, now, config);
        }
    }

    /// Adds the words of a command as they are, but for its name, which may be another one here than elsewhere.
    pub fn push_words(&mut self, db: DbIndex, scope: Scope, command: &Command, args: Args<'_>) {
        let name = command.container.unwrap_or(command.name).as_bytes();
        let words: SmallVec<[&[u8]; 8]> = std::iter::once(name).chain(args.from(1)).collect();
        self.push(db, scope, words.iter().copied());
    }
}

/// The records in `bytes`, in order; after an error there are no more.
pub fn records(bytes: &[u8]) -> impl Iterator<Item = Result<Record<'_>, Damaged>> {
    let mut left = bytes;
    std::iter::from_fn(move || {
        if left.is_empty() {
            return None;
        }
        let record = read_record(&mut left);
        if record.is_err() {
            left = &[];
        }
        Some(record)
    })
}

fn read_record<'a>(left: &mut &'a [u8]) -> Result<Record<'a>, Damaged> {
    let db = u32::try_from(read_number(left)?).map_err(|_| Damaged)?;
    let scope = match read_number(left)? {
        tag::KEY => Scope::Key(usize::try_from(read_number(left)?).map_err(|_| Damaged)?),
        tag::SHARD => Scope::Shard,
        tag::TOKEN => Scope::Token,
        tag::VALUE => Scope::Value,
        tag::PIECE => Scope::Piece,
        tag::LAST_PIECE => Scope::LastPiece,
        tag::LIBRARIES => Scope::Libraries(read_number(left)?),
        _ => return Err(Damaged),
    };
    let count = read_number(left)?;
    // Each word takes a byte for its length at least.
    if count == 0 || count > left.len() as u64 {
        return Err(Damaged);
    }
    let mut lengths = SmallVec::<[usize; 8]>::new();
    for _ in 0..count {
        lengths.push(usize::try_from(read_number(left)?).map_err(|_| Damaged)?);
    }
    let mut words = SmallVec::new();
    for length in lengths {
        let (word, rest) = left.split_at_checked(length).ok_or(Damaged)?;
        words.push(word);
        *left = rest;
    }
    match scope {
        Scope::Key(at) if at >= words.len() => Err(Damaged),
        _ => Ok(Record {
            db: DbIndex(db),
            scope,
            words,
        }),
    }
}

impl Record<'_> {
    /// Whether it says that a key has gone by itself.
    fn is_expiry(&self) -> bool {
        self.words.first() == Some(&EXPIRED)
    }

    /// The key that it changes, if it is one.
    pub fn key(&self) -> Option<&[u8]> {
        match self.scope {
            Scope::Key(at) => self.words.get(at).copied(),
            Scope::Token | Scope::Value => self.words.first().copied(),
            Scope::Shard | Scope::Libraries(_) | Scope::Piece | Scope::LastPiece => None,
        }
    }

    /// The words, as a request has them.
    pub fn args<'b>(&self, bytes: &'b mut Vec<u8>, spans: &'b mut Vec<Span>) -> Args<'b> {
        bytes.clear();
        spans.clear();
        spans.extend(self.words.iter().map(|word| super::args::append(bytes, word)));
        Args::new(bytes, spans)
    }
}

/// Seven bits a byte, the least first; the top bit says that more follow.
fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_number(left: &mut &[u8]) -> Result<u64, Damaged> {
    let (mut number, mut shift) = (0u64, 0u32);
    loop {
        let (&byte, rest) = left.split_first().ok_or(Damaged)?;
        *left = rest;
        let bits = u64::from(byte & 0x7f);
        if shift > 63 || bits.checked_shl(shift).is_none_or(|value| value >> shift != bits) {
            return Err(Damaged);
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scope() -> impl Strategy<Value = Scope> {
        prop_oneof![
            (0usize..3).prop_map(Scope::Key),
            Just(Scope::Shard),
            Just(Scope::Token),
            Just(Scope::Value),
            Just(Scope::Piece),
            Just(Scope::LastPiece),
            any::<u64>().prop_map(Scope::Libraries)
        ]
    }

    proptest! {
        #[test]
        fn records_are_read_as_they_were_written(
            written in prop::collection::vec((any::<u32>(), scope(), prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 3..9)), 0..9)
        ) {
            let mut redo = Redo::default();
            for (db, scope, words) in &written {
                redo.push(DbIndex(*db), *scope, words.iter().map(Vec::as_slice));
            }
            let bytes = redo.take();
            let read: Result<Vec<Record<'_>>, Damaged> = records(&bytes).collect();
            let read = read.expect("what was written is read");
            prop_assert_eq!(read.len(), written.len());
            for (record, (db, scope, words)) in read.iter().zip(&written) {
                prop_assert_eq!((record.db.0, record.scope), (*db, *scope));
                prop_assert!(record.words.iter().copied().eq(words.iter().map(Vec::as_slice)));
            }
            // What is cut off anywhere is either damaged or some of the first records.
            for end in 0..bytes.len() {
                let cut: Vec<Record<'_>> = records(&bytes[..end]).map_while(Result::ok).collect();
                prop_assert!(cut.iter().eq(read.iter().take(cut.len())));
                prop_assert!(cut.len() < read.len());
            }
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            records(&bytes).for_each(drop);
        }
    }
}
