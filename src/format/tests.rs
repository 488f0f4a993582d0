//! Values to bytes and back, damaged bytes, and payloads that Valkey 9.1.2 has written.

use super::*;
use crate::base::time::UnixMillis;
use crate::config::Config;
use crate::keyspace::{Entry, Value};
use crate::types::list::End;
use crate::types::stream::{Flow, Group, Pending, StreamId};
use crate::types::{Hash, List, Set, SortedSet, Stream};
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
    write(&entry, UnixMillis(0), config, &mut bytes);
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
fn a_set_of_too_many_integers_is_none_of_the_small_ones() {
    let ints = |count: i64| {
        let members: Vec<Vec<u8>> = (0..count).map(|number| number.to_string().into_bytes()).collect();
        written(set_of(&members, &Config::default()), &Config::default())
    };
    // Even where as many members of any kind would be packed.
    let config = Config {
        set_max_intset_entries: 4,
        set_max_listpack_entries: 128,
        ..Config::default()
    };
    for (count, encoding) in [(4, "intset"), (5, "hashtable")] {
        let Ok(Value::Set(set)) = read(&ints(count), &Limits::of(&config)) else {
            unreachable!("it is a set")
        };
        assert_eq!(set.encoding(), encoding, "{count} members");
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

/// The stream as Valkey 9 writes it.
pub const STREAM: &[u8] =
    b"\x15\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x0188\x00\x00\x00\x16\x00\
      \x02\x01\x01\x01\x01\x01\x81a\x02\x00\x01\x02\x01\x00\x01\x00\x01\x01\x01\x04\x01\x01\x01\x00\x01\
      \x01\x01\x01\x01\x81b\x02\x81c\x02\x06\x01\x02\x01\x01\x01\xdf\xff\x02\xc1,\x02\x04\x01\xff\x02\x02\
      \x00\x01\x01\x01\x02\x03\x01\x01g\x01\x02\x02\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\
      \x00\x00\x00\x01\xe5G\xf8\x1f\xa2\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\
      \x00\x00\x00\x02\xe5G\xf8\x1f\xa2\x01\x00\x00\x01\x02\x01c\xe5G\xf8\x1f\xa2\x01\x00\x00\xe5G\xf8\x1f\
      \xa2\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\
      \x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x01d\xe8G\xf8\x1f\xa2\x01\x00\x00\xff\xff\xff\xff\
      \xff\xff\xff\xff\x00";

/// A stream as three versions write it: entries 1-1 and 2-0, between them one that was deleted, the first two delivered to a consumer.
const STREAMS: [&[u8]; 3] = [
    b"\x0f\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x0188\x00\x00\x00\x16\x00\
      \x02\x01\x01\x01\x01\x01\x81a\x02\x00\x01\x02\x01\x00\x01\x00\x01\x01\x01\x04\x01\x01\x01\x00\x01\
      \x01\x01\x01\x01\x81b\x02\x81c\x02\x06\x01\x02\x01\x01\x01\xdf\xff\x02\xc1,\x02\x04\x01\xff\x02\x02\
      \x00\x01\x01g\x01\x02\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\xe5G\xf8\
      \x1f\xa2\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\xe5G\xf8\
      \x1f\xa2\x01\x00\x00\x01\x02\x01c\xe5G\xf8\x1f\xa2\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\
      \x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x01\
      d\xe8G\xf8\x1f\xa2\x01\x00\x00\x00",
    b"\x13\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x0188\x00\x00\x00\x16\x00\
      \x02\x01\x01\x01\x01\x01\x81a\x02\x00\x01\x02\x01\x00\x01\x00\x01\x01\x01\x04\x01\x01\x01\x00\x01\
      \x01\x01\x01\x01\x81b\x02\x81c\x02\x06\x01\x02\x01\x01\x01\xdf\xff\x02\xc1,\x02\x04\x01\xff\x02\x02\
      \x00\x01\x01\x01\x02\x03\x01\x01g\x01\x02\x02\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\
      \x00\x00\x00\x01\xe5G\xf8\x1f\xa2\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\
      \x00\x00\x00\x02\xe5G\xf8\x1f\xa2\x01\x00\x00\x01\x02\x01c\xe5G\xf8\x1f\xa2\x01\x00\x00\x02\x00\x00\
      \x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\
      \x00\x00\x00\x00\x02\x01d\xe8G\xf8\x1f\xa2\x01\x00\x00\x00",
    STREAM,
];

#[test]
fn streams_of_all_versions_are_read_and_the_newest_is_written() {
    let limits = Limits::of(&Config::default());
    for (bytes, version) in STREAMS.iter().zip(0..) {
        let Ok(Value::Stream(stream)) = read(bytes, &limits) else {
            panic!("it is a stream")
        };
        stream.log.check();
        let group = &stream.groups[&b"g"[..]];
        group.check();
        let mut ids = Vec::new();
        stream.log.range(StreamId::MIN, StreamId::MAX, &mut |entry| {
            ids.push(entry.id.to_string());
            Flow::Continue(())
        });
        assert_eq!(ids.join(" "), "1-1 2-0");
        assert_eq!((group.pending_len(), group.consumers().len()), (2, 2));
        assert_eq!(group.last_id, StreamId::new(1, 2));
        let added = if version == 0 { 2 } else { 3 };
        assert_eq!(stream.log.entries_added(), added);
        let max_deleted = if version == 0 {
            StreamId::MIN
        } else {
            StreamId::new(1, 2)
        };
        assert_eq!(stream.log.max_deleted_id(), max_deleted);
        let active: Vec<bool> = group.consumers().map(|consumer| consumer.active_ms > 0).collect();
        assert_eq!(active, [true, version < 2]);
        if version == 2 {
            assert_eq!(written(Value::Stream(stream), &Config::default()), *bytes);
        }
    }
}

#[test]
fn streams_that_grew_are_written_and_read() {
    let mut rng = crate::base::rng::Rng::new(3);
    let node = crate::types::stream::Limits {
        node_bytes: 300,
        node_entries: 7,
    };
    for round in 0..200 {
        let mut stream = Stream::new();
        let mut ids = Vec::new();
        for at in 1..=rng.below(60) {
            let id = StreamId::new(at / 3 + 1, at);
            ids.push(id);
            let words: Vec<Vec<u8>> = (0..2 * (1 + rng.below(3)))
                .map(|_| {
                    rng.below(400)
                        .to_string()
                        .into_bytes()
                        .repeat(1 + rng.below(9) as usize)
                })
                .collect();
            stream.log.push(id, words.iter().map(Vec::as_slice), node);
        }
        for id in &ids {
            if rng.chance(1, 3) {
                stream.log.delete(*id);
            }
        }
        for name in [&b"g"[..], b"h"] {
            let mut group = Group::new(StreamId::new(3, 7), rng.chance(1, 2).then_some(5));
            for consumer in [&b"c"[..], b"d"] {
                let consumer = group.add_consumer(consumer, 1_000);
                let delivered: Vec<StreamId> = ids.iter().copied().filter(|_| rng.chance(1, 4)).collect();
                for id in delivered {
                    group.put(id, Pending::new(consumer, rng.below(1 << 40), 1 + rng.below(1 << 20)));
                }
            }
            for id in &ids {
                if rng.chance(1, 8) {
                    group.release(*id, rng.below(9));
                }
            }
            stream.groups.insert(name.into(), group);
        }
        let value = Value::Stream(Box::new(stream));
        let bytes = written(value.clone(), &Config::default());
        let again = read(&bytes, &Limits::of(&Config::default()));
        assert_eq!(again, Ok(value), "round {round}");
        let again = written(again.expect("it was just read"), &Config::default());
        assert_eq!(again, bytes, "round {round}");
    }
}

#[test]
fn streams_that_contradict_themselves_are_no_values() {
    let limits = Limits::of(&Config::default());
    let whole = STREAMS[2];
    for len in 0..whole.len() {
        assert_eq!(read(&whole[..len], &limits), Err(Damaged), "{len} bytes");
    }
    let changed = |at: usize, byte: u8| {
        let mut bytes = whole.to_vec();
        bytes[at] = byte;
        read(&bytes, &limits)
    };
    let entries = 76;
    assert_eq!(whole[entries], 2, "how many entries there are");
    assert_eq!(changed(entries, 3), Err(Damaged));
    assert_eq!(whole[entries + 1], 2, "the last id");
    assert_eq!(changed(entries + 1, 1), Err(Damaged));
    // The listpack says that two entries are live and one was deleted.
    assert_eq!((whole[26], whole[28]), (2, 1));
    assert_eq!(changed(26, 3), Err(Damaged));
    assert_eq!(changed(28, 0), Err(Damaged));
    // What is pending for the group, and for no consumer.
    let pending_id = whole.len() - 36;
    assert_eq!(changed(pending_id, 9), Err(Damaged));
}
