//! One contiguous run of items with room at either side. Knows how many bytes it may hold; knows no other chunk.

use super::End;
use crate::base::size_class::good_size;
use crate::types::packed::{Format, Items, length_bytes};

/// A chunk takes further items while these many bytes suffice; one that is longer has a chunk of its own.
pub const CHUNK_BYTES_MAX: usize = 8192;

/// Buffers below the first grow to twice their size, those below the second by a quarter, larger ones by half: many lists
/// stay short, and what they waste counts more than what moving a few hundred bytes costs.
const DOUBLE_BELOW: usize = 128;
const QUARTER_BELOW: usize = 1024;

/// A buffer is made smaller when less than an eighth of it is used, down to this.
const SHRINK_ABOVE: usize = 512;

/// One contiguous run of items with room at either side.
#[derive(Clone, Debug)]
pub struct Chunk {
    bytes: Box<[u8]>,
    start: u32,
    end: u32,
    count: u32,
    /// The length of all items, unless they are framed.
    width: u16,
    framed: bool,
    /// A mark for the owner, who would have no room for it elsewhere.
    pub mark: bool,
}

fn narrow(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a bulk is limited far below 4 GiB")
}

impl Chunk {
    /// An empty chunk without memory; `framed` when items of different lengths are expected.
    pub fn new(framed: bool) -> Self {
        Chunk {
            bytes: Box::default(),
            start: 0,
            end: 0,
            count: 0,
            width: 0,
            framed,
            mark: false,
        }
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether items of different lengths are in it.
    pub fn is_framed(&self) -> bool {
        self.framed
    }

    /// Bytes that the items take.
    pub fn used(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Bytes that the items would take if each had its length on both sides.
    pub fn framed_bytes(&self) -> usize {
        let frames = if self.framed { 0 } else { self.len() * self.frame() };
        self.used() + frames
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        good_size(self.bytes.len())
    }

    fn format(&self) -> Format {
        if self.framed {
            Format::Framed
        } else {
            Format::Equal(u32::from(self.width))
        }
    }

    /// What framing costs for each item that is not framed.
    fn frame(&self) -> usize {
        2 * length_bytes(usize::from(self.width))
    }

    fn run(&self) -> &[u8] {
        &self.bytes[self.start as usize..self.end as usize]
    }

    /// The items, from both sides.
    #[inline]
    pub fn iter(&self) -> Items<'_> {
        Items::new(self.run(), self.format(), self.len())
    }

    /// The item at `at` from the left; O(1) when all have one length, else O(items).
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        let behind = self.len().checked_sub(at + 1)?;
        if at <= behind {
            self.iter().nth(at)
        } else {
            self.iter().nth_back(behind)
        }
    }

    /// Whether an item of `len` bytes still belongs here.
    pub fn takes(&self, len: usize) -> bool {
        if self.is_empty() {
            return true;
        }
        let needed = if self.framed || usize::from(self.width) == len {
            self.used() + self.format().cost(len)
        } else {
            self.framed_bytes() + Format::Framed.cost(len)
        };
        needed <= CHUNK_BYTES_MAX
    }

    /// Prepares for an item of `len` bytes: chooses the format that holds it and answers its cost.
    fn admit(&mut self, len: usize) -> usize {
        if self.is_empty() {
            match u16::try_from(len) {
                Ok(width) if (1..=CHUNK_BYTES_MAX).contains(&len) && !self.framed => self.width = width,
                _ => self.framed = true,
            }
        } else if !self.framed && usize::from(self.width) != len {
            self.frame_all(Format::Framed.cost(len));
        }
        self.format().cost(len)
    }

    /// Puts every item between two lengths, and leaves room for `more` bytes at the right.
    fn frame_all(&mut self, more: usize) {
        let mut bytes = vec![0; good_size(self.framed_bytes() + more)].into_boxed_slice();
        let mut at = 0;
        for item in self.iter() {
            let next = at + Format::Framed.cost(item.len());
            Format::Framed.write(item, &mut bytes[at..next]);
            at = next;
        }
        self.bytes = bytes;
        self.start = 0;
        self.end = narrow(at);
        self.framed = true;
    }

