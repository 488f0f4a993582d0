//! What nobody uses now and the next one needs: buffers for replies, since what grows from nothing for each reply is copied again and again, and a
//! keyspace for transactions.

use crate::keyspace::Keyspace;

/// A larger buffer is not worth keeping, bytes.
const BUFFER_BYTES_MAX: usize = 1 << 20;
/// What all of them may take, bytes.
const BYTES_MAX: usize = 16 << 20;
/// How many there may be.
const BUFFERS_MAX: usize = 256;

/// The tables of a larger keyspace are not worth keeping, bytes.
const SPACE_BYTES_MAX: usize = 64 << 10;

/// Buffers without content, the last used first.
#[derive(Debug, Default)]
pub struct SpareBuffers {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl SpareBuffers {
    /// A buffer, which has room if there is one that has.
    pub fn take(&mut self) -> Vec<u8> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.bytes -= buffer.capacity();
        buffer
    }

    /// Keeps a buffer, whose content is not needed, if it is worth it.
    pub fn keep(&mut self, mut buffer: Vec<u8>) {
        let bytes = buffer.capacity();
        let is_worth_it = (1..=BUFFER_BYTES_MAX).contains(&bytes);
        if is_worth_it && self.buffers.len() < BUFFERS_MAX && self.bytes + bytes <= BYTES_MAX {
            buffer.clear();
            self.bytes += bytes;
            self.buffers.push(buffer);
        }
    }
}

/// The empty keyspace that the last transaction has left for the next one.
#[derive(Default)]
pub struct SpareSpace(Option<Box<Keyspace>>);

impl SpareSpace {
    /// An empty keyspace of `databases` databases.
    pub fn take(&mut self, databases: usize) -> Box<Keyspace> {
        self.0.take().unwrap_or_else(|| Box::new(Keyspace::new(databases)))
    }

    /// Keeps a keyspace, which is empty, if its tables are small.
    pub fn keep(&mut self, space: Box<Keyspace>) {
        debug_assert!(!space.has_keys(false) && !space.has_upheavals(), "it is empty");
        self.0 = (space.used_bytes() <= SPACE_BYTES_MAX).then_some(space);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_empty_and_within_the_limits() {
        let mut spare = SpareBuffers::default();
        spare.keep(Vec::new());
        spare.keep(vec![7; BUFFER_BYTES_MAX + 1]);
        assert_eq!(spare.take().capacity(), 0, "none of these is worth keeping");
        let kept = vec![7; BUFFER_BYTES_MAX];
        (0..100).for_each(|_| spare.keep(kept.clone()));
        let back: Vec<Vec<u8>> = std::iter::repeat_with(|| spare.take())
            .take_while(|buffer| buffer.capacity() > 0)
            .collect();
        assert_eq!(back.len(), BYTES_MAX / BUFFER_BYTES_MAX);
        assert!(back.iter().all(Vec::is_empty));
        (0..1000).for_each(|_| spare.keep(vec![7; 10]));
        assert_eq!(spare.buffers.len(), BUFFERS_MAX);
    }
}
