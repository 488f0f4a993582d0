//! Splitting a line of text into words, with quotes and escapes: inline requests and configuration files. Knows no limits.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use super::request::Span;

/// A quote was opened and not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unbalanced;

/// Splits `line` at blanks and appends the words to `spans` and their bytes to `bytes`, in which the spans lie; O(n).
///
/// `"..."` may hold blanks and the escapes `\n \r \t \b \a \xHH` (any other escaped byte stands for itself); `'...'` only `\'`.
/// A quote may begin and end inside a word. Both buffers may hold the words of an unfinished line after an error.
pub fn split(line: &[u8], bytes: &mut Vec<u8>, spans: &mut Vec<Span>) -> Result<(), Unbalanced> {
    let mut rest = line;
    loop {
        rest = skip_blanks(rest);
        if rest.is_empty() {
            return Ok(());
        }
        let start = bytes.len();
        rest = word(rest, bytes)?;
        spans.push(Span {
            start: start as u32,
            len: bytes.len().wrapping_sub(start) as u32,
        });
    }
}

fn skip_blanks(mut rest: &[u8]) -> &[u8] {
    // C's isspace: a vertical tab or a form feed may precede a word although neither ends one.
    while let [b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, after @ ..] = rest {
        rest = after;
    }
    rest
}

/// Takes one word off the front of `rest` and answers what follows it.
fn word<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        rest = match rest {
            [] | [b' ' | b'\t' | b'\n' | b'\r', ..] => return Ok(rest),
            [b'"', quoted @ ..] => double_quoted(quoted, bytes)?,
            [b'\'', quoted @ ..] => single_quoted(quoted, bytes)?,
            [byte, after @ ..] => {
                bytes.push(*byte);
                after
            }
        };
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        rest = match rest {
            [] => return Err(Unbalanced),
            [b'"', after @ ..] => return Ok(after),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(hex(*high) << 4 | hex(*low));
                after
            }
            [b'\\', escaped, after @ ..] => {
                bytes.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                after
            }
            [byte, after @ ..] => {
                bytes.push(*byte);
                after
            }
        };
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    loop {
        rest = match rest {
            [] => return Err(Unbalanced),
            [b'\'', after @ ..] => return Ok(after),
            [b'\\', b'\'', after @ ..] => {
                bytes.push(b'\'');
                after
            }
            [byte, after @ ..] => {
                bytes.push(*byte);
                after
            }
        };
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit & 0x0f,
        // The low nibble of `a` and `A` is 1.
        _ => (digit & 0x0f).wrapping_add(9),
    }
}

/// Appends `word` in double quotes, with escapes for what is not printable.
pub fn quote(word: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in word {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x20..=0x7e => out.push(byte),
            _ => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    out.push(b'"');
}
