//! Streams as bytes, and back.
//!
//! ```text
//! number of nodes, nodes: first id (a string of 16 bytes, big-endian), listpack
//! entries, last id, [first id, greatest deleted id, entries ever added]
//! number of groups, groups: name, last id, [entries read], number of deliveries, deliveries: id (16 bytes), time (8), count
//!   number of consumers, consumers: name, time seen (8), [time active (8)], number of deliveries, their ids (16 each)
//! listpack of a node: entries, deleted entries, number of fields, fields, 0, entries
//!   entry: flags, difference of ms to the first id, of seq, [number of fields], values, or fields with values, number of elements so far
//! ```
//!
//! What stands in brackets came with later versions.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::listpack::{self, Item, Listpack};
use super::source::Source;
use super::write::{write_length, write_string};
use super::{Damaged, kind};
use crate::types::Stream;
use crate::types::stream::{Flow, Group, Limits, Node, Packed, Pairs, Pending, StreamId};

/// The entry was deleted.
const DELETED: i64 = 1;
/// Its fields are those of the node's first entry.
const SAME_FIELDS: i64 = 1 << 1;
/// Number, position and count of an entry whose fields are not told.
const FIXED_ITEMS: i64 = 3;
const ID_BYTES: usize = 16;
/// Least bytes of a node: a string of an id, and one of a listpack.
const NODE_BYTES_MIN: usize = ID_BYTES + 2;
/// Nodes of a payload stay as they are.
const UNLIMITED: Limits = Limits {
    node_bytes: 0,
    node_entries: 0,
};
/// The consumer that has what is released, and when it was seen and active.
const NOBODY: &[u8] = b"";
const NOBODY_SEEN_MS: i64 = 0;
const NOBODY_ACTIVE_MS: i64 = -1;
/// Beyond this, times are not kept.
const TIME_MAX_MS: u64 = (1 << 48) - 1;

pub fn write(stream: &Stream, out: &mut Vec<u8>) {
    out.push(kind::STREAM_ACTIVE);
    let log = &stream.log;
    write_length(log.nodes_len(), out);
    log.nodes(&mut |first, node| {
        write_string(&id_bytes(first), out);
        write_string(&node_listpack(first, node), out);
    });
    write_number(log.len(), out);
    write_id(log.last_id(), out);
    write_id(log.first().map_or(StreamId::MIN, |entry| entry.id), out);
    write_id(log.max_deleted_id(), out);
    write_number(log.entries_added(), out);
    write_length(stream.groups.len(), out);
    for (name, group) in &stream.groups {
        write_string(name, out);
        write_group(group, out);
    }
}

fn write_number(number: u64, out: &mut Vec<u8>) {
    write_length(usize::try_from(number).unwrap_or(usize::MAX), out);
}

fn write_id(id: StreamId, out: &mut Vec<u8>) {
    write_number(id.ms, out);
    write_number(id.seq, out);
}

fn id_bytes(id: StreamId) -> [u8; ID_BYTES] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}

fn push(listpack: &mut Listpack, item: Packed<'_>) {
    match item {
        Packed::Int(number) => listpack.push_int(number),
        Packed::Bytes(bytes) => listpack.push(bytes),
    }
}

fn node_listpack(first: StreamId, node: &Node) -> Vec<u8> {
    let kept_deleted = node.kept(first).filter(|(_, deleted)| *deleted).count();
    let mut listpack = Listpack::default();
    listpack.push_int(node.live() as i64);
    listpack.push_int(kept_deleted as i64);
    let fields = node.field_names();
    listpack.push_int(fields.len() as i64);
    fields.iter().for_each(|field| push(&mut listpack, *field));
    listpack.push_int(0);
    for (entry, deleted) in node.kept(first) {
        let pairs: Pairs<'_> = entry.pairs();
        let same = pairs.names_are_shared();
        let flags = if deleted { DELETED } else { 0 } | if same { SAME_FIELDS } else { 0 };
        listpack.push_int(flags);
        listpack.push_int(entry.id.ms.wrapping_sub(first.ms) as i64);
        listpack.push_int(entry.id.seq.wrapping_sub(first.seq) as i64);
        let count = pairs.len() as i64;
        if !same {
            listpack.push_int(count);
        }
        for (field, value) in pairs {
            if !same {
                push(&mut listpack, field);
            }
            push(&mut listpack, value);
        }
        listpack.push_int(FIXED_ITEMS + if same { count } else { 2 * count + 1 });
    }
    listpack.finish()
}

