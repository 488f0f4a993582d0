//! The chunks between the first and the last of a long list, in groups so that a place is found without passing them all.

use std::collections::VecDeque;

use super::End;
use super::chunk::{CHUNK_BYTES_MAX, Chunk};
use crate::base::debris::Pile;

/// A group is split when it has more chunks than this; twice the square root of the chunks of a list of some 30 million items.
const GROUP_CHUNKS_MAX: usize = 512;

/// Neighbours are joined when they take no more than this together, which leaves room for insertions.
const MERGED_BYTES_MAX: usize = CHUNK_BYTES_MAX / 4 * 3;

/// Some neighbouring chunks.
#[derive(Clone, Debug, Default)]
struct Group {
    chunks: Pile<VecDeque<Chunk>>,
    items: usize,
}

/// Chunks in order; none of them is empty.
#[derive(Clone, Debug, Default)]
pub struct Middle {
    groups: Pile<VecDeque<Group>>,
    items: usize,
    heap_bytes: usize,
}

/// Where an item stands.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    group: usize,
    chunk: usize,
    /// Its place in the chunk.
    pub at: usize,
}

impl Place {
    /// The beginning.
    pub const FIRST: Place = Place {
        group: 0,
        chunk: 0,
        at: 0,
    };
    /// Behind everything.
    pub const BEHIND: Place = Place {
        group: usize::MAX,
        chunk: 0,
        at: 0,
    };

    /// The place, and that in the chunk.
    pub fn apart(self) -> (Place, usize) {
        (self, self.at)
    }
}

impl Middle {
    /// Number of items.
    pub fn len(&self) -> usize {
        self.items
    }

    /// Whether there is no chunk.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }

    /// Adds a chunk, which is not empty, at `end`; O(1) amortised.
    pub fn push(&mut self, end: End, chunk: Chunk) {
        self.items += chunk.len();
        self.heap_bytes += size_of::<Chunk>() + chunk.heap_bytes();
        let outer = match end {
            End::Left => self.groups.front(),
            End::Right => self.groups.back(),
        };
        // A group that only grows at its end stays at half, so that it need not be split when chunks inside it are.
        if outer.is_none_or(|group| group.chunks.len() >= GROUP_CHUNKS_MAX / 2) {
            match end {
                End::Left => self.groups.push_front(Group::default()),
                End::Right => self.groups.push_back(Group::default()),
            }
        }
        let group = match end {
            End::Left => self.groups.front_mut(),
            End::Right => self.groups.back_mut(),
        };
        let group = group.expect("a group was just made where there was none");
        group.items += chunk.len();
        match end {
            End::Left => group.chunks.push_front(chunk),
            End::Right => group.chunks.push_back(chunk),
        }
    }

    /// Takes the chunk at `end`; O(1).
    pub fn pop(&mut self, end: End) -> Option<Chunk> {
        let group = match end {
            End::Left => self.groups.front_mut(),
            End::Right => self.groups.back_mut(),
        }?;
        let chunk = match end {
            End::Left => group.chunks.pop_front(),
            End::Right => group.chunks.pop_back(),
        };
        let chunk = chunk.expect("groups are never empty");
        group.items -= chunk.len();
        self.items -= chunk.len();
        self.heap_bytes -= size_of::<Chunk>() + chunk.heap_bytes();
        if group.chunks.is_empty() {
            match end {
                End::Left => self.groups.pop_front(),
                End::Right => self.groups.pop_back(),
            };
        }
        Some(chunk)
    }

    /// Where item `at`, which is there, stands; O(square root of the number of chunks).
    pub fn find(&self, mut at: usize) -> Place {
        let mut group = 0;
        while at >= self.groups[group].items {
            at -= self.groups[group].items;
            group += 1;
        }
        let mut chunk = 0;
        let chunks = &self.groups[group].chunks;
        while at >= chunks[chunk].len() {
            at -= chunks[chunk].len();
            chunk += 1;
        }
        Place { group, chunk, at }
    }

    /// The chunk at a place.
    pub fn chunk(&self, place: Place) -> &Chunk {
        &self.groups[place.group].chunks[place.chunk]
    }

    /// The chunks from a place on.
    pub fn chunks_from(&self, place: Place) -> impl Iterator<Item = &Chunk> {
        let first = self.groups.get(place.group).into_iter();
        let first = first.flat_map(move |group| group.chunks.range(place.chunk..));
        let rest = self
            .groups
            .range(place.group.saturating_add(1).min(self.groups.len())..);
        first.chain(rest.flat_map(|group| group.chunks.iter()))
    }

    /// All chunks, from both sides.
    pub fn chunks(&self) -> impl DoubleEndedIterator<Item = &Chunk> {
        self.groups.iter().flat_map(|group| group.chunks.iter())
    }

