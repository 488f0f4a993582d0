//! Values to bytes, as Valkey 9 writes them.

use super::compact::write_ints;
use super::listpack::{EMPTY_BYTES, Listpack};
use super::{NO_EXPIRY, kind, length, lzf, node, stream};
use crate::base::number::{DoubleText, parse_i64};
use crate::base::time::UnixMillis;
use crate::config::Config;
use crate::keyspace::{Entry, StringRef};
use crate::types::{Hash, List, Set, SortedSet};

/// Longer strings spell no integer of four bytes.
const INT_TEXT_MAX: usize = 11;
/// Shorter strings are not worth compressing, in bytes.
const COMPRESSED_MIN: usize = 21;
/// What compression must save, in bytes.
const SAVING_MIN: usize = 4;
/// Whole numbers up to this magnitude are written as integers in place of scores.
const INT_SCORE_MAX: f64 = (i64::MAX / 2) as f64;

/// Appends the type and the value of `entry`: fields of hashes that have expired at `now` are left out.
pub fn write(entry: &Entry, now: UnixMillis, config: &Config, out: &mut Vec<u8>) {
    if let Some(string) = entry.as_string() {
        out.push(kind::STRING);
        match string {
            StringRef::Int(number) => write_int(number, out),
            StringRef::Bytes(bytes) => write_string(bytes, out),
        }
    } else if let Some(list) = entry.list() {
        write_list(list, config.list_max_listpack_size, out);
    } else if let Some(set) = entry.set() {
        write_set(set, out);
    } else if let Some(hash) = entry.hash() {
        write_hash(hash, now, out);
    } else if let Some(sorted_set) = entry.sorted_set() {
        write_sorted_set(sorted_set, out);
    } else if let Some(stream) = entry.stream() {
        stream::write(stream, out);
    }
}

pub(super) fn write_length(len: usize, out: &mut Vec<u8>) {
    match len {
        0..64 => out.push(length::SIX_BITS | len as u8),
        64..16_384 => out.extend_from_slice(&[length::FOURTEEN_BITS | (len >> 8) as u8, len as u8]),
        _ => match u32::try_from(len) {
            Ok(len) => {
                out.push(length::WORD);
                out.extend_from_slice(&len.to_be_bytes());
            }
            Err(_) => {
                out.push(length::DOUBLE_WORD);
                out.extend_from_slice(&(len as u64).to_be_bytes());
            }
        },
    }
}

/// Writes an integer in up to four bytes; tells whether it fits.
fn write_small_int(number: i64, out: &mut Vec<u8>) -> bool {
    let (form, len) = match number {
        -0x80..=0x7f => (length::INT8, 1),
        -0x8000..=0x7fff => (length::INT16, 2),
        -0x8000_0000..=0x7fff_ffff => (length::INT32, 4),
        _ => return false,
    };
    out.push(form);
    out.extend_from_slice(&number.to_le_bytes()[..len]);
    true
}

fn write_int(number: i64, out: &mut Vec<u8>) {
    if !write_small_int(number, out) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number);
        write_length(digits.len(), out);
        out.extend_from_slice(digits.as_bytes());
    }
}

/// Writes a string in the shortest of its forms.
pub(super) fn write_string(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.len() <= INT_TEXT_MAX && parse_i64(bytes).is_some_and(|number| write_small_int(number, out)) {
        return;
    }
    let packed = (bytes.len() >= COMPRESSED_MIN).then(|| lzf::compress(bytes, SAVING_MIN));
    if let Some(packed) = packed.flatten() {
        out.push(length::LZF);
        write_length(packed.len(), out);
        write_length(bytes.len(), out);
        out.extend_from_slice(&packed);
    } else {
        write_length(bytes.len(), out);
        out.extend_from_slice(bytes);
    }
}

/// How much one node of a list holds: the directive `list-max-listpack-size`.
#[derive(Clone, Copy)]
struct NodeLimit {
    bytes: usize,
    count: usize,
}

impl NodeLimit {
    /// What an item is thought to need besides its bytes.
    const ITEM_BYTES: usize = 8;
    /// Nodes that are limited by their number of items have no more bytes than this.
    const COUNTED_BYTES: usize = 8192;

