//! What travels between shards. Requests and replies use separate lanes, so that a reply never waits behind a request.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use smallvec::SmallVec;

use super::locks::Place;
use super::log::Logged;
use super::waiters::Waiters;
pub use crate::base::id::Origin;
use crate::base::id::{ClientId, ConnId, DbIndex, ShardId, TxId};
use crate::command::args::OwnedArgs;
use crate::command::session::{Queued, Watched};
use crate::command::{Args, Change, Command, Error, Part, Publication, Span, Topic};
use crate::keyspace::{Entry, Keyspace};
use crate::protocol::reply::Resp;
use crate::shard::scripts::Needs;

/// All that one pass of a shard's loop has for one peer, in order; the words of its messages lie in one arena.
#[derive(Default)]
pub struct Batch {
    /// Words and encoded replies, back to back.
    pub bytes: Vec<u8>,
    /// Where the words of each request lie, counted from where its words begin.
    pub spans: Vec<Span>,
    /// Where replies to the commands of groups lie, group by group.
    pub replies: Vec<Range<usize>>,
    /// The commands of groups, group by group.
    pub grouped: Vec<Grouped>,
    /// The messages, in order.
    pub messages: Vec<Message>,
}

impl Batch {
    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether all replies lie in the arena.
    fn is_whole(&self) -> bool {
        self.messages.iter().all(|message| match message {
            Message::Done { reply, .. } => reply.end <= self.bytes.len(),
            _ => true,
        })
    }

    /// Empties the batch, keeping its memory for the next.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        self.replies.clear();
        self.grouped.clear();
        self.messages.clear();
    }

    /// Copies the words of a request into the arena.
    pub fn words(&mut self, args: Args<'_>) -> Words {
        let (base, start) = (self.bytes.len(), self.spans.len() as u32);
        args.append_to(base, &mut self.bytes, &mut self.spans);
        Words {
            base,
            start,
            len: args.len() as u32,
        }
    }

    /// The words of a request in this batch.
    pub fn args(&self, words: Words) -> Args<'_> {
        let spans = &self.spans[words.start as usize..words.start as usize + words.len as usize];
        Args::new(&self.bytes[words.base..], spans)
    }

    /// The commands of a group in this batch.
    pub fn grouped(&self, together: &Together) -> &[Grouped] {
        &self.grouped[together.commands.start as usize..together.commands.end as usize]
    }

    /// Adds an encoded reply to the arena; answers where it lies.
    pub fn append_reply(&mut self, reply: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(reply);
        start..self.bytes.len()
    }

    /// Notes where the replies to the commands of a group lie in the arena.
    pub fn note_replies(&mut self, replies: &[Range<usize>]) -> Range<u32> {
        let start = self.replies.len() as u32;
        self.replies.extend_from_slice(replies);
        start..self.replies.len() as u32
    }

    /// Where the replies lie that [`Batch::note_replies`] has noted.
    pub fn replies(&self, noted: Range<u32>) -> &[Range<usize>] {
        &self.replies[noted.start as usize..noted.end as usize]
    }
}

/// Which spans of a batch are a request's words.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// Where its words begin in the arena, which may hold more than 4 GiB.
    base: usize,
    start: u32,
    len: u32,
}

/// What a command needs to know of its connection; by default there is none, and the server asks by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asker {
    /// Who waits for the reply.
    pub origin: Origin,
    /// The selected database.
    pub db: DbIndex,
    /// The protocol of the reply.
    pub resp: Resp,
    /// CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// Whether a script of the client asks.
    pub scripted: bool,
    /// Whether the client is to hear when a key changes that it reads (CLIENT TRACKING).
    pub tracks: bool,
    /// Whether this is what the primary has run.
    pub from_primary: bool,
}

/// Decides that a blocked client is served (or timed out, or gone) exactly once, whichever shards it waits at.
#[derive(Clone, Debug, Default)]
pub struct Claim(Arc<ClaimState>);

#[derive(Debug, Default)]
struct ClaimState {
    taken: AtomicBool,
    needs_all_keys: AtomicBool,
}

