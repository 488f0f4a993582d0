//! The entries of a stream. Knows no groups.
//!
//! The last node stands apart, since everything is appended to it; a short stream has no other.

mod ends;

use super::id::StreamId;
use super::node::{Entry, Limits, Node};
use super::tree::{Flow, Item, Tree};
use crate::base::size_class::good_size;

pub use ends::{Ends, Reach};

impl Item for Node {
    /// Entries that are not deleted.
    type Summary = u64;

    fn summary(&self) -> u64 {
        self.live() as u64
    }

    fn join(one: u64, other: u64) -> u64 {
        one + other
    }
}

/// Up to where a stream is trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trim {
    /// So many entries stay.
    MaxLen(u64),
    /// Entries before this id go.
    MinId(StreamId),
}

/// Entries under ascending ids.
#[derive(Debug, Default)]
pub struct Log {
    /// All nodes but the last.
    sealed: Tree<Node>,
    /// The last node and where it begins.
    tail: Option<(StreamId, Node)>,
    len: u64,
    last_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
    /// How many entries it has ever got by itself, whatever [`Log::set_id`] said.
    appended: u64,
    /// Bytes of the buffers of all nodes.
    node_bytes: usize,
}

/// Same entries and counters; how the entries are packed does not count.
impl PartialEq for Log {
    fn eq(&self, other: &Self) -> bool {
        let entries = |log: &Self| {
            let mut entries = Vec::new();
            log.range(StreamId::MIN, StreamId::MAX, &mut |entry| {
                let pairs: Vec<_> = entry
                    .pairs()
                    .map(|(field, value)| format!("{field:?}{value:?}"))
                    .collect();
                entries.push((entry.id, pairs));
                Flow::Continue(())
            });
            entries
        };
        let counters = |log: &Self| (log.last_id, log.max_deleted_id, log.entries_added, log.len);
        counters(self) == counters(other) && entries(self) == entries(other)
    }
}

impl Log {
    /// Number of entries; O(1).
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The greatest id that any entry has had.
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The greatest id that was deleted, by name and not by trimming.
    pub fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    /// How many entries it has ever got, as far as it was told.
    pub fn entries_added(&self) -> u64 {
        self.entries_added
    }

    /// Number of nodes.
    pub fn nodes_len(&self) -> usize {
        self.sealed.len() + usize::from(self.tail.is_some())
    }

    /// Bytes on the heap; O(1).
    pub fn heap_bytes(&self) -> usize {
        self.sealed.heap_bytes() + self.node_bytes
    }

