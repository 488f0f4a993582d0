//! Directives that take one of several names, as enums, and those whose words have a form of their own.

use super::value::{Typed, Value, ValueError, bytes};
use crate::base::number;

macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The names, in the order of the variants.
            pub const NAMES: &'static [&'static str] = &[$($text),*];
        }

        impl Typed for $name {
            fn value(&self) -> Value {
                Value::Choice(*self as usize)
            }

            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::Choice(at) => Self::ALL.get(at).copied(),
                    _ => None,
                }
            }
        }
    };
}

choices! {
    /// Who may use something.
    Toggle {
        /// Nobody.
        No = "no",
        /// Everybody.
        Yes = "yes",
        /// Local connections.
        Local = "local",
    }
}

choices! {
    /// How much is logged.
    LogLevel {
        /// Everything, for developers.
        Debug = "debug",
        /// Much that is rarely useful.
        Verbose = "verbose",
        /// What an operator wants to know.
        Notice = "notice",
        /// Only what needs action.
        Warning = "warning",
        /// Nothing.
        Nothing = "nothing",
    }
}

choices! {
    /// What is evicted at the memory limit.
    EvictionPolicy {
        /// Least recently used among keys that expire.
        VolatileLru = "volatile-lru",
        /// Least frequently used among keys that expire.
        VolatileLfu = "volatile-lfu",
        /// Any key that expires.
        VolatileRandom = "volatile-random",
        /// What expires soonest.
        VolatileTtl = "volatile-ttl",
        /// Least recently used.
        AllkeysLru = "allkeys-lru",
        /// Least frequently used.
        AllkeysLfu = "allkeys-lfu",
        /// Any key.
        AllkeysRandom = "allkeys-random",
        /// Nothing: writes are refused.
        NoEviction = "noeviction",
    }
}

impl EvictionPolicy {
    /// Whether access frequency is kept instead of access time.
    pub fn is_lfu(self) -> bool {
        matches!(self, EvictionPolicy::VolatileLfu | EvictionPolicy::AllkeysLfu)
    }

    /// Whether only keys that expire are evicted.
    pub fn is_volatile(self) -> bool {
        use EvictionPolicy::{VolatileLfu, VolatileLru, VolatileRandom, VolatileTtl};
        matches!(self, VolatileLru | VolatileLfu | VolatileRandom | VolatileTtl)
    }
}

choices! {
    /// When what was written to the log must reach the disk.
    SyncPolicy {
        /// Once a second.
        EverySecond = "everysec",
        /// Before the reply.
        Always = "always",
        /// When the kernel likes.
        Never = "no",
    }
}

/// The letters of `notify-keyspace-events`: classes that `A` stands for, then the others.
const EVENT_LETTERS: &str = "g$lshzxetdnKEm";
const ALL_CLASSES: u16 = 0b11_1111_1111;
const KEYSPACE: u16 = 1 << 11;
const KEYEVENT: u16 = 1 << 12;

/// Which keyspace events are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotifyEvents(u16);

impl NotifyEvents {
    /// Whether `letter` was given, alone or by `A`.
    pub fn has(self, letter: char) -> bool {
        EVENT_LETTERS.find(letter).is_some_and(|bit| self.0 >> bit & 1 == 1)
    }

    /// Whether events of the class with this letter's place among all letters are published: by a channel (`K` or `E`) and the class.
    #[inline]
    pub fn takes(self, place: u8) -> bool {
        self.0 >> place & 1 == 1 && self.is_on()
    }

    /// Whether there is a channel for events.
    #[inline]
    pub fn is_on(self) -> bool {
        self.0 & (KEYSPACE | KEYEVENT) != 0
    }

    /// Whether they are published by the channel of the key.
    pub fn by_key(self) -> bool {
        self.0 & KEYSPACE != 0
    }

    /// Whether they are published by the channel of the event.
    pub fn by_event(self) -> bool {
        self.0 & KEYEVENT != 0
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        let mut bits = 0;
        for letter in text.chars() {
            bits |= match (letter, EVENT_LETTERS.find(letter)) {
                ('A', _) => ALL_CLASSES,
                (_, Some(bit)) => 1 << bit,
                (_, None) => {
                    return Err(ValueError::Own("Invalid event class character. Use 'Ag$lshzxeKEtmdn'."));
                }
            };
        }
        Ok(NotifyEvents(bits))
    }

