//! Fuzz target: words that are quoted again split into the same words.

use corelane::protocol::words::split;

use crate::Target;

pub const TARGET: Target = Target {
    name: "words",
    seeds: &[
        b"bind 127.0.0.1 -::1",
        b"save \"3600 1\" 'x'",
        b"a \"\\x41\\n\" 'b\\'c'",
    ],
    tokens: &[b"\"", b"'", b"\\", b"\\x", b" ", b"\"\"", b"\\'"],
    run,
};

fn run(input: &[u8]) {
    let Some(words) = words(input) else {
        return;
    };
    let quoted: Vec<u8> = words.iter().flat_map(|word| quote(word)).collect();
    assert_eq!(self::words(&quoted), Some(words));
}

fn words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    split(line, &mut bytes, &mut spans).ok()?;
    let word = |span: &corelane::protocol::request::Span| bytes[span.start as usize..][..span.len as usize].to_vec();
    Some(spans.iter().map(word).collect())
}

fn quote(word: &[u8]) -> Vec<u8> {
    let hex = word.iter().map(|byte| format!("\\x{byte:02x}"));
    format!("\"{}\" ", hex.collect::<String>()).into_bytes()
}
