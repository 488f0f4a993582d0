//! Items back to back in one buffer, either all of one length, or each between two copies of its length so that it can be
//! read from both sides. Knows bytes only.

/// How the items of a buffer are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// All items have this many bytes (at least one) and nothing else is stored.
    Equal(u32),
    /// Each item has its length before it and, mirrored, behind it.
    Framed,
}

impl Format {
    /// How many bytes an item of `len` bytes takes; one of another length than an `Equal` format's has no place there.
    pub fn cost(self, len: usize) -> usize {
        match self {
            Format::Equal(_) => len,
            Format::Framed => len + 2 * length_bytes(len),
        }
    }

    /// Writes `item` over `place`, which is as long as the item's cost.
    pub fn write(self, item: &[u8], place: &mut [u8]) {
        match self {
            Format::Equal(_) => place.copy_from_slice(item),
            Format::Framed => {
                let (frame, n) = encode_length(item.len());
                let end = place.len();
                place[..n].copy_from_slice(&frame[..n]);
                place[n..end - n].copy_from_slice(item);
                for (i, byte) in frame[..n].iter().enumerate() {
                    place[end - 1 - i] = *byte;
                }
            }
        }
    }

    /// The item at the front of `bytes`, and how many bytes it takes.
    #[inline]
    pub fn first(self, bytes: &[u8]) -> (&[u8], usize) {
        match self {
            Format::Equal(width) => (&bytes[..width as usize], width as usize),
            Format::Framed => {
                let (len, n) = decode_length(|i| bytes[i]);
                (&bytes[n..n + len], len + 2 * n)
            }
        }
    }

    /// The item at the back of `bytes`, and how many bytes it takes.
    #[inline]
    pub fn last(self, bytes: &[u8]) -> (&[u8], usize) {
        let end = bytes.len();
        match self {
            Format::Equal(width) => (&bytes[end - width as usize..], width as usize),
            Format::Framed => {
                let (len, n) = decode_length(|i| bytes[end - 1 - i]);
                (&bytes[end - n - len..end - n], len + 2 * n)
            }
        }
    }
}

/// A length is 7, 14 or 32 bits, after one, two or eight bits that tell which.
const LENGTH_BYTES_MAX: usize = 5;

/// How many bytes the length `len` takes on one side of an item.
pub const fn length_bytes(len: usize) -> usize {
    match len {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        _ => LENGTH_BYTES_MAX,
    }
}

fn encode_length(len: usize) -> ([u8; LENGTH_BYTES_MAX], usize) {
    let n = length_bytes(len);
    let [a, b, c, d] = u32::try_from(len)
        .expect("a bulk is limited far below 4 GiB")
        .to_be_bytes();
    let bytes = match n {
        1 => [d, 0, 0, 0, 0],
        2 => [0x80 | c, d, 0, 0, 0],
        _ => [0xc0, a, b, c, d],
    };
    (bytes, n)
}

/// The length that `byte` spells, and how many bytes it took; `byte(0)` is the one farthest from the item.
fn decode_length(byte: impl Fn(usize) -> u8) -> (usize, usize) {
    let first = byte(0);
    match first {
        0..0x80 => (usize::from(first), 1),
        0x80..0xc0 => (usize::from(first & 0x3f) << 8 | usize::from(byte(1)), 2),
        _ => {
            let len = u32::from_be_bytes([byte(1), byte(2), byte(3), byte(4)]);
            (len as usize, LENGTH_BYTES_MAX)
        }
    }
}

/// The items of a run of packed bytes, from both sides.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    bytes: &'a [u8],
    format: Format,
    left: usize,
}

impl<'a> Items<'a> {
    /// The `count` items that `bytes` consists of.
    pub fn new(bytes: &'a [u8], format: Format, count: usize) -> Self {
        Items {
            bytes,
            format,
            left: count,
        }
    }

    /// Only the first `count` of the items from `start` on.
    pub fn part(mut self, start: usize, count: usize) -> Self {
        if start > 0 {
            self.nth(start - 1);
        }
        self.left = self.left.min(count);
        self
    }

    /// The bytes of the items that have not been given out.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let (item, taken) = self.format.first(self.bytes);
        self.bytes = &self.bytes[taken..];
        Some(item)
    }

    fn nth(&mut self, n: usize) -> Option<&'a [u8]> {
        if let Format::Equal(width) = self.format {
            let skipped = n.min(self.left);
            self.left -= skipped;
            self.bytes = &self.bytes[skipped * width as usize..];
            return self.next();
        }
        for _ in 0..n {
            self.next()?;
        }
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }

    /// Decides only once how the items are told apart.
    #[inline]
    fn fold<B, F: FnMut(B, &'a [u8]) -> B>(self, init: B, mut f: F) -> B {
        let mut result = init;
        if let Format::Equal(width @ 1..) = self.format {
            let width = width as usize;
            for item in self.bytes[..self.left * width].chunks_exact(width) {
                result = f(result, item);
            }
        } else {
            for item in self {
                result = f(result, item);
            }
        }
        result
    }
}

impl<'a> DoubleEndedIterator for Items<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let (item, taken) = self.format.last(self.bytes);
        self.bytes = &self.bytes[..self.bytes.len() - taken];
        Some(item)
    }

    fn nth_back(&mut self, n: usize) -> Option<&'a [u8]> {
        if let Format::Equal(width) = self.format {
            let skipped = n.min(self.left);
            self.left -= skipped;
            self.bytes = &self.bytes[..self.bytes.len() - skipped * width as usize];
            return self.next_back();
        }
        for _ in 0..n {
            self.next_back()?;
        }
        self.next_back()
    }
}

impl ExactSizeIterator for Items<'_> {}
