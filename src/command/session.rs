//! A connection's own state, as commands see it: protocol, database, name, authentication, what it watches and subscribes.

use hashbrown::HashSet;

use super::args::OwnedArgs;
use crate::base::id::{ClientId, DbIndex};
use crate::base::time::Now;
use crate::config::Config;
use crate::protocol::reply::{Reply, Resp};

use super::spec::Command;
use super::subscriptions::Topic;
use super::tracking::Tracking;

/// Which replies the client wants (CLIENT REPLY).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyMode {
    /// All.
    #[default]
    On,
    /// None.
    Off,
    /// Not that of this command (the SKIP itself).
    SkipThis,
    /// Not that of the next command.
    SkipNext,
}

/// A command that MULTI has queued.
pub struct Queued {
    /// What to run.
    pub command: &'static Command,
    /// Its words.
    pub args: OwnedArgs,
}

/// The state between MULTI and EXEC.
#[derive(Default)]
pub struct Multi {
    /// Commands in order.
    pub queue: Vec<Queued>,
    /// What they take, bytes.
    pub queued_bytes: usize,
    /// A command was refused while queueing, so that EXEC must abort.
    pub refused: bool,
}

/// A key that WATCH guards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Where.
    pub db: DbIndex,
    /// Which key.
    pub key: Box<[u8]>,
    /// Its version when WATCH read it.
    pub version: u64,
    /// It had expired (but was still stored) when WATCH read it.
    pub was_expired: bool,
}

impl Watched {
    /// The version of what WATCH could not read: it counts as changed.
    pub const UNSEEN: u64 = 0;
}

/// One client's state.
pub struct Session {
    /// Never reused.
    pub client: ClientId,
    /// Peer address as CLIENT LIST shows it (`ip:port` or `path:0`).
    pub address: Box<str>,
    /// Own address.
    pub local_address: Box<str>,
    /// Came over the unix socket or from the loopback interface.
    pub local: bool,
    /// The number of its socket's descriptor.
    pub fd: i32,
    /// Brings what the primary sends to this replica.
    pub from_primary: bool,
    /// Selected database.
    pub db: DbIndex,
    /// Negotiated protocol.
    pub resp: Resp,
    /// Whether commands beyond AUTH and HELLO are allowed.
    pub authenticated: bool,
    /// CLIENT SETNAME.
    pub name: Box<[u8]>,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: Box<[u8]>,
    /// CLIENT SETINFO LIB-VER.
    pub lib_version: Box<[u8]>,
    /// CLIENT CAPA REDIRECT.
    pub redirect_capable: bool,
    /// CLIENT NO-EVICT.
    pub no_evict: bool,
    /// CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// CLIENT REPLY.
    pub reply_mode: ReplyMode,
    /// MONITOR.
    pub monitor: bool,
    /// CLIENT TRACKING.
    pub tracking: Option<Box<Tracking>>,
    /// Whether shards may remember where it is: it has tracked what it read.
    pub has_tracked: bool,
    /// Whether it has ever subscribed: it may again.
    pub has_subscribed: bool,
    /// Between MULTI and EXEC.
    pub multi: Option<Box<Multi>>,
    /// WATCH.
    pub watched: Vec<Watched>,
    /// SUBSCRIBE.
    pub channels: HashSet<Box<[u8]>>,
    /// PSUBSCRIBE.
    pub patterns: HashSet<Box<[u8]>>,
    /// SSUBSCRIBE.
    pub shard_channels: HashSet<Box<[u8]>>,
    /// Waits for a key.
    pub blocked: bool,
    /// Its connection closes as soon as the replies written so far are sent.
    pub closing: bool,
    /// When it connected, Unix seconds.
    pub connected_unix_s: i64,
    /// Last command, monotonic microseconds.
    pub active_mono_us: u64,
    /// Last command, for CLIENT LIST.
    pub last_command: Option<&'static Command>,
    /// Commands run.
    pub commands_total: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes in the query buffer now.
    pub input_bytes: usize,
    /// Bytes waiting to be sent now.
    pub output_bytes: usize,
}

/// What a name takes besides its bytes, in a set of names here and in the shard's tables.
const NAME_BYTES: usize = 64;

impl Multi {
    /// Adds a command behind the others.
    pub fn push(&mut self, queued: Queued) {
        self.queued_bytes += size_of::<Queued>() + queued.args.heap_bytes();
        self.queue.push(queued);
    }
}

impl Session {
    /// What the commands queued since MULTI take, bytes.
    pub fn queued_bytes(&self) -> usize {
        self.multi.as_ref().map_or(0, |multi| multi.queued_bytes)
    }

    /// What the names of subscriptions and watched keys take, bytes; O(names).
    pub fn names_bytes(&self) -> usize {
        let topics = [&self.channels, &self.patterns, &self.shard_channels];
        let names = topics.into_iter().flatten().map(|name| name.len());
        let keys = self.watched.iter().map(|watched| watched.key.len());
        names.chain(keys).map(|len| NAME_BYTES + len).sum()
    }

    /// A new connection's state.
    pub fn new(client: ClientId, address: Box<str>, local_address: Box<str>, authenticated: bool, now: Now) -> Self {
        Session {
            client,
            address,
            local_address,
            local: false,
            fd: 0,
            from_primary: false,
            db: DbIndex(0),
            resp: Resp::V2,
            authenticated,
            name: Box::default(),
            lib_name: Box::default(),
            lib_version: Box::default(),
            redirect_capable: false,
            no_evict: false,
            no_touch: false,
            reply_mode: ReplyMode::On,
            monitor: false,
            tracking: None,
            has_tracked: false,
            has_subscribed: false,
            multi: None,
            watched: Vec::new(),
            channels: HashSet::new(),
            patterns: HashSet::new(),
            shard_channels: HashSet::new(),
            blocked: false,
            closing: false,
            connected_unix_s: now.unix_us / 1_000_000,
            active_mono_us: now.mono_us,
            last_command: None,
            commands_total: 0,
            received_bytes: 0,
            sent_bytes: 0,
            input_bytes: 0,
            output_bytes: 0,
        }
    }

    /// The names to which it has subscribed in one way.
    pub fn subscribed(&mut self, topic: Topic) -> &mut HashSet<Box<[u8]>> {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
            Topic::ShardChannel => &mut self.shard_channels,
            Topic::Prefix | Topic::Monitor => unreachable!("only channels are subscribed to"),
        }
    }

    /// How many subscriptions a confirmation tells: shard channels are counted apart.
    pub fn subscriptions_told(&self, topic: Topic) -> usize {
        match topic {
            Topic::ShardChannel => self.shard_channels.len(),
            _ => self.channels.len() + self.patterns.len(),
        }
    }

    /// Whether it has any subscription.
    pub fn is_subscriber(&self) -> bool {
        !(self.channels.is_empty() && self.patterns.is_empty() && self.shard_channels.is_empty())
    }

    /// Whether RESP2's restriction to subscription commands holds.
    pub fn subscribed_only(&self) -> bool {
        self.resp == Resp::V2 && self.is_subscriber()
    }
}

/// What a command on the connection's own state is given.
pub struct SessionContext<'a> {
    /// The connection's state.
    pub session: &'a mut Session,
    /// Where the reply goes.
    pub reply: &'a mut Reply,
    /// This shard's copy of the configuration.
    pub config: &'a Config,
    /// The clocks.
    pub now: Now,
    /// How many shards there are.
    pub shards: u16,
}
