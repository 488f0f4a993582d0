//! Entries packed into one buffer: the field names of the first entry once, ids as differences, integers in binary, deleted entries marked.
//! Knows nothing of the order of nodes.
//!
//! ```text
//! node:   count of fields, field names; entries
//! entry:  flags (1 byte), [difference of ms], [number]; body
//! body:   values, when the fields are those of the node; else count of fields, each with its value; nothing when it was thrown away
//! item:   header, which is twice the length of the bytes that follow, or 1 + twice an integer folded to be positive
//! ```

use super::id::StreamId;
use crate::base::number::parse_i64;
use crate::base::size_class::move_to_fit;

/// The entry was deleted.
const DELETED: u8 = 1;
/// Its fields are those of the node.
const SAME_FIELDS: u8 = 1 << 1;
/// It has the milliseconds of the entry before.
const SAME_MS: u8 = 1 << 2;
/// Its number is the next one of the same milliseconds, or 0 of others.
const NEXT_SEQ: u8 = 1 << 3;
/// Its body was thrown away after it was deleted.
const BARE: u8 = 1 << 4;

/// Integers of this size and beyond are kept as digits.
const INT_MAX: u64 = 1 << 62;
/// Bodies of deleted entries are thrown away when they take more than this and half of the node.
const WASTE_MIN: usize = 512;
/// Nodes are no larger than this whatever the directive says, as in Valkey.
const NODE_BYTES_MAX: usize = 1 << 30;

/// When nodes are full: the directives `stream-node-max-bytes` and `stream-node-max-entries`; 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes, as Valkey's listpacks count them.
    pub node_bytes: usize,
    /// Entries, deleted ones included.
    pub node_entries: usize,
}

impl Limits {
    fn node_bytes(self) -> usize {
        match self.node_bytes {
            0 => NODE_BYTES_MAX,
            bytes => bytes.min(NODE_BYTES_MAX),
        }
    }
}

/// A field or value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packed<'a> {
    /// Bytes as they are.
    Bytes(&'a [u8]),
    /// The digits of an integer.
    Int(i64),
}

impl<'a> Packed<'a> {
    /// How `bytes` are kept.
    fn of(bytes: &'a [u8]) -> Self {
        match parse_i64(bytes) {
            Some(number) if number.unsigned_abs() < INT_MAX => Packed::Int(number),
            _ => Packed::Bytes(bytes),
        }
    }

    fn put(self, out: &mut Vec<u8>) {
        match self {
            Packed::Bytes(bytes) => {
                put_number(out, (bytes.len() as u64) << 1);
                out.extend_from_slice(bytes);
            }
            Packed::Int(number) => put_number(out, ((number << 1 ^ number >> 63) as u64) << 1 | 1),
        }
    }

    fn take(rest: &mut &'a [u8]) -> Self {
        let header = take_number(rest);
        if header & 1 != 0 {
            let folded = header >> 1;
            return Packed::Int((folded >> 1) as i64 ^ -((folded & 1) as i64));
        }
        let (bytes, behind) = rest.split_at((header >> 1) as usize);
        *rest = behind;
        Packed::Bytes(bytes)
    }

    /// Bytes that Valkey's listpack takes for it.
    fn listpack_bytes(bytes: &[u8]) -> usize {
        match parse_i64(bytes) {
            Some(number) => listpack_int(number),
            None => {
                let header = match bytes.len() {
                    0..64 => 1,
                    64..4096 => 2,
                    _ => 5,
                };
                with_backlen(header + bytes.len())
            }
        }
    }
}

/// Bytes that Valkey's listpack takes for an integer.
fn listpack_int(number: i64) -> usize {
    with_backlen(match number {
        0..=127 => 1,
        -4096..=4095 => 2,
        -0x8000..=0x7fff => 3,
        -0x80_0000..=0x7f_ffff => 4,
        -0x8000_0000..=0x7fff_ffff => 5,
        _ => 9,
    })
}

/// With the length behind it, from which a listpack is read backwards.
fn with_backlen(bytes: usize) -> usize {
    bytes
        + match bytes {
            0..=127 => 1,
            128..=16_382 => 2,
            16_383..=2_097_150 => 3,
            2_097_151..=268_435_454 => 4,
            _ => 5,
        }
}

/// Appends a number in groups of seven bits, the least first.
fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads what [`put_number`] wrote.
#[inline]
fn take_number(rest: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, behind) = rest.split_first().expect("a node ends behind an item");
        *rest = behind;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return number;
        }
        shift += 7;
    }
}