    /// Adds an item at `end`, whether it belongs here or not; O(1) amortised.
    #[inline]
    pub fn push(&mut self, end: End, item: &[u8]) {
        let cost = self.admit(item.len());
        if self.is_empty() {
            let edge = if end == End::Left { self.bytes.len() } else { 0 };
            self.place(edge, 0);
        }
        let free = match end {
            End::Left => self.start as usize,
            End::Right => self.bytes.len() - self.end as usize,
        };
        if free < cost {
            self.make_room(end, cost);
        }
        let format = self.format();
        let place = match end {
            End::Left => {
                let to = self.start as usize;
                self.start = narrow(to - cost);
                to - cost..to
            }
            End::Right => {
                let from = self.end as usize;
                self.end = narrow(from + cost);
                from..from + cost
            }
        };
        format.write(item, &mut self.bytes[place]);
        self.count += 1;
    }

    /// Makes at least `cost` bytes of room at `end`, by moving the items aside or into a larger buffer.
    #[cold]
    fn make_room(&mut self, end: End, cost: usize) {
        let (used, capacity) = (self.used(), self.bytes.len());
        let free = capacity - used;
        if free >= cost && free >= capacity / 8 {
            // Half of the room stays at the other side: who fills a chunk from both sides must not move it each time.
            let room = (free / 2).max(cost);
            let start = if end == End::Left { room } else { free - room };
            self.bytes.copy_within(self.start as usize..self.end as usize, start);
            self.place(start, used);
            return;
        }
        let grown = match capacity {
            0..DOUBLE_BELOW => capacity * 2,
            DOUBLE_BELOW..QUARTER_BELOW => capacity + capacity / 4,
            _ => capacity + capacity / 2,
        };
        // Room that is only at the wrong side must not hold back a chunk near its limit.
        let limit = if free >= cost {
            CHUNK_BYTES_MAX * 5 / 4
        } else {
            CHUNK_BYTES_MAX
        };
        self.move_to(end, grown.min(limit).max(used + cost));
    }

    /// Moves the items into a buffer of about `capacity` bytes with all room at `end`.
    fn move_to(&mut self, end: End, capacity: usize) {
        let used = self.used();
        let mut bytes = vec![0; good_size(capacity)].into_boxed_slice();
        let start = if end == End::Left { bytes.len() - used } else { 0 };
        bytes[start..start + used].copy_from_slice(self.run());
        self.bytes = bytes;
        self.place(start, used);
    }

    fn place(&mut self, start: usize, used: usize) {
        self.start = narrow(start);
        self.end = narrow(start + used);
    }

    /// Makes room at `end` of an empty chunk for items that are known: their number, their bytes and the length of all of
    /// them if they have one.
    pub fn reserve(&mut self, end: End, count: usize, bytes: usize, width: Option<usize>) {
        let equal = !self.framed && width.is_some_and(|width| (1..=CHUNK_BYTES_MAX).contains(&width));
        // Lengths beyond one byte are rare enough among small items to be left to growth.
        let needed = if equal { bytes } else { bytes + 2 * count };
        self.framed = !equal;
        self.move_to(end, needed.min(CHUNK_BYTES_MAX));
    }

