//! Values as bytes that other servers read, and back: the formats of Valkey's RDB files and DUMP payloads. No files, no keys.
//!
//! Bytes from outside are never trusted: every length is checked against the bytes that are left before anything is allocated
//! for it, compact forms are walked to their ends, and members must not repeat. What a payload makes takes memory in proportion
//! to its length, which compression bounds.

pub mod checksum;
mod compact;
pub mod dump;
mod extent;
pub mod frame;
pub mod functions;
mod listpack;
mod lzf;
pub mod rdb;
mod read;
mod source;
mod stream;
#[cfg(test)]
mod tests;
mod write;

pub use read::{Limits, read};
pub use write::write;

/// The newest version of the format that is understood, and the one that is written: Valkey 9's.
pub const VERSION: u16 = 80;
/// The newest version that Redis and Valkey share; those between are Redis's own.
const VERSION_SHARED: u16 = 11;

/// The bytes are not what they claim to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no value")]
pub struct Damaged;

/// Whether a version of the format can be read.
pub fn is_known(version: u16) -> bool {
    version <= VERSION_SHARED || version == VERSION
}

/// Numbers that stand for types and their encodings.
mod kind {
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const SORTED_SET_TEXT: u8 = 3;
    pub const HASH: u8 = 4;
    pub const SORTED_SET: u8 = 5;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_INTS: u8 = 11;
    pub const SORTED_SET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    pub const LIST_OF_ZIPLISTS: u8 = 14;
    pub const STREAM: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const SORTED_SET_LISTPACK: u8 = 17;
    pub const LIST_OF_NODES: u8 = 18;
    /// With what was deleted and added.
    pub const STREAM_COUNTED: u8 = 19;
    pub const SET_LISTPACK: u8 = 20;
    /// And with when consumers were active.
    pub const STREAM_ACTIVE: u8 = 21;
    pub const HASH_EXPIRING: u8 = 22;
}

/// How lengths are written: the top two bits of the first byte say how many bytes follow, or that something else than a
/// length does.
mod length {
    pub const SIX_BITS: u8 = 0;
    pub const FOURTEEN_BITS: u8 = 0x40;
    pub const WORD: u8 = 0x80;
    pub const DOUBLE_WORD: u8 = 0x81;
    pub const FORM: u8 = 0xc0;

    /// Strings with this in place of a length are integers of one, two or four bytes.
    pub const INT8: u8 = 0xc0;
    pub const INT16: u8 = 0xc1;
    pub const INT32: u8 = 0xc2;
    /// Compressed.
    pub const LZF: u8 = 0xc3;
}

/// What holds a list's node.
mod node {
    /// One item.
    pub const PLAIN: u64 = 1;
    /// A listpack.
    pub const PACKED: u64 = 2;
}

/// Marks a field of a hash that does not expire.
const NO_EXPIRY: i64 = -1;
