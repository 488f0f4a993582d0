//! HyperLogLogs against a plain array of registers.

use super::sparse::Runs;
use super::*;
use proptest::prelude::*;

/// The registers as they must be after these hits.
fn registers(hits: &[Hit]) -> Vec<u8> {
    let mut registers = vec![0; REGISTERS];
    for hit in hits {
        registers[hit.index] = registers[hit.index].max(hit.value);
    }
    registers
}

fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut union = Union::default();
    union.merge(bytes).expect("what was built is whole");
    union.registers().to_vec()
}

/// Hits close together, so that runs meet, some of them too high for runs.
fn hits(values: std::ops::Range<u8>) -> impl Strategy<Value = Vec<Hit>> {
    let index = prop_oneof![0usize..40, 16300usize..REGISTERS, 0usize..REGISTERS];
    let value = prop_oneof![4 => 1u8..4, 1 => values];
    prop::collection::vec((index, value).prop_map(|(index, value)| Hit { index, value }), 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn registers_hold_the_highest_value(hits in hits(1..52), sparse_max in 18usize..400) {
        let mut bytes = new();
        for hit in &hits {
            let before = bytes.clone();
            let would = would_raise(&bytes, *hit);
            let raised = raise(&mut bytes, *hit, sparse_max);
            prop_assert_eq!(would, raised);
            prop_assert!(raised == Ok(true) || before == bytes);
            prop_assert!(encoding(&bytes) == Some(Encoding::Dense) || bytes.len() <= sparse_max.max(before.len()));
        }
        prop_assert_eq!(stored(&bytes), registers(&hits));
    }

    #[test]
    fn the_form_of_the_registers_does_not_matter(hits in hits(1..33)) {
        let (mut sparse, mut dense) = (new(), new());
        make_dense(&mut dense).expect("an empty one is whole");
        for hit in &hits {
            raise(&mut sparse, *hit, usize::MAX).expect("it is whole");
            raise_dense(&mut dense, *hit);
        }
        prop_assert_eq!(encoding(&sparse), Some(Encoding::Sparse));
        prop_assert_eq!(count(&sparse), count(&dense));
        let mut union = Union::default();
        union.merge(&sparse).expect("it is whole");
        prop_assert_eq!(Ok(union.count()), count(&sparse));
        make_dense(&mut sparse).expect("it is whole");
        prop_assert_eq!(&sparse[HEADER_BYTES..], &dense[HEADER_BYTES..]);
        let mut again = new();
        union.store(&mut again, 100).expect("it is whole");
        prop_assert_eq!(stored(&again), stored(&dense));
    }

    #[test]
    fn damage_is_found_and_never_panics(mut code in prop::collection::vec(any::<u8>(), 0..60), index in 0usize..REGISTERS, value in 1u8..40) {
        let mut bytes = new();
        bytes.truncate(HEADER_BYTES);
        bytes.append(&mut code);
        let whole = Runs::of(&bytes[HEADER_BYTES..]).map(|run| run.len).sum::<usize>() == REGISTERS;
        prop_assert_eq!(count(&bytes).is_ok(), whole);
        prop_assert_eq!(Union::default().merge(&bytes).is_ok(), whole);
        let hit = Hit { index, value };
        let would = would_raise(&bytes, hit);
        let raised = raise(&mut bytes, hit, 1000);
        prop_assert!(raised == would || raised.is_err());
        runs(&bytes);
    }
}

#[test]
fn estimates_are_close() {
    let mut bytes = new();
    let (mut added, mut next_check) = (0u32, 1);
    while added < 300_000 {
        raise(&mut bytes, Hit::of(format!("element {added}").as_bytes()), 3000).expect("it is whole");
        added += 1;
        if added == next_check {
            let estimate = count(&bytes).expect("it is whole") as f64;
            let error = (estimate - f64::from(added)).abs() / f64::from(added);
            // The standard error is 1.04 / sqrt(16384), 0.8 %.
            assert!(error < 0.03, "{added} are counted as {estimate}");
            next_check = next_check * 3 + 1;
        }
    }
    assert_eq!(encoding(&bytes), Some(Encoding::Dense));
}

#[test]
fn the_cache_is_kept_until_it_is_stale() {
    let mut bytes = new();
    assert_eq!(cached(&bytes), Some(0));
    set_cached(&mut bytes, 258);
    assert_eq!(bytes[CACHE_AT..HEADER_BYTES], [2, 1, 0, 0, 0, 0, 0, 0]);
    raise(&mut bytes, Hit::of(b"a"), 3000).expect("it is whole");
    assert_eq!(cached(&bytes), None);
    assert_eq!(bytes[CACHE_AT..HEADER_BYTES], [2, 1, 0, 0, 0, 0, 0, 0x80]);
}

#[test]
fn only_whole_headers_are_hyperloglogs() {
    let whole = new();
    assert_eq!(encoding(&whole), Some(Encoding::Sparse));
    assert_eq!(encoding(&whole[..HEADER_BYTES - 1]), None);
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        encoding(&bytes)
    };
    assert_eq!(
        (with(0, b'h'), with(ENCODING_AT, 0), with(ENCODING_AT, 2)),
        (None, None, None)
    );
    let mut dense = whole;
    make_dense(&mut dense).expect("an empty one is whole");
    assert_eq!(encoding(&dense), Some(Encoding::Dense));
    dense.push(0);
    assert_eq!(encoding(&dense), None);
}
