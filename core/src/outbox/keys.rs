//! Which write has which key.

use alloc::collections::BTreeSet;

use super::entry::Place;

/// The places of the writes, by prints of their keys. A key itself is in its write: to compare those of writes that wait by the
/// hundred thousand would fetch each from another place of the memory. An agent that chose many keys of one print would slow
/// down its own writes, and nobody else's.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys(BTreeSet<(u64, Place)>);

impl Keys {
    pub(super) fn insert(&mut self, key: &str, place: Place) {
        self.0.insert((print(key), place));
    }

    pub(super) fn remove(&mut self, key: &str, place: Place) {
        self.0.remove(&(print(key), place));
    }

    /// Where the write with this key is, if it is anywhere; another place only where two keys have one print.
    pub(super) fn places(&self, key: &str) -> impl Iterator<Item = Place> {
        let print = print(key);
        self.0.range((print, Place(0))..=(print, Place(u64::MAX))).map(|(_, place)| *place)
    }
}

/// The hash FNV-1a, of 64 bits.
fn print(key: &str) -> u64 {
    key.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |print, byte| (print ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_print_is_the_hash_that_is_named() {
        assert_eq!(
            [print(""), print("a"), print("foobar")],
            [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8]
        );
    }

    #[test]
    fn a_key_has_its_places_and_no_others() {
        let mut keys = Keys::default();
        for (key, place) in [("a", 1), ("b", 2), ("a", 3)] {
            keys.insert(key, Place(place));
        }
        let places = |keys: &Keys, key| keys.places(key).collect::<Vec<_>>();
        assert_eq!(
            [places(&keys, "a"), places(&keys, "b"), places(&keys, "c")].map(|places| places.len()),
            [2, 1, 0]
        );
        keys.remove("a", Place(1));
        assert_eq!(places(&keys, "a"), [Place(3)]);
    }
}
