//! Time per request of the parser alone.
//!
//! `cargo bench --bench parser` prints nanoseconds a request; run it on an idle core.

mod measure;

use std::hint::black_box;

use corelane::protocol::request::{Limits, Parsed, RequestParser};
use measure::measure;

const LIMITS: Limits = Limits {
    bulk_len_max: 512 << 20,
    query_buffer_max: 1 << 30,
    authenticated: true,
};

fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len());
    words
        .iter()
        .for_each(|word| bytes.push_str(&format!("${}\r\n{word}\r\n", word.len())));
    bytes.into_bytes()
}

fn main() {
    let value = "x".repeat(64);
    let pairs: Vec<String> = (0..20).map(|at| format!("item:{at}")).collect();
    let mut many = vec!["HSET", "hash"];
    many.extend(pairs.iter().map(String::as_str));
    for (what, words) in [
        ("PING", &["PING"][..]),
        ("GET", &["GET", "key:000000000001"]),
        ("SET", &["SET", "key:000000000001", &value]),
        ("HSET of 10 fields", &many),
    ] {
        let bytes = request(words);
        let mut parser = RequestParser::default();
        measure(what, words.len() as u64, |_| match parser.parse(&bytes, &LIMITS) {
            Parsed::Request { consumed } => assert_eq!(consumed, bytes.len()),
            other => panic!("{other:?}"),
        });
        let inline = [words.join(" ").as_bytes(), b"\r\n"].concat();
        measure(&format!("{what}, inline"), words.len() as u64, |_| {
            black_box(parser.parse(&inline, &LIMITS));
        });
    }
}
