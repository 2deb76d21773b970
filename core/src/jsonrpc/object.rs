//! A JSON object as the spans of its members.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::ops::Range;

use super::scan::Scanner;

/// The members of a JSON object in their order, each value as the text that stands there.
///
/// Where a name stands twice the last one counts, as in every JavaScript relay.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    text: &'a str,
    members: Vec<Member<'a>>,
}

/// Escaped names are rare, so that nearly every name is borrowed.
type Member<'a> = (Cow<'a, str>, &'a str);

impl<'a> Object<'a> {
    /// The members of `text`, or nothing where `text` is not one JSON object.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut scanner = Scanner::new(text);
        let object = Self::take(&mut scanner, &mut |_, scanner| scanner.value())?;
        scanner.end()?;
        Some(Self { text, ..object })
    }

    /// The same, where the value of this name may be `known`, an object's text that was looked over before.
    pub(super) fn parse_knowing(text: &'a str, name: &str, known: &[u8]) -> Option<Self> {
        let mut scanner = Scanner::new(text);
        let object = Self::take(&mut scanner, &mut |found, scanner| match found == name {
            true => scanner.known(known).or_else(|| scanner.value()),
            false => scanner.value(),
        })?;
        scanner.end()?;
        Some(Self { text, ..object })
    }

    /// The members of an envelope, and those of its `params` where these are an object: what is large in a message is
    /// in there, and is looked over once.
    pub(super) fn parse_with_params(text: &'a str) -> Option<(Self, Option<Self>)> {
        let mut scanner = Scanner::new(text);
        let mut params = None;
        let envelope = Self::take(&mut scanner, &mut |name, scanner| match name {
            "params" => Self::take_params(scanner, &mut params),
            _ => scanner.value(),
        })?;
        scanner.end()?;
        Some((Self { text, ..envelope }, params))
    }

    /// Takes an object, each value by its name.
    fn take(
        scanner: &mut Scanner<'a>,
        value: &mut dyn FnMut(&str, &mut Scanner<'a>) -> Option<&'a str>,
    ) -> Option<Self> {
        let start = scanner.begin();
        scanner.expect(b'{')?;
        let mut members = Vec::with_capacity(4);
        let mut goes_on = !scanner.skips(b'}');
        while goes_on {
            let name = scanner.string()?.said()?;
            scanner.expect(b':')?;
            let value = value(&name, scanner)?;
            members.push((name, value));
            goes_on = scanner.comma_or(b'}')?;
        }
        Some(Self { text: scanner.since(start)?, members })
    }

    /// The last of the name counts.
    fn take_params(scanner: &mut Scanner<'a>, params: &mut Option<Self>) -> Option<&'a str> {
        let before = *scanner;
        *params = Self::take(scanner, &mut |_, scanner| scanner.value());
        match params {
            Some(params) => Some(params.text),
            None => {
                *scanner = before;
                scanner.value()
            }
        }
    }

    /// The text of the value that this name has.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    /// The text of the value that this name has, unless it is `null`.
    #[must_use]
    pub fn present(&self, name: &str) -> Option<&'a str> {
        self.get(name).filter(|value| *value != "null")
    }

    /// The object that this name has as its value.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<Object<'a>> {
        Object::parse(self.get(name)?)
    }

    /// The string that this name has as its value.
    #[must_use]
    pub fn string(&self, name: &str) -> Option<Cow<'a, str>> {
        string(self.get(name)?)
    }

    /// All members, in order.
    pub fn members(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.members.iter().map(|(name, value)| (name.as_ref(), *value))
    }

    /// Where `value`, a text that came out of this object, stands in its text.
    pub(super) fn span(&self, value: &str) -> Range<usize> {
        let start = value.as_ptr() as usize - self.text.as_ptr() as usize;
        start..start + value.len()
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }
}

/// The elements of a JSON list, or nothing where `text` is not one.
pub(crate) fn elements(text: &str) -> Option<Vec<&str>> {
    let mut scanner = Scanner::new(text);
    let mut elements = Vec::new();
    scanner.expect(b'[')?;
    let mut goes_on = !scanner.skips(b']');
    while goes_on {
        elements.push(scanner.value()?);
        goes_on = scanner.comma_or(b']')?;
    }
    scanner.end()?;
    Some(elements)
}

