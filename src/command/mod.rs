//! The vocabulary in which a command is declared and run: spec, keys, arguments, errors, context, session.
//! Knows the keyspace it runs over; knows no command, no shard and no connection.

pub mod args;
pub mod context;
pub mod effects;
pub mod error;
pub mod exec;
pub mod expiry;
pub mod footprint;
pub mod horizons;
pub mod key;
pub mod local;
pub mod multi_pop;
pub mod primary;
pub mod redo;
pub mod roaming;
pub mod scan;
pub mod script_library;
pub mod session;
pub mod spec;
pub mod subscriptions;
pub mod syntax;
pub mod tracking;
pub mod waiting;

pub use args::{Args, Span};
pub use context::{Caller, Context, Expiring, Keys};
pub use effects::{Announcement, Change, Class, Effects, Event, Publication};
pub use error::Error;
pub use exec::{Attempt, Control, Exec, Program};
pub use expiry::{ExpiryCondition, ExpiryForm};
pub use footprint::Footprint;
pub use key::{Find, Key, KeyFlags};
pub use local::{Local, Part, Text};
pub use multi_pop::MultiPop;
pub use redo::Redo;
pub use scan::{ScanOptions, Scans};
pub use script_library::ScriptLibrary;
pub use session::Session;
pub use spec::{Acl, Arg, ArgKind, Arity, Command, Flags, Group, Guard, Ran};
pub use subscriptions::{Shards, Subscriptions, Topic};
pub use tracking::Tracking;
