//! One connection: its session, its unprocessed input, its unsent replies, and what it is waiting for.

use crate::base::id::{ConnId, ShardId, TxId};
use crate::command::args::OwnedArgs;
use crate::command::session::ReplyMode;
use crate::command::{Command, Error, Part, Session};
use crate::protocol::reply::Reply;
use crate::protocol::request::RequestParser;
use crate::shard::message::{Asker, Claim, Origin};

use super::dispatch::UNSENT_BYTES_MAX;
use super::movement::Favourite;
use super::output::{Chunk, Earlier};

/// What a connection is waiting for, which decides which of its commands may start.
pub enum Flow {
    /// Nothing: any command may start.
    Ready,
    /// Replies of one other shard: commands for the same shard may follow.
    Flight {
        /// Which shard.
        shard: ShardId,
        /// How many replies.
        outstanding: u32,
        /// The last of them may block: nothing may follow.
        sealed: bool,
    },
    /// The other half of a group of commands.
    Group,
    /// A transaction over several shards.
    Transaction(TxId),
    /// One answer of each of several shards.
    Gathering(Box<Gather>),
    /// A key, or a timeout.
    Blocked(Box<Blocked>),
    /// The end of CLIENT PAUSE.
    Paused,
    /// The runtime, which takes it to another shard.
    Moving,
    /// Its end: replies go out, no command is read.
    Closing,
}

impl Flow {
    /// One reply of a shard; when `sealed`, nothing may follow meanwhile.
    pub fn one_at(shard: ShardId, sealed: bool) -> Self {
        Flow::Flight {
            shard,
            outstanding: 1,
            sealed,
        }
    }
}

/// A blocked client.
pub struct Blocked {
    /// What it runs.
    pub command: &'static Command,
    /// Decides who serves it.
    pub claim: Claim,
    /// Where it is registered.
    pub shards: Vec<ShardId>,
    /// When it gives up, monotonic microseconds.
    pub deadline_us: Option<u64>,
}

/// Answers that are being collected.
pub struct Gather {
    /// How many are missing.
    pub left: usize,
    /// What they are for.
    pub purpose: Purpose,
    /// Whether what is watched is elsewhere since.
    pub outdated: bool,
}

/// What a gathering is for.
pub enum Purpose {
    /// A command whose parts run on every shard; parts by shard.
    Everywhere {
        command: &'static Command,
        args: OwnedArgs,
        parts: Vec<Option<Result<Part, Error>>>,
    },
    /// WATCH: the versions go into the session, then `OK`.
    Watch,
    /// A subscription must be known everywhere; its reply is written already.
    Subscribe,
    /// Prefixes must be known everywhere, then `OK`.
    Track,
}

/// Replies beyond so many bytes are sent even while more are expected.
const KEPT_REPLY_BYTES_MAX: usize = 64 << 10;
/// Replies of other shards that may be in flight to one connection, in bytes.
const IN_FLIGHT_BYTES_MAX: u32 = 1 << 20;
/// What a connection's first replies are taken to be, in bytes.
const REPLY_BYTES_ASSUMED: u32 = 16 << 10;

/// One connection.
pub struct Connection {
    /// State that commands see.
    pub session: Session,
    /// Bytes that are not processed yet; begins with a request.
    input: Vec<u8>,
    /// How many bytes at the front of `input` have been processed.
    input_start: usize,
    /// When the last blocking command gives up, monotonic microseconds.
    pub deadline_us: Option<u64>,
    /// Where the parser stands in `input`; absent between requests.
    pub parser: Option<Box<RequestParser>>,
    /// The length of the request at the front of `input`, when it has been parsed but could not start.
    pub parsed: Option<usize>,
    /// How many bytes at the front of what is unprocessed have been looked at ahead.
    pub scouted_bytes: usize,
    /// What is to be sent before the replies.
    earlier: Earlier,
    /// Replies that the runtime has not taken.
    pub reply: Reply,
    /// Messages that its own command has published to it: they follow the command's reply.
    pub own_messages: Reply,
    /// Bytes that the runtime has taken and not finished sending.
    pub sending_bytes: usize,
    /// Since when more is unsent than it may be for long, monotonic microseconds.
    pub over_limit_since_us: Option<u64>,
    /// What the client takes, as its shard has counted it.
    pub counted_bytes: u64,
    /// What its names of channels and keys took when they were last counted.
    pub names_bytes: usize,
    /// It is being closed, and nothing more is sent.
    pub is_cut_off: bool,
    /// What it waits for.
    pub flow: Flow,
    /// How many shards are to confirm what a command of its transaction has told them.
    pub confirmations_left: usize,
    /// Whether the runtime knows that there is something to send.
    pub flush_announced: bool,
    /// Whether the runtime was asked not to read.
    pub reading_paused: bool,
    /// The size of the largest replies of late that came from other shards, in bytes.
    reply_bytes_of_late: u32,
    /// How many of its commands are sent one by one before a group is tried again.
    pub group_patience: u8,
    /// How often in a row its commands could not be grouped.
    pub group_failures: u8,
    /// How many more of its commands are taken to be one of a group, whose keys are fetched when it runs.
    pub groups_expected: u8,
    /// Where its input, which waits for other shards, holds the horizon, monotonic microseconds.
    pub input_since_us: Option<u64>,
    /// Since when something may have been sent on it before it came from another shard, while that is not read, monotonic microseconds.
    pub came_since_us: Option<u64>,
    /// Which shard it mostly asks.
    pub favourite: Favourite,
    /// Where it is to move once it waits for nothing.
    pub moves_to: Option<ShardId>,
}

