//! RDB files, as they come: what stands in front of the values and between them, and where each value ends.
//!
//! ```text
//! REDIS or VALKEY and the version in digits (nine bytes together), parts, end (255), checksum of all before it (8, little-endian)
//! part: a mark and what belongs to it, or a kind, a key and a value of that kind
//! ```
//!
//! Owns the bytes that have come and are not dealt with: one part at most, and what was read with it. It must not know where they come from.

use std::borrow::Cow;

use super::checksum::crc64;
use super::extent::{Unit, Walk, units_of};
use super::source::Source;
use super::{Damaged, is_known};

use Unit::{Bytes, Length, String};

const MAGICS: [&[u8]; 2] = [b"REDIS", b"VALKEY"];
const HEADER_BYTES: usize = 9;
const CHECKSUM_BYTES: usize = 8;
/// Since which version there is a checksum.
const VERSION_CHECKED: u16 = 5;
/// The longest part that is taken in: longer ones fit no request.
pub const PART_BYTES_MAX: u64 = (4 << 30) - (1 << 20);

/// What parts begin with that are no values.
mod mark {
    pub const SLOT: u8 = 244;
    pub const LIBRARY: u8 = 245;
    pub const LIBRARY_EARLY: u8 = 246;
    pub const MODULE: u8 = 247;
    pub const IDLE: u8 = 248;
    pub const FREQUENCY: u8 = 249;
    pub const FACT: u8 = 250;
    pub const SIZES: u8 = 251;
    pub const EXPIRY_MS: u8 = 252;
    pub const EXPIRY_S: u8 = 253;
    pub const DATABASE: u8 = 254;
    pub const END: u8 = 255;
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RdbError {
    /// It does not begin like one.
    #[error("what came is no RDB file")]
    NoFile,
    /// Its version is not known.
    #[error("the RDB file is of version {0}, which is not known here")]
    Version(u16),
    /// It holds what is not known.
    #[error("the RDB file holds something of type {0}, which is not known here")]
    Unknown(u8),
    /// It holds data of a module.
    #[error("the RDB file holds data of a module")]
    Module,
    /// A value is longer than what can be taken in.
    #[error("a value in the RDB file is longer than {PART_BYTES_MAX} bytes")]
    TooLong,
    /// Its bytes are not what they claim to be.
    #[error("the RDB file is damaged")]
    Damaged,
    /// Its checksum is that of something else.
    #[error("the RDB file has a wrong checksum")]
    Checksum,
}

impl From<Damaged> for RdbError {
    fn from(_: Damaged) -> Self {
        RdbError::Damaged
    }
}

/// A key with its value.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyValue<'a> {
    /// Its name.
    pub key: Cow<'a, [u8]>,
    /// When it expires, Unix milliseconds.
    pub expires_ms: Option<i64>,
    /// For how long it was not used.
    pub idle_s: Option<u64>,
    /// How often it was used, as LFU counts.
    pub frequency: Option<u8>,
    /// The kind of its value: with `value` behind it, what a DUMP payload begins with.
    pub kind: u8,
    /// The value.
    pub value: &'a [u8],
}

/// A part of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// Something about the file.
    Fact { name: Cow<'a, [u8]>, value: Cow<'a, [u8]> },
    /// The keys that follow are of this database.
    Database(u64),
    /// The text of a library of functions.
    Library(Cow<'a, [u8]>),
    /// A key.
    Key(KeyValue<'a>),
    /// The end: nothing more belongs to the file.
    End,
}

/// What was said of the key that follows.
#[derive(Default)]
struct Foretold {
    expires_ms: Option<i64>,
    idle_s: Option<u64>,
    frequency: Option<u8>,
}

/// A file of which a part has come.
#[derive(Default)]
pub struct Reader {
    bytes: Vec<u8>,
    /// How many of `bytes` are dealt with.
    start: usize,
    version: Option<u16>,
    /// The part that begins at `start`.
    walk: Option<Walk>,
    foretold: Foretold,
    checksum: u64,
}

impl Reader {
    /// Takes in bytes that have come.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// What has come behind what was dealt with: after the end, what does not belong to the file.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The next part that tells something; none before all of it has come. Not to be called after the end.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, RdbError> {
        if self.version.is_none() && !self.read_header()? {
            return Ok(None);
        }
        loop {
            let Some(len) = self.next_part()? else { return Ok(None) };
            let from = self.start;
            self.start += len;
            let part = &self.bytes[from..self.start];
            if part.first() == Some(&mark::END) {
                self.check_end(from)?;
                return Ok(Some(Item::End));
            }
            self.checksum = crc64(self.checksum, part);
            if !foretell(&mut self.foretold, part)? {
                let foretold = std::mem::take(&mut self.foretold);
                return item(&self.bytes[from..self.start], foretold).map(Some);
            }
        }
    }

    fn read_header(&mut self) -> Result<bool, RdbError> {
        let Some(header) = self.bytes.get(..HEADER_BYTES) else {
            return Ok(false);
        };
        let digits = MAGICS.iter().find_map(|magic| header.strip_prefix(*magic));
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let digits = digits.ok_or(RdbError::NoFile)?;
        let version = digits
            .iter()
            .fold(0, |number, digit| number * 10 + u16::from(digit & 0x0f));
        if !is_known(version) {
            return Err(RdbError::Version(version));
        }
        self.checksum = crc64(0, header);
        self.version = Some(version);
        self.start = HEADER_BYTES;
        Ok(true)
    }

    /// The length of the part that comes next, once all of it is there.
    fn next_part(&mut self) -> Result<Option<usize>, RdbError> {
        let rest = &self.bytes[self.start..];
        let Some(&first) = rest.first() else { return Ok(None) };
        let walk = match &mut self.walk {
            Some(walk) => walk,
            None => self.walk.insert(walk_of(first, self.version)?),
        };
        let len = walk.go_on(rest)?;
        if walk.bytes_min() > PART_BYTES_MAX {
            return Err(RdbError::TooLong);
        }
        if len.is_some() {
            self.walk = None;
        }
        Ok(len)
    }

    fn check_end(&mut self, from: usize) -> Result<(), RdbError> {
        let (end, told) = self.bytes[from..self.start].split_at(1);
        let told = told
            .first_chunk::<CHECKSUM_BYTES>()
            .map(|told| u64::from_le_bytes(*told));
        let checksum = crc64(self.checksum, end);
        // Who writes a file without counting it says 0.
        match told {
            Some(told) if told != 0 && told != checksum => Err(RdbError::Checksum),
            _ => Ok(()),
        }
    }
}

