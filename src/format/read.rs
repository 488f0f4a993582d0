//! Bytes to values: every form that Valkey 9.1 reads.

use super::compact::{ints, ziplist, zipmap};
use super::listpack::{self, Item};
use super::source::Source;
use super::{Damaged, NO_EXPIRY, kind, node, stream};
use crate::base::number::parse_f64_saturating;
use crate::base::time::UnixMillis;
use crate::config::Config;
use crate::keyspace::Value;
use crate::types::list::{End, Limit};
use crate::types::{Hash, List, Set, SortedSet};
use crate::types::{hash, set, sorted_set};

/// Least bytes of a string.
const STRING_BYTES_MIN: usize = 1;
const SCORE_BYTES: usize = 8;
const EXPIRY_BYTES: usize = 8;
/// Lengths that stand for scores that have no text.
const SCORE_NAN: u8 = 253;
const SCORE_INFINITE: u8 = 254;
const SCORE_MINUS_INFINITE: u8 = 255;

/// Up to where values keep their small forms.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    list: Limit,
    set: set::Limits,
    hash: hash::Limits,
    sorted_set: sorted_set::Limits,
}

impl Limits {
    /// As the configuration says.
    pub fn of(config: &Config) -> Self {
        Limits {
            list: Limit::from_directive(config.list_max_listpack_size),
            set: set::Limits {
                ints: config.set_max_intset_entries,
                entries: config.set_max_listpack_entries,
                value_bytes: config.set_max_listpack_value,
            },
            hash: hash::Limits {
                entries: config.hash_max_listpack_entries,
                value_bytes: config.hash_max_listpack_value,
            },
            sorted_set: sorted_set::Limits {
                entries: config.zset_max_listpack_entries,
                value: config.zset_max_listpack_value,
            },
        }
    }
}

impl Limits {
    /// For what comes in a packed form: only the number of members makes it a large one.
    fn packed(mut self) -> Self {
        self.set.value_bytes = usize::MAX;
        self.hash.value_bytes = usize::MAX;
        self.sorted_set.value = usize::MAX;
        self
    }
}

/// The value at the beginning of `bytes`; what follows it is ignored.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Value, Damaged> {
    let mut source = Source::new(bytes);
    let source = &mut source;
    match source.byte()? {
        kind::STRING => Ok(Value::String(source.string()?.into_owned())),
        kind::LIST => {
            let count = source.count(STRING_BYTES_MIN)?;
            let mut list = ListBuilder::new(limits.list);
            for _ in 0..count {
                list.push(&source.string()?);
            }
            list.finish()
        }
        kind::LIST_ZIPLIST => {
            let bytes = source.string()?;
            let mut list = ListBuilder::new(limits.list);
            ziplist(&bytes)?.into_iter().for_each(|item| list.push_item(item));
            list.finish()
        }
        kind @ (kind::LIST_OF_ZIPLISTS | kind::LIST_OF_NODES) => read_nodes(source, kind, limits.list),
        kind::SET => {
            let count = source.count(STRING_BYTES_MIN)?;
            let mut set = SetBuilder::new(limits.set, count);
            (0..count).try_for_each(|_| set.add(&source.string()?))?;
            set.finish()
        }
        kind::SET_INTS => {
            let bytes = source.string()?;
            let ints = ints(&bytes)?;
            // Too many for this form, they get none of the small ones.
            let mut limits = limits.set;
            if ints.len() > limits.ints {
                limits.entries = 0;
            }
            let mut set = SetBuilder::new(limits, ints.len());
            ints.into_iter()
                .try_for_each(|number| set.add_item(Item::Int(number)))?;
            set.finish()
        }
        kind::SET_LISTPACK => {
            let bytes = source.string()?;
            let items = listpack::items(&bytes)?;
            // Only the number of members makes a packed set a large one, and it is no set of integers.
            let mut limits = limits.packed().set;
            limits.ints = 0;
            let mut set = SetBuilder::new(limits, items.len());
            items.into_iter().try_for_each(|item| set.add_item(item))?;
            set.finish()
        }
        kind @ (kind::HASH | kind::HASH_EXPIRING) => read_hash(source, kind, limits.hash),
        kind @ (kind::HASH_ZIPMAP | kind::HASH_ZIPLIST | kind::HASH_LISTPACK) => {
            let bytes = source.string()?;
            // A zipmap's values are looked at, since it is older than the limit on them.
            let limits = if kind == kind::HASH_ZIPMAP {
                *limits
            } else {
                limits.packed()
            };
            packed_hash(&compact_items(kind, &bytes)?, limits.hash)
        }
        kind @ (kind::SORTED_SET | kind::SORTED_SET_TEXT) => read_sorted_set(source, kind, limits.sorted_set),
        kind @ (kind::SORTED_SET_ZIPLIST | kind::SORTED_SET_LISTPACK) => {
            let bytes = source.string()?;
            packed_sorted_set(&compact_items(kind, &bytes)?, limits.packed().sorted_set)
        }
        kind @ (kind::STREAM | kind::STREAM_COUNTED | kind::STREAM_ACTIVE) => Ok(stream::read(source, kind)?.into()),
        _ => Err(Damaged),
    }
}

