//! Where a JSON string ends: most of the bytes of a message stand in one, so many are looked at at once.

use core::num::NonZeroUsize;

use super::End;

/// Behind the string whose opening quote is before this place.
#[inline]
pub(super) fn string(bytes: &[u8], mut at: usize, is_plain: &mut bool) -> End {
    loop {
        at = special(bytes, at);
        match *bytes.get(at)? {
            b'"' => return NonZeroUsize::new(at + 1),
            b'\\' => at = escape(bytes, at + 1)?.get(),
            _ => return None,
        }
        *is_plain = false;
    }
}

/// The place of the next quote, backslash or control character: sixteen bytes are looked at at once, and 64 from where a
/// string has gone on without one for [long](LONG).
#[inline]
fn special(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some((sixteen, _)) = bytes.get(at..).and_then(<[u8]>::split_first_chunk::<16>) {
        let ([one, two], _) = sixteen.as_chunks() else { break };
        match (special_of_eight(*one), special_of_eight(*two)) {
            (0, 0) => at += 16,
            (0, two) => return at + 8 + two.trailing_zeros() as usize / 8,
            (one, _) => return at + one.trailing_zeros() as usize / 8,
        }
        if at - start == LONG {
            at = behind_plain(bytes, at);
        }
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

/// A line of text ends sooner, with an escape: what is longer is data, which goes on as it began. Some sixteens.
const LONG: usize = 64;
const _: () = assert!(LONG.is_multiple_of(16));

/// Behind the bytes from here on that have no special one among them, counted by 64. No branch depends on a single
/// byte, so that the compiler has the processor compare many at once; where it cannot, the way by eight is quicker.
fn behind_plain(bytes: &[u8], mut at: usize) -> usize {
    const HAS_VECTORS: bool = cfg!(any(target_feature = "sse2", target_feature = "neon"));
    while HAS_VECTORS && let Some((many, _)) = bytes.get(at..).and_then(<[u8]>::split_first_chunk::<64>) {
        if many.iter().fold(false, |found, byte| found | is_special(*byte)) {
            break;
        }
        at += many.len();
    }
    at
}

/// Whether a text cannot stand in a JSON string as it is.
pub(in crate::jsonrpc) fn needs_escapes(text: &str) -> bool {
    text.bytes().fold(false, |found, byte| found | is_special(byte))
}

const fn is_special(byte: u8) -> bool {
    matches!(byte, 0..0x20 | b'"' | b'\\')
}

/// The highest bit of the first special one is set, and no bit before it (Mycroft's test).
#[inline]
fn special_of_eight(eight: [u8; 8]) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let eight = u64::from_le_bytes(eight);
    let control = eight.wrapping_sub(ONES * 0x20);
    let quote = (eight ^ (ONES * u64::from(b'"'))).wrapping_sub(ONES);
    let backslash = (eight ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    (control | quote | backslash) & !eight & (ONES << 7)
}

/// Behind what is behind a backslash. Whether it is half a character does not matter here.
fn escape(bytes: &[u8], at: usize) -> End {
    match bytes.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => NonZeroUsize::new(at + 1),
        b'u' => {
            let is_hex = bytes.get(at + 1..at + 5)?.iter().all(u8::is_ascii_hexdigit);
            NonZeroUsize::new(at + 5).filter(|_| is_hex)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_string_ends_wherever_its_end_is(before in 0..300_usize, special in 0..=127_u8, after in 0..300_usize) {
            let plain = |times| [b'~', 0xff].into_iter().cycle().take(times);
            let text: Vec<u8> = plain(before).chain([special]).chain(plain(after)).chain([b'"', b'x']).collect();
            let expected = match special {
                b'"' => Some(before + 1),
                0..0x20 | b'\\' => None,
                _ => Some(text.len() - 1),
            };
            prop_assert_eq!(string(&text, 0, &mut true).map(NonZeroUsize::get), expected);
        }
    }
}
