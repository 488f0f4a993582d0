//! Operations on everything at once: WATCH, expiry, two databases that are exchanged, sorted sets, streams, blocking commands inside of transactions and
//! scripts. And what they mean, as far as it goes beyond one keyspace of lists and strings.

use std::collections::{BTreeMap, BTreeSet};

use corelane::base::rng::Rng;

use crate::model::{COLLECTING, Op, RAISING, State, Stored};
use crate::reply::Value;
use crate::workload;

/// Sorted sets that the workload uses.
pub const SORTED: u64 = 2;

/// What a client watches, and whether any of it has changed.
type Watched = (BTreeSet<String>, bool);

/// What a state has besides the keys of database 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Aside {
    /// The keys of database 1.
    pub other: BTreeMap<String, Stored>,
    /// Keys that expire at some time, of either database.
    mortal: [BTreeSet<String>; 2],
    watches: BTreeMap<usize, Watched>,
}

fn key(rng: &mut Rng) -> String {
    match rng.below(5) {
        0 | 1 => format!("t{}", rng.below(4)),
        2 | 3 => format!("l{}", rng.below(4)),
        _ => format!("z{}", rng.below(SORTED)),
    }
}

fn sorted(rng: &mut Rng) -> String {
    format!("z{}", rng.below(SORTED))
}

fn list(rng: &mut Rng) -> String {
    format!("l{}", rng.below(4))
}

fn command(rng: &mut Rng, serial: &mut u64) -> String {
    *serial += 1;
    let value = *serial;
    match rng.below(30) {
        0..=2 => format!("ZADD {} {value} m{value}", sorted(rng)),
        3 => format!("ZPOPMIN {}", sorted(rng)),
        4 => format!("ZCARD {}", sorted(rng)),
        5 | 6 => format!("PEXPIRE {} {}", key(rng), 1 + rng.below(3)),
        7 => format!("PERSIST {}", key(rng)),
        8 if rng.chance(1, 2) => "SWAPDB 0 1".into(),
        9 => format!("MOVE {} 1", key(rng)),
        10 => format!("DEL {} {}", key(rng), key(rng)),
        11 => crate::streams::command(rng, serial),
        // How many keys there are depends on when those that have expired are removed.
        _ => loop {
            let line = workload::command(rng, serial);
            if line != "DBSIZE" {
                return line;
            }
        },
    }
}

/// A command that waits, or would, were it not in a transaction or a script.
fn blocking(rng: &mut Rng) -> String {
    let timeout = if rng.chance(1, 3) { "0.001" } else { "0.02" };
    match rng.below(4) {
        0 => format!("BLPOP {} {timeout}", list(rng)),
        1 => format!("BRPOP {} {} {} {timeout}", list(rng), list(rng), list(rng)),
        2 => format!("BLMOVE {} {} RIGHT LEFT {timeout}", list(rng), list(rng)),
        _ => format!("BZPOPMIN {} {} {timeout}", sorted(rng), sorted(rng)),
    }
}

fn inner(rng: &mut Rng, serial: &mut u64) -> String {
    if rng.chance(1, 8) {
        blocking(rng)
    } else {
        command(rng, serial)
    }
}

/// A script of some commands, which declares some of their keys, all, or none.
fn script(rng: &mut Rng, serial: &mut u64) -> Vec<String> {
    let commands: Vec<String> = (0..1 + rng.below(4)).map(|_| inner(rng, serial)).collect();
    let declares = rng.below(3);
    let mut keys: Vec<&str> = commands.iter().flat_map(|line| line.split(' ').skip(1)).collect();
    keys.retain(|word| {
        word.len() == 2
            && word.starts_with(['t', 'l', 'z', 's'])
            && (declares == 2 || declares == 1 && rng.chance(1, 2))
    });
    let text = if rng.chance(1, 2) { COLLECTING } else { RAISING };
    let head = ["EVAL".to_owned(), text.to_owned(), keys.len().to_string()];
    let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
    head.into_iter().chain(keys).chain(commands).collect()
}

/// An operation, which may wait.
pub fn operation(rng: &mut Rng, serial: &mut u64) -> Op {
    match rng.below(16) {
        0..=2 => Op::plain(&blocking(rng)),
        3 | 4 => Op::plain(&format!("WATCH {} {}", key(rng), key(rng))),
        5 if rng.chance(1, 4) => Op::plain("UNWATCH"),
        5..=7 => {
            let count = 1 + rng.below(3);
            let mut command = || match rng.below(6) {
                0 => script(rng, serial),
                _ => inner(rng, serial).split(' ').map(str::to_owned).collect(),
            };
            Op::Block((0..count).map(|_| command()).collect())
        }
        8 | 9 => Op::Plain(script(rng, serial)),
        10 => crate::streams::operation(rng, serial),
        _ => Op::plain(&command(rng, serial)),
    }
}

impl State {
    /// WATCH.
    pub fn watch(&mut self, client: usize, keys: &[String]) {
        let (watched, _) = self.2.watches.entry(client).or_default();
        watched.extend(keys.iter().cloned());
    }

    /// Forgets what a client watches; answers whether any of it has changed.
    pub fn unwatch(&mut self, client: usize) -> bool {
        self.2.watches.remove(&client).is_some_and(|(_, changed)| changed)
    }

