//! Tests of the request parser: what a peer answers byte for byte, and that cutting the stream changes nothing.

use proptest::prelude::*;

use super::{INPUT_MAX, KEPT_WORDS, LINE_MAX, Limits, Parsed, ProtocolError, RequestParser};
use crate::protocol::reply::{Reply, Resp};

const OPEN: Limits = Limits {
    bulk_len_max: 512 << 20,
    query_buffer_max: 1 << 30,
    authenticated: true,
};

const CLOSED: Limits = Limits {
    authenticated: false,
    ..OPEN
};

type Words = Vec<Vec<u8>>;

/// Every request of `stream`, which arrives cut at `cuts`, and the error that ends it.
fn run(stream: &[u8], cuts: &[usize], limits: &Limits) -> (Vec<Words>, Option<ProtocolError>) {
    let mut parser = RequestParser::default();
    let mut requests = Vec::new();
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    ends.sort_unstable();
    ends.push(stream.len());
    let mut start = 0;
    for end in ends {
        while start < end {
            let input = &stream[start..end];
            match parser.parse(input, limits) {
                Parsed::Incomplete => {
                    assert!(parser.wanted() > input.len(), "wants what it has");
                    break;
                }
                Parsed::Empty { consumed } => start += consumed,
                Parsed::Request { consumed } => {
                    requests.push(words_of(&parser, input));
                    assert!(consumed > 0);
                    start += consumed;
                }
                Parsed::Invalid(error) => return (requests, Some(error)),
            }
        }
    }
    (requests, None)
}

fn words_of(parser: &RequestParser, input: &[u8]) -> Words {
    let (bytes, spans) = parser.words(input);
    let word = |span: &super::Span| bytes[span.start as usize..][..span.len as usize].to_vec();
    spans.iter().map(word).collect()
}

fn words(words: &[&str]) -> Words {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn encode(words: &Words) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend(word);
        bytes.extend(b"\r\n");
    }
    bytes
}

fn repeated(prefix: &str, byte: u8, times: usize, suffix: &str) -> Vec<u8> {
    [prefix.as_bytes(), &vec![byte; times], suffix.as_bytes()].concat()
}

#[test]
fn multibulk_requests_split_into_words() {
    for (stream, want) in [
        ("*1\r\n$4\r\nPING\r\n", vec![words(&["PING"])]),
        ("*2\r\n$0\r\n\r\n$2\r\n\r\n\r\n", vec![words(&["", "\r\n"])]),
        ("*0\r\n*-1\r\n*-9223372036854775808\r\nPING\r\n", vec![words(&["PING"])]),
        (
            "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n",
            vec![words(&["PING"]), words(&["QUIT"])],
        ),
        ("*1\r\n$4\r\nPING\r", vec![]),
        ("*2\r\n$4\r\nPING\r\n", vec![]),
        ("*1\r\n\n\n", vec![]),
        ("*abc\r", vec![]),
    ] {
        assert_eq!(run(stream.as_bytes(), &[], &OPEN), (want, None), "{stream:?}");
    }
}

#[test]
fn inline_requests_split_into_words() {
    for (stream, want) in [
        ("PING\r\n", vec![words(&["PING"])]),
        ("PING\n", vec![words(&["PING"])]),
        ("\r\n\n  \r\nPING\r\r\n", vec![words(&["PING"])]),
        ("PING a\rb\r\n", vec![words(&["PING", "a", "b"])]),
        ("SET  \"a b\"\t'c d'\r\n", vec![words(&["SET", "a b", "c d"])]),
        ("ECHO \"\" ''\r\n", vec![words(&["ECHO", "", ""])]),
        ("PING a\"b c\"'d'e\r\n", vec![words(&["PING", "ab cde"])]),
        (
            "PING \"\\x41\\n\\t\\q\\\"\\xzz\\x4\"\r\n",
            vec![words(&["PING", "A\n\tq\"xzzx4"])],
        ),
        ("PING 'a\\'b\\n'\r\n", vec![words(&["PING", "a'b\\n"])]),
        ("PING \u{b}\u{c}x\u{b}\r\n", vec![words(&["PING", "x\u{b}"])]),
        ("PING a\0b\r\nPING\r\n", vec![]),
        ("\"\"\r\n", vec![words(&[""])]),
        ("PING", vec![]),
    ] {
        assert_eq!(run(stream.as_bytes(), &[], &OPEN), (want, None), "{stream:?}");
    }
}