/// How to find the end of a part.
fn walk_of(first: u8, version: Option<u16>) -> Result<Walk, RdbError> {
    let checked = version.is_some_and(|version| version >= VERSION_CHECKED);
    let units: &[Unit] = match first {
        mark::SLOT => &[Length, Length, Length],
        mark::LIBRARY => &[String],
        mark::IDLE | mark::DATABASE => &[Length],
        mark::FREQUENCY => &[Bytes(1)],
        mark::FACT => &[String, String],
        mark::SIZES => &[Length, Length],
        mark::EXPIRY_MS => &[Bytes(8)],
        mark::EXPIRY_S => &[Bytes(4)],
        mark::END if checked => &[Bytes(CHECKSUM_BYTES as u64)],
        mark::END => &[],
        mark::MODULE => return Err(RdbError::Module),
        mark::LIBRARY_EARLY => return Err(RdbError::Unknown(first)),
        kind => {
            let value = units_of(kind).ok_or(RdbError::Unknown(kind))?;
            return Ok(Walk::new(1, &[String], value));
        }
    };
    Ok(Walk::new(1, units, &[]))
}

/// Notes what a part says of the key that follows, or nothing of interest; false when it stands for itself.
fn foretell(foretold: &mut Foretold, part: &[u8]) -> Result<bool, RdbError> {
    let mut source = Source::new(part);
    match source.byte()? {
        mark::EXPIRY_MS => foretold.expires_ms = Some(i64::from_le_bytes(source.array()?)),
        mark::EXPIRY_S => foretold.expires_ms = Some(i64::from(i32::from_le_bytes(source.array()?)) * 1000),
        mark::IDLE => foretold.idle_s = Some(source.length()?),
        mark::FREQUENCY => foretold.frequency = Some(source.byte()?),
        mark::SIZES | mark::SLOT => {}
        _ => return Ok(false),
    }
    Ok(true)
}

