//! Extended precision (the x87's 80-bit format), in which Valkey on x86-64 adds the increments of INCRBYFLOAT and HINCRBYFLOAT:
//! 64 bits of mantissa, rounded half to even. Text is converted exactly both ways, whatever the machine.

use super::natural::Natural;

/// Exponent of the mantissa's lowest bit in the smallest numbers.
const EXPONENT_MIN: i32 = -16_445;
/// Exponent of the mantissa's lowest bit in the largest numbers.
const EXPONENT_MAX: i32 = 16_320;
/// Longer texts are not numbers for Valkey, in bytes.
const TEXT_MAX: usize = 5119;
/// Decimal digits after the point that are printed.
const FRACTION_DIGITS: u32 = 17;

/// `mantissa * 2^exponent` with a sign, or an infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extended {
    negative: bool,
    mantissa: u64,
    exponent: i32,
    infinite: bool,
}

impl From<i64> for Extended {
    fn from(value: i64) -> Self {
        Extended::rounded(value < 0, u128::from(value.unsigned_abs()), 0, false)
    }
}

impl Extended {
    /// The number that `text` spells as C's `strtold` reads it, the whole of it: decimal or hexadecimal, infinities; no NaN, no
    /// blanks, nothing beyond the range. O(n^2) for n digits and exponents of n.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let (negative, body) = match text {
            [b'-', body @ ..] => (true, body),
            [b'+', body @ ..] => (false, body),
            body => (false, body),
        };
        if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
            return Some(Extended::infinity(negative));
        }
        let parsed = match body {
            [b'0', b'x' | b'X', digits @ ..] => Literal::read(digits, 16)?.hexadecimal(negative),
            digits => Literal::read(digits, 10)?.decimal(negative),
        };
        parsed.filter(|number| !number.infinite)
    }

    /// Whether it is an infinity.
    pub fn is_infinite(self) -> bool {
        self.infinite
    }

    /// The rounded sum; `None` when it is not finite.
    pub fn checked_add(self, other: Extended) -> Option<Extended> {
        if self.infinite || other.infinite {
            return None;
        }
        let (big, small) = if self.magnitude() >= other.magnitude() {
            (self, other)
        } else {
            (other, self)
        };
        // 62 bits of room below the larger mantissa; what does not fit there can only break a tie.
        let distance = big.exponent.abs_diff(small.exponent);
        let left = u128::from(big.mantissa) << 62;
        let right = u128::from(small.mantissa) << 62;
        let shifted = right.checked_shr(distance).unwrap_or(0);
        let lost = shifted.checked_shl(distance).unwrap_or(0) != right;
        let right = shifted | u128::from(lost);
        let (negative, sum) = if big.negative == small.negative {
            (big.negative, left + right)
        } else {
            (big.negative && left != right, left - right)
        };
        let sum = Extended::rounded(negative, sum, big.exponent - 62, false);
        (!sum.infinite).then_some(sum)
    }

    /// Its decimal text with at most 17 digits after the point and no trailing zeros; never an exponent. It must be finite.
    pub fn format(self) -> String {
        let text = if self.exponent > 0 {
            let mut whole = Natural::from(self.mantissa);
            whole.shift_left(self.exponent.unsigned_abs());
            whole.to_decimal()
        } else {
            self.fraction_text()
        };
        if self.negative && text != "0" {
            format!("-{text}")
        } else {
            text
        }
    }

    fn fraction_text(self) -> String {
        let unit = 10u128.pow(FRACTION_DIGITS);
        let scaled = round_off(u128::from(self.mantissa) * unit, self.exponent.unsigned_abs(), false);
        let mut text = (scaled / unit).to_string();
        let fraction = format!("{:017}", scaled % unit);
        let fraction = fraction.trim_end_matches('0');
        if !fraction.is_empty() {
            text.push('.');
            text.push_str(fraction);
        }
        text
    }

    fn infinity(negative: bool) -> Self {
        Extended {
            negative,
            mantissa: 0,
            exponent: 0,
            infinite: true,
        }
    }

    /// Orders absolute values of finite numbers: mantissas are normal unless the exponent is the smallest.
    fn magnitude(self) -> (bool, i32, u64) {
        (self.mantissa != 0, self.exponent, self.mantissa)
    }

    /// The number nearest to `(mantissa + something below 1, if inexact) * 2^exponent`.
    fn rounded(negative: bool, mantissa: u128, exponent: i32, inexact: bool) -> Self {
        let bits = 128 - mantissa.leading_zeros() as i32;
        let drop = (bits - 64).max(EXPONENT_MIN - exponent);
        let mut exponent = exponent + drop;
        let mut kept = if drop > 0 {
            round_off(mantissa, drop.unsigned_abs(), inexact)
        } else {
            mantissa << drop.unsigned_abs()
        };
        if kept >> 64 != 0 {
            kept >>= 1;
            exponent += 1;
        }
        if kept == 0 {
            exponent = 0;
        }
        if exponent > EXPONENT_MAX {
            return Extended::infinity(negative);
        }
        Extended {
            negative,
            mantissa: kept as u64,
            exponent,
            infinite: false,
        }
    }
}

