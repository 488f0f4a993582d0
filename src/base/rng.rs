//! A small seeded generator: the same seed gives the same run, in the server's sampling and in the simulation.

/// SplitMix64 (Steele, Lea, Flood 2014): passes BigCrush, one multiplication chain a draw.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator whose whole sequence is decided by `seed`.
    pub fn new(seed: u64) -> Self {
        Rng(seed)
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`, without visible bias for bounds far below 2^64; `bound` must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "an empty range has no element to draw");
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// True with probability `numerator / denominator`.
    pub fn chance(&mut self, numerator: u64, denominator: u64) -> bool {
        self.below(denominator) < numerator
    }
}

/// `count` different numbers in `0..bound`, drawn evenly, in ascending order (Floyd's method); all of them when there are not so many.
pub fn distinct(count: usize, bound: usize, rng: &mut Rng) -> Vec<usize> {
    let mut drawn = hashbrown::HashSet::with_capacity(count.min(bound));
    for last in bound.saturating_sub(count)..bound {
        let number = rng.below(last as u64 + 1) as usize;
        if !drawn.insert(number) {
            drawn.insert(last);
        }
    }
    let mut numbers: Vec<usize> = drawn.into_iter().collect();
    numbers.sort_unstable();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinct_numbers_are_drawn_evenly() {
        let mut rng = Rng::new(5);
        let mut times = [0; 10];
        for _ in 0..10_000 {
            let numbers = distinct(3, 10, &mut rng);
            assert!(numbers.len() == 3 && numbers.is_sorted_by(|one, other| one < other));
            numbers.into_iter().for_each(|number| times[number] += 1);
        }
        assert!(times.iter().all(|times| (2800..3200).contains(times)), "{times:?}");
        assert_eq!(distinct(9, 3, &mut rng), [0, 1, 2]);
        assert_eq!(distinct(0, 3, &mut rng), [0; 0]);
    }
}
