//! The shortest digits of a double, found as Grisu2 finds them (Loitsch, "Printing floating-point numbers quickly and accurately
//! with integers", 2010). Valkey prints doubles by that algorithm, which once in a thousand values misses the very shortest
//! digits; an exact algorithm would differ there.

/// The most digits that a double needs, and one more that Grisu2 may write.
pub const DIGITS_MAX: usize = 18;

/// `significand * 2^exponent`, where nothing is said about the significand's leading zeros.
#[derive(Clone, Copy, Debug)]
struct Binary {
    significand: u64,
    exponent: i32,
}

const MANTISSA_BITS: u32 = 52;
const HIDDEN_BIT: u64 = 1 << MANTISSA_BITS;
const EXPONENT_BIAS: i32 = 1075;

impl Binary {
    /// The value and the exponent of a finite double above zero.
    fn of(value: f64) -> Self {
        let bits = value.to_bits();
        let mantissa = bits & (HIDDEN_BIT - 1);
        let biased = i32::try_from(bits >> MANTISSA_BITS & 0x7ff).expect("eleven bits fit");
        match biased {
            0 => Binary {
                significand: mantissa,
                exponent: 1 - EXPONENT_BIAS,
            },
            _ => Binary {
                significand: mantissa | HIDDEN_BIT,
                exponent: biased - EXPONENT_BIAS,
            },
        }
    }

    fn normalized(self) -> Self {
        let zeros = self.significand.leading_zeros();
        Binary {
            significand: self.significand << zeros,
            exponent: self.exponent - zeros as i32,
        }
    }

    /// The middles between this value and its neighbours below and above, with one exponent.
    fn boundaries(self) -> (Self, Self) {
        let upper = Binary {
            significand: (self.significand << 1) + 1,
            exponent: self.exponent - 1,
        };
        let upper = upper.normalized();
        // Below a power of two the neighbour is only half as far.
        let shift = if self.significand == HIDDEN_BIT { 2 } else { 1 };
        let significand = (self.significand << shift) - 1;
        let lower = Binary {
            significand: significand << (self.exponent - shift - upper.exponent),
            exponent: upper.exponent,
        };
        (lower, upper)
    }

    /// The product, rounded to 64 bits.
    fn times(self, other: Self) -> Self {
        let product = u128::from(self.significand) * u128::from(other.significand);
        Binary {
            significand: ((product + (1 << 63)) >> 64) as u64,
            exponent: self.exponent + other.exponent + 64,
        }
    }
}

/// Products with a power of ten shall have an exponent in this range.
const EXPONENTS: std::ops::RangeInclusive<i32> = -60..=-32;

/// A power of ten that brings `exponent` into [`EXPONENTS`], and its decimal exponent.
fn power_for(exponent: i32) -> (Binary, i32) {
    // An estimate of the power needed, by which the search begins; two powers may do, and this one decides between them.
    let estimate = (f64::from(-(exponent + POWERS.len() as i32)) * std::f64::consts::LOG10_2) as i32;
    let mut at = ((estimate - POWERS_FIRST) / POWERS_STEP) as usize;
    loop {
        let (significand, power) = POWERS[at];
        let power = Binary {
            significand,
            exponent: i32::from(power),
        };
        let product = exponent + power.exponent + 64;
        if product < *EXPONENTS.start() {
            at += 1;
        } else if product > *EXPONENTS.end() {
            at -= 1;
        } else {
            return (power, POWERS_FIRST + at as i32 * POWERS_STEP);
        }
    }
}

/// Writes the digits of a finite double above zero; answers how many, and the decimal exponent of the last one.
pub fn shortest_digits(value: f64, digits: &mut [u8; DIGITS_MAX]) -> (usize, i32) {
    let exact = Binary::of(value);
    let (lower, upper) = exact.boundaries();
    let (power, power_exponent) = power_for(upper.exponent);
    let exact = exact.normalized().times(power);
    // The products are off by up to one unit: the interval is made smaller by that.
    let lower = lower.times(power).significand + 1;
    let mut upper = upper.times(power);
    upper.significand -= 1;
    let mut generator = Generator {
        digits,
        len: 0,
        unit: 1 << -upper.exponent,
        room: upper.significand - lower,
        distance: upper.significand - exact.significand,
    };
    let exponent = generator.generate(upper);
    (generator.len, exponent - power_exponent)
}

