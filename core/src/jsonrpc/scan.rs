//! Where JSON values begin and end.
//!
//! A message that passes is looked over, and little more: this is most of what it costs, so it is written by hand. A
//! text is looked over without recursion, however deeply it is nested.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;
use core::num::NonZeroUsize;

/// A place in a text, which moves on.
#[derive(Clone, Copy)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// The place behind something; nothing where that is not there. It is never the first place.
type End = Option<NonZeroUsize>;

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Takes what comes next behind white space.
    #[inline]
    pub(super) fn token(&mut self) -> Option<u8> {
        self.at = space(self.text.as_bytes(), self.at);
        let token = *self.text.as_bytes().get(self.at)?;
        self.at += 1;
        Some(token)
    }

    /// Takes this, which must come next behind white space.
    #[inline]
    pub(super) fn expect(&mut self, token: u8) -> Option<()> {
        (self.token()? == token).then_some(())
    }

    /// Whether this comes next behind white space; then it is taken.
    #[inline]
    pub(super) fn skips(&mut self, token: u8) -> bool {
        self.at = space(self.text.as_bytes(), self.at);
        let is_next = self.text.as_bytes().get(self.at) == Some(&token);
        self.at += usize::from(is_next);
        is_next
    }

    /// Whether another one comes behind this, or the end of what they are in.
    pub(super) fn comma_or(&mut self, end: u8) -> Option<bool> {
        match self.token()? {
            b',' => Some(true),
            token => (token == end).then_some(false),
        }
    }

    /// The place of what comes next behind white space.
    pub(super) fn begin(&mut self) -> usize {
        self.at = space(self.text.as_bytes(), self.at);
        self.at
    }

    /// What was taken since this place.
    pub(super) fn since(&self, start: usize) -> Option<&'a str> {
        self.text.get(start..self.at)
    }

    /// Nothing but white space is left.
    pub(super) fn end(&mut self) -> Option<()> {
        (space(self.text.as_bytes(), self.at) == self.text.len()).then_some(())
    }

    /// Takes a string.
    pub(super) fn string(&mut self) -> Option<Quoted<'a>> {
        self.expect(b'"')?;
        let start = self.at;
        let mut is_plain = true;
        self.at = string(self.text.as_bytes(), start, &mut is_plain)?.get();
        Some(Quoted { inside: self.text.get(start..self.at - 1)?, is_plain })
    }

    /// Takes a value, whatever it is.
    pub(super) fn value(&mut self) -> Option<&'a str> {
        let start = self.begin();
        self.at = value(self.text.as_bytes(), start)?.get();
        self.since(start)
    }
}

/// A string as it stands in a text.
pub(super) struct Quoted<'a> {
    /// What is between the quotes.
    inside: &'a str,
    /// It says what stands there.
    is_plain: bool,
}

impl<'a> Quoted<'a> {
    /// What it says; nothing where that is half a character.
    pub(super) fn said(self) -> Option<Cow<'a, str>> {
        match self.is_plain {
            true => Some(Cow::Borrowed(self.inside)),
            false => serde_json::from_str(&format!("\"{}\"", self.inside)).ok().map(Cow::Owned),
        }
    }
}

/// Behind the white space that is here.
#[inline]
fn space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\t' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Behind the value that begins here, or behind the white space here.
fn value(bytes: &[u8], mut at: usize) -> End {
    let mut open = Open::default();
    loop {
        at = space(bytes, at);
        let first = *bytes.get(at)?;
        at += 1;
        match first {
            b'"' => at = string(bytes, at, &mut true)?.get(),
            b'{' | b'[' => {
                at = space(bytes, at);
                // The closing one is the second behind the opening one.
                if bytes.get(at) == Some(&(first + 2)) {
                    at += 1;
                } else {
                    open.push(first == b'{');
                    if first == b'{' {
                        at = name(bytes, at)?.get();
                    }
                    continue;
                }
            }
            b't' => at = word(bytes, at, b"rue")?.get(),
            b'f' => at = word(bytes, at, b"alse")?.get(),
            b'n' => at = word(bytes, at, b"ull")?.get(),
            _ => at = number(bytes, at - 1)?.get(),
        }
        // Behind a value: what ends with it ends, or another one comes.
        loop {
            let Some(is_object) = open.innermost() else { return NonZeroUsize::new(at) };
            at = space(bytes, at);
            let token = *bytes.get(at)?;
            at += 1;
            match (token, is_object) {
                (b',', true) => {
                    at = name(bytes, at)?.get();
                    break;
                }
                (b',', false) => break,
                (b'}', true) | (b']', false) => open.pop(),
                _ => return None,
            }
        }
    }
}

/// Behind the name of a member and its colon, which come next behind white space.
fn name(bytes: &[u8], at: usize) -> End {
    let at = expect(bytes, at, b'"')?.get();
    let at = string(bytes, at, &mut true)?.get();
    expect(bytes, at, b':')
}

