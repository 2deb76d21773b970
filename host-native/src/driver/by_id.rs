//! A map from ids, which are counted up: found without a search, since several are looked up for each request.

#![expect(clippy::disallowed_types, reason = "spread without a secret, it has the same order in each run")]

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A capacity that is kept, however few the entries are.
const KEPT: usize = 64;

/// A map from the ids of exchanges or calls.
pub(super) struct ById<K, V>(HashMap<K, V, BuildHasherDefault<Spread>>);

impl<K: Hash + Ord + Copy, V> ById<K, V> {
    pub(super) fn insert(&mut self, id: K, value: V) {
        self.0.insert(id, value);
    }

    pub(super) fn get(&self, id: K) -> Option<&V> {
        self.0.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: K) -> Option<&mut V> {
        self.0.get_mut(&id)
    }

    /// Takes out what this id stands for. A burst leaves no memory behind.
    pub(super) fn remove(&mut self, id: K) -> Option<V> {
        let value = self.0.remove(&id);
        if self.0.len() < self.0.capacity() / 8 && self.0.capacity() > KEPT {
            self.0.shrink_to(self.0.capacity() / 2);
        }
        value
    }

    /// All ids, the oldest first.
    pub(super) fn ids(&self) -> Vec<K> {
        let mut ids: Vec<K> = self.0.keys().copied().collect();
        ids.sort_unstable();
        ids
    }
}

impl<K, V> Default for ById<K, V> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

/// Ids are given here and by the machine, nobody else, so spreading them takes no secret.
#[derive(Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    /// By the golden ratio, so that neighbours differ in their highest bits too, by which a map tells them apart.
    fn write_u64(&mut self, id: u64) {
        self.0 = (self.0 ^ id).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_there_until_it_is_taken_out_and_a_burst_leaves_no_memory_behind() {
        let mut map = ById::<u64, u64>::default();
        (0..10_000).for_each(|id| map.insert(id, id + 1));
        assert!((0..10_000).all(|id| map.get(id) == Some(&(id + 1))));
        for id in 0..9_990 {
            assert_eq!((map.remove(id), map.remove(id)), (Some(id + 1), None));
        }
        assert_eq!(map.ids(), (9_990..10_000).collect::<Vec<_>>());
        assert!(map.0.capacity() <= KEPT, "room for {}", map.0.capacity());
    }
}
