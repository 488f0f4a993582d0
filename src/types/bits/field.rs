//! Integers of any width up to 64 bits, at any bit of a string: BITFIELD's.

use super::index;

/// An integer type of BITFIELD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Two's complement.
    pub signed: bool,
    /// Width: 1 to 64, or to 63 when unsigned.
    pub bits: u32,
}

/// What becomes of a result that a field cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// Its lowest bits stay.
    #[default]
    Wrap,
    /// The nearest limit stands for it.
    Saturate,
    /// Nothing is written.
    Fail,
}

impl Field {
    /// Reads the integer at bit `at`; bits behind the end are 0.
    pub fn get(self, bytes: &[u8], at: u64) -> i64 {
        let Ok(start) = usize::try_from(at / 8) else {
            return 0;
        };
        let mut window = [0; 16];
        let inside = bytes.get(start..).unwrap_or_default();
        let len = inside.len().min(window.len());
        window[..len].copy_from_slice(&inside[..len]);
        let window = u128::from_be_bytes(window) << (at % 8);
        self.narrow((window >> (128 - self.bits)) as u64 as i64)
    }

    /// Writes the lowest bits of `value` at bit `at`; all of them must lie inside.
    pub fn set(self, bytes: &mut [u8], at: u64, value: i64) {
        let shift = 128 - self.bits - (at % 8) as u32;
        let mask = (u128::MAX >> (128 - self.bits)) << shift;
        let value = (value as u64 as u128) << shift & mask;
        let start = index(at / 8);
        let end = index((at + u64::from(self.bits) - 1) / 8) + 1;
        let planes = value.to_be_bytes().into_iter().zip(mask.to_be_bytes());
        for (byte, (value, mask)) in bytes[start..end].iter_mut().zip(planes) {
            *byte = *byte & !mask | value;
        }
    }

    /// The sum of a value and an increment, brought into the field's range as `overflow` says; `None` when that is to fail.
    pub fn add(self, value: i64, increment: i64, overflow: Overflow) -> Option<i64> {
        let limit = if self.signed {
            self.signed_limit(value, increment)
        } else {
            self.unsigned_limit(value as u64, increment)
        };
        match (limit, overflow) {
            (None, _) => Some(value.wrapping_add(increment)),
            (Some(_), Overflow::Wrap) => Some(self.narrow(value.wrapping_add(increment))),
            (Some(limit), Overflow::Saturate) => Some(limit),
            (Some(_), Overflow::Fail) => None,
        }
    }

    /// The limit that the sum passes. The distances to the limits wrap as Valkey's do, which decides on which side a value
    /// far outside a narrow field is.
    fn signed_limit(self, value: i64, increment: i64) -> Option<i64> {
        let max = i64::MAX >> (64 - self.bits);
        let min = -max - 1;
        let narrow = self.bits < 64;
        let (above, below) = (max.wrapping_sub(value), min.wrapping_sub(value));
        if value > max || increment > above && (narrow || value >= 0 && increment > 0) {
            Some(max)
        } else if value < min || increment < below && (narrow || value < 0 && increment < 0) {
            Some(min)
        } else {
            None
        }
    }

    fn unsigned_limit(self, value: u64, increment: i64) -> Option<i64> {
        let max = u64::MAX >> (64 - self.bits);
        let above = max.wrapping_sub(value) as i64;
        let below = (value as i64).wrapping_neg();
        if value > max || increment > 0 && increment > above {
            Some(max as i64)
        } else if increment < 0 && increment < below {
            Some(0)
        } else {
            None
        }
    }

    /// The lowest bits of `value` as the field reads them.
    pub(super) fn narrow(self, value: i64) -> i64 {
        let spare = 64 - self.bits;
        if self.signed {
            value << spare >> spare
        } else {
            ((value as u64) << spare >> spare) as i64
        }
    }
}
