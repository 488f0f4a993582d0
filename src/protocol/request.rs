//! The incremental request parser: multibulk and inline, with Valkey's limits and error texts.
//!
//! Owns where the words of the request at the start of the input lie, and how far an unfinished one has been read, so that no byte
//! of it is read twice however it is cut. Knows neither commands nor the connection's buffer: the caller keeps that.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use super::reply::Reply;
use super::words;
use crate::base::number;

/// Where one word lies in its buffer, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

/// What a connection may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest word in bytes, `proto-max-bulk-len`; words under 1000 bytes are always allowed.
    pub bulk_len_max: usize,
    /// Most bytes of one unfinished word, `client-query-buffer-limit`; words under 1000 bytes are always allowed.
    pub query_buffer_max: usize,
    /// Whether the client has proved who it is; before that only small requests are read.
    pub authenticated: bool,
}

/// What the start of the input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Not yet a whole request: keep the bytes and call again with more, at least [`RequestParser::wanted`] altogether.
    Incomplete,
    /// A request of no word (a blank line, `*0`, `*-1`), to which nothing is replied.
    Empty {
        /// How many bytes it takes.
        consumed: usize,
    },
    /// A request; [`RequestParser::words`] tells its words.
    Request {
        /// How many bytes it takes.
        consumed: usize,
    },
    /// The stream cannot be followed any more: reply and close.
    Invalid(ProtocolError),
}

/// Why a stream cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// An inline request longer than 64 KiB.
    InlineTooBig,
    /// An inline request with an open quote.
    UnbalancedQuotes,
    /// A line of more than 64 KiB where the number of words is told.
    CountTooBig,
    /// A number of words that is none, or more than 2^31 - 1.
    CountInvalid,
    /// More than 10 words before authentication.
    CountUnauthenticated,
    /// A line of more than 64 KiB where the length of a word is told.
    LengthTooBig,
    /// The length of a word does not begin with `$` but with this byte.
    ExpectedDollar(u8),
    /// A length that is none, or above `proto-max-bulk-len`.
    LengthInvalid,
    /// A word of more than 16 KiB before authentication.
    LengthUnauthenticated,
    /// A line or word that does not end with CR LF.
    LineEnd,
    /// More unfinished bytes than `client-query-buffer-limit`, or a request beyond 4 GiB: closed without a reply.
    QueryBuffer,
}

impl ProtocolError {
    /// Writes the reply that the client gets before its connection is closed.
    pub fn write(self, reply: &mut Reply) {
        let text = match self {
            ProtocolError::InlineTooBig => "too big inline request",
            ProtocolError::UnbalancedQuotes => "unbalanced quotes in request",
            ProtocolError::CountTooBig => "too big mbulk count string",
            ProtocolError::CountInvalid => "invalid multibulk length",
            ProtocolError::CountUnauthenticated => "unauthenticated multibulk length",
            ProtocolError::LengthTooBig => "too big bulk count string",
            ProtocolError::LengthInvalid => "invalid bulk length",
            ProtocolError::LengthUnauthenticated => "unauthenticated bulk length",
            ProtocolError::LineEnd => "invalid CRLF in request",
            ProtocolError::ExpectedDollar(byte) => {
                let line = [b"ERR Protocol error: expected '$', got '".as_slice(), &[byte], b"'"];
                return reply.error_bytes(&line.concat());
            }
            ProtocolError::QueryBuffer => return,
        };
        reply.error(&format!("ERR Protocol error: {text}"));
    }
}

