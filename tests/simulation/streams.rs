//! Streams with one group `g`: what their commands mean, and random ones. Ids are `N-1`.

use std::collections::BTreeMap;

use corelane::base::rng::Rng;

use crate::model::{Op, Stored};
use crate::reply::Value;

/// Streams that the workload uses.
pub const STREAMS: u64 = 3;

/// A stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stream {
    last: u64,
    entries: BTreeMap<u64, String>,
    group: Option<Group>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Group {
    last: u64,
    /// The consumer who has each entry.
    pending: BTreeMap<u64, String>,
}

fn stream(rng: &mut Rng) -> String {
    format!("s{}", rng.below(STREAMS))
}

/// A command that does not wait.
pub fn command(rng: &mut Rng, serial: &mut u64) -> String {
    *serial += 1;
    let value = *serial;
    let earlier = |rng: &mut Rng| value - rng.below(value.min(12));
    match rng.below(20) {
        0..=6 => format!("XADD {} {value}-1 v {value}", stream(rng)),
        7 => format!("XLEN {}", stream(rng)),
        8 => format!("XDEL {} {}-1", stream(rng), earlier(rng)),
        9 => format!("XRANGE {} - +", stream(rng)),
        10 | 11 => format!("XGROUP CREATE {} g 0 MKSTREAM", stream(rng)),
        12 => format!("XGROUP DESTROY {} g", stream(rng)),
        13 | 14 => format!("XACK {} g {}-1 {}-1", stream(rng), earlier(rng), earlier(rng)),
        15 | 16 => format!("XPENDING {} g", stream(rng)),
        17 => format!("DEL {} {}", stream(rng), stream(rng)),
        18 => format!("RENAME {} {}", stream(rng), stream(rng)),
        _ => format!("XREADGROUP GROUP g c COUNT 2 STREAMS {} >", stream(rng)),
    }
}

/// An operation, which may wait.
pub fn operation(rng: &mut Rng, serial: &mut u64) -> Op {
    let timeout = if rng.chance(1, 3) { 1 } else { 20 };
    let consumer = if rng.chance(1, 2) { "ann" } else { "bob" };
    let (one, other) = (rng.below(STREAMS), rng.below(STREAMS - 1));
    // Each stream once: what a stream read twice means is of no interest.
    let other = if other >= one { other + 1 } else { other };
    let after = *serial - rng.below((*serial).min(6) + 1);
    match rng.below(10) {
        0 => Op::plain(&format!("XREAD COUNT 2 BLOCK {timeout} STREAMS s{one} {after}-1")),
        1 => Op::plain(&format!(
            "XREAD COUNT 1 BLOCK {timeout} STREAMS s{one} s{other} {after}-1 {after}-1"
        )),
        2 | 3 => Op::plain(&format!(
            "XREADGROUP GROUP g {consumer} COUNT 1 BLOCK {timeout} STREAMS s{one} >"
        )),
        4 => Op::plain(&format!(
            "XREADGROUP GROUP g {consumer} COUNT 1 BLOCK {timeout} STREAMS s{one} s{other} > >"
        )),
        5 => {
            let commands = (0..1 + rng.below(3)).map(|_| command(rng, serial).split(' ').map(str::to_owned).collect());
            Op::Block(commands.collect())
        }
        _ => Op::plain(&command(rng, serial)),
    }
}

/// The words of the keys of XREAD and XREADGROUP.
fn read_keys(words: &[String]) -> &[String] {
    let first = words
        .iter()
        .position(|word| word == "STREAMS")
        .map_or(words.len(), |at| at + 1);
    &words[first..first + (words.len() - first) / 2]
}

fn number(id: &str) -> u64 {
    id.trim_end_matches("-1").parse().expect("ids are numbers")
}

fn id(number: u64) -> Value {
    Value::Bulk(format!("{number}-1"))
}

fn entry((&at, value): (&u64, &String)) -> Value {
    let pair = [Value::Bulk("v".into()), Value::Bulk(value.clone())];
    Value::Array(vec![id(at), Value::Array(pair.to_vec())])
}