fn compact_items(kind: u8, bytes: &[u8]) -> Result<Vec<Item<'_>>, Damaged> {
    match kind {
        kind::HASH_ZIPMAP => zipmap(bytes),
        kind::HASH_ZIPLIST | kind::SORTED_SET_ZIPLIST => ziplist(bytes),
        _ => listpack::items(bytes),
    }
}

struct ListBuilder {
    list: List,
    limit: Limit,
}

impl ListBuilder {
    fn new(limit: Limit) -> Self {
        ListBuilder {
            list: List::new(),
            limit,
        }
    }

    fn push(&mut self, item: &[u8]) {
        self.list.will_grow(self.limit, 1, item.len());
        self.list.push(End::Right, item);
    }

    fn push_item(&mut self, item: Item<'_>) {
        item.with_bytes(|bytes| self.push(bytes));
    }

    fn finish(self) -> Result<Value, Damaged> {
        if self.list.is_empty() {
            return Err(Damaged);
        }
        Ok(self.list.into())
    }
}

fn read_nodes(source: &mut Source<'_>, kind: u8, limit: Limit) -> Result<Value, Damaged> {
    let count = source.count(STRING_BYTES_MIN)?;
    let mut list = ListBuilder::new(limit);
    for _ in 0..count {
        let container = match kind {
            kind::LIST_OF_NODES => source.length()?,
            _ => node::PACKED,
        };
        let bytes = source.string()?;
        match container {
            node::PLAIN => list.push(&bytes),
            node::PACKED if kind == kind::LIST_OF_NODES => {
                listpack::items(&bytes)?
                    .into_iter()
                    .for_each(|item| list.push_item(item));
            }
            node::PACKED => ziplist(&bytes)?.into_iter().for_each(|item| list.push_item(item)),
            _ => return Err(Damaged),
        }
    }
    list.finish()
}

struct SetBuilder {
    set: Set,
    limits: set::Limits,
    /// How many members are expected.
    count: usize,
}

impl SetBuilder {
    fn new(limits: set::Limits, count: usize) -> Self {
        SetBuilder {
            set: Set::new(),
            limits,
            count,
        }
    }

    fn add(&mut self, member: &[u8]) -> Result<(), Damaged> {
        if self.set.is_empty() {
            // The form follows from the first member and the number of all.
            self.set.will_grow(self.limits, std::iter::repeat_n(member, self.count));
        }
        if self.set.insert(member, self.limits) {
            Ok(())
        } else {
            Err(Damaged)
        }
    }

    fn add_item(&mut self, item: Item<'_>) -> Result<(), Damaged> {
        item.with_bytes(|bytes| self.add(bytes))
    }

    fn finish(self) -> Result<Value, Damaged> {
        if self.set.is_empty() {
            return Err(Damaged);
        }
        Ok(self.set.into())
    }
}

/// A hash to which fields are added, none of them twice.
struct HashBuilder {
    hash: Hash,
    limits: hash::Limits,
}

