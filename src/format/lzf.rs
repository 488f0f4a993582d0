//! LZF compression (the stream format of LibLZF): runs of literals, and references to what was written at most 8 KiB before.
//!
//! ```text
//! 000lllll                    l + 1 literals follow
//! lllooooo oooooooo           l + 2 bytes from o + 1 bytes back, l from 1 to 6
//! 111ooooo llllllll oooooooo  l + 9 bytes from o + 1 bytes back
//! ```

use super::Damaged;
use super::source::Source;

const LITERALS_MAX: usize = 32;
const DISTANCE_MAX: usize = 1 << 13;
const LENGTH_MAX: usize = 264;
const SHORT_LENGTH: usize = 9;
/// Places of former strings of three bytes, by hash.
const HASH_BITS: u32 = 16;
/// What one reference of three bytes can grow to.
const GROWTH_MAX: usize = LENGTH_MAX / 3 + 1;

/// The hash of the three bytes at `at`.
fn hash(input: &[u8], at: usize) -> usize {
    let word = u32::from_be_bytes([0, input[at], input[at + 1], input[at + 2]]);
    let mixed = (word >> (24 - HASH_BITS)).wrapping_sub(word.wrapping_mul(5));
    (mixed & ((1 << HASH_BITS) - 1)) as usize
}

/// How many bytes from `at` on equal those from `before` on; at least three do. The bound is LibLZF's: two bytes are left for
/// literals, unless a loop that compares sixteen at once has gone past them.
fn match_length(input: &[u8], before: usize, at: usize) -> usize {
    let longest = match input.len() - at - 2 {
        0..3 => 3,
        17..19 => 19,
        longest => longest.min(LENGTH_MAX),
    };
    let same = input[before..].iter().zip(&input[at..]).take(longest);
    same.take_while(|(one, other)| one == other).count()
}

/// Compresses `input` if that saves at least `saving` bytes.
pub fn compress(input: &[u8], saving: usize) -> Option<Vec<u8>> {
    let output_max = input.len().checked_sub(saving)?;
    let mut places = vec![0u32; 1 << HASH_BITS];
    let mut output = Vec::with_capacity(output_max);
    // The byte that tells the length of the run of literals; it goes when the run is empty.
    output.push(0);
    let (mut literals, mut at) = (0, 0);
    while at + 2 < input.len() {
        let place = &mut places[hash(input, at)];
        let before = std::mem::replace(place, at as u32) as usize;
        let is_match =
            before > 0 && before < at && at - before <= DISTANCE_MAX && input[before..before + 3] == input[at..at + 3];
        if !is_match {
            if output.len() >= output_max {
                return None;
            }
            output.push(input[at]);
            at += 1;
            end_run(&mut output, &mut literals, false);
            continue;
        }
        if output.len() - usize::from(literals == 0) + 4 >= output_max {
            return None;
        }
        end_run(&mut output, &mut literals, true);
        let length = match_length(input, before, at);
        let distance = at - before - 1;
        if length < SHORT_LENGTH {
            output.push(((length - 2) << 5 | distance >> 8) as u8);
        } else {
            output.push((7 << 5 | distance >> 8) as u8);
            output.push((length - SHORT_LENGTH) as u8);
        }
        output.push(distance as u8);
        output.push(0);
        at += length;
        // Of what a match covers, only the last places are kept.
        if at + 2 < input.len() {
            places[hash(input, at - 2)] = (at - 2) as u32;
            places[hash(input, at - 1)] = (at - 1) as u32;
        }
    }
    if output.len() + 3 > output_max {
        return None;
    }
    for &byte in &input[at..] {
        output.push(byte);
        end_run(&mut output, &mut literals, false);
    }
    end_run(&mut output, &mut literals, true);
    Some(output)
}

/// Counts the literal that was just written, or, when a reference is to follow, closes the run.
fn end_run(output: &mut Vec<u8>, literals: &mut usize, close: bool) {
    if close {
        match *literals {
            0 => {
                output.pop();
            }
            run => {
                let at = output.len() - run - 1;
                output[at] = (run - 1) as u8;
            }
        }
        *literals = 0;
        return;
    }
    *literals += 1;
    if *literals == LITERALS_MAX {
        let at = output.len() - LITERALS_MAX - 1;
        output[at] = (LITERALS_MAX - 1) as u8;
        output.push(0);
        *literals = 0;
    }
}

/// The `len` bytes that `input` stands for.
pub fn decompress(input: &[u8], len: usize) -> Result<Vec<u8>, Damaged> {
    if len > input.len().saturating_mul(GROWTH_MAX) {
        return Err(Damaged);
    }
    let mut output = Vec::with_capacity(len);
    let mut source = Source::new(input);
    while !source.is_empty() {
        let control = usize::from(source.byte()?);
        if control < LITERALS_MAX {
            output.extend_from_slice(source.take(control + 1)?);
        } else {
            let mut length = (control >> 5) + 2;
            if length == SHORT_LENGTH {
                length += usize::from(source.byte()?);
            }
            let distance = (control & 0x1f) << 8 | usize::from(source.byte()?);
            let from = output.len().checked_sub(distance + 1).ok_or(Damaged)?;
            if output.len() + length > len {
                return Err(Damaged);
            }
            if distance + 1 >= length {
                output.extend_from_within(from..from + length);
            } else {
                (from..from + length).for_each(|at| output.push(output[at]));
            }
        }
        if output.len() > len {
            return Err(Damaged);
        }
    }
    if output.len() == len { Ok(output) } else { Err(Damaged) }
}
