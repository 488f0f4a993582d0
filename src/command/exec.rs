//! Where and how a command runs.

use super::args::Args;
use super::context::Context;
use super::error::Error;
use super::local::{Local, Part};
use super::roaming::Touches;
use super::script_library::ScriptLibrary;
use super::session::SessionContext;
use super::spec::Ran;
use super::subscriptions::Topic;
use crate::types::Kind;

/// What an attempt of a blocking command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The reply has been written.
    Served,
    /// No key had what it wants; nothing was written or changed.
    Nothing,
    /// A script touches what is not here; nothing was written or changed.
    Lacks,
}

/// What word 1 of a command that runs a script is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The script's text.
    Text,
    /// The digest of a script that is known.
    Digest,
    /// The name of a function.
    Function,
}

/// For commands that leave keys where they are.
pub fn reroutes_nothing(_: Args<'_>) -> bool {
    false
}

/// Manages scripts.
pub type Manage = fn(&mut dyn ScriptLibrary, Args<'_>, &mut crate::protocol::reply::Reply) -> Ran;

/// Tells which shard a key belongs to.
pub type Owner<'o> = &'o dyn Fn(&[u8]) -> u16;

/// What the coordinator itself must do for a command; the words are its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// MULTI.
    Multi,
    /// EXEC.
    Exec,
    /// DISCARD.
    Discard,
    /// WATCH.
    Watch,
    /// UNWATCH.
    Unwatch,
    /// RESET.
    Reset,
    /// QUIT.
    Quit,
    /// MONITOR.
    Monitor,
    /// SUBSCRIBE, PSUBSCRIBE.
    Subscribe(Topic),
    /// UNSUBSCRIBE, PUNSUBSCRIBE.
    Unsubscribe(Topic),
    /// CLIENT TRACKING.
    Tracking,
    /// SHUTDOWN.
    Shutdown,
}

/// Where and how a command runs.
#[derive(Clone, Copy)]
pub enum Exec {
    /// Over a keyspace that holds its keys: on the owner's thread, or over keys lent to the transaction.
    Keys(fn(&mut Context<'_>, Args<'_>) -> Ran),
    /// As `Keys`; when nothing is there it waits until a key holds a value of kind `waits_for`.
    Blocking {
        /// Tries once; must change nothing that others wait for when it answers [`Attempt::Nothing`].
        attempt: fn(&mut Context<'_>, Args<'_>) -> Result<Attempt, Error>,
        /// How long to wait, in seconds (0: forever), from the words.
        timeout: fn(Args<'_>) -> Result<f64, Error>,
        /// Writes the reply of a timeout.
        timed_out: fn(&mut crate::protocol::reply::Reply),
        /// Writes the reply where nobody may wait: inside MULTI and scripts.
        denied: fn(&mut crate::protocol::reply::Reply),
        /// The kind of value that can serve it.
        waits_for: Kind,
    },
    /// As `Keys`, and over keys that it does not name: where these are not, it begins again with them.
    Roaming {
        /// Tells these keys.
        touches: Touches,
        /// Runs over all of them.
        run: fn(&mut Context<'_>, Args<'_>) -> Ran,
    },
    /// On one shard that the words name (a cursor): `shard` tells which of `shards`.
    Shard {
        /// The shard, from the words, the number of shards, and whose a key is.
        shard: fn(Args<'_>, u16, Owner<'_>) -> Result<u16, Error>,
        /// Runs there.
        run: fn(&mut Context<'_>, Args<'_>) -> Ran,
    },
    /// Over the whole keyspace, at one instant: a part per shard while all shards stand still, then one reply.
    Whole {
        /// Runs over each shard's keyspace.
        part: fn(&mut Context<'_>, Args<'_>) -> Result<Part, Error>,
        /// Writes the reply from the parts, in shard order.
        combine: fn(&[Part], Args<'_>, &mut crate::protocol::reply::Reply),
    },
    /// On every shard's connections, configuration or counters; not one instant.
    Everywhere {
        /// Whether parts change anything.
        changes: bool,
        /// Whether these words change where keys are: then everything stands still meanwhile, no database has keys, and nobody waits for one.
        reroutes: fn(Args<'_>) -> bool,
        /// Runs on each shard.
        part: fn(&mut dyn Local, Args<'_>) -> Result<Part, Error>,
        /// Writes the reply from the parts, in shard order.
        combine: fn(&[Part], Args<'_>, &mut crate::protocol::reply::Reply),
    },
    /// On the connection's own state.
    Session(fn(&mut SessionContext<'_>, Args<'_>) -> Ran),
    /// A script or a function, by the interpreter of the core on which it runs: over its keys and what else it turns out to touch.
    Script(Program),
    /// On the scripts and functions that the process knows.
    Library(Manage),
    /// By the coordinator.
    Control(Control),
    /// Only its subcommands run.
    Container,
}