impl Claim {
    /// Takes the claim; true for exactly one caller.
    pub fn take(&self) -> bool {
        !self.0.taken.swap(true, Ordering::AcqRel)
    }

    /// Whether both are the claim of one wait.
    pub fn is(&self, other: &Claim) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether somebody has taken it.
    pub fn is_taken(&self) -> bool {
        self.0.taken.load(Ordering::Acquire)
    }

    /// Somebody before this client in line for one of its keys is being served, but not in one instant: there is something at that key which is
    /// not for this client and is not gone yet. Whoever serves it must see all its keys from now on. Said before anybody can have seen what has made
    /// the other client ready, so that whoever acts on that finds it said.
    pub fn require_all_keys(&self) {
        self.0.needs_all_keys.store(true, Ordering::Release);
    }

    /// Whether all keys must be seen by whoever serves the client.
    pub fn requires_all_keys(&self) -> bool {
        self.0.needs_all_keys.load(Ordering::Acquire)
    }
}

/// A blocked client at one shard.
#[derive(Clone)]
pub struct Waiter {
    /// Who waits.
    pub asker: Asker,
    /// The blocking command.
    pub command: &'static Command,
    /// Its words.
    pub args: Arc<OwnedArgs>,
    /// Who may serve it.
    pub claim: Claim,
    /// Where the keys of its command are.
    pub reach: Reach,
}

/// Where the keys of a blocking command are, seen from a shard at which it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All here: this shard serves it.
    Here,
    /// It takes from keys of several shards: each serves it with what it has, unless one transaction has changed several of them, in which case
    /// the order of the command's keys decides, and it must see all of them.
    Spans,
    /// It also puts into a key of another shard: its coordinator runs it, holding the key that woke it.
    Roams,
}

/// A request or a reply.
pub enum Message {
    /// Run one command whose keys are all on the receiver. Answered by `Done` (or `Waiting`, when it blocks).
    Run {
        asker: Asker,
        command: &'static Command,
        words: Words,
    },
    /// Run these commands of a group at once, or none. Answered by `Ran` or `Apart`.
    Together(Together),
    /// Keep these commands of a group and hold their keys, or nothing. Answered by `Prepared`, and ended by `Commit` or `Abort`; or by `Apart`.
    Prepare(Together),
    /// Run what was prepared. Answered by `Ran`.
    Commit(GroupPart),
    /// Forget what was prepared.
    Abort(GroupPart),
    /// Run the commands of an EXEC whose keys are all on the receiver. Answered by `Done`.
    Block(Box<Block>),
    /// Lend keys to a transaction. Answered by `Granted`, ended by `Release`.
    Acquire(Box<Acquire>),
    /// Watch keys. Answered by `Watching`.
    Watch { origin: Origin, db: DbIndex, words: Words },
    /// Forget watched keys.
    Unwatch(Box<Vec<Watched>>),
    /// Forget a blocked client that was served elsewhere, timed out or left.
    Unwait { client: ClientId, claim: Claim },
    /// Run a command's part on the receiver's connections and configuration. Answered by `Part`.
    Everywhere {
        origin: Origin,
        command: &'static Command,
        words: Words,
    },
    /// A client of the sender's shard has (un)subscribed. Answered by `Joined`, if it is to channels, and `Noted` when it subscribes.
    Subscription(Box<Subscription>),
    /// A published message for the receiver's subscribers.
    Publish(Arc<Publication>),
    /// Clients of the receiver hold what has changed.
    Invalidate(Box<Invalidate>),
    /// As `Invalidate`, for a client to which another one's invalidations go.
    Redirected {
        conn: ConnId,
        client: ClientId,
        stale: Arc<Stale>,
    },
    /// Keys with a prefix that clients of the receiver have asked about have changed.
    Broadcast(Arc<Broadcast>),
    /// The sender's part of the keyspace was emptied, and `told` knows it.
    Flushed { told: ClientId },
    /// A line for the receiver's MONITOR clients.
    Feed(Arc<[u8]>),
    /// What the sender asks from now on, it asks by the affinity rules of this moment.
    Rerouted,
    /// The memory limit is exceeded and the sender has nothing that may go: evict.
    MakeRoom,
    /// A script has run over what was lent to `tx` for longer than clients are made to wait: refuse who waits for that. Travels with the replies.
    Occupied { tx: TxId, error: Box<Error> },

