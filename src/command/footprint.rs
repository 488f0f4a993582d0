//! Which part of a value a command may change, so that what a script has changed can be taken back without a copy of large values.

use super::args::Args;
use crate::types::list::End;
use crate::types::sorted_set::Edge;
use crate::types::stream::Reach;

/// What a command may change of the values at its keys. It must not tell less than the truth.
#[derive(Clone, Copy)]
pub enum Footprint {
    /// Anything, in any database.
    Databases,
    /// Anything.
    Value,
    /// That they are there: what was is in [`Effects::removed`] afterwards.
    ///
    /// [`Effects::removed`]: super::Effects::removed
    Presence,
    /// The number that a string is.
    Number,
    /// Members, or fields and whether they expire, that are named among the words behind the key.
    Named,
    /// One end of a list: which, and how many elements it may lose there, for the key with this number; `None`: anything.
    End(fn(Args<'_>, usize) -> Option<(End, usize)>),
    /// The ends of a stream: an entry more, and others trimmed from the front, as far as this tells; `None`: anything.
    Ends(fn(Args<'_>) -> Option<Option<Reach>>),
    /// One edge of a sorted set: which, and how many members it may lose there; `None`: anything.
    Edge(fn(Args<'_>) -> Option<(Edge, usize)>),
}
