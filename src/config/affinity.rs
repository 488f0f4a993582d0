//! Affinity rules: which part of a key decides its slot.
//!
//! Owns the notation of rules and the presets. It must not know shards.

use crate::base::hash::hash_tag;

/// A set of rules by name. docs/affinity.md says which keys of the framework they follow.
pub struct Preset {
    /// The name, behind `preset:`.
    pub name: &'static str,
    /// Its rules, in order.
    pub rules: &'static [&'static str],
}

/// Every preset.
pub const PRESETS: &[Preset] = &[
    preset(
        "all",
        &[
            "arq:?:{*}",
            "bq:*",
            "bull:*",
            "dramatiq:",
            "rq:?:{*}",
            "saq:job:{*}",
            "saq:{*}",
            "unacked",
            "*\x06\x16",
        ],
    ),
    preset("arq", &["arq:?:{*}"]),
    preset("bee-queue", &["bq:*"]),
    preset("bull", &["bull:*"]),
    preset("bullmq", &["bull:*"]),
    preset("celery", &["*\x06\x16", "unacked"]),
    preset("dramatiq", &["dramatiq:"]),
    preset("none", &[]),
    preset("rq", &["rq:?:{*}"]),
    preset("saq", &["saq:job:{*}", "saq:{*}"]),
];

const fn preset(name: &'static str, rules: &'static [&'static str]) -> Preset {
    Preset { name, rules }
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// `prefix:*`: from the start of the key to the end of the segment behind the prefix.
    UpTo(Vec<u8>),
    /// `prefix:?:{*}`: the last segment alone; `?` is any one segment, so these are what stands between them.
    Segment(Vec<Vec<u8>>),
    /// `prefix`: the prefix, so that all such keys are together.
    Prefix(Vec<u8>),
    /// `*separator`: what stands before the separator.
    Before(Vec<u8>),
}

impl Form {
    fn parse(text: &str) -> Option<Form> {
        if let Some(separator) = text.strip_prefix('*') {
            return (!separator.is_empty() && !separator.contains('*')).then(|| Form::Before(separator.into()));
        }
        if let Some(head) = text.strip_suffix("{*}") {
            let pieces: Vec<Vec<u8>> = head.split('?').map(|piece| piece.as_bytes().to_vec()).collect();
            let apart = |piece: &Vec<u8>| piece.ends_with(b":");
            return (!head.contains('*') && pieces.iter().all(apart)).then_some(Form::Segment(pieces));
        }
        if let Some(prefix) = text.strip_suffix('*') {
            return (prefix.ends_with(':') && !prefix.contains('*')).then(|| Form::UpTo(prefix.into()));
        }
        (!text.is_empty() && !text.contains('*') && !text.starts_with("preset:")).then(|| Form::Prefix(text.into()))
    }

    /// The part of `key` that decides, if the rule fits it.
    fn part<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        match self {
            Form::UpTo(prefix) => {
                let segment = segment(key.strip_prefix(&**prefix)?)?;
                Some(&key[..prefix.len() + segment.len()])
            }
            Form::Segment(pieces) => {
                let (first, others) = pieces.split_first()?;
                let mut rest = key.strip_prefix(&**first)?;
                for piece in others {
                    rest = rest[segment(rest)?.len()..].strip_prefix(&**piece)?;
                }
                segment(rest)
            }
            Form::Prefix(prefix) => key.starts_with(prefix).then(|| &key[..prefix.len()]),
            Form::Before(separator) => {
                let at = memchr::memmem::find(key, separator)?;
                (at > 0).then(|| &key[..at])
            }
        }
    }
}

impl Form {
    fn separator(&self) -> Option<&[u8]> {
        match self {
            Form::Before(separator) => Some(separator),
            _ => None,
        }
    }

    /// Whether the rule may fit a key that begins with `first`.
    fn may_begin(&self, first: u8) -> bool {
        let beginning = match self {
            Form::UpTo(prefix) | Form::Prefix(prefix) => prefix.first(),
            Form::Segment(pieces) => pieces.first().and_then(|piece| piece.first()),
            Form::Before(_) => None,
        };
        beginning.is_none_or(|byte| *byte == first)
    }
}

/// What stands before the first `:`, or all of it; none when that is nothing.
fn segment(text: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(b':', text).unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

/// An affinity directive that cannot be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "affinity rule '{rule}' is neither a preset (preset:NAME) nor of the form 'prefix:*', 'prefix:?:{{*}}', 'prefix' or '*separator'"
)]
pub struct RuleError {
    rule: String,
}