    /// Replies to `Run` or `Block`, encoded back to back in the batch's arena: as many as `count`.
    Done {
        conn: ConnId,
        client: ClientId,
        reply: Range<usize>,
        count: u32,
    },
    /// `Together` or `Commit` was done; the replies in order.
    Ran { group: u32, replies: Range<u32> },
    /// The commands of `Prepare` are kept and their keys held.
    Prepared { group: u32 },
    /// `Together` or `Prepare` could not be done at once, and nothing was.
    Apart { group: u32 },
    /// `Run` of a blocking command found nothing: the client is registered.
    Waiting {
        conn: ConnId,
        client: ClientId,
        claim: Claim,
    },
    /// A script of `Run` or `Block` needs what the sender does not have; nothing was changed.
    Lacking(Box<Lacking>),
    /// A blocked client was served (the claim is taken).
    Served(Box<Served>),
    /// A blocked client's key has data; the key is lent to its transaction (the claim is taken).
    Woken(Box<Woken>),
    /// Lent keys.
    Granted(Box<Granted>),
    /// Lent keys come back.
    Release(Box<Release>),
    /// The keys of a wide change may be used by others (see [`Release::widely`]).
    Unlock { tx: TxId },
    /// Lent keys are back, and whoever waited for them is served.
    Released { tx: TxId, settled: bool },
    /// After a `Released` that was not settled: the clients that the keys have woken are answered.
    Settled { tx: TxId },
    /// All parts of some transaction that has changed the receiver's keys are on disk.
    Synced,
    /// The transaction of a client that the receiver has woken is over.
    Woke { wake: TxId },
    /// The versions of watched keys, in order.
    Watching {
        conn: ConnId,
        client: ClientId,
        watched: Box<Vec<Watched>>,
    },
    /// A command's part.
    Part {
        conn: ConnId,
        client: ClientId,
        part: Box<Result<Part, Error>>,
    },
    /// What a client of the receiver has missed until the sender knew of its subscription; what the sender publishes from now on reaches it.
    Joined(Box<Missed>),
    /// A subscription is known on the sender.
    Noted { conn: ConnId, client: ClientId },
    /// A connection that the receiver has sent on is the sender's, which holds the horizon in its place.
    Arrived { since_us: u64 },
    /// Messages are kept because of the receiver's horizon.
    CatchUp,
}

impl Message {
    /// Whether it travels with the replies.
    pub fn is_reply(&self) -> bool {
        !matches!(
            self,
            Message::Run { .. }
                | Message::Together(_)
                | Message::Prepare(_)
                | Message::Commit(_)
                | Message::Abort(_)
                | Message::Block(_)
                | Message::Acquire(_)
                | Message::Watch { .. }
                | Message::Unwatch(_)
                | Message::Unwait { .. }
                | Message::Everywhere { .. }
                | Message::Subscription(_)
                | Message::MakeRoom
                | Message::Rerouted
        )
    }
}

/// Messages are moved in bulk; what is large goes behind a pointer.
const _: () = assert!(size_of::<Message>() <= 64);

/// The part of a group of commands whose keys are on the receiver.
pub struct Together {
    /// Who waits for the replies.
    pub asker: Asker,
    /// The sender's name for the group.
    pub group: u32,
    /// Which of the batch's grouped commands they are, in order.
    pub commands: std::ops::Range<u32>,
    /// They are of a transaction: nobody may be served between them.
    pub is_block: bool,
}

/// The receiver's part of a group, by the shard that made the group and its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupPart {
    /// The shard.
    pub home: ShardId,
    /// The name.
    pub group: u32,
}

