//! Items of a tree in the order of their summaries: the best branch first, so that what is not wanted is not looked at.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::{Flow, Item, Link, Tree};
use crate::types::stream::id::StreamId;

/// What is to be looked at: a branch with the least summary below it, or an item.
struct Candidate<'t, T: Item> {
    summary: T::Summary,
    /// At most the least id of it.
    first: StreamId,
    what: What<'t, T>,
}

enum What<'t, T: Item> {
    Below(&'t Link<T>),
    Item(&'t T),
}

impl<T: Item<Summary: Ord>> PartialEq for Candidate<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T: Item<Summary: Ord>> Eq for Candidate<'_, T> {}

impl<T: Item<Summary: Ord>> PartialOrd for Candidate<'_, T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Item<Summary: Ord>> Ord for Candidate<'_, T> {
    fn cmp(&self, other: &Self) -> Ordering {
        // What is below a branch may come before an item that seems equal.
        let is_item = |candidate: &Self| matches!(candidate.what, What::Item(_));
        let key = |candidate: &Self| (candidate.summary, candidate.first, is_item(candidate));
        key(self).cmp(&key(other))
    }
}

impl<T: Item<Summary: Ord>> Tree<T> {
    /// Visits the items whose summaries are at most `limit`, the least summary first, and among equals the least id. The summary of a branch must be
    /// the least one below it. O(log n) for each that is visited.
    pub fn least<'t>(&'t self, limit: T::Summary, visit: &mut dyn FnMut(StreamId, &'t T) -> Flow) -> Flow {
        let mut heap = BinaryHeap::new();
        push_below(&mut heap, &self.root, limit);
        while let Some(Reverse(Candidate { first, what, .. })) = heap.pop() {
            match what {
                What::Below(link) => push_below(&mut heap, link, limit),
                What::Item(item) => visit(first, item)?,
            }
        }
        Flow::Continue(())
    }
}

fn push_below<'t, T: Item<Summary: Ord>>(
    heap: &mut BinaryHeap<Reverse<Candidate<'t, T>>>,
    link: &'t Link<T>,
    limit: T::Summary,
) {
    let mut push = |summary, first, what| {
        if summary <= limit {
            heap.push(Reverse(Candidate { summary, first, what }));
        }
    };
    match link {
        Link::Branch(children) => children
            .iter()
            .for_each(|child| push(child.summary, child.first, What::Below(&child.link))),
        Link::Leaf(leaf) => leaf
            .pairs(0..leaf.len())
            .for_each(|(id, item)| push(item.summary(), id, What::Item(item))),
    }
}
