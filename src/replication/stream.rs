//! The primary's stream of commands: where each ends, where in the stream it stands, and what is for the link itself.

use super::LinkError;
use super::ledger::{Due, Position};
use super::load::check_database;
use crate::base::number::parse_i64;
use crate::protocol::request::{Limits, Parsed, RequestParser};

/// The primary's commands are not cut down.
const LIMITS: Limits = Limits {
    bulk_len_max: usize::MAX,
    query_buffer_max: usize::MAX,
    authenticated: true,
};

/// What becomes of a piece of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// This server runs it.
    Run(Due),
    /// Nothing: the stream goes on at this place.
    Pass(Position),
    /// The primary wants to hear up to where all is applied; the stream goes on at this place.
    Acknowledge(Position),
}

/// One command of the stream, or nothing between commands.
#[derive(Debug)]
pub struct Piece<'a> {
    /// As it came.
    pub bytes: &'a [u8],
    /// What it is for.
    pub usage: Use,
}

/// A stream of which a part has come.
pub struct Stream {
    input: Vec<u8>,
    start: usize,
    parser: RequestParser,
    position: Position,
    /// Between MULTI and EXEC: where the stream stood before. All of it is applied, or nothing.
    before_multi: Option<Position>,
    databases: usize,
}

impl Stream {
    /// A stream that begins at `position`, for a server with so many databases.
    pub fn new(position: Position, databases: usize) -> Self {
        Stream {
            input: Vec::new(),
            start: 0,
            parser: RequestParser::default(),
            position,
            before_multi: None,
            databases,
        }
    }

    /// Takes in bytes that have come.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.start == self.input.len() {
            self.input.clear();
            self.start = 0;
        } else if self.start > self.input.len() / 2 {
            self.input.drain(..self.start);
            self.start = 0;
        }
        self.input.extend_from_slice(bytes);
    }

    /// Up to where commands have been taken.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The next command, once all of it has come.
    pub fn next_piece(&mut self) -> Result<Option<Piece<'_>>, LinkError> {
        let rest = &self.input[self.start..];
        if rest.is_empty() {
            return Ok(None);
        }
        let (consumed, is_request) = match self.parser.parse(rest, &LIMITS) {
            Parsed::Incomplete => return Ok(None),
            Parsed::Invalid(_) => return Err(LinkError::Nonsense("no command")),
            Parsed::Empty { consumed } => (consumed, false),
            Parsed::Request { consumed } => (consumed, true),
        };
        let (bytes, spans) = self.parser.words(rest);
        let word = |at: usize| match spans.get(at) {
            Some(span) if is_request => bytes
                .get(span.start as usize..span.start as usize + span.len as usize)
                .unwrap_or_default(),
            _ => &[],
        };
        let is = |at: usize, name: &str| word(at).eq_ignore_ascii_case(name.as_bytes());
        self.position.offset += consumed as u64;
        let selects = is(0, "SELECT");
        if selects {
            let db = parse_i64(word(1)).and_then(|db| u64::try_from(db).ok());
            let db = db.ok_or(LinkError::Nonsense("a database that is no number"))?;
            check_database(db, self.databases)?;
            self.position.db = db;
        }
        if is(0, "MULTI") {
            let before = Position {
                offset: self.position.offset - consumed as u64,
                db: self.position.db,
            };
            self.before_multi = Some(before);
        }
        if is(0, "EXEC") {
            self.before_multi = None;
        }
        let position = self.before_multi.unwrap_or(self.position);
        let usage = if is(0, "REPLCONF") && is(1, "GETACK") {
            Use::Acknowledge(position)
        } else if !is_request || is(0, "PING") || is(0, "REPLCONF") {
            Use::Pass(position)
        } else {
            Use::Run(Due {
                applied: position,
                is_vital: selects,
                acknowledges: false,
            })
        };
        let from = self.start;
        self.start += consumed;
        Ok(Some(Piece {
            bytes: &self.input[from..self.start],
            usage,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replication::push_request;

    fn stream(requests: &[&[&[u8]]]) -> Vec<u8> {
        let mut out = Vec::new();
        requests.iter().for_each(|words| push_request(words, &mut out));
        out
    }

    fn uses(bytes: &[u8], piece: usize) -> Result<Vec<(usize, Use)>, LinkError> {
        let (mut stream, mut uses) = (Stream::new(Position { offset: 100, db: 0 }, 16), Vec::new());
        for piece in bytes.chunks(piece) {
            stream.feed(piece);
            while let Some(piece) = stream.next_piece()? {
                uses.push((piece.bytes.len(), piece.usage));
            }
        }
        Ok(uses)
    }

    #[test]
    fn a_transaction_is_applied_as_a_whole() {
        let bytes = stream(&[
            &[b"SELECT", b"3"],
            &[b"PING"],
            &[b"MULTI"],
            &[b"SET", b"a", b"b"],
            &[b"EXEC"],
            &[b"REPLCONF", b"GETACK", b"*"],
        ]);
        for piece in [1, 5, usize::MAX] {
            let uses = uses(&bytes, piece).expect("the stream is sound");
            let places: Vec<(u64, u64)> = uses
                .iter()
                .map(|(_, usage)| match usage {
                    Use::Run(Due { applied, .. }) | Use::Pass(applied) | Use::Acknowledge(applied) => {
                        (applied.offset, applied.db)
                    }
                })
                .collect();
            let (select, ping, multi) = (100 + uses[0].0, 14, uses[2].0);
            let begun = (select + ping) as u64;
            assert_eq!(places[..4], [(select as u64, 3), (begun, 3), (begun, 3), (begun, 3)]);
            assert_eq!(places[4].0, begun + (multi + uses[3].0 + uses[4].0) as u64);
            assert!(matches!(uses[0].1, Use::Run(Due { is_vital: true, .. })));
            assert!(matches!(uses[1].1, Use::Pass(_)) && matches!(uses[5].1, Use::Acknowledge(_)));
            assert_eq!(places[5].0, 100 + bytes.len() as u64);
        }
    }

    #[test]
    fn empty_lines_are_passed_over_and_nonsense_is_not() {
        let uses_of_lines = uses(b"\n\r\n", 1).expect("the stream is sound");
        assert!(uses_of_lines.iter().all(|(_, usage)| matches!(usage, Use::Pass(_))));
        assert!(uses(b"*x\r\n", 4).is_err());
        assert!(uses(&stream(&[&[b"SELECT", b"16"]]), 99).is_err());
    }
}