    fn text(self) -> String {
        let all = self.0 & ALL_CLASSES == ALL_CLASSES;
        let classes = if all { "A" } else { "g$lshzxetdn" };
        let shown = |letter: &char| *letter == 'A' || self.has(*letter);
        classes.chars().chain("KEm".chars()).filter(shown).collect()
    }
}

impl Typed for NotifyEvents {
    fn value(&self) -> Value {
        Value::Words(vec![self.text()])
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Words(words) => NotifyEvents::parse(&words.concat()).ok(),
            _ => None,
        }
    }
}

/// Checks `notify-keyspace-events`; the letters stay as they are, since what CONFIG GET answers does not tell `n` beside `A`.
pub fn notify_events(words: &[&str]) -> Result<Vec<String>, ValueError> {
    match words {
        [] => Ok(vec![String::new()]),
        [letters] => NotifyEvents::parse(letters).map(|_| vec![(*letters).to_owned()]),
        _ => Err(ValueError::WordCount),
    }
}

/// How much may wait for a client that does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimit {
    /// Closed at once above so many bytes; 0: never.
    pub hard_bytes: u64,
    /// Closed above so many bytes for [`OutputLimit::soft_s`]; 0: never.
    pub soft_bytes: u64,
    /// Seconds.
    pub soft_s: u64,
}

/// The limits by class of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimits {
    /// Ordinary clients, MONITOR included.
    pub normal: OutputLimit,
    /// Replicas.
    pub replica: OutputLimit,
    /// Subscribers.
    pub pubsub: OutputLimit,
}

/// What all clients may take together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientsLimit {
    /// So many bytes; 0: no limit.
    Bytes(u64),
    /// So many hundredths of `maxmemory`; no limit without that.
    Percent(u64),
}

/// No limit is lower, so that the server can always be asked.
const CLIENTS_BYTES_MIN: u64 = 128 << 10;

impl Default for ClientsLimit {
    fn default() -> Self {
        ClientsLimit::Bytes(0)
    }
}

impl ClientsLimit {
    /// The limit in bytes, if there is one.
    pub fn bytes(self, maxmemory_bytes: u64) -> Option<u64> {
        let bytes = match self {
            ClientsLimit::Bytes(bytes) => bytes,
            ClientsLimit::Percent(_) if maxmemory_bytes == 0 => 0,
            ClientsLimit::Percent(percent) => {
                let hundredths = u128::from(maxmemory_bytes) * u128::from(percent);
                // A part of a number of 64 bits, but for what is no percentage.
                u64::try_from(hundredths / 100).unwrap_or(u64::MAX).max(1)
            }
        };
        (bytes > 0).then_some(bytes.max(CLIENTS_BYTES_MIN))
    }
}

impl Typed for ClientsLimit {
    fn value(&self) -> Value {
        Value::Text(match self {
            ClientsLimit::Bytes(bytes) => bytes.to_string(),
            ClientsLimit::Percent(percent) => format!("{percent}%"),
        })
    }

    fn from_value(value: Value) -> Option<Self> {
        let Value::Text(text) = value else { return None };
        match text.strip_suffix('%') {
            Some("0") => Some(ClientsLimit::Bytes(0)),
            Some(percent) => percent.parse().ok().map(ClientsLimit::Percent),
            None => text.parse().ok().map(ClientsLimit::Bytes),
        }
    }
}

impl Default for OutputLimits {
    fn default() -> Self {
        let limit = |hard_bytes, soft_bytes, soft_s| OutputLimit {
            hard_bytes,
            soft_bytes,
            soft_s,
        };
        OutputLimits {
            normal: limit(0, 0, 0),
            replica: limit(256 << 20, 64 << 20, 60),
            pubsub: limit(32 << 20, 8 << 20, 60),
        }
    }
}

impl OutputLimits {
    /// The limits as words, every class.
    pub fn words(&self) -> Vec<String> {
        let classes = [
            ("normal", self.normal),
            ("slave", self.replica),
            ("pubsub", self.pubsub),
        ];
        let class = |(name, limit): (&str, OutputLimit)| {
            let numbers = [limit.hard_bytes, limit.soft_bytes, limit.soft_s].map(|number| number.to_string());
            [vec![name.to_owned()], numbers.to_vec()].concat()
        };
        classes.into_iter().flat_map(class).collect()
    }

