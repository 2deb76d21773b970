//! A map for keys that rise, or that are few: a list in the order of its keys.
//!
//! Most of what the machine keeps is named by numbers that rise: what is new goes to the end, and what leaves
//! is mostly old, near the front. The rest are some dozens of sessions, viewers and timers. There a list is as
//! fast as a tree, and its code is a fraction of a tree's, of which each type has a copy of its own: that counts
//! where the machine is a component. What leaves moves nothing: its place stays, empty, until half of the places are.

use alloc::vec::Vec;
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt::{self, Debug};

/// A capacity that is kept, however few the entries are.
const KEPT: usize = 64;
/// So many places may be empty, however few the entries are.
const EMPTY: usize = 8;

/// A map from rising keys, or from few.
#[derive(Clone)]
pub(crate) struct Map<K, V> {
    /// In the order of their keys; a place is empty where its entry has left.
    places: Vec<(K, Option<V>)>,
    len: usize,
}

impl<K: Ord, V> Map<K, V> {
    /// Gives this key its value, and says which it had before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let before = match self.find(&key) {
            Ok(at) => self.places[at].1.replace(value),
            Err(at) => {
                self.places.insert(at, (key, Some(value)));
                None
            }
        };
        self.len += usize::from(before.is_none());
        before
    }

    /// Takes out what this key has. A burst leaves no memory behind.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = self.find(key).ok()?;
        let value = self.places[at].1.take()?;
        self.len -= 1;
        if self.places.len() > 2 * self.len + EMPTY {
            self.close_up();
        }
        Some(value)
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.places[self.find(key).ok()?].1.as_ref()
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let at = self.find(key).ok()?;
        self.places[at].1.as_mut()
    }

    pub(crate) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// The place of the key, or else where it belongs.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        // What is new belongs behind the last, and what is looked for is mostly that, or the first.
        let (Some((first, _)), Some((last, _))) = (self.places.first(), self.places.last()) else {
            return Err(0);
        };
        match (first.borrow().cmp(key), last.borrow().cmp(key)) {
            (_, Ordering::Less) => Err(self.places.len()),
            (_, Ordering::Equal) => Ok(self.places.len() - 1),
            (Ordering::Equal, _) => Ok(0),
            (Ordering::Greater, _) => Err(0),
            (Ordering::Less, Ordering::Greater) => {
                self.places.binary_search_by(|(known, _)| known.borrow().cmp(key))
            }
        }
    }
}

impl<K, V> Map<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first key.
    pub(crate) fn first(&self) -> Option<&K> {
        self.keys().next()
    }

    /// All entries, in the order of their keys; so are the others below.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.places.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.places.iter().filter_map(|(_, value)| value.as_ref())
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.places.iter_mut().filter_map(|(_, value)| value.as_mut())
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = V> {
        self.places.into_iter().filter_map(|(_, value)| value)
    }

    /// Takes the empty places out.
    fn close_up(&mut self) {
        self.places.retain(|(_, value)| value.is_some());
        if self.places.len() < self.places.capacity() / 4 && self.places.capacity() > KEPT {
            self.places.shrink_to(self.places.capacity() / 2);
        }
    }
}

impl<K: Debug, V: Debug> Debug for Map<K, V> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.iter()).finish()
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self { places: Vec::new(), len: 0 }
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
        assert!(map.places.capacity() <= KEPT, "room for {}", map.places.capacity());
        assert_eq!(map.keys().copied().collect::<Vec<_>>(), (9_990..10_000).collect::<Vec<_>>());
    }
}
