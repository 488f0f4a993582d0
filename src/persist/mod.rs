//! The log on disk: which files there are, what is in them that can be trusted, and the keyspaces that it brings about again.
//!
//! Owns names, the manifest and recovery. It must not know how frames come to be, nor the running server.

mod cut;
mod layout;
mod recovery;
mod replay;
mod scan;
#[cfg(test)]
mod tests;

pub use layout::{Generation, Layout, LayoutError, Manifest};
pub use recovery::{Recovered, RecoveryError, recover};
pub use replay::Libraries;
