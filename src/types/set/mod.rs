//! Sets: unique byte strings. A set of integers keeps them sorted; another small one keeps members in the order in which they
//! came; a large one is a table.

mod ints;
mod member;
#[cfg(test)]
mod tests;

use crate::base::number::parse_i64;
use crate::base::rng::{Rng, distinct};
use crate::base::size_class::good_size;
use crate::types::records::{Naming, Table};
use crate::types::sequence::{Room, Sequence};
use ints::Ints;
use member::Digits;
pub use member::Member;

/// The most integers that are kept sorted, whatever the limit.
const INTS_MAX: usize = 1 << 30;

/// Unique byte strings.
#[derive(Clone, Debug)]
pub struct Set(Form);

#[derive(Clone, Debug)]
enum Form {
    Ints(Ints),
    Packed(Sequence),
    Table(Box<Table<Whole>>),
}

/// A member is its own name.
#[derive(Clone, Debug, Default)]
struct Whole;

impl Naming for Whole {
    #[inline]
    fn name(record: &[u8]) -> &[u8] {
        record
    }
}

const _: () = assert!(size_of::<Set>() == 32, "sets are allocated one by one");

/// Up to where a set keeps its small forms: the directives `set-max-intset-entries`, `set-max-listpack-entries` and
/// `set-max-listpack-value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Members, all of them integers.
    pub ints: usize,
    /// Members.
    pub entries: usize,
    /// Bytes of a member, when not all are integers.
    pub value_bytes: usize,
}

impl Default for Set {
    fn default() -> Self {
        Set::new()
    }
}

impl PartialEq for Set {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|member| other.contains(&member))
    }
}

impl Eq for Set {}

impl Set {
    /// An empty set.
    pub fn new() -> Self {
        Set(Form::Packed(Sequence::default()))
    }

    /// An empty set that keeps integers sorted until something else comes.
    pub fn of_ints() -> Self {
        Set(Form::Ints(Ints::default()))
    }

    /// Number of members; O(1).
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Ints(ints) => ints.len(),
            Form::Packed(sequence) => sequence.len(),
            Form::Table(table) => table.len(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether integers are kept sorted.
    pub fn keeps_ints(&self) -> bool {
        matches!(self.0, Form::Ints(_))
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Ints(_) => "intset",
            Form::Packed(_) => "listpack",
            Form::Table(_) => "hashtable",
        }
    }

