//! Takes a change of a part of a large value back: keeps only what the command may change, as its footprint tells.

use crate::base::id::DbIndex;
use crate::base::time::UnixMillis;
use crate::command::{Args, Command, Footprint};
use crate::keyspace::{Entry, Keyspace};
use crate::types::hash::{Limits as HashLimits, Setting, Ttl};
use crate::types::list::End;
use crate::types::sorted_set::{Edge, Limits};
use crate::types::stream::Ends;
use crate::types::{Hash, List, SortedSet};

/// Values up to this size are copied whole, in bytes: one copy serves all changes that follow.
const COPIED_BYTES_MAX: usize = 2048;

/// A part of a value as it was.
pub struct Part {
    db: DbIndex,
    key: Box<[u8]>,
    was: Was,
}

/// A name, and what was stored there.
type Named<T> = (Box<[u8]>, Option<T>);

enum Was {
    /// A list: how many elements nearest the other end stay, and what stood behind them, the nearest first.
    End { end: End, stays: usize, lost: Vec<Vec<u8>> },
    /// Fields of a hash with their values.
    Fields(Vec<Named<Box<[u8]>>>),
    /// Members of a sorted set with their scores.
    Scores(Vec<Named<f64>>),
    /// Both ends of a stream.
    Ends(Ends),
}

/// What has to be kept before `command` changes the value of its key with this number; `None`: all of it.
pub fn part(db: DbIndex, entry: &Entry, command: &Command, args: Args<'_>, number: usize) -> Option<Part> {
    if entry.heap_bytes() <= COPIED_BYTES_MAX {
        return None;
    }
    let was = match command.footprint {
        Footprint::Value => return None,
        Footprint::End(end_of) => {
            let (end, losses) = end_of(args, number)?;
            end_of_list(entry.list()?, end, losses)?
        }
        Footprint::Edge(edge_of) => {
            let (edge, losses) = edge_of(args)?;
            edge_of_set(entry.sorted_set()?, edge, losses)?
        }
        Footprint::Ends(trim_of) => Was::Ends(entry.stream()?.log.ends(trim_of(args)?)),
        Footprint::Named => named(entry, args)?,
    };
    let key = entry.key().into();
    Some(Part { db, key, was })
}

/// The elements that may be lost; none when these are a good part of the list.
fn end_of_list(list: &List, end: End, losses: usize) -> Option<Was> {
    if losses >= list.len() / 2 {
        return None;
    }
    let stays = list.len() - losses;
    let mut lost: Vec<Vec<u8>> = match end {
        End::Right => list.iter_back().take(losses).map(<[u8]>::to_vec).collect(),
        End::Left => list.iter_from(0).take(losses).map(<[u8]>::to_vec).collect(),
    };
    lost.reverse();
    Some(Was::End { end, stays, lost })
}

fn edge_of_set(set: &SortedSet, edge: Edge, losses: usize) -> Option<Was> {
    if losses >= set.len() / 2 {
        return None;
    }
    let ranks = match edge {
        Edge::Min => 0..losses,
        Edge::Max => set.len() - losses..set.len(),
    };
    let scores = set.range(ranks).map(|(member, score)| (member.into(), Some(score)));
    Some(Was::Scores(scores.collect()))
}

/// All that the words behind the key name, whether the command means them so or not.
fn named(entry: &Entry, args: Args<'_>) -> Option<Was> {
    let words = args.from(2);
    if let Some(hash) = entry.hash() {
        if hash.next_due().is_some() || words.len() >= hash.len() / 2 {
            return None;
        }
        let now = UnixMillis(0);
        let fields = words.map(|field| (field.into(), hash.get(field, now).map(Box::from)));
        return Some(Was::Fields(fields.collect()));
    }
    let set = entry.sorted_set()?;
    if words.len() >= set.len() / 2 {
        return None;
    }
    let scores = words.map(|member| (member.into(), set.score(member)));
    Some(Was::Scores(scores.collect()))
}

impl Part {
    /// Puts the part back; the value is as it was before the command, or another command has emptied it since.
    pub fn restore(self, space: &mut Keyspace) {
        let entry = space
            .db_mut(self.db)
            .get_mut(&self.key)
            .expect("what empties a value keeps the whole of it");
        match self.was {
            Was::End { end, stays, lost } => {
                let list = entry.list_mut().expect("what changed the type kept the whole value");
                list.drop_at(end, list.len().saturating_sub(stays));
                lost.iter().for_each(|item| list.push(end, item));
            }
            Was::Ends(ends) => {
                let stream = entry.stream_mut().expect("what changed the type kept the whole value");
                stream.log.restore_ends(ends);
            }
            Was::Fields(fields) => {
                let hash = entry.hash_mut().expect("what changed the type kept the whole value");
                fields
                    .into_iter()
                    .for_each(|(field, value)| put_field(hash, &field, value.as_deref()));
            }
            Was::Scores(scores) => {
                let set = entry
                    .sorted_set_mut()
                    .expect("what changed the type kept the whole value");
                for (member, score) in scores {
                    match score {
                        Some(score) => drop(set.set(&member, score, Limits::default())),
                        None => drop(set.remove(&member)),
                    }
                }
            }
        }
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