#[test]
fn broken_streams_end_with_valkeys_errors() {
    use ProtocolError::*;
    for (stream, want) in [
        ("*abc\r\n", CountInvalid),
        ("*\r\n", CountInvalid),
        ("*01\r\n", CountInvalid),
        ("*+1\r\n", CountInvalid),
        ("*-0\r\n", CountInvalid),
        ("* 1\r\n", CountInvalid),
        ("*1\0\r\n", CountInvalid),
        ("*2147483648\r\n", CountInvalid),
        ("*9223372036854775808\r\n", CountInvalid),
        ("*abc\rx", LineEnd),
        ("*1\r\r", LineEnd),
        ("*1\r\nx4\rz", ExpectedDollar(b'x')),
        ("*1\r\n\r\n", ExpectedDollar(b'\r')),
        ("*2\r\n$4\r\nPING\r\n:4\r\n", ExpectedDollar(b':')),
        ("*1\r\n$4\rx", LineEnd),
        ("*1\r\n$-1\rx", LineEnd),
        ("*1\r\n$-1\r\n", LengthInvalid),
        ("*1\r\n$04\r\n", LengthInvalid),
        ("*1\r\n$536870913\r\n", LengthInvalid),
        ("*1\r\n$4\r\nPINGxx", LineEnd),
        ("*1\r\n$4\r\nPING\n\n", LineEnd),
        ("PING \"a\r\n", UnbalancedQuotes),
        ("PING 'a\\'\r\n", UnbalancedQuotes),
        ("PING \"a\\\r\n", UnbalancedQuotes),
    ] {
        assert_eq!(run(stream.as_bytes(), &[], &OPEN).1, Some(want), "{stream:?}");
    }
}

#[test]
fn limits_are_exact() {
    use ProtocolError::*;
    let small = Limits {
        query_buffer_max: 1 << 20,
        ..OPEN
    };
    let tight = Limits {
        bulk_len_max: 2000,
        ..OPEN
    };
    for (stream, limits, want) in [
        (b"*2147483647\r\n".to_vec(), OPEN, None),
        (b"*1\r\n$536870912\r\n".to_vec(), OPEN, None),
        (repeated("*", b'1', LINE_MAX - 1, ""), OPEN, None),
        (repeated("*", b'1', LINE_MAX, ""), OPEN, Some(CountTooBig)),
        (repeated("*", b'1', LINE_MAX, "\r\n"), OPEN, Some(CountTooBig)),
        (repeated("*", b'1', LINE_MAX - 1, "\r\n"), OPEN, Some(CountInvalid)),
        (repeated("*1\r\n$", b'1', LINE_MAX - 1, ""), OPEN, None),
        (repeated("*1\r\n$", b'1', LINE_MAX, ""), OPEN, Some(LengthTooBig)),
        (repeated("", b'x', LINE_MAX, ""), OPEN, None),
        (repeated("", b'x', LINE_MAX, "\n"), OPEN, None),
        (repeated("", b'x', LINE_MAX + 1, ""), OPEN, Some(InlineTooBig)),
        (repeated("x\0", b'\n', LINE_MAX, "\n"), OPEN, Some(InlineTooBig)),
        (b"*10\r\n".to_vec(), CLOSED, None),
        (b"*11\r\n".to_vec(), CLOSED, Some(CountUnauthenticated)),
        (b"*1\r\n$16384\r\n".to_vec(), CLOSED, None),
        (b"*1\r\n$16385\r\n".to_vec(), CLOSED, Some(LengthUnauthenticated)),
        (b"*1\r\n$1048574\r\n".to_vec(), small, None),
        (b"*1\r\n$1048575\r\n".to_vec(), small, Some(QueryBuffer)),
        (b"*1\r\n$2000\r\n".to_vec(), tight, None),
        (b"*1\r\n$2001\r\n".to_vec(), tight, Some(LengthInvalid)),
    ] {
        let shown = String::from_utf8_lossy(&stream[..stream.len().min(30)]).into_owned();
        let every_kib: Vec<usize> = (0..stream.len()).step_by(1024).collect();
        for cuts in [&[][..], &every_kib] {
            assert_eq!(
                run(&stream, cuts, &limits).1,
                want,
                "{shown:?} ({} bytes)",
                stream.len()
            );
        }
    }
}

