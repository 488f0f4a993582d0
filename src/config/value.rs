//! The values of directives: their kinds, how each is read from words and how CONFIG GET prints it. Knows no directive.

use crate::base::collation::Collation;
use crate::base::number;

/// Why a directive's value is refused; the texts are Valkey's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not a truth value.
    #[error("argument must be 'yes' or 'no'")]
    NotBool,
    /// Not a number.
    #[error("argument couldn't be parsed into an integer")]
    NotInteger,
    /// Not an octal number.
    #[error("argument couldn't be parsed as an octal number")]
    NotOctal,
    /// Not a number of bytes.
    #[error("argument must be a memory value")]
    NotBytes,
    /// Neither a number of bytes nor a percentage.
    #[error("argument must be a memory or percent value")]
    NotBytesOrPercent,
    /// A percentage above 100.
    #[error("percentage argument must be less or equal to 100")]
    PercentRange,
    /// A number outside the bounds.
    #[error("argument must be between {0} and {1} inclusive")]
    Range(i128, i128),
    /// None of the names there are.
    #[error("argument(s) must be one of the following: {}", .0.join(", "))]
    NotChoice(&'static [&'static str]),
    /// Too few or too many words.
    #[error("wrong number of arguments")]
    WordCount,
    /// Not UTF-8.
    #[error("argument must be UTF-8 text")]
    NotText,
    /// What one directive alone can object to.
    #[error("{0}")]
    Own(&'static str),
}

/// A directive's value between its text and its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// A number, of bytes or of anything else.
    Number(i128),
    /// The index of a name among the kind's names.
    Choice(usize),
    /// A text.
    Text(String),
    /// Words.
    Words(Vec<String>),
}

/// What a directive takes.
#[derive(Clone, Copy)]
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// An integer within bounds.
    Integer(i64, i64),
    /// A number of bytes within bounds, with an optional unit.
    Bytes(u64, u64),
    /// A number of bytes, or a percentage of `maxmemory`.
    BytesOrPercent,
    /// An octal number up to this one.
    Octal(u32),
    /// One of these names.
    Choice(&'static [&'static str]),
    /// Some of these names.
    Choices(&'static [&'static str]),
    /// Any text.
    Text,
    /// The name of a locale that the system knows; empty: the environment's.
    Locale,
    /// An existing directory.
    Directory,
    /// The name of a file without a path; the text is the objection to a path.
    FileName(&'static str),
    /// Up to so many words; the text is the objection to more.
    Words(usize, &'static str),
    /// Words that this function checks and brings into the form in which they are printed.
    Own(fn(&[&str]) -> Result<Vec<String>, ValueError>),
}

impl Kind {
    /// Whether a value may be several words, so that CONFIG SET splits its argument at blanks.
    pub fn is_many(self) -> bool {
        matches!(self, Kind::Choices(_) | Kind::Words(..) | Kind::Own(_))
    }

    /// The value that `words` spell.
    pub fn parse(self, words: &[&str]) -> Result<Value, ValueError> {
        if self.is_many() {
            return self.parse_many(if words == [""] { &[] } else { words });
        }
        let &[word] = words else {
            return Err(ValueError::WordCount);
        };
        match self {
            Kind::Bool if word.eq_ignore_ascii_case("yes") => Ok(Value::Bool(true)),
            Kind::Bool if word.eq_ignore_ascii_case("no") => Ok(Value::Bool(false)),
            Kind::Bool => Err(ValueError::NotBool),
            Kind::Integer(min, max) => {
                let number = number::parse_i64(word.as_bytes()).ok_or(ValueError::NotInteger)?;
                bounded(number.into(), min.into(), max.into())
            }
            Kind::Bytes(min, max) => {
                let bytes = bytes(word).ok_or(ValueError::NotBytes)?;
                bounded(bytes.into(), min.into(), max.into())
            }
            Kind::BytesOrPercent => bytes_or_percent(word).map(Value::Text),
            Kind::Octal(max) => match u32::from_str_radix(word, 8) {
                Ok(number) if number <= max => Ok(Value::Number(number.into())),
                _ => Err(ValueError::NotOctal),
            },
            Kind::Choice(names) => choice(word, names).map(Value::Choice),
            Kind::Locale if Collation::new(word).is_none() => Err(ValueError::Own("Invalid locale name")),
            Kind::Directory => directory(word).map(Value::Text),
            Kind::FileName(objection) if word.contains('/') => Err(ValueError::Own(objection)),
            _ => Ok(Value::Text(word.to_owned())),
        }
    }

    fn parse_many(self, words: &[&str]) -> Result<Value, ValueError> {
        let words = match self {
            Kind::Own(check) => check(words)?,
            Kind::Choices(names) if words.is_empty() => return Err(ValueError::NotChoice(names)),
            Kind::Choices(names) => {
                let chosen: Result<Vec<usize>, _> = words.iter().map(|word| choice(word, names)).collect();
                chosen?.iter().map(|&at| names[at].to_owned()).collect()
            }
            Kind::Words(max, objection) if words.len() > max => return Err(ValueError::Own(objection)),
            _ => words.iter().map(|&word| word.to_owned()).collect(),
        };
        Ok(Value::Words(words))
    }

    /// The text that CONFIG GET answers for `value`.
    pub fn format(self, value: &Value) -> String {
        match (self, value) {
            (_, Value::Bool(value)) => if *value { "yes" } else { "no" }.to_owned(),
            (Kind::Octal(_), Value::Number(number)) => format!("{number:o}"),
            (_, Value::Number(number)) => number.to_string(),
            (Kind::Choice(names), Value::Choice(at)) => names.get(*at).copied().unwrap_or_default().to_owned(),
            (_, Value::Choice(at)) => at.to_string(),
            (_, Value::Text(text)) => text.clone(),
            (_, Value::Words(words)) => words.join(" "),
        }
    }
}

/// The absolute path of a directory.
fn directory(path: &str) -> Result<String, ValueError> {
    let absolute = std::fs::canonicalize(path).map_err(|_| ValueError::Own("No such file or directory"))?;
    if !absolute.is_dir() {
        return Err(ValueError::Own("Not a directory"));
    }
    absolute.into_os_string().into_string().map_err(|_| ValueError::NotText)
}

fn bounded(number: i128, min: i128, max: i128) -> Result<Value, ValueError> {
    if number < min || number > max {
        return Err(ValueError::Range(min, max));
    }
    Ok(Value::Number(number))
}

fn choice(word: &str, names: &'static [&'static str]) -> Result<usize, ValueError> {
    names
        .iter()
        .position(|name| name.eq_ignore_ascii_case(word))
        .ok_or(ValueError::NotChoice(names))
}

