//! How a command is declared: once, as data beside its function. Everything else (lookup, COMMAND *, ACL, routing,
//! docs, generators of tests) is derived from this.

use smallvec::SmallVec;

use super::args::Args;
use super::error::Error;
use super::exec::Exec;
use super::footprint::Footprint;
use super::key::{Begin, Find, Key, KeyFlags};
use super::waiting::Waiting;

/// Positions of keys among the words of a request: mostly few, a dozen with the scripts of queues.
pub type Positions = SmallVec<[usize; 16]>;

/// What a command's run answers: the reply has been written, or this error is the reply.
pub type Ran = Result<(), Error>;

/// How many words a request may have, the name included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// Exactly so many.
    Exactly(u8),
    /// So many or more.
    AtLeast(u8),
}

impl Arity {
    /// Whether `words` words are right.
    pub const fn allows(self, words: usize) -> bool {
        match self {
            Arity::Exactly(n) => words == n as usize,
            Arity::AtLeast(n) => words >= n as usize,
        }
    }

    /// As COMMAND INFO tells it: negative for "at least".
    pub const fn wire(self) -> i64 {
        match self {
            Arity::Exactly(n) => n as i64,
            Arity::AtLeast(n) => -(n as i64),
        }
    }
}

macro_rules! bits {
    ($(#[$doc:meta])* $name:ident : $repr:ty { $($(#[$bit_doc:meta])* $bit:ident = $at:expr, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name(pub $repr);

        impl $name {
            $($(#[$bit_doc])* pub const $bit: $name = $name(1 << $at);)*

            /// Each bit with the name that clients read.
            pub const NAMES: &'static [($name, &'static str)] = &[$(($name::$bit, $text)),*];

            /// No bit.
            pub const NONE: $name = $name(0);

            /// Both sets together.
            pub const fn or(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }

            /// Whether all bits of `other` are set.
            pub const fn has(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            /// The names of the bits that are set.
            pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
                Self::NAMES.iter().filter(move |(bit, _)| self.has(*bit)).map(|(_, name)| *name)
            }
        }
    };
}

bits! {
    /// Command flags, as COMMAND INFO names them.
    Flags: u32 {
        /// May modify data.
        WRITE = 0, "write";
        /// Reads data.
        READONLY = 1, "readonly";
        /// Refused when out of memory.
        DENYOOM = 2, "denyoom";
        /// For operators.
        ADMIN = 3, "admin";
        /// Publish/subscribe.
        PUBSUB = 4, "pubsub";
        /// Not callable from scripts.
        NOSCRIPT = 5, "noscript";
        /// May wait.
        BLOCKING = 6, "blocking";
        /// Allowed while loading.
        LOADING = 7, "loading";
        /// Allowed on a stale replica.
        STALE = 8, "stale";
        /// Not shown by MONITOR.
        SKIP_MONITOR = 9, "skip_monitor";
        /// Not in the slow log.
        SKIP_SLOWLOG = 10, "skip_commandlog";
        /// Accepts keys of a slot that is being imported.
        ASKING = 11, "asking";
        /// O(1) or O(log n).
        FAST = 12, "fast";
        /// Allowed before authentication.
        NO_AUTH = 13, "no_auth";
        /// May replicate although it is not a write.
        MAY_REPLICATE = 14, "may_replicate";
        /// Its keys are not all told by fixed positions.
        MOVABLEKEYS = 15, "movablekeys";
        /// Allowed while a script is busy.
        ALLOW_BUSY = 16, "allow_busy";
        /// Not in MULTI.
        NO_MULTI = 17, "no_multi";
        /// Not while loading asynchronously.
        NO_ASYNC_LOADING = 18, "no_async_loading";
        /// Takes keys only sometimes.
        NO_MANDATORY_KEYS = 19, "no_mandatory_keys";
    }
}

bits! {
    /// ACL categories.
    Acl: u32 {
        /// Generic key commands.
        KEYSPACE = 0, "@keyspace";
        /// Reads data.
        READ = 1, "@read";
        /// Writes data.
        WRITE = 2, "@write";
        /// Sets.
        SET = 3, "@set";
        /// Sorted sets.
        SORTEDSET = 4, "@sortedset";
        /// Lists.
        LIST = 5, "@list";
        /// Hashes.
        HASH = 6, "@hash";
        /// Strings.
        STRING = 7, "@string";
        /// Bitmaps.
        BITMAP = 8, "@bitmap";
        /// HyperLogLog.
        HYPERLOGLOG = 9, "@hyperloglog";
        /// Geo.
        GEO = 10, "@geo";
        /// Streams.
        STREAM = 11, "@stream";
        /// Publish/subscribe.
        PUBSUB = 12, "@pubsub";
        /// For operators.
        ADMIN = 13, "@admin";
        /// O(1) or O(log n).
        FAST = 14, "@fast";
        /// The others.
        SLOW = 15, "@slow";
        /// May wait.
        BLOCKING = 16, "@blocking";
        /// Can hurt.
        DANGEROUS = 17, "@dangerous";
        /// The connection's own state.
        CONNECTION = 18, "@connection";
        /// Transactions.
        TRANSACTION = 19, "@transaction";
        /// Scripting.
        SCRIPTING = 20, "@scripting";
    }
}

/// The documentation group of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Bitmaps.
    Bitmap,
    /// Cluster.
    Cluster,
    /// Connections.
    Connection,
    /// Keys of any type.
    Generic,
    /// Geo.
    Geo,
    /// Hashes.
    Hash,
    /// HyperLogLog.
    HyperLogLog,
    /// Lists.
    List,
    /// Publish/subscribe.
    PubSub,
    /// Scripts and functions.
    Scripting,
    /// Sentinel.
    Sentinel,
    /// The server itself.
    Server,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Streams.
    Stream,
    /// Strings.
    String,
    /// Transactions.
    Transactions,
}

