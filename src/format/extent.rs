//! How far a part of an RDB file reaches, found out while its bytes still arrive: each byte is looked at once, and nothing is allocated.

use super::{Damaged, kind, length};

/// What a part is made of, in order.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    /// A string in any form.
    String,
    /// A length.
    Length,
    /// So many bytes.
    Bytes(u64),
    /// A score as text behind its length.
    ScoreText,
    /// A length, and that many times these.
    Many(&'static [Unit]),
}

use Unit::{Bytes, Length, Many, ScoreText, String};

/// Lengths that stand for scores without text.
const SCORE_WITHOUT_TEXT: std::ops::RangeInclusive<u8> = 253..=255;

const STREAM_NODES: Unit = Many(&[String, String]);
const DELIVERIES: Unit = Many(&[Bytes(16), Bytes(8), Length]);
const CONSUMERS: Unit = Many(&[String, Bytes(8), Many(&[Bytes(16)])]);
const CONSUMERS_ACTIVE: Unit = Many(&[String, Bytes(16), Many(&[Bytes(16)])]);

/// What a value of this kind is made of; none when the kind is not known.
pub fn units_of(kind: u8) -> Option<&'static [Unit]> {
    Some(match kind {
        kind::STRING
        | kind::HASH_ZIPMAP
        | kind::LIST_ZIPLIST
        | kind::SET_INTS
        | kind::SORTED_SET_ZIPLIST
        | kind::HASH_ZIPLIST
        | kind::HASH_LISTPACK
        | kind::SORTED_SET_LISTPACK
        | kind::SET_LISTPACK => &[String],
        kind::LIST | kind::SET | kind::LIST_OF_ZIPLISTS => &[Many(&[String])],
        kind::LIST_OF_NODES => &[Many(&[Length, String])],
        kind::HASH => &[Many(&[String, String])],
        kind::HASH_EXPIRING => &[Many(&[String, String, Bytes(8)])],
        kind::SORTED_SET_TEXT => &[Many(&[String, ScoreText])],
        kind::SORTED_SET => &[Many(&[String, Bytes(8)])],
        kind::STREAM => &[
            STREAM_NODES,
            Length,
            Length,
            Length,
            Many(&[String, Length, Length, DELIVERIES, CONSUMERS]),
        ],
        kind::STREAM_COUNTED => &[
            STREAM_NODES,
            Length,
            Length,
            Length,
            Length,
            Length,
            Length,
            Length,
            Length,
            Many(&[String, Length, Length, Length, DELIVERIES, CONSUMERS]),
        ],
        kind::STREAM_ACTIVE => &[
            STREAM_NODES,
            Length,
            Length,
            Length,
            Length,
            Length,
            Length,
            Length,
            Length,
            Many(&[String, Length, Length, Length, DELIVERIES, CONSUMERS_ACTIVE]),
        ],
        _ => return None,
    })
}

/// Units that are walked so many times more.
#[derive(Clone, Copy, Debug)]
struct Frame {
    units: &'static [Unit],
    next: usize,
    left: u64,
}

impl Frame {
    fn once(units: &'static [Unit]) -> Self {
        Frame {
            units,
            next: 0,
            left: 1,
        }
    }
}

/// A walk over a part whose bytes arrive bit by bit.
#[derive(Clone, Debug)]
pub struct Walk {
    /// Where the next unit begins.
    at: u64,
    /// As deep as units lie in each other, which is not deep.
    frames: smallvec::SmallVec<[Frame; 4]>,
}

impl Walk {
    /// A walk that begins at `at`, over `first` and then over `second`.
    pub fn new(at: u64, first: &'static [Unit], second: &'static [Unit]) -> Self {
        let frames = [Frame::once(second), Frame::once(first)];
        Walk {
            at,
            frames: frames.into_iter().collect(),
        }
    }

    /// How many bytes the part has at least, as far as is known.
    pub fn bytes_min(&self) -> u64 {
        self.at
    }

    /// Goes on over what has come of the part, from its beginning; tells its length once all of it is there.
    pub fn go_on(&mut self, bytes: &[u8]) -> Result<Option<usize>, Damaged> {
        while let Some(frame) = self.frames.last_mut() {
            let Some(unit) = frame.units.get(frame.next) else {
                frame.next = 0;
                frame.left -= 1;
                if frame.left == 0 {
                    self.frames.pop();
                }
                continue;
            };
            let rest = usize::try_from(self.at).ok().and_then(|at| bytes.get(at..));
            let Some(head) = head(*unit, rest.unwrap_or_default())? else {
                return Ok(None);
            };
            frame.next += 1;
            self.at = self.at.checked_add(head.bytes).ok_or(Damaged)?;
            if let Many(units) = unit
                && head.number > 0
            {
                self.frames.push(Frame {
                    units,
                    next: 0,
                    left: head.number,
                });
            }
        }
        let len = usize::try_from(self.at).map_err(|_| Damaged)?;
        Ok((len <= bytes.len()).then_some(len))
    }
}

/// What the beginning of a unit tells.
struct Head {
    /// The bytes of the unit, or of its beginning when others follow.
    bytes: u64,
    number: u64,
}

/// Reads the beginning of a unit; none when it has not come yet.
fn head(unit: Unit, bytes: &[u8]) -> Result<Option<Head>, Damaged> {
    let sized = |bytes: u64| Some(Head { bytes, number: 0 });
    Ok(match unit {
        Bytes(count) => sized(count),
        Length | Many(_) => number(bytes)?.map(|(number, bytes)| Head { bytes, number }),
        ScoreText => match bytes.first() {
            None => None,
            Some(len) if SCORE_WITHOUT_TEXT.contains(len) => sized(1),
            Some(len) => sized(1 + u64::from(*len)),
        },
        String => match bytes.first() {
            None => None,
            Some(&length::INT8) => sized(2),
            Some(&length::INT16) => sized(3),
            Some(&length::INT32) => sized(5),
            Some(&length::LZF) => return compressed(bytes),
            Some(_) => match number(bytes)? {
                None => None,
                Some((len, bytes)) => sized(bytes.checked_add(len).ok_or(Damaged)?),
            },
        },
    })
}

/// A mark, the compressed length, the true length, the bytes.
fn compressed(bytes: &[u8]) -> Result<Option<Head>, Damaged> {
    let Some((packed, packed_bytes)) = number(&bytes[1..])? else {
        return Ok(None);
    };
    // A number has nine bytes at most.
    let rest = bytes.get(1 + packed_bytes as usize..).unwrap_or_default();
    let Some((_, len_bytes)) = number(rest)? else {
        return Ok(None);
    };
    let bytes = packed.checked_add(1 + packed_bytes + len_bytes).ok_or(Damaged)?;
    Ok(Some(Head { bytes, number: 0 }))
}

/// A length and the bytes that it takes; none when they have not all come.
fn number(bytes: &[u8]) -> Result<Option<(u64, u64)>, Damaged> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    Ok(match first & length::FORM {
        length::SIX_BITS => Some((u64::from(first), 1)),
        length::FOURTEEN_BITS => rest
            .first()
            .map(|second| (u64::from(first & 0x3f) << 8 | u64::from(*second), 2)),
        _ if first == length::WORD => rest.first_chunk().map(|word| (u64::from(u32::from_be_bytes(*word)), 5)),
        _ if first == length::DOUBLE_WORD => rest.first_chunk().map(|word| (u64::from_be_bytes(*word), 9)),
        _ => return Err(Damaged),
    })
}
