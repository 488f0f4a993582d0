//! The elements that SORT works on, and their order.

use std::cmp::Ordering;
use std::ffi::CString;
use std::ops::Range;

use super::options::Options;
use crate::base::collation::Collation;
use crate::base::number::parse_f64_of_any_length;
use crate::base::partial_sort::partial_sort;
use crate::keyspace::Entry;

/// An element, and what it is ordered by.
pub struct Element {
    bytes: Box<[u8]>,
    weight: Weight,
}

enum Weight {
    Number(f64),
    /// Compared byte by byte; none is less than any.
    Bytes(Option<Box<[u8]>>),
    /// Compared as the locale has it, which sees nothing behind a zero byte.
    Text(Option<CString>),
}

impl Element {
    fn new(bytes: &[u8]) -> Self {
        Element {
            bytes: bytes.into(),
            weight: Weight::Number(0.0),
        }
    }

    /// The element itself.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Notes what it is ordered by; false when that should be a number and is none.
    pub fn weigh(&mut self, weight: Option<Box<[u8]>>, alpha: bool, collated: bool) -> bool {
        self.weight = match weight {
            weight if alpha && collated => Weight::Text(weight.map(|text| visible_text(&text))),
            weight if alpha => Weight::Bytes(weight),
            None => Weight::Number(0.0),
            Some(text) => {
                let visible = text.split(|byte| *byte == 0).next().unwrap_or_default();
                match parse_f64_of_any_length(visible) {
                    Some(number) => Weight::Number(number),
                    None => return false,
                }
            }
        };
        true
    }

    fn compare(&self, other: &Element, collation: Option<&Collation>) -> Ordering {
        match (&self.weight, &other.weight) {
            (Weight::Number(one), Weight::Number(two)) => {
                // Equal numbers leave no luck: the elements decide.
                let numbers = one.partial_cmp(two).unwrap_or(Ordering::Equal);
                numbers.then_with(|| self.bytes.cmp(&other.bytes))
            }
            (Weight::Text(Some(one)), Weight::Text(Some(two))) => match collation {
                Some(collation) => collation.compare(one, two),
                None => one.cmp(two),
            },
            (Weight::Text(one), Weight::Text(two)) => one.is_some().cmp(&two.is_some()),
            (Weight::Bytes(one), Weight::Bytes(two)) => one.cmp(two),
            _ => unreachable!("all elements are weighed alike"),
        }
    }
}

fn visible_text(text: &[u8]) -> CString {
    let visible = text.split(|byte| *byte == 0).next().unwrap_or_default();
    CString::new(visible).expect("the text was cut ahead of its first zero byte")
}

/// Whether a value has elements that can be sorted.
pub fn can_sort(entry: &Entry) -> bool {
    entry.list().is_some() || entry.set().is_some() || entry.sorted_set().is_some()
}

/// The number of elements; O(1).
pub fn len(entry: &Entry) -> usize {
    let list = entry.list().map(|list| list.len());
    let set = || entry.set().map(|set| set.len());
    let sorted = || entry.sorted_set().map(|set| set.len());
    list.or_else(set).or_else(sorted).unwrap_or(0)
}

/// Hands over all elements of a value that has some.
pub fn each(entry: &Entry, visit: &mut dyn FnMut(&[u8])) {
    if let Some(list) = entry.list() {
        list.iter_from(0).for_each(visit);
    } else if let Some(set) = entry.set() {
        set.iter().for_each(|member| visit(&member));
    } else if let Some(set) = entry.sorted_set() {
        set.iter().for_each(|(member, _)| visit(member));
    }
}

/// Copies the elements, only the wanted ones when they stay in the order that they have. Answers which of the copies are wanted.
pub fn load(
    entry: Option<&Entry>,
    options: &Options<'_>,
    wanted: Range<usize>,
    len: usize,
) -> (Vec<Element>, Range<usize>) {
    let Some(entry) = entry else {
        return (Vec::new(), 0..0);
    };
    if !options.unsorted || entry.set().is_some() {
        let mut elements = Vec::with_capacity(len);
        each(entry, &mut |bytes| elements.push(Element::new(bytes)));
        return (elements, wanted);
    }
    let (skipped, count) = (wanted.start, wanted.len());
    let mut elements: Vec<Element> = Vec::with_capacity(count);
    if let Some(list) = entry.list() {
        let copied = |bytes| elements.push(Element::new(bytes));
        if options.descending {
            list.iter_back().skip(skipped).take(count).for_each(copied);
        } else {
            list.iter_from(skipped).take(count).for_each(copied);
        }
    } else if let Some(set) = entry.sorted_set() {
        let ranks = if options.descending {
            len - wanted.end..len - skipped
        } else {
            wanted
        };
        elements.extend(set.range(ranks).map(|(member, _)| Element::new(member)));
        if options.descending {
            elements.reverse();
        }
    }
    (elements, 0..count)
}

/// Orders the elements, so far as they are wanted.
pub fn order(elements: &mut [Element], options: &Options<'_>, wanted: Range<usize>, collation: Option<&Collation>) {
    let mut compare = |one: &Element, two: &Element| {
        let order = one.compare(two, collation);
        if options.descending { order.reverse() } else { order }
    };
    if options.by.is_some() && options.is_limited(&wanted, elements.len()) {
        partial_sort(elements, wanted, &mut compare);
    } else {
        elements.sort_by(compare);
    }
}