impl Group {
    /// The name in COMMAND DOCS.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Bitmap => "bitmap",
            Group::Cluster => "cluster",
            Group::Connection => "connection",
            Group::Generic => "generic",
            Group::Geo => "geo",
            Group::Hash => "hash",
            Group::HyperLogLog => "hyperloglog",
            Group::List => "list",
            Group::PubSub => "pubsub",
            Group::Scripting => "scripting",
            Group::Sentinel => "sentinel",
            Group::Server => "server",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Stream => "stream",
            Group::String => "string",
            Group::Transactions => "transactions",
        }
    }
}

/// The type of an argument, for COMMAND DOCS and the generators of test commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// Any bytes.
    String,
    /// A 64-bit integer.
    Integer,
    /// A double.
    Double,
    /// A key, of the key specification with this index.
    Key(u8),
    /// A glob pattern.
    Pattern,
    /// A point in Unix time.
    UnixTime,
    /// The token alone.
    PureToken,
    /// One of these.
    OneOf(&'static [Arg]),
    /// All of these in order.
    Block(&'static [Arg]),
}

/// One argument of a command's grammar; built in `const` context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arg {
    /// The name in COMMAND DOCS.
    pub name: &'static str,
    /// Its type.
    pub kind: ArgKind,
    /// The word that precedes it.
    pub token: Option<&'static str>,
    /// How documentation shows it, when not by its name.
    pub display: Option<&'static str>,
    /// The key specification that it belongs to, for what is no key itself.
    pub key_spec: Option<u8>,
    /// Since which version.
    pub since: Option<&'static str>,
    /// Since which version better not used.
    pub deprecated_since: Option<&'static str>,
    /// May be left out.
    pub optional: bool,
    /// May be repeated.
    pub multiple: bool,
    /// The token is repeated with it.
    pub multiple_token: bool,
}

impl Arg {
    /// An argument of `kind`.
    pub const fn new(name: &'static str, kind: ArgKind) -> Self {
        Arg {
            name,
            kind,
            token: None,
            display: None,
            key_spec: None,
            since: None,
            deprecated_since: None,
            optional: false,
            multiple: false,
            multiple_token: false,
        }
    }

    /// Any bytes.
    pub const fn string(name: &'static str) -> Self {
        Arg::new(name, ArgKind::String)
    }

    /// An integer.
    pub const fn integer(name: &'static str) -> Self {
        Arg::new(name, ArgKind::Integer)
    }

