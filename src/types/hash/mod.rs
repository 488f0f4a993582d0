//! Hashes: field-value pairs; a small one keeps them in the order in which they came.

mod pair;
#[cfg(test)]
mod tests;

use crate::base::rng::{Rng, distinct};
use crate::base::size_class::good_size;
use crate::types::dict::Dict;
use crate::types::sequence::{self, Sequence};
use pair::Pair;

/// Fields and values alternate in a sequence.
const PAIR: usize = 2;

/// Field-value pairs.
#[derive(Clone, Debug)]
pub struct Hash(Form);

#[derive(Clone, Debug)]
enum Form {
    Packed(Sequence),
    Table(Box<Dict<Pair>>),
}

/// Up to where a hash stays packed: the directives `hash-max-listpack-entries` and `hash-max-listpack-value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Number of fields.
    pub entries: usize,
    /// Bytes of a field or a value.
    pub value_bytes: usize,
}

impl Default for Hash {
    fn default() -> Self {
        Hash::new()
    }
}

impl PartialEq for Hash {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(field, value)| other.get(field) == Some(value))
    }
}

impl Eq for Hash {}

impl Hash {
    /// An empty hash.
    pub fn new() -> Self {
        Hash(Form::Packed(Sequence::default()))
    }

    /// Number of fields; O(1).
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Packed(sequence) => sequence.len() / PAIR,
            Form::Table(dict) => dict.len(),
        }
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Packed(_) => "listpack",
            Form::Table(_) => "hashtable",
        }
    }

    /// Bytes on the heap besides the structure itself; O(1).
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Packed(sequence) => sequence.heap_bytes(),
            Form::Table(dict) => good_size(size_of::<Dict<Pair>>()) + dict.heap_bytes(),
        }
    }

    /// The value of `field`; O(n) when packed.
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        match &self.0 {
            Form::Packed(sequence) => sequence.find(field, PAIR).and_then(|at| sequence.from(at).nth(1)),
            Form::Table(dict) => dict.find(field).map(Pair::value),
        }
    }

    /// Prepares for pairs that are about to be set: makes room, or takes the form that is needed if all their fields are new.
    pub fn will_grow<'a>(&mut self, limits: Limits, words: impl ExactSizeIterator<Item = &'a [u8]>) {
        let Form::Packed(sequence) = &mut self.0 else {
            return;
        };
        let mut fits = words.len() / PAIR <= limits.entries;
        let is_new = sequence.is_empty();
        let mut bytes = 0;
        for word in words {
            fits &= word.len() <= limits.value_bytes;
            bytes += sequence::cost(word.len());
        }
        if !fits {
            self.make_table();
        } else if is_new {
            sequence.reserve(bytes);
        }
    }

    /// Sets `field`; tells whether it is new. O(n) when packed.
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: Limits) -> bool {
        if let Form::Packed(sequence) = &mut self.0 {
            if field.len().max(value.len()) > limits.value_bytes {
                self.make_table();
            } else if let Some(at) = sequence.find(field, PAIR) {
                sequence.replace(sequence.after(at), value);
                return false;
            } else if sequence.len() / PAIR < limits.entries {
                sequence.push(field);
                sequence.push(value);
                return true;
            }
        }
        let dict = self.make_table();
        dict.upsert(field, |pair| pair.set_value(value), || Pair::new(field, value))
    }

    /// Takes the form of a table.
    fn make_table(&mut self) -> &mut Dict<Pair> {
        if let Form::Packed(sequence) = &self.0 {
            let mut dict = Box::new(Dict::default());
            for (field, value) in pairs(sequence) {
                dict.insert_with(field, || Pair::new(field, value));
            }
            self.0 = Form::Table(dict);
        }
        match &mut self.0 {
            Form::Table(dict) => dict,
            Form::Packed(_) => unreachable!("a packed hash has just become a table"),
        }
    }

    /// Removes `field`; tells whether it was there. O(n) when packed.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Form::Packed(sequence) => match sequence.find(field, PAIR) {
                Some(at) => {
                    sequence.remove(at, PAIR);
                    true
                }
                None => false,
            },
            Form::Table(dict) => dict.remove(field).is_some(),
        }
    }

    /// All pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (packed, table) = match &self.0 {
            Form::Packed(sequence) => (Some(pairs(sequence)), None),
            Form::Table(dict) => (None, Some(dict.iter().map(Pair::both))),
        };
        packed.into_iter().flatten().chain(table.into_iter().flatten())
    }

    /// Visits about `count` pairs from `cursor` (0: the beginning) on and answers where to go on; 0: this was the end.
    /// A packed hash is visited whole. See [`Dict::scan`] for what a scan promises.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(&[u8], &[u8])) -> u64 {
        match &self.0 {
            Form::Packed(sequence) => {
                pairs(sequence).for_each(|(field, value)| visit(field, value));
                0
            }
            Form::Table(dict) => dict.scan(cursor, count, &mut |pair| visit(pair.field(), pair.value())),
        }
    }

    /// A pair drawn at random, approximately evenly; O(n) when packed.
    pub fn random(&self, rng: &mut Rng) -> Option<(&[u8], &[u8])> {
        match &self.0 {
            Form::Packed(_) if self.is_empty() => None,
            Form::Packed(sequence) => {
                let at = rng.below(self.len() as u64) as usize;
                let mut items = sequence.from(sequence.nth(at * PAIR)?);
                items.next().zip(items.next())
            }
            Form::Table(dict) => dict.random(rng).map(Pair::both),
        }
    }

    /// Different pairs drawn at random: `count` of them, or all; O(n) when that is a good part, O(count) otherwise.
    pub fn sample(&self, count: usize, rng: &mut Rng) -> Vec<(&[u8], &[u8])> {
        let len = self.len();
        if count >= len {
            return self.iter().collect();
        }
        match &self.0 {
            Form::Table(dict) if count < len / 4 => dict.sample(count, rng).into_iter().map(Pair::both).collect(),
            _ => {
                let mut chosen = distinct(count, len, rng).into_iter().peekable();
                let all = self.iter().enumerate();
                all.filter(|(at, _)| chosen.next_if_eq(at).is_some())
                    .map(|(_, pair)| pair)
                    .collect()
            }
        }
    }
}

fn pairs(sequence: &Sequence) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut items = sequence.iter();
    std::iter::from_fn(move || items.next().zip(items.next()))
}
