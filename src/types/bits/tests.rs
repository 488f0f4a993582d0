//! Bits and fields against one bit at a time.

use super::*;
use proptest::prelude::*;

fn bit(bytes: &[u8], at: u64) -> bool {
    bytes[(at / 8) as usize] >> (7 - at % 8) & 1 == 1
}

fn strings() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0u8), Just(0xff), any::<u8>()];
    let runs = prop::collection::vec((byte, 1usize..90), 1..6);
    runs.prop_map(|runs| runs.into_iter().flat_map(|(byte, len)| vec![byte; len]).collect())
}

proptest! {
    #[test]
    fn counts_and_positions_are_those_of_single_bits(bytes in strings(), one in any::<u64>(), other in any::<u64>(), want: bool) {
        let len = bytes.len() as u64 * 8;
        let (one, other) = (one % (len + 1), other % (len + 1));
        let range = one.min(other)..one.max(other);
        let set = range.clone().filter(|&at| bit(&bytes, at)).count() as u64;
        prop_assert_eq!(count(&bytes, range.clone()), set);
        prop_assert_eq!(position(&bytes, range.clone(), want), range.clone().find(|&at| bit(&bytes, at) == want));
        prop_assert_eq!(get(&bytes, one), one < len && bit(&bytes, one));
    }

    #[test]
    fn what_is_set_is_read(mut bytes in strings(), at in any::<u64>(), value: bool) {
        let at = at % (bytes.len() as u64 * 8);
        let before = bytes.clone();
        prop_assert_eq!(set(&mut bytes, at, value), bit(&before, at));
        for other in 0..bytes.len() as u64 * 8 {
            prop_assert_eq!(bit(&bytes, other), if other == at { value } else { bit(&before, other) });
        }
    }

    #[test]
    fn fields_touch_their_own_bits_only(mut bytes in strings(), at in any::<u64>(), bits in 1u32..=64, signed: bool, value: i64) {
        let bits = if signed { bits } else { bits.min(63) };
        let len = bytes.len() as u64 * 8;
        prop_assume!(u64::from(bits) <= len);
        let at = at % (len - u64::from(bits) + 1);
        let field = Field { signed, bits };
        let before = bytes.clone();
        field.set(&mut bytes, at, value);
        for other in 0..len {
            let inside = (at..at + u64::from(bits)).contains(&other);
            let want = if inside { value >> (at + u64::from(bits) - 1 - other) & 1 == 1 } else { bit(&before, other) };
            prop_assert_eq!(bit(&bytes, other), want);
        }
        let read = i128::from(field.get(&bytes, at));
        let modulus = 1i128 << bits;
        let lowest = i128::from(value).rem_euclid(modulus);
        let want = if signed && lowest >= modulus / 2 { lowest - modulus } else { lowest };
        prop_assert_eq!(read, want);
    }

    #[test]
    fn sums_stay_in_the_field(bits in 1u32..=64, signed: bool, start: i64, increment: i64) {
        let bits = if signed { bits } else { bits.min(63) };
        let field = Field { signed, bits };
        let value = field.narrow(start);
        let modulus = 1i128 << bits;
        let (min, max) = if signed { (-(modulus / 2), modulus / 2 - 1) } else { (0, modulus - 1) };
        let sum = i128::from(value) + i128::from(increment);
        let fits = (min..=max).contains(&sum);
        prop_assert_eq!(field.add(value, increment, Overflow::Fail).map(i128::from), fits.then_some(sum));
        let wrapped = (sum - min).rem_euclid(modulus) + min;
        prop_assert_eq!(field.add(value, increment, Overflow::Wrap).map(i128::from), Some(wrapped));
        // Distances that leave 64 bits wrap, as in Valkey.
        if (i128::from(i64::MIN)..=i128::from(i64::MAX)).contains(&(max - i128::from(value))) {
            let nearest = sum.clamp(min, max);
            prop_assert_eq!(field.add(value, increment, Overflow::Saturate).map(i128::from), Some(nearest));
        }
    }

    #[test]
    fn strings_combine_bit_by_bit(sources in prop::collection::vec(strings(), 1..4)) {
        let of = |operation| combine(operation, sources.iter().map(Vec::as_slice));
        let len = sources.iter().map(Vec::len).max().unwrap_or(0);
        let (and, or, xor) = (of(Operation::And), of(Operation::Or), of(Operation::Xor));
        let not = combine(Operation::Not, sources.iter().take(1).map(Vec::as_slice));
        prop_assert_eq!((and.len(), or.len(), xor.len(), not.len()), (len, len, len, sources[0].len()));
        for at in 0..len as u64 * 8 {
            let set = sources.iter().filter(|source| get(source, at)).count();
            prop_assert_eq!(get(&and, at), set == sources.len());
            prop_assert_eq!(get(&or, at), set > 0);
            prop_assert_eq!(get(&xor, at), set % 2 == 1);
        }
        prop_assert!(not.iter().zip(&sources[0]).all(|(one, other)| *one == !*other));
    }
}

#[test]
fn nothing_is_set_behind_the_end() {
    let bytes = [0xff];
    assert!(!get(&bytes, 8) && !get(&bytes, u64::MAX));
    let field = Field { signed: false, bits: 8 };
    assert_eq!(
        (field.get(&bytes, 4), field.get(&bytes, 8), field.get(&bytes, u64::MAX)),
        (0xf0, 0, 0)
    );
}