    /// A double.
    pub const fn double(name: &'static str) -> Self {
        Arg::new(name, ArgKind::Double)
    }

    /// A key of key specification `spec`.
    pub const fn key(name: &'static str, spec: u8) -> Self {
        Arg::new(name, ArgKind::Key(spec))
    }

    /// A glob pattern.
    pub const fn pattern(name: &'static str) -> Self {
        Arg::new(name, ArgKind::Pattern)
    }

    /// A Unix time.
    pub const fn unix_time(name: &'static str) -> Self {
        Arg::new(name, ArgKind::UnixTime)
    }

    /// A bare word.
    pub const fn word(name: &'static str, token: &'static str) -> Self {
        Arg::new(name, ArgKind::PureToken).token(token)
    }

    /// One of `choices`.
    pub const fn one_of(name: &'static str, choices: &'static [Arg]) -> Self {
        Arg::new(name, ArgKind::OneOf(choices))
    }

    /// All of `parts` in order.
    pub const fn block(name: &'static str, parts: &'static [Arg]) -> Self {
        Arg::new(name, ArgKind::Block(parts))
    }

    /// Preceded by `token`.
    pub const fn token(mut self, token: &'static str) -> Self {
        self.token = Some(token);
        self
    }

    /// Shown as `text`.
    pub const fn display(mut self, text: &'static str) -> Self {
        self.display = Some(text);
        self
    }

    /// Belongs to the key specification with this index, though it is no key.
    pub const fn of_key(mut self, spec: u8) -> Self {
        self.key_spec = Some(spec);
        self
    }

    /// Since `version`.
    pub const fn since(mut self, version: &'static str) -> Self {
        self.since = Some(version);
        self
    }

    /// Better not used since `version`.
    pub const fn deprecated_since(mut self, version: &'static str) -> Self {
        self.deprecated_since = Some(version);
        self
    }

    /// May be left out.
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// May be repeated.
    pub const fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }

    /// May be repeated, each time with its token.
    pub const fn multiple_token(mut self) -> Self {
        self.multiple = true;
        self.multiple_token = true;
        self
    }
}

/// A command that the configuration must allow.
#[derive(Clone, Copy)]
pub struct Guard {
    /// Who may run it.
    pub toggle: fn(&crate::config::Config) -> crate::config::Toggle,
    /// The error that others get.
    pub refusal: &'static str,
}

/// A command's declaration; built in `const` context so that a wrong combination stops the build.
#[derive(Clone, Copy)]
pub struct Command {
    /// Upper-case name; a subcommand's own name without its container.
    pub name: &'static str,
    /// The name of the container that a subcommand belongs to.
    pub container: Option<&'static str>,
    /// One sentence.
    pub summary: &'static str,
    /// Version of the first appearance.
    pub since: &'static str,
    /// Cost, as documented; empty when it is not.
    pub complexity: &'static str,
    /// Documentation group.
    pub group: Group,
    /// Number of words.
    pub arity: Arity,
    /// Flags as declared; [`Command::all_flags`] adds what follows from the rest.
    pub flags: Flags,
    /// ACL categories as declared; [`Command::all_acl`] adds what follows from the flags.
    pub acl: Acl,
    /// Key specifications.
    pub keys: &'static [Key],
    /// What is done to the key of a specification with [`KeyFlags::VARIABLE`], told from the words.
    pub key_use: Option<fn(Args<'_>) -> KeyFlags>,
    /// Grammar.
    pub args: &'static [Arg],
    /// Hints for proxies (`nondeterministic_output`, ...).
    pub tips: &'static [&'static str],
    /// Deprecated since this version, in favour of that.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Changes by version, for COMMAND DOCS.
    pub history: &'static [(&'static str, &'static str)],
    /// Allowed while a RESP2 connection has subscriptions.
    pub for_subscribers: bool,
    /// What CLIENT CACHING has said still holds for the command after it.
    pub keeps_caching: bool,
    /// Where and how it runs.
    pub exec: Exec,
    /// Subcommands of a container.
    pub subcommands: &'static [Command],
    /// Not for users: its subcommands are not told.
    pub system: bool,
    /// What must allow it.
    pub guard: Option<Guard>,
    /// For a blocking command that takes something out: the command that puts it back, given the words of the first. Its words are the key and what was
    /// taken, the last first.
    pub undone_by: Option<fn(Args<'_>) -> &'static str>,
    /// What it may change of the values at its keys.
    pub footprint: Footprint,
    /// How it waits, when it does so in a way of its own.
    pub waiting: Option<&'static Waiting>,
}

impl Command {
    /// A command with its summary; group, arity and `run` must follow.
    pub const fn new(name: &'static str, summary: &'static str, group: Group) -> Self {
        Command {
            name,
            container: None,
            summary,
            since: "1.0.0",
            complexity: "O(1)",
            group,
            arity: Arity::AtLeast(1),
            flags: Flags::NONE,
            acl: Acl::NONE,
            keys: &[],
            key_use: None,
            args: &[],
            tips: &[],
            deprecated: None,
            history: &[],
            for_subscribers: false,
            keeps_caching: false,
            exec: Exec::Container,
            subcommands: &[],
            system: false,
            guard: None,
            undone_by: None,
            footprint: Footprint::Value,
            waiting: None,
        }
    }

