//! The sequence against a plain vector.

use proptest::prelude::*;

use super::{Offset, Room, Sequence};

#[derive(Clone, Debug)]
enum Step {
    Push(Vec<u8>),
    Replace(usize, Vec<u8>),
    Remove(usize, usize),
}

fn item() -> impl Strategy<Value = Vec<u8>> {
    // Mostly such lengths that many neighbours have the same ones.
    let len = prop_oneof![
        12 => Just(4),
        6 => Just(0),
        6 => 0..20usize,
        1 => prop_oneof![Just(253), Just(254), Just(255), Just(65_535), Just(65_536)],
    ];
    (len, 0..3u8).prop_map(|(len, byte)| vec![byte; len])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => item().prop_map(Step::Push),
        2 => (any::<usize>(), item()).prop_map(|(at, item)| Step::Replace(at, item)),
        2 => (any::<usize>(), 1..3usize).prop_map(|(at, items)| Step::Remove(at, items)),
    ]
}

fn place(sequence: &Sequence, at: usize) -> Offset {
    sequence.nth(at).expect("the model has an item there")
}

proptest! {
    #[test]
    fn a_sequence_is_a_vector(steps in prop::collection::vec(step(), 0..200)) {
        let (mut sequence, mut model) = (Sequence::default(), Vec::<Vec<u8>>::new());
        for step in steps {
            match step {
                Step::Push(item) => {
                    sequence.push(&item);
                    model.push(item);
                }
                Step::Replace(at, item) if !model.is_empty() => {
                    let at = at % model.len();
                    sequence.replace(place(&sequence, at), &item);
                    model[at] = item;
                }
                Step::Remove(at, items) if !model.is_empty() => {
                    let at = at % model.len();
                    let items = items.min(model.len() - at);
                    sequence.remove(place(&sequence, at), items);
                    model.drain(at..at + items);
                }
                _ => {}
            }
            sequence.check();
            prop_assert_eq!(sequence.len(), model.len());
            prop_assert!(sequence.iter().eq(model.iter().map(Vec::as_slice)));
            prop_assert!(sequence.nth(model.len()).is_none());
            for wanted in model.iter().take(5) {
                for step in [1, 2] {
                    let first = model.iter().step_by(step).position(|item| item == wanted);
                    let want = first.map(|first| place(&sequence, first * step));
                    prop_assert_eq!(sequence.find(wanted, step), want);
                }
            }
        }
    }
}

#[test]
fn items_of_two_lengths_in_turn_take_nothing_but_their_bytes() {
    let mut sequence = Sequence::default();
    let mut room = Room::default();
    for _ in 0..10 {
        for item in [&b"field1"[..], b"sixteen bytes ok"] {
            room.add(item.len());
        }
    }
    assert_eq!(room.bytes(), 220);
    sequence.reserve(room.bytes());
    for _ in 0..10 {
        sequence.push(b"field1");
        sequence.push(b"sixteen bytes ok");
    }
    assert_eq!(sequence.heap_bytes(), 224);
    room.add(7);
    assert_eq!(room.bytes(), 220 + 7 + 21);
}

#[test]
fn memory_follows_the_number_of_items() {
    let mut sequence = Sequence::default();
    for _ in 0..100 {
        sequence.push(&[7; 20]);
    }
    assert!(sequence.heap_bytes() < 100 * 21 * 3 / 2);
    let first = place(&sequence, 0);
    sequence.remove(first, 98);
    assert!(sequence.heap_bytes() <= 256, "{}", sequence.heap_bytes());
    let last = place(&sequence, 0);
    sequence.remove(last, 2);
    assert!(sequence.is_empty() && sequence.heap_bytes() == 0);
}
