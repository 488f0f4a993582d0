//! The structure against a plain deque, and its promises on memory and encodings.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::{End, Limit, List};

/// One change of a list.
#[derive(Clone, Debug)]
enum Step {
    Push(End, Vec<u8>),
    Extend(End, Vec<Vec<u8>>),
    Pop(End),
    Set(usize, Vec<u8>),
    Insert(usize, Vec<u8>),
    Remove(End, usize, usize),
    Drop(End, usize),
}

fn end() -> impl Strategy<Value = End> + Clone {
    prop_oneof![Just(End::Left), Just(End::Right)]
}

/// Mostly few lengths, so that chunks of equal and of framed items occur; some longer than a chunk.
fn item() -> impl Strategy<Value = Vec<u8>> + Clone {
    let filled = |(len, byte): (usize, u8)| vec![byte; len];
    prop_oneof![
        6 => (Just(16), 0..3u8).prop_map(filled),
        3 => (0..200usize, 0..3u8).prop_map(filled),
        1 => (prop_oneof![Just(127), Just(128), Just(3000), Just(8191), Just(20_000)], 0..2u8).prop_map(filled),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (end(), item()).prop_map(|(end, item)| Step::Push(end, item)),
        2 => (end(), prop::collection::vec(item(), 0..150)).prop_map(|(end, items)| Step::Extend(end, items)),
        6 => end().prop_map(Step::Pop),
        2 => (any::<usize>(), item()).prop_map(|(at, item)| Step::Set(at, item)),
        3 => (any::<usize>(), item()).prop_map(|(at, item)| Step::Insert(at, item)),
        1 => (end(), 1..100usize, any::<usize>()).prop_map(|(end, limit, at)| Step::Remove(end, limit, at)),
        1 => (end(), 0..500usize).prop_map(|(end, count)| Step::Drop(end, count)),
    ]
}

fn apply(list: &mut List, model: &mut VecDeque<Vec<u8>>, step: Step) {
    match step {
        Step::Push(end, item) => {
            list.push(end, &item);
            push(model, end, item);
        }
        Step::Extend(end, items) => {
            list.extend(end, items.iter().map(Vec::as_slice));
            items.into_iter().for_each(|item| push(model, end, item));
        }
        Step::Pop(end) => {
            let want = match end {
                End::Left => model.pop_front(),
                End::Right => model.pop_back(),
            };
            assert_eq!(list.pop(end), want);
        }
        Step::Set(at, item) => {
            let at = at % (model.len() + 1);
            let there = model.get_mut(at).map(|place| *place = item.clone()).is_some();
            assert_eq!(list.set(at, &item), there);
        }
        Step::Insert(at, item) => {
            let at = at % (model.len() + 1);
            list.insert(at, &item);
            model.insert(at, item);
        }
        Step::Remove(end, limit, at) => {
            let Some(item) = model.get(at % model.len().max(1)).cloned() else {
                return;
            };
            assert_eq!(list.remove_equal(end, limit, &item), remove(model, end, limit, &item));
        }
        Step::Drop(end, count) => {
            list.drop_at(end, count);
            let count = count.min(model.len());
            match end {
                End::Left => drop(model.drain(..count)),
                End::Right => model.truncate(model.len() - count),
            }
        }
    }
}

fn push(model: &mut VecDeque<Vec<u8>>, end: End, item: Vec<u8>) {
    match end {
        End::Left => model.push_front(item),
        End::Right => model.push_back(item),
    }
}

fn remove(model: &mut VecDeque<Vec<u8>>, end: End, limit: usize, item: &[u8]) -> usize {
    let mut places: Vec<usize> = (0..model.len()).filter(|&at| model[at] == item).collect();
    if end == End::Right {
        places.reverse();
    }
    places.truncate(limit);
    places.sort_unstable();
    for &at in places.iter().rev() {
        model.remove(at);
    }
    places.len()
}

