//! How words spell when something expires (EX, PX, EXAT, PXAT and the commands that imply one of them) and on which condition.

use std::ops::Range;

use super::args::Args;
use super::error::Error;
use crate::base::time::UnixMillis;

/// One of the four ways to spell an expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiryForm {
    seconds: bool,
    absolute: bool,
}

impl ExpiryForm {
    /// Seconds from now.
    pub const EX: Self = ExpiryForm {
        seconds: true,
        absolute: false,
    };
    /// Milliseconds from now.
    pub const PX: Self = ExpiryForm {
        seconds: false,
        absolute: false,
    };
    /// Unix time in seconds.
    pub const EXAT: Self = ExpiryForm {
        seconds: true,
        absolute: true,
    };
    /// Unix time in milliseconds.
    pub const PXAT: Self = ExpiryForm {
        seconds: false,
        absolute: true,
    };

    /// The form that an option's token names, ASCII case ignored.
    pub fn named(token: &[u8]) -> Option<Self> {
        let forms: [(&[u8], Self); 4] = [
            (b"EX", Self::EX),
            (b"PX", Self::PX),
            (b"EXAT", Self::EXAT),
            (b"PXAT", Self::PXAT),
        ];
        let found = forms.into_iter().find(|(name, _)| token.eq_ignore_ascii_case(name));
        found.map(|(_, form)| form)
    }

    /// The point in time that `amount` means, which may have passed; `None` when it leaves the 64-bit range.
    pub fn deadline(self, amount: i64, now: UnixMillis) -> Option<UnixMillis> {
        let milliseconds = if self.seconds {
            amount.checked_mul(1000)?
        } else {
            amount
        };
        let start = if self.absolute { 0 } else { now.0 };
        milliseconds.checked_add(start).map(UnixMillis)
    }

    /// The point in time that word `at` means, which must be a positive number; an absolute one may have passed all the same.
    /// `command` is the lower-case name for the error.
    pub fn positive_deadline(
        self,
        args: Args<'_>,
        at: usize,
        now: UnixMillis,
        command: &'static str,
    ) -> Result<UnixMillis, Error> {
        let amount = args.int(at)?;
        let deadline = self.deadline(amount, now).filter(|_| amount > 0);
        deadline.ok_or(Error::InvalidExpire(command))
    }

    /// As [`ExpiryForm::positive_deadline`] where 0 is allowed too.
    pub fn deadline_from_now_on(
        self,
        args: Args<'_>,
        at: usize,
        now: UnixMillis,
        command: &'static str,
    ) -> Result<UnixMillis, Error> {
        let amount = args.int(at)?;
        let deadline = self.deadline(amount, now).filter(|_| amount >= 0);
        deadline.ok_or(Error::InvalidExpire(command))
    }
}

/// What the present expiry must be like for a new one to replace it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExpiryCondition {
    /// There must be none.
    none: bool,
    /// There must be one.
    some: bool,
    /// It must be earlier; none is later than all.
    later: bool,
    /// It must be later.
    earlier: bool,
}

impl ExpiryCondition {
    /// Reads the words at `words`, all of which must be conditions.
    pub fn parse(args: Args<'_>, words: Range<usize>) -> Result<Self, Error> {
        let mut condition = ExpiryCondition::default();
        for at in words {
            if args.is(at, "NX") {
                condition.none = true;
            } else if args.is(at, "XX") {
                condition.some = true;
            } else if args.is(at, "GT") {
                condition.later = true;
            } else if args.is(at, "LT") {
                condition.earlier = true;
            } else {
                return Err(Error::quoting("ERR Unsupported option ", args.at(at), ""));
            }
        }
        if condition.none && (condition.some || condition.later || condition.earlier) {
            return Err(Error::Text(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if condition.later && condition.earlier {
            return Err(Error::Text("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(condition)
    }

    /// Whether a new expiry may replace the present one.
    pub fn holds(&self, present: Option<UnixMillis>, new: UnixMillis) -> bool {
        !(self.none && present.is_some()
            || self.some && present.is_none()
            || self.later && present.is_none_or(|present| new <= present)
            || self.earlier && present.is_some_and(|present| new >= present))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_stay_inside_64_bits() {
        let now = UnixMillis(1000);
        for (form, amount, want) in [
            (ExpiryForm::EX, 2, Some(3000)),
            (ExpiryForm::EX, -2, Some(-1000)),
            (ExpiryForm::PX, 2, Some(1002)),
            (ExpiryForm::EXAT, 2, Some(2000)),
            (ExpiryForm::PXAT, i64::MAX, Some(i64::MAX)),
            (ExpiryForm::PX, i64::MAX - 999, None),
            (ExpiryForm::PX, i64::MIN, Some(i64::MIN + 1000)),
            (ExpiryForm::EXAT, i64::MAX / 1000 + 1, None),
            (ExpiryForm::EXAT, i64::MIN / 1000 - 1, None),
        ] {
            assert_eq!(form.deadline(amount, now), want.map(UnixMillis), "{form:?} {amount}");
        }
        assert_eq!(ExpiryForm::named(b"pXaT"), Some(ExpiryForm::PXAT));
        assert_eq!(ExpiryForm::named(b"KEEPTTL"), None);
    }
}
