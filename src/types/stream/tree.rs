//! An ordered map from ids to values: a B+tree whose branches know a summary of what is below them, so that a search can pass over whole branches.
//! Knows neither entries nor groups.

mod ids;
mod leaf;
mod least;

use std::ops::ControlFlow;

use leaf::Leaf;

use super::id::StreamId;
use crate::base::debris::Pile;
use crate::base::size_class::good_size;

/// Items of a leaf and children of a branch at most.
const FANOUT: usize = 64;
/// Neighbours that together have no more than this become one.
const MERGED_MAX: usize = FANOUT / 2;

/// What a tree holds.
pub trait Item: 'static {
    /// What a branch knows of the items below it.
    type Summary: Copy + PartialEq + std::fmt::Debug + 'static;

    /// The summary of this item alone.
    fn summary(&self) -> Self::Summary;

    /// The summary of two groups of items.
    fn join(one: Self::Summary, other: Self::Summary) -> Self::Summary;
}

/// A map from ids to items.
#[derive(Debug)]
pub struct Tree<T: Item> {
    root: Link<T>,
    len: usize,
    heap_bytes: usize,
}

#[derive(Clone, Debug)]
enum Link<T: Item> {
    Leaf(Leaf<T>),
    Branch(Pile<Vec<Child<T>>>),
}

#[derive(Clone, Debug)]
struct Child<T: Item> {
    /// At most the least id below.
    first: StreamId,
    summary: T::Summary,
    link: Link<T>,
}

/// Whether a walk goes on.
pub type Flow = ControlFlow<()>;

impl<T: Item + Clone> Clone for Tree<T> {
    fn clone(&self) -> Self {
        let root = self.root.clone();
        // A copy has room for what it holds and no more.
        let heap_bytes = root.all_bytes();
        let len = self.len;
        Tree { root, len, heap_bytes }
    }
}

impl<T: Item> Default for Tree<T> {
    fn default() -> Self {
        Tree {
            root: Link::Leaf(Leaf::default()),
            len: 0,
            heap_bytes: 0,
        }
    }
}

impl<T: Item> Tree<T> {
    /// How many items there are; O(1).
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes on the heap besides what the items own; O(1).
    pub fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }

    /// The item at `id`; O(log n).
    pub fn get(&self, id: StreamId) -> Option<&T> {
        let mut link = &self.root;
        loop {
            match link {
                Link::Branch(children) => link = &children[place(children, id)].link,
                Link::Leaf(leaf) => return leaf.get(id),
            }
        }
    }

    /// The item with the least id.
    pub fn first(&self) -> Option<(StreamId, &T)> {
        let mut link = &self.root;
        loop {
            match link {
                Link::Branch(children) => link = &children.first()?.link,
                Link::Leaf(leaf) => return leaf.first(),
            }
        }
    }

    /// The item with the greatest id.
    pub fn last(&self) -> Option<(StreamId, &T)> {
        let mut link = &self.root;
        loop {
            match link {
                Link::Branch(children) => link = &children.last()?.link,
                Link::Leaf(leaf) => return leaf.last(),
            }
        }
    }

    /// Stores an item and answers the one it replaces; O(log n), without moving others when it is the last.
    pub fn insert(&mut self, id: StreamId, item: T) -> Option<T> {
        let mut grown = Grown::default();
        let replaced = self.root.insert(id, item, &mut grown);
        if let Some(right) = grown.split {
            let left = std::mem::replace(&mut self.root, Link::Leaf(Leaf::default()));
            let left = left.into_child().expect("what was split holds items");
            let mut children = Vec::with_capacity(FANOUT);
            children.extend([left, *right]);
            grown.bytes += bytes_of(&children) as isize;
            self.root = Link::Branch(children.into());
        }
        self.heap_bytes = self.heap_bytes.wrapping_add_signed(grown.bytes);
        self.len += usize::from(replaced.is_none());
        replaced
    }

    /// Takes the item at `id` out; O(log n).
    pub fn remove(&mut self, id: StreamId) -> Option<T> {
        let mut freed = 0isize;
        let removed = self.root.remove(id, &mut freed)?;
        while let Link::Branch(children) = &mut self.root
            && children.len() == 1
        {
            freed += bytes_of(children) as isize;
            let only = children.pop().expect("there is one");
            self.root = only.link;
        }
        if self.len == 1 {
            freed += self.root.own_bytes() as isize;
            self.root = Link::Leaf(Leaf::default());
        }
        self.heap_bytes = self.heap_bytes.wrapping_add_signed(-freed);
        self.len -= 1;
        Some(removed)
    }

    /// Changes the item at `id`, if there is one; O(log n).
    pub fn update<R>(&mut self, id: StreamId, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.root.update(id, change)
    }

    /// Visits the items from `from` on in ascending order, passing over branches whose summary `enters` refuses; O(log n + visited).
    pub fn walk<'t>(
        &'t self,
        from: StreamId,
        enters: &dyn Fn(T::Summary) -> bool,
        visit: &mut dyn FnMut(StreamId, &'t T) -> Flow,
    ) -> Flow {
        self.root.walk(from, enters, visit)
    }

    /// Visits the items from `from` down in descending order; O(log n + visited).
    pub fn walk_back<'t>(&'t self, from: StreamId, visit: &mut dyn FnMut(StreamId, &'t T) -> Flow) -> Flow {
        self.root.walk_back(from, visit)
    }

    /// The last item at or before `id`; O(log n).
    pub fn floor(&self, id: StreamId) -> Option<(StreamId, &T)> {
        let mut found = None;
        let _ended = self.walk_back(id, &mut |id, item| {
            found = Some((id, item));
            Flow::Break(())
        });
        found
    }

    /// The join of the summaries of the items behind `id`; O(log n).
    pub fn summary_after(&self, id: StreamId) -> Option<T::Summary> {
        self.root.summary_after(id)
    }

    /// Panics unless ids ascend and every branch knows what is below it.
    #[cfg(test)]
    pub fn check(&self) {
        let mut ids = Vec::new();
        let mut bytes = 0;
        let summary = self.root.check(&mut ids, &mut bytes);
        assert!(ids.is_sorted() && ids.len() == self.len);
        assert_eq!((summary, bytes), (self.root.summary(), self.heap_bytes));
    }
}