/// Entries in one buffer.
#[derive(Clone, Debug, Default)]
pub struct Node {
    bytes: Vec<u8>,
    last: StreamId,
    /// How many entries the stream had ever got before the first of this node.
    before: u64,
    live: u32,
    deleted: u32,
    wasted: u32,
    /// What the entries take in a listpack of Valkey, its counts apart: that decides when a node is full.
    listpack_bytes: u32,
}

/// How much of a node there is: its counters, and the length of its buffer.
#[derive(Debug)]
pub struct Extent {
    counters: Node,
    len: usize,
}

/// One entry.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its id.
    pub id: StreamId,
    /// Whether it was deleted.
    deleted: bool,
    /// Whether its body was thrown away.
    is_bare: bool,
    /// Where it begins, in the node's buffer.
    at: usize,
    /// How much of it is its body.
    body_bytes: usize,
    pairs: Pairs<'a>,
}

impl<'a> Entry<'a> {
    /// Its fields and values.
    pub fn pairs(&self) -> Pairs<'a> {
        self.pairs
    }
}

/// The fields and values of an entry.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a> {
    /// The names, when they are the node's.
    fields: Option<&'a [u8]>,
    body: &'a [u8],
    left: usize,
}

impl Pairs<'_> {
    /// Whether the fields are those of the node.
    pub fn names_are_shared(&self) -> bool {
        self.fields.is_some()
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Packed<'a>, Packed<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let field = match &mut self.fields {
            Some(fields) => Packed::take(fields),
            None => Packed::take(&mut self.body),
        };
        Some((field, Packed::take(&mut self.body)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Pairs<'_> {}

impl Node {
    /// An empty node; the stream has got `before` entries in its life.
    pub fn new(before: u64) -> Self {
        Node {
            before,
            ..Node::default()
        }
    }

    /// Entries that are not deleted.
    pub fn live(&self) -> usize {
        self.live as usize
    }

    /// Entries, deleted ones included.
    pub fn all(&self) -> usize {
        (self.live + self.deleted) as usize
    }

    /// How many entries the stream had ever got before those of this node.
    pub fn before(&self) -> u64 {
        self.before
    }

    /// The id of the last entry, deleted or not.
    pub fn last_id(&self) -> StreamId {
        self.last
    }

    /// Bytes of the buffer.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// What [`Node::cut_to`] needs in order to take back what is appended from here on.
    pub fn extent(&self) -> Extent {
        let counters = Node {
            bytes: Vec::new(),
            ..*self
        };
        Extent {
            counters,
            len: self.bytes.len(),
        }
    }

    /// The node as it was when it had this `extent`; since then entries were appended and none was deleted.
    pub fn cut_to(self, extent: Extent) -> Node {
        let mut bytes = self.bytes;
        bytes.truncate(extent.len);
        Node {
            bytes,
            ..extent.counters
        }
    }

    /// Gives back the room for entries that will not come.
    pub fn seal(&mut self) {
        let len = self.bytes.len();
        move_to_fit(&mut self.bytes, len);
    }

    /// Whether Valkey would begin another node for an entry of `item_bytes` bytes of fields and values.
    pub fn is_full(&self, item_bytes: usize, limits: Limits) -> bool {
        let counts = listpack_int(i64::from(self.live)) + listpack_int(i64::from(self.deleted));
        let bytes = self.listpack_bytes as usize + counts + item_bytes;
        bytes >= limits.node_bytes() || limits.node_entries != 0 && self.all() >= limits.node_entries
    }

    /// Appends an entry whose id is greater than all others, to a node that begins at `first`.
    pub fn push<'w>(&mut self, first: StreamId, id: StreamId, pairs: impl ExactSizeIterator<Item = &'w [u8]> + Clone) {
        let count = pairs.len() / 2;
        let begins = self.bytes.is_empty();
        let mut listpack = 0;
        if begins {
            self.last = id;
            put_number(&mut self.bytes, count as u64);
            // A header, the number of fields, a zero, an end.
            listpack += 6 + listpack_int(count as i64) + listpack_int(0) + 1;
            for field in pairs.clone().step_by(2) {
                Packed::of(field).put(&mut self.bytes);
                listpack += Packed::listpack_bytes(field);
            }
        }
        let same = begins || self.has_fields(pairs.clone().step_by(2));
        self.push_id(id, same);
        if !same {
            put_number(&mut self.bytes, count as u64);
            listpack += listpack_int(count as i64);
        }
        for (at, item) in pairs.enumerate() {
            if !same || at % 2 == 1 {
                Packed::of(item).put(&mut self.bytes);
                listpack += Packed::listpack_bytes(item);
            }
        }
        // Flags, both differences to the first id, and the number of all these.
        let (ms, seq) = (id.ms.wrapping_sub(first.ms), id.seq.wrapping_sub(first.seq));
        listpack += listpack_int(2) + listpack_int(ms as i64) + listpack_int(seq as i64);
        listpack += listpack_int(3 + if same { count } else { 2 * count + 1 } as i64);
        self.listpack_bytes += listpack as u32;
        self.live += 1;
    }

    fn push_id(&mut self, id: StreamId, same: bool) {
        let ms = id.ms.wrapping_sub(self.last.ms);
        let mut flags = if same { SAME_FIELDS } else { 0 };
        let mut expected = 0;
        if ms == 0 {
            flags |= SAME_MS;
            expected = self.last.seq.wrapping_add(1);
        }
        if id.seq == expected {
            flags |= NEXT_SEQ;
        }
        self.bytes.push(flags);
        if ms != 0 {
            put_number(&mut self.bytes, ms);
        }
        if flags & NEXT_SEQ == 0 {
            put_number(&mut self.bytes, id.seq);
        }
        self.last = id;
    }

    /// Whether `fields` are those of the node.
    fn has_fields<'w>(&self, mut fields: impl Iterator<Item = &'w [u8]>) -> bool {
        let (count, mut names) = self.fields();
        (0..count).all(|_| {
            let name = Packed::take(&mut names);
            fields.next().is_some_and(|field| name == Packed::of(field))
        }) && fields.next().is_none()
    }

    /// How many fields the node has, and the rest of the buffer from their names on.
    fn fields(&self) -> (usize, &[u8]) {
        let mut rest = &*self.bytes;
        let count = take_number(&mut rest) as usize;
        (count, rest)
    }

    /// All entries, deleted ones included, of a node that begins at `first`.
    fn all_entries(&self, first: StreamId) -> Entries<'_> {
        let (count, fields) = self.fields();
        let mut rest = fields;
        for _ in 0..count {
            Packed::take(&mut rest);
        }
        Entries {
            fields,
            count,
            len: self.bytes.len(),
            rest,
            before: first,
        }
    }

    /// The entries of a node that begins at `first`.
    pub fn entries(&self, first: StreamId) -> impl Iterator<Item = Entry<'_>> {
        self.all_entries(first).filter(|entry| !entry.deleted)
    }

    /// The entries whose bodies are kept, and whether each was deleted.
    pub fn kept(&self, first: StreamId) -> impl Iterator<Item = (Entry<'_>, bool)> {
        let entries = self.all_entries(first).filter(|entry| !entry.is_bare);
        entries.map(|entry| (entry, entry.deleted))
    }

    /// The names that entries share.
    pub fn field_names(&self) -> Vec<Packed<'_>> {
        let (count, mut names) = self.fields();
        (0..count).map(|_| Packed::take(&mut names)).collect()
    }

    /// The entry at `id`, if it is there and not deleted.
    pub fn find(&self, first: StreamId, id: StreamId) -> Option<Entry<'_>> {
        self.entries(first)
            .find(|entry| entry.id >= id)
            .filter(|entry| entry.id == id)
    }

    /// As [`Node::find`], of an entry that some stream has had: where none was deleted it is there.
    pub fn contains(&self, first: StreamId, id: StreamId) -> bool {
        id <= self.last && (self.deleted == 0 || self.find(first, id).is_some())
    }

    /// How many entries, deleted ones included and without them, stand at or before `id`.
    pub fn count_to(&self, first: StreamId, id: StreamId) -> (usize, usize) {
        if id >= self.last {
            return (self.all(), self.live());
        }
        let to = self.all_entries(first).take_while(|entry| entry.id <= id);
        to.fold((0, 0), |(all, live), entry| {
            (all + 1, live + usize::from(!entry.deleted))
        })
    }

    /// Deletes the entry at `id`; tells whether it was there.
    pub fn delete(&mut self, first: StreamId, id: StreamId) -> bool {
        let Some(entry) = self.find(first, id) else {
            return false;
        };
        let marked = (entry.at, entry.body_bytes);
        self.mark(marked);
        self.tidy(first);
        true
    }

    /// Deletes entries from the first that is left on, as long as `chosen` wants them; answers how many.
    pub fn delete_while(&mut self, first: StreamId, mut chosen: impl FnMut(StreamId) -> bool) -> usize {
        let entries = self.entries(first).take_while(|entry| chosen(entry.id));
        let marked: Vec<(usize, usize)> = entries.map(|entry| (entry.at, entry.body_bytes)).collect();
        self.mark_all(first, &marked)
    }

    /// Deletes the entries that `chosen` wants; answers how many.
    pub fn delete_where(&mut self, first: StreamId, mut chosen: impl FnMut(StreamId) -> bool) -> usize {
        let entries = self.entries(first).filter(|entry| chosen(entry.id));
        let marked: Vec<(usize, usize)> = entries.map(|entry| (entry.at, entry.body_bytes)).collect();
        self.mark_all(first, &marked)
    }

    fn mark_all(&mut self, first: StreamId, marked: &[(usize, usize)]) -> usize {
        marked.iter().for_each(|marked| self.mark(*marked));
        self.tidy(first);
        marked.len()
    }

    /// Forgets the deleted entries behind `id`, which no other stands behind.
    pub fn cut(&mut self, first: StreamId, id: StreamId) {
        let mut end = (self.bytes.len(), self.last);
        let (mut cut, mut wasted) = (0, 0);
        let mut before = first;
        for entry in self.all_entries(first) {
            if entry.id > id {
                end = if cut == 0 { (entry.at, before) } else { end };
                cut += 1;
                wasted += entry.body_bytes as u32;
            }
            before = entry.id;
        }
        self.bytes.truncate(end.0);
        self.last = end.1;
        self.deleted -= cut;
        self.wasted = self.wasted.saturating_sub(wasted);
    }

    fn mark(&mut self, (at, body_bytes): (usize, usize)) {
        self.bytes[at] |= DELETED;
        self.live -= 1;
        self.deleted += 1;
        self.wasted += body_bytes as u32;
    }

    fn tidy(&mut self, first: StreamId) {
        let wasted = self.wasted as usize;
        if self.live > 0 && wasted > WASTE_MIN && wasted > self.bytes.len() / 2 {
            self.throw_away(first);
        }
    }

    /// Throws the bodies of deleted entries away; their ids stay, since entries are counted by them.
    fn throw_away(&mut self, first: StreamId) {
        let start = self.bytes.len() - self.all_entries(first).rest.len();
        let mut kept = Vec::with_capacity(self.bytes.len() - self.wasted as usize);
        kept.extend_from_slice(&self.bytes[..start]);
        let mut entries = self.all_entries(first);
        while let Some(entry) = entries.next() {
            let end = self.bytes.len() - entries.rest.len();
            let (body, at) = (entry.body_bytes, kept.len());
            let keep = if entry.deleted { end - body } else { end };
            kept.extend_from_slice(&self.bytes[entry.at..keep]);
            if entry.deleted {
                kept[at] |= BARE;
            }
        }
        self.bytes = kept;
        self.wasted = 0;
    }

    /// Panics unless the counts are those of the entries.
    #[cfg(test)]
    pub fn check(&self, first: StreamId) {
        let all: Vec<Entry<'_>> = self.all_entries(first).collect();
        assert_eq!(all.first().map(|entry| entry.id), Some(first));
        assert_eq!(all.last().map(|entry| entry.id), Some(self.last));
        assert!(all.is_sorted_by_key(|entry| entry.id) && all.len() == self.all());
        assert_eq!(all.iter().filter(|entry| !entry.deleted).count(), self.live());
        assert!(self.live > 0, "a node without entries is removed");
    }
}

