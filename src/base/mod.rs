//! Ids, bytes, numbers, hashes, time and seeded randomness: what every layer may use and what knows no other layer.

pub mod collation;
pub mod debris;
pub mod due;
pub mod extended;
pub mod glob;
pub mod hash;
pub mod id;
pub mod natural;
pub mod number;
pub mod partial_sort;
pub mod patterns;
pub mod prefetch;
pub mod prefixes;
pub mod range;
pub mod rng;
pub mod shortest;
pub mod size_class;
pub mod time;
