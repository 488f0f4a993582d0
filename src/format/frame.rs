//! Frames of the log: the records of one pass of a shard, or of one transaction, so marked that what a crash has torn is told from what was damaged
//! later.
//!
//! A frame is `CLF1`, the length of its records (8 bytes, little-endian as all numbers), a checksum of all that follows (8), the time of the run (8),
//! the frame's number in its file (8), up to where the file was known to be on disk when the frame was written (8), the transaction (8; 0 for none),
//! how many shards it has changed (2), these shards (2 each), the records.

use smallvec::SmallVec;

use super::Damaged;
use super::checksum::crc64;
use crate::base::id::{ShardId, TxId};
use crate::base::time::UnixMillis;

/// With what a frame begins.
pub const MAGIC: [u8; 4] = *b"CLF1";
/// From the beginning to the checksum, it included.
const SEALED_AT: usize = 20;
/// Bytes of a frame before the shards of its transaction.
pub const HEAD_BYTES: usize = 54;

/// The shards that a transaction has changed: it is recovered on all or on none.
pub type Shards = SmallVec<[ShardId; 4]>;

/// What stands before the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The clock of the run.
    pub now: UnixMillis,
    /// How many frames of the file were before.
    pub number: u64,
    /// So many bytes of the file were known to be on disk.
    pub synced_bytes: u64,
    /// The transaction, when it has changed several shards, and these.
    pub part_of: Option<(TxId, Shards)>,
}

/// A frame's place and content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What stands before the records.
    pub head: Head,
    /// The records, encoded.
    pub records: &'a [u8],
}

/// Appends a frame.
pub fn write(head: &Head, records: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&(records.len() as u64).to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&head.now.0.to_le_bytes());
    out.extend_from_slice(&head.number.to_le_bytes());
    out.extend_from_slice(&head.synced_bytes.to_le_bytes());
    let (tx, shards) = head
        .part_of
        .as_ref()
        .map_or((0, &[][..]), |(tx, shards)| (tx.0, shards));
    out.extend_from_slice(&tx.to_le_bytes());
    out.extend_from_slice(&(shards.len() as u16).to_le_bytes());
    shards
        .iter()
        .for_each(|shard| out.extend_from_slice(&shard.0.to_le_bytes()));
    out.extend_from_slice(records);
    let checksum = crc64(0, &out[start + SEALED_AT..]).to_le_bytes();
    out[start + SEALED_AT - 8..start + SEALED_AT].copy_from_slice(&checksum);
}

/// How many bytes the frame has that begins with `head`, of which [`HEAD_BYTES`] are needed; 0 when none begins so.
pub fn length(head: &[u8; HEAD_BYTES]) -> u64 {
    let Some((magic, rest)) = head.split_first_chunk::<4>() else {
        return 0;
    };
    let (Some((records, _)), Some((_, shards))) = (rest.split_first_chunk::<8>(), head.split_last_chunk::<2>()) else {
        return 0;
    };
    if *magic != MAGIC {
        return 0;
    }
    let before = HEAD_BYTES as u64 + u64::from(u16::from_le_bytes(*shards)) * 2;
    before.checked_add(u64::from_le_bytes(*records)).unwrap_or(0)
}

/// The frame that `bytes` are.
pub fn read(bytes: &[u8]) -> Result<Frame<'_>, Damaged> {
    let (head, _) = bytes.split_first_chunk::<HEAD_BYTES>().ok_or(Damaged)?;
    if length(head) != bytes.len() as u64 {
        return Err(Damaged);
    }
    let mut left = bytes.get(SEALED_AT - 8..).ok_or(Damaged)?;
    let checksum = number(&mut left)?;
    if crc64(0, left) != checksum {
        return Err(Damaged);
    }
    let now = UnixMillis(number(&mut left)? as i64);
    let (ordinal, synced_bytes, tx) = (number(&mut left)?, number(&mut left)?, number(&mut left)?);
    let count = short(&mut left)?;
    let shards: Shards = (0..count)
        .map(|_| short(&mut left).map(ShardId))
        .collect::<Result<_, _>>()?;
    Ok(Frame {
        head: Head {
            now,
            number: ordinal,
            synced_bytes,
            part_of: (tx != 0).then_some((TxId(tx), shards)),
        },
        records: left,
    })
}

fn number(left: &mut &[u8]) -> Result<u64, Damaged> {
    let (bytes, rest) = left.split_first_chunk::<8>().ok_or(Damaged)?;
    *left = rest;
    Ok(u64::from_le_bytes(*bytes))
}

fn short(left: &mut &[u8]) -> Result<u16, Damaged> {
    let (bytes, rest) = left.split_first_chunk::<2>().ok_or(Damaged)?;
    *left = rest;
    Ok(u16::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> (Head, Vec<u8>) {
        let head = Head {
            now: UnixMillis(1_700_000_000_123),
            number: 7,
            synced_bytes: 4096,
            part_of: Some((TxId(99), [ShardId(0), ShardId(3)].into_iter().collect())),
        };
        let mut bytes = Vec::new();
        write(&head, b"records", &mut bytes);
        (head, bytes)
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let (head, bytes) = frame();
        let first = bytes.first_chunk().expect("a frame has a head");
        assert_eq!(length(first), bytes.len() as u64);
        let records = &b"records"[..];
        assert_eq!(read(&bytes), Ok(Frame { head, records }));
        let head = Head {
            now: UnixMillis(0),
            number: 0,
            synced_bytes: 0,
            part_of: None,
        };
        let mut bytes = Vec::new();
        write(&head, b"", &mut bytes);
        assert_eq!(
            (bytes.len(), read(&bytes)),
            (HEAD_BYTES, Ok(Frame { head, records: b"" }))
        );
    }

    #[test]
    fn each_bit_counts() {
        let (_, bytes) = frame();
        for at in 0..bytes.len() {
            assert_eq!(read(&bytes[..at]), Err(Damaged), "cut at {at}");
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                assert_eq!(read(&damaged), Err(Damaged), "bit {bit} of byte {at}");
            }
        }
    }
}
