//! Items of a tree next to one another, under ascending ids. Ids and items stand apart, so that looking at the one does not load the other.

use std::ops::Range;

use super::ids::Ids;
use super::{bytes_of, put};
use crate::types::stream::id::StreamId;

/// Some items, as many as a tree wants.
#[derive(Clone, Debug)]
pub struct Leaf<T> {
    ids: Ids,
    /// As many as there are ids.
    items: Vec<T>,
}

impl<T> Default for Leaf<T> {
    fn default() -> Self {
        Leaf {
            ids: Ids::default(),
            items: Vec::new(),
        }
    }
}

impl<T> Leaf<T> {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Bytes on the heap besides what the items own.
    pub fn bytes(&self) -> usize {
        self.ids.bytes() + bytes_of(&self.items)
    }

    /// The items in order.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// The items at these places with their ids.
    pub fn pairs(&self, at: Range<usize>) -> impl DoubleEndedIterator<Item = (StreamId, &T)> {
        let items = self.items[at.clone()].iter();
        at.zip(items).map(|(at, item)| (self.ids.get(at), item))
    }

    /// The item with the least id.
    pub fn first(&self) -> Option<(StreamId, &T)> {
        self.pairs(0..self.len()).next()
    }

    /// The item with the greatest id.
    pub fn last(&self) -> Option<(StreamId, &T)> {
        self.pairs(0..self.len()).next_back()
    }

    /// Where `id` is, or would be.
    pub fn find(&self, id: StreamId) -> Result<usize, usize> {
        match self.ids.last() {
            Some(last) if last >= id => self.ids.find(id),
            _ => Err(self.len()),
        }
    }

    /// How many ids are less than `id`.
    pub fn count_before(&self, id: StreamId) -> usize {
        self.find(id).unwrap_or_else(|at| at)
    }

    /// How many ids are at most `id`.
    pub fn count_to(&self, id: StreamId) -> usize {
        self.find(id).map_or_else(|at| at, |at| at + 1)
    }

    /// The item at this place, to be changed.
    pub fn item_mut(&mut self, at: usize) -> &mut T {
        &mut self.items[at]
    }

    /// The item at `id`.
    pub fn get(&self, id: StreamId) -> Option<&T> {
        Some(&self.items[self.find(id).ok()?])
    }

    /// As [`Leaf::get`], to be changed.
    pub fn get_mut(&mut self, id: StreamId) -> Option<&mut T> {
        let at = self.find(id).ok()?;
        Some(&mut self.items[at])
    }

    /// Puts an item where [`Leaf::find`] says that its id would be; the right half, when there was no room.
    pub fn put(&mut self, at: usize, id: StreamId, item: T) -> Option<Leaf<T>> {
        let ids = self.ids.put(at, id);
        let items = put(&mut self.items, at, item);
        Some(Leaf {
            ids: ids?,
            items: items?,
        })
    }

    /// Takes the item at `id` out.
    pub fn remove(&mut self, id: StreamId) -> Option<T> {
        let at = self.find(id).ok()?;
        self.ids.remove(at);
        Some(self.items.remove(at))
    }

    /// Puts the items of a leaf behind the last, all of which have greater ids.
    pub fn append(&mut self, more: Leaf<T>) {
        self.ids.append(more.ids);
        self.items.extend(more.items);
    }

    /// Panics unless each item has an id.
    #[cfg(test)]
    pub fn check(&self) {
        assert_eq!(self.ids.len(), self.items.len());
        self.ids.check();
    }
}
