//! The words of one request: slices of the buffer in which they arrived, with the typed readings commands need.

use std::ops::{Index, RangeInclusive};

use super::error::Error;
use crate::base::number;
pub use crate::protocol::request::Span;

/// The longest timeout in seconds: its end, as Unix milliseconds, must fit 63 bits for the next centuries.
const TIMEOUT_MAX_S: f64 = (i64::MAX - (1 << 43)) as f64 / 1000.0;

impl Span {
    /// The word's place as a range.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

/// The words of a request, the command's name first (a subcommand's name is word 1).
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// Words that lie in `bytes` at `spans`, one behind the other; every span must lie inside.
    pub fn new(bytes: &'a [u8], spans: &'a [Span]) -> Self {
        Args { bytes, spans }
    }

    /// How many words, the name included.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is not even a name.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Word `at`, if there is one.
    pub fn get(&self, at: usize) -> Option<&'a [u8]> {
        let span = self.spans.get(at)?;
        Some(&self.bytes[span.start as usize..span.start as usize + span.len as usize])
    }

    /// Word `at`, which the arity guarantees.
    pub fn at(&self, at: usize) -> &'a [u8] {
        self.get(at).expect("the command's arity was checked before it ran")
    }

    /// The words from `from` on.
    pub fn from(&self, from: usize) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + Clone + use<'a> {
        let bytes = self.bytes;
        let spans: &'a [Span] = self.spans.get(from..).unwrap_or(&[]);
        spans
            .iter()
            .map(move |span| &bytes[span.start as usize..span.start as usize + span.len as usize])
    }

    /// All words.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + Clone + use<'a> {
        self.from(0)
    }

    /// Whether word `at` is `token`, ASCII case ignored.
    pub fn is(&self, at: usize, token: &str) -> bool {
        self.get(at)
            .is_some_and(|word| word.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Copies the words, with what lies between them, to the end of `bytes`, and their places there, counted from `base` on, to `spans`: one copy however
    /// many there are.
    pub fn append_to(&self, base: usize, bytes: &mut Vec<u8>, spans: &mut Vec<Span>) {
        let (Some(first), Some(last)) = (self.spans.first(), self.spans.last()) else {
            return;
        };
        let begin = bytes.len() - base;
        let moved = |span: &Span| Span {
            start: u32::try_from(begin + (span.start - first.start) as usize).expect("a request ends within 4 GiB"),
            len: span.len,
        };
        bytes.extend_from_slice(&self.bytes[first.start as usize..last.range().end]);
        spans.extend(self.spans.iter().map(moved));
    }

    /// How many bytes the words take, with what lies between them.
    pub fn bytes_len(&self) -> usize {
        match (self.spans.first(), self.spans.last()) {
            (Some(first), Some(last)) => last.range().end - first.start as usize,
            _ => 0,
        }
    }

    /// Word `at` as an integer.
    pub fn int(&self, at: usize) -> Result<i64, Error> {
        self.get(at).and_then(number::parse_i64).ok_or(Error::NotInteger)
    }

    /// Word `at` as an integer that has a counterpart of the other sign, which the least one lacks.
    pub fn symmetric_int(&self, at: usize) -> Result<i64, Error> {
        match self.int(at)? {
            i64::MIN => Err(Error::Text(
                "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            )),
            number => Ok(number),
        }
    }

    /// Word `at` as an integer inside `range`; `error` when it is no integer or outside.
    pub fn int_in(&self, at: usize, range: RangeInclusive<i64>, error: Error) -> Result<i64, Error> {
        match self.get(at).and_then(number::parse_i64) {
            Some(number) if range.contains(&number) => Ok(number),
            _ => Err(error),
        }
    }

    /// Word `at` as the timeout of a command that waits, in seconds; 0 is for ever.
    pub fn timeout_s(&self, at: usize) -> Result<f64, Error> {
        let seconds = self
            .get(at)
            .and_then(number::parse_f64_saturating)
            .ok_or(Error::TimeoutNotFloat)?;
        if seconds > TIMEOUT_MAX_S {
            Err(Error::TimeoutOutOfRange)
        } else if seconds < 0.0 {
            Err(Error::TimeoutNegative)
        } else {
            Ok(seconds)
        }
    }

    /// Word `at` as a timeout that is told in whole milliseconds, in seconds; 0 is for ever.
    pub fn timeout_ms(&self, at: usize) -> Result<f64, Error> {
        let not_integer = Error::Text("ERR timeout is not an integer or out of range");
        let seconds = self.get(at).and_then(number::parse_i64).ok_or(not_integer)? as f64 / 1000.0;
        if seconds > TIMEOUT_MAX_S {
            Err(Error::TimeoutOutOfRange)
        } else if seconds < 0.0 {
            Err(Error::TimeoutNegative)
        } else {
            Ok(seconds)
        }
    }

    /// Word `at` as a double.
    pub fn float(&self, at: usize) -> Result<f64, Error> {
        self.get(at).and_then(number::parse_f64).ok_or(Error::NotFloat)
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    fn index(&self, at: usize) -> &[u8] {
        self.at(at)
    }
}

/// A request that owns its words: what MULTI queues and what waits for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedArgs {
    bytes: Box<[u8]>,
    spans: Box<[Span]>,
}

impl OwnedArgs {
    /// A request made of `words`.
    pub fn from_words<'w>(words: impl IntoIterator<Item = &'w [u8]>) -> Self {
        let mut bytes = Vec::new();
        let spans = words.into_iter().map(|word| append(&mut bytes, word)).collect();
        OwnedArgs {
            bytes: bytes.into_boxed_slice(),
            spans,
        }
    }

    /// The request, borrowed.
    pub fn as_args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.spans)
    }

    /// Heap bytes that the request takes.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.len() + self.spans.len() * size_of::<Span>()
    }
}

impl From<Args<'_>> for OwnedArgs {
    fn from(args: Args<'_>) -> Self {
        OwnedArgs::from_words(args.iter())
    }
}

/// Appends `word` to `bytes` and tells where it lies.
pub fn append(bytes: &mut Vec<u8>, word: &[u8]) -> Span {
    let start = u32::try_from(bytes.len()).expect("requests are limited far below 4 GiB");
    bytes.extend_from_slice(word);
    Span {
        start,
        len: u32::try_from(word.len()).expect("a bulk is limited to 512 MiB"),
    }
}
