//! The compact forms that older versions wrote, and sorted integers.

use super::Damaged;
use super::listpack::Item;
use super::source::Source;

const END: u8 = 0xff;
/// A length in one byte of ziplists and zipmaps is below this; with it, four bytes follow.
const LONG: u8 = 0xfe;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// The elements of a ziplist, each of which tells the length of the one before.
pub fn ziplist(bytes: &[u8]) -> Result<Vec<Item<'_>>, Damaged> {
    let mut source = Source::new(bytes);
    let total = u32::from_le_bytes(source.array()?) as usize;
    let tail = u32::from_le_bytes(source.array()?) as usize;
    let count = u16::from_le_bytes(source.array()?);
    if total != bytes.len() || bytes.last() != Some(&END) {
        return Err(Damaged);
    }
    let (mut items, mut before_len, mut last_at) = (Vec::new(), 0, bytes.len() - source.len());
    while source.len() > 1 {
        last_at = bytes.len() - source.len();
        if long_length(&mut source)? != before_len {
            return Err(Damaged);
        }
        items.push(ziplist_item(&mut source)?);
        before_len = bytes.len() - source.len() - last_at;
    }
    let fits = source.len() == 1 && tail == last_at && (count == COUNT_UNKNOWN || usize::from(count) == items.len());
    if fits { Ok(items) } else { Err(Damaged) }
}

/// A length in one byte, or in four behind a mark.
fn long_length(source: &mut Source<'_>) -> Result<usize, Damaged> {
    match source.byte()? {
        LONG => Ok(u32::from_le_bytes(source.array()?) as usize),
        END => Err(Damaged),
        len => Ok(usize::from(len)),
    }
}

fn ziplist_item<'a>(source: &mut Source<'a>) -> Result<Item<'a>, Damaged> {
    let first = source.byte()?;
    let len = match first {
        0..0x40 => usize::from(first),
        0x40..0x80 => usize::from(first & 0x3f) << 8 | usize::from(source.byte()?),
        0x80 => u32::from_be_bytes(source.array()?) as usize,
        0xc0 => return Ok(Item::Int(i64::from(i16::from_le_bytes(source.array()?)))),
        0xd0 => return Ok(Item::Int(i64::from(i32::from_le_bytes(source.array()?)))),
        0xe0 => return Ok(Item::Int(i64::from_le_bytes(source.array()?))),
        0xf0 => {
            let [low, middle, high] = source.array()?;
            return Ok(Item::Int(i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8)));
        }
        0xfe => return Ok(Item::Int(i64::from(i8::from_le_bytes(source.array()?)))),
        0xf1..=0xfd => return Ok(Item::Int(i64::from(first & 0x0f) - 1)),
        _ => return Err(Damaged),
    };
    Ok(Item::Bytes(source.take(len)?))
}

/// The fields and values of a zipmap, alternating.
pub fn zipmap(bytes: &[u8]) -> Result<Vec<Item<'_>>, Damaged> {
    let mut source = Source::new(bytes);
    source.byte()?;
    let mut items = Vec::new();
    while source.len() > 1 {
        let field = long_length(&mut source)?;
        items.push(Item::Bytes(source.take(field)?));
        let value = long_length(&mut source)?;
        let free = usize::from(source.byte()?);
        items.push(Item::Bytes(source.take(value)?));
        source.take(free)?;
    }
    if source.byte()? == END { Ok(items) } else { Err(Damaged) }
}

/// Integers in ascending order, none of them twice.
pub fn ints(bytes: &[u8]) -> Result<Vec<i64>, Damaged> {
    let mut source = Source::new(bytes);
    let width = u32::from_le_bytes(source.array()?) as usize;
    let count = u32::from_le_bytes(source.array()?) as usize;
    if !matches!(width, 2 | 4 | 8) || count.checked_mul(width) != Some(source.len()) {
        return Err(Damaged);
    }
    let rest = source.take(source.len())?;
    let int = |chunk: &[u8]| {
        let mut word = [0; 8];
        word[8 - width..].copy_from_slice(chunk);
        i64::from_le_bytes(word) >> (8 * (8 - width))
    };
    let ints: Vec<i64> = rest.chunks_exact(width).map(int).collect();
    if ints.is_sorted_by(|one, other| one < other) {
        Ok(ints)
    } else {
        Err(Damaged)
    }
}

/// The bytes that [`ints`] reads, with as few bytes an integer as the widest one needs.
pub fn write_ints(ints: &[i64]) -> Vec<u8> {
    let needed = |number: &i64| match number {
        -0x8000..=0x7fff => 2,
        -0x8000_0000..=0x7fff_ffff => 4,
        _ => 8,
    };
    let width = ints.iter().map(needed).max().unwrap_or(2);
    let mut bytes = Vec::with_capacity(8 + ints.len() * width);
    bytes.extend_from_slice(&(width as u32).to_le_bytes());
    bytes.extend_from_slice(&(ints.len() as u32).to_le_bytes());
    for number in ints {
        bytes.extend_from_slice(&number.to_le_bytes()[..width]);
    }
    bytes
}
