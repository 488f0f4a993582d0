//! What a replica says to its primary and makes of what it hears: handshake, data, stream of commands. No sockets, no threads, no clock.
//!
//! Both become requests of an ordinary connection to this server, so that nothing here reaches the keyspace.

mod handshake;
mod ledger;
mod load;
mod replies;
mod requests;
mod stream;

pub use handshake::{Answer, Handshake, History, Transfer};
pub use ledger::{Due, Ledger, Position};
pub use load::Load;
pub use replies::Replies;
pub use requests::{push_acknowledgement, push_request, push_selection};
pub use stream::{Piece, Stream, Use};

use crate::format::rdb::RdbError;

/// Why a link ends.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The network.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The primary has ended the connection.
    #[error("the primary has closed the connection")]
    Closed,
    /// Nothing was heard for too long.
    #[error("the primary is silent")]
    Silent,
    /// The primary refuses something.
    #[error("the primary answers {what} with: {answer}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// The answer.
        answer: String,
    },
    /// What came is not understood.
    #[error("the primary sends what is not understood: {0}")]
    Nonsense(&'static str),
    /// Its data cannot be taken over.
    #[error("the primary's data cannot be taken over: {0}")]
    Rdb(#[from] RdbError),
    /// It has more databases.
    #[error("the primary uses database {used}, but there are only {databases} here (directive databases)")]
    Databases {
        /// Which database.
        used: u64,
        /// How many there are.
        databases: usize,
    },
    /// This server refuses what must not be left out.
    #[error("this server refuses what the primary sends: {0}")]
    Local(String),
    /// The connection to this server itself has ended.
    #[error("the connection within this server has ended")]
    Cut,
}
