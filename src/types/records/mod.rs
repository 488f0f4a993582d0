//! The large form of sets and hashes: records, each with a name of its own, in segments that grow, split and join one at a time.
//!
//! A record is a byte string of which a part is the name; what else it holds, its owner knows.

mod segment;
mod table;
#[cfg(test)]
mod tests;

pub use table::Table;

/// How records of a kind are named.
pub trait Naming: Clone + Default + 'static {
    /// The part of a record that is its name; no two records of a table have the same.
    fn name(record: &[u8]) -> &[u8];
}
