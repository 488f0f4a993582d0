//! From registers to a cardinality: the improved raw estimator of O. Ertl, "New cardinality estimation algorithms for
//! HyperLogLog sketches" (2017), which needs no correction by range.

use super::{RANK_BITS, REGISTERS, VALUES};

/// 1 / (2 ln 2), the limit of the bias correction for many registers.
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The cardinality of which these are the numbers of registers by value.
pub fn cardinality(histogram: &[u32; VALUES]) -> u64 {
    let registers = REGISTERS as f64;
    let highest = RANK_BITS as usize + 1;
    let mut sum = registers * tau((registers - f64::from(histogram[highest])) / registers);
    for value in (1..highest).rev() {
        sum = (sum + f64::from(histogram[value])) * 0.5;
    }
    sum += registers * sigma(f64::from(histogram[0]) / registers);
    (ALPHA * registers * registers / sum).round() as u64
}

/// What registers contribute that no element has reached, when they are the part `x` of all.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut weight, mut sum) = (1.0, x);
    loop {
        let before = sum;
        x *= x;
        sum += x * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// What registers contribute that have the highest value, when the others are the part `x` of all.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut weight, mut sum) = (1.0, 1.0 - x);
    loop {
        let before = sum;
        x = x.sqrt();
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}
