//! Lists: a deque of byte strings in packed chunks. A short list is one chunk that grows with it.

mod chunk;
mod deque;
mod middle;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use chunk::Chunk;
use deque::Deque;

/// A deque of byte strings.
#[derive(Clone)]
pub struct List(Form);

#[derive(Clone)]
enum Form {
    Short(Chunk),
    Long(Box<Long>),
}

#[derive(Clone)]
struct Long {
    deque: Deque,
    /// As the mark of the chunk of a short list.
    quick: bool,
}

const _: () = assert!(size_of::<List>() == 32, "lists are allocated one by one");

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The head.
    Left,
    /// The tail.
    Right,
}

/// When a list counts as long to who asks for its encoding: the directive `list-max-listpack-size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    bytes: usize,
    count: usize,
}

impl Limit {
    /// The limit that the directive's value stands for: a number of items, or a size class when negative.
    pub fn from_directive(value: i32) -> Self {
        let kib = match value {
            0.. => {
                return Limit {
                    bytes: chunk::CHUNK_BYTES_MAX,
                    count: value.unsigned_abs().max(1) as usize,
                };
            }
            -1 => 4,
            -2 => 8,
            -3 => 16,
            -4 => 32,
            _ => 64,
        };
        Limit {
            bytes: kib << 10,
            count: usize::MAX,
        }
    }
}

/// What a packed list of Valkey has besides its items.
const LISTPACK_FRAME_BYTES: usize = 7;

impl Default for List {
    fn default() -> Self {
        List::new()
    }
}

impl List {
    /// An empty list.
    pub fn new() -> Self {
        List(Form::Short(Chunk::new(false)))
    }

    /// Number of elements; O(1).
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Short(chunk) => chunk.len(),
            Form::Long(long) => long.deque.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn is_quick(&self) -> bool {
        match &self.0 {
            Form::Short(chunk) => chunk.mark,
            Form::Long(long) => long.quick,
        }
    }

    fn set_quick(&mut self, quick: bool) {
        match &mut self.0 {
            Form::Short(chunk) => chunk.mark = quick,
            Form::Long(long) => long.quick = quick,
        }
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        if self.is_quick() { "quicklist" } else { "listpack" }
    }

    /// Bytes that the elements take with their lengths; none when the list is far longer than any limit asks.
    fn framed_bytes(&self) -> Option<usize> {
        let bytes = match &self.0 {
            Form::Short(chunk) => Some(chunk.framed_bytes()),
            Form::Long(long) => long.deque.framed_bytes(),
        };
        bytes.map(|bytes| bytes + LISTPACK_FRAME_BYTES)
    }

    /// Decides the name of the encoding before `count` elements of `bytes` in all are added.
    pub fn will_grow(&mut self, limit: Limit, count: usize, bytes: usize) {
        let fits = |framed| framed + bytes <= limit.bytes && self.len() + count <= limit.count;
        if !self.is_quick() && !self.framed_bytes().is_some_and(fits) {
            self.set_quick(true);
        }
    }

    /// Decides the name of the encoding after elements were removed: half the limit turns a long list into a short one.
    /// Valkey does so later when what is left still lies in two of its chunks, which are not divided as ours are.
    pub fn has_shrunk(&mut self, limit: Limit) {
        let fits = |framed| framed <= limit.bytes / 2 && self.len() <= limit.count / 2;
        if self.is_quick() && self.framed_bytes().is_some_and(fits) {
            self.set_quick(false);
        }
    }

