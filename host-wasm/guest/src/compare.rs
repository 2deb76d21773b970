//! Which of two texts comes first. Names and keys are compared all the time, and what the compiler brings along for this
//! target goes byte by byte.

use core::cmp::Ordering;

/// What `memcmp` says of two texts of one length.
pub(crate) fn compare(one: &[u8], other: &[u8]) -> Ordering {
    for (one, other) in one.as_chunks().0.iter().zip(other.as_chunks().0) {
        let order = of_eight(*one, *other);
        if order.is_ne() {
            return order;
        }
    }
    // The rest, together with some of what is the same before it.
    match (one.last_chunk(), other.last_chunk()) {
        (Some(one), Some(other)) => of_eight(*one, *other),
        _ => of_few(one).cmp(&of_few(other)),
    }
}

fn of_eight(one: [u8; 8], other: [u8; 8]) -> Ordering {
    // As numbers, since two arrays may be compared by `memcmp`; and nearly always they are the same.
    match u64::from_ne_bytes(one) == u64::from_ne_bytes(other) {
        true => Ordering::Equal,
        false => u64::from_be_bytes(one).cmp(&u64::from_be_bytes(other)),
    }
}

/// A number that is in order as fewer than eight bytes are.
fn of_few(bytes: &[u8]) -> u64 {
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_be_bytes(*first)) << 32 | u64::from(u32::from_be_bytes(*last))
        }
        _ => bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    }
}