impl Together {
    /// By what the part is known while it is prepared.
    pub fn part(&self) -> GroupPart {
        GroupPart {
            home: self.asker.origin.shard,
            group: self.group,
        }
    }
}

/// A command of a group.
#[derive(Clone, Copy)]
pub struct Grouped {
    /// The command.
    pub command: &'static Command,
    /// Its words.
    pub words: Words,
    /// The place of its key, the first if it has several.
    pub place: Place,
}

/// The commands of an EXEC.
pub struct Block {
    /// Who waits for the reply.
    pub asker: Asker,
    /// The commands, in order.
    pub queue: Vec<Queued>,
    /// What WATCH guards.
    pub watched: Vec<Watched>,
    /// All keys of the block, each once.
    pub keys: Vec<Box<[u8]>>,
}

/// Work that has to begin again as a transaction.
pub struct Lacking {
    /// Who waits for the reply.
    pub asker: Asker,
    /// What it needs.
    pub needs: Needs,
    /// The work.
    pub work: LackingWork,
}

/// What a shard could not do alone.
pub enum LackingWork {
    /// One command.
    Command { command: &'static Command, args: OwnedArgs },
    /// An EXEC, its watched keys still watched.
    Block(Box<Block>),
}

/// A transaction asks for keys.
pub struct Acquire {
    /// Unique among transactions.
    pub tx: TxId,
    /// The shard whose coordinator runs it.
    pub home: ShardId,
    /// The keys, each once; `None`: the whole keyspace.
    pub keys: Option<Vec<Box<[u8]>>>,
    /// Watched keys of this shard, to be compared while the keys are held.
    pub watched: Vec<Watched>,
    /// Answer `Granted` with nothing instead of waiting for others.
    pub immediately: bool,
}

/// What moved out of a shard.
pub enum Parcel {
    /// Keys with their entries.
    Keys(Vec<Lent>),
    /// Everything.
    Whole(Box<Keyspace>),
    /// Nothing: others hold the keys, and the transaction would not wait.
    Refused,
    /// Nothing: a script occupies the shard.
    Occupied(Error),
}

impl Parcel {
    /// Bytes of what moved out; O(1) a key.
    pub fn bytes(&self) -> usize {
        match self {
            Parcel::Keys(keys) => {
                let entries = keys.iter().flat_map(|lent| &lent.entries);
                entries.map(|(_, entry)| entry.heap_bytes()).sum()
            }
            Parcel::Whole(space) => space.used_bytes(),
            Parcel::Refused | Parcel::Occupied(_) => 0,
        }
    }
}

/// A key on loan: its entry in each database that has one.
pub struct Lent {
    /// The key.
    pub key: Box<[u8]>,
    /// Its entries.
    pub entries: SmallVec<[(DbIndex, Entry); 1]>,
}

/// Keys for a transaction.
pub struct Granted {
    /// The transaction.
    pub tx: TxId,
    /// What is lent.
    pub parcel: Parcel,
    /// Whether no watched key of this shard has changed.
    pub unchanged: bool,
    /// Whether clients wait for what is lent: they must be served before the transaction is answered.
    pub awaited: bool,
    /// Whether some of these clients need keys of other shards too.
    pub reaching: bool,
    /// The watched keys that were asked about; they stay watched until the keys come home.
    pub watched: Vec<Watched>,
    /// With the whole keyspace, those who wait here: the transaction serves them itself.
    pub waiters: Waiters,
}

impl Granted {
    /// Nothing: `parcel` tells why.
    pub fn nothing(tx: TxId, parcel: Parcel, watched: Vec<Watched>) -> Self {
        Granted {
            tx,
            parcel,
            unchanged: false,
            awaited: false,
            reaching: false,
            watched,
            waiters: Waiters::default(),
        }
    }
}

/// Keys come back from a transaction.
pub struct Release {
    /// The transaction.
    pub tx: TxId,
    /// What was lent.
    pub parcel: Parcel,
    /// What happened to this shard's keys.
    pub changes: Vec<Change>,
    /// Watched keys to forget.
    pub watched: Vec<Watched>,
    /// With the whole keyspace, those who wait here, served ones among them.
    pub waiters: Waiters,
    /// What to tell clients that waited here, and on which shards they are: by way of this shard, so that it comes after what this shard told them.
    pub served: Vec<(ShardId, Message)>,
    /// The same, for the log.
    pub logged: Option<Box<Logged>>,
    /// How much happened.
    pub dirty: u64,
    /// Answer `Released` once the waiters are served, so that the transaction can be answered.
    pub confirm: bool,
    /// The transaction has changed awaited keys of other shards too (see [`Reach::Spans`]): the keys stay held until `Unlock`, so that nobody sees
    /// them before the waiters of all these shards are served.
    pub widely: bool,
    /// A client to register in the same instant.
    pub waiter: Option<Registration>,
    /// A woken client that could not get its other keys at once: it is woken again after those who wait for the returned keys now.
    pub retry: Option<Waiter>,
}

impl Release {
    /// What was lent goes back as it was.
    pub fn unchanged(tx: TxId, parcel: Parcel) -> Self {
        Release {
            tx,
            parcel,
            changes: Vec::new(),
            watched: Vec::new(),
            waiters: Waiters::default(),
            served: Vec::new(),
            logged: None,
            dirty: 0,
            confirm: false,
            widely: false,
            waiter: None,
            retry: None,
        }
    }
}

/// A client that starts to wait at a shard.
pub struct Registration {
    /// The client.
    pub waiter: Waiter,
    /// The keys of this shard it waits for, each once.
    pub keys: Vec<Box<[u8]>>,
    /// Whether it goes back to the front of the line, which it had reached.
    pub first: bool,
}

/// The reply for a blocked client.
pub struct Served {
    /// Who, and for which command.
    pub waiter: Waiter,
    /// The encoded reply.
    pub reply: Vec<u8>,
}

/// A blocked client's transaction starts with the key that woke it.
pub struct Woken {
    /// Who waits.
    pub waiter: Waiter,
    /// The transaction that holds the key.
    pub tx: TxId,
    /// The key, lent.
    pub parcel: Parcel,
    /// As in [`Granted`].
    pub awaited: bool,
}

/// What clients may hold that is not so any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stale {
    /// The values at these keys, in every database.
    Keys(Vec<Box<[u8]>>),
    /// All there is.
    Everything,
}