    /// What it takes out for a blocked client that turns out to be gone is put back by the command that `name` tells.
    pub const fn undone_by(mut self, name: fn(Args<'_>) -> &'static str) -> Self {
        self.undone_by = Some(name);
        self
    }

    /// It is a subcommand of `container`, named in upper case.
    pub const fn inside(mut self, container: &'static str) -> Self {
        self.container = Some(container);
        self
    }

    /// The name in lower case, with its container's: `get`, `config|get`.
    pub fn full_name(&self) -> String {
        match self.container {
            Some(container) => format!("{container}|{}", self.name).to_ascii_lowercase(),
            None => self.name.to_ascii_lowercase(),
        }
    }

    /// Version of the first appearance.
    pub const fn since(mut self, version: &'static str) -> Self {
        self.since = version;
        self
    }

    /// Documented cost.
    pub const fn complexity(mut self, cost: &'static str) -> Self {
        self.complexity = cost;
        self
    }

    /// Number of words, the name (and the container's name) included.
    pub const fn arity(mut self, arity: Arity) -> Self {
        self.arity = arity;
        self
    }

    /// Flags.
    pub const fn flags(mut self, flags: Flags) -> Self {
        assert!(
            !(flags.has(Flags::WRITE) && flags.has(Flags::READONLY)),
            "a command writes or only reads"
        );
        self.flags = flags;
        self
    }

    /// ACL categories beyond those that follow from the flags.
    pub const fn acl(mut self, acl: Acl) -> Self {
        self.acl = acl;
        self
    }

    /// Key specifications.
    pub const fn keys(mut self, keys: &'static [Key]) -> Self {
        self.keys = keys;
        self
    }

    /// Tells from the words what is done to the key, where the specification says that it varies.
    pub const fn key_use(mut self, key_use: fn(Args<'_>) -> KeyFlags) -> Self {
        self.key_use = Some(key_use);
        self
    }

    /// What a command line does to the keys of the specification `key`.
    pub fn flags_of(&self, key: &Key, args: Args<'_>) -> KeyFlags {
        match self.key_use {
            Some(key_use) if key.flags.has(KeyFlags::VARIABLE) => key_use(args),
            _ => key.flags,
        }
    }

    /// Grammar.
    pub const fn args(mut self, args: &'static [Arg]) -> Self {
        self.args = args;
        self
    }

    /// Hints for proxies.
    pub const fn tips(mut self, tips: &'static [&'static str]) -> Self {
        self.tips = tips;
        self
    }

    /// Deprecated since `version`, in favour of `instead`.
    pub const fn deprecated(mut self, version: &'static str, instead: &'static str) -> Self {
        self.deprecated = Some((version, instead));
        self
    }

    /// Changes by version.
    pub const fn history(mut self, history: &'static [(&'static str, &'static str)]) -> Self {
        self.history = history;
        self
    }

    /// Allowed while a RESP2 connection has subscriptions.
    pub const fn for_subscribers(mut self) -> Self {
        self.for_subscribers = true;
        self
    }

    /// What CLIENT CACHING has said still holds for the command after it.
    pub const fn keeps_caching(mut self) -> Self {
        self.keeps_caching = true;
        self
    }

    /// How it runs.
    pub const fn run(mut self, exec: Exec) -> Self {
        assert!(
            self.flags.has(Flags::BLOCKING) || !matches!(exec, Exec::Blocking { .. }),
            "what waits must be flagged as blocking"
        );
        self.exec = exec;
        self
    }

    /// The configuration must allow it.
    pub const fn guarded(mut self, guard: Guard) -> Self {
        self.guard = Some(guard);
        self
    }

    /// What it may change of the values at its keys, when that is less than anything.
    pub const fn footprint(mut self, footprint: Footprint) -> Self {
        self.footprint = footprint;
        self
    }

    /// Not for users: its subcommands are not told.
    pub const fn system(mut self) -> Self {
        self.system = true;
        self
    }

    /// Subcommands; the command itself becomes a container.
    pub const fn subcommands(mut self, subcommands: &'static [Command]) -> Self {
        self.subcommands = subcommands;
        self
    }

    /// Whether it may name keys.
    pub fn has_keys(&self) -> bool {
        self.keys.iter().any(|key| !key.flags.has(KeyFlags::NOT_KEY))
    }

    /// The word at which the only key stands, when the command has exactly one at a fixed place: the routing fast path.
    pub const fn single_key(&self) -> Option<u8> {
        match self.keys {
            [
                Key {
                    begin: Begin::Index(index),
                    find: Find::Range { last: 0, .. },
                    flags,
                    ..
                },
            ] if !flags.has(KeyFlags::NOT_KEY) => Some(*index),
            _ => None,
        }
    }

    /// The positions of all keys among the words of `args`. A specification that the words do not fit names none: either its keys
    /// may be left out, or the command answers with an error before it touches any.
    pub fn key_positions(&self, args: Args<'_>) -> Positions {
        let mut positions = Positions::new();
        for key in self.keys {
            key.positions(args, &mut positions);
        }
        positions
    }

    /// The first key that the request names.
    pub fn first_key<'a>(&self, args: Args<'a>) -> Option<&'a [u8]> {
        let at = match self.single_key() {
            Some(at) => usize::from(at),
            None => *self.key_positions(args).first()?,
        };
        args.get(at)
    }

