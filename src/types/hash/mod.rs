//! Hashes: field-value pairs; a small one keeps them in the order in which they came, a large one is a table.

mod pair;
#[cfg(test)]
mod tests;
mod volatile;

use crate::base::rng::{Rng, distinct};
use crate::base::size_class::good_size;
use crate::base::time::UnixMillis;
use crate::types::records::Table;
use crate::types::sequence::{Room, Sequence};
use pair::{ByField, Head, Pair};
use volatile::Volatile;

/// Fields and values alternate in a sequence.
const PAIR: usize = 2;

/// Field-value pairs. A field that has expired is there until somebody takes it out, and until then only [`Hash::len`] tells of it.
#[derive(Clone, Debug)]
pub struct Hash(Form);

#[derive(Clone, Debug)]
enum Form {
    Packed(Sequence),
    Table(Box<Table<ByField>>),
    /// A table of which at least one field expires.
    Volatile(Box<Volatile>),
}

/// Up to where a hash stays packed: the directives `hash-max-listpack-entries` and `hash-max-listpack-value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Number of fields.
    pub entries: usize,
    /// Bytes of a field or a value.
    pub value_bytes: usize,
}

/// When a field that is set expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// Never.
    Never,
    /// When it did before; never when it is new.
    Keep,
    /// At this time.
    At(UnixMillis),
}

impl Ttl {
    fn of_new(self) -> Option<UnixMillis> {
        match self {
            Ttl::At(at) => Some(at),
            Ttl::Never | Ttl::Keep => None,
        }
    }
}

/// How fields are set.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Up to where the hash stays packed.
    pub limits: Limits,
    /// The time.
    pub now: UnixMillis,
    /// When the fields expire.
    pub ttl: Ttl,
}

/// What setting a field has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// No such field.
    Nothing,
    /// The field.
    Live,
    /// The field, which had expired and is new therefore.
    Expired,
}

impl Found {
    /// Whether the field is new.
    pub fn is_new(self) -> bool {
        self != Found::Live
    }
}

impl Default for Hash {
    fn default() -> Self {
        Hash::new()
    }
}

/// Same fields, values and expiries, whatever the form.
impl PartialEq for Hash {
    fn eq(&self, other: &Self) -> bool {
        let ever = UnixMillis(i64::MIN);
        self.len() == other.len()
            && self.iter(ever).all(|(field, value)| {
                other.get(field, ever) == Some(value) && self.expiry(field, ever) == other.expiry(field, ever)
            })
    }
}

impl Eq for Hash {}

impl Hash {
    /// An empty hash.
    pub fn new() -> Self {
        Hash(Form::Packed(Sequence::default()))
    }

    fn table(&self) -> Option<&Table<ByField>> {
        match &self.0 {
            Form::Packed(_) => None,
            Form::Table(table) => Some(table),
            Form::Volatile(volatile) => Some(&volatile.table),
        }
    }

    /// Whether a field has expired at `now` and not been taken out; O(1).
    fn has_due(&self, now: UnixMillis) -> bool {
        matches!(&self.0, Form::Volatile(volatile) if volatile.due.is_due(now))
    }