fn compare(list: &List, model: &VecDeque<Vec<u8>>) {
    list.check();
    assert_eq!(list.len(), model.len());
    assert!(list.iter_from(0).eq(model.iter().map(Vec::as_slice)));
    assert!(list.iter_back().eq(model.iter().rev().map(Vec::as_slice)));
    for at in (0..model.len() + 2).step_by(model.len() / 16 + 1) {
        assert_eq!(list.get(at), model.get(at).map(Vec::as_slice), "{at}");
        assert_eq!(list.iter_from(at).next(), model.get(at).map(Vec::as_slice), "{at}");
        let range = at.min(model.len())..(at + 1 + at % 700).min(model.len());
        let mut seen = Vec::new();
        list.visit(range.clone(), |item| seen.push(item));
        assert!(
            seen.into_iter().eq(model.range(range.clone()).map(Vec::as_slice)),
            "{range:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn behaves_like_a_plain_deque(
        start in prop::collection::vec(item(), 0..800),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut list = List::new();
        let mut model = VecDeque::new();
        apply(&mut list, &mut model, Step::Extend(End::Right, start));
        for step in steps {
            apply(&mut list, &mut model, step);
            compare(&list, &model);
        }
        prop_assert_eq!(&list.clone(), &list);
    }
}

#[test]
fn many_groups_of_chunks_stay_sound() {
    let mut list = List::new();
    let mut model = VecDeque::new();
    for number in 0..6000u32 {
        // One chunk each, from both ends.
        let item = [number.to_le_bytes().as_slice(), &[0; 8000]].concat();
        let end = if number % 3 == 0 { End::Left } else { End::Right };
        list.push(end, &item);
        push(&mut model, end, item);
    }
    compare(&list, &model);
    for at in [0, 1, 500, 3000, 5998, 6005, 1500, 1500, 1500] {
        list.insert(at, b"x");
        model.insert(at, b"x".to_vec());
    }
    assert_eq!(list.remove_equal(End::Right, 5, b"x"), 5);
    remove(&mut model, End::Right, 5, b"x");
    compare(&list, &model);
    while !list.is_empty() {
        list.drop_at(End::Left, 700);
        model.drain(..700.min(model.len()));
        list.pop(End::Right);
        model.pop_back();
        compare(&list, &model);
    }
}

#[test]
fn a_queue_that_runs_through_keeps_its_memory_small() {
    let mut list = List::new();
    for number in 0..100_000u64 {
        list.push(End::Left, format!("job:{number:08}").as_bytes());
        if number >= 50 {
            assert_eq!(
                list.pop(End::Right),
                Some(format!("job:{:08}", number - 50).into_bytes())
            );
        }
        assert!(list.heap_bytes() <= 2048, "{} bytes for 50 jobs", list.heap_bytes());
    }
    list.check();
}

#[test]
fn short_lists_take_little_more_than_their_items() {
    let items: Vec<Vec<u8>> = (0..20).map(|n| format!("item:{n:011}").into_bytes()).collect();
    let mut at_once = List::new();
    at_once.extend(End::Right, items.iter().map(Vec::as_slice));
    assert_eq!(at_once.heap_bytes(), 320);
    let mut one_by_one = List::new();
    items.iter().for_each(|item| one_by_one.push(End::Left, item));
    assert!(one_by_one.heap_bytes() <= 400, "{}", one_by_one.heap_bytes());
    let mut mixed = List::new();
    mixed.extend(End::Left, items.iter().enumerate().map(|(n, item)| &item[..16 - n % 2]));
    assert!(mixed.heap_bytes() <= 384, "{}", mixed.heap_bytes());
}

#[test]
fn long_lists_waste_little() {
    let mut list = List::new();
    for n in 0..100_000 {
        list.push(End::Right, format!("{n:064}").as_bytes());
    }
    assert!(list.heap_bytes() < 100_000 * 65, "{}", list.heap_bytes());
    // What is removed from the middle gives its memory back.
    for n in 0..99_000 {
        if n % 4 != 0 {
            list.remove_equal(End::Left, 1, format!("{n:064}").as_bytes());
        }
    }
    list.check();
    assert!(list.heap_bytes() < 26_000 * 140, "{}", list.heap_bytes());
}

#[test]
fn the_encoding_follows_the_directive() {
    let names = |value: i32, count: usize, len: usize| {
        let limit = Limit::from_directive(value);
        let mut list = List::new();
        let mut at = None;
        for n in 1..=count {
            list.will_grow(limit, 1, len);
            list.push(End::Right, &vec![b'x'; len]);
            if at.is_none() && list.encoding() == "quicklist" {
                at = Some(n);
            }
        }
        let mut back = None;
        while list.pop(End::Left).is_some() {
            list.has_shrunk(limit);
            if back.is_none() && list.encoding() == "listpack" {
                back = Some(list.len());
            }
        }
        (at, back)
    };
    // Where it becomes long was seen on Valkey 9.1.2.
    assert_eq!(names(-2, 130, 62), (Some(128), Some(63)));
    assert_eq!(names(-2, 130, 63), (Some(126), Some(62)));
    assert_eq!(names(-2, 300, 30), (Some(256), Some(127)));
    assert_eq!(names(-1, 100, 62), (Some(64), Some(31)));
    assert_eq!(names(3, 10, 5), (Some(4), Some(1)));
    assert_eq!(names(0, 5, 5), (Some(2), Some(0)));
    assert_eq!(names(-2, 1, 9000), (Some(1), Some(0)));
    assert_eq!(names(128, 100, 5), (None, Some(99)));
}