    /// Lets `edit` change the chunk at a place; it may answer chunks that are to follow it. What is empty afterwards goes.
    pub fn edit(&mut self, place: Place, edit: impl FnOnce(&mut Chunk) -> [Option<Chunk>; 2]) {
        let group = &mut self.groups[place.group];
        let chunk = &mut group.chunks[place.chunk];
        let (items, bytes) = (chunk.len(), chunk.heap_bytes());
        let added = edit(chunk);
        group.items = group.items - items + chunk.len();
        self.items = self.items - items + chunk.len();
        self.heap_bytes = self.heap_bytes - bytes + chunk.heap_bytes();
        for (behind, chunk) in (place.chunk + 1..).zip(added.into_iter().flatten()) {
            group.items += chunk.len();
            self.items += chunk.len();
            self.heap_bytes += size_of::<Chunk>() + chunk.heap_bytes();
            group.chunks.insert(behind, chunk);
        }
        self.tidy(place);
    }

    /// Drops an empty chunk or group and splits a group that is too long.
    fn tidy(&mut self, place: Place) {
        let group = &mut self.groups[place.group];
        if group.chunks[place.chunk].is_empty()
            && let Some(chunk) = group.chunks.remove(place.chunk)
        {
            self.heap_bytes -= size_of::<Chunk>() + chunk.heap_bytes();
        }
        if group.chunks.is_empty() {
            self.groups.remove(place.group);
        } else if group.chunks.len() > GROUP_CHUNKS_MAX {
            let chunks = group.chunks.split_off(GROUP_CHUNKS_MAX / 2);
            let items = chunks.iter().map(Chunk::len).sum();
            let chunks = chunks.into();
            group.items -= items;
            self.groups.insert(place.group + 1, Group { chunks, items });
        }
    }

    /// Removes up to `limit` items that equal `item`, searched from `end`, and tells how many; O(bytes) at most.
    pub fn remove_equal(&mut self, end: End, limit: usize, item: &[u8]) -> usize {
        let mut left = limit;
        for nth in 0..self.groups.len() {
            let at = match end {
                End::Left => nth,
                End::Right => self.groups.len() - 1 - nth,
            };
            if left == 0 {
                break;
            }
            left -= self.groups[at].remove_equal(end, left, item, &mut self.heap_bytes);
        }
        self.items -= limit - left;
        self.groups.retain(|group| !group.chunks.is_empty());
        limit - left
    }

    /// Panics unless all counts are right.
    pub fn check(&self) {
        for group in self.groups.iter() {
            assert!(!group.chunks.is_empty() && group.chunks.len() <= GROUP_CHUNKS_MAX);
            assert!(group.chunks.iter().all(|chunk| !chunk.is_empty()));
            assert_eq!(group.items, group.chunks.iter().map(Chunk::len).sum::<usize>());
            group.chunks.iter().for_each(Chunk::check);
        }
        assert_eq!(self.items, self.groups.iter().map(|group| group.items).sum::<usize>());
        let bytes = |chunk: &Chunk| size_of::<Chunk>() + chunk.heap_bytes();
        assert_eq!(self.heap_bytes, self.chunks().map(bytes).sum::<usize>());
    }
}

impl Group {
    fn remove_equal(&mut self, end: End, limit: usize, item: &[u8], heap_bytes: &mut usize) -> usize {
        let mut left = limit;
        for nth in 0..self.chunks.len() {
            let at = match end {
                End::Left => nth,
                End::Right => self.chunks.len() - 1 - nth,
            };
            if left == 0 {
                break;
            }
            let chunk = &mut self.chunks[at];
            let before = chunk.heap_bytes();
            left -= chunk.remove_equal(end, left, item);
            *heap_bytes = *heap_bytes - before + chunk.heap_bytes();
        }
        let removed = limit - left;
        self.items -= removed;
        if removed > 0 {
            self.merge(heap_bytes);
        }
        removed
    }

    /// Drops empty chunks and joins neighbours that fit into one, so that what is removed gives its memory back.
    fn merge(&mut self, heap_bytes: &mut usize) {
        let overhead = |chunk: &Chunk| size_of::<Chunk>() + chunk.heap_bytes();
        let before: usize = self.chunks.iter().map(overhead).sum();
        let mut merged: VecDeque<Chunk> = VecDeque::with_capacity(self.chunks.len());
        for chunk in self.chunks.drain(..).filter(|chunk| !chunk.is_empty()) {
            match merged.back_mut() {
                Some(last) if last.framed_bytes() + chunk.framed_bytes() <= MERGED_BYTES_MAX => {
                    chunk.iter().for_each(|item| last.push(End::Right, item));
                }
                _ => merged.push_back(chunk),
            }
        }
        self.chunks = merged.into();
        *heap_bytes = *heap_bytes + self.chunks.iter().map(overhead).sum::<usize>() - before;
    }
}