    /// Appends an entry; its id must be greater than the last one. `pairs` are fields and values by turns. O(1) amortised.
    pub fn push<'w>(&mut self, id: StreamId, pairs: impl ExactSizeIterator<Item = &'w [u8]> + Clone, limits: Limits) {
        assert!(id > self.last_id, "ids ascend");
        let item_bytes: usize = pairs.clone().map(<[u8]>::len).sum();
        if self
            .tail
            .as_ref()
            .is_some_and(|(_, node)| node.is_full(item_bytes, limits))
        {
            self.begin_node();
        }
        let (first, node) = self.tail.get_or_insert_with(|| (id, Node::new(self.appended)));
        let before = node.capacity();
        node.push(*first, id, pairs);
        self.node_bytes = self.node_bytes + good_size(node.capacity()) - good_size(before);
        self.len += 1;
        self.last_id = id;
        self.entries_added += 1;
        self.appended += 1;
    }

    /// Lets the next entry begin a node.
    pub fn begin_node(&mut self) {
        if let Some((first, mut full)) = self.tail.take() {
            let before = full.capacity();
            full.seal();
            self.node_bytes = self.node_bytes + good_size(full.capacity()) - good_size(before);
            self.sealed.insert(first, full);
        }
    }

    /// Visits the nodes in order, with the ids at which they begin.
    pub fn nodes<'s>(&'s self, visit: &mut dyn FnMut(StreamId, &'s Node)) {
        let _ended = self.sealed.walk(StreamId::MIN, &|_| true, &mut |first, node| {
            visit(first, node);
            Flow::Continue(())
        });
        if let Some((first, node)) = &self.tail {
            visit(*first, node);
        }
    }

    /// Deletes entries of the last node without counting them as deleted by name.
    pub fn delete_in_last_node(&mut self, chosen: impl FnMut(StreamId) -> bool) {
        if let Some((first, _)) = self.tail {
            self.len -= self.change(first, |node| node.delete_where(first, chosen)) as u64;
        }
    }

    /// The entry at `id`; O(log n).
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        let (first, node) = self.node_at(id)?;
        node.find(first, id)
    }

    /// Whether the entry at `id`, which has been there, still is; O(log n).
    pub fn contains(&self, id: StreamId) -> bool {
        self.node_at(id).is_some_and(|(first, node)| node.contains(first, id))
    }

    /// The first entry.
    pub fn first(&self) -> Option<Entry<'_>> {
        let (first, node) = self.first_node()?;
        node.entries(first).next()
    }

    /// The last entry.
    pub fn last(&self) -> Option<Entry<'_>> {
        let sealed = || self.sealed.last();
        let (first, node) = self.tail.as_ref().map(|(first, node)| (*first, node)).or_else(sealed)?;
        node.entries(first).last()
    }

    /// The node that would hold `id`: the last one that begins at or before it.
    fn node_at(&self, id: StreamId) -> Option<(StreamId, &Node)> {
        match &self.tail {
            Some((first, node)) if *first <= id => Some((*first, node)),
            _ => self.sealed.floor(id),
        }
    }

    /// Visits the entries from `from` to `to` in ascending order; O(log n + visited).
    pub fn range<'s>(&'s self, from: StreamId, to: StreamId, visit: &mut dyn FnMut(Entry<'s>) -> Flow) {
        let mut within = |first: StreamId, node: &'s Node| {
            for entry in node.entries(first).skip_while(|entry| entry.id < from) {
                if entry.id > to {
                    return Flow::Break(());
                }
                visit(entry)?;
            }
            Flow::Continue(())
        };
        let in_tail = self.tail.as_ref().is_some_and(|(first, _)| *first <= from);
        if !in_tail {
            let start = self.sealed.floor(from).map_or(StreamId::MIN, |(first, _)| first);
            let walked = self.sealed.walk(start, &|_| true, &mut |first, node| {
                if first > to {
                    return Flow::Break(());
                }
                within(first, node)
            });
            if walked.is_break() {
                return;
            }
        }
        if let Some((first, node)) = &self.tail {
            let _ended = within(*first, node);
        }
    }

    /// Visits the entries from `from` down to `to`; O(log n + visited).
    pub fn range_back<'s>(&'s self, from: StreamId, to: StreamId, visit: &mut dyn FnMut(Entry<'s>) -> Flow) {
        let mut within = |first: StreamId, node: &'s Node| {
            let entries: Vec<Entry<'s>> = node.entries(first).take_while(|entry| entry.id <= from).collect();
            for entry in entries.into_iter().rev() {
                if entry.id < to {
                    return Flow::Break(());
                }
                visit(entry)?;
            }
            Flow::Continue(())
        };
        if let Some((first, node)) = &self.tail
            && within(*first, node).is_break()
        {
            return;
        }
        let _ended = self.sealed.walk_back(from, &mut |first, node| within(first, node));
    }

    /// Deletes the entry at `id`; tells whether it was there. O(log n).
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some((first, _)) = self.node_at(id) else {
            return false;
        };
        let deleted = self.change(first, |node| node.delete(first, id));
        if deleted {
            self.len -= 1;
            self.max_deleted_id = self.max_deleted_id.max(id);
        }
        deleted
    }

    /// Changes the node that begins at `first`, and removes it when no entry is left.
    fn change<R>(&mut self, first: StreamId, change: impl FnOnce(&mut Node) -> R) -> R {
        let counted = |node: &mut Node| {
            let before = good_size(node.capacity());
            let result = change(node);
            (result, before, good_size(node.capacity()), node.live())
        };
        let (result, before, after, live) = match &mut self.tail {
            Some((begin, node)) if *begin == first => counted(node),
            _ => self.sealed.update(first, counted).expect("the node is there"),
        };
        self.node_bytes = self.node_bytes + after - before;
        if live == 0 {
            self.drop_node(first);
        }
        result
    }

    fn drop_node(&mut self, first: StreamId) {
        drop(self.take_node(first).expect("the node is there"));
    }

    fn take_node(&mut self, first: StreamId) -> Option<Node> {
        let tail = self.tail.take_if(|(begin, _)| *begin == first).map(|(_, node)| node);
        let node = tail.or_else(|| self.sealed.remove(first))?;
        self.node_bytes -= good_size(node.capacity());
        Some(node)
    }

    /// Deletes entries from the front up to where `trim` says; answers how many. With `whole_nodes` only nodes all of which may go are dropped, as
    /// long as no more than so many entries go (0: any number). O(log n + deleted).
    pub fn trim(&mut self, trim: Trim, whole_nodes: Option<u64>) -> u64 {
        self.trim_telling(trim, whole_nodes, &mut None)
    }

    /// As [`Log::trim`], and puts the ids of what is deleted into `told`, if there is one.
    pub fn trim_telling(&mut self, trim: Trim, whole_nodes: Option<u64>, told: &mut Option<Vec<StreamId>>) -> u64 {
        let before = self.len;
        let limit = whole_nodes.filter(|limit| *limit > 0).unwrap_or(u64::MAX);
        while let Some((first, node)) = self.first_node() {
            let live = node.live() as u64;
            let (done, whole) = match trim {
                Trim::MaxLen(len) => (self.len <= len, self.len - live >= len),
                Trim::MinId(id) => (false, node.last_id() < id),
            };
            if done || before - self.len + live > limit {
                break;
            }
            if whole {
                if let Some(told) = told {
                    told.extend(node.entries(first).map(|entry| entry.id));
                }
                self.len -= live;
                self.drop_node(first);
                continue;
            }
            if whole_nodes.is_none() {
                let mut left = self.len;
                let chosen = |id: StreamId| {
                    let goes = match trim {
                        Trim::MaxLen(len) => left > len,
                        Trim::MinId(min) => id < min,
                    };
                    left -= u64::from(goes);
                    told.iter_mut().filter(|_| goes).for_each(|told| told.push(id));
                    goes
                };
                self.len -= self.change(first, |node| node.delete_while(first, chosen)) as u64;
            }
            break;
        }
        before - self.len
    }

    /// As [`Log::trim`], but spares what `needed` tells: entries before it stay, and others behind it may go instead. O(log n + looked at).
    pub fn trim_sparing(&mut self, trim: Trim, whole_nodes: Option<u64>, needed: &dyn Fn(StreamId) -> bool) -> u64 {
        let end = whole_nodes.map_or(StreamId::MAX, |limit| self.whole_nodes_end(trim, limit));
        let (mut left, mut gone) = (self.len, Vec::new());
        self.range(StreamId::MIN, StreamId::MAX, &mut |entry| {
            let done = match trim {
                Trim::MaxLen(len) => left <= len,
                Trim::MinId(id) => entry.id >= id,
            };
            if done || entry.id > end {
                return Flow::Break(());
            }
            if !needed(entry.id) {
                gone.push(entry.id);
                left -= 1;
            }
            Flow::Continue(())
        });
        for id in &gone {
            self.delete(*id);
        }
        gone.len() as u64
    }

    /// The last id of the nodes all of which may go, as long as no more than `limit` entries do (0: any number).
    fn whole_nodes_end(&self, trim: Trim, limit: u64) -> StreamId {
        let limit = if limit == 0 { u64::MAX } else { limit };
        let (mut end, mut counted) = (StreamId::MIN, 0);
        let mut take = |node: &Node| {
            counted += node.live() as u64;
            let whole = match trim {
                Trim::MaxLen(len) => self.len - counted >= len,
                Trim::MinId(id) => node.last_id() < id,
            };
            if !whole || counted > limit {
                return Flow::Break(());
            }
            end = node.last_id();
            Flow::Continue(())
        };
        let walked = self.sealed.walk(StreamId::MIN, &|_| true, &mut |_, node| take(node));
        if let (Flow::Continue(()), Some((_, node))) = (walked, &self.tail) {
            let _ended = take(node);
        }
        end
    }

    fn first_node(&self) -> Option<(StreamId, &Node)> {
        let tail = || self.tail.as_ref().map(|(first, node)| (*first, node));
        self.sealed.first().or_else(tail)
    }

    /// Sets the last id, which must not be less than that of an entry, and when given how many entries there have ever been and the greatest
    /// deleted id.
    pub fn set_id(&mut self, last_id: StreamId, entries_added: Option<u64>, max_deleted_id: Option<StreamId>) {
        let tail = self.tail.as_ref().map(|(first, node)| (*first, node));
        if let Some((first, node)) = tail.or_else(|| self.sealed.last())
            && node.last_id() > last_id
        {
            // Ids of deleted entries may come again.
            self.change(first, |node| node.cut(first, last_id));
        }
        self.last_id = last_id;
        self.entries_added = entries_added.unwrap_or(self.entries_added);
        self.max_deleted_id = max_deleted_id.unwrap_or(self.max_deleted_id);
    }

    /// How many entries stand behind `id`; O(log n).
    pub fn count_after(&self, id: StreamId) -> u64 {
        let partly = self
            .node_at(id)
            .map_or(0, |(first, node)| node.live() - node.count_to(first, id).1);
        let tail = self.tail.as_ref().filter(|(first, _)| *first > id);
        let sealed = match &self.tail {
            Some((first, _)) if *first <= id => 0,
            _ => self.sealed.summary_after(id).unwrap_or(0),
        };
        partly as u64 + sealed + tail.map_or(0, |(_, node)| node.live() as u64)
    }

    /// Whether any entry stands behind `id`; O(1) when that is the last one.
    pub fn has_after(&self, id: StreamId) -> bool {
        id < self.last_id && self.count_after(id) > 0
    }

    /// How many entries there have ever been up to `id`, deleted ones included, in the count of [`Log::entries_added`]; `None` when `id` stands
    /// among entries that are gone, some before and some behind it. O(log n).
    pub fn entries_ever_to(&self, id: StreamId) -> Option<u64> {
        let behind = self.appended - self.appended_to(id)?;
        Some(self.entries_added.saturating_sub(behind))
    }

    /// As [`Log::entries_ever_to`], unless entries to come may still change it.
    pub fn entries_read_to(&self, id: StreamId) -> Option<u64> {
        if id > self.last_id {
            return None;
        }
        self.entries_ever_to(id)
    }

    fn appended_to(&self, id: StreamId) -> Option<u64> {
        if id >= self.last_id {
            return Some(self.appended);
        }
        if id == StreamId::MIN {
            return Some(0);
        }
        let known = match self.node_at(id) {
            None => 0,
            Some((first, node)) => {
                let to = node.before() + node.count_to(first, id).0 as u64;
                if id <= node.last_id() {
                    return Some(to);
                }
                to
            }
        };
        (self.before_next(id) == known).then_some(known)
    }

    /// How many entries there had ever been before the first node behind `id`.
    fn before_next(&self, id: StreamId) -> u64 {
        let tail = self.tail.as_ref().filter(|(first, _)| *first > id);
        let mut before = tail.map_or(self.appended, |(_, node)| node.before());
        let _ended = self.sealed.walk(id, &|_| true, &mut |first, node| {
            if first == id {
                return Flow::Continue(());
            }
            before = node.before();
            Flow::Break(())
        });
        before
    }

    /// Panics unless counts and order are right.
    #[cfg(test)]
    pub fn check(&self) {
        self.sealed.check();
        let mut nodes = self.sealed.items();
        nodes.extend(self.tail.as_ref().map(|(first, node)| (*first, node)));
        nodes.iter().for_each(|(first, node)| node.check(*first));
        let ends = |pair: &[(StreamId, &Node)]| pair[0].1.last_id() < pair[1].0;
        assert!(nodes.windows(2).all(ends));
        let ordered = |pair: &[(StreamId, &Node)]| pair[0].1.before() + pair[0].1.all() as u64 <= pair[1].1.before();
        assert!(nodes.windows(2).all(ordered));
        assert_eq!(nodes.iter().map(|(_, node)| node.live() as u64).sum::<u64>(), self.len);
        let bytes = nodes.iter().map(|(_, node)| good_size(node.capacity()));
        assert_eq!(bytes.sum::<usize>(), self.node_bytes);
    }
}

impl Clone for Log {
    fn clone(&self) -> Self {
        let (sealed, tail) = (self.sealed.clone(), self.tail.clone());
        // A copy has room for what it holds and no more.
        let mut node_bytes = tail.as_ref().map_or(0, |(_, node)| good_size(node.capacity()));
        node_bytes += sealed
            .items()
            .iter()
            .map(|(_, node)| good_size(node.capacity()))
            .sum::<usize>();
        Log {
            sealed,
            tail,
            node_bytes,
            ..*self
        }
    }
}