#[test]
fn a_request_beyond_four_gibibytes_is_refused_before_it_is_buffered() {
    let limits = Limits {
        bulk_len_max: usize::MAX,
        query_buffer_max: usize::MAX,
        authenticated: true,
    };
    let stream = format!("*1\r\n${}\r\n", INPUT_MAX - 1);
    assert_eq!(run(stream.as_bytes(), &[], &limits).1, Some(ProtocolError::QueryBuffer));
}

#[test]
fn a_large_word_is_not_looked_at_again_before_it_is_whole() {
    let mut parser = RequestParser::default();
    let header = b"*2\r\n$4\r\nECHO\r\n$100000\r\n";
    assert_eq!(parser.parse(header, &OPEN), Parsed::Incomplete);
    assert_eq!(parser.wanted(), header.len() + 100_000 + 2);
    let whole = repeated(std::str::from_utf8(header).expect("ASCII"), b'y', 100_000, "\r\n");
    let consumed = whole.len();
    assert_eq!(parser.parse(&whole, &OPEN), Parsed::Request { consumed });
    assert_eq!(words_of(&parser, &whole)[1].len(), 100_000);
}

#[test]
fn a_large_request_leaves_no_large_parser_behind() {
    let mut parser = RequestParser::default();
    let large = encode(&vec![b"x".to_vec(); 100_000]);
    let consumed = large.len();
    assert_eq!(parser.parse(&large, &OPEN), Parsed::Request { consumed });
    assert_eq!(parser.parse(b"PING\r\n", &OPEN), Parsed::Request { consumed: 6 });
    assert!(parser.spans.capacity() <= KEPT_WORDS);
}

#[test]
fn errors_read_as_valkeys() {
    for (error, want) in [
        (
            ProtocolError::CountInvalid,
            "-ERR Protocol error: invalid multibulk length\r\n",
        ),
        (
            ProtocolError::ExpectedDollar(b'\r'),
            "-ERR Protocol error: expected '$', got ' '\r\n",
        ),
        (ProtocolError::QueryBuffer, ""),
    ] {
        let mut reply = Reply::new(Vec::new(), Resp::V2);
        error.write(&mut reply);
        assert_eq!(reply.bytes(), want.as_bytes());
    }
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..12),
        2 => prop::collection::vec(any::<u8>(), 95..120),
        1 => prop::collection::vec(Just(b'\r'), 990..1010),
    ]
}

/// Bytes that look like a stream often enough to get far into the parser.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"*".to_vec()),
        Just(b"$".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"*2\r\n$1\r\nx\r\n".to_vec()),
        Just(b"$3\r\n".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"'".to_vec()),
        (-2i64..2000).prop_map(|number| number.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn encoded_requests_parse_to_the_same_words(
        requests in prop::collection::vec(prop::collection::vec(word(), 1..12), 0..6),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let stream: Vec<u8> = requests.iter().flat_map(encode).collect();
        prop_assert_eq!(run(&stream, &cuts, &OPEN), (requests, None));
    }

    #[test]
    fn cutting_a_stream_changes_nothing(stream in garbage(), cuts in prop::collection::vec(any::<usize>(), 0..20), open in any::<bool>()) {
        let limits = if open { OPEN } else { CLOSED };
        prop_assert_eq!(run(&stream, &cuts, &limits), run(&stream, &[], &limits));
        let every: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(run(&stream, &every, &limits), run(&stream, &[], &limits));
    }
}
