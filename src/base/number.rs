//! Numbers as Valkey reads and prints them.

use std::fmt::Write;

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

/// The double that `text` spells, as Valkey's argument parser takes it: no spaces, no NaN, infinities only by name,
/// nothing that a double can only hold as infinity or zero.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let value = parse_f64_saturating(text)?;
    let mantissa = text.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or(text);
    let lost = (value == 0.0 && mantissa.iter().any(|digit| matches!(digit, b'1'..=b'9')))
        || (value.is_infinite() && text.iter().any(u8::is_ascii_digit));
    (!lost).then_some(value)
}

/// As [`parse_f64`] where numbers beyond the range of doubles read as infinity or zero: bounds and timeouts.
pub fn parse_f64_saturating(text: &[u8]) -> Option<f64> {
    if text.is_empty() || text.len() > 255 {
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

/// Room for a double's text; [`DoubleText::format`] writes the shortest digits that read back as the value.
#[derive(Debug, Default)]
pub struct DoubleText(String);

impl DoubleText {
    /// `value` as Valkey prints scores and RESP3 doubles: `inf`, `-inf`, `nan`, integers without a point, exponents as C's `%g`.
    pub fn format(&mut self, value: f64) -> &str {
        self.0.clear();
        if value.is_nan() {
            self.0.push_str("nan");
        } else if value.is_infinite() {
            self.0.push_str(if value > 0.0 { "inf" } else { "-inf" });
        } else if value == 0.0 {
            self.0.push_str(if value.is_sign_negative() { "-0" } else { "0" });
        } else {
            self.finite(value);
        }
        &self.0
    }

    fn finite(&mut self, value: f64) {
        let scientific = format!("{value:e}");
        let (mantissa, exponent) = scientific.split_once('e').expect("LowerExp always writes an e");
        let exponent: i32 = exponent.parse().expect("LowerExp writes a decimal exponent");
        if (-7..21).contains(&exponent) {
            write!(self.0, "{value}").expect("writing to a string does not fail");
        } else {
            let sign = if exponent < 0 { '-' } else { '+' };
            write!(self.0, "{mantissa}e{sign}{}", exponent.abs()).expect("writing to a string does not fail");
        }
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
            (1e20, "100000000000000000000"),
            (1.5e-8, "1.5e-8"),
            (f64::INFINITY, "inf"),
            (-0.0, "-0"),
        ] {
            assert_eq!(text.format(value), want);
        }
    }
}
