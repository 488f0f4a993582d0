//! Where a command's keys stand among its words, and what it does to them (Valkey's key specifications).

use super::args::Args;

/// What a command does to a key, as COMMAND INFO tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFlags(pub u16);

impl KeyFlags {
    /// Reads the value only.
    pub const RO: u16 = 1;
    /// Reads and modifies.
    pub const RW: u16 = 1 << 1;
    /// Overwrites without reading.
    pub const OW: u16 = 1 << 2;
    /// Removes the key.
    pub const RM: u16 = 1 << 3;
    /// Returns, copies or uses the user data.
    pub const ACCESS: u16 = 1 << 4;
    /// Updates data, the new value may depend on the old.
    pub const UPDATE: u16 = 1 << 5;
    /// Adds data, keeps the old.
    pub const INSERT: u16 = 1 << 6;
    /// Deletes data explicitly.
    pub const DELETE: u16 = 1 << 7;
    /// Not a key although it routes like one (shard channels).
    pub const NOT_KEY: u16 = 1 << 8;
    /// The specification may miss keys.
    pub const INCOMPLETE: u16 = 1 << 9;
    /// The flags depend on the arguments.
    pub const VARIABLE: u16 = 1 << 10;

    /// Their names, in the order of Valkey's reply.
    pub const NAMES: [(u16, &'static str); 11] = [
        (Self::RO, "RO"),
        (Self::RW, "RW"),
        (Self::OW, "OW"),
        (Self::RM, "RM"),
        (Self::ACCESS, "access"),
        (Self::UPDATE, "update"),
        (Self::INSERT, "insert"),
        (Self::DELETE, "delete"),
        (Self::NOT_KEY, "not_key"),
        (Self::INCOMPLETE, "incomplete"),
        (Self::VARIABLE, "variable_flags"),
    ];

    /// Whether all of `bits` are set.
    pub const fn has(self, bits: u16) -> bool {
        self.0 & bits == bits
    }
}

/// Where the search for keys begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At a fixed word.
    Index(u8),
    /// After the first word that equals this one, searched from word `.1` (negative: from the end).
    Keyword(&'static str, i8),
    /// After the last of two options, of which a word follows, if that is `word` and not its `rival`.
    Option {
        word: &'static str,
        rival: &'static str,
        /// Where options are looked for.
        from: u8,
        /// Where COMMAND INFO says that they begin.
        told: u8,
    },
    /// After the last option `word`; the options in `others` have so many words behind them. COMMAND INFO says nothing of it.
    Untold {
        word: &'static str,
        others: &'static [(&'static str, u8)],
        /// Where options are looked for.
        from: u8,
    },
    /// Nowhere that could be told.
    Unknown,
}

/// Which words from the beginning on are keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find {
    /// Up to `last` (relative to the beginning; negative: from the end), every `step`; `limit` n > 1: only the first n-th part of the words that are left.
    Range { last: i16, step: u8, limit: u8 },
    /// A count at `num` (relative), keys from `first` (relative), every `step`.
    Count { num: u8, first: u8, step: u8 },
    /// Nothing that could be told.
    Unknown,
}

/// One key specification; built in `const` context, [`Key::at`] first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where the search begins.
    pub begin: Begin,
    /// Which words are keys.
    pub find: Find,
    /// What is done to them.
    pub flags: KeyFlags,
    /// Notes for the reader of COMMAND INFO.
    pub notes: &'static str,
}

impl Key {
    const fn new(begin: Begin) -> Self {
        Key {
            begin,
            find: Find::Range {
                last: 0,
                step: 1,
                limit: 0,
            },
            flags: KeyFlags(0),
            notes: "",
        }
    }

    /// The single key at word `index`.
    pub const fn at(index: u8) -> Self {
        Key::new(Begin::Index(index))
    }

    /// A key after the word `word`, which is searched from word `from` on (negative: backwards from the end).
    pub const fn after(word: &'static str, from: i8) -> Self {
        Key::new(Begin::Keyword(word, from))
    }

    /// The key that the option `word` names, unless its `rival` comes later; looked for from word `from` on, told as from `told` on.
    pub const fn option(word: &'static str, rival: &'static str, from: u8, told: u8) -> Self {
        Key::new(Begin::Option {
            word,
            rival,
            from,
            told,
        })
    }

