//! The two hashes of a key: CRC16 slots (fixed by the protocol) and table hashes (seeded per process).

use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

use super::id::{ShardId, Slot};

/// How many slots keys are spread over (Valkey Cluster specification).
pub const SLOTS: u16 = 16_384;

/// Bytes that one step of the checksum takes in.
const STRIDE: usize = 8;

/// Entry `[k][byte]` is what `byte` contributes to the checksum when `k` bytes follow it.
const CRC16_TABLES: [[u16; 256]; STRIDE] = crc16_tables();

const fn crc16_tables() -> [[u16; 256]; STRIDE] {
    let mut tables = [[0u16; 256]; STRIDE];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 {
                (crc << 1) ^ 0x1021
            } else {
                crc << 1
            };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut following = 1;
    while following < STRIDE {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[following - 1][byte];
            tables[following][byte] = (crc << 8) ^ tables[0][(crc >> 8) as usize];
            byte += 1;
        }
        following += 1;
    }
    tables
}

/// CRC16/XMODEM, the checksum that the cluster specification names. Eight bytes a step (slicing), since every key is routed by it.
pub fn crc16(bytes: &[u8]) -> u16 {
    let (strides, rest) = bytes.as_chunks::<STRIDE>();
    let crc = strides.iter().fold(0u16, |crc, stride| {
        let [high, low] = crc.to_be_bytes();
        let [a, b, c, d, e, f, g, h] = stride.map(usize::from);
        let tables = &CRC16_TABLES;
        let first = tables[7][a ^ usize::from(high)] ^ tables[6][b ^ usize::from(low)] ^ tables[5][c] ^ tables[4][d];
        first ^ tables[3][e] ^ tables[2][f] ^ tables[1][g] ^ tables[0][h]
    });
    let [high, low] = crc.to_be_bytes();
    match *rest {
        [] => crc,
        [a] => (crc << 8) ^ CRC16_TABLES[0][usize::from(a ^ high)],
        [a, b, ref more @ ..] => {
            let tables = &CRC16_TABLES[..more.len() + 2];
            let first = tables[more.len() + 1][usize::from(a ^ high)] ^ tables[more.len()][usize::from(b ^ low)];
            let rest = more.iter().rev().zip(tables);
            rest.fold(first, |crc, (&byte, table)| crc ^ table[usize::from(byte)])
        }
    }
}

/// The shard that owns a slot when there are so many.
pub fn owner(slot: Slot, shards: u16) -> ShardId {
    ShardId((u32::from(slot.0) * u32::from(shards) / u32::from(SLOTS)) as u16)
}

/// The slot of a routing part (not of a key: the caller has cut out the hash tag).
pub fn slot(routing_part: &[u8]) -> Slot {
    Slot(crc16(routing_part) & (SLOTS - 1))
}

/// What stands between the first `{` and the next `}`, when that is not empty; else the whole key.
pub fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = memchr::memchr(b'{', key)?;
    let rest = &key[open + 1..];
    match memchr::memchr(b'}', rest) {
        Some(close) if close > 0 => Some(&rest[..close]),
        _ => None,
    }
}

/// How this process hashes keys: with a secret drawn from the system at the first hash, so that nobody can prepare keys that collide.
/// All of foldhash's parameters are secret: with only its own seed secret, keys that cancel a known parameter would collide.
fn state() -> &'static SeedableRandomState {
    static STATE: OnceLock<SeedableRandomState> = OnceLock::new();
    STATE.get_or_init(|| {
        // Keyed by the operating system's randomness.
        let secret = std::hash::RandomState::new();
        let shared = Box::leak(Box::new(SharedSeed::from_u64(secret.hash_one(1))));
        SeedableRandomState::with_seed(secret.hash_one(2), shared)
    })
}

/// The hash by which tables place `bytes`; equal on all shards of a process.
#[inline]
pub fn table_hash(bytes: &[u8]) -> u64 {
    // Not `hash_one`, which hashes the length as a second word; foldhash mixes it in by itself.
    let mut hasher = state().build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

/// MurmurHash2 in its 64-bit form A (Appleby), little-endian: the hash by which HyperLogLogs of Valkey count.
pub fn murmur64a(bytes: &[u8], seed: u64) -> u64 {
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    const SHIFT: u32 = 47;
    let mix = |word: u64| {
        let word = word.wrapping_mul(FACTOR);
        (word ^ word >> SHIFT).wrapping_mul(FACTOR)
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let start = seed ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    let mut hash = words.iter().fold(start, |hash, word| {
        (hash ^ mix(u64::from_le_bytes(*word))).wrapping_mul(FACTOR)
    });
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(last)).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> SHIFT).wrapping_mul(FACTOR);
    hash ^ hash >> SHIFT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_cluster_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot(b"foo"), Slot(12182));
    }

    #[test]
    fn a_checksum_does_not_depend_on_the_stride() {
        let shift = |crc: u16| (crc << 1) ^ if crc & 0x8000 != 0 { 0x1021 } else { 0 };
        let add = |crc: u16, &byte: &u8| (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| shift(crc));
        let bytes: Vec<u8> = (0..100u32).map(|at| (at * 31 % 251) as u8).collect();
        for length in 0..bytes.len() {
            let bitwise = bytes[..length].iter().fold(0, add);
            assert_eq!(crc16(&bytes[..length]), bitwise, "{length} bytes");
        }
    }

    #[test]
    fn similar_keys_hash_evenly() {
        // Both ends of the hash are used: the first bits choose segments and homes, the last eight are fingerprints.
        for prefix in [
            "",
            "k",
            "user:",
            "a rather long prefix of a key, longer than what is hashed at once:",
        ] {
            let mut ends = [[0u32; 256]; 2];
            for number in 0..64 * 1024 {
                let hash = table_hash(format!("{prefix}{number}").as_bytes());
                ends[0][(hash >> 56) as usize] += 1;
                ends[1][(hash & 0xff) as usize] += 1;
            }
            // Expected 256 each, with a deviation of 16.
            let fair = |count: &u32| (146..366).contains(count);
            assert!(ends.iter().flatten().all(fair), "{prefix}: {ends:?}");
        }
    }

    #[test]
    fn a_tag_is_what_stands_in_the_first_braces_unless_empty() {
        let cases: [(&[u8], Option<&[u8]>); 6] = [
            (b"{user}.a", Some(b"user")),
            (b"foo{}{bar}", None),
            (b"foo{{bar}}zap", Some(b"{bar")),
            (b"foo{bar}{zap}", Some(b"bar")),
            (b"foo{bar", None),
            (b"foo", None),
        ];
        for (key, tag) in cases {
            assert_eq!(hash_tag(key), tag, "{}", key.escape_ascii());
        }
    }
}
