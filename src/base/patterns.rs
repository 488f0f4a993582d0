//! Glob patterns by their literal beginnings, so that a text is compared with no pattern whose beginning it does not have.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::glob;

/// Patterns with one literal beginning.
type Group<V> = BTreeMap<Box<[u8]>, V>;

/// Patterns, each with a value. Those that match are met in a fixed order.
#[derive(Debug)]
pub struct Patterns<V> {
    /// By literal beginning, then by pattern.
    groups: HashMap<Box<[u8]>, Group<V>>,
    /// How many groups have a beginning of this length.
    lengths: BTreeMap<usize, usize>,
    len: usize,
}

impl<V> Default for Patterns<V> {
    fn default() -> Self {
        Patterns {
            groups: HashMap::new(),
            lengths: BTreeMap::new(),
            len: 0,
        }
    }
}

impl<V: Default> Patterns<V> {
    /// The value of a pattern, made when there is none.
    pub fn entry(&mut self, pattern: &[u8]) -> &mut V {
        let beginning = literal_beginning(pattern);
        if !self.groups.contains_key(beginning) {
            *self.lengths.entry(beginning.len()).or_default() += 1;
        }
        let group = self.groups.entry(beginning.into()).or_default();
        if !group.contains_key(pattern) {
            self.len += 1;
        }
        group.entry(pattern.into()).or_default()
    }
}

impl<V> Patterns<V> {
    /// The value of a pattern.
    pub fn get_mut(&mut self, pattern: &[u8]) -> Option<&mut V> {
        self.groups.get_mut(literal_beginning(pattern))?.get_mut(pattern)
    }

    /// Takes a pattern out.
    pub fn remove(&mut self, pattern: &[u8]) {
        let beginning = literal_beginning(pattern);
        let Some(group) = self.groups.get_mut(beginning) else {
            return;
        };
        self.len -= usize::from(group.remove(pattern).is_some());
        if !group.is_empty() {
            return;
        }
        self.groups.remove(beginning);
        let count = self.lengths.get_mut(&beginning.len());
        let count = count.expect("the length of a beginning is counted");
        *count -= 1;
        if *count == 0 {
            self.lengths.remove(&beginning.len());
        }
    }

    /// The patterns that match `text`: O(different lengths of beginnings + patterns that begin as `text` does).
    pub fn matching<'p>(&'p self, text: &'p [u8]) -> impl Iterator<Item = (&'p [u8], &'p V)> {
        self.lengths
            .range(..=text.len())
            .filter_map(|(&length, _)| self.groups.get(&text[..length]))
            .flatten()
            .map(|(pattern, value)| (&**pattern, value))
            .filter(|(pattern, _)| glob::matches(pattern, text))
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// What every text that matches begins with.
fn literal_beginning(pattern: &[u8]) -> &[u8] {
    let special = |byte: &u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
    let end = pattern.iter().position(special).unwrap_or(pattern.len());
    &pattern[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_what_matches_is_found() {
        let all: [&[u8]; 9] = [
            b"*",
            b"news.*",
            b"news.?",
            b"news",
            b"ne[wx]s",
            b"\\*",
            b"",
            b"newsletter*",
            b"x*",
        ];
        let mut patterns = Patterns::<u32>::default();
        all.iter().for_each(|pattern| *patterns.entry(pattern) += 1);
        assert_eq!(patterns.len(), all.len());
        for text in [b"news".as_slice(), b"news.a", b"newsletter", b"", b"*", b"nexs", b"x"] {
            let mut found: Vec<&[u8]> = patterns.matching(text).map(|(pattern, _)| pattern).collect();
            let mut expected: Vec<&[u8]> = all.into_iter().filter(|pattern| glob::matches(pattern, text)).collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{text:?}");
        }
        all.iter().for_each(|pattern| patterns.remove(pattern));
        assert!(patterns.is_empty() && patterns.lengths.is_empty() && patterns.groups.is_empty());
    }
}
