//! A list of many chunks: those at the ends at hand, the others in the middle.

use std::ops::Range;

use super::End;
use super::chunk::{CHUNK_BYTES_MAX, Chunk};
use super::middle::{Middle, Place};

/// A list of many chunks. The chunks at the ends may be empty, those in the middle never are.
#[derive(Clone, Debug)]
pub struct Deque {
    head: Chunk,
    middle: Middle,
    tail: Chunk,
}

/// Which part holds an item, and its place there.
enum Part {
    Head(usize),
    Middle(usize),
    Tail(usize),
}

impl Deque {
    /// The items of two chunks, in this order.
    pub fn new(head: Chunk, tail: Chunk) -> Self {
        Deque {
            head,
            middle: Middle::default(),
            tail,
        }
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.head.len() + self.middle.len() + self.tail.len()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.head.heap_bytes() + self.middle.heap_bytes() + self.tail.heap_bytes()
    }

    /// Bytes that the items of the ends would take with their lengths; none when there are others.
    pub fn framed_bytes(&self) -> Option<usize> {
        let ends = self.head.framed_bytes() + self.tail.framed_bytes();
        self.middle.is_empty().then_some(ends)
    }

    /// The only chunk that is not empty, taken out, if it is less than half full.
    pub fn take_small(&mut self) -> Option<Chunk> {
        let small = |chunk: &Chunk| chunk.framed_bytes() <= CHUNK_BYTES_MAX / 2;
        if !self.middle.is_empty() {
            return None;
        }
        let chunk = match (self.head.is_empty(), self.tail.is_empty()) {
            (_, true) => &mut self.head,
            (true, _) => &mut self.tail,
            _ => return None,
        };
        small(chunk).then(|| std::mem::replace(chunk, Chunk::new(false)))
    }

    /// Adds an item at `end`; O(1) amortised.
    #[inline]
    pub fn push(&mut self, end: End, item: &[u8]) {
        let chunk = match end {
            End::Left => &mut self.head,
            End::Right => &mut self.tail,
        };
        if chunk.takes(item.len()) {
            chunk.push(end, item);
        } else {
            self.push_chunk(end, item);
        }
    }

    /// Puts the full chunk at `end` away and begins another.
    #[cold]
    fn push_chunk(&mut self, end: End, item: &[u8]) {
        let chunk = match end {
            End::Left => &mut self.head,
            End::Right => &mut self.tail,
        };
        let framed = chunk.is_framed();
        let full = std::mem::replace(chunk, Chunk::new(framed));
        chunk.push(end, item);
        self.middle.push(end, full);
    }

    /// Hands the item at `end` to `take`, then removes it; O(1).
    #[inline]
    pub fn pop_with<T>(&mut self, end: End, take: impl FnOnce(&[u8]) -> T) -> Option<T> {
        self.outer(end).pop_with(end, take)
    }

    /// The outermost chunk at `end` that is not empty, if one is not.
    #[inline]
    fn outer(&mut self, end: End) -> &mut Chunk {
        let (here, there) = match end {
            End::Left => (&mut self.head, &mut self.tail),
            End::Right => (&mut self.tail, &mut self.head),
        };
        if !here.is_empty() {
            return here;
        }
        match self.middle.pop(end) {
            Some(chunk) => {
                *here = chunk;
                here
            }
            None => there,
        }
    }

    /// Removes `count` items at `end`, of which there are more; O(chunks).
    pub fn drop_at(&mut self, end: End, mut count: usize) {
        while count > 0 {
            let chunk = self.outer(end);
            let dropped = count.min(chunk.len());
            chunk.drop_at(end, dropped);
            count -= dropped;
        }
    }

    fn part(&self, at: usize) -> Part {
        let (head, middle) = (self.head.len(), self.middle.len());
        if at < head {
            Part::Head(at)
        } else if at - head < middle {
            Part::Middle(at - head)
        } else {
            Part::Tail(at - head - middle)
        }
    }