    /// The states in which one of the keys that expire at some time is gone.
    pub fn expired(&self) -> impl Iterator<Item = State> + '_ {
        let keys = (0..2).flat_map(|db| self.2.mortal[db].iter().map(move |key| (db, key)));
        keys.map(|(db, key)| {
            let mut state = self.clone();
            state.2.mortal[db].remove(key);
            if db == 0 {
                state.0.remove(key);
                state.changed(key);
            } else {
                state.2.other.remove(key);
            }
            state
        })
    }

    fn changed(&mut self, key: &str) {
        for (watched, changed) in self.2.watches.values_mut() {
            *changed |= watched.contains(key);
        }
    }

    /// Runs `command`, and notes what of it watchers see and what it means for the times at which keys expire.
    pub fn noting(&mut self, words: &[String], command: impl FnOnce(&mut State) -> Option<Value>) -> Option<Value> {
        let before = self.0.clone();
        let result = command(self);
        match words[0].as_str() {
            "SET" | "MSET" => words[1..].chunks(2).for_each(|pair| {
                self.2.mortal[0].remove(&pair[0]);
            }),
            "RENAME" if words[1] != words[2] && before.contains_key(&words[1]) => {
                let mortal = self.2.mortal[0].remove(&words[1]);
                self.2.mortal[0].remove(&words[2]);
                if mortal {
                    self.2.mortal[0].insert(words[2].clone());
                }
                // Even when the values are alike.
                self.changed(&words[2]);
            }
            "SORT" if words[6] == "STORE" && matches!(result, Some(Value::Int(_))) => {
                self.2.mortal[0].remove(&words[7]);
                if before.contains_key(&words[7]) || self.0.contains_key(&words[7]) {
                    self.changed(&words[7]);
                }
            }
            // The element of a list of one, moved to where it is.
            "LMOVE" | "BLMOVE" if words[1] == words[2] && before.contains_key(&words[1]) => self.changed(&words[1]),
            _ => {}
        }
        if before != self.0 {
            let keys: BTreeSet<&String> = before.keys().chain(self.0.keys()).collect();
            let differs = |key: &&&String| before.get(**key) != self.0.get(**key);
            let differing: Vec<String> = keys.iter().filter(differs).map(|key| (*key).clone()).collect();
            differing.iter().for_each(|key| self.changed(key));
        }
        let State(here, _, aside) = self;
        aside.mortal[0].retain(|key| here.contains_key(key));
        aside.mortal[1].retain(|key| aside.other.contains_key(key));
        result
    }

    /// Commands that the plain workload does not have.
    pub fn mixed(&mut self, words: &[String]) -> Option<Value> {
        let word = |at: usize| words[at].as_str();
        let count = |yes: bool| Value::Int(i64::from(yes));
        Some(match word(0) {
            "PEXPIRE" if self.0.contains_key(word(1)) => {
                self.2.mortal[0].insert(words[1].clone());
                self.changed(word(1));
                count(true)
            }
            "PEXPIRE" => count(false),
            "PERSIST" => {
                let mortal = self.2.mortal[0].remove(word(1));
                if mortal {
                    self.changed(word(1));
                }
                count(mortal)
            }
            "SWAPDB" => {
                let keys: BTreeSet<String> = self.0.keys().chain(self.2.other.keys()).cloned().collect();
                keys.iter().for_each(|key| self.changed(key));
                std::mem::swap(&mut self.0, &mut self.2.other);
                self.2.mortal.swap(0, 1);
                Value::Simple("OK".into())
            }
            "MOVE" if self.2.other.contains_key(word(1)) => count(false),
            "MOVE" => match self.0.remove(word(1)) {
                Some(value) => {
                    self.2.other.insert(words[1].clone(), value);
                    if self.2.mortal[0].remove(word(1)) {
                        self.2.mortal[1].insert(words[1].clone());
                    }
                    count(true)
                }
                None => count(false),
            },
            // All that expires has expired.
            "ECHO" => {
                for key in std::mem::take(&mut self.2.mortal[0]) {
                    self.0.remove(&key);
                }
                Value::Bulk(words[1].clone())
            }
            "ZADD" => {
                let stored = self.0.entry(words[1].clone());
                let stored = stored.or_insert_with(|| Stored::Sorted(BTreeMap::new()));
                let Stored::Sorted(members) = stored else {
                    unreachable!("keys are named after their types")
                };
                let score = words[2].parse().expect("scores are numbers");
                count(members.insert(score, words[3].clone()).is_none())
            }
            "ZCARD" => Value::Int(self.members(word(1)) as i64),
            "ZPOPMIN" => Value::Array(self.pop_least(word(1)).unwrap_or_default()),
            "BZPOPMIN" => {
                let keys = &words[1..words.len() - 1];
                let key = keys.iter().find(|key| self.members(key) > 0)?;
                let mut reply = vec![Value::Bulk(key.clone())];
                reply.extend(self.pop_least(key)?);
                Value::Array(reply)
            }
            other => panic!("the model does not know {other}"),
        })
    }

    fn members(&self, key: &str) -> usize {
        match self.0.get(key) {
            Some(Stored::Sorted(members)) => members.len(),
            _ => 0,
        }
    }

    fn pop_least(&mut self, key: &str) -> Option<Vec<Value>> {
        let Some(Stored::Sorted(members)) = self.0.get_mut(key) else {
            return None;
        };
        let (score, member) = members.pop_first()?;
        if members.is_empty() {
            self.0.remove(key);
        }
        Some(vec![Value::Bulk(member), Value::Bulk(score.to_string())])
    }
}