impl HashBuilder {
    fn add(&mut self, field: &[u8], value: &[u8], expiry: Option<UnixMillis>) -> Result<(), Damaged> {
        let setting = hash::Setting {
            limits: self.limits,
            // Nothing has expired yet: a field that has is kept until somebody meets it.
            now: UnixMillis(i64::MIN),
            ttl: expiry.map_or(hash::Ttl::Never, hash::Ttl::At),
        };
        match self.hash.set(field, value, setting) {
            hash::Found::Nothing => Ok(()),
            _ => Err(Damaged),
        }
    }

    fn finish(self) -> Result<Value, Damaged> {
        if self.hash.is_empty() {
            return Err(Damaged);
        }
        Ok(self.hash.into())
    }
}

fn read_hash(source: &mut Source<'_>, kind: u8, limits: hash::Limits) -> Result<Value, Damaged> {
    let expires = kind == kind::HASH_EXPIRING;
    let count = source.count(2 * STRING_BYTES_MIN + if expires { EXPIRY_BYTES } else { 0 })?;
    let mut hash = HashBuilder {
        hash: Hash::new(),
        limits,
    };
    for _ in 0..count {
        let (field, value) = (source.string()?, source.string()?);
        let expiry = match expires.then(|| source.array()).transpose()?.map(i64::from_le_bytes) {
            None | Some(NO_EXPIRY) => None,
            Some(at @ 0..) => Some(UnixMillis(at)),
            Some(_) => return Err(Damaged),
        };
        hash.add(&field, &value, expiry)?;
    }
    hash.finish()
}

/// The pairs that alternating items make.
fn pairs<'i, 'a>(items: &'i [Item<'a>]) -> Result<impl Iterator<Item = (Item<'a>, Item<'a>)> + 'i, Damaged> {
    let (pairs, rest) = items.as_chunks::<2>();
    if rest.is_empty() {
        Ok(pairs.iter().map(|[one, other]| (*one, *other)))
    } else {
        Err(Damaged)
    }
}

fn packed_hash(items: &[Item<'_>], limits: hash::Limits) -> Result<Value, Damaged> {
    let mut hash = HashBuilder {
        hash: Hash::new(),
        limits,
    };
    for (field, value) in pairs(items)? {
        field.with_bytes(|field| value.with_bytes(|value| hash.add(field, value, None)))?;
    }
    hash.finish()
}

fn read_sorted_set(source: &mut Source<'_>, kind: u8, limits: sorted_set::Limits) -> Result<Value, Damaged> {
    let binary = kind == kind::SORTED_SET;
    let count = source.count(STRING_BYTES_MIN + if binary { SCORE_BYTES } else { 1 })?;
    let mut set = SortedSet::new();
    for _ in 0..count {
        let member = source.string()?;
        let score = if binary {
            f64::from_le_bytes(source.array()?)
        } else {
            score_text(source)?
        };
        add(&mut set, &member, score, limits)?;
    }
    Ok(set.into())
}

/// A score as text behind its length.
fn score_text(source: &mut Source<'_>) -> Result<f64, Damaged> {
    match source.byte()? {
        SCORE_NAN => Err(Damaged),
        SCORE_INFINITE => Ok(f64::INFINITY),
        SCORE_MINUS_INFINITE => Ok(f64::NEG_INFINITY),
        len => parse_f64_saturating(source.take(usize::from(len))?).ok_or(Damaged),
    }
}

fn packed_sorted_set(items: &[Item<'_>], limits: sorted_set::Limits) -> Result<Value, Damaged> {
    let mut set = SortedSet::new();
    for (member, score) in pairs(items)? {
        let score = match score {
            Item::Int(number) => number as f64,
            Item::Bytes(text) => parse_f64_saturating(text).ok_or(Damaged)?,
        };
        member.with_bytes(|member| add(&mut set, member, score, limits))?;
    }
    if set.is_empty() { Err(Damaged) } else { Ok(set.into()) }
}

fn add(set: &mut SortedSet, member: &[u8], score: f64, limits: sorted_set::Limits) -> Result<(), Damaged> {
    if !score.is_nan() && set.set(member, score, limits) {
        Ok(())
    } else {
        Err(Damaged)
    }
}
