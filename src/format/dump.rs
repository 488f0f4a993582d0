//! DUMP payloads: a value, the version of the format (2 bytes) and a checksum of both (8), little-endian.

use super::checksum::crc64;
use super::{Damaged, VERSION, is_known};

const VERSION_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 8;

/// Appends version and checksum to a value, which makes it a payload.
pub fn seal(payload: &mut Vec<u8>) {
    payload.extend_from_slice(&VERSION.to_le_bytes());
    let checksum = crc64(0, payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
}

/// The value in a payload of a known version and with the right checksum.
pub fn open(payload: &[u8]) -> Result<&[u8], Damaged> {
    let (sealed, checksum) = payload.split_last_chunk::<CHECKSUM_BYTES>().ok_or(Damaged)?;
    let (value, version) = sealed.split_last_chunk::<VERSION_BYTES>().ok_or(Damaged)?;
    let whole = crc64(0, sealed) == u64::from_le_bytes(*checksum);
    if whole && is_known(u16::from_le_bytes(*version)) {
        Ok(value)
    } else {
        Err(Damaged)
    }
}
