//! Numbers as Valkey reads and prints them.

use super::shortest::{DIGITS_MAX, shortest_digits};

/// The integer that `text` spells in canonical form (no sign `+`, no leading zero, no space), if it is one.
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut magnitude: u64 = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit - b'0');
    }
    if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// The longest word that is taken for a double.
const DOUBLE_WORD_MAX: usize = 255;

/// The double that `text` spells, as Valkey's argument parser takes it: no spaces, no NaN, infinities only by name,
/// nothing that a double can only hold as infinity or zero.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    parse_f64_of_any_length(word(text)?)
}

/// As [`parse_f64`], however long the text is: weights of SORT.
pub fn parse_f64_of_any_length(text: &[u8]) -> Option<f64> {
    let value = spelled(text)?;
    let mantissa = text.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or(text);
    let lost = (value == 0.0 && mantissa.iter().any(|digit| matches!(digit, b'1'..=b'9')))
        || (value.is_infinite() && text.iter().any(u8::is_ascii_digit));
    (!lost).then_some(value)
}

/// As [`parse_f64`] where numbers beyond the range of doubles read as infinity or zero: bounds and timeouts.
pub fn parse_f64_saturating(text: &[u8]) -> Option<f64> {
    spelled(word(text)?)
}

fn word(text: &[u8]) -> Option<&[u8]> {
    (text.len() <= DOUBLE_WORD_MAX).then_some(text)
}

fn spelled(text: &[u8]) -> Option<f64> {
    if text.is_empty() {
        return None;
    }
    let (sign, body) = match text {
        [b'-', rest @ ..] => (-1.0, rest),
        [b'+', rest @ ..] => (1.0, rest),
        _ => (1.0, text),
    };
    if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
        return Some(sign * f64::INFINITY);
    }
    if !body.iter().any(u8::is_ascii_digit) || matches!(body, [b'-' | b'+', ..]) {
        return None;
    }
    let value: f64 = fast_float2::parse(body).ok()?;
    (!value.is_nan()).then_some(sign * value)
}

/// The longest text of a double: a sign, 18 digits and 7 zeros.
const DOUBLE_TEXT_MAX: usize = 32;

/// Doubles with integral values below this are printed as integers.
const INTEGRAL_MAX: f64 = (i64::MAX / 2) as f64;

/// Room for a double's text; [`DoubleText::format`] writes digits that read back as the value.
#[derive(Debug, Default)]
pub struct DoubleText {
    text: [u8; DOUBLE_TEXT_MAX],
    len: usize,
}

impl DoubleText {
    /// `value` as Valkey prints scores and RESP3 doubles: `inf`, `-inf`, `nan`, integers without a point, and an exponent where
    /// the plain form would need too many zeros or has a short fraction behind many digits.
    pub fn format(&mut self, value: f64) -> &str {
        self.len = 0;
        if value.is_nan() {
            self.put(b"nan");
        } else if value.is_infinite() {
            self.put(if value > 0.0 { b"inf" } else { b"-inf" });
        } else if value == 0.0 {
            self.put(if value.is_sign_negative() { b"-0" } else { b"0" });
        } else if value.trunc() == value && value.abs() <= INTEGRAL_MAX {
            self.put(itoa::Buffer::new().format(value as i64).as_bytes());
        } else {
            if value < 0.0 {
                self.put(b"-");
            }
            self.finite(value.abs());
        }
        self.as_str()
    }

