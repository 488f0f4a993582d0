//! Strings as arrays of bits, the highest bit of each byte first. Bits are numbered from 0; what lies behind the end reads as 0.

mod field;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use field::{Field, Overflow};

/// The bit at `at`.
pub fn get(bytes: &[u8], at: u64) -> bool {
    let byte = usize::try_from(at / 8).ok().and_then(|byte| bytes.get(byte));
    byte.is_some_and(|byte| byte & mask(at) != 0)
}

/// Sets the bit at `at`, which must lie inside, and answers the one before.
pub fn set(bytes: &mut [u8], at: u64, bit: bool) -> bool {
    let byte = &mut bytes[index(at / 8)];
    let before = *byte & mask(at) != 0;
    if bit {
        *byte |= mask(at);
    } else {
        *byte &= !mask(at);
    }
    before
}

/// How many bits in `range` are set; the range must lie inside.
pub fn count(bytes: &[u8], range: Range<u64>) -> u64 {
    if range.is_empty() {
        return 0;
    }
    let (first, last) = (index(range.start / 8), index((range.end - 1) / 8));
    let before = !(0xff >> (range.start % 8));
    let behind = !(0xff << (7 - (range.end - 1) % 8)) as u8;
    let outside = if first == last {
        (bytes[first] & (before | behind)).count_ones()
    } else {
        (bytes[first] & before).count_ones() + (bytes[last] & behind).count_ones()
    };
    ones(&bytes[first..=last]) - u64::from(outside)
}

/// The first bit in `range` that equals `bit`; the range must lie inside.
pub fn position(bytes: &[u8], range: Range<u64>, bit: bool) -> Option<u64> {
    if range.is_empty() {
        return None;
    }
    let flip = if bit { 0 } else { 0xff };
    let (first, end) = (index(range.start / 8), index((range.end - 1) / 8) + 1);
    let head = (bytes[first] ^ flip) & (0xff >> (range.start % 8));
    let (byte, found) = if head != 0 {
        (first, head)
    } else {
        let other = first + 1 + other_than(bytes.get(first + 1..end)?, flip)?;
        (other, bytes[other] ^ flip)
    };
    let at = byte as u64 * 8 + u64::from(found.leading_zeros());
    (at < range.end).then_some(at)
}

/// What BITOP does to the bits of several strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Set in all of them.
    And,
    /// Set in any of them.
    Or,
    /// Set in an odd number of them.
    Xor,
    /// Set where the one string has 0.
    Not,
}

/// The bits of all `sources` combined, as long as the longest of them.
pub fn combine<'s>(operation: Operation, sources: impl Iterator<Item = &'s [u8]> + Clone) -> Vec<u8> {
    let len = sources.clone().map(<[u8]>::len).max().unwrap_or(0);
    let mut rest = sources;
    let mut result = Vec::with_capacity(len);
    result.extend_from_slice(rest.next().unwrap_or_default());
    result.resize(len, 0);
    if operation == Operation::Not {
        result.iter_mut().for_each(|byte| *byte = !*byte);
    }
    for source in rest {
        let pairs = result.iter_mut().zip(source);
        match operation {
            Operation::And => {
                pairs.for_each(|(byte, other)| *byte &= other);
                result[source.len()..].fill(0);
            }
            Operation::Or => pairs.for_each(|(byte, other)| *byte |= other),
            Operation::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
            Operation::Not => unreachable!("the words were checked to name one source"),
        }
    }
    result
}

fn mask(at: u64) -> u8 {
    0x80 >> (at % 8)
}

fn index(byte: u64) -> usize {
    usize::try_from(byte).expect("the place lies inside the string")
}

fn ones(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_ne_bytes(*word).count_ones());
    let rest = rest.iter().map(|byte| byte.count_ones());
    words.map(u64::from).sum::<u64>() + rest.map(u64::from).sum::<u64>()
}

/// Where the first byte other than `byte` stands.
fn other_than(bytes: &[u8], byte: u8) -> Option<usize> {
    const BLOCK: usize = 64;
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let same = |block: &&[u8; BLOCK]| block.iter().fold(0, |all, other| all | (other ^ byte)) == 0;
    let skipped = blocks.iter().take_while(same).count() * BLOCK;
    let found = bytes[skipped..].iter().position(|other| *other != byte)?;
    Some(skipped + found)
}
