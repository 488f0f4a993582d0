//! What is small enough to be tried in every order: how shards fall asleep, and how keys are lent.

mod handshake;
mod lending;

use lending::{Fault, Op, explore};

/// Who pushes, pops and watches, and on how many shards.
const CASES: [(u8, &[Op]); 17] = [
    (3, &[Op::Push(&[0, 1]), Op::Push(&[1, 2]), Op::Push(&[0, 2])]),
    (3, &[Op::Push(&[0, 1, 2]), Op::Pop(&[2, 0]), Op::Pop(&[1])]),
    (2, &[Op::Pop(&[0, 1]), Op::Pop(&[1, 0]), Op::Push(&[0, 1])]),
    (2, &[Op::Pop(&[0]), Op::Pop(&[1]), Op::Push(&[0, 1]), Op::Push(&[1, 0])]),
    (2, &[Op::Pop(&[0, 1]), Op::Push(&[0]), Op::Push(&[1]), Op::Pop(&[0])]),
    (2, &[Op::Pop(&[0]), Op::Pop(&[0]), Op::Pop(&[0, 1]), Op::Push(&[0])]),
    (2, &[Op::Pop(&[1, 0]), Op::Pop(&[0, 1]), Op::Push(&[0]), Op::Push(&[1])]),
    (2, &[Op::Guarded(0), Op::Push(&[0, 1]), Op::Pop(&[0, 1])]),
    (2, &[Op::Guarded(1), Op::Guarded(1), Op::Push(&[0, 1]), Op::Pop(&[1])]),
    (2, &[Op::Move(&[0, 1]), Op::Move(&[1, 0]), Op::Push(&[0])]),
    (2, &[Op::Move(&[1, 0]), Op::Push(&[1]), Op::Push(&[0, 1])]),
    (2, &[Op::Move(&[0, 1]), Op::Pop(&[1]), Op::Push(&[0]), Op::Pop(&[0])]),
    (2, &[Op::Move(&[1, 0]), Op::Pop(&[0]), Op::Pop(&[1]), Op::Push(&[1, 0])]),
    (2, &[Op::Move(&[0, 1]), Op::Pop(&[0, 1]), Op::Push(&[0, 1])]),
    (
        2,
        &[Op::Move(&[1, 0]), Op::Pop(&[1, 0]), Op::Push(&[1]), Op::Push(&[0])],
    ),
    (
        3,
        &[Op::Move(&[0, 1]), Op::Move(&[1, 2]), Op::Pop(&[2]), Op::Push(&[0])],
    ),
    (3, &[Op::Move(&[2, 1]), Op::Move(&[1, 0]), Op::Push(&[2])]),
];

#[test]
fn lent_keys_come_back_and_wake_who_waits_in_every_order() {
    for (shards, ops) in CASES {
        match explore(shards, ops, Fault::None) {
            Ok(states) => println!("{shards} shards, {ops:?}: {states} states"),
            Err(found) => panic!("{shards} shards, {ops:?}: {found}"),
        }
    }
}

#[test]
fn injected_faults_are_seen() {
    let faults = [
        Fault::LostReturn,
        Fault::LostWake,
        Fault::SkippedVersion,
        Fault::DoubleClaim,
        Fault::LastFirst,
        Fault::DescendingOrder,
        Fault::PatientWake,
    ];
    for fault in faults {
        let seen = CASES.iter().any(|(shards, ops)| explore(*shards, ops, fault).is_err());
        assert!(seen, "{fault:?} is not seen");
    }
}
