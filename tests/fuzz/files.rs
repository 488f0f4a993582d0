//! Fuzz target: an RDB file tells the same, and fails the same, however it is cut, and what it holds makes values or none.

use corelane::config::Config;
use corelane::format::rdb::{Item, RdbError, Reader};
use corelane::format::{self, Limits};

use crate::Target;

pub const TARGET: Target = Target {
    name: "files",
    seeds: &[
        b"\x03REDIS0003\xfe\x00\x00\x01a\x01b\xfd\x01\x00\x00\x00\x02\x01s\x02\x01x\x01y\xff",
        b"\x07VALKEY080\xfa\x0avalkey-ver\x059.1.2\xf5\x03lib\xfe\x02\xfb\x02\x01\xf4\x01\x02\x03\xfc\x01\x00\x00\x00\x00\x00\x00\
          \x00\xf9\x07\x00\x01a\xc0\x05\xff\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x01REDIS0011\xf8\x09\x16\x01h\x02\x01f\x01v\x000\xef}\xba\x02\x00\x00\x01g\x01w\xff\xff\xff\xff\xff\xff\xff\xff\x05\x01z\x01\
          \x01c\x00\x00\x00\x00\x00\x00\xf0\x7f\x03\x01t\x02\x01b\x032.5\x01a\xfe\xff\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x09REDIS0011\x12\x01l\x02\x01\x01a\x02\x0a\x0a\x00\x00\x00\x01\x00\x81a\x02\xff\x00\x01k\xc3\x13A@\x08abcdefgha\xe0\xff\x07\
          \xe1$\x07\x01gh\xff\x00\x00\x00\x00\x00\x00\x00\x00",
    ],
    tokens: &[
        b"\xff",
        b"\xc3",
        b"\x80\xff\xff\xff\xff",
        b"\x81\x00\x00\x00\x01\x00\x00\x00\x00",
        b"\x81\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x15\x01s\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x0f\x01s\x00\x00\x00\x00\x01\x01g\x00\x00\x00\x01\x01c",
        b"\xfe\x01",
        b"\xfa\x01a\x01b",
    ],
    run,
};

/// The first byte tells how the file is cut, the rest is the file.
fn run(input: &[u8]) {
    let Some((&piece, bytes)) = input.split_first() else {
        return;
    };
    let whole = read(bytes, bytes.len().max(1));
    assert_eq!(read(bytes, usize::from(piece % 16) + 1), whole);
}

/// What the file tells, and the error with which it ends, if it does. A value becomes one or is refused.
fn read(bytes: &[u8], piece: usize) -> (Vec<String>, Option<RdbError>) {
    let limits = Limits::of(&Config::default());
    let (mut reader, mut told) = (Reader::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        reader.feed(piece);
        loop {
            let item = match reader.next_item() {
                Ok(Some(item)) => item,
                Ok(None) => break,
                Err(error) => return (told, Some(error)),
            };
            told.push(format!("{item:?}"));
            match item {
                Item::End => return (told, None),
                Item::Key(key) => drop(format::read(&[&[key.kind], key.value].concat(), &limits)),
                _ => {}
            }
        }
    }
    (told, None)
}