    /// Sets the classes that checked words name.
    pub fn merge(&mut self, words: &[String]) {
        for class in words.chunks_exact(4) {
            let number = |at: usize| class[at].parse().unwrap_or(0);
            let limit = OutputLimit {
                hard_bytes: number(1),
                soft_bytes: number(2),
                soft_s: number(3),
            };
            match class[0].as_str() {
                "normal" => self.normal = limit,
                "slave" => self.replica = limit,
                _ => self.pubsub = limit,
            }
        }
    }
}

/// Checks `client-output-buffer-limit`; sizes become bytes, and a replica is called as CONFIG GET calls it.
pub fn output_limits(words: &[&str]) -> Result<Vec<String>, ValueError> {
    if !words.len().is_multiple_of(4) {
        return Err(ValueError::Own(
            "Wrong number of arguments in buffer limit configuration.",
        ));
    }
    let mut checked = Vec::new();
    for class in words.chunks_exact(4) {
        let name = match class[0].to_ascii_lowercase().as_str() {
            "normal" => "normal",
            "slave" | "replica" => "slave",
            "pubsub" => "pubsub",
            _ => {
                return Err(ValueError::Own(
                    "Invalid client class specified in buffer limit configuration.",
                ));
            }
        };
        let seconds = number::parse_i64(class[3].as_bytes()).and_then(|seconds| u64::try_from(seconds).ok());
        let (Some(hard), Some(soft), Some(seconds)) = (bytes(class[1]), bytes(class[2]), seconds) else {
            return Err(ValueError::Own(
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
            ));
        };
        checked.push(name.to_owned());
        checked.extend([hard, soft, seconds].map(|number| number.to_string()));
    }
    Ok(checked)
}

/// Checks `save`: pairs of seconds and changes.
pub fn save_points(words: &[&str]) -> Result<Vec<String>, ValueError> {
    let least = |at: usize| i64::from(at.is_multiple_of(2));
    let fits = |(at, word): (usize, &&str)| {
        number::parse_i64(word.as_bytes()).is_some_and(|number| number >= least(at) && i32::try_from(number).is_ok())
    };
    if !words.len().is_multiple_of(2) || !words.iter().enumerate().all(fits) {
        return Err(ValueError::Own("Invalid save parameters"));
    }
    Ok(words.iter().map(|&word| word.to_owned()).collect())
}

/// Checks `oom-score-adj-values`.
pub fn oom_scores(words: &[&str]) -> Result<Vec<String>, ValueError> {
    if words.len() != 3 {
        return Err(ValueError::WordCount);
    }
    let fits = |word: &&str| number::parse_i64(word.as_bytes()).is_some_and(|score| (-2000..=2000).contains(&score));
    if !words.iter().all(fits) {
        return Err(ValueError::Own(
            "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
        ));
    }
    Ok(words.iter().map(|&word| word.to_owned()).collect())
}

/// Checks `latency-tracking-info-percentiles`.
pub fn percentiles(words: &[&str]) -> Result<Vec<String>, ValueError> {
    for word in words {
        let percentile = number::parse_f64(word.as_bytes())
            .ok_or(ValueError::Own("Invalid latency-tracking-info-percentiles parameters"))?;
        if !(0.0..=100.0).contains(&percentile) {
            return Err(ValueError::Own(
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
            ));
        }
    }
    Ok(words.iter().map(|&word| word.to_owned()).collect())
}

/// Checks `replicaof`: nothing, `no one`, or a host and a port, which may come as one word of the command line.
pub fn primary(words: &[&str]) -> Result<Vec<String>, ValueError> {
    match words {
        [both] if both.contains(' ') => primary(&both.split_whitespace().collect::<Vec<_>>()),
        [] => Ok(Vec::new()),
        [no, one] if no.eq_ignore_ascii_case("no") && one.eq_ignore_ascii_case("one") => Ok(Vec::new()),
        [host, port] => match port.parse::<u16>() {
            Ok(port) => Ok(vec![(*host).to_owned(), port.to_string()]),
            Err(_) => Err(ValueError::Own("Invalid primary port")),
        },
        _ => Err(ValueError::WordCount),
    }
}
