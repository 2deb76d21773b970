//! Where JSON values begin and end.
//!
//! A message that passes is looked over, and little more: this is most of what it costs, so it is written by hand. A
//! text is looked over without recursion, however deeply it is nested.

mod string;

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;
use core::num::NonZeroUsize;

pub(super) use string::needs_escapes;
use string::string;

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
    #[inline]
    pub(super) fn comma_or(&mut self, end: u8) -> Option<bool> {
        match self.token()? {
            b',' => Some(true),
            token => (token == end).then_some(false),
        }
    }

    /// The place of what comes next behind white space.
    #[inline]
    pub(super) fn begin(&mut self) -> usize {
        self.at = space(self.text.as_bytes(), self.at);
        self.at
    }

    /// What was taken since this place.
    #[inline]
    pub(super) fn since(&self, start: usize) -> Option<&'a str> {
        self.text.get(start..self.at)
    }

    /// Nothing but white space is left.
    pub(super) fn end(&mut self) -> Option<()> {
        (space(self.text.as_bytes(), self.at) == self.text.len()).then_some(())
    }

    /// Takes a string.
    #[inline]
    pub(super) fn string(&mut self) -> Option<Quoted<'a>> {
        self.expect(b'"')?;
        let start = self.at;
        let mut is_plain = true;
        self.at = string(self.text.as_bytes(), start, &mut is_plain)?.get();
        Some(Quoted { inside: self.text.get(start..self.at - 1)?, is_plain })
    }

    /// Takes this object if it comes next, without a look at what is in it: what begins as an object does is that object.
    pub(super) fn known(&mut self, object: &[u8]) -> Option<&'a str> {
        let start = self.begin();
        let is_next = object.starts_with(b"{") && self.text.as_bytes()[start..].starts_with(object);
        self.at += if is_next { object.len() } else { return None };
        self.since(start)
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
    #[inline]
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
