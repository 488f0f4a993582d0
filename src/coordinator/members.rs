//! Commands of one connection that are taken from its requests to be dealt with together: those of a group, a series, or an EXEC.
//!
//! Owns their memory. It must not know how they run.

use std::ops::Range;

use smallvec::SmallVec;

use crate::base::id::ShardId;
use crate::command::{Args, Command, Exec};
use crate::protocol::request::{Limits, Parsed, RequestParser, Span};
use crate::shard::locks::Place;

/// The most commands that are taken together.
pub(super) const COMMANDS_MAX: usize = 64;
/// The most bytes of one of them, and of the requests before the last.
const BYTES_MAX: usize = 64 << 10;

/// Some shards.
pub(super) type Shards = SmallVec<[ShardId; 8]>;

/// One of the commands.
pub(super) struct Member {
    pub command: &'static Command,
    /// Where its request begins, unless it is the first.
    start: usize,
    /// Which of the spans are its words.
    words: Range<usize>,
    /// Where its keys are.
    pub shard: ShardId,
    /// Where the reply lies that another shard has given.
    reply: Range<usize>,
}

/// Commands of one connection that are dealt with together. Their memory is used again.
#[derive(Default)]
pub(super) struct Members {
    /// The words of the first command, then the requests of the others as they came.
    bytes: Vec<u8>,
    /// Where the others begin.
    others: usize,
    /// Where the words of all commands lie.
    spans: Vec<Span>,
    /// The commands in their order.
    pub commands: Vec<Member>,
    /// The places of the keys of this shard, which the group holds.
    pub places: Vec<Place>,
    /// Replies of other shards.
    replies: Vec<u8>,
}

impl Members {
    /// The words of one of the commands.
    pub fn args(&self, member: &Member) -> Args<'_> {
        Args::new(&self.bytes, &self.spans[member.words.clone()])
    }

    /// The commands whose keys are on `shard`.
    pub fn at(&self, shard: ShardId) -> impl Iterator<Item = &Member> {
        self.commands.iter().filter(move |member| member.shard == shard)
    }

    /// The shards of the commands other than `own`, each once.
    pub fn other_shards(&self, own: ShardId) -> Shards {
        let mut shards: Shards = self.commands.iter().map(|member| member.shard).collect();
        shards.sort_unstable();
        shards.dedup();
        shards.retain(|shard| *shard != own);
        shards
    }

    /// How often a command is for another shard than the one before it.
    pub fn turns(&self) -> usize {
        let mut pairs = self.commands.windows(2);
        std::iter::from_fn(|| pairs.next())
            .filter(|pair| pair[0].shard != pair[1].shard)
            .count()
    }

    /// Takes in what `shard` has replied to its commands, in order: where the replies lie in `bytes`.
    pub fn note_replies(&mut self, shard: ShardId, replies: &[Range<usize>], bytes: &[u8]) {
        let mut replies = replies.iter();
        for member in self.commands.iter_mut().filter(|member| member.shard == shard) {
            let reply = replies.next().expect("a shard answers all its commands");
            let start = self.replies.len();
            self.replies.extend_from_slice(&bytes[reply.clone()]);
            member.reply = start..self.replies.len();
        }
    }

    /// What another shard has replied.
    pub fn reply(&self, member: &Member) -> &[u8] {
        &self.replies[member.reply.clone()]
    }

    /// Its command at `at`.
    pub fn get(&self, at: usize) -> Option<(&'static Command, Args<'_>)> {
        let member = self.commands.get(at)?;
        Some((member.command, self.args(member)))
    }

    /// The requests from the one at `at` on, which is not the first.
    pub fn requests_from(&self, at: usize) -> &[u8] {
        let start = self.commands.get(at).map_or(self.bytes.len(), |member| member.start);
        &self.bytes[start..]
    }

    /// All keys of its commands, sorted, each once.
    pub fn keys(&self) -> Vec<Box<[u8]>> {
        let keys_of = |member| {
            let args = self.args(member);
            member
                .command
                .key_positions(args)
                .into_iter()
                .map(move |at| args.at(at))
        };
        let mut keys: Vec<&[u8]> = self.commands.iter().flat_map(keys_of).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().map(Box::from).collect()
    }

    /// Begins with a command.
    pub fn begin(&mut self, command: &'static Command, args: Args<'_>, shard: ShardId) {
        self.clear();
        self.append(command, args, shard);
        self.others = self.bytes.len();
    }

    /// Leaves nothing but room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        self.commands.clear();
        self.places.clear();
        self.replies.clear();
        self.replies.shrink_to(BYTES_MAX);
    }

    /// Adds a command that was no request by itself.
    pub fn append(&mut self, command: &'static Command, args: Args<'_>, shard: ShardId) {
        let first = self.spans.len();
        args.append_to(0, &mut self.bytes, &mut self.spans);
        self.commands.push(Member {
            command,
            start: 0,
            words: first..self.spans.len(),
            shard,
            reply: 0..0,
        });
    }

    /// Adds a command whose request begins at `at` in those of [`Members::end`], where its words lie at `spans` from there on.
    pub fn add(&mut self, command: &'static Command, at: usize, spans: &[Span], shard: ShardId) {
        let base = (self.others + at) as u32;
        let first = self.spans.len();
        self.spans.extend(spans.iter().map(|span| Span {
            start: base + span.start,
            len: span.len,
        }));
        let words = first..self.spans.len();
        self.commands.push(Member {
            command,
            start: self.others + at,
            words,
            shard,
            reply: 0..0,
        });
    }

    /// Ends with the requests of all commands but the first.
    pub fn end(&mut self, requests: &[u8]) {
        self.bytes.extend_from_slice(requests);
    }
}

/// Gives `take` the requests at the front of `following`, at most so many, until it does not want one: where the request begins, and its words.
/// Answers how many bytes those take that it wanted.
pub(super) fn take_requests(
    following: &[u8],
    limits: &Limits,
    most: usize,
    mut take: impl FnMut(usize, &[u8], &[Span]) -> bool,
) -> usize {
    let mut parser = RequestParser::default();
    let (mut at, mut taken) = (0, 0);
    // What does not begin so is no multibulk request.
    while taken < most && at < BYTES_MAX && following.get(at) == Some(&b'*') {
        let rest = &following[at..];
        let Parsed::Request { consumed } = parser.parse(rest, limits) else {
            break;
        };
        let (bytes, spans) = parser.words(rest);
        if !take(at, bytes, spans) {
            break;
        }
        taken += 1;
        at += consumed;
    }
    at
}

/// Whether a command does nothing but run over its keys, and may be copied to be dealt with together with others.
pub(super) fn is_groupable(command: &Command, args: Args<'_>) -> bool {
    matches!(command.exec, Exec::Keys(_)) && command.has_keys() && args.bytes_len() <= BYTES_MAX
}
