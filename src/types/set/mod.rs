//! Sets: unique byte strings.

use hashbrown::HashSet;

/// Unique byte strings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    members: HashSet<Box<[u8]>>,
}

impl Set {
    /// An empty set.
    pub fn new() -> Self {
        Set::default()
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        "listpack"
    }

    /// Bytes on the heap besides the structure itself; O(1), estimated from the number of items.
    pub fn heap_bytes(&self) -> usize {
        self.members.capacity() * 17 + self.members.len() * 32
    }

    /// Adds a member; tells whether it is new.
    pub fn insert(&mut self, member: &[u8]) -> bool {
        self.members.insert(member.into())
    }

    /// Removes a member; tells whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        self.members.remove(member)
    }

    /// Whether `member` is in the set.
    pub fn contains(&self, member: &[u8]) -> bool {
        self.members.contains(member)
    }

    /// All members.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.members.iter().map(|member| &**member)
    }
}
