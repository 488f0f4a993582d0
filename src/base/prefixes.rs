//! Prefixes of keys, found by a key: only those that it begins with are looked at.

use std::collections::BTreeMap;

use hashbrown::HashMap;

/// Prefixes, each with a value.
#[derive(Debug)]
pub struct Prefixes<V> {
    values: HashMap<Box<[u8]>, V>,
    /// How many prefixes have this length.
    lengths: BTreeMap<usize, usize>,
}

impl<V> Default for Prefixes<V> {
    fn default() -> Self {
        Prefixes {
            values: HashMap::new(),
            lengths: BTreeMap::new(),
        }
    }
}

impl<V: Default> Prefixes<V> {
    /// The value of a prefix, made when there is none.
    pub fn entry(&mut self, prefix: &[u8]) -> &mut V {
        if !self.values.contains_key(prefix) {
            *self.lengths.entry(prefix.len()).or_default() += 1;
        }
        self.values.entry(prefix.into()).or_default()
    }
}

impl<V> Prefixes<V> {
    /// The value of a prefix.
    pub fn get(&self, prefix: &[u8]) -> Option<&V> {
        self.values.get(prefix)
    }

    /// The value of a prefix.
    pub fn get_mut(&mut self, prefix: &[u8]) -> Option<&mut V> {
        self.values.get_mut(prefix)
    }

    /// Takes a prefix out.
    pub fn remove(&mut self, prefix: &[u8]) {
        if self.values.remove(prefix).is_none() {
            return;
        }
        let count = self.lengths.get_mut(&prefix.len());
        let count = count.expect("the length of a prefix is counted");
        *count -= 1;
        if *count == 0 {
            self.lengths.remove(&prefix.len());
        }
    }

    /// The prefixes with which `key` begins, the shortest first: O(different lengths).
    pub fn of<'p>(&'p self, key: &'p [u8]) -> impl Iterator<Item = &'p [u8]> {
        self.lengths
            .range(..=key.len())
            .map(|(&length, _)| &key[..length])
            .filter(|prefix| self.values.contains_key(*prefix))
    }

    /// How many prefixes there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_prefixes_of_a_key_are_found() {
        let all: [&[u8]; 6] = [b"", b"user:", b"user:1", b"users", b"u", b"x"];
        let mut prefixes = Prefixes::<u32>::default();
        all.iter().for_each(|prefix| *prefixes.entry(prefix) += 1);
        *prefixes.entry(b"u") += 1;
        assert_eq!((prefixes.len(), prefixes.get(b"u")), (all.len(), Some(&2)));
        for key in [b"user:17".as_slice(), b"users", b"u", b"", b"y", b"user"] {
            let found: Vec<&[u8]> = prefixes.of(key).collect();
            let mut expected: Vec<&[u8]> = all.into_iter().filter(|prefix| key.starts_with(prefix)).collect();
            expected.sort_by_key(|prefix| prefix.len());
            assert_eq!(found, expected, "{key:?}");
        }
        prefixes.remove(b"none");
        all.iter().for_each(|prefix| prefixes.remove(prefix));
        assert!(prefixes.is_empty() && prefixes.lengths.is_empty());
    }
}