#[inline]
fn expect(bytes: &[u8], at: usize, token: u8) -> End {
    let at = space(bytes, at);
    (bytes.get(at) == Some(&token)).then_some(NonZeroUsize::new(at + 1)?)
}

/// Behind the string whose opening quote is before this place.
fn string(bytes: &[u8], mut at: usize, is_plain: &mut bool) -> End {
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

fn word(bytes: &[u8], at: usize, rest: &[u8]) -> End {
    let end = at + rest.len();
    NonZeroUsize::new(end).filter(|_| bytes.get(at..end) == Some(rest))
}

/// Behind a number.
fn number(bytes: &[u8], mut at: usize) -> End {
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match bytes.get(at)? {
        b'0' => at + 1,
        _ => digits(bytes, at)?.get(),
    };
    if bytes.get(at) == Some(&b'.') {
        at = digits(bytes, at + 1)?.get();
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        at = digits(bytes, at)?.get();
    }
    NonZeroUsize::new(at)
}

/// Behind the digits here, of which there is one at least.
fn digits(bytes: &[u8], start: usize) -> End {
    let mut at = start;
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    NonZeroUsize::new(at).filter(|_| at > start)
}

/// The objects and lists that are open, a bit for each: whether it is an object.
#[derive(Default)]
struct Open {
    /// The innermost ones, up to 64; the last bit is the innermost.
    inner: u64,
    depth: usize,
    /// Those around them, by 64.
    outer: Vec<u64>,
}

impl Open {
    fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.inner);
        }
        self.inner = self.inner << 1 | u64::from(is_object);
        self.depth += 1;
    }

    fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.inner & 1 == 1)
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.inner >>= 1;
        if self.depth.is_multiple_of(64) {
            self.inner = self.outer.pop().unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    /// Pieces of JSON, so that many texts are JSON and many nearly are.
    fn texts() -> impl Strategy<Value = String> {
        const PIECES: [&str; 34] = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\"a\"",
            "\"a\":",
            "\"\\n\"",
            "\\",
            "\\u00e9",
            "\\ud800",
            "\\u12",
            "1",
            "0",
            "-",
            ".",
            "e",
            "E+",
            "5",
            "true",
            "false",
            "null",
            "nul",
            " ",
            "\n",
            "\t",
            "\u{b}",
            "\u{1}",
            "ü",
            "long plain text",
            "{\"a\":[1,{}],\"b\":\"x\"}",
            "[[],[0.5e-3]]",
        ];
        let any =
            prop::collection::vec(prop::sample::select(&PIECES[..]), 0..12).prop_map(|some| some.concat());
        let whole = any.clone().prop_map(|some| format!("\"{some}\""));
        let object =
            (any.clone(), any.clone()).prop_map(|(one, other)| format!("{{\"a\":{one},\"b\":[{other}]}}"));
        prop_oneof![any, whole, object]
    }

    proptest! {
        #[test]
        fn a_value_is_what_it_is_for_serde_json(text in texts()) {
            let mut scanner = Scanner::new(&text);
            let value = scanner.value().filter(|_| scanner.end().is_some());
            prop_assert_eq!(value, serde_json::from_str::<&RawValue>(&text).ok().map(RawValue::get), "{}", text);
        }

        #[test]
        fn a_string_ends_wherever_its_end_is(before in 0..300_usize, special in 0..=127_u8, after in 0..300_usize) {
            let plain = |times| [b'~', 0xff].into_iter().cycle().take(times);
            let text: Vec<u8> = plain(before).chain([special]).chain(plain(after)).chain([b'"', b'x']).collect();
            let expected = match special {
                b'"' => Some(before + 1),
                0..0x20 | b'\\' => None,
                _ => Some(text.len() - 1),
            };
            prop_assert_eq!(super::string(&text, 0, &mut true).map(NonZeroUsize::get), expected);
        }
    }

    #[test]
    fn what_is_open_is_closed_in_its_order_however_deep() {
        for depth in [1, 63, 64, 65, 128, 129, 1_000] {
            let kinds = || (0..depth).map(|at| at % 3 == 0);
            let begin: String = kinds().map(|is_object| if is_object { "{\"a\":" } else { "[" }).collect();
            let end: String = kinds().rev().map(|is_object| if is_object { "}" } else { "]" }).collect();
            let text = format!("{begin}1{end}");
            assert_eq!(Scanner::new(&text).value(), Some(text.as_str()));
            for at in 0..depth {
                let mut wrong = text.clone();
                let place = text.len() - 1 - at;
                let other = if text.ends_with(&end) && &text[place..=place] == "}" { "]" } else { "}" };
                wrong.replace_range(place..=place, other);
                assert_eq!(Scanner::new(&wrong).value(), None, "{depth}, {at}");
            }
        }
    }
}