/// The number of bytes that `word` spells: digits and a unit, powers of 1000 (`k m g`) or of 1024 (`kb mb gb`).
pub fn bytes(word: &str) -> Option<u64> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = word.split_at(digits);
    let unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    // Valkey reads a missing number as 0.
    let number: u64 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    number.checked_mul(unit)
}

fn bytes_or_percent(word: &str) -> Result<String, ValueError> {
    let Some(percent) = word.strip_suffix('%') else {
        return bytes(word)
            .map(|bytes| bytes.to_string())
            .ok_or(ValueError::NotBytesOrPercent);
    };
    let percent = number::parse_i64(percent.as_bytes())
        .filter(|&percent| percent >= 0)
        .ok_or(ValueError::NotBytesOrPercent)?;
    if percent > 100 {
        return Err(ValueError::PercentRange);
    }
    Ok(format!("{percent}%"))
}

/// A field's type that a [`Value`] goes into.
pub trait Typed: Sized {
    /// The field's content as a value.
    fn value(&self) -> Value;
    /// The content that a value stands for; none when it is of another kind or does not fit.
    fn from_value(value: Value) -> Option<Self>;
}

impl Typed for bool {
    fn value(&self) -> Value {
        Value::Bool(*self)
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }
}

macro_rules! typed_number {
    ($($number:ty),*) => {$(
        impl Typed for $number {
            fn value(&self) -> Value {
                // Widening never fails; `as` is for the pointer-sized types, which have no `From`.
                Value::Number(*self as i128)
            }

            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::Number(number) => number.try_into().ok(),
                    _ => None,
                }
            }
        }
    )*};
}

typed_number!(u16, u32, u64, usize, i32, i64);

impl Typed for String {
    fn value(&self) -> Value {
        Value::Text(self.clone())
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Typed for Collation {
    fn value(&self) -> Value {
        Value::Text(self.name().to_owned())
    }

    fn from_value(value: Value) -> Option<Self> {
        Collation::new(&String::from_value(value)?)
    }
}

/// An empty text stands for nothing.
impl Typed for Option<String> {
    fn value(&self) -> Value {
        Value::Text(self.clone().unwrap_or_default())
    }

    fn from_value(value: Value) -> Option<Self> {
        String::from_value(value).map(|text| (!text.is_empty()).then_some(text))
    }
}

impl Typed for Vec<String> {
    fn value(&self) -> Value {
        Value::Words(self.clone())
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Words(words) => Some(words),
            _ => None,
        }
    }
}
