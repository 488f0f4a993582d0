//! The value types: pure data structures, no keys, no commands, no clock.

pub mod bits;
mod directory;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod list;
mod packed;
mod records;
mod sequence;
pub mod set;
pub mod sorted_set;
pub mod stream;

pub use hash::Hash;
pub use list::List;
pub use set::Set;
pub use sorted_set::SortedSet;
pub use stream::Stream;

/// The type of a value, as TYPE names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes or an integer.
    String,
    /// A deque of byte strings.
    List,
    /// Unique byte strings.
    Set,
    /// Unique byte strings ordered by score.
    SortedSet,
    /// Field-value pairs.
    Hash,
    /// Entries under ascending ids.
    Stream,
}

impl Kind {
    /// The name that TYPE answers.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list",
            Kind::Set => "set",
            Kind::SortedSet => "zset",
            Kind::Hash => "hash",
            Kind::Stream => "stream",
        }
    }
}
