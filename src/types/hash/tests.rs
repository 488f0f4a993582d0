//! The structure against a map, in both forms, and where it changes from one to the other.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Found, Hash, Limits, Setting, Ttl};
use crate::base::rng::Rng;
use crate::base::time::UnixMillis;

const LIMITS: Limits = Limits {
    entries: 10,
    value_bytes: 20,
};

const NOW: UnixMillis = UnixMillis(0);

const SETTING: Setting = Setting {
    limits: LIMITS,
    now: NOW,
    ttl: Ttl::Never,
};

#[derive(Clone, Debug)]
enum Step {
    Set(u8, Vec<u8>, Ttl),
    Expire(u8, Option<i64>),
    Remove(u8),
    TakeOut(u8),
    TakeExpired(usize),
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let len = prop_oneof![8 => 0..12usize, 1 => 20..22usize, 1 => Just(300)];
    let value = (len, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]);
    let time = || 0..60i64;
    let ttl = prop_oneof![
        5 => Just(Ttl::Never),
        2 => Just(Ttl::Keep),
        1 => time().prop_map(|at| Ttl::At(UnixMillis(at))),
    ];
    prop_oneof![
        6 => (0..30u8, value, ttl).prop_map(|(field, value, ttl)| Step::Set(field, value, ttl)),
        3 => (0..30u8, prop::option::of(time())).prop_map(|(field, at)| Step::Expire(field, at)),
        2 => (0..30u8).prop_map(Step::Remove),
        1 => (0..30u8).prop_map(Step::TakeOut),
        1 => (0..8usize).prop_map(Step::TakeExpired),
        1 => (0..5i64).prop_map(Step::Pass),
    ]
}

fn field(number: u8) -> Vec<u8> {
    let len = match number {
        29 => 300,
        28 => 253,
        27 => 252,
        _ => usize::from(number),
    };
    [&vec![b'f'; len][..], &[number]].concat()
}

/// Values and expiries by field.
type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

fn has_expired(expires_at: Option<i64>, now: i64) -> bool {
    expires_at.is_some_and(|at| at <= now)
}

fn live(model: &Model, now: i64) -> BTreeMap<&[u8], &[u8]> {
    let live = model.iter().filter(|(_, (_, at))| !has_expired(*at, now));
    live.map(|(field, (value, _))| (&field[..], &value[..])).collect()
}

/// The same on the hash and on the model; the answers must agree.
fn apply(hash: &mut Hash, model: &mut Model, now: &mut i64, step: Step) {
    let at = UnixMillis(*now);
    match step {
        Step::Set(number, value, ttl) => {
            let field = field(number);
            let old = model.get(&field).map(|(_, expires_at)| *expires_at);
            let want = match old {
                None => Found::Nothing,
                Some(old) if has_expired(old, *now) => Found::Expired,
                Some(_) => Found::Live,
            };
            let expires_at = match ttl {
                Ttl::Never => None,
                Ttl::Keep => old.flatten().filter(|_| want == Found::Live),
                Ttl::At(at) => Some(at.0),
            };
            let limits = LIMITS;
            assert_eq!(hash.set(&field, &value, Setting { limits, now: at, ttl }), want);
            model.insert(field, (value, expires_at));
        }
        Step::Expire(number, expires_at) => {
            let field = field(number);
            if live(model, *now).contains_key(&field[..]) {
                hash.set_expiry(&field, expires_at.map(UnixMillis));
                model.get_mut(&field).expect("the field lives").1 = expires_at;
            }
        }
        Step::Remove(number) => {
            let field = field(number);
            let lives = live(model, *now).contains_key(&field[..]);
            assert_eq!(hash.remove(&field, at), lives);
            if lives {
                model.remove(&field);
            }
        }
        Step::TakeOut(number) => {
            let field = field(number);
            assert_eq!(hash.take_out(&field), model.remove(&field).is_some());
        }
        Step::TakeExpired(limit) => {
            let mut due: Vec<_> = model
                .iter()
                .filter_map(|(_, (_, at))| *at)
                .filter(|at| at <= now)
                .collect();
            due.sort_unstable();
            assert_eq!(hash.take_expired(at, limit), due.len().min(limit));
            model.retain(|field, (_, at)| !has_expired(*at, *now) || hash.has_stored(field));
        }
        Step::Pass(milliseconds) => *now += milliseconds,
    }
}

