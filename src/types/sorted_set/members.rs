//! The members of a tree at some ranks, leaf by leaf.

use std::ops::Range;

use super::tree::{Place, Tree};

/// The members at some ranks, from both sides.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    tree: &'a Tree,
    front: Place,
    /// The place behind the last; computed when it is first asked for.
    back: Option<Place>,
    ranks: Range<usize>,
}

impl Tree {
    /// The members at these ranks.
    pub fn range(&self, ranks: Range<usize>) -> Members<'_> {
        Members {
            tree: self,
            front: if ranks.start == 0 {
                Place {
                    leaf: self.first,
                    at: 0,
                }
            } else {
                self.at_rank(ranks.start)
            },
            back: None,
            ranks,
        }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.ranks.next()?;
        let mut leaf = &self.tree.leaves[self.front.leaf];
        if self.front.at == leaf.len() {
            self.front = Place { leaf: leaf.next, at: 0 };
            leaf = &self.tree.leaves[leaf.next];
        }
        let entry = leaf.entry(self.front.at);
        self.front.at += 1;
        Some(entry)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }
}

impl DoubleEndedIterator for Members<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let end = self.ranks.end;
        self.ranks.next_back()?;
        let mut back = self.back.unwrap_or_else(|| self.tree.at_rank(end));
        if back.at == 0 {
            back.leaf = self.tree.leaves[back.leaf].previous;
            back.at = self.tree.leaves[back.leaf].len();
        }
        back.at -= 1;
        self.back = Some(back);
        Some(self.tree.leaves[back.leaf].entry(back.at))
    }
}

impl ExactSizeIterator for Members<'_> {}