/// The rules in force, in order.
#[derive(Clone, Debug)]
pub struct Affinity {
    rules: Vec<(Box<str>, Form)>,
    /// For each rule whether all keys that begin with a part which it has cut out, and have no hash tag, have the same part.
    settles: Vec<bool>,
    /// Which rules may fit a key, in order, by the key's first byte: the presets together are many, and every key is routed.
    by_first: Vec<Vec<u16>>,
    /// With which bytes a key begins that a rule may fit by its beginning.
    begins: Box<[bool; 256]>,
    /// The first bytes of separators, and what opens a hash tag, each eight times. Most keys have none of them.
    marks: Vec<u64>,
}

/// A byte in each byte of a word.
const EACH_BYTE: u64 = u64::MAX / 0xff;

/// Why a part of a key decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why<'a> {
    /// It is the hash tag.
    Tag,
    /// This rule cuts it out.
    Rule(&'a str),
    /// It is the whole key.
    Key,
}

impl Affinity {
    /// The rules as the directive gives them.
    pub fn new(directive: &[String]) -> Result<Self, RuleError> {
        let mut rules = Vec::new();
        let mut add = |text: &str| {
            let form = Form::parse(text).ok_or_else(|| RuleError { rule: text.to_owned() })?;
            rules.push((text.into(), form));
            Ok(())
        };
        for text in directive {
            let named = text.strip_prefix("preset:");
            match named.and_then(|name| PRESETS.iter().find(|preset| preset.name == name)) {
                Some(preset) => preset.rules.iter().try_for_each(|rule| add(rule))?,
                None => add(text)?,
            }
        }
        let settles = (0..rules.len()).map(|at| settles(&rules[..=at])).collect();
        let separators = rules.iter().filter_map(|(_, form)| form.separator()?.first().copied());
        let mut marks: Vec<u64> = separators
            .chain([b'{'])
            .map(|mark| u64::from(mark) * EACH_BYTE)
            .collect();
        marks.sort_unstable();
        marks.dedup();
        let may_fit = |first: u8| {
            let fits = |(at, (_, form)): (usize, &(Box<str>, Form))| form.may_begin(first).then_some(at as u16);
            rules.iter().enumerate().filter_map(fits).collect()
        };
        let by_first = (0..=u8::MAX).map(may_fit).collect();
        let begins = Box::new(std::array::from_fn(|first| {
            let begins = |(_, form): &(Box<str>, Form)| form.separator().is_none() && form.may_begin(first as u8);
            rules.iter().any(begins)
        }));
        Ok(Affinity {
            rules,
            settles,
            by_first,
            begins,
            marks,
        })
    }

    /// The part of `key` that decides its slot, and why: hash tag, else what the first rule that fits cuts out, else all of it.
    pub fn explain<'a>(&'a self, key: &'a [u8]) -> (&'a [u8], Why<'a>) {
        if let Some(tag) = hash_tag(key) {
            return (tag, Why::Tag);
        }
        let fitting = |(text, form): &'a (Box<str>, Form)| Some((form.part(key)?, Why::Rule(text)));
        self.rules.iter().find_map(fitting).unwrap_or((key, Why::Key))
    }

    /// The part of `key` that decides its slot.
    #[inline]
    pub fn routing_part<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        match key.first() {
            Some(first) if !self.begins[usize::from(*first)] && !self.is_marked(key) => key,
            _ => self.cut(key),
        }
    }

    /// As [`Affinity::routing_part`]; also tells whether every key has this part that begins with it and a colon, and has no `{`.
    pub fn settled_part<'k>(&self, key: &'k [u8]) -> (&'k [u8], bool) {
        if let Some(tag) = hash_tag(key) {
            return (tag, false);
        }
        let found = self.part(key);
        found.map_or((key, false), |(part, at)| (part, self.settles[at]))
    }

    /// Whether a key may have a hash tag or a separator: one look at each word of it, since every key is routed and few have one.
    #[inline]
    fn is_marked(&self, key: &[u8]) -> bool {
        let marks = |word: u64| {
            let zeros = |bytes: u64| bytes.wrapping_sub(EACH_BYTE) & !bytes & (0x80 * EACH_BYTE);
            self.marks.iter().fold(0, |found, mark| found | zeros(word ^ mark))
        };
        let (words, rest) = key.as_chunks();
        let found = words
            .iter()
            .fold(0, |found, word| found | marks(u64::from_le_bytes(*word)));
        found != 0 || rest.iter().any(|byte| marks(u64::from(*byte) * EACH_BYTE) != 0)
    }

    fn cut<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        let part = || Some(self.part(key)?.0);
        hash_tag(key).or_else(part).unwrap_or(key)
    }

    /// What the first rule that fits cuts out, and which one that is.
    fn part<'k>(&self, key: &'k [u8]) -> Option<(&'k [u8], usize)> {
        let may_fit = self.by_first.get(usize::from(*key.first()?))?;
        let mut rules = may_fit.iter().map(|at| usize::from(*at));
        rules.find_map(|at| Some((self.rules[at].1.part(key)?, at)))
    }
}

