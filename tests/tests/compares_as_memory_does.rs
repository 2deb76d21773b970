//! The component's own `memcmp` puts texts of one length in the order of their bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../host-wasm/guest/src/compare.rs"]
mod compare;

use compare::compare;
use proptest::prelude::*;

/// Two texts of one length, which are the same for a while.
fn texts() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let byte = || prop::sample::select(&[0u8, 1, b'a', 0x7f, 0x80, 0xff][..]);
    let text = move |length| prop::collection::vec(byte(), length);
    (0..40usize, 0..40usize).prop_flat_map(move |(same, rest)| {
        (text(same), text(rest), text(rest)).prop_map(|(same, one, other)| {
            ([same.as_slice(), one.as_slice()].concat(), [same.as_slice(), other.as_slice()].concat())
        })
    })
}

proptest! {
    #[test]
    fn two_texts_are_in_the_order_of_their_bytes((one, other) in texts()) {
        prop_assert_eq!(compare(&one, &other), one.cmp(&other));
    }

    #[test]
    fn a_byte_that_differs_is_seen_wherever_it_is(length in 1..40usize, at in 0..40usize, bit in 0..8u32) {
        let one = vec![b'x'; length];
        let mut other = one.clone();
        other[at % length] ^= 1 << bit;
        prop_assert_eq!(compare(&one, &other), one.cmp(&other));
        prop_assert_eq!(compare(&one, &one), core::cmp::Ordering::Equal);
    }
}