impl Connection {
    /// A new connection.
    pub fn new(session: Session) -> Self {
        Connection {
            session,
            input: Vec::new(),
            input_start: 0,
            deadline_us: None,
            parser: None,
            parsed: None,
            scouted_bytes: 0,
            earlier: Earlier::default(),
            reply: Reply::default(),
            own_messages: Reply::default(),
            sending_bytes: 0,
            over_limit_since_us: None,
            counted_bytes: 0,
            names_bytes: 0,
            is_cut_off: false,
            flow: Flow::Ready,
            confirmations_left: 0,
            flush_announced: false,
            reading_paused: false,
            reply_bytes_of_late: REPLY_BYTES_ASSUMED,
            group_patience: 0,
            group_failures: 0,
            groups_expected: 0,
            input_since_us: None,
            came_since_us: None,
            favourite: Favourite::default(),
            moves_to: None,
        }
    }

    /// This connection as commands and other shards know it.
    pub fn asker(&self, shard: ShardId, conn: ConnId) -> Asker {
        Asker {
            origin: Origin {
                shard,
                conn,
                client: self.session.client,
            },
            db: self.session.db,
            resp: self.session.resp,
            no_touch: self.session.no_touch,
            scripted: false,
            from_primary: self.session.from_primary,
            tracks: self
                .session
                .tracking
                .as_ref()
                .is_some_and(|tracking| tracking.takes_reads()),
        }
    }

    /// Ends a command whose reply was written since `mark`: takes it back when the client wants none, and moves CLIENT REPLY SKIP on.
    #[inline]
    pub fn finish_reply(&mut self, mark: usize) {
        if self.session.reply_mode != ReplyMode::On {
            self.suppress_reply(mark);
        }
        self.finish_messages();
    }

    /// Nothing that messages would have to follow is under way any more.
    #[inline]
    pub fn finish_messages(&mut self) {
        if !self.own_messages.is_empty() {
            self.reply.raw(self.own_messages.bytes());
            self.own_messages.truncate(0);
        }
    }

    /// Adds a message, which follows the reply to the command under way: the connection's own, or its transaction. A command that waits is
    /// answered long after.
    pub fn add_message(&mut self, is_current: bool, write: impl FnOnce(&mut Reply)) {
        let resp = self.session.resp;
        if self.is_to_follow(is_current) {
            self.own_messages.set_resp(resp);
            write(&mut self.own_messages);
        } else {
            self.reply.set_resp(resp);
            write(&mut self.reply);
        }
    }

    fn is_to_follow(&self, is_current: bool) -> bool {
        match self.flow {
            Flow::Transaction(_) => true,
            Flow::Blocked(_) => false,
            _ => is_current,
        }
    }

    /// As [`Connection::add_message`], of a message that others are sent too.
    pub fn add_chunk(&mut self, is_current: bool, message: &Chunk) {
        match message {
            Chunk::Shared(message) if !self.is_to_follow(is_current) => {
                if !self.reply.is_empty() {
                    self.earlier.push(Chunk::Own(self.reply.replace(Vec::new())));
                }
                self.earlier.push(Chunk::Shared(message.clone()));
            }
            _ => self.add_message(is_current, |reply| reply.raw(message)),
        }
    }

