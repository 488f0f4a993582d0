//! Counts replies in a RESP2/RESP3 byte stream, whatever the boundaries at which the stream is cut.
//!
//! Owns the framing of replies and nothing else: it keeps no payload (apart from the text of the first error) and
//! must not know about commands, sockets or time. A reply is finished when no value of it is missing, so one counter
//! of missing values replaces a stack of open arrays.

use std::fmt;

/// What a stream of replies contained.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Complete replies, out-of-band pushes not counted.
    pub replies: u64,
    /// Error values, nested ones included.
    pub errors: u64,
    /// Replies that are nil or an empty array: what a pop says of an empty queue.
    pub empty: u64,
    /// Text of the first error, without its `-` and line end.
    pub first_error: String,
}

impl Tally {
    /// Adds what another stream contained.
    pub fn add(&mut self, other: &Tally) {
        self.replies += other.replies;
        self.errors += other.errors;
        self.empty += other.empty;
        if self.first_error.is_empty() {
            self.first_error.clone_from(&other.first_error);
        }
    }
}

/// The stream is not RESP: the byte that cannot stand where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub u8);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server's reply is not RESP: unexpected byte 0x{:02x}", self.0)
    }
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Before the type byte of a value.
    Value,
    /// Inside the length of a bulk or an aggregate.
    Length { kind: u8, negative: bool, value: u64 },
    /// Inside a line whose text does not matter.
    Line,
    /// Inside the text of an error.
    ErrorLine,
    /// Inside a bulk: bytes still to skip, its line end included.
    Bulk(u64),
}

const ERROR_TEXT_BYTES_MAX: usize = 200;
const LENGTH_MAX: u64 = 1 << 40;

/// The state of one stream of replies.
#[derive(Debug)]
pub struct Scanner {
    state: State,
    /// Values that the current top-level reply still misses; 0 between replies.
    missing: u64,
    /// Whether the current top-level value is a reply and not an out-of-band push.
    counts: bool,
    /// Whether an aggregate is open.
    nested: bool,
}

impl Default for Scanner {
    fn default() -> Self {
        Scanner {
            state: State::Value,
            missing: 0,
            counts: true,
            nested: false,
        }
    }
}