    /// Bytes on the heap besides the structure itself; O(1).
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Short(chunk) => chunk.heap_bytes(),
            Form::Long(long) => size_of::<Long>() + long.deque.heap_bytes(),
        }
    }

    /// Adds an element at `end`; O(1) amortised.
    #[inline]
    pub fn push(&mut self, end: End, item: &[u8]) {
        match &mut self.0 {
            Form::Short(chunk) if chunk.takes(item.len()) => chunk.push(end, item),
            Form::Long(long) => long.deque.push(end, item),
            Form::Short(_) => self.lengthen().push(end, item),
        }
    }

    /// Adds elements at `end`, one after the other; a new list gets memory for just these.
    pub fn extend<'a>(&mut self, end: End, items: impl Iterator<Item = &'a [u8]> + Clone) {
        if let Form::Short(chunk) = &mut self.0
            && chunk.is_empty()
        {
            let mut lengths = items.clone().map(<[u8]>::len);
            let first = lengths.next().unwrap_or(0);
            let mut equal = true;
            let (mut count, mut bytes) = (1, first);
            for len in lengths {
                equal &= len == first;
                count += 1;
                bytes += len;
            }
            chunk.reserve(end, count, bytes, equal.then_some(first));
        }
        items.for_each(|item| self.push(end, item));
    }

    /// Makes the list one of many chunks.
    #[cold]
    fn lengthen(&mut self) -> &mut Deque {
        if let Form::Short(chunk) = &mut self.0 {
            let chunk = std::mem::replace(chunk, Chunk::new(false));
            let quick = chunk.mark;
            let tail = Chunk::new(chunk.is_framed());
            let deque = Deque::new(chunk, tail);
            self.0 = Form::Long(Box::new(Long { deque, quick }));
        }
        match &mut self.0 {
            Form::Long(long) => &mut long.deque,
            Form::Short(_) => unreachable!("a short list has just been made long"),
        }
    }

    /// Makes a list of one half-empty chunk short again, and gives memory back that a short one does not need.
    #[inline]
    fn shorten(&mut self) {
        match &mut self.0 {
            Form::Short(chunk) => chunk.shrink(),
            Form::Long(long) => {
                if let Some(mut chunk) = long.deque.take_small() {
                    chunk.mark = long.quick;
                    self.0 = Form::Short(chunk);
                }
            }
        }
    }

    /// Takes the element at `end`; O(1).
    pub fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        self.pop_with(end, <[u8]>::to_vec)
    }

    /// Hands the element at `end` to `take`, then removes it; O(1).
    #[inline]
    pub fn pop_with<T>(&mut self, end: End, take: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let taken = match &mut self.0 {
            Form::Short(chunk) => chunk.pop_with(end, take),
            Form::Long(long) => long.deque.pop_with(end, take),
        };
        self.shorten();
        taken
    }

    /// The element at `at` from the head; sublinear.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        match &self.0 {
            Form::Short(chunk) => chunk.get(at),
            Form::Long(long) => long.deque.get(at),
        }
    }

    /// Replaces the element at `at` from the head; tells whether there is one. Sublinear.
    pub fn set(&mut self, at: usize, item: &[u8]) -> bool {
        if at >= self.len() {
            return false;
        }
        match &mut self.0 {
            Form::Short(chunk) => {
                if !chunk.overwrite(at, item) {
                    chunk.remove(at);
                    self.insert(at, item);
                }
            }
            Form::Long(long) => long.deque.set(at, item),
        }
        true
    }

    /// Puts an element before the one at `at` from the head, or at the tail when there is none; sublinear.
    pub fn insert(&mut self, at: usize, item: &[u8]) {
        match &mut self.0 {
            Form::Short(chunk) if chunk.takes(item.len()) => chunk.insert(at, item),
            Form::Short(_) => self.lengthen().insert(at, item),
            Form::Long(long) => long.deque.insert(at, item),
        }
    }

    /// Removes up to `limit` elements that equal `item`, searched from `end`, and tells how many; O(n).
    pub fn remove_equal(&mut self, end: End, limit: usize, item: &[u8]) -> usize {
        let removed = match &mut self.0 {
            Form::Short(chunk) => chunk.remove_equal(end, limit, item),
            Form::Long(long) => long.deque.remove_equal(end, limit, item),
        };
        self.shorten();
        removed
    }

    /// Removes `count` elements (all, when there are fewer) at `end`; O(count).
    pub fn drop_at(&mut self, end: End, count: usize) {
        if count >= self.len() {
            *self = List::new();
            return;
        }
        match &mut self.0 {
            Form::Short(chunk) => chunk.drop_at(end, count),
            Form::Long(long) => long.deque.drop_at(end, count),
        }
        self.shorten();
    }

    /// Shows the elements of a range, which are there, head to tail.
    pub fn visit<'s>(&'s self, range: Range<usize>, visit: impl FnMut(&'s [u8])) {
        match &self.0 {
            Form::Short(chunk) => chunk.iter().part(range.start, range.len()).for_each(visit),
            Form::Long(long) => long.deque.visit(range, visit),
        }
    }

    /// Elements from `start` on, head to tail.
    pub fn iter_from(&self, start: usize) -> impl Iterator<Item = &[u8]> {
        let (short, long) = match &self.0 {
            Form::Short(chunk) => (Some(chunk.iter().skip(start)), None),
            Form::Long(long) => (None, Some(long.deque.iter_from(start))),
        };
        short.into_iter().flatten().chain(long.into_iter().flatten())
    }

    /// All elements, tail to head.
    pub fn iter_back(&self) -> impl Iterator<Item = &[u8]> {
        let (short, long) = match &self.0 {
            Form::Short(chunk) => (Some(chunk.iter().rev()), None),
            Form::Long(long) => (None, Some(long.deque.iter_back())),
        };
        short.into_iter().flatten().chain(long.into_iter().flatten())
    }

    /// Panics unless the structure is sound.
    pub fn check(&self) {
        match &self.0 {
            Form::Short(chunk) => chunk.check(),
            Form::Long(long) => long.deque.check(),
        }
        assert_eq!(self.iter_from(0).count(), self.len());
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter_from(0).eq(other.iter_from(0))
    }
}

impl Eq for List {}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = self.iter_from(0).map(String::from_utf8_lossy);
        f.debug_list().entries(items).finish()
    }
}
