//! The large form: a B+tree by score and member that counts what is below each node, and an index from members to leaves.

use std::ops::Range;

use super::compare;
use super::index::Index;
use super::inner::{CHILDREN_MAX, CHILDREN_MIN, Child, Inner};
use super::leaf::{LEAF_MEMBERS_MIN, Leaf};
use super::slab::{NONE, Slab};
use crate::base::hash::table_hash;

/// Members by score and by name.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(super) leaves: Slab<Leaf>,
    inners: Slab<Inner>,
    /// A leaf when `height` is 0, else an inner node.
    root: u32,
    height: u32,
    pub(super) first: u32,
    last: u32,
    len: usize,
    index: Index,
    /// What the leaves and inner nodes own.
    node_bytes: usize,
}

/// A member's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub(super) leaf: u32,
    pub(super) at: usize,
}

/// The part of a member's hash that decides about its place in the index.
pub fn member_hash(member: &[u8]) -> u32 {
    (table_hash(member) >> 32) as u32
}

impl Tree {
    /// An empty tree.
    pub fn new() -> Self {
        let mut leaves = Slab::new();
        let root = leaves.insert(Leaf::default());
        Tree {
            leaves,
            inners: Slab::new(),
            root,
            height: 0,
            first: root,
            last: root,
            len: 0,
            index: Index::new(),
            node_bytes: 0,
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes on the heap; O(blocks of nodes).
    pub fn heap_bytes(&self) -> usize {
        self.node_bytes + self.leaves.heap_bytes() + self.inners.heap_bytes() + self.index.heap_bytes()
    }

    /// The place of `member`, which has this hash; O(1).
    #[inline]
    pub fn find(&self, hash: u32, member: &[u8]) -> Option<Place> {
        let mut at = 0;
        let leaf = self
            .index
            .find(hash, |leaf| match self.leaves[leaf].find(hash, member) {
                Some(found) => {
                    at = found;
                    true
                }
                None => false,
            })?;
        Some(Place { leaf, at })
    }

    /// The score of the member at a place.
    pub fn score_at(&self, place: Place) -> f64 {
        self.leaves[place.leaf].slot(place.at).score
    }

    /// How many members stand before the one at a place; O(log n).
    pub fn rank_of(&self, place: Place) -> usize {
        let mut rank = place.at;
        let mut child = place.leaf;
        let mut node = self.leaves[child].parent;
        while node != NONE {
            let inner = &self.inners[node];
            rank += inner.count_before(inner.place_of(child));
            child = node;
            node = inner.parent;
        }
        rank
    }

    /// The place of member number `rank`, which is there, or behind the last; O(log n).
    pub fn at_rank(&self, mut rank: usize) -> Place {
        if rank >= self.len {
            let at = self.leaves[self.last].len();
            return Place { leaf: self.last, at };
        }
        let mut node = self.root;
        for _ in 0..self.height {
            let inner = &self.inners[node];
            let (at, below) = inner.at_rank(rank);
            rank = below;
            node = inner.id(at);
        }
        Place { leaf: node, at: rank }
    }

    /// How many members have a score below `score`, or also that score; O(log n).
    pub fn count_to_score(&self, score: f64, or_equal: bool) -> usize {
        let mut rank = 0;
        let mut node = self.root;
        for _ in 0..self.height {
            let inner = &self.inners[node];
            let equal = inner.with_lowest(score);
            // Members with the score may begin in the last child whose lowest is less.
            let at = if or_equal { equal.end } else { equal.start };
            let at = at.saturating_sub(1);
            rank += inner.count_before(at);
            node = inner.id(at);
        }
        let holds = |_: &[u8], other: f64| other < score || or_equal && other == score;
        rank + self.leaves[node].count_while(holds)
    }

    /// How many members at the low end satisfy `holds`, which fails for all that follow one for which it fails; O(log n).
    pub fn count_while(&self, holds: impl Fn(&[u8], f64) -> bool) -> usize {
        let mut rank = 0;
        let mut node = self.root;
        for height in (1..=self.height).rev() {
            let inner = &self.inners[node];
            let at = inner.ids().partition_point(|&child| {
                let (member, score) = self.lowest_below(child, height - 1);
                holds(member, score)
            });
            let at = at.saturating_sub(1);
            rank += inner.count_before(at);
            node = inner.id(at);
        }
        rank + self.leaves[node].count_while(holds)
    }

    /// The first member below a node.
    fn lowest_below(&self, mut node: u32, height: u32) -> (&[u8], f64) {
        for _ in 0..height {
            node = self.inners[node].id(0);
        }
        self.leaves[node].entry(0)
    }

    /// The child of an inner node at `height` below which a member belongs.
    fn child_for(&self, inner: &Inner, height: u32, member: &[u8], score: f64) -> usize {
        let equal = inner.with_lowest(score);
        // Only among children that begin with this score the names decide.
        let behind = inner.ids()[equal.clone()].partition_point(|&child| {
            let (name, _) = self.lowest_below(child, height - 1);
            name < member
        });
        (equal.start + behind).saturating_sub(1)
    }

    /// Adds a member that is not there; O(log n).
    pub fn insert(&mut self, hash: u32, member: &[u8], score: f64) {
        let mut node = self.root;
        for height in (1..=self.height).rev() {
            let at = self.child_for(&self.inners[node], height, member, score);
            let inner = &mut self.inners[node];
            inner.add_count(at, 1);
            if score < inner.child(at).lowest {
                inner.set_lowest(at, score);
            }
            node = inner.id(at);
        }
        let leaf = &mut self.leaves[node];
        let at = leaf.place_for(member, score);
        let before = leaf.heap_bytes();
        leaf.insert(at, member, score, hash);
        self.node_bytes = self.node_bytes + leaf.heap_bytes() - before;
        self.index.insert(hash, node);
        self.len += 1;
        if self.leaves[node].is_too_full() {
            self.split_leaf(node, at);
        }
    }

    /// Splits a leaf into which a member was inserted at `at`.
    #[cold]
    fn split_leaf(&mut self, id: u32, at: usize) {
        let len = self.leaves[id].len();
        // Who adds at one end only shall leave full leaves behind.
        let (range, to_left) = if at + 1 == len && id == self.last {
            (len - 1..len, false)
        } else if at == 0 && id == self.first {
            (0..1, true)
        } else {
            (len / 2..len, false)
        };
        let mut fresh = Leaf::default();
        let old = &mut self.leaves[id];
        let before = old.heap_bytes();
        old.move_to(range, &mut fresh);
        old.shrink();
        self.node_bytes = self.node_bytes + old.heap_bytes() + fresh.heap_bytes() - before;
        let parent = old.parent;
        fresh.parent = parent;
        (fresh.previous, fresh.next) = if to_left { (old.previous, id) } else { (id, old.next) };
        let (previous, next) = (fresh.previous, fresh.next);
        let moved: Vec<u32> = (0..fresh.len()).map(|at| fresh.slot(at).hash).collect();
        let fresh_id = self.leaves.insert(fresh);
        self.link(previous, fresh_id, next);
        moved.iter().for_each(|&hash| self.index.relocate(hash, id, fresh_id));
        let (left, right) = if to_left { (fresh_id, id) } else { (id, fresh_id) };
        self.adopt(0, parent, [self.leaf_child(left), self.leaf_child(right)]);
        for half in [id, fresh_id] {
            if self.leaves[half].is_too_full() {
                self.split_leaf(half, self.leaves[half].len() / 2);
            }
        }
    }

    fn link(&mut self, previous: u32, id: u32, next: u32) {
        match previous {
            NONE => self.first = id,
            _ => self.leaves[previous].next = id,
        }
        match next {
            NONE => self.last = id,
            _ => self.leaves[next].previous = id,
        }
    }

    fn leaf_child(&self, id: u32) -> Child {
        let leaf = &self.leaves[id];
        Child {
            id,
            count: leaf.len(),
            lowest: leaf.lowest(),
        }
    }

    fn inner_child(&self, id: u32) -> Child {
        let inner = &self.inners[id];
        Child {
            id,
            count: inner.count(),
            lowest: inner.child(0).lowest,
        }
    }

    /// Puts the halves of a split node at `height` in the place of one of them under `parent`, which may have to be made.
    fn adopt(&mut self, height: u32, parent: u32, halves: [Child; 2]) {
        if parent == NONE {
            let mut root = Inner::default();
            root.insert(0, halves[0]);
            root.insert(1, halves[1]);
            self.node_bytes += root.heap_bytes();
            self.root = self.inners.insert(root);
            self.height += 1;
            halves
                .iter()
                .for_each(|half| self.set_parent(height, half.id, self.root));
            return;
        }
        let inner = &mut self.inners[parent];
        let before = inner.heap_bytes();
        let known = |half: &Child| inner.ids().contains(&half.id);
        let at = match known(&halves[0]) {
            true => inner.place_of(halves[0].id),
            false => inner.place_of(halves[1].id),
        };
        inner.remove(at);
        inner.insert(at, halves[1]);
        inner.insert(at, halves[0]);
        self.node_bytes = self.node_bytes + inner.heap_bytes() - before;
        if inner.len() > CHILDREN_MAX {
            self.split_inner(height + 1, parent, at + 2 >= CHILDREN_MAX);
        }
    }

    fn set_parent(&mut self, height: u32, id: u32, parent: u32) {
        match height {
            0 => self.leaves[id].parent = parent,
            _ => self.inners[id].parent = parent,
        }
    }

    fn split_inner(&mut self, height: u32, id: u32, at_end: bool) {
        let mut fresh = Inner::default();
        let old = &mut self.inners[id];
        let before = old.heap_bytes();
        let kept = if at_end { CHILDREN_MAX / 8 * 7 } else { CHILDREN_MAX / 2 };
        old.move_to(kept, &mut fresh);
        self.node_bytes = self.node_bytes + old.heap_bytes() + fresh.heap_bytes() - before;
        let parent = old.parent;
        fresh.parent = parent;
        let moved = fresh.ids().to_vec();
        let fresh_id = self.inners.insert(fresh);
        moved
            .iter()
            .for_each(|&child| self.set_parent(height - 1, child, fresh_id));
        self.adopt(height, parent, [self.inner_child(id), self.inner_child(fresh_id)]);
    }

    /// Removes the member at a place; O(log n).
    pub fn remove(&mut self, place: Place) {
        self.remove_from_leaf(place.leaf, place.at..place.at + 1);
    }

    /// Removes the members at these ranks; O(members + log n for each leaf).
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        let mut left = ranks.len();
        while left > 0 {
            let Place { leaf, at } = self.at_rank(ranks.start);
            let here = left.min(self.leaves[leaf].len() - at);
            self.remove_from_leaf(leaf, at..at + here);
            left -= here;
        }
    }

    fn remove_from_leaf(&mut self, id: u32, range: Range<usize>) {
        let leaf = &mut self.leaves[id];
        for at in range.clone() {
            self.index.remove(leaf.slot(at).hash, id);
        }
        let removed = range.len();
        let before = leaf.heap_bytes();
        let was_lowest = range.start == 0;
        leaf.remove(range);
        leaf.shrink();
        self.node_bytes = self.node_bytes + leaf.heap_bytes() - before;
        self.len -= removed;
        let (len, parent) = (leaf.len(), leaf.parent);
        let lowest = (was_lowest && len > 0).then(|| leaf.lowest());
        self.lower_counts(id, parent, removed, lowest);
        if parent == NONE {
            return;
        }
        if len == 0 {
            self.drop_leaf(id);
        } else if len < LEAF_MEMBERS_MIN && id != self.first && id != self.last {
            self.join_leaf(id);
        }
    }

    /// Tells all nodes above a child that `removed` members went, and its new lowest score.
    fn lower_counts(&mut self, mut child: u32, mut node: u32, removed: usize, mut lowest: Option<f64>) {
        while node != NONE {
            let inner = &mut self.inners[node];
            let at = inner.place_of(child);
            inner.subtract_count(at, removed);
            if let Some(score) = lowest {
                inner.set_lowest(at, score);
            }
            if at > 0 {
                lowest = None;
            }
            child = node;
            node = inner.parent;
        }
    }

    /// Takes an empty leaf out of the tree.
    fn drop_leaf(&mut self, id: u32) {
        let leaf = self.leaves.remove(id);
        self.node_bytes -= leaf.heap_bytes();
        match leaf.previous {
            NONE => self.first = leaf.next,
            previous => self.leaves[previous].next = leaf.next,
        }
        match leaf.next {
            NONE => self.last = leaf.previous,
            next => self.leaves[next].previous = leaf.previous,
        }
        self.drop_child(0, leaf.parent, id);
    }

    /// Removes a child without members from an inner node, and what becomes superfluous above it.
    fn drop_child(&mut self, height: u32, parent: u32, id: u32) {
        let inner = &mut self.inners[parent];
        let at = inner.place_of(id);
        inner.remove(at);
        let above = inner.parent;
        if inner.len() == 0 {
            let inner = self.inners.remove(parent);
            self.node_bytes -= inner.heap_bytes();
            return self.drop_child(height + 1, above, parent);
        }
        let (lowest, len) = (inner.child(0).lowest, inner.len());
        if at == 0 {
            self.lower_counts(parent, above, 0, Some(lowest));
        }
        if above == NONE && len == 1 {
            self.lower_root();
        } else if above != NONE && len < CHILDREN_MIN {
            self.join_inner(height + 1, parent);
        }
    }

    /// Makes the only child of the root the root, as often as there is only one.
    fn lower_root(&mut self) {
        while self.height > 0 && self.inners[self.root].len() == 1 {
            let root = self.inners.remove(self.root);
            self.node_bytes -= root.heap_bytes();
            self.root = root.id(0);
            self.height -= 1;
            self.set_parent(self.height, self.root, NONE);
        }
    }

    /// The neighbours of a child under its parent.
    fn siblings(&self, parent: u32, id: u32) -> [Option<u32>; 2] {
        let inner = &self.inners[parent];
        let at = inner.place_of(id);
        let left = at.checked_sub(1).map(|at| inner.id(at));
        let right = (at + 1 < inner.len()).then(|| inner.id(at + 1));
        [left, right]
    }

    /// Moves the few members of a leaf to a neighbour, if one has room.
    #[cold]
    fn join_leaf(&mut self, id: u32) {
        let parent = self.leaves[id].parent;
        let [left, right] = self.siblings(parent, id);
        let fits = |other: &u32| self.leaves[*other].joins_with(&self.leaves[id]);
        let (keeper, giver) = match (left.filter(fits), right.filter(fits)) {
            (Some(left), _) => (left, id),
            // What is moved goes to the end of the keeper: the leaf to the right gives.
            (_, Some(right)) => (id, right),
            _ => return,
        };
        let hashes: Vec<u32> = (0..self.leaves[giver].len())
            .map(|at| self.leaves[giver].slot(at).hash)
            .collect();
        hashes.iter().for_each(|&hash| self.index.relocate(hash, giver, keeper));
        let mut taken = std::mem::take(&mut self.leaves[giver]);
        let taken_bytes = taken.heap_bytes();
        let target = &mut self.leaves[keeper];
        let before = target.heap_bytes();
        taken.move_to(0..taken.len(), target);
        self.node_bytes = self.node_bytes + target.heap_bytes() + taken.heap_bytes() - before - taken_bytes;
        let inner = &mut self.inners[parent];
        let at = inner.place_of(keeper);
        inner.add_count(at, hashes.len());
        let at = inner.place_of(giver);
        inner.subtract_count(at, hashes.len());
        self.leaves[giver] = taken;
        self.drop_leaf(giver);
    }

    /// Moves the few children of an inner node to a neighbour, if one has room.
    fn join_inner(&mut self, height: u32, id: u32) {
        let parent = self.inners[id].parent;
        let [left, right] = self.siblings(parent, id);
        let len = self.inners[id].len();
        let fits = |other: &u32| self.inners[*other].len() + len <= CHILDREN_MAX / 4 * 3;
        let (keeper, giver) = match (left.filter(fits), right.filter(fits)) {
            (Some(left), _) => (left, id),
            (_, Some(right)) => (id, right),
            _ => return,
        };
        let mut taken = self.inners.remove(giver);
        for child in taken.ids().to_vec() {
            self.set_parent(height - 1, child, keeper);
        }
        let count = taken.count();
        let target = &mut self.inners[keeper];
        let before = target.heap_bytes() + taken.heap_bytes();
        taken.move_to(0, target);
        self.node_bytes = self.node_bytes + target.heap_bytes() - before;
        let inner = &mut self.inners[parent];
        let at = inner.place_of(keeper);
        inner.add_count(at, count);
        self.drop_child(height, parent, giver);
    }

    /// Gives the member at a place another score; O(log n), less when it keeps its place.
    pub fn set_score(&mut self, place: Place, score: f64, hash: u32, member: &[u8]) {
        let leaf = &mut self.leaves[place.leaf];
        let entry = (member, score);
        // In the middle of a leaf a change between the neighbours needs nothing else.
        let stays = place.at > 0
            && place.at + 1 < leaf.len()
            && compare(leaf.entry(place.at - 1), entry).is_lt()
            && compare(entry, leaf.entry(place.at + 1)).is_lt();
        if stays {
            leaf.set_score(place.at, score);
            return;
        }
        self.remove(place);
        self.insert(hash, member, score);
    }

    /// Visits members in the order of their hashes, as [`Index::scan`].
    pub fn scan<'s>(&'s self, from: u32, count: usize, visit: &mut dyn FnMut(&'s [u8], f64)) -> Option<u32> {
        self.index.scan(from, count, &mut |hash, leaf| {
            let leaf = &self.leaves[leaf];
            for at in leaf.with_hash(hash) {
                let (member, score) = leaf.entry(at);
                visit(member, score);
            }
        })
    }

    /// Panics unless everything is where it belongs.
    pub fn check(&self) {
        let (count, bytes) = self.check_below(self.height, self.root, NONE);
        assert_eq!(count, self.len);
        assert_eq!(bytes, self.node_bytes);
        self.index.check(self.len);
        let (mut id, mut previous, mut seen) = (self.first, NONE, 0);
        while id != NONE {
            let leaf = &self.leaves[id];
            assert_eq!(leaf.previous, previous);
            for at in 0..leaf.len() {
                let (member, score) = leaf.entry(at);
                assert_eq!(leaf.slot(at).hash, member_hash(member));
                let place = Place { leaf: id, at };
                assert_eq!(self.find(member_hash(member), member), Some(place));
                assert_eq!(self.rank_of(place), seen);
                assert!(
                    previous == NONE || at > 0 || {
                        let before = &self.leaves[previous];
                        compare(before.entry(before.len() - 1), (member, score)).is_lt()
                    }
                );
                seen += 1;
            }
            (previous, id) = (id, leaf.next);
        }
        assert_eq!((previous, seen), (self.last, self.len));
    }

    fn check_below(&self, height: u32, id: u32, parent: u32) -> (usize, usize) {
        if height == 0 {
            let leaf = &self.leaves[id];
            assert_eq!(leaf.parent, parent);
            if self.len > 0 {
                leaf.check();
            }
            return (leaf.len(), leaf.heap_bytes());
        }
        let inner = &self.inners[id];
        assert_eq!(inner.parent, parent);
        assert!(inner.len() >= 1 && inner.len() <= CHILDREN_MAX);
        let mut bytes = inner.heap_bytes();
        for at in 0..inner.len() {
            let child = inner.child(at);
            let (count, below) = self.check_below(height - 1, child.id, id);
            assert_eq!(child.count, count);
            assert_eq!(child.lowest, self.lowest_below(child.id, height - 1).1);
            bytes += below;
        }
        (inner.count(), bytes)
    }
}