    fn of(directive: i32) -> Self {
        match directive {
            0.. => NodeLimit {
                bytes: Self::COUNTED_BYTES,
                count: directive.unsigned_abs().max(1) as usize,
            },
            class => NodeLimit {
                bytes: 4096 << (class.unsigned_abs().min(5) - 1),
                count: usize::MAX,
            },
        }
    }
}

/// A list as nodes, filled from the head on.
fn write_list(list: &List, directive: i32, out: &mut Vec<u8>) {
    out.push(kind::LIST_OF_NODES);
    let limit = NodeLimit::of(directive);
    let limit = match list.encoding() {
        "listpack" => NodeLimit {
            bytes: usize::MAX,
            count: usize::MAX,
        },
        _ => limit,
    };
    let (mut nodes, mut count) = (Vec::new(), 0);
    let mut open = Listpack::default();
    let mut close = |listpack: Listpack, nodes: &mut Vec<u8>| {
        if listpack.len() > EMPTY_BYTES {
            write_length(node::PACKED as usize, nodes);
            write_string(&listpack.finish(), nodes);
            count += 1;
        }
    };
    let mut plain = 0;
    for item in list.iter_from(0) {
        if item.len() > limit.bytes {
            close(std::mem::take(&mut open), &mut nodes);
            write_length(node::PLAIN as usize, &mut nodes);
            write_string(item, &mut nodes);
            plain += 1;
            continue;
        }
        let bytes = open.len() + item.len() + NodeLimit::ITEM_BYTES;
        if open.count() > 0 && (bytes > limit.bytes || open.count() >= limit.count) {
            close(std::mem::take(&mut open), &mut nodes);
        }
        open.push(item);
    }
    close(open, &mut nodes);
    write_length(count + plain, out);
    out.append(&mut nodes);
}

fn write_set(set: &Set, out: &mut Vec<u8>) {
    match set.encoding() {
        "intset" => {
            out.push(kind::SET_INTS);
            let ints: Vec<i64> = set.iter().filter_map(|member| parse_i64(&member)).collect();
            write_string(&write_ints(&ints), out);
        }
        "listpack" => {
            out.push(kind::SET_LISTPACK);
            let mut listpack = Listpack::default();
            set.iter().for_each(|member| listpack.push(&member));
            write_string(&listpack.finish(), out);
        }
        _ => {
            out.push(kind::SET);
            write_length(set.len(), out);
            set.iter().for_each(|member| write_string(&member, out));
        }
    }
}

fn write_hash(hash: &Hash, now: UnixMillis, out: &mut Vec<u8>) {
    let expires = hash.next_due().is_some();
    if hash.encoding() == "listpack" {
        out.push(kind::HASH_LISTPACK);
        let mut listpack = Listpack::default();
        for (field, value) in hash.iter(now) {
            listpack.push(field);
            listpack.push(value);
        }
        return write_string(&listpack.finish(), out);
    }
    out.push(if expires { kind::HASH_EXPIRING } else { kind::HASH });
    write_length(hash.live_len(now), out);
    for (field, value) in hash.iter(now) {
        write_string(field, out);
        write_string(value, out);
        if expires {
            let at = hash.expiry(field, now).flatten();
            let at = at.map_or(NO_EXPIRY, |at| at.0);
            out.extend_from_slice(&at.to_le_bytes());
        }
    }
}

fn write_sorted_set(set: &SortedSet, out: &mut Vec<u8>) {
    if set.encoding() == "listpack" {
        out.push(kind::SORTED_SET_LISTPACK);
        let mut listpack = Listpack::default();
        let mut text = DoubleText::default();
        for (member, score) in set.iter() {
            listpack.push(member);
            if score.trunc() == score && score.abs() <= INT_SCORE_MAX {
                listpack.push_int(score as i64);
            } else {
                listpack.push(text.format(score).as_bytes());
            }
        }
        return write_string(&listpack.finish(), out);
    }
    out.push(kind::SORTED_SET);
    write_length(set.len(), out);
    for (member, score) in set.iter().rev() {
        write_string(member, out);
        out.extend_from_slice(&score.to_le_bytes());
    }
}
