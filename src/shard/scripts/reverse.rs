//! Takes a change of a part of a large value back: keeps only what the command may change, as its footprint tells.

use std::ops::Range;

use crate::base::id::DbIndex;
use crate::base::time::UnixMillis;
use crate::command::{Args, Command, Footprint};
use crate::keyspace::{Db, Entry, Keyspace, StringRef};
use crate::types::hash::{Limits as HashLimits, Setting, Ttl};
use crate::types::list::End;
use crate::types::sorted_set::{Edge, Limits};
use crate::types::stream::Ends;
use crate::types::{Hash, List, SortedSet};

/// Values up to this size are copied whole, in bytes: one copy serves all changes that follow.
const COPIED_BYTES_MAX: usize = 64;

/// What parts are made of, one behind the other; the room is kept from run to run.
#[derive(Default)]
pub struct Pool {
    bytes: Vec<u8>,
    items: Vec<Item>,
    /// Ends of streams, for the parts that are these.
    ends: Vec<Ends>,
}

/// Bytes in the pool.
#[derive(Clone, Copy)]
pub struct Word {
    start: usize,
    len: usize,
}

/// An element, field or member, and what was stored there.
struct Item {
    name: Word,
    was: Stored,
}

#[derive(Clone, Copy)]
enum Stored {
    Nothing,
    Value(Word),
    Score(f64),
}

/// Room for bytes that is kept.
const KEPT_BYTES: usize = 64 << 10;
/// Room for items that is kept.
const KEPT_ITEMS: usize = 1024;

impl Pool {
    /// Keeps some bytes.
    pub fn keep(&mut self, bytes: &[u8]) -> Word {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        Word {
            start,
            len: bytes.len(),
        }
    }

    /// Kept bytes.
    pub fn word(&self, word: Word) -> &[u8] {
        &self.bytes[word.start..word.start + word.len]
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
        self.ends.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.items.shrink_to(KEPT_ITEMS);
        self.ends.shrink_to(KEPT_ITEMS);
    }

    fn add(&mut self, name: &[u8], was: Stored) {
        let name = self.keep(name);
        self.items.push(Item { name, was });
    }
}

/// What was at a key of a database, or a part of it.
pub struct Part {
    db: DbIndex,
    key: Word,
    was: Was,
}

/// Items of the pool.
type Items = Range<usize>;

enum Was {
    /// Nothing was there.
    Absent,
    /// This.
    Whole(Entry),
    /// This, which had expired: when it has been removed for that, it stays so.
    Expired(Entry),
    /// This number.
    Number(i64),
    /// A list: how many elements nearest the other end stay, and what stood behind them, the nearest last.
    End { end: End, stays: usize, lost: Items },
    /// Fields of a hash, or members of a sorted set.
    Named(Items),
    /// Both ends of a stream.
    Ends,
}

/// What has to be kept before `command` changes the value of its key with this number, and whether that is all there is at the key.
pub fn part(
    (db, key): (DbIndex, &[u8]),
    entry: Option<&Entry>,
    now: UnixMillis,
    command: &Command,
    args: Args<'_>,
    number: usize,
    pool: &mut Pool,
) -> (Part, bool) {
    let was = match entry {
        None => Was::Absent,
        Some(entry) if has_expired(entry, now) => Was::Expired(entry.clone()),
        Some(entry) => piece(entry, command, args, number, pool).unwrap_or_else(|| Was::Whole(entry.clone())),
    };
    let key = pool.keep(key);
    let part = Part { db, key, was };
    let is_all = part.is_all();
    (part, is_all)
}

/// What has to be kept of a value, where that is less than all of it and worth while; `None`: all of it.
fn piece(entry: &Entry, command: &Command, args: Args<'_>, number: usize, pool: &mut Pool) -> Option<Was> {
    if let (Footprint::Number, Some(StringRef::Int(number))) = (&command.footprint, entry.as_string()) {
        return Some(Was::Number(number));
    }
    if matches!(command.footprint, Footprint::Value) || entry.heap_bytes() <= COPIED_BYTES_MAX {
        return None;
    }
    let begin = pool.items.len();
    Some(match command.footprint {
        Footprint::Value | Footprint::Databases | Footprint::Presence | Footprint::Number => return None,
        Footprint::End(end_of) => {
            let (end, losses) = end_of(args, number)?;
            let stays = end_of_list(entry.list()?, end, losses, pool)?;
            let lost = begin..pool.items.len();
            Was::End { end, stays, lost }
        }
        Footprint::Edge(edge_of) => {
            let (edge, losses) = edge_of(args)?;
            edge_of_set(entry.sorted_set()?, edge, losses, pool)?;
            Was::Named(begin..pool.items.len())
        }
        Footprint::Ends(reach_of) => {
            pool.ends.push(entry.stream()?.log.ends(reach_of(args)?));
            Was::Ends
        }
        Footprint::Named => {
            named(entry, args, pool)?;
            Was::Named(begin..pool.items.len())
        }
    })
}

