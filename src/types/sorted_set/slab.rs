//! Nodes under numbers, in blocks, so that a growing tree never moves all of its nodes at once.

use std::ops::{Index, IndexMut};

use crate::base::debris::Pile;

/// Nodes in a block.
const BLOCK: usize = 256;

/// No node.
pub const NONE: u32 = u32::MAX;

/// Nodes under numbers.
#[derive(Clone, Debug)]
pub struct Slab<T: 'static> {
    blocks: Pile<Vec<Pile<Vec<T>>>>,
    free: Vec<u32>,
}

impl<T: Default + 'static> Slab<T> {
    /// No nodes.
    pub fn new() -> Self {
        Slab {
            blocks: Pile::default(),
            free: Vec::new(),
        }
    }

    /// Stores a node and answers its number.
    pub fn insert(&mut self, node: T) -> u32 {
        if let Some(id) = self.free.pop() {
            self[id] = node;
            return id;
        }
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
            self.blocks.push(Pile::default());
        }
        let before = (self.blocks.len() - 1) * BLOCK;
        let block = self.blocks.last_mut().expect("a block was just made");
        block.push(node);
        u32::try_from(before + block.len() - 1).expect("memory ends before four billion nodes")
    }

    /// Takes the node out.
    pub fn remove(&mut self, id: u32) -> T {
        self.free.push(id);
        std::mem::take(&mut self[id])
    }

    /// Bytes on the heap besides what the nodes own.
    pub fn heap_bytes(&self) -> usize {
        let last = self.blocks.last().map_or(0, |block| block.capacity());
        let nodes = (self.blocks.len().saturating_sub(1) * BLOCK + last) * size_of::<T>();
        nodes + self.blocks.capacity() * size_of::<Pile<Vec<T>>>() + self.free.capacity() * size_of::<u32>()
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, id: u32) -> &T {
        &self.blocks[id as usize / BLOCK][id as usize % BLOCK]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, id: u32) -> &mut T {
        &mut self.blocks[id as usize / BLOCK][id as usize % BLOCK]
    }
}
