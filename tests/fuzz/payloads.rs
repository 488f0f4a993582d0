//! Fuzz target: bytes from outside become a sound value or none, which is written and read back as itself.

use corelane::base::time::UnixMillis;
use corelane::config::Config;
use corelane::format::{self, Limits};
use corelane::keyspace::{Entry, Value};

use crate::Target;

pub const TARGET: Target = Target {
    name: "payloads",
    seeds: &[
        b"\x00\x00\xc3\x13A@\x08abcdefgha\xe0\xff\x07\xe1$\x07\x01gh",
        b"\x01\x12\x01\x02\x13\x13\x00\x00\x00\x03\x00\x81a\x02\x01\x01\x85hello\x06\xff",
        b"\x00\x12\x02\x01\x01a\x02\x0a\x0a\x00\x00\x00\x01\x00\x81a\x02\xff",
        b"\x01\x0b\x14\x04\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\xe0\x93\x04\x00",
        b"\x00\x14\x0d\x0d\x00\x00\x00\x02\x00\x81a\x02\x81b\x02\xff",
        b"\x01\x02\x03\x01a\x01b\xc0\x05",
        b"\x00\x04\x02\x01f\x01v\x01n\xc1\x01\x02",
        b"\x01\x10\x12\x12\x00\x00\x00\x04\x00\x81f\x02\x81v\x02\x81n\x02\x01\x01\xff",
        b"\x00\x16\x02\x01f\x01v\x000\xef}\xba\x02\x00\x00\x01g\x01w\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x01\x11\x14\x14\x00\x00\x00\x04\x00\x81a\x02\x01\x01\x81b\x02\x832.5\x04\xff",
        b"\x00\x05\x02\x01c\x00\x00\x00\x00\x00\x00\xf0\x7f\x01b\x00\x00\x00\x00\x00\x00\x04@",
        b"\x01\x03\x02\x01b\x032.5\x01a\x011",
        b"\x00\x0a\x18\x18\x00\x00\x00\x13\x00\x00\x00\x03\x00\x00\xf2\x02\x05hello\x07\xc0\xd4\xfe\xff",
        b"\x01\x09\x0f\x02\x01f\x01\x00v\x01g\x02\x0112\x00\xff",
    ],
    tokens: &[
        b"\xff",
        b"\xc3",
        b"\x80\xff\xff\xff\xff",
        b"\x81\x00\x00\x00\x01\x00\x00\x00\x00",
        b"\xe0\xff\x00",
        b"\xf0\x00\x00\x00\x00",
        b"\xf4\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x00\x00\x00\x00\x00\x00\xf8\x7f",
    ],
    run,
};

/// The first byte chooses the limits, the rest is the value.
fn run(input: &[u8]) {
    let Some((&choice, bytes)) = input.split_first() else {
        return;
    };
    let mut config = Config::default();
    if choice & 1 == 1 {
        config.list_max_listpack_size = 2;
        config.set_max_intset_entries = 2;
        config.set_max_listpack_entries = 2;
        config.hash_max_listpack_entries = 2;
        config.zset_max_listpack_entries = 2;
    }
    let limits = Limits::of(&config);
    let Ok(value) = format::read(bytes, &limits) else {
        return;
    };
    match &value {
        Value::List(list) => list.check(),
        Value::SortedSet(set) => set.check(),
        _ => {}
    }
    let mut written = Vec::new();
    let ever = UnixMillis(i64::MIN);
    let entry = Entry::new(b"key", value.clone());
    format::write(&entry, ever, &config, &mut written).expect("what was read is written");
    assert_eq!(format::read(&written, &limits), Ok(value));
}