    /// What CLIENT CACHING has said was for the command that is over.
    pub fn end_caching(&mut self) {
        if let Some(tracking) = &mut self.session.tracking {
            tracking.caching = false;
        }
    }

    #[cold]
    fn suppress_reply(&mut self, mark: usize) {
        self.reply.truncate(mark);
        self.session.reply_mode = match self.session.reply_mode {
            ReplyMode::SkipThis => ReplyMode::SkipNext,
            ReplyMode::SkipNext | ReplyMode::On => ReplyMode::On,
            ReplyMode::Off => ReplyMode::Off,
        };
    }

    /// Bytes that have arrived and are not processed.
    pub fn input_bytes(&self) -> usize {
        self.input.len() - self.input_start
    }

    /// Keeps bytes for later.
    pub fn keep_input(&mut self, data: &[u8]) {
        self.input.extend_from_slice(data);
    }

    /// Puts requests back that were taken as processed, before all other unprocessed bytes.
    pub fn unread(&mut self, requests: &[u8]) {
        debug_assert!(self.parser.is_none(), "nothing behind them has been looked at");
        self.input.splice(..self.input_start, requests.iter().copied());
        self.input_start = 0;
        self.scouted_bytes = 0;
    }

    /// Takes the unprocessed bytes out: the buffer, and where they begin in it.
    pub fn take_input(&mut self) -> (Vec<u8>, usize) {
        (std::mem::take(&mut self.input), std::mem::take(&mut self.input_start))
    }

    /// Puts back what [`Connection::take_input`] took, of which the bytes before `start` are processed now. A connection without unprocessed
    /// bytes keeps no buffer; moving the rest to the front is put off until it is the smaller part, so that it costs O(1) a byte.
    pub fn put_input(&mut self, mut input: Vec<u8>, start: usize) {
        if start == input.len() {
            return;
        }
        self.input_start = start;
        if start > input.len() / 2 {
            input.drain(..start);
            self.input_start = 0;
        }
        self.input = input;
    }

    /// How many replies of another shard may be in flight: as many as fit a budget, going by the replies of late.
    pub fn in_flight_max(&self) -> u32 {
        (IN_FLIGHT_BYTES_MAX / self.reply_bytes_of_late.max(1)).clamp(1, 1024)
    }

    /// Notes the size of a reply that came from another shard.
    pub fn note_reply(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let faded = self.reply_bytes_of_late - self.reply_bytes_of_late / 8;
        self.reply_bytes_of_late = bytes.max(faded);
    }

    /// Room of its buffers, in bytes.
    pub fn buffer_bytes(&self) -> usize {
        let output = self.earlier.bytes() + self.reply.capacity() + self.own_messages.capacity() + self.sending_bytes;
        self.input.capacity() + output
    }

    /// Bytes that wait to be sent, taken by the runtime or not.
    pub fn unsent_bytes(&self) -> usize {
        self.earlier.bytes() + self.reply.len() + self.own_messages.len() + self.sending_bytes
    }

    /// Whether there is something for the runtime to take.
    #[inline]
    pub fn has_output(&self) -> bool {
        !self.reply.is_empty() || self.earlier.bytes() > 0
    }

    /// Takes what is to be sent next; the room for more replies is `fresh`.
    pub fn take_output(&mut self, fresh: impl FnOnce() -> Vec<u8>) -> Chunk {
        let earlier = self.earlier.pop();
        earlier.unwrap_or_else(|| Chunk::Own(self.reply.replace(fresh())))
    }

    /// Forgets what the runtime has not taken.
    pub fn drop_output(&mut self) {
        self.earlier = Earlier::default();
        self.reply.replace(Vec::new());
        self.own_messages.replace(Vec::new());
    }

    /// Whether so much is unsent that no further request starts.
    #[inline]
    pub fn has_much_unsent(&self) -> bool {
        self.unsent_bytes() >= UNSENT_BYTES_MAX
    }

    /// Whether there are replies to send of which the runtime has not been told.
    pub fn wants_flush(&self) -> bool {
        self.has_output() && !self.flush_announced && !self.keeps_replies()
    }

    /// Whether replies written now should wait for more that will come at once.
    pub fn keeps_replies(&self) -> bool {
        let more_comes = matches!(
            self.flow,
            Flow::Flight { .. } | Flow::Group | Flow::Transaction(_) | Flow::Gathering(_) | Flow::Moving
        );
        more_comes && self.earlier.bytes() + self.reply.len() < KEPT_REPLY_BYTES_MAX
    }
}
