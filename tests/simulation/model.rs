//! What the commands mean, on the simplest state there is: the reference for histories.

use std::collections::{BTreeMap, VecDeque};

use crate::mixed::Aside;
use crate::reply::Value;
use crate::streams::{self, Stream};

/// A script that runs its arguments as commands, and answers all their replies.
pub const COLLECTING: &str = "local r = {} for i, line in ipairs(ARGV) do local w = {} for word in string.gmatch(line, '%S+') do w[#w + 1] = word end r[i] = redis.pcall(unpack(w)) end return r";

/// As [`COLLECTING`], but that an error ends it.
pub const RAISING: &str = "local r = {} for i, line in ipairs(ARGV) do local w = {} for word in string.gmatch(line, '%S+') do w[#w + 1] = word end r[i] = redis.call(unpack(w)) end return r";

/// A command as the workload sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// A plain command.
    Plain(Vec<String>),
    /// MULTI, these commands, EXEC.
    Block(Vec<Vec<String>>),
}

impl Op {
    pub fn plain(line: &str) -> Op {
        Op::Plain(line.split(' ').map(str::to_owned).collect())
    }

    /// The bytes of the request.
    pub fn encode(&self) -> Vec<u8> {
        let encode = |words: &[String]| {
            let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
            words
                .iter()
                .for_each(|word| bytes.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes()));
            bytes
        };
        match self {
            Op::Plain(words) => encode(words),
            Op::Block(commands) => {
                let mut bytes = encode(&["MULTI".to_owned()]);
                commands.iter().for_each(|words| bytes.extend(encode(words)));
                bytes.extend(encode(&["EXEC".to_owned()]));
                bytes
            }
        }
    }

    /// How many replies it brings; the last is the result.
    pub fn replies(&self) -> usize {
        match self {
            Op::Plain(_) => 1,
            Op::Block(commands) => commands.len() + 2,
        }
    }

    /// The keys for which the command may wait.
    pub fn waits_for(&self) -> &[String] {
        match self {
            Op::Plain(words) => match words[0].as_str() {
                "BLPOP" | "BRPOP" | "BZPOPMIN" => &words[1..words.len() - 1],
                "BLMOVE" => &words[1..2],
                _ => &[],
            },
            Op::Block(_) => &[],
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stored {
    Text(String),
    List(VecDeque<String>),
    Stream(Stream),
    /// By scores, each of which is there once.
    Sorted(BTreeMap<u64, String>),
}

/// An element that was taken for a client which is gone: its key, whether it comes back at the left, and what it is.
pub type Owed = (String, bool, String);

/// All keys, what is still to be put back, and the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct State(pub BTreeMap<String, Stored>, pub Vec<Owed>, pub Aside);

fn ok() -> Value {
    Value::Simple("OK".into())
}

fn wrong_type() -> Value {
    Value::Error("WRONGTYPE Operation against a key holding the wrong kind of value".into())
}

impl State {
    /// Runs an operation; `None` when it would wait.
    pub fn apply(&mut self, client: usize, op: &Op) -> Option<Value> {
        match op {
            Op::Plain(words) if words[0] == "WATCH" => {
                self.watch(client, &words[1..]);
                Some(ok())
            }
            Op::Plain(words) if words[0] == "UNWATCH" => {
                self.unwatch(client);
                Some(ok())
            }
            Op::Plain(words) => self.command(words),
            Op::Block(_) if self.unwatch(client) => Some(Value::Nil),
            Op::Block(commands) => Some(Value::Array(
                commands
                    .iter()
                    .map(|words| self.command(words).unwrap_or(Value::Nil))
                    .collect(),
            )),
        }
    }

    /// This state after `op` has taken what `reply` tells for a client that turned out to be gone: it comes back some time later.
    pub fn owing(&self, op: &Op, reply: &Value) -> Option<State> {
        let (Op::Plain(words), Value::Array(items)) = (op, reply) else {
            return None;
        };
        let [Value::Bulk(key), Value::Bulk(item), ..] = &**items else {
            return None;
        };
        if !["BLPOP", "BRPOP", "BZPOPMIN"].contains(&&*words[0]) {
            return None;
        }
        let mut state = self.clone();
        state.1.push((key.clone(), words[0] == "BLPOP", item.clone()));
        Some(state)
    }

    /// The states in which one of the owed elements is back.
    pub fn paid(&self) -> impl Iterator<Item = State> + '_ {
        (0..self.1.len()).map(|at| {
            let mut state = self.clone();
            let (key, left, item) = state.1.remove(at);
            let words = match item.strip_prefix('m') {
                Some(score) => ["ZADD", &key, score, &item].map(str::to_owned).to_vec(),
                None => [if left { "LPUSH" } else { "RPUSH" }, &key, &item]
                    .map(str::to_owned)
                    .to_vec(),
            };
            state.command(&words);
            state
        })
    }

    /// Whether a wait of `op` may end without anything now.
    pub fn may_time_out(&self, op: &Op) -> bool {
        // What is asked is whether a read that finds nothing may answer that.
        matches!(op, Op::Plain(words) if words[0].starts_with("XREAD"))
            || !op.waits_for().is_empty()
                && op
                    .waits_for()
                    .iter()
                    .all(|key| !matches!(self.0.get(key), Some(Stored::List(_) | Stored::Sorted(_))))
    }

    fn command(&mut self, words: &[String]) -> Option<Value> {
        match words[0].as_str() {
            "EVAL" => Some(self.script(words)),
            _ => self.noting(words, |state| state.run(words)),
        }
    }

    fn run(&mut self, words: &[String]) -> Option<Value> {
        let word = |at: usize| words[at].as_str();
        Some(match word(0) {
            "SET" => {
                self.0.insert(words[1].clone(), Stored::Text(words[2].clone()));
                ok()
            }
            "GET" => self.get(word(1)),
            "INCR" => self.incr(word(1)),
            "MGET" => Value::Array(words[1..].iter().map(|key| self.get_text(key)).collect()),
            "MSET" => {
                words[1..]
                    .chunks(2)
                    .for_each(|pair| drop(self.0.insert(pair[0].clone(), Stored::Text(pair[1].clone()))));
                ok()
            }
            "DEL" => Value::Int(words[1..].iter().filter(|key| self.0.remove(*key).is_some()).count() as i64),
            "EXISTS" => Value::Int(words[1..].iter().filter(|key| self.0.contains_key(*key)).count() as i64),
            "RENAME" => match self.0.remove(word(1)) {
                None => Value::Error("ERR no such key".into()),
                Some(value) => {
                    self.0.insert(words[2].clone(), value);
                    ok()
                }
            },
            "FLUSHALL" => {
                self.0.clear();
                self.2.other.clear();
                ok()
            }
            "DBSIZE" => Value::Int(self.0.len() as i64),
            "LPUSH" | "RPUSH" => self.push(word(1), word(0) == "LPUSH", word(2)),
            "LPOP" | "RPOP" => self.pop(word(1), word(0) == "LPOP").unwrap_or_else(|error| error),
            "LLEN" => match self.0.get(word(1)) {
                None => Value::Int(0),
                Some(Stored::List(list)) => Value::Int(list.len() as i64),
                Some(_) => wrong_type(),
            },
            "LRANGE" => match self.0.get(word(1)) {
                None => Value::Array(Vec::new()),
                Some(Stored::List(list)) => Value::Array(list.iter().map(|item| Value::Bulk(item.clone())).collect()),
                Some(_) => wrong_type(),
            },
            "SORT" => self.sort(words),
            "LMOVE" => self.transfer(word(1), word(2)),
            "BLMOVE" => match self.transfer(word(1), word(2)) {
                Value::Nil => return None,
                moved => moved,
            },
            "BLPOP" | "BRPOP" => {
                for key in &words[1..words.len() - 1] {
                    match self.pop(key, word(0) == "BLPOP") {
                        Ok(Value::Nil) => {}
                        Ok(item) => return Some(Value::Array(vec![Value::Bulk(key.clone()), item])),
                        Err(error) => return Some(error),
                    }
                }
                return None;
            }
            "XREAD" | "XREADGROUP" => return streams::read(words, &mut self.0),
            name if name.starts_with('X') => streams::run(words, &mut self.0),
            _ => return self.mixed(words),
        })
    }

    /// A script of [`crate::workload`]: its arguments are commands.
    fn script(&mut self, words: &[String]) -> Value {
        let keys: usize = words[2].parse().expect("the number of keys");
        let raises = words[1] == RAISING;
        let mut replies = Vec::new();
        for line in &words[3 + keys..] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            match self.command(&words).unwrap_or(Value::Nil) {
                Value::Error(text) if raises => {
                    return Value::Error(format!("{text} script: on @user_script:1."));
                }
                reply => replies.push(reply),
            }
        }
        Value::Array(replies)
    }

    fn get(&self, key: &str) -> Value {
        match self.0.get(key) {
            Some(Stored::List(_)) => wrong_type(),
            _ => self.get_text(key),
        }
    }

    fn get_text(&self, key: &str) -> Value {
        match self.0.get(key) {
            Some(Stored::Text(text)) => Value::Bulk(text.clone()),
            _ => Value::Nil,
        }
    }

    fn incr(&mut self, key: &str) -> Value {
        let Value::Bulk(text) = self.get(key) else {
            if matches!(self.get(key), Value::Error(_)) {
                return wrong_type();
            }
            self.0.insert(key.into(), Stored::Text("1".into()));
            return Value::Int(1);
        };
        let Ok(number) = text.parse::<i64>() else {
            return Value::Error("ERR value is not an integer or out of range".into());
        };
        self.0.insert(key.into(), Stored::Text((number + 1).to_string()));
        Value::Int(number + 1)
    }

    /// SORT numbers BY nosort GET t* with GET # or STORE destination.
    fn sort(&mut self, words: &[String]) -> Value {
        let numbers = match self.0.get(&words[1]) {
            None => VecDeque::new(),
            Some(Stored::List(list)) => list.clone(),
            Some(_) => return wrong_type(),
        };
        let text = |number: &String| self.get_text(&format!("t{number}"));
        if words[6] == "GET" {
            let pair = |number: &String| [text(number), Value::Bulk(number.clone())];
            return Value::Array(numbers.iter().flat_map(pair).collect());
        }
        let stored: VecDeque<String> = numbers
            .iter()
            .map(|number| match text(number) {
                Value::Bulk(text) => text,
                _ => String::new(),
            })
            .collect();
        let len = stored.len();
        self.0.remove(&words[7]);
        if len > 0 {
            self.0.insert(words[7].clone(), Stored::List(stored));
        }
        Value::Int(len as i64)
    }

    fn push(&mut self, key: &str, left: bool, item: &str) -> Value {
        let stored = self
            .0
            .entry(key.into())
            .or_insert_with(|| Stored::List(VecDeque::new()));
        let Stored::List(list) = stored else {
            return wrong_type();
        };
        if left {
            list.push_front(item.into())
        } else {
            list.push_back(item.into())
        }
        Value::Int(list.len() as i64)
    }

    fn pop(&mut self, key: &str, left: bool) -> Result<Value, Value> {
        let list = match self.0.get_mut(key) {
            None => return Ok(Value::Nil),
            Some(Stored::List(list)) => list,
            Some(_) => return Err(wrong_type()),
        };
        let item = if left { list.pop_front() } else { list.pop_back() };
        if list.is_empty() {
            self.0.remove(key);
        }
        Ok(item.map_or(Value::Nil, Value::Bulk))
    }

    /// LMOVE source destination RIGHT LEFT.
    fn transfer(&mut self, source: &str, destination: &str) -> Value {
        match (self.0.get(source), self.0.get(destination)) {
            (None, _) => return Value::Nil,
            (Some(Stored::Text(_)), _) | (_, Some(Stored::Text(_))) => return wrong_type(),
            _ => {}
        }
        let item = self.pop(source, false).expect("the source is a list");
        let Value::Bulk(text) = &item else {
            unreachable!("a stored list is not empty")
        };
        self.push(destination, true, text);
        item
    }
}
