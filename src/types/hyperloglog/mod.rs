//! HyperLogLogs (Flajolet and others, 2007) in the bytes that Valkey stores: a header, then 16,384 registers, sparse (runs) or
//! dense (6 bits each). A register keeps the longest run of zeros, plus one, that any hash sent to it began with.
//!
//! ```text
//! 0   "HYLL"
//! 4   encoding: 0 dense, 1 sparse
//! 5   unused
//! 8   cached cardinality, little-endian; invalid while the top bit is set
//! 16  registers
//! ```

mod dense;
mod estimate;
mod sparse;
#[cfg(test)]
mod tests;

use crate::base::hash::murmur64a;

/// How many registers there are; a power of two.
pub const REGISTERS: usize = 1 << INDEX_BITS;

const INDEX_BITS: u32 = 14;
/// Bits of a hash that a register's rank is taken from.
const RANK_BITS: u32 = 64 - INDEX_BITS;
/// Values of a register, however it came to hold them.
const VALUES: usize = 64;
const SEED: u64 = 0xadc8_3b19;

const MAGIC: &[u8] = b"HYLL";
const ENCODING_AT: usize = 4;
const CACHE_AT: usize = 8;
const HEADER_BYTES: usize = 16;
/// The top bit of the cached cardinality.
const STALE: u64 = 1 << 63;

/// The registers cannot be read: runs do not add up to their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// How the registers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 6 bits each.
    Dense,
    /// Runs of equal registers.
    Sparse,
}

/// The register that an element goes to, and the value that it raises it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    index: usize,
    value: u8,
}

impl Hit {
    /// Where `element` goes.
    pub fn of(element: &[u8]) -> Self {
        let hash = murmur64a(element, SEED);
        let rest = hash >> INDEX_BITS | 1 << RANK_BITS;
        Hit {
            index: hash as usize % REGISTERS,
            value: rest.trailing_zeros() as u8 + 1,
        }
    }
}

/// The encoding, when `bytes` begin as a HyperLogLog does and have a possible length.
pub fn encoding(bytes: &[u8]) -> Option<Encoding> {
    if bytes.len() < HEADER_BYTES || !bytes.starts_with(MAGIC) {
        return None;
    }
    match bytes[ENCODING_AT] {
        0 if bytes.len() == HEADER_BYTES + dense::BYTES => Some(Encoding::Dense),
        1 => Some(Encoding::Sparse),
        _ => None,
    }
}

/// An empty one.
pub fn new() -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[ENCODING_AT] = 1;
    sparse::push_zeros(&mut bytes, REGISTERS);
    bytes
}

/// The cardinality that was counted last, if no register has changed since.
pub fn cached(bytes: &[u8]) -> Option<u64> {
    let cache = bytes[CACHE_AT..HEADER_BYTES].try_into().expect("eight bytes");
    Some(u64::from_le_bytes(cache)).filter(|cache| cache & STALE == 0)
}

/// Keeps a cardinality.
pub fn set_cached(bytes: &mut [u8], cardinality: u64) {
    bytes[CACHE_AT..HEADER_BYTES].copy_from_slice(&cardinality.to_le_bytes());
}

/// Forgets the cardinality; its lower bits stay, as in Valkey.
pub fn invalidate(bytes: &mut [u8]) {
    bytes[HEADER_BYTES - 1] |= 0x80;
}

/// Whether the register of `hit` would be raised.
pub fn would_raise(bytes: &[u8], hit: Hit) -> Result<bool, Corrupt> {
    let registers = &bytes[HEADER_BYTES..];
    match bytes[ENCODING_AT] {
        0 => Ok(dense::get(registers, hit.index) < hit.value),
        _ if hit.value > sparse::VALUE_MAX => Ok(true),
        _ => Ok(sparse::find(registers, hit.index)?.run.value < hit.value),
    }
}

/// Raises the register of `hit`; tells whether that changed it. A sparse one that would need more than `sparse_max` bytes, or
/// a value that runs cannot hold, becomes dense. O(1) when dense, O(length) when sparse.
pub fn raise(bytes: &mut Vec<u8>, hit: Hit, sparse_max: usize) -> Result<bool, Corrupt> {
    if bytes[ENCODING_AT] == 0 {
        return Ok(raise_dense(bytes, hit));
    }
    match sparse::raise(bytes, hit, sparse_max)? {
        sparse::Raised::No => Ok(false),
        sparse::Raised::Yes => {
            invalidate(bytes);
            Ok(true)
        }
        sparse::Raised::DoesNotFit => {
            make_dense(bytes)?;
            Ok(raise_dense(bytes, hit))
        }
    }
}