/// What an insertion changed.
struct Grown<T: Item> {
    split: Option<Box<Child<T>>>,
    bytes: isize,
}

impl<T: Item> Default for Grown<T> {
    fn default() -> Self {
        Grown { split: None, bytes: 0 }
    }
}

/// The child in whose range `id` is.
fn place<T: Item>(children: &[Child<T>], id: StreamId) -> usize {
    children.partition_point(|child| child.first <= id).saturating_sub(1)
}

fn bytes_of<V>(items: &Vec<V>) -> usize {
    good_size(items.capacity() * size_of::<V>())
}

/// Puts `item` at `at`; the right half, when there was no room. At the end nothing moves, so that what grows there stays full.
fn put<V>(items: &mut Vec<V>, at: usize, item: V) -> Option<Vec<V>> {
    if items.len() < FANOUT {
        items.insert(at, item);
        return None;
    }
    let mut right = Vec::with_capacity(FANOUT);
    if at == FANOUT {
        right.push(item);
    } else {
        right.extend(items.drain(FANOUT / 2..));
        let (half, at) = if at <= FANOUT / 2 {
            (&mut *items, at)
        } else {
            (&mut right, at - FANOUT / 2)
        };
        half.insert(at, item);
    }
    Some(right)
}

impl<T: Item> Link<T> {
    fn len(&self) -> usize {
        match self {
            Link::Leaf(leaf) => leaf.len(),
            Link::Branch(children) => children.len(),
        }
    }

    fn summary(&self) -> Option<T::Summary> {
        match self {
            Link::Leaf(leaf) => leaf.items().iter().map(T::summary).reduce(T::join),
            Link::Branch(children) => children.iter().map(|child| child.summary).reduce(T::join),
        }
    }

    fn first(&self) -> Option<StreamId> {
        match self {
            Link::Leaf(leaf) => leaf.first().map(|(id, _)| id),
            Link::Branch(children) => children.first().map(|child| child.first),
        }
    }

    fn into_child(self) -> Option<Child<T>> {
        Some(Child {
            first: self.first()?,
            summary: self.summary()?,
            link: self,
        })
    }

    fn insert(&mut self, id: StreamId, item: T, grown: &mut Grown<T>) -> Option<T> {
        let right = match self {
            Link::Leaf(leaf) => match leaf.find(id) {
                Ok(at) => return Some(std::mem::replace(leaf.item_mut(at), item)),
                Err(at) => {
                    let before = leaf.bytes() as isize;
                    let right = leaf.put(at, id, item).map(Link::Leaf);
                    grown.bytes += leaf.bytes() as isize - before;
                    right?
                }
            },
            Link::Branch(children) => {
                let at = place(children, id);
                let child = &mut children[at];
                let summary = item.summary();
                let replaced = child.link.insert(id, item, grown);
                child.first = child.first.min(id);
                let split = grown.split.take();
                if replaced.is_none() && split.is_none() {
                    child.summary = T::join(child.summary, summary);
                } else {
                    child.summary = child.link.summary().expect("an item was just stored");
                }
                let Some(right) = split else { return replaced };
                let before = bytes_of(children) as isize;
                let right = put(children, at + 1, *right).map(|right| Link::Branch(right.into()));
                grown.bytes += bytes_of(children) as isize - before;
                right?
            }
        };
        grown.bytes += right.own_bytes() as isize;
        grown.split = right.into_child().map(Box::new);
        None
    }

    fn remove(&mut self, id: StreamId, freed: &mut isize) -> Option<T> {
        match self {
            Link::Leaf(leaf) => leaf.remove(id),
            Link::Branch(children) => {
                let at = place(children, id);
                let child = &mut children[at];
                let removed = child.link.remove(id, freed)?;
                match child.link.summary() {
                    Some(summary) => child.summary = summary,
                    None => {
                        *freed += children.remove(at).link.own_bytes() as isize;
                        return Some(removed);
                    }
                }
                if children[at].link.len() < MERGED_MAX {
                    merge(children, at, freed);
                }
                Some(removed)
            }
        }
    }

