//! The request parser: inline and multibulk, incremental at every byte.
