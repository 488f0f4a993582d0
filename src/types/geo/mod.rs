//! Points on the earth as numbers: 26 bits of longitude and latitude each, interleaved (a geohash), so that points in one cell
//! of a grid have neighbouring numbers. The arithmetic is Valkey's to the last bit: clients see its digits.

mod area;
#[cfg(test)]
mod tests;

pub use area::{Area, Shape};

/// Bits of each coordinate in a score.
const STEP_MAX: u32 = 26;
/// Bits of a score.
const SCORE_BITS: u32 = 2 * STEP_MAX;
/// Metres; the quadratic mean radius of WGS 84.
const EARTH_RADIUS_M: f64 = 6_372_797.560_856;
const RADIANS: f64 = std::f64::consts::PI / 180.0;

const LONGITUDE: Axis = Axis {
    min: -180.0,
    max: 180.0,
};
/// The poles have no place in the Mercator projection (EPSG:3857).
const LATITUDE: Axis = Axis {
    min: -85.051_128_78,
    max: 85.051_128_78,
};
/// Of standard geohashes.
const LATITUDE_STANDARD: Axis = Axis { min: -90.0, max: 90.0 };
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// Letters of a standard geohash; the bits of a score fill ten.
const LETTERS: u32 = 11;

/// Degrees of longitude and latitude.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// East of Greenwich.
    pub longitude: f64,
    /// North of the equator.
    pub latitude: f64,
}

/// A coordinate's range, in degrees.
#[derive(Clone, Copy, Debug)]
struct Axis {
    min: f64,
    max: f64,
}

impl Axis {
    fn contains(self, value: f64) -> bool {
        (self.min..=self.max).contains(&value)
    }

    /// `value` in units of a grid of 2^step lines; the highest value lies behind the last line.
    fn line(self, value: f64, step: u32) -> u32 {
        ((value - self.min) / (self.max - self.min) * (1u64 << step) as f64) as u32
    }

    /// Where line `line` of such a grid lies.
    fn at(self, line: u32, step: u32) -> f64 {
        self.min + f64::from(line) / (1u64 << step) as f64 * (self.max - self.min)
    }
}

impl Point {
    /// Whether the point can be stored.
    pub fn is_valid(self) -> bool {
        LONGITUDE.contains(self.longitude) && LATITUDE.contains(self.latitude)
    }

    /// The number that a sorted set keeps of the point.
    pub fn score(self) -> f64 {
        Cell::of(self, STEP_MAX).bits as f64
    }

    /// The point that a score stands for: the middle of its cell. Any score stands for some point.
    pub fn of_score(score: f64) -> Self {
        let cell = Cell {
            bits: bits_of(score),
            step: STEP_MAX,
        };
        let bounds = cell.bounds();
        let middle = |axis: Axis, min: f64, max: f64| ((min + max) / 2.0).clamp(axis.min, axis.max);
        Point {
            longitude: middle(LONGITUDE, bounds.west, bounds.east),
            latitude: middle(LATITUDE, bounds.south, bounds.north),
        }
    }

    /// Metres to `other` on a sphere, by the haversine formula.
    pub fn distance_m(self, other: Point) -> f64 {
        let half_longitude = ((other.longitude * RADIANS - self.longitude * RADIANS) / 2.0).sin();
        if half_longitude == 0.0 {
            return meridian_m(self.latitude, other.latitude);
        }
        let (one, two) = (self.latitude * RADIANS, other.latitude * RADIANS);
        let half_latitude = ((two - one) / 2.0).sin();
        let square = half_latitude * half_latitude + one.cos() * two.cos() * half_longitude * half_longitude;
        2.0 * EARTH_RADIUS_M * square.sqrt().asin()
    }

    /// The letters of the standard geohash.
    pub fn geohash(self) -> String {
        let latitude = LATITUDE_STANDARD.line(self.latitude, STEP_MAX);
        let bits = interleave(latitude, LONGITUDE.line(self.longitude, STEP_MAX));
        let letter = |at: u32| match SCORE_BITS.checked_sub((at + 1) * 5) {
            Some(shift) => char::from(ALPHABET[(bits >> shift & 0x1f) as usize]),
            None => '0',
        };
        (0..LETTERS).map(letter).collect()
    }
}

/// Metres between two latitudes on a meridian.
fn meridian_m(one: f64, other: f64) -> f64 {
    EARTH_RADIUS_M * (other * RADIANS - one * RADIANS).abs()
}

/// A score's integer; those that are none are converted as x86-64 does.
fn bits_of(score: f64) -> u64 {
    const HALF: f64 = (1u64 << 63) as f64;
    if score < HALF {
        return truncated(score) as u64;
    }
    (truncated(score - HALF) as u64) ^ 1 << 63
}

/// The integer part; out of range, the least integer.
pub fn truncated(number: f64) -> i64 {
    match number as i64 {
        i64::MAX => i64::MIN,
        integer => integer,
    }
}

/// A cell of the grid whose lines are `360 / 2^step` degrees apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    bits: u64,
    step: u32,
}

/// The sides of a region, in degrees.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

impl Cell {
    fn of(point: Point, step: u32) -> Self {
        let latitude = LATITUDE.line(point.latitude, step);
        Cell {
            bits: interleave(latitude, LONGITUDE.line(point.longitude, step)),
            step,
        }
    }

    fn bounds(self) -> Bounds {
        let (latitude, longitude) = (gather(self.bits), gather(self.bits >> 1));
        Bounds {
            west: LONGITUDE.at(longitude, self.step),
            east: LONGITUDE.at(longitude.wrapping_add(1), self.step),
            south: LATITUDE.at(latitude, self.step),
            north: LATITUDE.at(latitude.wrapping_add(1), self.step),
        }
    }

    /// The cell so many columns east and rows north, around the world.
    fn neighbour(self, east: i32, north: i32) -> Self {
        let mask = (1u32 << self.step) - 1;
        let moved = |line: u32, by: i32| line.wrapping_add_signed(by) & mask;
        let (latitude, longitude) = (gather(self.bits), gather(self.bits >> 1));
        // A coordinate that is not moved keeps even what lies behind the last line.
        let latitude = if north == 0 { latitude } else { moved(latitude, north) };
        let longitude = if east == 0 { longitude } else { moved(longitude, east) };
        Cell {
            bits: interleave(latitude, longitude),
            step: self.step,
        }
    }

    /// The first score in the cell and the first one behind it.
    fn scores(self) -> (f64, f64) {
        let shift = SCORE_BITS - 2 * self.step;
        ((self.bits << shift) as f64, ((self.bits + 1) << shift) as f64)
    }
}

/// The bits of `even` and `odd` alternating, the lowest one from `even`.
fn interleave(even: u32, odd: u32) -> u64 {
    spread(even) | spread(odd) << 1
}

/// Moves bit i to bit 2i.
fn spread(line: u32) -> u64 {
    let folds = [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ];
    folds
        .iter()
        .fold(u64::from(line), |bits, (shift, mask)| (bits | bits << shift) & mask)
}

/// Moves bit 2i to bit i.
fn gather(bits: u64) -> u32 {
    let folds = [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ];
    let even = bits & 0x5555_5555_5555_5555;
    folds
        .iter()
        .fold(even, |bits, (shift, mask)| (bits | bits >> shift) & mask) as u32
}