/// `(value + something below 1, if inexact) / 2^bits`, rounded half to even; `value` is below 2^127.
fn round_off(value: u128, bits: u32, inexact: bool) -> u128 {
    if bits == 0 || bits > 127 {
        return if bits == 0 { value } else { 0 };
    }
    let kept = value >> bits;
    let lost = value & ((1 << bits) - 1);
    let half = 1 << (bits - 1);
    let up = lost > half || lost == half && (inexact || kept & 1 == 1);
    kept + u128::from(up)
}

/// The digits of a number without its sign: `digits * base^-fraction * (10 or 2)^exponent`.
struct Literal {
    digits: Natural,
    fraction: i32,
    exponent: i32,
}

impl Literal {
    fn read(text: &[u8], base: u32) -> Option<Self> {
        let marker = if base == 16 { b'p' } else { b'e' };
        let end = text.iter().position(|byte| byte.to_ascii_lowercase() == marker);
        let (significand, exponent) = match end {
            Some(end) => (&text[..end], read_exponent(&text[end + 1..])?),
            None => (text, 0),
        };
        let mut literal = Literal {
            digits: Natural::default(),
            fraction: 0,
            exponent,
        };
        let (mut any, mut point) = (false, false);
        for &byte in significand {
            if byte == b'.' && !point {
                point = true;
                continue;
            }
            literal.digits.multiply_add(base, char::from(byte).to_digit(base)?);
            literal.fraction += i32::from(point);
            any = true;
        }
        any.then_some(literal)
    }

    /// `None` when a number that is not zero is too small or too large.
    fn decimal(self, negative: bool) -> Option<Extended> {
        let exponent = self.exponent.saturating_sub(self.fraction);
        if self.digits.is_zero() {
            return Some(Extended::rounded(negative, 0, 0, false));
        }
        // Decimal digits, rounded down: enough to tell hopeless exponents before they cost work.
        let digits = self.digits.bits() as i32 * 3 / 10;
        if !(-5000..=5000).contains(&exponent.saturating_add(digits)) {
            return None;
        }
        let (mut number, mut divisor) = (self.digits, Natural::from(1));
        if exponent >= 0 {
            number.scale_ten(exponent.unsigned_abs());
        } else {
            divisor.scale_ten(exponent.unsigned_abs());
        }
        let shift = 66 + divisor.bits() as i32 - number.bits() as i32;
        if shift > 0 {
            number.shift_left(shift.unsigned_abs());
        } else {
            divisor.shift_left(shift.unsigned_abs());
        }
        let (quotient, inexact) = number.divide(divisor);
        Some(Extended::rounded(negative, quotient, -shift, inexact)).filter(|number| number.mantissa != 0)
    }

    fn hexadecimal(self, negative: bool) -> Option<Extended> {
        let exponent = self.exponent.saturating_sub(4 * self.fraction);
        if self.digits.is_zero() {
            return Some(Extended::rounded(negative, 0, 0, false));
        }
        let bits = self.digits.bits();
        let mut divisor = Natural::from(1);
        let excess = bits.saturating_sub(100);
        divisor.shift_left(excess);
        let exponent = exponent.saturating_add_unsigned(excess);
        if !(-17_000..=17_000).contains(&exponent) {
            return None;
        }
        let (quotient, inexact) = self.digits.divide(divisor);
        Some(Extended::rounded(negative, quotient, exponent, inexact)).filter(|number| number.mantissa != 0)
    }
}

/// The decimal exponent of a literal; far beyond the range it need not be exact.
fn read_exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut exponent = 0i32;
    for &byte in digits {
        let digit = char::from(byte).to_digit(10)?;
        exponent = exponent.saturating_mul(10).saturating_add_unsigned(digit);
    }
    Some(if negative { -exponent } else { exponent })
}

#[cfg(test)]
mod tests;
