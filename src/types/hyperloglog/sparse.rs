//! Registers as runs of equal ones.
//!
//! ```text
//! 00llllll           l + 1 registers are 0
//! 01llllll llllllll  l + 1 registers are 0
//! 1vvvvvll           l + 1 registers are v + 1
//! ```

use std::fmt::Write;

use super::{Corrupt, HEADER_BYTES, Hit};

/// The highest value that a run can have.
pub const VALUE_MAX: u8 = 32;
/// The longest run of a value.
const VALUE_RUN_MAX: usize = 4;
/// The longest run of zeros in one byte.
const ZEROS_MAX: usize = 64;
/// How many runs are looked at, from the one before a change on, for neighbours that can be one.
const MERGE_RUNS: usize = 5;
/// The most bytes that replace a run: one of zeros is cut into two long ones with a value between.
const CUT_BYTES_MAX: usize = 5;

const LONG: u8 = 0x40;
const VALUE: u8 = 0x80;

/// Registers of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// What they hold.
    pub value: u8,
    /// How many there are.
    pub len: usize,
    /// Bytes that say so.
    pub bytes: usize,
}

impl Run {
    fn at(code: &[u8], at: usize) -> Self {
        let byte = code[at];
        if byte & VALUE != 0 {
            return Run {
                value: (byte >> 2 & 0x1f) + 1,
                len: usize::from(byte & 3) + 1,
                bytes: 1,
            };
        }
        let len = usize::from(byte & 0x3f);
        let (len, bytes) = match byte & LONG {
            0 => (len, 1),
            // The last byte may be missing from a damaged string.
            _ => (len << 8 | usize::from(code.get(at + 1).copied().unwrap_or(0)), 2),
        };
        Run {
            value: 0,
            len: len + 1,
            bytes,
        }
    }
}

/// All runs, in order.
pub struct Runs<'a> {
    code: &'a [u8],
    at: usize,
}

impl<'a> Runs<'a> {
    /// The runs that `code` spells.
    pub fn of(code: &'a [u8]) -> Self {
        Runs { code, at: 0 }
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        (self.at < self.code.len()).then(|| {
            let run = Run::at(self.code, self.at);
            self.at += run.bytes;
            run
        })
    }
}

/// Where a register's run stands.
pub struct Place {
    /// Byte of the run before.
    before: Option<usize>,
    /// Byte of the run.
    at: usize,
    /// First register of the run.
    first: usize,
    /// The run.
    pub run: Run,
}

/// The run that holds register `index`.
pub fn find(code: &[u8], index: usize) -> Result<Place, Corrupt> {
    let (mut before, mut at, mut first) = (None, 0, 0);
    while at < code.len() {
        let run = Run::at(code, at);
        if index < first + run.len {
            return Ok(Place { before, at, first, run });
        }
        (before, at, first) = (Some(at), at + run.bytes, first + run.len);
    }
    Err(Corrupt)
}

/// What became of an attempt to raise a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    /// It is as high already.
    No,
    /// It is raised.
    Yes,
    /// The runs cannot hold it, or would become too long.
    DoesNotFit,
}

/// Raises a register, `bytes` with their header; they never grow beyond `bytes_max`.
pub fn raise(bytes: &mut Vec<u8>, hit: Hit, bytes_max: usize) -> Result<Raised, Corrupt> {
    if hit.value > VALUE_MAX {
        return Ok(Raised::DoesNotFit);
    }
    let place = find(&bytes[HEADER_BYTES..], hit.index)?;
    let run = place.run;
    if run.value >= hit.value {
        return Ok(Raised::No);
    }
    let at = HEADER_BYTES + place.at;
    if run.len == 1 && run.bytes == 1 {
        bytes[at] = value_run(hit.value, 1);
    } else {
        let mut cut = Vec::with_capacity(CUT_BYTES_MAX);
        push_run(&mut cut, run.value, hit.index - place.first);
        cut.push(value_run(hit.value, 1));
        push_run(&mut cut, run.value, place.first + run.len - 1 - hit.index);
        if cut.len() > run.bytes && bytes.len() + cut.len() - run.bytes > bytes_max {
            return Ok(Raised::DoesNotFit);
        }
        let end = bytes.len().min(at + run.bytes);
        bytes.splice(at..end, cut);
    }
    merge(bytes, HEADER_BYTES + place.before.unwrap_or(0));
    Ok(Raised::Yes)
}

/// Makes one of neighbouring runs of the same value where that is possible, among a few runs from byte `at` on.
fn merge(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..MERGE_RUNS {
        if at >= bytes.len() {
            return;
        }
        let run = Run::at(bytes, at);
        let next = bytes.get(at + 1).filter(|byte| run.value > 0 && **byte & VALUE != 0);
        let next = next.map(|_| Run::at(bytes, at + 1));
        let together = next.filter(|next| next.value == run.value && next.len + run.len <= VALUE_RUN_MAX);
        match together {
            Some(next) => {
                bytes[at + 1] = value_run(run.value, run.len + next.len);
                bytes.remove(at);
            }
            None => at += run.bytes,
        }
    }
}

fn value_run(value: u8, len: usize) -> u8 {
    VALUE | (value - 1) << 2 | (len - 1) as u8
}

/// Appends `len` registers of `value`; none is nothing.
fn push_run(code: &mut Vec<u8>, value: u8, len: usize) {
    match (value, len) {
        (_, 0) => {}
        (0, len) => push_zeros(code, len),
        (value, len) => code.push(value_run(value, len)),
    }
}

/// Appends `len` registers that are 0, at most 16,384.
pub fn push_zeros(code: &mut Vec<u8>, len: usize) {
    let rest = len - 1;
    if len > ZEROS_MAX {
        code.push(LONG | (rest >> 8) as u8);
    }
    code.push(rest as u8);
}

/// The runs as text: `z` and `Z` for zeros by their form, `v` for values.
pub fn show(code: &[u8]) -> String {
    let mut text = String::new();
    for run in Runs::of(code) {
        let Run { value, len, bytes } = run;
        let written = match (value, bytes) {
            (0, 1) => write!(text, "z:{len} "),
            (0, _) => write!(text, "Z:{len} "),
            _ => write!(text, "v:{value},{len} "),
        };
        written.expect("writing to a string cannot fail");
    }
    text.truncate(text.trim_end().len());
    text
}
