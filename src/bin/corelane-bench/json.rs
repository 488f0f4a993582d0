//! Writes a JSON object on one line.
//!
//! Owns the escaping; must not know what is written.

use std::fmt::Write;

/// An object being written, its fields in the order of the calls.
#[derive(Debug)]
pub struct Object {
    text: String,
}

impl Object {
    /// An object without fields.
    pub fn new() -> Self {
        Object { text: "{".to_owned() }
    }

    /// Adds a text.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.quoted(value);
        self
    }

    /// Adds a whole number.
    pub fn integer(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        self.text.push_str(&value.to_string());
        self
    }

    /// Adds a number with six decimals; what is no number becomes null.
    pub fn number(&mut self, name: &str, value: f64) -> &mut Self {
        self.name(name);
        if value.is_finite() {
            write!(self.text, "{value:.6}").expect("writing to a string does not fail");
        } else {
            self.text.push_str("null");
        }
        self
    }

    /// Adds an object.
    pub fn object(&mut self, name: &str, value: &Object) -> &mut Self {
        self.name(name);
        self.text.push_str(&value.finish());
        self
    }

    /// The object's text.
    pub fn finish(&self) -> String {
        format!("{}}}", self.text)
    }

    fn name(&mut self, name: &str) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        self.quoted(name);
        self.text.push(':');
    }

    fn quoted(&mut self, value: &str) {
        self.text.push('"');
        for character in value.chars() {
            match character {
                '"' | '\\' => self.text.extend(['\\', character]),
                control if control < ' ' => {
                    write!(self.text, "\\u{:04x}", u32::from(control)).expect("writing to a string does not fail");
                }
                other => self.text.push(other),
            }
        }
        self.text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_separated_nested_and_escaped() {
        let mut inner = Object::new();
        inner.number("p", 1.5).number("none", f64::NAN);
        let mut object = Object::new();
        object
            .text("a\"b", "c\\d\n")
            .integer("n", 7)
            .object("in", &inner)
            .object("empty", &Object::new());
        assert_eq!(
            object.finish(),
            r#"{"a\"b":"c\\d\u000a","n":7,"in":{"p":1.500000,"none":null},"empty":{}}"#
        );
    }
}