impl Stream {
    /// Runs a command on a stream that is there.
    fn command(&mut self, words: &[String]) -> Value {
        let word = |at: usize| words[at].as_str();
        match word(0) {
            "XADD" if number(word(2)) <= self.last => {
                let text = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
                Value::Error(text.into())
            }
            "XADD" => {
                self.last = number(word(2));
                self.entries.insert(self.last, words[4].clone());
                id(self.last)
            }
            "XLEN" => Value::Int(self.entries.len() as i64),
            "XDEL" => Value::Int(i64::from(self.entries.remove(&number(word(2))).is_some())),
            "XRANGE" => Value::Array(self.entries.iter().map(entry).collect()),
            "XACK" => {
                let Some(group) = &mut self.group else {
                    return Value::Int(0);
                };
                let acknowledged = words[3..]
                    .iter()
                    .filter(|id| group.pending.remove(&number(id)).is_some());
                Value::Int(acknowledged.count() as i64)
            }
            "XGROUP" if word(1) == "DESTROY" => Value::Int(i64::from(self.group.take().is_some())),
            "XGROUP" if self.group.is_some() => Value::Error("BUSYGROUP Consumer Group name already exists".into()),
            "XGROUP" => {
                self.group = Some(Group::default());
                Value::Simple("OK".into())
            }
            "XPENDING" => self
                .group
                .as_ref()
                .map_or_else(|| no_group(word(1), ""), Group::summary),
            other => panic!("the model does not know {other}"),
        }
    }

    /// What a command answers for a stream that is not there.
    fn missing(words: &[String]) -> Value {
        match words[0].as_str() {
            "XRANGE" => Value::Array(Vec::new()),
            "XPENDING" => no_group(&words[1], ""),
            "XGROUP" => Value::Error(
                "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.".into(),
            ),
            _ => Value::Int(0),
        }
    }

    fn behind(&self, after: u64, count: usize) -> Vec<Value> {
        self.entries.range(after + 1..).take(count).map(entry).collect()
    }

    fn deliver(&mut self, consumer: &str, count: usize) -> Vec<Value> {
        let group = self.group.as_mut().expect("the group was just found");
        let found: Vec<u64> = self
            .entries
            .range(group.last + 1..)
            .take(count)
            .map(|(at, _)| *at)
            .collect();
        let entries = found.iter().map(|at| entry((at, &self.entries[at]))).collect();
        for at in found {
            group.last = at;
            group.pending.insert(at, consumer.into());
        }
        entries
    }
}

impl Group {
    fn summary(&self) -> Value {
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        self.pending
            .values()
            .for_each(|consumer| *counts.entry(consumer).or_default() += 1);
        let (Some((first, _)), Some((last, _))) = (self.pending.first_key_value(), self.pending.last_key_value())
        else {
            return Value::Array(vec![Value::Int(0), Value::Nil, Value::Nil, Value::Nil]);
        };
        let counts = counts
            .into_iter()
            .map(|(consumer, count)| Value::Array(vec![Value::Bulk(consumer.into()), Value::Bulk(count.to_string())]));
        let counts = Value::Array(counts.collect());
        Value::Array(vec![
            Value::Int(self.pending.len() as i64),
            id(*first),
            id(*last),
            counts,
        ])
    }
}

fn no_group(key: &str, end: &str) -> Value {
    Value::Error(format!("NOGROUP No such key '{key}' or consumer group 'g'{end}"))
}

fn find<'k>(keys: &'k mut BTreeMap<String, Stored>, key: &str) -> Option<&'k mut Stream> {
    match keys.get_mut(key) {
        Some(Stored::Stream(stream)) => Some(stream),
        _ => None,
    }
}

/// Runs a command on one stream, which some make.
pub fn run(words: &[String], keys: &mut BTreeMap<String, Stored>) -> Value {
    let key = &words[if words[0] == "XGROUP" { 2 } else { 1 }];
    let makes = words[0] == "XADD" || words[1] == "CREATE";
    if makes && !keys.contains_key(key) {
        keys.insert(key.clone(), Stored::Stream(Stream::default()));
    }
    match find(keys, key) {
        Some(stream) => stream.command(words),
        None => Stream::missing(words),
    }
}

/// Runs XREAD or XREADGROUP; `None` when there is nothing.
pub fn read(words: &[String], stored: &mut BTreeMap<String, Stored>) -> Option<Value> {
    let option = |name: &str| {
        words
            .iter()
            .position(|word| word == name)
            .map(|at| words[at + 1].as_str())
    };
    let count = option("COUNT").map_or(usize::MAX, |count| count.parse().expect("counts are numbers"));
    let keys = read_keys(words);
    let in_group = words[0] == "XREADGROUP";
    if in_group {
        let mut lacks = |key: &String| find(stored, key).is_none_or(|stream| stream.group.is_none());
        if let Some(key) = keys.iter().find(|key| lacks(key)) {
            return Some(no_group(key, " in XREADGROUP with GROUP option"));
        }
    }
    let mut served = Vec::new();
    for (key, after) in keys.iter().zip(&words[words.len() - keys.len()..]) {
        let Some(stream) = find(stored, key) else { continue };
        let entries = if in_group {
            stream.deliver(&words[3], count)
        } else {
            stream.behind(number(after), count)
        };
        if !entries.is_empty() {
            served.push(Value::Array(vec![Value::Bulk(key.clone()), Value::Array(entries)]));
        }
    }
    (!served.is_empty()).then_some(Value::Array(served))
}