    /// Bytes on the heap besides the structure itself; O(1).
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Ints(ints) => ints.heap_bytes(),
            Form::Packed(sequence) => sequence.heap_bytes(),
            Form::Table(table) => good_size(size_of::<Table<Whole>>()) + table.heap_bytes(),
        }
    }

    /// Whether `member` is in the set; O(n) when packed, O(log n) among integers, else O(1).
    #[inline]
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Form::Ints(ints) => parse_i64(member).is_some_and(|number| ints.contains(number)),
            Form::Packed(sequence) => sequence.find(member, 1).is_some(),
            Form::Table(table) => table.find(member).is_some(),
        }
    }

    /// Prepares for members that are about to be added: an empty set takes the form that the first of them and their number
    /// ask for, another one the form that is needed if all are new.
    pub fn will_grow<'a>(&mut self, limits: Limits, mut members: impl ExactSizeIterator<Item = &'a [u8]> + Clone) {
        let count = members.len();
        if !self.is_empty() {
            let fits = match &self.0 {
                Form::Ints(_) => count <= limits.ints,
                Form::Packed(_) => count <= limits.entries,
                Form::Table(_) => true,
            };
            if !fits {
                self.make_table();
            }
            return;
        }
        let mut room = Room::default();
        members.clone().for_each(|member| room.add(member.len()));
        let is_int = members.next().is_some_and(|first| parse_i64(first).is_some());
        if is_int && count <= limits.ints {
            *self = Set::of_ints();
        } else if count > limits.entries {
            self.make_table();
        } else if let Form::Packed(sequence) = &mut self.0 {
            sequence.reserve(room.bytes());
        }
    }

    /// Adds a member; tells whether it is new.
    #[inline]
    pub fn insert(&mut self, member: &[u8], limits: Limits) -> bool {
        match &mut self.0 {
            Form::Table(table) => table.insert(member, &[member]),
            Form::Ints(ints) => match parse_i64(member) {
                Some(number) => {
                    let new = ints.insert(number);
                    if new && ints.len() > limits.ints.min(INTS_MAX) {
                        self.make_table();
                    }
                    new
                }
                None => self.insert_among_ints(member, limits),
            },
            Form::Packed(sequence) => {
                if sequence.find(member, 1).is_some() {
                    false
                } else if sequence.len() < limits.entries && member.len() <= limits.value_bytes {
                    sequence.push(member);
                    true
                } else {
                    self.make_table().insert(member, &[member])
                }
            }
        }
    }

    /// Adds a member that is no integer to a set of integers, which becomes packed or a table.
    fn insert_among_ints(&mut self, member: &[u8], limits: Limits) -> bool {
        let Form::Ints(ints) = &self.0 else {
            unreachable!("the caller has seen integers");
        };
        let ends = [0, ints.len().saturating_sub(1)];
        let longest = ends
            .into_iter()
            .filter(|at| *at < ints.len())
            .map(|at| Digits::of(ints.at(at)).as_bytes().len())
            .max();
        let longest = longest.unwrap_or(0).max(member.len());
        if ints.len() < limits.entries && longest <= limits.value_bytes {
            let mut sequence = Sequence::default();
            for number in ints.iter() {
                sequence.push(Digits::of(number).as_bytes());
            }
            sequence.push(member);
            self.0 = Form::Packed(sequence);
            return true;
        }
        self.make_table().insert(member, &[member])
    }

    /// Takes the form of a table.
    fn make_table(&mut self) -> &mut Table<Whole> {
        if !matches!(self.0, Form::Table(_)) {
            let mut table = Box::new(Table::default());
            for member in self.iter() {
                table.insert(&member, &[&member]);
            }
            self.0 = Form::Table(table);
        }
        match &mut self.0 {
            Form::Table(table) => table,
            _ => unreachable!("the set has just become a table"),
        }
    }

    /// Keeps the members sorted if all of them are integers and not too many.
    pub fn sort_ints(&mut self, limits: Limits) {
        if self.keeps_ints() || self.len() > limits.ints.min(INTS_MAX) {
            return;
        }
        let mut ints = Ints::default();
        for member in self.iter() {
            let Some(number) = parse_i64(&member) else { return };
            ints.insert(number);
        }
        self.0 = Form::Ints(ints);
    }

    /// Removes a member; tells whether it was there. O(n) unless the set is a table.
    #[inline]
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Form::Ints(ints) => parse_i64(member).is_some_and(|number| ints.remove(number)),
            Form::Packed(sequence) => match sequence.find(member, 1) {
                Some(at) => {
                    sequence.remove(at, 1);
                    true
                }
                None => false,
            },
            Form::Table(table) => table.remove(member),
        }
    }

    /// All members.
    pub fn iter(&self) -> impl Iterator<Item = Member<'_>> {
        let (ints, packed, table) = match &self.0 {
            Form::Ints(ints) => (Some(ints.iter()), None, None),
            Form::Packed(sequence) => (None, Some(sequence.iter()), None),
            Form::Table(table) => (None, None, Some(table.iter())),
        };
        let ints = ints
            .into_iter()
            .flatten()
            .map(|number| Member::Digits(Digits::of(number)));
        let packed = packed.into_iter().flatten().map(Member::Bytes);
        ints.chain(packed).chain(table.into_iter().flatten().map(Member::Bytes))
    }

    /// Visits about `count` members from `cursor` (0: the beginning) on and answers where to go on; 0: this was the end.
    /// A small set is visited whole. See [`crate::types::directory::Directory::scan`] for what a scan promises.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(&[u8])) -> u64 {
        if let Form::Table(table) = &self.0 {
            return table.scan(cursor, count, visit);
        }
        self.iter().for_each(|member| visit(&member));
        0
    }

    /// A member of which each is as likely as any other; O(n) when packed, else O(1) expected.
    pub fn random(&self, rng: &mut Rng) -> Option<Member<'_>> {
        if let Form::Table(table) = &self.0 {
            return table.draw(rng).map(|place| Member::Bytes(table.at(place)));
        }
        let at = rng.below(self.len().max(1) as u64) as usize;
        self.nth(at)
    }

    /// Member number `at` of a small set, in the order of [`Set::iter`].
    fn nth(&self, at: usize) -> Option<Member<'_>> {
        match &self.0 {
            Form::Ints(ints) => (at < ints.len()).then(|| Member::Digits(Digits::of(ints.at(at)))),
            Form::Packed(sequence) => sequence.iter().nth(at).map(Member::Bytes),
            Form::Table(_) => None,
        }
    }

    /// Different members, any of them as likely as any other: `count` of them, or all; O(n) when that is a good part, O(count)
    /// otherwise.
    pub fn sample(&self, count: usize, rng: &mut Rng) -> Vec<Member<'_>> {
        let len = self.len();
        if count >= len {
            return self.iter().collect();
        }
        match &self.0 {
            Form::Table(table) if count < len / 4 => table.sample(count, rng).map(Member::Bytes).collect(),
            _ => {
                let mut chosen = distinct(count, len, rng).into_iter().peekable();
                let all = self.iter().enumerate();
                all.filter(|(at, _)| chosen.next_if_eq(at).is_some())
                    .map(|(_, member)| member)
                    .collect()
            }
        }
    }

    /// Removes a member of which each is as likely as any other and answers what `take` makes of it.
    pub fn pop<R>(&mut self, rng: &mut Rng, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        match &mut self.0 {
            Form::Table(table) => {
                let place = table.draw(rng)?;
                Some(table.remove_at(place, take))
            }
            Form::Ints(ints) => {
                let at = rng.below(ints.len().max(1) as u64) as usize;
                let number = (at < ints.len()).then(|| ints.at(at))?;
                ints.remove_at(at);
                Some(take(&Member::Digits(Digits::of(number))))
            }
            Form::Packed(sequence) => {
                let at = sequence.nth(rng.below(sequence.len().max(1) as u64) as usize)?;
                let result = sequence.from(at).next().map(take);
                sequence.remove(at, 1);
                result
            }
        }
    }

    /// Removes `count` members, fewer than all, any of them as likely as any other, and hands them to `take`. Of a table few of
    /// which stay, these may become a packed set.
    pub fn pop_many(&mut self, count: usize, rng: &mut Rng, limits: Limits, mut take: impl FnMut(&[u8])) {
        let rest = self.len() - count;
        let few = rest * 5 <= count;
        if let Form::Table(table) = &mut self.0 {
            for _ in 0..count {
                let place = table.draw(rng).expect("fewer members are taken than there are");
                table.remove_at(place, &mut take);
            }
            if few {
                self.pack(limits);
            }
            return;
        }
        let mut chosen = distinct(count, self.len(), rng).into_iter().peekable();
        let mut at = 0;
        let mut is_chosen = || {
            at += 1;
            chosen.next_if_eq(&(at - 1)).is_some()
        };
        match &mut self.0 {
            Form::Ints(ints) => ints.retain(|number| {
                let taken = is_chosen();
                if taken {
                    take(&Member::Digits(Digits::of(number)));
                }
                !taken
            }),
            Form::Packed(sequence) => {
                let mut kept = Sequence::default();
                for member in sequence.iter() {
                    if is_chosen() {
                        take(member);
                    } else {
                        kept.push(member);
                    }
                }
                *sequence = kept;
            }
            Form::Table(_) => unreachable!("tables have been dealt with"),
        }
        if few && self.keeps_ints() && self.len() > limits.ints {
            self.make_table();
        }
    }

    /// Takes the packed form if the members fit it.
    fn pack(&mut self, limits: Limits) {
        if self.len() > limits.entries || self.iter().any(|member| member.len() > limits.value_bytes) {
            return;
        }
        let (mut sequence, mut room) = (Sequence::default(), Room::default());
        self.iter().for_each(|member| room.add(member.len()));
        sequence.reserve(room.bytes());
        self.iter().for_each(|member| sequence.push(&member));
        self.0 = Form::Packed(sequence);
    }

    /// Panics when an invariant does not hold.
    #[cfg(test)]
    pub fn check(&self) {
        match &self.0 {
            Form::Ints(ints) => ints.check(),
            Form::Packed(_) => {}
            Form::Table(table) => table.check(),
        }
        assert_eq!(self.iter().count(), self.len());
        assert!(self.iter().all(|member| self.contains(&member)));
    }
}