    /// Number of fields, expired ones that were not taken out included; O(1).
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Packed(sequence) => sequence.len() / PAIR,
            Form::Table(table) => table.len(),
            Form::Volatile(volatile) => volatile.table.len(),
        }
    }

    /// Number of fields that have not expired; O(number of those that have).
    pub fn live_len(&self, now: UnixMillis) -> usize {
        match &self.0 {
            Form::Volatile(volatile) => volatile.table.len() - volatile.due.due_len(now),
            _ => self.len(),
        }
    }

    /// Whether there is no field, not even an expired one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Packed(_) => "listpack",
            Form::Table(_) | Form::Volatile(_) => "hashtable",
        }
    }

    /// Bytes on the heap besides the structure itself; O(1).
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Packed(sequence) => sequence.heap_bytes(),
            Form::Table(table) => good_size(size_of::<Table<ByField>>()) + table.heap_bytes(),
            Form::Volatile(volatile) => {
                good_size(size_of::<Volatile>()) + volatile.table.heap_bytes() + volatile.due.heap_bytes()
            }
        }
    }

    /// The value of `field`; O(n) when packed.
    pub fn get(&self, field: &[u8], now: UnixMillis) -> Option<&[u8]> {
        match &self.0 {
            Form::Packed(sequence) => sequence.find(field, PAIR).and_then(|at| sequence.from(at).nth(1)),
            Form::Table(table) => table.find(field).map(|record| Pair(record).value()),
            Form::Volatile(volatile) => volatile.find(field, now).map(Pair::value),
        }
    }

    /// When `field` expires, if ever; the outer option is none when there is no such field.
    pub fn expiry(&self, field: &[u8], now: UnixMillis) -> Option<Option<UnixMillis>> {
        match &self.0 {
            Form::Volatile(volatile) => volatile.find(field, now).map(Pair::expires_at),
            _ => self.get(field, now).map(|_| None),
        }
    }

    /// Prepares for pairs that are about to be set: makes room, or takes the form that is needed if all their fields are new.
    pub fn will_grow<'a>(&mut self, limits: Limits, words: impl ExactSizeIterator<Item = &'a [u8]>) {
        let Form::Packed(sequence) = &mut self.0 else {
            return;
        };
        let mut fits = words.len() / PAIR <= limits.entries;
        let is_new = sequence.is_empty();
        let mut room = Room::default();
        for word in words {
            fits &= word.len() <= limits.value_bytes;
            room.add(word.len());
        }
        if !fits {
            self.make_table();
        } else if is_new {
            sequence.reserve(room.bytes());
        }
    }

    /// Sets `field`; tells what was there. O(n) when packed.
    pub fn set(&mut self, field: &[u8], value: &[u8], setting: Setting) -> Found {
        if setting.ttl.of_new().is_some() || matches!(self.0, Form::Volatile(_)) {
            let found = self.make_volatile().set(field, value, setting);
            self.settle();
            return found;
        }
        if let Form::Packed(sequence) = &mut self.0 {
            let limits = setting.limits;
            if field.len().max(value.len()) > limits.value_bytes {
                self.make_table();
            } else if let Some(at) = sequence.find(field, PAIR) {
                sequence.replace(sequence.after(at), value);
                return Found::Live;
            } else if sequence.len() / PAIR < limits.entries {
                sequence.push(field);
                sequence.push(value);
                return Found::Nothing;
            }
        }
        let is_new = self
            .make_table()
            .set(field, &Head::new(field, None).record(field, value));
        if is_new { Found::Nothing } else { Found::Live }
    }

    /// Sets or clears when `field` expires, which must be there. A packed hash becomes a table when a field of it shall expire.
    pub fn set_expiry(&mut self, field: &[u8], at: Option<UnixMillis>) {
        if at.is_some() || matches!(self.0, Form::Volatile(_)) {
            self.make_volatile().set_expiry(field, at);
            self.settle();
        }
    }

    /// Takes the form of a table. No field may expire.
    fn make_table(&mut self) -> &mut Table<ByField> {
        if let Form::Packed(sequence) = &self.0 {
            let mut table = Box::new(Table::default());
            for (field, value) in pairs(sequence) {
                table.insert(field, &Head::new(field, None).record(field, value));
            }
            self.0 = Form::Table(table);
        }
        match &mut self.0 {
            Form::Table(table) => table,
            Form::Packed(_) | Form::Volatile(_) => unreachable!("a packed hash has just become a table"),
        }
    }

    /// Takes the form in which fields can expire; [`Hash::settle`] must follow.
    fn make_volatile(&mut self) -> &mut Volatile {
        if !matches!(self.0, Form::Volatile(_)) {
            let table = std::mem::take(self.make_table());
            let due = Default::default();
            self.0 = Form::Volatile(Box::new(Volatile { table, due }));
        }
        match &mut self.0 {
            Form::Volatile(volatile) => volatile,
            Form::Packed(_) | Form::Table(_) => unreachable!("the hash has just become volatile"),
        }
    }

    /// Becomes a plain table when no field expires any more.
    fn settle(&mut self) {
        if let Form::Volatile(volatile) = &mut self.0
            && volatile.due.is_empty()
        {
            self.0 = Form::Table(Box::new(std::mem::take(&mut volatile.table)));
        }
    }

    /// Removes `field` unless it has expired; tells whether it did. O(n) when packed.
    pub fn remove(&mut self, field: &[u8], now: UnixMillis) -> bool {
        self.get(field, now).is_some() && self.take_out(field)
    }

    /// Removes `field`, expired or not; tells whether it was there. O(n) when packed.
    pub fn take_out(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Form::Packed(sequence) => match sequence.find(field, PAIR) {
                Some(at) => {
                    sequence.remove(at, PAIR);
                    true
                }
                None => false,
            },
            Form::Table(table) => table.remove(field),
            Form::Volatile(volatile) => {
                let removed = volatile.remove(field);
                self.settle();
                removed
            }
        }
    }

    /// When the first field expires; none when none ever does.
    pub fn next_due(&self) -> Option<UnixMillis> {
        match &self.0 {
            Form::Volatile(volatile) => volatile.due.first().map(|(at, _)| at),
            _ => None,
        }
    }

    /// Takes out up to `limit` fields that have expired at `now`; answers how many.
    pub fn take_expired(&mut self, now: UnixMillis, limit: usize) -> usize {
        let Form::Volatile(volatile) = &mut self.0 else {
            return 0;
        };
        let taken = volatile.take_expired(now, limit);
        self.settle();
        taken
    }

    /// All pairs that have not expired.
    pub fn iter(&self, now: UnixMillis) -> impl Iterator<Item = (&[u8], &[u8])> {
        let packed = match &self.0 {
            Form::Packed(sequence) => Some(pairs(sequence)),
            _ => None,
        };
        let checked = self.has_due(now);
        let live = move |pair: &Pair<'_>| !checked || !pair.has_expired(now);
        let table = self
            .table()
            .map(|table| table.iter().map(Pair).filter(live).map(Pair::both));
        packed.into_iter().flatten().chain(table.into_iter().flatten())
    }

    /// Visits about `count` pairs from `cursor` (0: the beginning) on and answers where to go on; 0: this was the end.
    /// A packed hash is visited whole. See [`crate::types::directory::Directory::scan`] for what a scan promises.
    pub fn scan(&self, cursor: u64, count: usize, now: UnixMillis, visit: &mut dyn FnMut(&[u8], &[u8])) -> u64 {
        let mut visit_live = |record: &[u8]| {
            let pair = Pair(record);
            if !pair.has_expired(now) {
                visit(pair.field(), pair.value());
            }
        };
        match &self.0 {
            Form::Packed(sequence) => {
                pairs(sequence).for_each(|(field, value)| visit(field, value));
                0
            }
            Form::Table(table) => table.scan(cursor, count, &mut visit_live),
            Form::Volatile(volatile) => volatile.table.scan(cursor, count, &mut visit_live),
        }
    }

    /// A pair drawn at random, approximately evenly; O(n) when packed, or while expired fields are there.
    pub fn random(&self, rng: &mut Rng, now: UnixMillis) -> Option<(&[u8], &[u8])> {
        match &self.0 {
            Form::Packed(_) if self.is_empty() => None,
            Form::Packed(sequence) => {
                let at = rng.below(self.len() as u64) as usize;
                let mut items = sequence.from(sequence.nth(at * PAIR)?);
                items.next().zip(items.next())
            }
            _ => self.urn(now).draw(rng),
        }
    }

    /// From where many pairs can be drawn. O(n) when packed, or while expired fields are there.
    pub fn urn(&self, now: UnixMillis) -> Urn<'_> {
        match self.table() {
            Some(table) if !self.has_due(now) => Urn(Drawn::Table(table)),
            _ => Urn(Drawn::Pairs(self.iter(now).collect())),
        }
    }

    /// Different pairs drawn at random: `count` of them, or all; O(n) when that is a good part or expired fields are there,
    /// O(count) otherwise.
    pub fn sample(&self, count: usize, rng: &mut Rng, now: UnixMillis) -> Vec<(&[u8], &[u8])> {
        let len = self.live_len(now);
        if count >= len {
            return self.iter(now).collect();
        }
        match self.table() {
            Some(table) if count < len / 4 && !self.has_due(now) => {
                let drawn = table.sample(count, rng).map(|record| Pair(record).both());
                drawn.collect()
            }
            _ => {
                let mut chosen = distinct(count, len, rng).into_iter().peekable();
                let all = self.iter(now).enumerate();
                all.filter(|(at, _)| chosen.next_if_eq(at).is_some())
                    .map(|(_, pair)| pair)
                    .collect()
            }
        }
    }

    /// Whether `field` is there, expired or not.
    #[cfg(test)]
    pub fn has_stored(&self, field: &[u8]) -> bool {
        self.get(field, UnixMillis(i64::MIN)).is_some()
    }

    /// Panics when an invariant does not hold.
    #[cfg(test)]
    pub fn check(&self) {
        match &self.0 {
            Form::Packed(sequence) => {
                sequence.check();
                assert_eq!(sequence.len() % PAIR, 0);
            }
            Form::Table(table) => {
                table.check();
                assert!(table.iter().all(|record| Pair(record).expires_at().is_none()));
            }
            Form::Volatile(volatile) => volatile.check(),
        }
    }
}

/// The pairs of a hash, to be drawn from again and again.
pub struct Urn<'a>(Drawn<'a>);

enum Drawn<'a> {
    /// All that have not expired.
    Pairs(Vec<(&'a [u8], &'a [u8])>),
    /// A table without expired ones.
    Table(&'a Table<ByField>),
}

impl<'a> Urn<'a> {
    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Drawn::Pairs(pairs) => pairs.is_empty(),
            Drawn::Table(table) => table.len() == 0,
        }
    }

    /// A pair drawn at random, approximately evenly; none when there is none.
    pub fn draw(&self, rng: &mut Rng) -> Option<(&'a [u8], &'a [u8])> {
        match &self.0 {
            Drawn::Pairs(pairs) if pairs.is_empty() => None,
            Drawn::Pairs(pairs) => Some(pairs[rng.below(pairs.len() as u64) as usize]),
            Drawn::Table(table) => table.draw(rng).map(|place| Pair(table.at(place)).both()),
        }
    }
}

fn pairs(sequence: &Sequence) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut items = sequence.iter();
    std::iter::from_fn(move || items.next().zip(items.next()))
}
