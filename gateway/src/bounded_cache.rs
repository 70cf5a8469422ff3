//! A map of bounded size that keeps what was used lately and forgets the rest, at constant cost.

use std::collections::HashMap;
use std::hash::Hash;

/// Entries in two generations: when the young one is full it becomes the old one, and the old one is forgotten. What is
/// used moves to the young one, so it stays.
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    /// A generation holds this many entries, so the whole at most twice as many.
    generation: usize,
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    /// An empty map for twice this many entries at most.
    pub(crate) fn new(generation: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation }
    }

    /// The entry of a key, which counts as a use of it.
    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        if !self.young.contains_key(key) {
            let value = self.old.remove(key)?;
            self.insert(*key, value);
        }
        self.young.get_mut(key)
    }

    /// The entry of a key, made if there is none.
    pub(crate) fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if self.get(&key).is_none() {
            self.insert(key, V::default());
        }
        self.young.entry(key).or_default()
    }

    /// Forgets an entry.
    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Sets an entry.
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
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let mut recent = Recent::new(100);
        recent.insert(-1, 7);
        for n in 0..300 {
            recent.insert(n, 1);
            assert_eq!(recent.get(&-1), Some(&mut 7));
            assert!(recent.young.len() + recent.old.len() <= 200);
        }
        assert_eq!(recent.get(&0), None);
        assert_eq!(*recent.entry(0), 0);
    }
}
