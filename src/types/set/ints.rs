//! The form of sets of integers: sorted, each in the fewest bytes (2, 4 or 8) that ever held all of them.

use crate::base::size_class::good_size;

/// The bytes of an integer.
const WIDTHS: [u8; 3] = [2, 4, 8];

/// Unique integers in order, in one buffer.
#[derive(Clone, Debug)]
pub struct Ints {
    bytes: Box<[u8]>,
    count: u32,
    width: u8,
}

impl Default for Ints {
    fn default() -> Self {
        Ints {
            bytes: Box::default(),
            count: 0,
            width: WIDTHS[0],
        }
    }
}

/// The fewest bytes that hold `number`.
fn width_of(number: i64) -> u8 {
    match number {
        -0x8000..0x8000 => WIDTHS[0],
        -0x8000_0000..0x8000_0000 => WIDTHS[1],
        _ => WIDTHS[2],
    }
}

impl Ints {
    /// Number of integers.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        good_size(self.bytes.len())
    }

    /// The integer before which `at` others stand.
    #[inline]
    pub fn at(&self, at: usize) -> i64 {
        let width = usize::from(self.width);
        let bytes = &self.bytes[at * width..(at + 1) * width];
        match *bytes {
            [a, b] => i64::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
            _ => i64::from_le_bytes(bytes.try_into().expect("a width is one of three")),
        }
    }

    /// The integers in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = i64> + Clone {
        (0..self.len()).map(|at| self.at(at))
    }

    /// Where `number` stands, or where it would; O(log n).
    fn find(&self, number: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.at(middle).cmp(&number) {
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// Whether `number` is there; O(log n).
    pub fn contains(&self, number: i64) -> bool {
        self.find(number).is_ok()
    }

    /// Adds `number`; tells whether it is new. O(n).
    pub fn insert(&mut self, number: i64) -> bool {
        let Err(at) = self.find(number) else {
            return false;
        };
        let width = width_of(number).max(self.width);
        if width > self.width {
            self.widen(width);
        }
        let width = usize::from(width);
        let used = self.len() * width;
        if used + width > self.bytes.len() {
            self.resize(good_size((used + width).max(used + used / 4)));
        }
        let from = at * width;
        self.bytes.copy_within(from..used, from + width);
        self.count += 1;
        self.write(at, number);
        true
    }

    fn write(&mut self, at: usize, number: i64) {
        let width = usize::from(self.width);
        self.bytes[at * width..(at + 1) * width].copy_from_slice(&number.to_le_bytes()[..width]);
    }

    fn widen(&mut self, width: u8) {
        let mut wide = Ints {
            bytes: vec![0; good_size(self.len() * usize::from(width))].into_boxed_slice(),
            count: self.count,
            width,
        };
        for (at, number) in self.iter().enumerate() {
            wide.write(at, number);
        }
        *self = wide;
    }

    fn resize(&mut self, capacity: usize) {
        let mut bytes = std::mem::take(&mut self.bytes).into_vec();
        bytes.truncate(capacity);
        bytes.reserve_exact(capacity - bytes.len());
        bytes.resize(capacity, 0);
        self.bytes = bytes.into_boxed_slice();
    }

    /// Removes `number`; tells whether it was there. O(n).
    pub fn remove(&mut self, number: i64) -> bool {
        let found = self.find(number);
        if let Ok(at) = found {
            self.remove_at(at);
        }
        found.is_ok()
    }

    /// Removes the integer before which `at` others stand; O(n).
    pub fn remove_at(&mut self, at: usize) {
        let width = usize::from(self.width);
        let used = self.len() * width;
        self.bytes.copy_within((at + 1) * width..used, at * width);
        self.count -= 1;
        self.give_back();
    }

    /// Keeps the integers for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(i64) -> bool) {
        let mut kept = 0;
        for at in 0..self.len() {
            let number = self.at(at);
            if keep(number) {
                self.write(kept, number);
                kept += 1;
            }
        }
        self.count = u32::try_from(kept).expect("no more than before");
        self.give_back();
    }

    fn give_back(&mut self) {
        let used = self.len() * usize::from(self.width);
        if used < self.bytes.len() / 4 {
            self.resize(good_size(used));
        }
    }

    /// Panics when an invariant does not hold.
    #[cfg(test)]
    pub fn check(&self) {
        assert!(self.iter().is_sorted_by(|one, other| one < other));
        assert!(WIDTHS.contains(&self.width));
        assert!(self.len() * usize::from(self.width) <= self.bytes.len());
    }
}