    /// Whether all keys that the request names pass a test.
    #[inline]
    pub fn all_keys<'a>(&self, args: Args<'a>, mut test: impl FnMut(&'a [u8]) -> bool) -> bool {
        match self.single_key() {
            Some(at) => args.get(usize::from(at)).is_none_or(test),
            None => self.key_positions(args).iter().all(|&at| test(args.at(at))),
        }
    }

    /// Declared flags and those that follow: `movablekeys`.
    pub fn all_flags(&self) -> Flags {
        let fixed = |key: &Key| {
            matches!(key.begin, Begin::Index(_))
                && matches!(key.find, Find::Range { .. })
                && !key.flags.has(super::key::KeyFlags::INCOMPLETE)
        };
        let movable = !self.keys.iter().all(fixed);
        if movable {
            self.flags.or(Flags::MOVABLEKEYS)
        } else {
            self.flags
        }
    }

    /// Declared categories and those that follow from the flags.
    pub fn all_acl(&self) -> Acl {
        let mut acl = self.acl;
        let implied = [
            (Flags::WRITE, Acl::WRITE),
            (Flags::ADMIN, Acl::ADMIN.or(Acl::DANGEROUS)),
            (Flags::PUBSUB, Acl::PUBSUB),
            (Flags::FAST, Acl::FAST),
            (Flags::BLOCKING, Acl::BLOCKING),
        ];
        for (flag, categories) in implied {
            if self.flags.has(flag) {
                acl = acl.or(categories);
            }
        }
        if self.flags.has(Flags::READONLY) && !acl.has(Acl::SCRIPTING) {
            acl = acl.or(Acl::READ);
        }
        if self.flags.has(Flags::FAST) {
            acl
        } else {
            acl.or(Acl::SLOW)
        }
    }
}