    /// The item at `at`; sublinear.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        match self.part(at) {
            Part::Head(at) => self.head.get(at),
            Part::Middle(at) => {
                let place = self.middle.find(at);
                self.middle.chunk(place).get(place.at)
            }
            Part::Tail(at) => self.tail.get(at),
        }
    }

    /// Replaces the item at `at`, which is there; sublinear.
    pub fn set(&mut self, at: usize, item: &[u8]) {
        let overwritten = match self.part(at) {
            Part::Head(at) => self.head.overwrite(at, item),
            Part::Middle(at) => {
                let place = self.middle.find(at);
                let mut overwritten = false;
                self.middle.edit(place, |chunk| {
                    overwritten = chunk.overwrite(place.at, item);
                    [None, None]
                });
                overwritten
            }
            Part::Tail(at) => self.tail.overwrite(at, item),
        };
        if !overwritten {
            self.remove(at);
            self.insert(at, item);
        }
    }

    fn remove(&mut self, at: usize) {
        match self.part(at) {
            Part::Head(at) => self.head.remove(at),
            Part::Middle(at) => {
                let place = self.middle.find(at);
                self.middle.edit(place, |chunk| {
                    chunk.remove(place.at);
                    [None, None]
                });
            }
            Part::Tail(at) => self.tail.remove(at),
        }
    }

    /// Puts an item before the one at `at`, or last when there is none; sublinear.
    pub fn insert(&mut self, at: usize, item: &[u8]) {
        match self.part(at) {
            Part::Head(0) => self.push(End::Left, item),
            Part::Head(at) => {
                // What must leave the chunk leaves it to the inner side.
                let [inner, innermost] = insert_into(&mut self.head, at, item);
                for chunk in [innermost, inner].into_iter().flatten() {
                    self.middle.push(End::Left, chunk);
                }
            }
            Part::Middle(at) => {
                let place = self.middle.find(at);
                self.middle.edit(place, |chunk| insert_into(chunk, place.at, item));
            }
            Part::Tail(at) if at >= self.tail.len() => self.push(End::Right, item),
            Part::Tail(at) => {
                let rest = insert_into(&mut self.tail, at, item);
                for chunk in rest.into_iter().flatten() {
                    let inner = std::mem::replace(&mut self.tail, chunk);
                    if !inner.is_empty() {
                        self.middle.push(End::Right, inner);
                    }
                }
            }
        }
    }

    /// Removes up to `limit` items that equal `item`, searched from `end`, and tells how many; O(bytes).
    pub fn remove_equal(&mut self, end: End, limit: usize, item: &[u8]) -> usize {
        let (first, last) = match end {
            End::Left => (&mut self.head, &mut self.tail),
            End::Right => (&mut self.tail, &mut self.head),
        };
        let mut removed = first.remove_equal(end, limit, item);
        removed += self.middle.remove_equal(end, limit - removed, item);
        removed + last.remove_equal(end, limit - removed, item)
    }

    /// The chunk with item `start` and those behind it, and the item's place in the first of them.
    fn chunks_from(&self, start: usize) -> (impl Iterator<Item = &Chunk>, usize) {
        let part = self.part(start);
        let head = matches!(part, Part::Head(_)).then_some(&self.head);
        let (in_middle, at) = match part {
            Part::Head(at) => (Place::FIRST, at),
            Part::Middle(at) => self.middle.find(at).apart(),
            Part::Tail(at) => (Place::BEHIND, at),
        };
        let chunks = head.into_iter().chain(self.middle.chunks_from(in_middle));
        (chunks.chain([&self.tail]), at)
    }

    /// Items from `start` on, head to tail.
    pub fn iter_from(&self, start: usize) -> impl Iterator<Item = &[u8]> {
        let (chunks, at) = self.chunks_from(start);
        chunks.flat_map(Chunk::iter).skip(at)
    }

    /// Shows the items of a range, head to tail.
    pub fn visit<'s>(&'s self, range: Range<usize>, mut visit: impl FnMut(&'s [u8])) {
        let (chunks, mut at) = self.chunks_from(range.start);
        let mut left = range.len();
        for chunk in chunks {
            let items = chunk.iter().part(at, left);
            (at, left) = (0, left - items.len());
            items.for_each(&mut visit);
            if left == 0 {
                return;
            }
        }
    }

    /// All items, tail to head.
    pub fn iter_back(&self) -> impl Iterator<Item = &[u8]> {
        let middle = self.middle.chunks().rev().flat_map(|chunk| chunk.iter().rev());
        self.tail.iter().rev().chain(middle).chain(self.head.iter().rev())
    }

    /// Panics unless the parts are sound.
    pub fn check(&self) {
        self.head.check();
        self.middle.check();
        self.tail.check();
    }
}

/// Puts an item before the one at `at` of a chunk, which is split when it is too full; answers what is to follow it.
fn insert_into(chunk: &mut Chunk, at: usize, item: &[u8]) -> [Option<Chunk>; 2] {
    if chunk.takes(item.len()) {
        chunk.insert(at, item);
        return [None, None];
    }
    let mut right = chunk.split_off(at);
    if at > 0 && chunk.takes(item.len()) {
        chunk.push(End::Right, item);
        return [Some(right), None];
    }
    if right.takes(item.len()) && !right.is_empty() {
        right.push(End::Left, item);
        return [Some(right), None];
    }
    let mut own = Chunk::new(chunk.is_framed());
    own.push(End::Right, item);
    [Some(own), Some(right).filter(|right| !right.is_empty())]
}
