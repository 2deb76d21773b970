//! A map for keys that rise, or that are few: a list in the order of its keys.
//!
//! Most of what the machine keeps is named by numbers that rise: what is new goes to the end, and what leaves
//! is mostly old, near the front. The rest are some dozens of sessions, viewers and timers. There a list is as
//! fast as a tree, and its code is a fraction of a tree's, of which each type has a copy of its own: that counts
//! where the machine is a component.

use alloc::collections::VecDeque;
use core::borrow::Borrow;
use core::cmp::Ordering;

/// A capacity that is kept, however few the entries are.
const KEPT: usize = 64;

/// A map from rising keys, or from few.
#[derive(Clone, Debug)]
pub(crate) struct Map<K, V> {
    entries: VecDeque<(K, V)>,
}

impl<K: Ord, V> Map<K, V> {
    /// Gives this key its value, and says which it had before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => Some(core::mem::replace(&mut self.entries[at].1, value)),
            Err(at) => {
                self.entries.insert(at, (key, value));
                None
            }
        }
    }

    /// Takes out what this key has. A burst leaves no memory behind.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = self.find(key).ok()?;
        let (_, value) = self.entries.remove(at)?;
        if self.entries.len() < self.entries.capacity() / 4 && self.entries.capacity() > KEPT {
            self.entries.shrink_to(self.entries.capacity() / 2);
        }
        Some(value)
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|at| &self.entries[at].1)
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|at| &mut self.entries[at].1)
    }

    pub(crate) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Where the key is, or else where it belongs.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        // What is new belongs behind the last, and what is looked for is mostly that, or the first.
        let (Some((first, _)), Some((last, _))) = (self.entries.front(), self.entries.back()) else {
            return Err(0);
        };
        match (first.borrow().cmp(key), last.borrow().cmp(key)) {
            (_, Ordering::Less) => Err(self.entries.len()),
            (_, Ordering::Equal) => Ok(self.entries.len() - 1),
            (Ordering::Equal, _) => Ok(0),
            (Ordering::Greater, _) => Err(0),
            (Ordering::Less, Ordering::Greater) => {
                self.entries.binary_search_by(|(known, _)| known.borrow().cmp(key))
            }
        }
    }
}

impl<K, V> Map<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first key.
    pub(crate) fn first(&self) -> Option<&K> {
        self.entries.front().map(|(key, _)| key)
    }

    /// All entries, in the order of their keys; so are the others below.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.entries.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, value)| value)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = V> {
        self.entries.into_iter().map(|(_, value)| value)
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self { entries: VecDeque::new() }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_in_the_order_of_its_keys(acts in prop::collection::vec((0..3_u8, 0..200_u8), 0..600)) {
            let (mut map, mut model) = (Map::default(), BTreeMap::new());
            for (value, (act, key)) in acts.into_iter().enumerate() {
                if act == 0 {
                    prop_assert_eq!(map.remove(&key), model.remove(&key));
                } else {
                    prop_assert_eq!(map.insert(key, value), model.insert(key, value));
                }
                prop_assert_eq!(map.get(&key), model.get(&key));
                prop_assert_eq!(map.first(), model.keys().next());
            }
            prop_assert_eq!(map.len(), model.len());
            prop_assert_eq!(map.iter().collect::<Vec<_>>(), model.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_burst_leaves_no_memory_behind() {
        let mut map = Map::default();
        for key in 0..10_000 {
            map.insert(key, ());
        }
        for key in 0..9_990 {
            map.remove(&key);
        }
        assert!(map.entries.capacity() <= KEPT, "room for {}", map.entries.capacity());
        assert_eq!(map.keys().copied().collect::<Vec<_>>(), (9_990..10_000).collect::<Vec<_>>());
    }
}