fn write_group(group: &Group, out: &mut Vec<u8>) {
    write_id(group.last_id, out);
    write_number(group.entries_read.unwrap_or(u64::MAX), out);
    write_length(group.pending_len(), out);
    group.walk(StreamId::MIN, u64::MAX, &mut |id, pending| {
        out.extend_from_slice(&id_bytes(id));
        out.extend_from_slice(&pending.time_ms().to_le_bytes());
        write_number(pending.count(), out);
        Flow::Continue(())
    });
    let mut released = Vec::new();
    if group.released_len() > 0 {
        group.walk(StreamId::MIN, u64::MAX, &mut |id, pending| {
            released.extend(pending.is_released().then_some(id));
            Flow::Continue(())
        });
    }
    // What is released belongs to nobody, which others do not know: it goes to a consumer without name.
    let nobody = !released.is_empty() && group.find(NOBODY).is_none();
    write_length(group.consumers().len() + usize::from(nobody), out);
    if nobody {
        write_consumer(NOBODY, (NOBODY_SEEN_MS, NOBODY_ACTIVE_MS), &released, out);
    }
    for consumer in group.consumers() {
        let number = group.find(consumer.name()).expect("a consumer is found by its name");
        let mut ids = Vec::with_capacity(consumer.pending_len());
        group.walk_of(number, StreamId::MIN, u64::MAX, &mut |id| {
            ids.push(id);
            Flow::Continue(())
        });
        if consumer.name() == NOBODY {
            ids.append(&mut released);
            ids.sort_unstable();
        }
        write_consumer(consumer.name(), (consumer.seen_ms, consumer.active_ms), &ids, out);
    }
}

fn write_consumer(name: &[u8], (seen_ms, active_ms): (i64, i64), pending: &[StreamId], out: &mut Vec<u8>) {
    write_string(name, out);
    out.extend_from_slice(&seen_ms.to_le_bytes());
    out.extend_from_slice(&active_ms.to_le_bytes());
    write_length(pending.len(), out);
    pending.iter().for_each(|id| out.extend_from_slice(&id_bytes(*id)));
}

/// Reads a stream of the form `kind`.
pub fn read(source: &mut Source<'_>, kind: u8) -> Result<Stream, Damaged> {
    let counts_more = kind != kind::STREAM;
    let mut stream = Stream::new();
    let nodes = count(source, NODE_BYTES_MIN)?;
    for _ in 0..nodes {
        read_node(source, &mut stream)?;
    }
    let (len, last_id) = (source.length()?, read_id(source)?);
    let (mut max_deleted_id, mut entries_added) = (StreamId::MIN, len);
    if counts_more {
        read_id(source)?;
        max_deleted_id = read_id(source)?;
        entries_added = source.length()?;
    }
    let behind = stream.log.last().is_some_and(|entry| entry.id > last_id);
    if len != stream.log.len() || behind {
        return Err(Damaged);
    }
    stream.log.set_id(last_id, Some(entries_added), Some(max_deleted_id));
    for _ in 0..count(source, 1)? {
        let name = source.string()?;
        let group = read_group(source, kind, &stream)?;
        if stream.groups.insert(name.as_ref().into(), group).is_some() {
            return Err(Damaged);
        }
    }
    Ok(stream)
}

/// How many things follow, perhaps none; each takes at least `bytes_min` bytes.
fn count(source: &mut Source<'_>, bytes_min: usize) -> Result<usize, Damaged> {
    let count = usize::try_from(source.length()?).map_err(|_| Damaged)?;
    if count <= source.len() / bytes_min {
        Ok(count)
    } else {
        Err(Damaged)
    }
}

fn read_id(source: &mut Source<'_>) -> Result<StreamId, Damaged> {
    Ok(StreamId::new(source.length()?, source.length()?))
}

fn id_of(bytes: [u8; ID_BYTES]) -> StreamId {
    let id = u128::from_be_bytes(bytes);
    StreamId::new((id >> 64) as u64, id as u64)
}

/// An entry of a payload's node.
struct Read<'a> {
    id: StreamId,
    deleted: bool,
    /// Whether no later entry has its id or a lesser one.
    in_place: bool,
    /// Fields and values by turns.
    items: Vec<Item<'a>>,
}

fn read_node(source: &mut Source<'_>, stream: &mut Stream) -> Result<(), Damaged> {
    let first = source.string()?;
    let first = id_of(first.as_ref().try_into().map_err(|_| Damaged)?);
    let bytes = source.string()?;
    let items = listpack::items(&bytes)?;
    let mut entries = read_entries(first, &items)?;
    // What was deleted behind an entry that got a lesser id later leaves no place to stand in.
    let mut next = None;
    for entry in entries.iter_mut().rev() {
        entry.in_place = next.is_none_or(|next| entry.id < next);
        if !entry.in_place && !entry.deleted {
            return Err(Damaged);
        }
        next = if entry.in_place { Some(entry.id) } else { next };
    }
    entries.retain(|entry| entry.in_place);
    stream.log.begin_node();
    for Read { id, items, .. } in &entries {
        if *id <= stream.log.last_id() {
            return Err(Damaged);
        }
        let words: Vec<Cow<'_, [u8]>> = items.iter().map(|item| item.bytes()).collect();
        stream.log.push(*id, words.iter().map(Cow::as_ref), UNLIMITED);
    }
    let mut deleted = entries
        .iter()
        .filter(|entry| entry.deleted)
        .map(|entry| entry.id)
        .peekable();
    stream.log.delete_in_last_node(|id| deleted.next_if_eq(&id).is_some());
    Ok(())
}