/// Clients of the receiver that have read what has changed.
pub struct Invalidate {
    /// What has changed.
    pub stale: Stale,
    /// Who has read it.
    pub readers: SmallVec<[(ConnId, ClientId); 2]>,
    /// Who has changed it; nobody when it went by itself.
    pub by: ClientId,
}

/// Changed keys with one prefix, in order, and who has changed each.
pub struct Broadcast {
    /// The prefix.
    pub prefix: Box<[u8]>,
    /// The keys.
    pub keys: Vec<(Box<[u8]>, ClientId)>,
}

/// Channels or patterns that one client of the sender has subscribed to or left.
pub struct Subscription {
    /// Whom to answer.
    pub origin: Origin,
    /// To what.
    pub topic: Topic,
    /// Joined, not left.
    pub joined: bool,
    /// `Noted` was sent already.
    pub is_noted: bool,
    /// Since when the subscription may have been under way, monotonic microseconds.
    pub since_us: u64,
    /// Which.
    pub names: Vec<Box<[u8]>>,
}

/// What a client that subscribes has missed.
pub struct Missed {
    /// Where the client is.
    pub conn: ConnId,
    /// Who it is.
    pub client: ClientId,
    /// What, in order.
    pub publications: Vec<Arc<Publication>>,
    /// The number of the last message that the sender has published.
    pub last: u64,
}

/// Which of the two lanes to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Work asked for.
    Request,
    /// Answers and returns; never blocked by requests.
    Reply,
}

/// What one shard has for each other in this pass, itself included.
#[derive(Default)]
pub struct Outbox {
    lanes: Vec<Lanes>,
    /// Empty batches whose memory the next ones use.
    spare: Vec<Batch>,
}