/// The string that a JSON text is, if it is one.
pub(crate) fn string(text: &str) -> Option<Cow<'_, str>> {
    let mut scanner = Scanner::new(text);
    let string = scanner.string()?;
    scanner.end()?;
    string.said()
}

/// Whether `text` is JSON.
pub(super) fn is_json(text: &str) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.value().and_then(|_| scanner.end()).is_some()
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;
    use alloc::collections::BTreeMap;
    use alloc::string::String;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn members_keep_their_text_and_the_last_of_a_name_counts() {
        let object = Object::parse(r#" {"a": 1.0e2 , "\u0062":"x\n", "a":null} "#).unwrap();
        assert_eq!(object.members().collect::<Vec<_>>(), [("a", "1.0e2"), ("b", r#""x\n""#), ("a", "null")]);
        assert_eq!(object.get("a"), Some("null"));
        assert_eq!(object.present("a"), None);
        assert_eq!(object.string("b").as_deref(), Some("x\n"));
    }

    #[test]
    fn only_one_whole_object_is_an_object() {
        for text in ["[]", "1", "{} {}", "{", "", r#"{"a":}"#, r#"["a",1]"#] {
            assert!(Object::parse(text).is_none(), "{text}");
        }
    }

    /// JSON of all kinds, written with and without space.
    fn json() -> impl Strategy<Value = String> {
        let name = prop_oneof!["[a-c]{0,2}", r#"\\(n|u0061|"|\\|ud800)"#, "[ -!#-\\[\\]-~]{0,12}"];
        let leaf = prop_oneof![
            Just("null".into()),
            Just("-1.5e3".into()),
            name.clone().prop_map(|text| alloc::format!("\"{text}\""))
        ];
        leaf.prop_recursive(5, 48, 5, move |inner| {
            let space = prop_oneof![Just(""), Just(" \n")];
            let member = (name.clone(), space.clone(), inner.clone()).prop_map(|(name, space, value)| {
                alloc::format!("{space}\"{name}\"{space}:{space}{value}{space}")
            });
            let joined = |list: Vec<String>| list.join(",");
            prop_oneof![
                prop::collection::vec(member, 0..5)
                    .prop_map(move |list| alloc::format!("{{{}}}", joined(list))),
                prop::collection::vec((space.clone(), inner), 0..5).prop_map(move |list| {
                    let list = list.into_iter().map(|(space, value)| alloc::format!("{space}{value}{space}"));
                    alloc::format!("[{}]", joined(list.collect()))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_serde_json_reads(text in json()) {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
            let members = Object::parse(&text).map(|object| {
                let last = |name: &str| object.get(name).unwrap_or_default().to_owned();
                object.members().map(|(name, _)| (name.to_owned(), last(name))).collect::<BTreeMap<_, _>>()
            });
            let read = serde_json::from_str::<BTreeMap<String, &RawValue>>(&text).ok();
            let read = read.map(|map| map.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect());
            prop_assert_eq!(members, read);
            let read = serde_json::from_str::<Vec<&RawValue>>(&text).ok();
            let read = read.map(|list| list.into_iter().map(RawValue::get).collect::<Vec<_>>());
            prop_assert_eq!(read, elements(&text));
        }

        #[test]
        fn what_is_known_is_found_as_if_it_were_read(known in json(), other in json(), rest in "[ ,}1]{0,2}") {
            for text in [
                alloc::format!(r#"{{"a":{other},"result": {known}{rest},"b":1}}"#),
                alloc::format!(r#"{{"result":{known},"result":{other}}}"#),
                alloc::format!(r#"{{"result":{other},"a":{known}}}"#),
            ] {
                let members = |object: Option<Object<'_>>| {
                    object.map(|object| object.members().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>())
                };
                let read = members(Object::parse(&text));
                for known in [known.as_str(), known.trim(), ""] {
                    prop_assert_eq!(&members(Object::parse_knowing(&text, "result", known.as_bytes())), &read);
                }
            }
        }
    }
}