/// The elements of a listpack, in order.
struct Items<'i, 'a>(std::slice::Iter<'i, Item<'a>>);

impl<'a> Items<'_, 'a> {
    fn next(&mut self) -> Result<Item<'a>, Damaged> {
        self.0.next().copied().ok_or(Damaged)
    }

    fn int(&mut self) -> Result<i64, Damaged> {
        match self.next()? {
            Item::Int(number) => Ok(number),
            Item::Bytes(_) => Err(Damaged),
        }
    }

    /// How many elements come at least; there are so many.
    fn count(&mut self) -> Result<usize, Damaged> {
        let count = usize::try_from(self.int()?).map_err(|_| Damaged)?;
        if count <= self.0.len() { Ok(count) } else { Err(Damaged) }
    }

    fn take(&mut self, count: usize) -> Result<Vec<Item<'a>>, Damaged> {
        (0..count).map(|_| self.next()).collect()
    }
}

fn read_entries<'a>(first: StreamId, items: &[Item<'a>]) -> Result<Vec<Read<'a>>, Damaged> {
    let mut items = Items(items.iter());
    let (live, deleted) = (items.count()?, items.count()?);
    let shared_len = items.count()?;
    let shared = items.take(shared_len)?;
    if items.int()? != 0 {
        return Err(Damaged);
    }
    let mut entries = Vec::new();
    while items.0.len() > 0 {
        let before = items.0.len();
        let flags = items.int()?;
        let (ms, seq) = (items.int()? as u64, items.int()? as u64);
        let id = StreamId::new(first.ms.wrapping_add(ms), first.seq.wrapping_add(seq));
        let read = if flags & SAME_FIELDS != 0 {
            let values = items.take(shared.len())?;
            shared
                .iter()
                .copied()
                .zip(values)
                .flat_map(|(field, value)| [field, value])
                .collect()
        } else {
            let count = items.count()?;
            items.take(count.checked_mul(2).ok_or(Damaged)?)?
        };
        let len = before - items.0.len();
        if items.int()? != len as i64 || read.is_empty() {
            return Err(Damaged);
        }
        entries.push(Read {
            id,
            deleted: flags & DELETED != 0,
            in_place: true,
            items: read,
        });
    }
    let gone = entries.iter().filter(|entry| entry.deleted).count();
    if gone == deleted && entries.len() - gone == live {
        Ok(entries)
    } else {
        Err(Damaged)
    }
}

fn read_group(source: &mut Source<'_>, kind: u8, stream: &Stream) -> Result<Group, Damaged> {
    let last_id = read_id(source)?;
    let entries_read = if kind == kind::STREAM {
        stream.log.entries_ever_to(last_id)
    } else {
        // What has no positive sign is not known.
        Some(source.length()?).filter(|read| i64::try_from(*read).is_ok())
    };
    let mut group = Group::new(last_id, entries_read);
    let mut deliveries = BTreeMap::new();
    for _ in 0..count(source, ID_BYTES + 8 + 1)? {
        let id = id_of(source.array()?);
        let (time_ms, times) = (i64::from_le_bytes(source.array()?), source.length()?);
        let time_ms = u64::try_from(time_ms).unwrap_or(0).min(TIME_MAX_MS);
        if deliveries.insert(id, (time_ms, times)).is_some() {
            return Err(Damaged);
        }
    }
    for _ in 0..count(source, 1 + 8 + 1)? {
        let name = source.string()?;
        let seen_ms = i64::from_le_bytes(source.array()?);
        let active_ms = match kind {
            kind::STREAM_ACTIVE => i64::from_le_bytes(source.array()?),
            _ => seen_ms,
        };
        if group.find(&name).is_some() {
            return Err(Damaged);
        }
        let consumer = group.add_consumer(&name, seen_ms);
        group.consumer_mut(consumer).active_ms = active_ms;
        for _ in 0..count(source, ID_BYTES)? {
            let id = id_of(source.array()?);
            let (time_ms, times) = deliveries.remove(&id).ok_or(Damaged)?;
            if *name == *NOBODY && time_ms == 0 {
                group.release(id, times);
            } else {
                group.put(id, Pending::new(consumer, time_ms, times));
            }
        }
        let is_nobody = *name == *NOBODY && (seen_ms, active_ms) == (NOBODY_SEEN_MS, NOBODY_ACTIVE_MS);
        if is_nobody && group.consumer(consumer).pending_len() == 0 {
            group.remove_consumer(NOBODY);
        }
    }
    if deliveries.is_empty() { Ok(group) } else { Err(Damaged) }
}
