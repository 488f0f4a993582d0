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

/// Stands in the place of widths when each item is behind its length.
const FRAMED: [u16; 2] = [u16::MAX; 2];

/// Byte strings one behind the other; finding one is O(n).
///
/// While all items with an even number are as long as the first, and all with an odd number as the second, as with fields and
/// values of records of one kind, no lengths stand between them.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    bytes: Vec<u8>,
    count: u32,
    /// How long items with even and with odd numbers are, or [`FRAMED`].
    widths: [u16; 2],
}

/// Where an item lies in its sequence, until the sequence changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    at: usize,
    number: usize,
}

/// How many bytes an item of `len` bytes takes behind its length.
fn cost(len: usize) -> usize {
    len + match len {
        0..SHORT => 1,
        SHORT..0x1_0000 => 3,
        _ => 5,
    }
}

/// Sums up the room that items take in a new sequence.
#[derive(Clone, Copy, Debug, Default)]
pub struct Room {
    lens: [usize; 2],
    items: usize,
    bytes: usize,
    headers: usize,
    is_framed: bool,
}

impl Room {
    /// Adds an item of `len` bytes.
    pub fn add(&mut self, len: usize) {
        let before = &mut self.lens[self.items % 2];
        self.is_framed |= len >= usize::from(u16::MAX) || self.items >= 2 && len != *before;
        *before = len;
        self.items += 1;
        self.bytes += len;
        self.headers += cost(len) - len;
    }

    /// The bytes of all items.
    pub fn bytes(self) -> usize {
        self.bytes + if self.is_framed { self.headers } else { 0 }
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

    /// How long item number `number` is; none when that stands before it.
    fn width(&self, number: usize) -> Option<usize> {
        (self.widths != FRAMED).then(|| usize::from(self.widths[number % 2]))
    }

    /// The items in order.
    pub fn iter(&self) -> Items<'_> {
        self.from(Offset { at: 0, number: 0 })
    }

    /// Where the first item is that equals `wanted`, looking at every `step`-th one.
    pub fn find(&self, wanted: &[u8], step: usize) -> Option<Offset> {
        let mut items = self.iter();
        loop {
            let at = self.bytes.len() - items.rest.len();
            let number = self.len() - items.left;
            if items.next()? == wanted {
                return Some(Offset { at, number });
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
        let offset = Offset {
            at: self.bytes.len() - items.rest.len(),
            number: at,
        };
        (items.left > 0).then_some(offset)
    }

    /// The items from `offset` on.
    pub fn from(&self, offset: Offset) -> Items<'_> {
        let mut widths = self.widths;
        widths.rotate_left(offset.number % 2);
        Items {
            rest: &self.bytes[offset.at..],
            left: self.len() - offset.number,
            widths,
        }
    }

    /// Where the item behind the one at `offset` is, if there is one, or where it would be.
    pub fn after(&self, offset: Offset) -> Offset {
        Offset {
            at: self.bounds(offset).1,
            number: offset.number + 1,
        }
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
        let width = u16::try_from(item.len()).unwrap_or(u16::MAX);
        match self.count {
            0 => self.widths = [width; 2],
            1 if self.widths != FRAMED => self.widths[1] = width,
            _ => {}
        }
        if width == u16::MAX || self.width(self.len()).is_some_and(|width| width != item.len()) {
            self.frame();
        }
        if self.widths == FRAMED {
            self.make_room(cost(item.len()));
            let (header, n) = encode_length(item.len());
            self.bytes.extend_from_slice(&header[..n]);
        } else {
            self.make_room(item.len());
        }
        self.bytes.extend_from_slice(item);
        self.count += 1;
    }

    /// Puts the length before each item.
    fn frame(&mut self) {
        let costs = self.iter().map(|item| cost(item.len()));
        let mut framed = Vec::with_capacity(good_size(costs.sum()));
        for item in self.iter() {
            let (header, n) = encode_length(item.len());
            framed.extend_from_slice(&header[..n]);
            framed.extend_from_slice(item);
        }
        self.bytes = framed;
        self.widths = FRAMED;
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
        if self.widths != FRAMED {
            self.frame();
            let offset = self.nth(offset.number).expect("the caller has found the item");
            return self.replace(offset, item);
        }
        let (header, n) = encode_length(item.len());
        self.make_room((n + item.len()).saturating_sub(end - offset.at));
        let new = header[..n].iter().chain(item).copied();
        self.bytes.splice(offset.at..end, new);
    }

    /// Removes `items` items from `offset` on, which must be there; O(n).
    pub fn remove(&mut self, offset: Offset, items: usize) {
        // Those behind would change between even and odd.
        if items % 2 == 1 && self.widths[0] != self.widths[1] {
            self.frame();
            let offset = self.nth(offset.number).expect("the caller has found the items");
            return self.remove(offset, items);
        }
        let mut rest = self.from(offset);
        for _ in 0..items {
            rest.next().expect("the caller has found the items");
        }
        let end = self.bytes.len() - rest.rest.len();
        self.bytes.drain(offset.at..end);
        self.count -= u32::try_from(items).expect("no more items than are in the sequence");
        if self.bytes.len() < self.bytes.capacity() / 4 {
            self.bytes.shrink_to(good_size(self.bytes.len()));
        }
    }

    /// Where the bytes of the item at `offset` begin and end.
    fn bounds(&self, offset: Offset) -> (usize, usize) {
        let item = self.from(offset).next().expect("an offset is where an item begins");
        let taken = match self.width(offset.number) {
            Some(width) => width,
            None => cost(item.len()),
        };
        let end = offset.at + taken;
        (end - item.len(), end)
    }

    /// Panics when an invariant does not hold.
    #[cfg(test)]
    pub fn check(&self) {
        let mut items = self.iter();
        assert_eq!(items.by_ref().count(), self.len());
        assert!(items.rest.is_empty());
    }
}

/// Items of a sequence in order.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    rest: &'a [u8],
    left: usize,
    /// How long the next item is and the one behind it, or [`FRAMED`].
    widths: [u16; 2],
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let (item, rest) = if self.widths == FRAMED {
            split_framed(self.rest)
        } else {
            let [width, next] = self.widths;
            self.widths = [next, width];
            self.rest.split_at(usize::from(width))
        };
        self.rest = rest;
        Some(item)
    }
}

/// The first of some items that stand behind their lengths, and what follows it.
#[inline]
fn split_framed(items: &[u8]) -> (&[u8], &[u8]) {
    let (&first, behind) = items.split_first().expect("a length is stored whole");
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
    behind.split_at(len)
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