/// A walk over the entries of a node.
struct Entries<'a> {
    fields: &'a [u8],
    count: usize,
    len: usize,
    rest: &'a [u8],
    before: StreamId,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let at = self.len - self.rest.len();
        let (flags, rest) = self.rest.split_first()?;
        self.rest = rest;
        let flags = *flags;
        let before = self.before;
        let id = if flags & SAME_MS != 0 {
            let seq = match flags & NEXT_SEQ {
                0 => take_number(&mut self.rest),
                _ => before.seq.wrapping_add(1),
            };
            StreamId { seq, ..before }
        } else {
            let ms = before.ms.wrapping_add(take_number(&mut self.rest));
            let seq = match flags & NEXT_SEQ {
                0 => take_number(&mut self.rest),
                _ => 0,
            };
            StreamId { ms, seq }
        };
        self.before = id;
        let same = flags & SAME_FIELDS != 0;
        let bare = flags & BARE != 0;
        let start = self.rest;
        let left = match (bare, same) {
            (true, _) => 0,
            (false, true) => self.count,
            (false, false) => take_number(&mut self.rest) as usize,
        };
        let body = self.rest;
        for _ in 0..if same { left } else { left * 2 } {
            Packed::take(&mut self.rest);
        }
        let pairs = Pairs {
            fields: same.then_some(self.fields),
            body: &body[..body.len() - self.rest.len()],
            left,
        };
        Some(Entry {
            id,
            deleted: flags & DELETED != 0,
            is_bare: bare,
            at,
            body_bytes: start.len() - self.rest.len(),
            pairs,
        })
    }
}
