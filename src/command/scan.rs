//! What SCAN, HSCAN, SSCAN and ZSCAN share: cursors and options.

use super::args::Args;
use super::error::Error;
use crate::base::glob;
use crate::base::number::parse_i64;
use crate::protocol::reply::Reply;

/// Elements a call looks at when COUNT does not say.
const COUNT_DEFAULT: usize = 10;

/// The names that TYPE takes; a value of a type that is not stored yet matches nothing.
const TYPES: [&str; 6] = ["string", "list", "set", "zset", "hash", "stream"];

/// Which command scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scans {
    /// SCAN.
    Keys,
    /// HSCAN.
    Hash,
    /// SSCAN.
    Set,
    /// ZSCAN.
    SortedSet,
}

/// The options of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanOptions<'a> {
    /// About how many elements to look at; at least 1.
    pub count: usize,
    /// HSCAN NOVALUES or ZSCAN NOSCORES.
    pub names_only: bool,
    pattern: Option<&'a [u8]>,
    kind: Option<&'static str>,
}

impl<'a> ScanOptions<'a> {
    /// Reads the words from `from` on.
    pub fn parse(args: Args<'a>, from: usize, scans: Scans) -> Result<Self, Error> {
        let mut options = ScanOptions {
            count: COUNT_DEFAULT,
            names_only: false,
            pattern: None,
            kind: None,
        };
        let mut at = from;
        while at < args.len() {
            let value = args.get(at + 1);
            match value {
                Some(_) if args.is(at, "COUNT") => {
                    let count = usize::try_from(args.int(at + 1)?).unwrap_or(0);
                    options.count = if count > 0 { count } else { return Err(Error::Syntax) };
                }
                Some(pattern) if args.is(at, "MATCH") => {
                    options.pattern = Some(pattern).filter(|pattern| *pattern != b"*");
                }
                Some(name) if args.is(at, "TYPE") && scans == Scans::Keys => options.kind = Some(kind_named(name)?),
                _ => {
                    options.names_only |= takes_names_only(args, at, scans)?;
                    at += 1;
                    continue;
                }
            }
            at += 2;
        }
        Ok(options)
    }

    /// Whether MATCH lets `name` through.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name))
    }

    /// A key such that all keys which MATCH lets through belong to its shard, if the pattern tells one: a name without wildcards, or a hash tag
    /// without wildcards up to its end.
    pub fn confined_to(&self) -> Option<&'a [u8]> {
        let pattern = self.pattern?;
        let literal = |bytes: &[u8]| memchr::memchr3(b'*', b'?', b'[', bytes).is_none() && !bytes.contains(&b'\\');
        if literal(pattern) {
            return Some(pattern);
        }
        let open = memchr::memchr(b'{', pattern)?;
        let tag = memchr::memchr(b'}', &pattern[open + 1..]).filter(|length| *length > 0)?;
        Some(&pattern[..open + tag + 2]).filter(|beginning| literal(beginning))
    }

    /// Whether TYPE lets values of the type called `kind` through.
    pub fn takes(&self, kind: &str) -> bool {
        self.kind.is_none_or(|only| only == kind)
    }
}

fn takes_names_only(args: Args<'_>, at: usize, scans: Scans) -> Result<bool, Error> {
    if args.is(at, "NOVALUES") {
        return match scans {
            Scans::Hash => Ok(true),
            _ => Err(Error::Text("ERR NOVALUES option can only be used in HSCAN")),
        };
    }
    if args.is(at, "NOSCORES") {
        return match scans {
            Scans::SortedSet => Ok(true),
            _ => Err(Error::Text("ERR NOSCORES option can only be used in ZSCAN")),
        };
    }
    Err(Error::Syntax)
}

fn kind_named(name: &[u8]) -> Result<&'static str, Error> {
    let known = TYPES
        .into_iter()
        .find(|known| known.as_bytes().eq_ignore_ascii_case(name));
    known.ok_or_else(|| Error::quoting("ERR unknown type name '", name, "'"))
}

/// The cursor at word `at`: what C's `strtoull` makes of it, as Valkey reads it, except that a plain negative number is none.
pub fn cursor(args: Args<'_>, at: usize) -> Result<u64, Error> {
    args.get(at).and_then(parse_cursor).ok_or(Error::InvalidCursor)
}

/// Writes the reply of one call: the cursor to go on with, and `count` elements that are encoded in `page` already.
pub fn write_page(reply: &mut Reply, next: u64, count: usize, page: &Reply) {
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    reply.array(count);
    reply.raw(page.bytes());
}

fn parse_cursor(word: &[u8]) -> Option<u64> {
    if let Some(number) = parse_i64(word) {
        return u64::try_from(number).ok();
    }
    // C sees the word up to its first zero byte.
    let text = word.split(|&byte| byte == 0).next()?;
    let blanks = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let (negative, digits) = match text.iter().position(|byte| !blanks(byte)).map(|start| &text[start..])? {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number = 0u64;
    for &byte in digits {
        let digit = char::from(byte).to_digit(10)?;
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(if negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_strtoull_reads_them() {
        for (word, want) in [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("01", Some(1)),
            ("+1", Some(1)),
            (" 1", Some(1)),
            ("1 ", None),
            ("1\0x", Some(1)),
            ("\x001", None),
            ("-0", Some(0)),
            ("-1", None),
            ("-01", Some(u64::MAX)),
            ("-18446744073709551615", Some(1)),
            ("0x10", None),
            ("", None),
            (" ", None),
            ("-", None),
            ("abc", None),
        ] {
            assert_eq!(parse_cursor(word.as_bytes()), want, "{word:?}");
        }
    }

    #[test]
    fn a_pattern_may_tell_where_all_that_it_matches_is() {
        let cases: [(&[u8], Option<&[u8]>); 8] = [
            (b"key", Some(b"key")),
            (b"{tag}*", Some(b"{tag}")),
            (b"a:{tag}:?:{b}*", Some(b"a:{tag}")),
            (b"*{tag}", None),
            (b"a?{tag}b*", None),
            (b"{t*g}x", None),
            (b"{}x*", None),
            (b"k\\*y", None),
        ];
        for (pattern, confined) in cases {
            let options = ScanOptions {
                count: COUNT_DEFAULT,
                names_only: false,
                pattern: Some(pattern),
                kind: None,
            };
            assert_eq!(options.confined_to(), confined, "{}", pattern.escape_ascii());
        }
    }
}