    /// Hands the item at `end` to `take`, then removes it; O(1).
    #[inline]
    pub fn pop_with<T>(&mut self, end: End, take: impl FnOnce(&[u8]) -> T) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let format = self.format();
        let taken = match end {
            End::Left => {
                let (item, cost) = format.first(self.run());
                let taken = take(item);
                self.start += narrow(cost);
                taken
            }
            End::Right => {
                let (item, cost) = format.last(self.run());
                let taken = take(item);
                self.end -= narrow(cost);
                taken
            }
        };
        self.count -= 1;
        Some(taken)
    }

    /// Gives memory back that is far more than what is used.
    #[inline]
    pub fn shrink(&mut self) {
        if self.bytes.len() > SHRINK_ABOVE && self.used() < self.bytes.len() / 8 {
            self.shrink_now();
        }
    }

    #[cold]
    fn shrink_now(&mut self) {
        let used = self.used();
        let capacity = good_size((used * 2).max(SHRINK_ABOVE / 2));
        let mut bytes = vec![0; capacity].into_boxed_slice();
        let start = (capacity - used) / 2;
        bytes[start..start + used].copy_from_slice(self.run());
        self.bytes = bytes;
        self.place(start, used);
    }

    /// Removes `count` items at `end`; O(count).
    pub fn drop_at(&mut self, end: End, count: usize) {
        let count = count.min(self.len());
        let mut items = self.iter();
        if count > 0 {
            match end {
                End::Left => items.nth(count - 1),
                End::Right => items.nth_back(count - 1),
            };
        }
        let rest = narrow(items.rest().len());
        match end {
            End::Left => self.start = self.end - rest,
            End::Right => self.end = self.start + rest,
        }
        self.count -= narrow(count);
    }

    /// Where the item at `at` lies from the beginning of the run, and its cost.
    fn span(&self, at: usize) -> (usize, usize) {
        let mut items = self.iter();
        if at > 0 {
            items.nth(at - 1);
        }
        let offset = self.used() - items.rest().len();
        items.next();
        (offset, self.used() - items.rest().len() - offset)
    }

    /// Puts an item before the one at `at`, whether it belongs here or not; O(bytes).
    pub fn insert(&mut self, at: usize, item: &[u8]) {
        if at == 0 || at >= self.len() {
            return self.push(if at == 0 { End::Left } else { End::Right }, item);
        }
        let cost = self.admit(item.len());
        if self.bytes.len() - (self.end as usize) < cost {
            self.make_room(End::Right, cost);
        }
        let (offset, _) = self.span(at);
        let from = self.start as usize + offset;
        self.bytes.copy_within(from..self.end as usize, from + cost);
        let format = self.format();
        format.write(item, &mut self.bytes[from..from + cost]);
        self.end += narrow(cost);
        self.count += 1;
    }

    /// Removes the item at `at`, which is there; O(bytes).
    pub fn remove(&mut self, at: usize) {
        let (offset, cost) = self.span(at);
        let from = self.start as usize + offset;
        self.bytes.copy_within(from + cost..self.end as usize, from);
        self.end -= narrow(cost);
        self.count -= 1;
        self.shrink();
    }

    /// Writes over the item at `at`, which is there, if the new one is as long; else does nothing and answers false.
    pub fn overwrite(&mut self, at: usize, item: &[u8]) -> bool {
        let (offset, cost) = self.span(at);
        let format = self.format();
        let old_len = if self.framed {
            format.first(&self.run()[offset..]).0.len()
        } else {
            usize::from(self.width)
        };
        if old_len != item.len() {
            return false;
        }
        let from = self.start as usize + offset;
        format.write(item, &mut self.bytes[from..from + cost]);
        true
    }

    /// Removes up to `limit` items that equal `item`, searched from `end`, and tells how many; O(bytes).
    pub fn remove_equal(&mut self, end: End, limit: usize, item: &[u8]) -> usize {
        if !self.framed && usize::from(self.width) != item.len() {
            return 0;
        }
        let matches = self.iter().filter(|found| *found == item).count();
        if matches == 0 || limit == 0 {
            return 0;
        }
        let removed = matches.min(limit);
        // The matches to remove, counted from the left.
        let doomed = match end {
            End::Left => 0..removed,
            End::Right => matches - removed..matches,
        };
        let mut kept = Vec::with_capacity(self.used());
        let mut seen = 0;
        let mut items = self.iter();
        let mut rest = items.rest();
        while let Some(found) = items.next() {
            let (packed, _) = rest.split_at(rest.len() - items.rest().len());
            rest = items.rest();
            let is_match = found == item;
            if !(is_match && doomed.contains(&seen)) {
                kept.extend_from_slice(packed);
            }
            seen += usize::from(is_match);
        }
        let start = self.start as usize;
        self.bytes[start..start + kept.len()].copy_from_slice(&kept);
        self.end = self.start + narrow(kept.len());
        self.count -= narrow(removed);
        self.shrink();
        removed
    }

    /// Splits off the items from `at` on.
    pub fn split_off(&mut self, at: usize) -> Chunk {
        let mut right = Chunk::new(self.framed);
        let bytes: usize = self.iter().skip(at).map(|item| item.len()).sum();
        let width = (!self.framed).then_some(usize::from(self.width));
        right.reserve(End::Right, self.len() - at, bytes, width);
        self.iter().skip(at).for_each(|item| right.push(End::Right, item));
        self.drop_at(End::Right, self.len() - at);
        right
    }

    /// Panics unless the items fill the run exactly.
    pub fn check(&self) {
        assert!(self.start <= self.end && self.end as usize <= self.bytes.len());
        let mut items = self.iter();
        assert_eq!(
            items.by_ref().count(),
            self.len(),
            "the run holds fewer items than counted"
        );
        assert!(items.rest().is_empty(), "bytes are left behind the last item");
        let mut back = self.iter();
        while back.next_back().is_some() {}
        assert!(back.rest().is_empty(), "bytes are left before the first item");
        assert!(self.framed || self.is_empty() || self.width > 0);
        assert!(self.used() <= CHUNK_BYTES_MAX.max(self.iter().map(<[u8]>::len).max().unwrap_or(0) + 10));
    }
}
