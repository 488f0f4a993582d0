//! The ids of stream entries: a time in milliseconds and a number within it. Knows their spelling, no clock.

use std::fmt;

use crate::base::number::parse_i64;

/// The longest spelling that is looked at; longer ones are no ids.
const TEXT_MAX: usize = 127;

/// The name of an entry; later entries of a stream have greater ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Unix time in milliseconds, or whatever the producer took for it.
    pub ms: u64,
    /// The number within the millisecond.
    pub seq: u64,
}

/// An id as a word spells it: without a number, or with one to be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelled {
    /// `5`.
    Ms(u64),
    /// `5-*`.
    AnySeq(u64),
    /// `5-1`.
    Full(StreamId),
}

impl StreamId {
    /// The least id, which no entry has.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The greatest id.
    pub const MAX: StreamId = StreamId {
        ms: u64::MAX,
        seq: u64::MAX,
    };

    /// An id of its parts.
    pub const fn new(ms: u64, seq: u64) -> Self {
        StreamId { ms, seq }
    }

    /// The next id; `None` behind the greatest.
    pub fn next(self) -> Option<StreamId> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => self.ms.checked_add(1).map(|ms| StreamId { ms, seq: 0 }),
        }
    }

    /// The id before; `None` before the least.
    pub fn previous(self) -> Option<StreamId> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => self.ms.checked_sub(1).map(|ms| StreamId { ms, seq: u64::MAX }),
        }
    }

    /// The id by the clock of what comes behind this one, which must not be the greatest.
    pub fn after(self, now_ms: u64) -> StreamId {
        match self.next() {
            Some(next) if now_ms <= self.ms => next,
            _ => StreamId::new(now_ms, 0),
        }
    }

    /// The id that `text` spells; `seq` is taken where it names none.
    pub fn parse(text: &[u8], seq: u64) -> Option<StreamId> {
        match Spelled::parse(text)? {
            Spelled::Ms(ms) => Some(StreamId { ms, seq }),
            Spelled::Full(id) => Some(id),
            Spelled::AnySeq(_) => None,
        }
    }

    /// `ms-seq`.
    pub fn text(self) -> IdText {
        let mut text = IdText {
            bytes: [0; IdText::ROOM],
            len: 0,
        };
        let mut digits = itoa::Buffer::new();
        text.put(digits.format(self.ms).as_bytes());
        text.put(b"-");
        text.put(digits.format(self.seq).as_bytes());
        text
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl Spelled {
    /// The id that `text` spells.
    pub fn parse(text: &[u8]) -> Option<Spelled> {
        if text.len() > TEXT_MAX {
            return None;
        }
        // As in Valkey, where the word becomes a C string, it ends at a zero byte.
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        let Some(dash) = text.iter().position(|byte| *byte == b'-') else {
            return parse_u64(text).map(Spelled::Ms);
        };
        let (ms, seq) = (parse_u64(&text[..dash])?, &text[dash + 1..]);
        if seq == b"*" {
            return Some(Spelled::AnySeq(ms));
        }
        parse_u64(seq).map(|seq| Spelled::Full(StreamId { ms, seq }))
    }
}

/// A number as C's `strtoull` reads a whole word: blanks and a sign may precede it, a negative one counts down from 2^64. A plain negative
/// integer is refused, as Valkey does.
fn parse_u64(text: &[u8]) -> Option<u64> {
    if let Some(number) = parse_i64(text) {
        return u64::try_from(number).ok();
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let text = &text[text.iter().take_while(|byte| blank(byte)).count()..];
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number: u64 = 0;
    for digit in digits {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    Some(if negative { number.wrapping_neg() } else { number })
}

/// The text of an id.
#[derive(Clone, Copy)]
pub struct IdText {
    bytes: [u8; IdText::ROOM],
    len: usize,
}

impl IdText {
    /// Twice 20 digits and the dash.
    const ROOM: usize = 41;

    fn put(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_spelled_with_and_without_numbers() {
        let max = u64::MAX;
        for (text, want) in [
            ("0", Some(Spelled::Ms(0))),
            ("5-1", Some(Spelled::Full(StreamId::new(5, 1)))),
            ("5-*", Some(Spelled::AnySeq(5))),
            ("01-01", Some(Spelled::Full(StreamId::new(1, 1)))),
            ("+1- 2", Some(Spelled::Full(StreamId::new(1, 2)))),
            ("1--02", Some(Spelled::Full(StreamId::new(1, max - 1)))),
            (
                "18446744073709551615-18446744073709551615",
                Some(Spelled::Full(StreamId::MAX)),
            ),
            ("1\0x", Some(Spelled::Ms(1))),
            ("18446744073709551616", None),
            ("1--2", None),
            ("-1", None),
            ("-", None),
            ("+", None),
            ("", None),
            ("1-", None),
            ("1-1-1", None),
            ("*", None),
            ("1-x", None),
        ] {
            assert_eq!(Spelled::parse(text.as_bytes()), want, "{text}");
        }
        assert_eq!(Spelled::parse(&[b'1'; 128]), None);
    }

    #[test]
    fn neighbours_carry_over() {
        let end = StreamId::new(1, u64::MAX);
        assert_eq!(end.next(), Some(StreamId::new(2, 0)));
        assert_eq!(StreamId::new(2, 0).previous(), Some(end));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.previous(), None);
        assert_eq!(StreamId::MAX.text().as_bytes(), StreamId::MAX.to_string().as_bytes());
    }
}