    fn own_bytes(&self) -> usize {
        match self {
            Link::Leaf(leaf) => leaf.bytes(),
            Link::Branch(children) => bytes_of(children),
        }
    }

    fn all_bytes(&self) -> usize {
        let below = match self {
            Link::Leaf(_) => 0,
            Link::Branch(children) => children.iter().map(|child| child.link.all_bytes()).sum(),
        };
        self.own_bytes() + below
    }

    fn update<R>(&mut self, id: StreamId, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        match self {
            Link::Leaf(leaf) => leaf.get_mut(id).map(change),
            Link::Branch(children) => {
                let at = place(children, id);
                let child = &mut children[at];
                let result = child.link.update(id, change)?;
                child.summary = child.link.summary().expect("the changed item is there");
                Some(result)
            }
        }
    }

    fn walk<'t>(
        &'t self,
        from: StreamId,
        enters: &dyn Fn(T::Summary) -> bool,
        visit: &mut dyn FnMut(StreamId, &'t T) -> Flow,
    ) -> Flow {
        match self {
            Link::Leaf(leaf) => {
                let behind = leaf.pairs(leaf.count_before(from)..leaf.len());
                let mut entered = behind.filter(|(_, item)| enters(item.summary()));
                entered.try_for_each(|(id, item)| visit(id, item))
            }
            Link::Branch(children) => {
                let mut entered = children[place(children, from)..]
                    .iter()
                    .filter(|child| enters(child.summary));
                entered.try_for_each(|child| child.link.walk(from, enters, visit))
            }
        }
    }

    fn walk_back<'t>(&'t self, from: StreamId, visit: &mut dyn FnMut(StreamId, &'t T) -> Flow) -> Flow {
        match self {
            Link::Leaf(leaf) => {
                let mut before = leaf.pairs(0..leaf.count_to(from)).rev();
                before.try_for_each(|(id, item)| visit(id, item))
            }
            Link::Branch(children) => {
                let end = children.partition_point(|child| child.first <= from);
                let mut before = children[..end].iter().rev();
                before.try_for_each(|child| child.link.walk_back(from, visit))
            }
        }
    }

    fn summary_after(&self, id: StreamId) -> Option<T::Summary> {
        match self {
            Link::Leaf(leaf) => {
                let behind = leaf.items()[leaf.count_to(id)..].iter();
                behind.map(T::summary).reduce(T::join)
            }
            Link::Branch(children) => {
                let at = place(children, id);
                let partly = children[at].link.summary_after(id);
                let wholly = children[at + 1..].iter().map(|child| child.summary);
                partly.into_iter().chain(wholly).reduce(T::join)
            }
        }
    }

    #[cfg(test)]
    fn check(&self, ids: &mut Vec<StreamId>, bytes: &mut usize) -> Option<T::Summary> {
        *bytes += self.own_bytes();
        match self {
            Link::Leaf(leaf) => {
                assert!(leaf.len() <= FANOUT);
                leaf.check();
                ids.extend(leaf.pairs(0..leaf.len()).map(|(id, _)| id));
                self.summary()
            }
            Link::Branch(children) => {
                assert!(children.len() <= FANOUT && !children.is_empty());
                let known = children.iter().map(|child| {
                    let before = ids.len();
                    let summary = child.link.check(ids, bytes).expect("no child is empty");
                    assert_eq!(summary, child.summary);
                    assert!(child.first <= ids[before]);
                    summary
                });
                known.reduce(T::join)
            }
        }
    }
}

/// Joins the child at `at`, which has become small, with a small neighbour.
fn merge<T: Item>(children: &mut Vec<Child<T>>, at: usize, freed: &mut isize) {
    let fits = |left: usize| {
        let pair = children.get(left..left + 2);
        pair.is_some_and(|pair| pair[0].link.len() + pair[1].link.len() <= MERGED_MAX)
    };
    let Some(left) = [Some(at), at.checked_sub(1)]
        .into_iter()
        .flatten()
        .find(|left| fits(*left))
    else {
        return;
    };
    let right = children.remove(left + 1);
    let before = children[left].link.own_bytes() + right.link.own_bytes();
    let child = &mut children[left];
    match (&mut child.link, right.link) {
        (Link::Leaf(leaf), Link::Leaf(more)) => leaf.append(more),
        (Link::Branch(items), Link::Branch(mut more)) => items.append(&mut more),
        _ => unreachable!("all leaves are equally deep"),
    }
    child.summary = T::join(child.summary, right.summary);
    *freed += before as isize - child.link.own_bytes() as isize;
}

impl<T: Item + PartialEq> PartialEq for Tree<T> {
    fn eq(&self, other: &Self) -> bool {
        self.items() == other.items()
    }
}

impl<T: Item> Tree<T> {
    /// All items in order.
    pub fn items(&self) -> Vec<(StreamId, &T)> {
        let mut items = Vec::with_capacity(self.len);
        let _all = self.walk(StreamId::MIN, &|_| true, &mut |id, item| {
            items.push((id, item));
            Flow::Continue(())
        });
        items
    }
}