/// Longest line of an inline request, a count or a length, in bytes.
const LINE_MAX: usize = 64 << 10;
/// Most words, and longest word in bytes, of a client that has not authenticated.
const UNAUTHENTICATED_WORDS_MAX: u32 = 10;
const UNAUTHENTICATED_WORD_MAX: usize = 16 << 10;
/// Words shorter than this are checked against no limit.
const SHORT_WORD: usize = 1000;
/// Where requests end at the latest, so that a span's offset fits 32 bits.
const INPUT_MAX: usize = u32::MAX as usize;
/// Room that an idle parser keeps: words, and bytes of an inline request.
const KEPT_WORDS: usize = 1024;
const KEPT_INLINE_BYTES: usize = 1024;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Before a request.
    #[default]
    Start,
    /// In an inline request.
    Inline,
    /// In the line that tells how many words follow.
    Count,
    /// In the line that tells how long the next word is.
    Length,
    /// In a word of so many bytes.
    Word(u32),
}

/// Finds the words of requests in a connection's input, one request after the other.
#[derive(Debug, Default)]
pub struct RequestParser {
    spans: Vec<Span>,
    /// The words of an inline request, without quotes.
    inline: Vec<u8>,
    stage: Stage,
    /// Words that are still to come.
    left: u32,
    /// Where the line or word that `stage` names begins.
    at: usize,
    /// Up to where the input is known not to end that line.
    scanned: usize,
    /// See [`RequestParser::wanted`].
    wanted: usize,
}

/// How one step ended.
enum Step<'a> {
    /// It took bytes; this is what follows.
    Rest(&'a [u8]),
    /// The request ends here, or the input does.
    Done(Parsed),
}