/// Keeps the elements that may be lost, and answers how many stay; none when they are a good part of the list.
fn end_of_list(list: &List, end: End, losses: usize, pool: &mut Pool) -> Option<usize> {
    if losses >= list.len() / 2 {
        return None;
    }
    match end {
        End::Right => list
            .iter_back()
            .take(losses)
            .for_each(|item| pool.add(item, Stored::Nothing)),
        End::Left => list
            .iter_from(0)
            .take(losses)
            .for_each(|item| pool.add(item, Stored::Nothing)),
    }
    Some(list.len() - losses)
}

fn edge_of_set(set: &SortedSet, edge: Edge, losses: usize, pool: &mut Pool) -> Option<()> {
    if losses >= set.len() / 2 {
        return None;
    }
    let ranks = match edge {
        Edge::Min => 0..losses,
        Edge::Max => set.len() - losses..set.len(),
    };
    set.range(ranks)
        .for_each(|(member, score)| pool.add(member, Stored::Score(score)));
    Some(())
}

/// All that the words behind the key name, whether the command means them so or not.
fn named(entry: &Entry, args: Args<'_>, pool: &mut Pool) -> Option<()> {
    let words = args.from(2);
    if let Some(hash) = entry.hash() {
        if hash.next_due().is_some() || words.len() >= hash.len() / 2 {
            return None;
        }
        for field in words {
            let value = hash.get(field, UnixMillis(0)).map(|value| pool.keep(value));
            pool.add(field, value.map_or(Stored::Nothing, Stored::Value));
        }
        return Some(());
    }
    let set = entry.sorted_set()?;
    if words.len() >= set.len() / 2 {
        return None;
    }
    for member in words {
        let score = set.score(member);
        pool.add(member, score.map_or(Stored::Nothing, Stored::Score));
    }
    Some(())
}

impl Part {
    /// Whether it is all that was at the key.
    fn is_all(&self) -> bool {
        matches!(self.was, Was::Absent | Was::Whole(_) | Was::Expired(_))
    }

    /// Whether it is all that was at this key.
    pub fn has_all(&self, db: DbIndex, key: &[u8], pool: &Pool) -> bool {
        self.is_all() && self.db == db && pool.word(self.key) == key
    }

    /// Puts it back; a part of a value, where the value is as it was before the command, or another command has emptied it since.
    pub fn restore(self, space: &mut Keyspace, now: UnixMillis, pool: &mut Pool) {
        // The last ones are this part's: parts are put back in reverse order.
        let ends = matches!(self.was, Was::Ends).then(|| pool.ends.pop()).flatten();
        let (db, key) = (space.db_mut(self.db), pool.word(self.key));
        match self.was {
            Was::Absent => drop(db.remove(key)),
            Was::Whole(entry) => drop(db.insert(entry)),
            Was::Expired(entry) => match db.get(key) {
                None => {}
                Some(there) if has_expired(there, now) => drop(db.insert(entry)),
                Some(_) => drop(db.remove(key)),
            },
            Was::Number(number) => changed(db, key).set_int(number),
            Was::End { end, stays, lost } => {
                let list = changed(db, key).list_mut().expect(SAME_TYPE);
                list.drop_at(end, list.len().saturating_sub(stays));
                let lost = pool.items[lost].iter().rev();
                lost.for_each(|item| list.push(end, pool.word(item.name)));
            }
            Was::Ends => {
                let stream = changed(db, key).stream_mut().expect(SAME_TYPE);
                stream.log.restore_ends(ends.expect("they were kept"));
            }
            Was::Named(items) => {
                let entry = changed(db, key);
                for item in &pool.items[items] {
                    put_back(entry, pool.word(item.name), item.was, pool);
                }
            }
        }
    }
}

fn has_expired(entry: &Entry, now: UnixMillis) -> bool {
    entry.expires_at().is_some_and(|at| at <= now)
}

const SAME_TYPE: &str = "what changed the type kept the whole value";

/// The value of which a part was kept.
fn changed<'d>(db: &'d mut Db, key: &[u8]) -> &'d mut Entry {
    db.get_mut(key).expect("what empties a value keeps the whole of it")
}

/// Puts back what was stored under a name in a hash or a sorted set.
fn put_back(entry: &mut Entry, name: &[u8], was: Stored, pool: &Pool) {
    if let Some(hash) = entry.hash_mut() {
        let value = match was {
            Stored::Value(value) => Some(pool.word(value)),
            Stored::Nothing | Stored::Score(_) => None,
        };
        return put_field(hash, name, value);
    }
    let set = entry.sorted_set_mut().expect(SAME_TYPE);
    match was {
        Stored::Score(score) => drop(set.set(name, score, Limits::default())),
        Stored::Nothing | Stored::Value(_) => drop(set.remove(name)),
    }
}

fn put_field(hash: &mut Hash, field: &[u8], value: Option<&[u8]>) {
    let Some(value) = value else {
        hash.take_out(field);
        return;
    };
    let setting = Setting {
        limits: HashLimits {
            entries: 0,
            value_bytes: 0,
        },
        now: UnixMillis(0),
        ttl: Ttl::Never,
    };
    hash.set(field, value, setting);
}
