//! Names of keys, or of fields of hashes, in which an element takes the place of a star.

use crate::command::Keys;
use crate::keyspace::Entry;

/// A pattern of BY or GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern<'a> {
    /// The element itself.
    Element,
    /// Without a star: names nothing.
    Fixed,
    /// A key, or a field of the hash at a key.
    Key {
        before: &'a [u8],
        after: &'a [u8],
        field: Option<&'a [u8]>,
    },
}

impl<'a> Pattern<'a> {
    /// Reads a pattern. Star and arrow count only ahead of a zero byte, as in Valkey.
    pub fn new(text: &'a [u8]) -> Self {
        if text == b"#" {
            return Pattern::Element;
        }
        let visible = memchr::memchr(0, text).unwrap_or(text.len());
        let Some(star) = memchr::memchr(b'*', &text[..visible]) else {
            return Pattern::Fixed;
        };
        let (before, after) = (&text[..star], &text[star + 1..]);
        let arrow = memchr::memmem::find(&text[star + 1..visible], b"->");
        match arrow {
            Some(arrow) if arrow + 2 < visible - star - 1 => Pattern::Key {
                before,
                after: &after[..arrow],
                field: Some(&after[arrow + 2..]),
            },
            _ => Pattern::Key {
                before,
                after,
                field: None,
            },
        }
    }

    /// Whether it names the same for every element; for BY: whether nothing is sorted.
    pub fn is_fixed(&self) -> bool {
        !matches!(self, Pattern::Key { .. })
    }

    /// Writes the key that it names for an element to `name`; false when it names none.
    pub fn name_for(&self, element: &[u8], name: &mut Vec<u8>) -> bool {
        let Pattern::Key { before, after, .. } = self else {
            return false;
        };
        name.clear();
        name.extend([before, element, after].into_iter().flatten());
        true
    }

    /// What it finds for an element.
    pub fn look(&self, keys: &mut Keys<'_>, element: &[u8], name: &mut Vec<u8>) -> Option<Box<[u8]>> {
        let field = match self {
            Pattern::Element => return Some(element.into()),
            Pattern::Fixed => return None,
            Pattern::Key { field, .. } => *field,
        };
        self.name_for(element, name);
        let now = keys.horizon();
        let entry = keys.lookup(name)?;
        match field {
            Some(field) => entry.hash()?.get(field, now).map(Box::from),
            None => Entry::as_string(entry).map(|text| Box::from(&*text.bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_a_star_and_perhaps_a_field() {
        let key = |before, after, field| Pattern::Key { before, after, field };
        let cases: [(&[u8], Pattern<'_>); 11] = [
            (b"#", Pattern::Element),
            (b"nosort", Pattern::Fixed),
            (b"*", key(b"", b"", None)),
            (b"w_*:x", key(b"w_", b":x", None)),
            (b"w_*->f", key(b"w_", b"", Some(b"f"))),
            (b"w_*:x->f->g", key(b"w_", b":x", Some(b"f->g"))),
            (b"w_*->", key(b"w_", b"->", None)),
            (b"x->*", key(b"x->", b"", None)),
            (b"*x*", key(b"", b"x*", None)),
            (b"w\0*", Pattern::Fixed),
            (b"w*\0->f", key(b"w", b"\0->f", None)),
        ];
        for (text, pattern) in cases {
            assert_eq!(Pattern::new(text), pattern, "{}", text.escape_ascii());
        }
    }
}
