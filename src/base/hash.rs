//! The two hashes of a key: CRC16 slots (fixed by the protocol) and table hashes (seeded per process).

use std::hash::BuildHasher;
use std::sync::OnceLock;

use super::id::Slot;

/// How many slots keys are spread over (Valkey Cluster specification).
pub const SLOTS: u16 = 16_384;

const CRC16_TABLE: [u16; 256] = crc16_table();

const fn crc16_table() -> [u16; 256] {
    let mut table = [0u16; 256];
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
        table[byte] = crc;
        byte += 1;
    }
    table
}

/// CRC16/XMODEM, the checksum that the cluster specification names.
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (crc << 8) ^ CRC16_TABLE[usize::from((crc >> 8) as u8 ^ byte)]
    })
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

/// The seed with which this process hashes keys: random, so that nobody can prepare colliding keys.
pub fn state() -> &'static foldhash::quality::FixedState {
    static STATE: OnceLock<foldhash::quality::FixedState> = OnceLock::new();
    STATE.get_or_init(|| {
        let seed = foldhash::quality::RandomState::default().hash_one(std::process::id());
        foldhash::quality::FixedState::with_seed(seed)
    })
}

/// The hash by which tables place `bytes`; equal on all shards of a process.
pub fn table_hash(bytes: &[u8]) -> u64 {
    state().hash_one(bytes)
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
