//! The small form of hashes and sets: byte strings one behind the other, in the order in which they came. Knows bytes only.

#[cfg(test)]
mod tests;

use crate::base::size_class::good_size;

/// Lengths below take one byte.
const SHORT: usize = 0xfe;
/// The first byte of a length of two bytes, which follow, least significant first.
const MEDIUM_MARK: u8 = 0xfe;
/// The first byte of a length of four bytes.
const LONG_MARK: u8 = 0xff;

/// Buffers below the first grow to twice their size, those below the second by a quarter, larger ones by half.
const DOUBLE_BELOW: usize = 128;
const QUARTER_BELOW: usize = 1024;

/// Byte strings one behind the other; finding one is O(n).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    bytes: Vec<u8>,
    count: u32,
}

/// Where an item lies in its sequence, until the sequence changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset(usize);

/// How many bytes an item of `len` bytes takes.
pub fn cost(len: usize) -> usize {
    len + match len {
        0..SHORT => 1,
        SHORT..0x1_0000 => 3,
        _ => 5,
    }
}

impl Sequence {
    /// Number of items.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes on the heap, as rounded up by the allocator.
    pub fn heap_bytes(&self) -> usize {
        good_size(self.bytes.capacity())
    }

    /// The items in order.
    pub fn iter(&self) -> Items<'_> {
        Items { rest: &self.bytes }
    }

    /// Where the first item is that equals `wanted`, looking at every `step`-th one.
    pub fn find(&self, wanted: &[u8], step: usize) -> Option<Offset> {
        let mut items = self.iter();
        loop {
            let offset = self.bytes.len() - items.rest.len();
            let item = items.next()?;
            if item == wanted {
                return Some(Offset(offset));
            }
            for _ in 1..step {
                items.next();
            }
        }
    }

    /// Where item number `at` is.
    pub fn nth(&self, at: usize) -> Option<Offset> {
        let mut items = self.iter();
        for _ in 0..at {
            items.next()?;
        }
        let offset = self.bytes.len() - items.rest.len();
        (!items.rest.is_empty()).then_some(Offset(offset))
    }

    /// The items from `offset` on.
    pub fn from(&self, offset: Offset) -> Items<'_> {
        Items {
            rest: &self.bytes[offset.0..],
        }
    }

    /// Where the item behind the one at `offset` is, if there is one, or where it would be.
    pub fn after(&self, offset: Offset) -> Offset {
        Offset(self.bounds(offset).1)
    }

    /// Makes room for `bytes` more bytes, which are likely to come.
    pub fn reserve(&mut self, bytes: usize) {
        let needed = self.bytes.len() + bytes;
        if needed > self.bytes.capacity() {
            self.bytes.reserve_exact(good_size(needed) - self.bytes.len());
        }
    }

    /// Adds an item at the end; O(1) amortised.
    pub fn push(&mut self, item: &[u8]) {
        self.make_room(cost(item.len()));
        let (header, n) = encode_length(item.len());
        self.bytes.extend_from_slice(&header[..n]);
        self.bytes.extend_from_slice(item);
        self.count += 1;
    }

    fn make_room(&mut self, cost: usize) {
        let capacity = self.bytes.capacity();
        let needed = self.bytes.len() + cost;
        if needed <= capacity {
            return;
        }
        let grown = match capacity {
            0..DOUBLE_BELOW => capacity * 2,
            DOUBLE_BELOW..QUARTER_BELOW => capacity + capacity / 4,
            _ => capacity + capacity / 2,
        };
        self.bytes
            .reserve_exact(good_size(grown.max(needed)) - self.bytes.len());
    }

    /// Replaces the item at `offset`; O(n) unless the new one is as long.
    pub fn replace(&mut self, offset: Offset, item: &[u8]) {
        let (start, end) = self.bounds(offset);
        if end - start == item.len() {
            self.bytes[start..end].copy_from_slice(item);
            return;
        }
        let (header, n) = encode_length(item.len());
        self.make_room((n + item.len()).saturating_sub(end - offset.0));
        let new = header[..n].iter().chain(item).copied();
        self.bytes.splice(offset.0..end, new);
    }

    /// Removes `items` items from `offset` on, which must be there; O(n).
    pub fn remove(&mut self, offset: Offset, items: usize) {
        let mut rest = self.from(offset);
        for _ in 0..items {
            rest.next().expect("the caller has found the items");
        }
        let end = self.bytes.len() - rest.rest.len();
        self.bytes.drain(offset.0..end);
        self.count -= u32::try_from(items).expect("no more items than are in the sequence");
        if self.bytes.len() < self.bytes.capacity() / 4 {
            self.bytes.shrink_to(good_size(self.bytes.len()));
        }
    }

    /// Where the bytes of the item at `offset` begin and end.
    fn bounds(&self, offset: Offset) -> (usize, usize) {
        let item = self.from(offset).next().expect("an offset is where an item begins");
        let end = offset.0 + cost(item.len());
        (end - item.len(), end)
    }
}

/// Items of a sequence in order.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (&first, behind) = self.rest.split_first()?;
        let (len, behind) = match first {
            MEDIUM_MARK => {
                let (len, behind) = behind.split_first_chunk().expect("a length is stored whole");
                (usize::from(u16::from_le_bytes(*len)), behind)
            }
            LONG_MARK => {
                let (len, behind) = behind.split_first_chunk().expect("a length is stored whole");
                (u32::from_le_bytes(*len) as usize, behind)
            }
            _ => (usize::from(first), behind),
        };
        let (item, rest) = behind.split_at(len);
        self.rest = rest;
        Some(item)
    }
}

/// The bytes before an item of `len` bytes, and how many of them there are.
fn encode_length(len: usize) -> ([u8; 5], usize) {
    let [a, b, c, d] = u32::try_from(len)
        .expect("a bulk is limited far below 4 GiB")
        .to_le_bytes();
    match cost(len) - len {
        1 => ([a, 0, 0, 0, 0], 1),
        3 => ([MEDIUM_MARK, a, b, 0, 0], 3),
        _ => ([LONG_MARK, a, b, c, d], 5),
    }
}