    /// The key that the last option `word` names, looked for from word `from` on, past the words of the options `others`; told as unknown.
    pub const fn untold(word: &'static str, others: &'static [(&'static str, u8)], from: u8) -> Self {
        Key::new(Begin::Untold { word, others, from })
    }

    /// A specification that names no place.
    pub const fn unknown() -> Self {
        let mut key = Key::new(Begin::Unknown);
        key.find = Find::Unknown;
        key
    }

    /// Keys up to `last` (relative to the first, negative: from the end of the request), every `step` words.
    pub const fn range(mut self, last: i16, step: u8) -> Self {
        self.find = Find::Range { last, step, limit: 0 };
        self
    }

    /// As [`Key::range`], taking only the first `1/limit` of the words that are left.
    pub const fn range_limited(mut self, last: i16, step: u8, limit: u8) -> Self {
        self.find = Find::Range { last, step, limit };
        self
    }

    /// As many keys as word `num` says, the first at `first`; both relative to the beginning.
    pub const fn counted(mut self, num: u8, first: u8, step: u8) -> Self {
        self.find = Find::Count { num, first, step };
        self
    }

    /// Adds [`KeyFlags`] bits.
    pub const fn flags(mut self, bits: u16) -> Self {
        self.flags = KeyFlags(self.flags.0 | bits);
        self
    }

    /// Reads the value and returns it.
    pub const fn read(self) -> Self {
        self.flags(KeyFlags::RO | KeyFlags::ACCESS)
    }

    /// Adds notes.
    pub const fn notes(mut self, notes: &'static str) -> Self {
        self.notes = notes;
        self
    }

    /// The positions of the keys in `args`, pushed to `out`; false when the words do not fit the specification.
    pub fn positions(&self, args: Args<'_>, out: &mut impl Extend<usize>) -> bool {
        if self.flags.has(KeyFlags::NOT_KEY) {
            return true;
        }
        let Some(first) = self.begin_at(args) else {
            return !matches!(self.begin, Begin::Index(_));
        };
        match self.find {
            Find::Unknown => true,
            Find::Range { last, step, limit } => {
                let last = last_position(args.len(), first, last, limit);
                if first >= args.len() || last >= args.len() || last < first {
                    return false;
                }
                out.extend((first..=last).step_by(usize::from(step)));
                true
            }
            Find::Count {
                num,
                first: offset,
                step,
            } => {
                let Ok(count) = args.int(first + usize::from(num)) else {
                    return false;
                };
                let start = first + usize::from(offset);
                let Ok(count) = usize::try_from(count) else {
                    return false;
                };
                let step = usize::from(step);
                // An empty count names no key; one that overruns the request is the command's own error.
                if count > args.len() || count > 0 && start + (count - 1) * step >= args.len() {
                    return false;
                }
                out.extend((0..count).map(|i| start + i * step));
                true
            }
        }
    }

    fn begin_at(&self, args: Args<'_>) -> Option<usize> {
        match self.begin {
            Begin::Unknown => None,
            Begin::Index(index) => (usize::from(index) < args.len()).then_some(usize::from(index)),
            Begin::Option { word, rival, from, .. } => {
                let mut last = None;
                let mut at = usize::from(from);
                while at + 1 < args.len() {
                    let named = args.is(at, word);
                    let option = named || args.is(at, rival);
                    last = if option { named.then_some(at + 1) } else { last };
                    at += if option { 2 } else { 1 };
                }
                last
            }
            Begin::Untold { word, others, from } => {
                let mut last = None;
                let mut at = usize::from(from);
                while at < args.len() {
                    let other = others.iter().find(|(other, _)| args.is(at, other));
                    let named = other.is_none() && args.is(at, word) && at + 1 < args.len();
                    last = if named { Some(at + 1) } else { last };
                    at += 1 + other.map_or(usize::from(named), |(_, words)| usize::from(*words));
                }
                last
            }
            Begin::Keyword(word, from) if from >= 0 => (usize::from(from.unsigned_abs())..args.len())
                .find(|&at| args.is(at, word))
                .map(|at| at + 1),
            Begin::Keyword(word, from) => {
                let start = args.len().checked_sub(usize::from(from.unsigned_abs()))?;
                (1..=start).rev().find(|&at| args.is(at, word)).map(|at| at + 1)
            }
        }
    }
}

fn last_position(len: usize, first: usize, last: i16, limit: u8) -> usize {
    let back = usize::from(last.unsigned_abs());
    if last >= 0 {
        first + back
    } else if limit <= 1 {
        len.saturating_sub(back)
    } else {
        let left = len.saturating_sub(first);
        (first + left / usize::from(limit)).saturating_sub(back)
    }
}