/// Empty batches kept for reuse, and the largest arena worth keeping, in bytes.
const SPARE_BATCHES_MAX: usize = 16;
const SPARE_ARENA_BYTES_MAX: usize = 256 << 10;

#[derive(Default)]
struct Lanes {
    requests: Batch,
    replies: Batch,
}

impl Lanes {
    fn lane(&mut self, lane: Lane) -> &mut Batch {
        match lane {
            Lane::Request => &mut self.requests,
            Lane::Reply => &mut self.replies,
        }
    }
}

impl Outbox {
    /// Empty lanes to `shards` shards.
    pub fn new(shards: u16) -> Self {
        Outbox {
            lanes: (0..shards).map(|_| Lanes::default()).collect(),
            spare: Vec::new(),
        }
    }

    /// Takes what there is for `to`.
    pub fn take(&mut self, to: ShardId, lane: Lane) -> Option<Batch> {
        let slot = self.lanes[to.index()].lane(lane);
        if slot.is_empty() {
            return None;
        }
        debug_assert!(slot.is_whole(), "the replies of a batch lie in it");
        Some(std::mem::replace(slot, self.spare.pop().unwrap_or_default()))
    }

    /// Puts back what was taken, before anything else is said to `to`.
    pub fn put_back(&mut self, to: ShardId, lane: Lane, batch: Batch) {
        let slot = self.lanes[to.index()].lane(lane);
        assert!(slot.is_empty(), "a batch is put back before more is said");
        let unused = std::mem::replace(slot, batch);
        self.reuse(unused);
    }

    /// Keeps the memory of a batch that has been dealt with.
    pub fn reuse(&mut self, mut batch: Batch) {
        if self.spare.len() < SPARE_BATCHES_MAX && batch.bytes.capacity() <= SPARE_ARENA_BYTES_MAX {
            batch.clear();
            self.spare.push(batch);
        }
    }

    /// The batch of requests that is being filled for `to`.
    pub fn requests(&mut self, to: ShardId) -> &mut Batch {
        &mut self.lanes[to.index()].requests
    }

    /// The batch of replies that is being filled for `to`.
    pub fn replies(&mut self, to: ShardId) -> &mut Batch {
        &mut self.lanes[to.index()].replies
    }

    /// Adds a request without words.
    pub fn request(&mut self, to: ShardId, message: Message) {
        self.requests(to).messages.push(message);
    }

    /// Adds the encoded reply for a client, which lies at `reply` in the lane's arena. Replies of one client that follow each other are one message.
    pub fn done(&mut self, origin: Origin, reply: Range<usize>) {
        let Origin { shard, conn, client } = origin;
        debug_assert!(reply.end <= self.replies(shard).bytes.len());
        let messages = &mut self.replies(shard).messages;
        if let Some(Message::Done {
            client: before,
            reply: replies,
            count,
            ..
        }) = messages.last_mut()
            && *before == client
            && replies.end == reply.start
        {
            replies.end = reply.end;
            *count += 1;
            return;
        }
        messages.push(Message::Done {
            conn,
            client,
            reply,
            count: 1,
        });
    }

    /// Adds a reply without an encoded text.
    pub fn reply(&mut self, to: ShardId, message: Message) {
        self.replies(to).messages.push(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_may_hold_more_than_four_gibibytes() {
        // Pages that are never written take no memory.
        let mut bytes = vec![0; (4 << 30) + (1 << 16)];
        bytes.truncate((4 << 30) + 5);
        let mut batch = Batch {
            bytes,
            ..Batch::default()
        };
        let request = OwnedArgs::from_words([&b"SET"[..], b"key", b"value"]);
        let words = batch.words(request.as_args());
        let reply = batch.append_reply(b"+OK\r\n");
        let noted = batch.note_replies(&[reply]);
        assert!(batch.args(words).iter().eq([&b"SET"[..], b"key", b"value"]));
        let [reply] = batch.replies(noted) else {
            panic!("one reply was noted")
        };
        assert_eq!(batch.bytes[reply.clone()], *b"+OK\r\n");
    }
}
