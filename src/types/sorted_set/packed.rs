//! The small form: members in order in one buffer, each behind its score. Everything is found by walking over the buffer.

use std::cmp::Ordering;
use std::ops::Range;

use smallvec::SmallVec;

use super::compare;
use crate::base::size_class::good_size;
use crate::types::packed::{Format, Items};

/// Scores are kept in the fewest of these many bytes that hold all of them: whole numbers, but for the last, which is a double.
const SCORE_WIDTHS: [u8; 6] = [1, 2, 3, 4, 6, SCORE_WIDTH_DOUBLE];
const SCORE_WIDTH_DOUBLE: u8 = 8;

/// Members in order in one buffer, each behind its score.
#[derive(Clone, Debug)]
pub struct Packed {
    bytes: Box<[u8]>,
    used: u32,
    count: u32,
    /// The length of all items (score and member), unless they are framed.
    width: u32,
    framed: bool,
    score_width: u8,
}

fn narrow(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("small sorted sets stay far below 4 GiB")
}

/// The fewest bytes that hold a score.
fn score_width(score: f64) -> u8 {
    let whole = score as i64;
    if whole as f64 != score {
        return SCORE_WIDTH_DOUBLE;
    }
    let holds = |width: &u8| {
        let unused = 64 - 8 * u32::from(*width);
        *width < SCORE_WIDTH_DOUBLE && whole << unused >> unused == whole
    };
    SCORE_WIDTHS.into_iter().find(holds).unwrap_or(SCORE_WIDTH_DOUBLE)
}

fn encode_score(score: f64, width: u8) -> [u8; 8] {
    if width == SCORE_WIDTH_DOUBLE {
        score.to_le_bytes()
    } else {
        (score as i64).to_le_bytes()
    }
}

fn decode_score(bytes: &[u8]) -> f64 {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    if bytes.len() == usize::from(SCORE_WIDTH_DOUBLE) {
        return f64::from_le_bytes(wide);
    }
    let unused = 64 - 8 * bytes.len();
    (i64::from_le_bytes(wide) << unused >> unused) as f64
}

/// The members of a run, with their scores, from both sides.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    items: Items<'a>,
    score_width: u8,
}

impl<'a> Members<'a> {
    fn split(&self, item: &'a [u8]) -> (&'a [u8], f64) {
        let (score, member) = item.split_at(usize::from(self.score_width));
        (member, decode_score(score))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.items.next()?;
        Some(self.split(item))
    }

    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        let item = self.items.nth(n)?;
        Some(self.split(item))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl DoubleEndedIterator for Members<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let item = self.items.next_back()?;
        Some(self.split(item))
    }

    fn nth_back(&mut self, n: usize) -> Option<Self::Item> {
        let item = self.items.nth_back(n)?;
        Some(self.split(item))
    }
}

impl ExactSizeIterator for Members<'_> {}

/// A member's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// How many members stand before it.
    pub rank: usize,
    /// Where its item begins in the buffer.
    offset: usize,
}

impl Packed {
    /// An empty set without memory.
    pub fn new() -> Self {
        Packed {
            bytes: Box::default(),
            used: 0,
            count: 0,
            width: 0,
            framed: false,
            score_width: SCORE_WIDTHS[0],
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        good_size(self.bytes.len())
    }

    fn format(&self) -> Format {
        if self.framed {
            Format::Framed
        } else {
            Format::Equal(self.width)
        }
    }

    fn items(&self) -> Items<'_> {
        Items::new(&self.bytes[..self.used as usize], self.format(), self.len())
    }