impl Scanner {
    /// Takes the next bytes of the stream and adds what they complete to `tally`.
    pub fn feed(&mut self, bytes: &[u8], tally: &mut Tally) -> Result<(), Malformed> {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            match self.state {
                State::Value => rest = self.value(byte, rest, tally)?,
                State::Length { .. } => rest = self.length(rest, tally)?,
                State::Line | State::ErrorLine => rest = self.line(rest, tally),
                State::Bulk(left) => {
                    let here = left.min(rest.len() as u64);
                    rest = &rest[here as usize..];
                    self.skip_bulk(left - here, tally);
                }
            }
        }
        Ok(())
    }

    fn value<'a>(&mut self, byte: u8, rest: &'a [u8], tally: &mut Tally) -> Result<&'a [u8], Malformed> {
        if self.missing == 0 {
            // By far the most frequent whole reply.
            if rest.starts_with(b"+OK\r\n") {
                tally.replies += 1;
                return Ok(&rest[5..]);
            }
            self.missing = 1;
            self.counts = byte != b'>';
            self.nested = false;
        }
        let rest = &rest[1..];
        match byte {
            b'$' | b'=' | b'!' | b'*' | b'~' | b'%' | b'>' | b'|' => {
                if byte == b'!' {
                    tally.errors += 1;
                }
                self.state = State::Length {
                    kind: byte,
                    negative: false,
                    value: 0,
                };
                self.length(rest, tally)
            }
            b'-' => {
                tally.errors += 1;
                self.state = State::ErrorLine;
                Ok(rest)
            }
            b'_' => {
                self.count_empty(tally);
                self.state = State::Line;
                Ok(rest)
            }
            b'+' | b':' | b',' | b'#' | b'(' => {
                self.state = State::Line;
                Ok(self.line(rest, tally))
            }
            other => Err(Malformed(other)),
        }
    }

    fn length<'a>(&mut self, rest: &'a [u8], tally: &mut Tally) -> Result<&'a [u8], Malformed> {
        let State::Length {
            kind,
            mut negative,
            mut value,
        } = self.state
        else {
            return Ok(rest);
        };
        for (at, &byte) in rest.iter().enumerate() {
            match byte {
                b'0'..=b'9' if value < LENGTH_MAX => value = value * 10 + u64::from(byte - b'0'),
                b'-' if value == 0 => negative = true,
                b'\r' => {}
                b'\n' => {
                    self.sized(kind, negative, value, tally);
                    return Ok(&rest[at + 1..]);
                }
                other => return Err(Malformed(other)),
            }
        }
        self.state = State::Length { kind, negative, value };
        Ok(&[])
    }

    fn sized(&mut self, kind: u8, negative: bool, value: u64, tally: &mut Tally) {
        let is_bulk = matches!(kind, b'$' | b'=' | b'!');
        if negative || (kind == b'*' && value == 0) {
            self.count_empty(tally);
            self.finish_value(tally);
        } else if is_bulk {
            self.state = State::Bulk(value + 2);
        } else {
            let values = if matches!(kind, b'%' | b'|') { 2 * value } else { value };
            self.missing += values;
            if kind == b'|' {
                // An attribute precedes the value that it describes and is none itself.
                self.state = State::Value;
            } else {
                self.nested = true;
                self.finish_value(tally);
            }
        }
    }

    fn line<'a>(&mut self, rest: &'a [u8], tally: &mut Tally) -> &'a [u8] {
        let end = memchr::memchr(b'\n', rest);
        let text = &rest[..end.unwrap_or(rest.len())];
        if matches!(self.state, State::ErrorLine) && tally.errors == 1 && tally.first_error.len() < ERROR_TEXT_BYTES_MAX
        {
            tally
                .first_error
                .push_str(String::from_utf8_lossy(text).trim_end_matches('\r'));
        }
        match end {
            Some(end) => {
                self.finish_value(tally);
                &rest[end + 1..]
            }
            None => &[],
        }
    }

    fn skip_bulk(&mut self, left: u64, tally: &mut Tally) {
        if left == 0 {
            self.finish_value(tally);
        } else {
            self.state = State::Bulk(left);
        }
    }

    fn count_empty(&self, tally: &mut Tally) {
        if self.counts && !self.nested {
            tally.empty += 1;
        }
    }

    fn finish_value(&mut self, tally: &mut Tally) {
        self.state = State::Value;
        self.missing -= 1;
        if self.missing == 0 && self.counts {
            tally.replies += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(chunks: &[&[u8]]) -> Tally {
        let mut scanner = Scanner::default();
        let mut tally = Tally::default();
        for chunk in chunks {
            scanner.feed(chunk, &mut tally).expect("well-formed replies");
        }
        tally
    }

    fn expect(replies: u64, errors: u64, empty: u64, first_error: &str) -> Tally {
        Tally {
            replies,
            errors,
            empty,
            first_error: first_error.to_owned(),
        }
    }

    #[test]
    fn every_reply_counts_once_wherever_the_stream_is_cut() {
        let cases: &[(&[u8], Tally)] = &[
            (b"+OK\r\n+PONG\r\n:12\r\n", expect(3, 0, 0, "")),
            (
                b"$3\r\na\r\n\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n_\r\n",
                expect(6, 0, 4, ""),
            ),
            (
                b"*2\r\n$4\r\n*9\r\n\r\n*3\r\n:1\r\n$-1\r\n*0\r\n+OK\r\n",
                expect(2, 0, 0, ""),
            ),
            (b"-ERR first\r\n-ERR second\r\n+OK\r\n", expect(3, 2, 0, "ERR first")),
            (b"*2\r\n+OK\r\n-WRONGTYPE x\r\n", expect(1, 1, 0, "WRONGTYPE x")),
            (
                b"%2\r\n+a\r\n:1\r\n+b\r\n%0\r\n~2\r\n#t\r\n,1.5\r\n(123\r\n",
                expect(3, 0, 0, ""),
            ),
            (b"=7\r\ntxt:a\n\r\r\n!5\r\nERR x\r\n", expect(2, 1, 0, "")),
            (
                b">3\r\n+message\r\n+c\r\n$2\r\n\r\n\r\n:1\r\n>1\r\n$-1\r\n",
                expect(1, 0, 0, ""),
            ),
            (
                b"|1\r\n+ttl\r\n:3\r\n*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n+OK\r\n",
                expect(2, 0, 0, ""),
            ),
        ];
        for (stream, expected) in cases {
            assert_eq!(
                &tally(&[stream]),
                expected,
                "whole {:?}",
                String::from_utf8_lossy(stream)
            );
            for cut in 0..=stream.len() {
                let (head, tail) = stream.split_at(cut);
                assert_eq!(
                    &tally(&[head, tail]),
                    expected,
                    "cut at {cut} of {:?}",
                    String::from_utf8_lossy(stream)
                );
            }
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(
                &tally(&bytes),
                expected,
                "byte by byte {:?}",
                String::from_utf8_lossy(stream)
            );
        }
    }

    #[test]
    fn a_reply_is_not_counted_before_its_last_byte() {
        let stream = b"*2\r\n$3\r\nabc\r\n$2\r\nde\r\n";
        for cut in 0..stream.len() {
            assert_eq!(tally(&[&stream[..cut]]).replies, 0, "after {cut} bytes");
        }
    }

    #[test]
    fn what_is_not_a_reply_is_refused() {
        for stream in [
            &b"OK\r\n"[..],
            b"$x\r\n",
            b"+OK\r\n\r\n",
            b"$99999999999999999999999\r\n",
        ] {
            let mut tally = Tally::default();
            assert!(
                Scanner::default().feed(stream, &mut tally).is_err(),
                "{:?}",
                String::from_utf8_lossy(stream)
            );
        }
    }
}