    /// `value` with 17 significant digits, as C's `%.17g` prints it: what ZSCAN shows of large sorted sets.
    pub fn format_17(&mut self, value: f64) -> &str {
        if !value.is_finite() || value.trunc() == value && value.abs() < 1e17 {
            return self.format(value);
        }
        self.len = 0;
        let scientific = format!("{:.16e}", value.abs());
        let (mantissa, exponent) = scientific.split_once('e').expect("LowerExp always writes an e");
        let exponent: i32 = exponent.parse().expect("LowerExp writes a decimal exponent");
        let mut digits = [0; DIGITS_MAX];
        let mut len = 0;
        for digit in mantissa.bytes().filter(u8::is_ascii_digit) {
            digits[len] = digit;
            len += 1;
        }
        while len > 1 && digits[len - 1] == b'0' {
            len -= 1;
        }
        if value < 0.0 {
            self.put(b"-");
        }
        if (-4..17).contains(&exponent) {
            self.plain(&digits[..len], exponent);
        } else {
            self.scientific(&digits[..len], exponent, 2);
        }
        self.as_str()
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..self.len]).expect("numbers are printed in ASCII")
    }

    fn put(&mut self, text: &[u8]) {
        self.text[self.len..self.len + text.len()].copy_from_slice(text);
        self.len += text.len();
    }

    fn finite(&mut self, value: f64) {
        let mut digits = [0; DIGITS_MAX];
        let (len, last) = shortest_digits(value, &mut digits);
        let digits = &digits[..len];
        let exponent = last + len as i32 - 1;
        if (0..8).contains(&last) || last < 0 && (last > -7 || exponent.abs() < 4) {
            self.plain(digits, exponent);
        } else {
            self.scientific(digits, exponent, 1);
        }
    }

    /// The digits with a point where `exponent`, that of the first one, says.
    fn plain(&mut self, digits: &[u8], exponent: i32) {
        let zeros = |count: i32| &b"00000000000000000000"[..count as usize];
        let (whole, len) = (exponent + 1, digits.len() as i32);
        if whole >= len {
            self.put(digits);
            self.put(zeros(whole - len));
        } else if whole > 0 {
            self.put(&digits[..whole as usize]);
            self.put(b".");
            self.put(&digits[whole as usize..]);
        } else {
            self.put(b"0.");
            self.put(zeros(-whole));
            self.put(digits);
        }
    }

    /// The digits with a point behind the first one and an exponent of at least `width` digits.
    fn scientific(&mut self, digits: &[u8], exponent: i32, width: usize) {
        self.put(&digits[..1]);
        if digits.len() > 1 {
            self.put(b".");
            self.put(&digits[1..]);
        }
        self.put(if exponent < 0 { b"e-" } else { b"e+" });
        let mut buffer = itoa::Buffer::new();
        let exponent = buffer.format(exponent.unsigned_abs()).as_bytes();
        if exponent.len() < width {
            self.put(b"0");
        }
        self.put(exponent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_integers_parse() {
        for (text, want) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-0", None),
            ("+1", None),
            ("01", None),
            (" 1", None),
            ("", None),
            ("-", None),
            ("1a", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), want, "{text}");
        }
    }

    #[test]
    fn only_weights_may_be_long() {
        let long = format!("17{}", "0".repeat(307));
        assert_eq!(parse_f64(long.as_bytes()), None);
        assert_eq!(parse_f64_saturating(long.as_bytes()), None);
        assert_eq!(parse_f64_of_any_length(long.as_bytes()), Some(1.7e308));
    }

    #[test]
    fn doubles_parse_as_arguments_and_as_bounds() {
        for (text, argument, bound) in [
            ("1.5", Some(1.5), Some(1.5)),
            ("+.5e1", Some(5.0), Some(5.0)),
            ("5.", Some(5.0), Some(5.0)),
            ("-iNf", Some(f64::NEG_INFINITY), Some(f64::NEG_INFINITY)),
            ("1e400", None, Some(f64::INFINITY)),
            ("-1e-400", None, Some(0.0)),
            ("0e-400", Some(0.0), Some(0.0)),
            ("1e-320", Some(1e-320), Some(1e-320)),
            ("nan", None, None),
            ("0x10", None, None),
            (" 1", None, None),
            ("+-1", None, None),
            ("1e", None, None),
            ("-", None, None),
            ("", None, None),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), argument, "{text}");
            assert_eq!(parse_f64_saturating(text.as_bytes()), bound, "{text}");
        }
    }

    #[test]
    fn doubles_print_as_valkey_prints_them() {
        let mut text = DoubleText::default();
        for (value, want) in [
            (3.0, "3"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e21, "1e+21"),
            (1e20, "1e+20"),
            (4e18, "4000000000000000000"),
            (5e18, "5e+18"),
            (-9.223372036854776e18, "-9223372036854776000"),
            (1.2345678901234568e22, "12345678901234568000000"),
            (1.234567e22, "1.234567e+22"),
            (0.000001, "0.000001"),
            (1.2e-6, "1.2e-6"),
            (1e-7, "1e-7"),
            (1.5e-8, "1.5e-8"),
            (0.0001234567, "1.234567e-4"),
            (-0.001234567, "-0.001234567"),
            (123456789.5, "123456789.5"),
            (12345.6789012, "1.23456789012e+4"),
            (5e-324, "5e-324"),
            (f64::MIN, "-1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (-0.0, "-0"),
        ] {
            assert_eq!(text.format(value), want);
        }
    }

    #[test]
    fn doubles_print_with_17_digits() {
        let mut text = DoubleText::default();
        for (value, want) in [
            (5.15, "5.1500000000000004"),
            (-3.76, "-3.7599999999999998"),
            (0.5, "0.5"),
            (-0.0, "-0"),
            (42.0, "42"),
            (1e17, "1e+17"),
            (123456789012345678.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (1.5e300, "1.5000000000000001e+300"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(text.format_17(value), want);
        }
    }
}
