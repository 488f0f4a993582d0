//! Numbers as C's `%.*g` writes them.

/// Appends a finite or infinite number with at most `precision` significant digits, without trailing zeros.
pub fn write_general(number: f64, precision: usize, text: &mut Vec<u8>) {
    let whole = number as i64;
    if whole as f64 == number
        && whole.unsigned_abs() < 10u64.pow(precision.min(15) as u32)
        && (whole != 0 || number.is_sign_positive())
    {
        text.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
        return;
    }
    if !number.is_finite() {
        let sign = if number.is_sign_negative() { "-" } else { "" };
        let name = if number.is_nan() { "nan" } else { "inf" };
        text.extend_from_slice(format!("{sign}{name}").as_bytes());
        return;
    }
    let scientific = format!("{:.*e}", precision.saturating_sub(1), number);
    let (mantissa, exponent) = scientific.split_once('e').expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is an integer");
    if exponent >= -4 && exponent < precision as i32 {
        let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
        let fixed = format!("{number:.decimals$}");
        text.extend_from_slice(without_zeros(&fixed).as_bytes());
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        let mantissa = without_zeros(mantissa);
        text.extend_from_slice(format!("{mantissa}e{sign}{:02}", exponent.abs()).as_bytes());
    }
}

fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    }
}

/// Reads the number at the start of `text` as C's `strtod` does (decimal, hexadecimal, infinity or NaN), and how long it is.
pub fn parse_prefix(text: &[u8]) -> Option<(f64, usize)> {
    let signed = matches!(text, [b'+' | b'-', ..]);
    let body = text.get(usize::from(signed)..)?;
    let (magnitude, len) = if is_hexadecimal(body) {
        hexadecimal(body)
    } else if let Some(named) = named(body) {
        named
    } else {
        decimal(body)?
    };
    let number = if text.first() == Some(&b'-') {
        -magnitude
    } else {
        magnitude
    };
    Some((number, len + usize::from(signed)))
}

fn starts_with(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn named(text: &[u8]) -> Option<(f64, usize)> {
    if starts_with(text, b"infinity") {
        Some((f64::INFINITY, 8))
    } else if starts_with(text, b"inf") {
        Some((f64::INFINITY, 3))
    } else if starts_with(text, b"nan") {
        let inner = text.get(4..).unwrap_or_default();
        let word = inner
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        let closed = text.get(3) == Some(&b'(') && inner.get(word) == Some(&b')');
        Some((f64::NAN, if closed { word + 5 } else { 3 }))
    } else {
        None
    }
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Length of an exponent after its letter, with its sign; 0 if there is none.
fn exponent(text: &[u8], letter: u8) -> usize {
    let Some((first, rest)) = text
        .split_first()
        .filter(|(first, _)| first.eq_ignore_ascii_case(&letter))
    else {
        return 0;
    };
    let sign = usize::from(matches!(rest, [b'+' | b'-', ..]));
    match digits(&rest[sign..]) {
        0 => 0,
        count => count + sign + usize::from(first.is_ascii()),
    }
}

fn decimal(text: &[u8]) -> Option<(f64, usize)> {
    let whole = digits(text);
    let mut len = whole;
    if text.get(len) == Some(&b'.') {
        let fraction = digits(&text[len + 1..]);
        if whole + fraction == 0 {
            return None;
        }
        len += 1 + fraction;
    } else if whole == 0 {
        return None;
    }
    len += exponent(&text[len..], b'e');
    let number = std::str::from_utf8(&text[..len]).ok()?.parse().ok()?;
    Some((number, len))
}

fn is_hexadecimal(text: &[u8]) -> bool {
    match text {
        [b'0', b'x' | b'X', b'.', digit, ..] => digit.is_ascii_hexdigit(),
        [b'0', b'x' | b'X', digit, ..] => digit.is_ascii_hexdigit(),
        _ => false,
    }
}

/// `0x` digits, a fraction and a binary exponent, rounded once.
fn hexadecimal(text: &[u8]) -> (f64, usize) {
    let (mut bits, mut scale, mut sticky, mut len) = (0u64, 0i64, false, 2);
    let mut point = false;
    while let Some(&byte) = text.get(len) {
        match char::from(byte).to_digit(16) {
            Some(digit) => {
                if bits >> 60 == 0 {
                    bits = bits << 4 | u64::from(digit);
                    scale -= if point { 4 } else { 0 };
                } else {
                    sticky |= digit != 0;
                    scale += if point { 0 } else { 4 };
                }
            }
            None if byte == b'.' && !point => point = true,
            None => break,
        }
        len += 1;
    }
    let power = exponent(&text[len..], b'p');
    if power > 0 {
        let digits = std::str::from_utf8(&text[len + 1..len + power]).unwrap_or_default();
        let value = digits
            .parse::<i64>()
            .unwrap_or(if digits.starts_with('-') { -100_000 } else { 100_000 });
        scale = scale.saturating_add(value.clamp(-100_000, 100_000));
        len += power;
    }
    ((bits | u64::from(sticky)) as f64 * scaled(scale), len)
}

/// 2 to the power of `scale`, by steps that a double holds.
fn scaled(scale: i64) -> f64 {
    2f64.powi(scale.clamp(-2000, 2000) as i32)
}
