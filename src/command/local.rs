//! What a command that runs on every shard sees there: sessions, configuration and counters, not the transport.

use super::primary::PrimaryLink;
use super::session::Session;
use crate::base::id::{ClientId, ShardId};
use crate::base::time::Now;
use crate::config::Config;
use crate::keyspace::Keyspace;

use super::error::Error;

/// A text by the name of its INFO field.
pub type Text = (&'static str, String);

/// One shard's contribution to a reply: numbers and encoded bytes, whose meaning the command's `combine` knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// A number to add up, compare or count elements with.
    pub count: i64,
    /// Encoded replies or text.
    pub bytes: Vec<u8>,
    /// Further numbers, by the command's own order.
    pub numbers: Vec<i64>,
    /// Numbers by name.
    pub fields: Vec<(&'static str, i64)>,
    /// Texts by name.
    pub texts: Vec<Text>,
    /// What went wrong on this shard.
    pub error: Option<Error>,
}

impl Part {
    /// A part that is only a number.
    pub fn count(count: i64) -> Self {
        Part {
            count,
            ..Part::default()
        }
    }

    /// A part that is only bytes.
    pub fn bytes(bytes: Vec<u8>) -> Self {
        Part {
            bytes,
            ..Part::default()
        }
    }
}

/// How a blocked client is released by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unblock {
    /// As if its timeout had passed.
    Timeout,
    /// With an UNBLOCKED error.
    Error,
    /// With an error that tells where to ask, or that the server has turned replica, after which the connection ends.
    Turned,
}

/// One shard's connections, configuration and counters, as [`super::Exec::Everywhere`] commands see them.
pub trait Local {
    /// This shard.
    fn shard(&self) -> ShardId;
    /// How many shards there are.
    fn shards(&self) -> u16;
    /// The clocks.
    fn now(&self) -> Now;
    /// The client that asks, whichever shard it is on.
    fn caller(&self) -> ClientId;
    /// Visits this shard's sessions, in the order of their client ids.
    fn each_session(&mut self, visit: &mut dyn FnMut(&mut Session));
    /// Closes a client; tells whether it is here. The caller's own connection closes after its reply.
    fn kill(&mut self, client: ClientId) -> bool;
    /// Releases a blocked client; tells whether one was released.
    fn unblock(&mut self, client: ClientId, how: Unblock) -> bool;
    /// Holds back commands (all, or those that write) until the clock reaches `until_unix_ms`; 0 ends the pause.
    fn pause(&mut self, until_unix_ms: i64, writes_only: bool);
    /// This shard's copy of the configuration.
    fn config(&mut self) -> &mut Config;
    /// This shard's keyspace; `None` while a transaction holds all of it.
    fn keyspace(&mut self) -> Option<&mut Keyspace>;
    /// Turns the search for expired keys on or off.
    fn set_active_expire(&mut self, on: bool);
    /// Counters by INFO field name, to be summed over shards, into `out`.
    fn counters(&self, out: &mut Vec<(&'static str, i64)>);
    /// What the runtime knows of the process, by INFO field name, into `out`; the same on every shard.
    fn facts(&self, out: &mut Vec<Text>);
    /// What is known of the link to the primary.
    fn primary_link(&self) -> &PrimaryLink;
    /// Has the allocator give back what this shard's thread does not use.
    fn purge_memory(&mut self);
    /// Sets the counters that CONFIG RESETSTAT resets to zero.
    fn reset_counters(&mut self);
}
