//! What a directive is: its name, its kind, the field it fills or the reason why it has no effect here.

use super::Config;
use super::value::{Kind, Value, ValueError};

/// When a directive can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    /// At start and by CONFIG SET.
    AtRunTime,
    /// At start; by CONFIG SET only where `enable-protected-configs` allows it.
    Protected,
    /// At start; by CONFIG SET while there are no keys.
    WhileEmpty,
    /// At start only.
    AtStart,
}

/// Why a directive is accepted but has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// What it tunes is not there yet.
    NotYet(&'static str),
    /// What it tunes does not exist in this design.
    Moot(&'static str),
}

/// Where a directive's value is kept.
#[derive(Clone, Copy)]
pub enum Field {
    /// In a typed field.
    Live {
        /// Reads it.
        get: fn(&Config) -> Value,
        /// Writes it; the value is of the directive's kind.
        set: fn(&mut Config, Value),
    },
    /// Nowhere but as text, for CONFIG GET.
    Inert {
        /// The text when nothing else was said.
        default: &'static str,
        /// Why it has no effect.
        why: Why,
    },
}

/// One directive; built in `const` context.
#[derive(Clone, Copy)]
pub struct Directive {
    /// Its name.
    pub name: &'static str,
    /// A second name.
    pub alias: Option<&'static str>,
    /// What it takes.
    pub kind: Kind,
    /// Where the value is kept.
    pub field: Field,
    /// When it can be changed.
    pub changes: Changes,
    /// When above 0, a file has a line for each so many words, and each further line adds to the first.
    pub line_words: usize,
}

impl Directive {
    /// A directive that fills a field.
    pub const fn live(name: &'static str, kind: Kind, field: Field) -> Self {
        Directive {
            name,
            alias: None,
            kind,
            field,
            changes: Changes::AtRunTime,
            line_words: 0,
        }
    }

    /// A directive without effect.
    pub const fn inert(name: &'static str, kind: Kind, default: &'static str, why: Why) -> Self {
        Directive::live(name, kind, Field::Inert { default, why })
    }

    /// Gives it a second name.
    pub const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    /// It cannot be changed at run time.
    pub const fn at_start(mut self) -> Self {
        self.changes = Changes::AtStart;
        self
    }

    /// It can be changed at run time only while there are no keys.
    pub const fn while_empty(mut self) -> Self {
        self.changes = Changes::WhileEmpty;
        self
    }

    /// It can be changed at run time only where that is allowed.
    pub const fn protected(mut self) -> Self {
        self.changes = Changes::Protected;
        self
    }

    /// A file has a line for each `words` words.
    pub const fn lines_of(mut self, words: usize) -> Self {
        self.line_words = words;
        self
    }

    /// The value as CONFIG GET prints it.
    pub fn text(&self, config: &Config) -> String {
        match self.field {
            Field::Live { get, .. } => self.kind.format(&get(config)),
            Field::Inert { default, .. } => config.inert.get(self.name).map_or(default, |text| text).to_owned(),
        }
    }

    /// Reads `words` and keeps the value.
    pub fn set(&self, config: &mut Config, words: &[&str]) -> Result<(), ValueError> {
        let value = self.kind.parse(words)?;
        match self.field {
            Field::Live { set, .. } => set(config, value),
            Field::Inert { .. } => {
                config.inert.insert(self.name, self.kind.format(&value).into());
            }
        }
        Ok(())
    }

    /// As [`Directive::set`] with one argument, as CONFIG SET has it: split at blanks where several words are possible.
    pub fn set_text(&self, config: &mut Config, text: &str) -> Result<(), ValueError> {
        if self.kind.is_many() {
            let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
            self.set(config, &words)
        } else {
            self.set(config, &[text])
        }
    }

    /// Whether `name` is its name or its alias.
    pub fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) || self.alias.is_some_and(|alias| alias.eq_ignore_ascii_case(name))
    }
}
