//! The options that SET, GETEX and MSETEX share.

use crate::base::time::UnixMillis;
use crate::command::{Arg, Args, Error, ExpiryForm};

/// Which of the options a command takes, beside EX, PX, EXAT and PXAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// NX, XX, IFEQ, GET, KEEPTTL.
    Set,
    /// PERSIST.
    GetEx,
    /// NX, XX, KEEPTTL.
    MSetEx,
}

/// What must hold for a value to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    /// The key does not exist.
    Missing,
    /// The key exists.
    Present,
    /// The key holds these bytes.
    Equal(&'a [u8]),
}

/// What becomes of the expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// As the amount at the word says.
    In(ExpiryForm, usize),
    /// It stays.
    Keep,
    /// It goes.
    Persist,
}

/// The options of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options<'a> {
    /// NX, XX or IFEQ.
    pub condition: Option<Condition<'a>>,
    /// GET.
    pub get: bool,
    /// EX, PX, EXAT, PXAT, KEEPTTL or PERSIST.
    pub expiry: Option<Expiry>,
}

impl<'a> Options<'a> {
    /// Reads the words from `from` on. An option may be repeated, but not contradicted.
    pub fn parse(args: Args<'a>, from: usize, accepts: Accepts) -> Result<Self, Error> {
        let mut options = Options::default();
        let mut at = from;
        while let Some(word) = args.get(at) {
            at += options.take(args, at, word, accepts).ok_or(Error::Syntax)?;
        }
        Ok(options)
    }

    /// Takes the option at word `at` and answers how many words it has.
    fn take(&mut self, args: Args<'a>, at: usize, word: &[u8], accepts: Accepts) -> Option<usize> {
        let is = |token: &str| word.eq_ignore_ascii_case(token.as_bytes());
        if let Some(form) = ExpiryForm::named(word) {
            args.get(at + 1)?;
            match self.expiry {
                Some(Expiry::In(before, _)) if before != form => return None,
                Some(Expiry::Keep | Expiry::Persist) => return None,
                _ => self.expiry = Some(Expiry::In(form, at + 1)),
            }
            return Some(2);
        }
        match accepts {
            Accepts::GetEx if is("PERSIST") => self.without_amount(Expiry::Persist),
            Accepts::Set | Accepts::MSetEx if is("KEEPTTL") => self.without_amount(Expiry::Keep),
            Accepts::Set | Accepts::MSetEx if is("NX") => self.existence(Condition::Missing),
            Accepts::Set | Accepts::MSetEx if is("XX") => self.existence(Condition::Present),
            Accepts::Set if is("GET") => {
                self.get = true;
                Some(1)
            }
            Accepts::Set if is("IFEQ") && self.condition.is_none() => {
                self.condition = Some(Condition::Equal(args.get(at + 1)?));
                Some(2)
            }
            _ => None,
        }
    }

    fn without_amount(&mut self, expiry: Expiry) -> Option<usize> {
        let contradicted = self.expiry.is_some_and(|before| before != expiry);
        self.expiry = Some(expiry);
        (!contradicted).then_some(1)
    }

    fn existence(&mut self, condition: Condition<'a>) -> Option<usize> {
        let contradicted = self.condition.is_some_and(|before| before != condition);
        self.condition = Some(condition);
        (!contradicted).then_some(1)
    }

    /// The deadline that EX, PX, EXAT or PXAT gives, if one of them does; `command` is the lower-case name for the error.
    pub fn deadline(
        &self,
        args: Args<'_>,
        now: UnixMillis,
        command: &'static str,
    ) -> Result<Option<UnixMillis>, Error> {
        match self.expiry {
            Some(Expiry::In(form, at)) => form.positive_deadline(args, at, now, command).map(Some),
            _ => Ok(None),
        }
    }
}

/// The grammar of EX, PX, EXAT and PXAT.
pub const FORMS: [Arg; 4] = [
    Arg::integer("seconds").token("EX"),
    Arg::integer("milliseconds").token("PX"),
    Arg::unix_time("unix-time-seconds").token("EXAT"),
    Arg::unix_time("unix-time-milliseconds").token("PXAT"),
];
