//! Fuzz target: a client's stream parses to the same requests and the same error however it is cut, and never panics.

use corelane::base::rng::Rng;
use corelane::protocol::request::{Limits, Parsed, ProtocolError, RequestParser};

use crate::Target;

pub const TARGET: Target = Target {
    name: "requests",
    seeds: &[
        b"\x03*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$11\r\nhello world\r\n",
        b"\x02PING\r\n*0\r\nSET \"a b\" 'c\\'d' \"\\x41\\n\"\r\n",
        b"\x07*1\r\n$0\r\n\r\n\r\n*-1\r\nQUIT\n",
    ],
    tokens: &[
        b"*",
        b"$",
        b"\r\n",
        b"\r",
        b"\n",
        b"\0",
        b"\"",
        b"'",
        b"\\x",
        b"$1\r\nx\r\n",
        b"*1\r\n",
    ],
    run,
};

type Request = Vec<Vec<u8>>;

/// The first byte chooses limits and cuts, the rest is the stream.
fn run(input: &[u8]) {
    let Some((&choice, stream)) = input.split_first() else {
        return;
    };
    let limits = Limits {
        bulk_len_max: if choice & 1 == 0 { 1 << 20 } else { 512 << 20 },
        query_buffer_max: 1 << 20,
        authenticated: choice & 2 != 0,
    };
    let mut rng = Rng::new(u64::from(choice));
    let whole = requests(stream, || stream.len(), &limits);
    let cut = requests(stream, || 1 + rng.below(9) as usize, &limits);
    assert_eq!(whole, cut);
}

/// What `stream` asks for when it arrives in pieces of the lengths that `piece` tells.
fn requests(stream: &[u8], mut piece: impl FnMut() -> usize, limits: &Limits) -> (Vec<Request>, Option<ProtocolError>) {
    let mut parser = RequestParser::default();
    let mut found = Vec::new();
    let mut start = 0;
    let mut arrived = 0;
    while arrived < stream.len() {
        arrived = stream.len().min(arrived + piece());
        while start < arrived {
            let input = &stream[start..arrived];
            match parser.parse(input, limits) {
                Parsed::Incomplete => {
                    assert!(parser.wanted() > input.len());
                    break;
                }
                Parsed::Empty { consumed } => start += consumed,
                Parsed::Request { consumed } => {
                    let (bytes, spans) = parser.words(input);
                    let words = spans
                        .iter()
                        .map(|span| bytes[span.start as usize..][..span.len as usize].to_vec());
                    found.push(words.collect());
                    start += consumed;
                }
                Parsed::Invalid(error) => return (found, Some(error)),
            }
            assert!(start <= arrived, "no request ends beyond its input");
        }
    }
    (found, None)
}
