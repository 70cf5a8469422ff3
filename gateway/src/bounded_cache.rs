//! A cache of bounded size: keeps recently used entries and evicts the others, at constant cost.

use std::collections::HashMap;
use std::hash::Hash;

/// Entries in two generations: when the young one is full it replaces the old one, whose entries are evicted. An entry that
/// is used moves to the young generation.
pub(crate) struct BoundedCache<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    /// The size of a generation; the cache holds at most two.
    generation: usize,
}

impl<K: Copy + Eq + Hash, V> BoundedCache<K, V> {
    /// An empty cache of at most twice this many entries.
    pub(crate) fn new(generation: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation }
    }

    /// The entry of a key; this counts as use.
    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        if !self.young.contains_key(key) {
            let value = self.old.remove(key)?;
            self.insert(*key, value);
        }
        self.young.get_mut(key)
    }

    /// The entry of a key, inserted if absent.
    pub(crate) fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if self.get(&key).is_none() {
            self.insert(key, V::default());
        }
        self.young.entry(key).or_default()
    }

    /// Removes an entry.
    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Inserts an entry.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_entries_stay_and_the_others_are_evicted() {
        let mut cache = BoundedCache::new(100);
        cache.insert(-1, 7);
        for n in 0..300 {
            cache.insert(n, 1);
            assert_eq!(cache.get(&-1), Some(&mut 7));
            assert!(cache.young.len() + cache.old.len() <= 200);
        }
        assert_eq!(cache.get(&0), None);
        assert_eq!(*cache.entry(0), 0);
    }
}