impl RequestParser {
    /// The words' places, in the bytes that [`RequestParser::words`] tells; valid after [`Parsed::Request`], until the next call.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The words of the request just parsed from `input`, and the bytes in which they lie.
    pub fn words<'a>(&'a self, input: &'a [u8]) -> (&'a [u8], &'a [Span]) {
        if self.inline.is_empty() {
            (input, &self.spans)
        } else {
            (&self.inline, &self.spans)
        }
    }

    /// After [`Parsed::Incomplete`]: the length of the input below which another call would only say the same, in bytes.
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    /// Looks for a request at the start of `input`; after [`Parsed::Incomplete`] the input must begin with the same bytes.
    /// O(bytes not seen before). After an error the parser is not to be used any more.
    pub fn parse(&mut self, input: &[u8], limits: &Limits) -> Parsed {
        let input = input.get(..INPUT_MAX).unwrap_or(input);
        if self.stage == Stage::Start {
            match input {
                [] => return self.incomplete(1),
                [b'*', ..] => self.begin(Stage::Count),
                _ => self.begin(Stage::Inline),
            }
        }
        let Some(mut rest) = input.get(self.at..) else {
            return Parsed::Incomplete;
        };
        loop {
            let step = match self.stage {
                Stage::Length => self.short_words(input, rest),
                _ => Step::Rest(rest),
            };
            let step = match (step, self.stage) {
                (Step::Rest(rest), Stage::Length) => self.length(input, rest, limits),
                (Step::Rest(rest), Stage::Word(len)) => self.long_word(input, rest, len),
                (Step::Rest(rest), Stage::Count) => self.count(input, rest, limits),
                (Step::Rest(rest), _) => Step::Done(self.inline_words(rest)),
                (done, _) => done,
            };
            match step {
                Step::Rest(after) => rest = after,
                Step::Done(parsed) => return parsed,
            }
        }
    }

    fn begin(&mut self, stage: Stage) {
        self.stage = stage;
        self.at = 0;
        self.scanned = 0;
        self.spans.clear();
        self.inline.clear();
        if self.spans.capacity() > KEPT_WORDS {
            self.spans.shrink_to(KEPT_WORDS);
        }
        if self.inline.capacity() > KEPT_INLINE_BYTES {
            self.inline.shrink_to(KEPT_INLINE_BYTES);
        }
    }

    fn incomplete(&mut self, wanted: usize) -> Parsed {
        self.wanted = wanted;
        if wanted > INPUT_MAX {
            return Parsed::Invalid(ProtocolError::QueryBuffer);
        }
        Parsed::Incomplete
    }

    fn finished(&mut self, consumed: usize) -> Step<'static> {
        self.stage = Stage::Start;
        Step::Done(Parsed::Request { consumed })
    }

    /// The words of a multibulk request whose lengths have up to three digits and which have arrived whole: nearly all there are.
    fn short_words<'a>(&mut self, input: &[u8], mut rest: &'a [u8]) -> Step<'a> {
        let mut left = self.left;
        while left > 0 {
            let (len, body) = match rest {
                [b'$', a @ b'0'..=b'9', b'\r', b'\n', body @ ..] => (digit(*a), body),
                [b'$', a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', b'\n', body @ ..] => {
                    (digit(*a).wrapping_mul(10).wrapping_add(digit(*b)), body)
                }
                [
                    b'$',
                    a @ b'1'..=b'9',
                    b @ b'0'..=b'9',
                    c @ b'0'..=b'9',
                    b'\r',
                    b'\n',
                    body @ ..,
                ] => {
                    let tens = digit(*a).wrapping_mul(10).wrapping_add(digit(*b));
                    (tens.wrapping_mul(10).wrapping_add(digit(*c)), body)
                }
                _ => break,
            };
            let Some((_, [b'\r', b'\n', after @ ..])) = body.split_at_checked(len) else {
                break;
            };
            self.spans.push(Span {
                start: position(input, body) as u32,
                len: len as u32,
            });
            rest = after;
            left = left.wrapping_sub(1);
        }
        self.left = left;
        if left == 0 {
            return self.finished(position(input, rest));
        }
        Step::Rest(rest)
    }

    /// The line that tells how many words follow.
    fn count<'a>(&mut self, input: &[u8], rest: &'a [u8], limits: &Limits) -> Step<'a> {
        let (number, after) = match rest {
            [b'*', a @ b'1'..=b'9', b'\r', b'\n', after @ ..] => (Some(i64::from(a & 0x0f)), after),
            _ => match self.line(input, rest, b'*') {
                Ok((digits, after)) => (number::parse_i64(digits), after),
                Err(parsed) => return Step::Done(parsed),
            },
        };
        let count = match number {
            None => return invalid(ProtocolError::CountInvalid),
            Some(..=0) => {
                self.stage = Stage::Start;
                let consumed = position(input, after);
                return Step::Done(Parsed::Empty { consumed });
            }
            Some(count) => match i32::try_from(count) {
                Ok(count) => count.unsigned_abs(),
                Err(_) => return invalid(ProtocolError::CountInvalid),
            },
        };
        if count > UNAUTHENTICATED_WORDS_MAX && !limits.authenticated {
            return invalid(ProtocolError::CountUnauthenticated);
        }
        self.left = count;
        self.stage = Stage::Length;
        Step::Rest(after)
    }

    /// The line that tells how long the next word is, whatever it looks like.
    fn length<'a>(&mut self, input: &[u8], rest: &'a [u8], limits: &Limits) -> Step<'a> {
        let (digits, after) = match self.line(input, rest, b'$') {
            Ok(line) => line,
            Err(parsed) => return Step::Done(parsed),
        };
        let len = number::parse_i64(digits).and_then(|len| usize::try_from(len).ok());
        let Some(len) = len.filter(|&len| len < SHORT_WORD || len <= limits.bulk_len_max) else {
            return invalid(ProtocolError::LengthInvalid);
        };
        if len > UNAUTHENTICATED_WORD_MAX && !limits.authenticated {
            return invalid(ProtocolError::LengthUnauthenticated);
        }
        if len >= SHORT_WORD && len.saturating_add(2) > limits.query_buffer_max {
            return invalid(ProtocolError::QueryBuffer);
        }
        let Ok(len) = u32::try_from(len) else {
            return invalid(ProtocolError::QueryBuffer);
        };
        self.stage = Stage::Word(len);
        Step::Rest(after)
    }

    /// A word whose length has been read.
    fn long_word<'a>(&mut self, input: &[u8], rest: &'a [u8], len: u32) -> Step<'a> {
        let start = position(input, rest);
        match rest.split_at_checked(len as usize) {
            Some((_, [b'\r', b'\n', after @ ..])) => {
                self.spans.push(Span {
                    start: start as u32,
                    len,
                });
                self.left = self.left.wrapping_sub(1);
                if self.left == 0 {
                    return self.finished(position(input, after));
                }
                self.stage = Stage::Length;
                Step::Rest(after)
            }
            Some((_, [_, _, ..])) => invalid(ProtocolError::LineEnd),
            _ => {
                self.at = start;
                Step::Done(self.incomplete(start.saturating_add(len as usize).saturating_add(2)))
            }
        }
    }

    /// What stands between the `mark` at the start of `rest` and its CR LF, and what follows that; or why the line cannot be
    /// read. The order of the checks is Valkey's.
    fn line<'a>(&mut self, input: &[u8], rest: &'a [u8], mark: u8) -> Result<(&'a [u8], &'a [u8]), Parsed> {
        let end = self.find_end(input, rest, |text| memchr::memchr(b'\r', text));
        let parted = end.and_then(|end| rest.split_at_checked(end));
        let error = match (rest, parted) {
            ([first, ..], Some((_, [_, _, ..]))) if *first != mark => ProtocolError::ExpectedDollar(*first),
            (_, Some(([_, digits @ ..], [b'\r', b'\n', after @ ..]))) => return Ok((digits, after)),
            (_, Some((_, [_, _, ..]))) => ProtocolError::LineEnd,
            (_, None) if rest.len() > LINE_MAX && mark == b'*' => ProtocolError::CountTooBig,
            (_, None) if rest.len() > LINE_MAX => ProtocolError::LengthTooBig,
            _ => {
                self.at = position(input, rest);
                return Err(self.incomplete(input.len().saturating_add(1)));
            }
        };
        Err(Parsed::Invalid(error))
    }

    /// Where the line at the start of `rest` ends, looking only at bytes not seen before and at no more than the longest line.
    fn find_end(&mut self, input: &[u8], rest: &[u8], find: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
        let line = rest.get(..=LINE_MAX).unwrap_or(rest);
        let start = position(input, rest);
        let from = self.scanned.saturating_sub(start);
        let end = line.get(from..).and_then(find).map(|end| end.saturating_add(from));
        self.scanned = start.saturating_add(end.unwrap_or(line.len()));
        end
    }

    fn inline_words(&mut self, rest: &[u8]) -> Parsed {
        // A NUL byte hides the end of the line, as it does in C strings.
        let end = self.find_end(rest, rest, |text| memchr::memchr2(b'\n', 0, text));
        let parted = end.and_then(|end| rest.split_at_checked(end));
        let Some((line, [b'\n', ..])) = parted else {
            if rest.len() > LINE_MAX {
                return Parsed::Invalid(ProtocolError::InlineTooBig);
            }
            return self.incomplete(rest.len().saturating_add(1));
        };
        let consumed = line.len().saturating_add(1);
        // The first byte is never part of a word, so that `words` knows these bytes from the input.
        self.inline.push(b' ');
        if words::split(line, &mut self.inline, &mut self.spans).is_err() {
            return Parsed::Invalid(ProtocolError::UnbalancedQuotes);
        }
        self.stage = Stage::Start;
        if self.spans.is_empty() {
            return Parsed::Empty { consumed };
        }
        Parsed::Request { consumed }
    }
}

fn invalid(error: ProtocolError) -> Step<'static> {
    Step::Done(Parsed::Invalid(error))
}

fn digit(digit: u8) -> usize {
    usize::from(digit & 0x0f)
}

/// Where `rest`, which is the end of `input`, begins.
fn position(input: &[u8], rest: &[u8]) -> usize {
    input.len().wrapping_sub(rest.len())
}

#[cfg(test)]
mod tests;