proptest! {
    #[test]
    fn behaves_like_a_map(steps in prop::collection::vec(step(), 0..120)) {
        let (mut hash, mut model, mut now) = (Hash::new(), Model::new(), 0);
        let mut packed = true;
        for step in steps {
            apply(&mut hash, &mut model, &mut now, step);
            hash.check();
            let at = UnixMillis(now);
            packed &= model.len() <= 10 && model.iter().all(|(field, (value, expires_at))| {
                field.len() <= 20 && value.len() <= 20 && expires_at.is_none()
            });
            prop_assert_eq!(hash.encoding(), if packed { "listpack" } else { "hashtable" });
            let live = live(&model, now);
            prop_assert_eq!((hash.len(), hash.live_len(at)), (model.len(), live.len()));
            prop_assert_eq!(hash.iter(at).collect::<BTreeMap<_, _>>(), live.clone());
            prop_assert_eq!(hash.next_due(), model.values().filter_map(|(_, at)| *at).min().map(UnixMillis));
            for number in 0..30 {
                let field = field(number);
                prop_assert_eq!(hash.get(&field, at), live.get(&field[..]).copied());
                let expiry = model.get(&field).filter(|_| live.contains_key(&field[..]));
                prop_assert_eq!(hash.expiry(&field, at), expiry.map(|(_, at)| at.map(UnixMillis)));
            }
            let mut scanned = BTreeMap::new();
            hash.scan(0, 1000, at, &mut |field, value| drop(scanned.insert(field.to_vec(), value.to_vec())));
            prop_assert_eq!(scanned.len(), live.len());
            let mut rng = Rng::new(1);
            prop_assert_eq!(hash.random(&mut rng, at).is_some(), !live.is_empty());
            prop_assert!(hash.sample(5, &mut rng, at).iter().all(|(field, _)| live.contains_key(field)));
            prop_assert_eq!(&hash.clone(), &hash);
        }
    }
}

#[test]
fn a_hash_pays_for_expiry_only_while_a_field_expires() {
    let mut hash = filled(100);
    let before = hash.heap_bytes();
    hash.set_expiry(b"f7", Some(UnixMillis(5)));
    hash.set_expiry(b"f8", Some(UnixMillis(6)));
    assert!(hash.heap_bytes() > before && hash.heap_bytes() < before + 300);
    hash.set_expiry(b"f7", None);
    assert_eq!(hash.take_expired(UnixMillis(6), 10), 1);
    assert_eq!(hash.get(b"f8", UnixMillis(0)), None);
    hash.set(b"f8", b"v", SETTING);
    assert_eq!(hash.heap_bytes(), before);
}

fn filled(fields: u32) -> Hash {
    let mut hash = Hash::new();
    for number in 0..fields {
        hash.set(format!("f{number}").as_bytes(), b"v", SETTING);
    }
    hash
}

#[test]
fn a_small_hash_keeps_its_order() {
    let mut hash = filled(5);
    hash.set(b"f1", b"longer", SETTING);
    hash.remove(b"f0", NOW);
    hash.set(b"f0", b"", SETTING);
    let pairs: Vec<_> = hash.iter(NOW).collect();
    let want: [(&[u8], &[u8]); 5] = [
        (b"f1", b"longer"),
        (b"f2", b"v"),
        (b"f3", b"v"),
        (b"f4", b"v"),
        (b"f0", b""),
    ];
    assert_eq!(pairs, want);
}

#[test]
fn what_is_about_to_be_set_decides_the_form() {
    let words = |count: usize| vec![&b"x"[..]; count].into_iter();
    let mut hash = Hash::new();
    hash.will_grow(LIMITS, words(20));
    assert_eq!(hash.encoding(), "listpack");
    hash.will_grow(LIMITS, words(22));
    assert_eq!(hash.encoding(), "hashtable");
    let mut hash = filled(9);
    hash.will_grow(LIMITS, [&b"f"[..], &[b'v'; 21]].into_iter());
    assert_eq!((hash.encoding(), hash.len()), ("hashtable", 9));
}

#[test]
fn samples_are_distinct_and_reach_every_pair() {
    let mut rng = Rng::new(3);
    for fields in [0, 1, 7, 400] {
        let hash = filled(fields);
        for count in [0, 1, 3, fields as usize / 2, fields as usize, 1000] {
            let mut seen = BTreeSet::new();
            for _ in 0..200 {
                let sample: BTreeSet<_> = hash.sample(count, &mut rng, NOW).into_iter().collect();
                assert_eq!(sample.len(), count.min(hash.len()));
                seen.extend(sample);
            }
            assert!(count == 0 || count * 200 < 8 * hash.len() || seen.len() == hash.len());
        }
        let drawn: BTreeSet<_> = (0..fields * 30).filter_map(|_| hash.random(&mut rng, NOW)).collect();
        assert!(drawn.len() * 10 >= hash.len() * 9);
    }
}

#[test]
fn a_scan_sees_every_pair() {
    for fields in [5, 1000] {
        let hash = filled(fields);
        let (mut cursor, mut seen, mut calls) = (0, BTreeSet::new(), 0);
        loop {
            cursor = hash.scan(cursor, 10, NOW, &mut |field, _| {
                seen.insert(field.to_vec());
            });
            calls += 1;
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen.len(), hash.len());
        assert_eq!(calls > 1, fields > 10, "{calls}");
    }
}
