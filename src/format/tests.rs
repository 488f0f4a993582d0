//! Values to bytes and back, damaged bytes, and payloads that Valkey 9.1.2 has written.

use super::*;
use crate::base::time::UnixMillis;
use crate::config::Config;
use crate::keyspace::{Entry, Value};
use crate::types::list::End;
use crate::types::{Hash, List, Set, SortedSet};
use crate::types::{hash, set, sorted_set};
use proptest::prelude::*;

/// Small limits, so that both forms of every type are met.
fn tiny() -> Config {
    Config {
        list_max_listpack_size: 4,
        set_max_intset_entries: 4,
        set_max_listpack_entries: 4,
        hash_max_listpack_entries: 3,
        zset_max_listpack_entries: 3,
        ..Config::default()
    }
}

fn strings() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..30),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        (-200i64..70_000).prop_map(|number| number.to_string().into_bytes()),
        ("[ab]{0,3}", 0usize..400).prop_map(|(text, times)| text.repeat(times).into_bytes()),
        (any::<u8>(), 60usize..5000).prop_map(|(byte, len)| vec![byte; len]),
    ]
}

fn list_of(items: &[Vec<u8>], config: &Config) -> Value {
    let mut list = List::new();
    let limit = crate::types::list::Limit::from_directive(config.list_max_listpack_size);
    for item in items {
        list.will_grow(limit, 1, item.len());
        list.push(End::Right, item);
    }
    list.into()
}

fn set_of(members: &[Vec<u8>], config: &Config) -> Value {
    let limits = set::Limits {
        ints: config.set_max_intset_entries,
        entries: config.set_max_listpack_entries,
        value_bytes: config.set_max_listpack_value,
    };
    let mut set = Set::new();
    set.will_grow(limits, members.iter().map(Vec::as_slice));
    for member in members {
        set.insert(member, limits);
    }
    set.into()
}

fn hash_of(pairs: &[(Vec<u8>, Vec<u8>, Option<i64>)], config: &Config) -> Value {
    let limits = hash::Limits {
        entries: config.hash_max_listpack_entries,
        value_bytes: config.hash_max_listpack_value,
    };
    let mut hash = Hash::new();
    for (field, value, expiry) in pairs {
        let setting = hash::Setting {
            limits,
            now: UnixMillis(0),
            ttl: expiry.map_or(hash::Ttl::Never, |at| hash::Ttl::At(UnixMillis(at))),
        };
        hash.set(field, value, setting);
    }
    hash.into()
}

fn sorted_set_of(members: &[(Vec<u8>, f64)], config: &Config) -> Value {
    let limits = sorted_set::Limits {
        entries: config.zset_max_listpack_entries,
        value: config.zset_max_listpack_value,
    };
    let mut set = SortedSet::new();
    for (member, score) in members {
        set.set(member, *score, limits);
    }
    set.into()
}

fn values(config: Config) -> impl Strategy<Value = Value> {
    let many = |most: usize| prop::collection::vec(strings(), 1..most);
    let ints = prop::collection::vec(any::<i16>().prop_map(|number| number.to_string().into_bytes()), 1..9);
    let score = prop_oneof![
        any::<f64>().prop_filter("scores are never NaN", |score| !score.is_nan()),
        (-100i32..100).prop_map(f64::from),
        Just(f64::INFINITY),
    ];
    let pair = (strings(), strings(), prop::option::weighted(0.2, 1i64..1 << 45));
    let configs = [config.clone(), config.clone(), config.clone(), config];
    let [one, two, three, four] = configs;
    prop_oneof![
        strings().prop_map(Value::String),
        any::<i64>().prop_map(Value::Int),
        many(12).prop_map(move |items| list_of(&items, &one)),
        prop_oneof![many(9).boxed(), ints.boxed()].prop_map(move |members| set_of(&members, &two)),
        prop::collection::vec(pair, 1..7).prop_map(move |pairs| hash_of(&pairs, &three)),
        prop::collection::vec((strings(), score), 1..7).prop_map(move |members| sorted_set_of(&members, &four)),
    ]
}

fn written(value: Value, config: &Config) -> Vec<u8> {
    let mut bytes = Vec::new();
    let entry = Entry::new(b"key", value);
    write(&entry, UnixMillis(0), config, &mut bytes).expect("every value here has a form");
    bytes
}

