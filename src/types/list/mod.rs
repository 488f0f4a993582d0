//! Lists: a deque of byte strings.

use std::collections::VecDeque;

/// A deque of byte strings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    items: VecDeque<Box<[u8]>>,
}

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The head.
    Left,
    /// The tail.
    Right,
}

impl List {
    /// An empty list.
    pub fn new() -> Self {
        List::default()
    }

    /// Number of elements; O(1).
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        "listpack"
    }

    /// Bytes on the heap besides the structure itself; O(1), estimated from the number of items.
    pub fn heap_bytes(&self) -> usize {
        self.items.capacity() * size_of::<Box<[u8]>>() + self.items.len() * 32
    }

    /// Adds an element at `end`; O(1) amortised.
    pub fn push(&mut self, end: End, item: &[u8]) {
        match end {
            End::Left => self.items.push_front(item.into()),
            End::Right => self.items.push_back(item.into()),
        }
    }

    /// Takes the element at `end`; O(1).
    pub fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        self.pop_with(end, <[u8]>::to_vec)
    }

    /// Hands the element at `end` to `take`, then removes it; O(1).
    pub fn pop_with<T>(&mut self, end: End, take: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let item = match end {
            End::Left => self.items.pop_front(),
            End::Right => self.items.pop_back(),
        };
        item.map(|item| take(&item))
    }

    /// The element at `at` from the head.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        self.items.get(at).map(|item| &**item)
    }

    /// Replaces the element at `at` from the head; tells whether there is one.
    pub fn set(&mut self, at: usize, item: &[u8]) -> bool {
        match self.items.get_mut(at) {
            Some(place) => *place = item.into(),
            None => return false,
        }
        true
    }

    /// Puts an element before the one at `at` from the head, or at the tail when `at` is the length; O(n).
    pub fn insert(&mut self, at: usize, item: &[u8]) {
        self.items.insert(at, item.into());
    }

    /// Removes up to `limit` elements that equal `item`, searched from `end`, and tells how many; O(n).
    pub fn remove_equal(&mut self, end: End, limit: usize, item: &[u8]) -> usize {
        let equal = |at: &usize| &*self.items[*at] == item;
        let doomed: Vec<usize> = match end {
            End::Left => (0..self.items.len()).filter(equal).take(limit).collect(),
            End::Right => (0..self.items.len()).rev().filter(equal).take(limit).collect(),
        };
        let mut at = 0;
        self.items.retain(|_| {
            at += 1;
            !doomed.contains(&(at - 1))
        });
        doomed.len()
    }

    /// Removes `count` elements (all, when there are fewer) at `end`; O(count).
    pub fn drop_at(&mut self, end: End, count: usize) {
        let count = count.min(self.items.len());
        match end {
            End::Left => drop(self.items.drain(..count)),
            End::Right => self.items.truncate(self.items.len() - count),
        }
    }

    /// Elements from `start` on, head to tail.
    pub fn iter_from(&self, start: usize) -> impl Iterator<Item = &[u8]> {
        self.items.iter().skip(start).map(|item| &**item)
    }

    /// All elements, tail to head.
    pub fn iter_back(&self) -> impl Iterator<Item = &[u8]> {
        self.items.iter().rev().map(|item| &**item)
    }
}
