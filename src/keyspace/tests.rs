//! Databases: what they count, and what they hand out.

use proptest::prelude::*;

use super::*;
use crate::base::hash::table_hash;
use crate::base::time::UnixMillis;
use crate::types::hash::{Limits, Setting, Ttl};
use crate::types::list::End;
use crate::types::{Hash, List};

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, usize),
    List(u8),
    Push(u8),
    Append(u8, usize),
    Expire(u8, Option<i64>),
    Remove(u8),
    TakeExpired(i64),
    Field(u8, u8, Option<i64>),
    TakeFields(i64, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0u8..40;
    prop_oneof![
        3 => (key(), 0usize..2000).prop_map(|(key, len)| Step::Insert(key, len)),
        1 => key().prop_map(Step::List),
        3 => key().prop_map(Step::Push),
        3 => (key(), 0usize..500).prop_map(|(key, len)| Step::Append(key, len)),
        2 => (key(), proptest::option::of(0i64..10)).prop_map(|(key, at)| Step::Expire(key, at)),
        2 => key().prop_map(Step::Remove),
        1 => (0i64..10).prop_map(Step::TakeExpired),
        4 => (key(), 0u8..3, proptest::option::of(0i64..10)).prop_map(|(key, field, at)| Step::Field(key, field, at)),
        1 => (0i64..10, 0usize..4).prop_map(|(now, limit)| Step::TakeFields(now, limit)),
    ]
}

fn apply(db: &mut Db, step: &Step) {
    match *step {
        Step::Insert(key, len) => drop(db.insert(Entry::string(&[key], &vec![b'x'; len]))),
        Step::List(key) => drop(db.insert(Entry::new(&[key], List::new()))),
        Step::Push(key) => {
            if let Some(list) = db.get_mut(&[key]).and_then(Entry::list_mut) {
                list.push(End::Right, &[0; 100]);
            }
        }
        Step::Append(key, len) => {
            if let Some(entry) = db.get_mut(&[key]) {
                entry.edit_string(|bytes| bytes.resize(bytes.len() + len, b'y'));
            }
        }
        Step::Expire(key, at) => drop(db.set_expiry(&[key], at.map(UnixMillis))),
        Step::Remove(key) => drop(db.remove(&[key])),
        Step::TakeExpired(now) => drop(db.take_expired(UnixMillis(now), 5)),
        Step::Field(key, field, at) => {
            if db.get(&[key]).is_none() {
                db.insert(Entry::new(&[key], Hash::new()));
            }
            if let Some(hash) = db.get_mut(&[key]).and_then(Entry::hash_mut) {
                let ttl = at.map_or(Ttl::Never, |at| Ttl::At(UnixMillis(at)));
                hash.set(&[field], b"value", Setting { ttl, ..SETTING });
            }
        }
        Step::TakeFields(now, limit) => take_fields(db, UnixMillis(now), limit),
    }
}

const SETTING: Setting = Setting {
    limits: Limits {
        entries: 2,
        value_bytes: 64,
    },
    now: UnixMillis(i64::MIN),
    ttl: Ttl::Never,
};

/// What is taken out must be due, as much as there is or is wanted, and no empty hash stays.
fn take_fields(db: &mut Db, now: UnixMillis, limit: usize) {
    let due = |db: &Db| {
        let hashes = db.iter().filter_map(Entry::hash);
        hashes.map(|hash| hash.len() - hash.live_len(now)).sum::<usize>()
    };
    let before = due(db);
    let taken = db.take_expired_fields(now, limit);
    assert_eq!(taken.iter().map(|taken| taken.count).sum::<usize>(), before.min(limit));
    assert_eq!(due(db), before - before.min(limit));
    for taken in taken {
        assert_eq!(taken.emptied.is_some(), db.get(&taken.key).is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, ..ProptestConfig::default() })]

    #[test]
    fn used_bytes_are_those_of_table_and_entries(steps in proptest::collection::vec(step(), 1..60)) {
        let mut db = Db::default();
        for step in &steps {
            apply(&mut db, step);
            let entries: usize = db.iter().map(Entry::heap_bytes).sum();
            prop_assert_eq!(db.used_bytes(), entries + db.table_bytes());
            db.check();
        }
    }
}

#[test]
fn ten_keys_take_less_than_a_kibibyte_of_table() {
    let mut db = Db::default();
    assert_eq!(db.used_bytes(), 0);
    for key in 0..10 {
        db.insert(Entry::int(&[key], 0));
    }
    assert!(db.table_bytes() < 1024, "{}", db.table_bytes());
}

#[test]
fn what_is_cleared_can_be_freed_by_another_thread() {
    let mut db = Db::default();
    for key in 0..100 {
        db.insert(Entry::string(&[key], &[b'v'; 3000]).expiring(Some(UnixMillis(5))));
    }
    let old = db.clear();
    assert_eq!(
        (db.len(), db.volatile_len(), db.used_bytes(), db.next_expiry_hint()),
        (0, 0, 0, None)
    );
    let freed = std::thread::spawn(move || old.len());
    assert_eq!(freed.join().ok(), Some(100));
}

#[test]
fn a_place_is_good_for_more_than_one_look() {
    let mut db = Db::default();
    let (key, hash) = (b"key", table_hash(b"key"));
    assert_eq!(db.find(hash, key), None);
    let place = db.insert_new(hash, Entry::string(key, b"one"));
    db.at_mut(place).set_string(b"two");
    db.set_expiry_at(place, Some(UnixMillis(3)));
    assert_eq!(db.find(hash, key), Some(place));
    assert_eq!(db.at(place).as_string(), Some(StringRef::Bytes(b"two")));
    let replaced = db.replace_at(place, Entry::int(key, 4));
    assert_eq!(replaced.expires_at(), Some(UnixMillis(3)));
    assert_eq!(db.remove_at(place).as_string(), Some(StringRef::Int(4)));
    assert_eq!((db.len(), db.volatile_len()), (0, 0));
}