/// Integers are read as the strings that they spell.
fn as_read(value: Value) -> Value {
    match value {
        Value::Int(number) => Value::String(number.to_string().into_bytes()),
        value => value,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read(small: bool, seed in any::<prop::sample::Index>(), pool in prop::collection::vec(values(tiny()), 1..4)) {
        let config = if small { tiny() } else { Config::default() };
        let value = pool[seed.index(pool.len())].clone();
        let bytes = written(value.clone(), &config);
        let mut longer = bytes.clone();
        longer.push(0);
        prop_assert_eq!(read(&longer, &Limits::of(&config)), Ok(as_read(value)));
        // No part of a value is a value, but for strings and lists of nothing to check at their end.
        prop_assert!((0..bytes.len()).all(|cut| read(&bytes[..cut], &Limits::of(&config)).is_err()));
    }

    #[test]
    fn damage_never_panics(value in values(tiny()), places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = written(value, &tiny());
        for (place, byte) in places {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        match read(&bytes, &Limits::of(&tiny())) {
            Ok(Value::List(list)) => list.check(),
            Ok(Value::Hash(hash)) => hash.check(),
            Ok(Value::Set(set)) => set.check(),
            Ok(Value::SortedSet(set)) => set.check(),
            _ => {}
        }
    }

    #[test]
    fn compressed_bytes_are_restored(pieces in prop::collection::vec((strings(), 1usize..20), 0..8)) {
        let input: Vec<u8> = pieces.into_iter().flat_map(|(piece, times)| piece.repeat(times)).collect();
        if let Some(packed) = lzf::compress(&input, 4) {
            prop_assert!(packed.len() + 4 <= input.len());
            prop_assert_eq!(lzf::decompress(&packed, input.len()), Ok(input.clone()));
            prop_assert_eq!(lzf::decompress(&packed, input.len() + 1), Err(Damaged));
        }
    }

    #[test]
    fn any_bytes_decompress_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200), len in 0usize..5000) {
        if let Ok(output) = lzf::decompress(&bytes, len) {
            prop_assert_eq!(output.len(), len);
        }
    }
}

#[test]
fn payloads_are_sealed() {
    let mut payload = written(Value::String(b"hello".to_vec()), &Config::default());
    dump::seal(&mut payload);
    assert_eq!(payload, b"\x00\x05helloP\x00\xacX\x16\xe7\xfbfG\xfe");
    assert_eq!(dump::open(&payload), Ok(&b"\x00\x05hello"[..]));
    for at in 0..payload.len() {
        let mut damaged = payload.clone();
        damaged[at] ^= 1;
        assert_eq!(dump::open(&damaged), Err(Damaged), "{at}");
        assert_eq!(dump::open(&payload[..at]), Err(Damaged), "{at}");
    }
    let known: Vec<u16> = (0..100).filter(|version| is_known(*version)).collect();
    assert_eq!(known, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 80]);
}

#[test]
fn forms_of_older_versions_are_read() {
    let config = Config::default();
    let text = |word: &str| word.as_bytes().to_vec();
    let list = list_of(&[text("1"), text("hello"), text("-300")], &config);
    let hash = hash_of(&[(text("f"), text("v"), None), (text("g"), text("12"), None)], &config);
    let zset = sorted_set_of(&[(text("a"), 1.0), (text("b"), 2.5)], &config);
    let ziplist = |body: &[u8], tail: u32, count: u16| {
        let total = (10 + body.len() + 1) as u32;
        let header = [&total.to_le_bytes()[..], &tail.to_le_bytes(), &count.to_le_bytes()];
        let mut bytes = [header.concat(), body.to_vec()].concat();
        bytes.push(0xff);
        bytes
    };
    let blob = |kind: u8, bytes: &[u8]| [&[kind, bytes.len() as u8], bytes].concat();
    let items = ziplist(b"\x00\xf2\x02\x05hello\x07\xc0\xd4\xfe", 10 + 9, 3);
    let nodes = [&[kind::LIST_OF_ZIPLISTS, 1, items.len() as u8], &items[..]].concat();
    let fields = ziplist(b"\x00\x01f\x03\x01v\x03\x01g\x03\xfe\x0c", 10 + 9, 4);
    let scores = ziplist(b"\x00\x01a\x03\xf2\x02\x01b\x03\x032.5", 10 + 8, 4);
    for (bytes, want) in [
        (b"\x01\x03\xc0\x01\x05hello\xc1\xd4\xfe".to_vec(), list.clone()),
        (blob(kind::LIST_ZIPLIST, &items), list.clone()),
        (nodes, list),
        (
            blob(kind::HASH_ZIPMAP, b"\x02\x01f\x01\x00v\x01g\x02\x0112\x00\xff"),
            hash.clone(),
        ),
        (blob(kind::HASH_ZIPLIST, &fields), hash),
        (b"\x03\x02\x01b\x032.5\x01a\x011".to_vec(), zset.clone()),
        (blob(kind::SORTED_SET_ZIPLIST, &scores), zset),
    ] {
        assert_eq!(read(&bytes, &Limits::of(&config)), Ok(want), "{}", bytes.escape_ascii());
    }
}

#[test]
fn what_contradicts_itself_is_no_value() {
    for bytes in [
        &b""[..],
        b"\x63\x01v",
        b"\x12\x00",
        b"\x02\x00",
        b"\x02\x02\x01a\x01a",
        b"\x04\x02\x01a\x01a\x01a\x01b",
        b"\x05\x01\x01a\x00\x00\x00\x00\x00\x00\xf8\x7f",
        b"\x03\x01\x01a\xfd",
        b"\x03\x01\x01a\x03abc",
        b"\x16\x01\x01f\x01v\xfe\xff\xff\xff\xff\xff\xff\xff",
        b"\x0b\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x05\x00\x01\x00",
        b"\x00\xc3\x02\x40\xff\x00\x00",
        b"\x02\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01a",
        b"\x00\xc3\x01\x81\x00\x00\xff\xff\xff\xff\xff\xff\x00",
    ] {
        assert_eq!(
            read(bytes, &Limits::of(&Config::default())),
            Err(Damaged),
            "{}",
            bytes.escape_ascii()
        );
    }
}