    /// All members in order.
    pub fn members(&self) -> Members<'_> {
        Members {
            items: self.items(),
            score_width: self.score_width,
        }
    }

    /// The members at these ranks.
    pub fn range(&self, ranks: Range<usize>) -> Members<'_> {
        let mut members = self.members();
        if ranks.start > 0 {
            members.nth(ranks.start - 1);
        }
        let surplus = members.len() - ranks.len();
        if surplus > 0 {
            members.nth_back(surplus - 1);
        }
        members
    }

    /// The place of `member`, and its score; O(bytes).
    pub fn find(&self, member: &[u8]) -> Option<(Place, f64)> {
        let score_width = usize::from(self.score_width);
        if !self.framed && self.width as usize != score_width + member.len() {
            return None;
        }
        let mut items = self.items();
        let mut offset = 0;
        let mut rank = 0;
        while let Some(item) = items.next() {
            if item[score_width..] == *member {
                return Some((Place { rank, offset }, decode_score(&item[..score_width])));
            }
            offset = self.used as usize - items.rest().len();
            rank += 1;
        }
        None
    }

    /// How many members at the low end satisfy `holds`, which fails for all that follow one for which it fails.
    pub fn count_while(&self, holds: impl Fn(&[u8], f64) -> bool) -> usize {
        self.place_of_first(|member, score| !holds(member, score)).rank
    }

    /// The place of the first member that satisfies `holds`, which then all that follow do; the end when none does.
    fn place_of_first(&self, holds: impl Fn(&[u8], f64) -> bool) -> Place {
        if self.framed {
            let mut members = self.members();
            let mut place = Place { rank: 0, offset: 0 };
            while let Some((member, score)) = members.next() {
                if holds(member, score) {
                    break;
                }
                place = Place {
                    rank: place.rank + 1,
                    offset: self.used as usize - members.items.rest().len(),
                };
            }
            return place;
        }
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.members().nth(middle) {
                Some((member, score)) if !holds(member, score) => low = middle + 1,
                _ => high = middle,
            }
        }
        Place {
            rank: low,
            offset: low * self.width as usize,
        }
    }

    /// Adds a member that is not there.
    pub fn insert(&mut self, member: &[u8], score: f64) {
        // Valkey keeps whole scores of small sets as integers, which have no negative zero.
        let score = score + 0.0;
        self.admit(member.len(), score);
        let before = |name: &[u8], other: f64| compare((name, other), (member, score)) != Ordering::Less;
        let place = self.place_of_first(before);
        let score_width = usize::from(self.score_width);
        let mut item = SmallVec::<[u8; 80]>::from_slice(&encode_score(score, self.score_width)[..score_width]);
        item.extend_from_slice(member);
        let format = self.format();
        let cost = format.cost(item.len());
        self.make_room(cost);
        let from = place.offset;
        self.bytes.copy_within(from..self.used as usize, from + cost);
        format.write(&item, &mut self.bytes[from..from + cost]);
        self.used += narrow(cost);
        self.count += 1;
    }

    /// Chooses a format that holds all there is and a member of `len` bytes with this score.
    fn admit(&mut self, len: usize, score: f64) {
        let needed = score_width(score);
        if self.count == 0 {
            self.score_width = needed;
            self.framed = false;
            self.width = narrow(usize::from(needed) + len);
            return;
        }
        let wider = needed.max(self.score_width);
        let equal = !self.framed && self.width as usize == usize::from(self.score_width) + len;
        if wider > self.score_width || !equal && !self.framed {
            self.rewrite(wider, equal);
        }
    }

    /// Writes all members anew with scores of this width, as items of equal length or framed.
    fn rewrite(&mut self, score_width: u8, equal: bool) {
        let mut rewritten = Packed::new();
        let member_len = self.members().next().map_or(0, |(member, _)| member.len());
        rewritten.score_width = score_width;
        rewritten.framed = !equal;
        rewritten.width = narrow(usize::from(score_width) + member_len);
        let format = rewritten.format();
        let cost = |member: &[u8]| format.cost(usize::from(score_width) + member.len());
        let needed = self.members().map(|(member, _)| cost(member)).sum::<usize>();
        rewritten.make_room(needed);
        let mut item = Vec::new();
        for (member, score) in self.members() {
            item.clear();
            item.extend_from_slice(&encode_score(score, score_width)[..usize::from(score_width)]);
            item.extend_from_slice(member);
            let from = rewritten.used as usize;
            let to = from + cost(member);
            format.write(&item, &mut rewritten.bytes[from..to]);
            rewritten.used = narrow(to);
            rewritten.count += 1;
        }
        *self = rewritten;
    }

    fn make_room(&mut self, more: usize) {
        let needed = self.used as usize + more;
        if needed > self.bytes.len() {
            let grown = self.bytes.len() + self.bytes.len() / 8;
            self.resize(good_size(needed.max(grown)));
        }
    }

    fn resize(&mut self, capacity: usize) {
        let used = self.used as usize;
        let mut bytes = vec![0; capacity].into_boxed_slice();
        bytes[..used].copy_from_slice(&self.bytes[..used]);
        self.bytes = bytes;
    }

    /// Removes the member at a place that was found.
    pub fn remove(&mut self, place: Place) {
        let run = &self.bytes[place.offset..self.used as usize];
        let (_, cost) = self.format().first(run);
        self.cut(place.offset, cost, 1);
    }

    /// Removes the members at these ranks.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        let mut items = self.items();
        if ranks.start > 0 {
            items.nth(ranks.start - 1);
        }
        let from = self.used as usize - items.rest().len();
        if !ranks.is_empty() {
            items.nth(ranks.len() - 1);
        }
        let to = self.used as usize - items.rest().len();
        self.cut(from, to - from, ranks.len());
    }

    fn cut(&mut self, from: usize, bytes: usize, count: usize) {
        self.bytes.copy_within(from + bytes..self.used as usize, from);
        self.used -= narrow(bytes);
        self.count -= narrow(count);
        if self.bytes.len() > 256 && (self.used as usize) < self.bytes.len() / 4 {
            self.resize(good_size(self.used as usize * 2));
        }
    }

    /// Panics unless the buffer holds what is counted.
    pub fn check(&self) {
        let mut items = self.items();
        assert_eq!(items.by_ref().count(), self.len());
        assert!(items.rest().is_empty(), "bytes are left behind the last member");
        assert!(SCORE_WIDTHS.contains(&self.score_width));
    }
}