/// Whether the last rule cuts out beginnings of keys, and none before it fits a key that it fits.
fn settles(rules: &[(Box<str>, Form)]) -> bool {
    let Some(((_, Form::UpTo(prefix)), before)) = rules.split_last() else {
        return false;
    };
    before.iter().all(|(_, form)| match form {
        Form::UpTo(other) | Form::Prefix(other) => !other.starts_with(prefix) && !prefix.starts_with(other),
        Form::Segment(pieces) => pieces
            .first()
            .is_some_and(|other| !other.starts_with(prefix) && !prefix.starts_with(other)),
        Form::Before(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn affinity(rules: &[&str]) -> Result<Affinity, RuleError> {
        Affinity::new(&rules.iter().map(|&rule| rule.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn keys_of_frameworks_go_where_their_queue_or_job_is() {
        let all = affinity(&["preset:all"]).expect("presets are valid");
        for preset in PRESETS {
            let alone = affinity(&[&format!("preset:{}", preset.name)]).expect("presets are valid");
            let missing = alone.rules.iter().find(|rule| !all.rules.contains(rule));
            assert_eq!(missing, None, "preset:all has the rules of every other one");
        }
        let keys = [
            "",
            ":",
            "b",
            "bull",
            "rq:",
            "arq:job",
            "saq:x",
            "celery",
            "x\x06\x16y",
            "_kombu.x",
            "key:1",
            "key:0123456789{tag}",
            "key:{t}:0123456789",
            "0123456\x06\x163",
            "01234567\x063",
            "\u{fb}\u{86}z\u{7c}|z7a",
        ];
        for key in keys {
            // Routing looks only at rules that may fit.
            let explained = all.explain(key.as_bytes()).0;
            assert_eq!(all.routing_part(key.as_bytes()), explained, "{key}");
        }
        for (key, part) in [
            ("bull:mail:wait", "bull:mail"),
            ("bull:mail:1:logs", "bull:mail"),
            ("bull:mail", "bull:mail"),
            ("bull:", "bull:"),
            ("bull:{x}:wait", "x"),
            ("bq:mail:waiting", "bq:mail"),
            ("rq:queue:mail", "mail"),
            ("rq:wip:mail", "mail"),
            ("rq:queue:mail:intermediate", "mail"),
            ("rq:job:7f3a", "7f3a"),
            ("rq:job:7f3a:dependents", "7f3a"),
            ("rq:results:7f3a", "7f3a"),
            ("rq:workers", "rq:workers"),
            ("arq:job:7f3a", "7f3a"),
            ("arq:in-progress:7f3a", "7f3a"),
            ("arq:queue", "arq:queue"),
            ("saq:mail:queued", "mail"),
            ("saq:job:mail:7f3a", "mail"),
            ("dramatiq:mail.DQ.msgs", "dramatiq:"),
            ("dramatiq:__heartbeats__", "dramatiq:"),
            ("celery", "celery"),
            ("celery\x06\x163", "celery"),
            ("unacked_index", "unacked"),
            ("other:a:b", "other:a:b"),
        ] {
            assert_eq!(all.routing_part(key.as_bytes()), part.as_bytes(), "{key}");
            assert_eq!(all.explain(key.as_bytes()).0, part.as_bytes(), "{key}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_is_told() {
        let rules = affinity(&["jobs:*", "jobs:a:{*}", "jo"]).expect("valid rules");
        assert_eq!(rules.explain(b"jobs:a:b"), (&b"jobs:a"[..], Why::Rule("jobs:*")));
        assert_eq!(rules.explain(b"jobs:"), (&b"jo"[..], Why::Rule("jo")));
        assert_eq!(rules.explain(b"x{t}"), (&b"t"[..], Why::Tag));
        assert_eq!(rules.explain(b"x"), (&b"x"[..], Why::Key));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for rule in ["", "preset:nosuch", "a*", "a:*:b", "*", "**", "a?{*}", "a:*{*}"] {
            let refused = affinity(&[rule]).expect_err("it is no rule");
            assert!(
                refused
                    .to_string()
                    .starts_with(&format!("affinity rule '{rule}' is neither")),
                "{refused}"
            );
        }
    }
}
