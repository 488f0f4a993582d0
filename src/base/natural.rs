//! Natural numbers of any size, as far as exact conversion between decimal and binary needs them.

/// A natural number: 32-bit digits, least significant first, no zero at the top.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Natural(Vec<u32>);

impl From<u64> for Natural {
    fn from(value: u64) -> Self {
        Natural(vec![value as u32, (value >> 32) as u32]).trimmed()
    }
}

impl Natural {
    fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of binary digits; 0 has none.
    pub fn bits(&self) -> u32 {
        match self.0.last() {
            None => 0,
            Some(top) => self.0.len() as u32 * 32 - top.leading_zeros(),
        }
    }

    /// Becomes `self * factor + addend`; O(n).
    pub fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for digit in &mut self.0 {
            carry += u64::from(*digit) * u64::from(factor);
            *digit = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    /// Becomes `self * 10^exponent`; O(n * exponent).
    pub fn scale_ten(&mut self, mut exponent: u32) {
        while exponent >= 9 {
            self.multiply_add(1_000_000_000, 0);
            exponent -= 9;
        }
        self.multiply_add(10u32.pow(exponent), 0);
    }

    /// Becomes `self * 2^bits`; O(n).
    pub fn shift_left(&mut self, bits: u32) {
        if self.is_zero() {
            return;
        }
        self.multiply_add(1 << (bits % 32), 0);
        self.0.splice(0..0, std::iter::repeat_n(0, bits as usize / 32));
    }

    fn halve(&mut self) {
        let mut carry = 0;
        for digit in self.0.iter_mut().rev() {
            let low = *digit & 1;
            *digit = *digit >> 1 | carry << 31;
            carry = low;
        }
        if self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn is_below(&self, other: &Natural) -> bool {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length
            .then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
            .is_lt()
    }

    /// Subtracts `other`, which must not be larger.
    fn subtract(&mut self, other: &Natural) {
        let mut borrow = false;
        for (at, digit) in self.0.iter_mut().enumerate() {
            let (less, first) = digit.overflowing_sub(other.0.get(at).copied().unwrap_or(0));
            let (less, second) = less.overflowing_sub(u32::from(borrow));
            *digit = less;
            borrow = first || second;
        }
        assert!(!borrow, "a larger number is never subtracted");
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// The quotient of `self / divisor`, which must be below 2^127, and whether there is a remainder; O(n * bits of the quotient).
    pub fn divide(mut self, mut divisor: Natural) -> (u128, bool) {
        assert!(!divisor.is_zero(), "nothing is divided by zero");
        let steps = (self.bits() + 1).saturating_sub(divisor.bits());
        assert!(steps <= 127, "the caller has scaled the numbers");
        divisor.shift_left(steps);
        let mut quotient = 0u128;
        for _ in 0..=steps {
            quotient <<= 1;
            if !self.is_below(&divisor) {
                self.subtract(&divisor);
                quotient |= 1;
            }
            divisor.halve();
        }
        (quotient, !self.is_zero())
    }

    /// Its decimal digits; O(n^2).
    pub fn to_decimal(mut self) -> String {
        let mut groups = Vec::new();
        while !self.is_zero() {
            let mut rest = 0u64;
            for digit in self.0.iter_mut().rev() {
                rest = rest << 32 | u64::from(*digit);
                *digit = (rest / 1_000_000_000) as u32;
                rest %= 1_000_000_000;
            }
            groups.push(rest);
            self = self.trimmed();
        }
        let mut groups = groups.into_iter().rev();
        let mut text = groups.next().unwrap_or(0).to_string();
        for group in groups {
            text.push_str(&format!("{group:09}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Natural {
        let mut number = Natural::default();
        for digit in text.bytes() {
            number.multiply_add(10, u32::from(digit - b'0'));
        }
        number
    }

    #[test]
    fn decimals_come_back_as_they_went_in() {
        for text in ["0", "1", "4294967296", "1000000000", "123456789012345678901234567890"] {
            assert_eq!(decimal(text).to_decimal(), text);
        }
        let mut power = Natural::from(1);
        power.scale_ten(20);
        assert_eq!(power.to_decimal(), "100000000000000000000");
        let mut shifted = Natural::from(5);
        shifted.shift_left(70);
        assert_eq!(shifted.bits(), 73);
        assert_eq!(shifted.to_decimal(), (5u128 << 70).to_string());
    }

    #[test]
    fn quotients_are_exact() {
        for (number, divisor, want) in [
            ("0", "7", (0, false)),
            ("6", "7", (0, true)),
            ("7", "7", (1, false)),
            (
                "1000000000000000000000000000",
                "3",
                (333_333_333_333_333_333_333_333_333, true),
            ),
            (
                "1000000000000000000000000000",
                "10000000000000",
                (100_000_000_000_000, false),
            ),
        ] {
            assert_eq!(decimal(number).divide(decimal(divisor)), want, "{number} / {divisor}");
        }
    }
}