/// The state of the digits' generation: from the upper boundary down, until the rest lies inside the interval.
struct Generator<'a> {
    digits: &'a mut [u8; DIGITS_MAX],
    len: usize,
    /// One, in the fixed-point numbers of this run.
    unit: u64,
    /// The interval's width.
    room: u64,
    /// From the upper boundary down to the value.
    distance: u64,
}

impl Generator<'_> {
    fn generate(&mut self, upper: Binary) -> i32 {
        let shift = -upper.exponent;
        let mut whole = upper.significand >> shift;
        let mut fraction = upper.significand & (self.unit - 1);
        let mut place = 1_000_000_000;
        for exponent in (0..10).rev() {
            self.put(whole / place);
            whole %= place;
            let rest = (whole << shift) + fraction;
            if rest <= self.room {
                self.approach(rest, place << shift);
                return exponent;
            }
            place /= 10;
        }
        let mut exponent = 0;
        loop {
            fraction *= 10;
            self.room *= 10;
            self.distance = self.distance.wrapping_mul(10);
            exponent -= 1;
            self.put(fraction >> shift);
            fraction &= self.unit - 1;
            if fraction < self.room {
                self.approach(fraction, self.unit);
                return exponent;
            }
        }
    }

    /// Appends a digit unless it is a leading zero.
    fn put(&mut self, digit: u64) {
        if digit > 0 || self.len > 0 {
            self.digits[self.len] = b'0' + digit as u8;
            self.len += 1;
        }
    }

    /// Lowers the last digit, which counts `step`, while that brings the digits closer to the value.
    fn approach(&mut self, mut rest: u64, step: u64) {
        let distance = self.distance;
        while rest < distance
            && self.room - rest >= step
            && (rest + step < distance || distance - rest > rest + step - distance)
        {
            self.digits[self.len - 1] -= 1;
            rest += step;
        }
    }
}

const POWERS_FIRST: i32 = -348;
const POWERS_STEP: i32 = 8;