/// What a whole part tells.
fn item(part: &[u8], foretold: Foretold) -> Result<Item<'_>, RdbError> {
    let mut source = Source::new(part);
    Ok(match source.byte()? {
        mark::FACT => Item::Fact {
            name: source.string()?,
            value: source.string()?,
        },
        mark::DATABASE => Item::Database(source.length()?),
        mark::LIBRARY => Item::Library(source.string()?),
        kind => Item::Key(KeyValue {
            key: source.string()?,
            expires_ms: foretold.expires_ms,
            idle_s: foretold.idle_s,
            frequency: foretold.frequency,
            kind,
            value: source.take(source.len())?,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::UnixMillis;
    use crate::config::Config;
    use crate::format;
    use crate::keyspace::{Entry, Value};

    /// A file with these parts and its checksum.
    fn file(version: &str, parts: &[&[u8]]) -> Vec<u8> {
        let magic = if version == "080" { "VALKEY" } else { "REDIS0" };
        let mut bytes = [magic.as_bytes(), version.as_bytes(), &parts.concat(), &[mark::END]].concat();
        let checksum = crc64(0, &bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// What a file tells when it comes in pieces of so many bytes; what is behind it must be left.
    fn read(bytes: &[u8], piece: usize) -> Result<Vec<std::string::String>, RdbError> {
        let (mut reader, mut told) = (Reader::default(), Vec::new());
        for piece in [bytes, b"behind"].concat().chunks(piece) {
            reader.feed(piece);
            while told.last().is_none_or(|last| last != "End")
                && let Some(item) = reader.next_item()?
            {
                told.push(format!("{item:?}"));
            }
        }
        if told.last().is_some_and(|last| last == "End") {
            assert_eq!(reader.rest(), b"behind");
        }
        Ok(told)
    }

    #[test]
    fn a_file_is_read_however_it_is_cut() {
        let bytes = file(
            "080",
            &[
                b"\xfa\x0avalkey-ver\x059.1.2",
                b"\xf5\x03lib",
                b"\xfe\x02\xfb\x02\x01\xf4\x01\x02\x03",
                b"\xfc\x01\x00\x00\x00\x00\x00\x00\x00\xf9\x07\x00\x01a\xc0\x05",
                b"\xfd\x01\x00\x00\x00\xf8\x09\x01\xc2\x01\x00\x00\x00\x02\x01x\x01y",
            ],
        );
        let told = read(&bytes, usize::MAX).expect("the file is sound");
        assert_eq!(told.len(), 6, "{told:?}");
        assert!(
            told[3].contains("expires_ms: Some(1), idle_s: None, frequency: Some(7), kind: 0"),
            "{told:?}"
        );
        assert!(
            told[4].contains("expires_ms: Some(1000), idle_s: Some(9), frequency: None, kind: 1"),
            "{told:?}"
        );
        for piece in 1..40 {
            assert_eq!(read(&bytes, piece).as_ref(), Ok(&told), "in pieces of {piece}");
        }
    }

    /// A stream with two groups, as Valkey 9 writes it.
    fn stream() -> Value {
        format::read(format::tests::STREAM, &format::Limits::of(&Config::default())).expect("the stream is sound")
    }

    #[test]
    fn a_value_ends_where_its_reader_ends() {
        let config = Config::default();
        let mut written = Vec::new();
        format::write(&Entry::new(b"k", stream()), UnixMillis(0), &config, &mut written);
        // One of each form that the walk knows; the text of the last has a length of two bytes.
        let values: &[&[u8]] = &[
            &written,
            b"\x00\xc3\x13A@\x08abcdefgha\xe0\xff\x07\xe1$\x07\x01gh",
            b"\x12\x02\x01\x01a\x02\x0a\x0a\x00\x00\x00\x01\x00\x81a\x02\xff",
            b"\x04\x02\x01f\x01v\x01n\xc1\x01\x02",
            b"\x16\x02\x01f\x01v\x000\xef}\xba\x02\x00\x00\x01g\x01w\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x05\x02\x01c\x00\x00\x00\x00\x00\x00\xf0\x7f\x01b\x00\x00\x00\x00\x00\x00\x04@",
            b"\x03\x02\x01b\x032.5\x01a\xfe",
            &[b"\x00\x41\x00".as_slice(), &[b'x'; 256]].concat(),
        ];
        for value in values {
            let part = [&value[..1], b"\x01k", &value[1..]].concat();
            let bytes = file("011", &[&part, b"\x00\x01z\x01e"]);
            for piece in [1, 7, usize::MAX] {
                let told = read(&bytes, piece).expect("the file is sound");
                assert_eq!(told.len(), 3, "{value:?}: {told:?}");
                assert!(told[0].ends_with(&format!("value: {:?} }})", &value[1..])), "{told:?}");
            }
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let whole = file("011", &[b"\x00\x01a\x01b"]);
        let mut wrong = whole.clone();
        let last = wrong.len() - 1;
        wrong[last] ^= 1;
        assert_eq!(read(&wrong, 3), Err(RdbError::Checksum));
        let mut unchecked = whole.clone();
        unchecked[last - 7..].fill(0);
        assert!(read(&unchecked, 3).is_ok(), "no checksum was counted");
        assert_eq!(read(b"REDIS0012\xff", 3), Err(RdbError::Version(12)));
        assert_eq!(read(b"+FULLRESYNC", 3), Err(RdbError::NoFile));
        assert_eq!(read(b"REDIS0011\xf7\x01", 3), Err(RdbError::Module));
        assert_eq!(read(b"REDIS0011\x07\x01", 3), Err(RdbError::Unknown(7)));
        assert_eq!(read(b"REDIS0011\xfe\xc5", 3), Err(RdbError::Damaged));
        let long = b"REDIS0011\x00\x01a\x81\xff\xff\xff\xff\xff\xff\xff\xff";
        assert_eq!(read(long, 3), Err(RdbError::Damaged));
        assert_eq!(
            read(b"REDIS0011\x00\x01a\x81\x00\x00\x00\x01\x00\x00\x00\x00", 3),
            Err(RdbError::TooLong)
        );
    }

    #[test]
    fn a_file_of_an_old_version_ends_without_checksum() {
        let told = read(b"REDIS0003\xfe\x00\x00\x01a\x01b\xff", 2).expect("the file is sound");
        assert_eq!(told.len(), 3, "{told:?}");
    }
}