/// As [`raise`] for one that is dense.
pub fn raise_dense(bytes: &mut [u8], hit: Hit) -> bool {
    let registers = &mut bytes[HEADER_BYTES..];
    let raised = dense::get(registers, hit.index) < hit.value;
    if raised {
        dense::set(registers, hit.index, hit.value);
    }
    raised
}

/// Makes a sparse one dense; nothing has changed after an error.
pub fn make_dense(bytes: &mut Vec<u8>) -> Result<(), Corrupt> {
    if bytes[ENCODING_AT] == 0 {
        return Ok(());
    }
    let mut dense = vec![0; HEADER_BYTES + dense::BYTES];
    dense[..HEADER_BYTES].copy_from_slice(&bytes[..HEADER_BYTES]);
    dense[ENCODING_AT] = 0;
    let registers = &mut dense[HEADER_BYTES..];
    each(bytes, |index, value| dense::set(registers, index, value))?;
    *bytes = dense;
    Ok(())
}

/// The runs of a sparse one, as PFDEBUG DECODE shows them.
pub fn runs(bytes: &[u8]) -> String {
    sparse::show(&bytes[HEADER_BYTES..])
}

/// Visits the registers that are not 0.
fn each(bytes: &[u8], mut visit: impl FnMut(usize, u8)) -> Result<(), Corrupt> {
    let registers = &bytes[HEADER_BYTES..];
    if bytes[ENCODING_AT] == 0 {
        let mut index = 0;
        dense::each(registers, |value| {
            if value > 0 {
                visit(index, value);
            }
            index += 1;
        });
        return Ok(());
    }
    let mut index = 0;
    for run in sparse::Runs::of(registers) {
        let end = index + run.len;
        if end > REGISTERS {
            return Err(Corrupt);
        }
        if run.value > 0 {
            (index..end).for_each(|index| visit(index, run.value));
        }
        index = end;
    }
    if index == REGISTERS { Ok(()) } else { Err(Corrupt) }
}

/// About how many elements were added; O(registers).
pub fn count(bytes: &[u8]) -> Result<u64, Corrupt> {
    let mut histogram = [0; VALUES];
    if bytes[ENCODING_AT] == 0 {
        dense::each(&bytes[HEADER_BYTES..], |value| histogram[usize::from(value)] += 1);
    } else {
        histogram[0] = REGISTERS as u32;
        each(bytes, |_, value| {
            histogram[usize::from(value)] += 1;
            histogram[0] -= 1;
        })?;
    }
    Ok(estimate::cardinality(&histogram))
}

/// The registers of a union, one a byte.
pub struct Union(Box<[u8; REGISTERS]>);

impl Default for Union {
    fn default() -> Self {
        Union(Box::new([0; REGISTERS]))
    }
}

impl Union {
    /// Adds all that `bytes` have counted. What was merged before an error stays.
    pub fn merge(&mut self, bytes: &[u8]) -> Result<(), Corrupt> {
        let registers = &mut self.0;
        each(bytes, |index, value| registers[index] = registers[index].max(value))
    }

    /// About how many elements were added.
    pub fn count(&self) -> u64 {
        let mut histogram = [0; VALUES];
        self.0.iter().for_each(|value| histogram[usize::from(*value)] += 1);
        estimate::cardinality(&histogram)
    }

    /// The registers, in order.
    pub fn registers(&self) -> &[u8; REGISTERS] {
        &self.0
    }

    /// Writes the registers, all at least as high as those that are there.
    pub fn store(&self, bytes: &mut Vec<u8>, sparse_max: usize) -> Result<(), Corrupt> {
        let values = self.0.iter().enumerate().filter(|(_, value)| **value > 0);
        for (index, &value) in values {
            raise(bytes, Hit { index, value }, sparse_max)?;
        }
        invalidate(bytes);
        Ok(())
    }
}