/// Every eighth power of ten from 10^-348 on: 64-bit significands, rounded, and their exponents of two.
#[rustfmt::skip]
const POWERS: [(u64, i16); 87] = [
    (0xfa8fd5a0081c0288, -1220),
    (0xbaaee17fa23ebf76, -1193),
    (0x8b16fb203055ac76, -1166),
    (0xcf42894a5dce35ea, -1140),
    (0x9a6bb0aa55653b2d, -1113),
    (0xe61acf033d1a45df, -1087),
    (0xab70fe17c79ac6ca, -1060),
    (0xff77b1fcbebcdc4f, -1034),
    (0xbe5691ef416bd60c, -1007),
    (0x8dd01fad907ffc3c, -980),
    (0xd3515c2831559a83, -954),
    (0x9d71ac8fada6c9b5, -927),
    (0xea9c227723ee8bcb, -901),
    (0xaecc49914078536d, -874),
    (0x823c12795db6ce57, -847),
    (0xc21094364dfb5637, -821),
    (0x9096ea6f3848984f, -794),
    (0xd77485cb25823ac7, -768),
    (0xa086cfcd97bf97f4, -741),
    (0xef340a98172aace5, -715),
    (0xb23867fb2a35b28e, -688),
    (0x84c8d4dfd2c63f3b, -661),
    (0xc5dd44271ad3cdba, -635),
    (0x936b9fcebb25c996, -608),
    (0xdbac6c247d62a584, -582),
    (0xa3ab66580d5fdaf6, -555),
    (0xf3e2f893dec3f126, -529),
    (0xb5b5ada8aaff80b8, -502),
    (0x87625f056c7c4a8b, -475),
    (0xc9bcff6034c13053, -449),
    (0x964e858c91ba2655, -422),
    (0xdff9772470297ebd, -396),
    (0xa6dfbd9fb8e5b88f, -369),
    (0xf8a95fcf88747d94, -343),
    (0xb94470938fa89bcf, -316),
    (0x8a08f0f8bf0f156b, -289),
    (0xcdb02555653131b6, -263),
    (0x993fe2c6d07b7fac, -236),
    (0xe45c10c42a2b3b06, -210),
    (0xaa242499697392d3, -183),
    (0xfd87b5f28300ca0e, -157),
    (0xbce5086492111aeb, -130),
    (0x8cbccc096f5088cc, -103),
    (0xd1b71758e219652c, -77),
    (0x9c40000000000000, -50),
    (0xe8d4a51000000000, -24),
    (0xad78ebc5ac620000, 3),
    (0x813f3978f8940984, 30),
    (0xc097ce7bc90715b3, 56),
    (0x8f7e32ce7bea5c70, 83),
    (0xd5d238a4abe98068, 109),
    (0x9f4f2726179a2245, 136),
    (0xed63a231d4c4fb27, 162),
    (0xb0de65388cc8ada8, 189),
    (0x83c7088e1aab65db, 216),
    (0xc45d1df942711d9a, 242),
    (0x924d692ca61be758, 269),
    (0xda01ee641a708dea, 295),
    (0xa26da3999aef774a, 322),
    (0xf209787bb47d6b85, 348),
    (0xb454e4a179dd1877, 375),
    (0x865b86925b9bc5c2, 402),
    (0xc83553c5c8965d3d, 428),
    (0x952ab45cfa97a0b3, 455),
    (0xde469fbd99a05fe3, 481),
    (0xa59bc234db398c25, 508),
    (0xf6c69a72a3989f5c, 534),
    (0xb7dcbf5354e9bece, 561),
    (0x88fcf317f22241e2, 588),
    (0xcc20ce9bd35c78a5, 614),
    (0x98165af37b2153df, 641),
    (0xe2a0b5dc971f303a, 667),
    (0xa8d9d1535ce3b396, 694),
    (0xfb9b7cd9a4a7443c, 720),
    (0xbb764c4ca7a44410, 747),
    (0x8bab8eefb6409c1a, 774),
    (0xd01fef10a657842c, 800),
    (0x9b10a4e5e9913129, 827),
    (0xe7109bfba19c0c9d, 853),
    (0xac2820d9623bf429, 880),
    (0x80444b5e7aa7cf85, 907),
    (0xbf21e44003acdd2d, 933),
    (0x8e679c2f5e44ff8f, 960),
    (0xd433179d9c8cb841, 986),
    (0x9e19db92b4e31ba9, 1013),
    (0xeb96bf6ebadf77d9, 1039),
    (0xaf87023b9bf0ee6b, 1066),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(value: f64) -> (String, i32) {
        let mut digits = [0; DIGITS_MAX];
        let (len, exponent) = shortest_digits(value, &mut digits);
        (String::from_utf8_lossy(&digits[..len]).into_owned(), exponent)
    }

    #[test]
    fn digits_are_those_of_valkey() {
        // The second half are values whose very shortest digits are missed.
        for (value, want, exponent) in [
            (1.0, "1", 0),
            (0.1, "1", -1),
            (5e-324, "5", -324),
            (f64::MAX, "17976931348623157", 292),
            (f64::MIN_POSITIVE, "22250738585072014", -324),
            (1e23, "9999999999999999", 7),
            (12345.6789012, "123456789012", -7),
            (166924.1106, "16692411060000001", -11),
            (2.8979549568430264e20, "28979549568430263", 4),
            (1509715130368454.2, "15097151303684543", -1),
            (2.7589442517007837e186, "27589442517007836", 170),
        ] {
            assert_eq!(digits(value), (want.to_owned(), exponent), "{value:e}");
        }
    }

    #[test]
    fn digits_read_back_as_the_value() {
        let mut rng = crate::base::rng::Rng::new(7);
        for _ in 0..200_000 {
            let value = f64::from_bits(rng.next_u64() >> 1);
            if value.is_finite() && value > 0.0 {
                let (digits, exponent) = digits(value);
                let back: f64 = format!("{digits}e{exponent}").parse().expect("digits are a number");
                assert_eq!(back, value, "{digits}e{exponent}");
            }
        }
    }
}
