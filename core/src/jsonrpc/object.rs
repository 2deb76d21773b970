//! A JSON object as the spans of its members.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::scan::Scan;

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
        let Members(members) = serde_json::from_str(text).ok()?;
        Some(Self { text, members })
    }

    /// The same of a text that stands in one that was read as JSON, and so need not be judged again.
    #[must_use]
    pub(crate) fn of_valid(text: &'a str) -> Option<Self> {
        let mut scan = Scan::new(text);
        let mut members = Vec::with_capacity(4);
        let mut goes_on = scan.take(b'{') && !scan.take(b'}');
        let is_empty = !goes_on;
        while goes_on {
            let Text(name) = key(scan.value()?)?;
            scan.take(b':').then_some(())?;
            members.push((name, scan.value()?));
            goes_on = scan.take(b',');
        }
        ((is_empty || scan.take(b'}')) && scan.is_at_end()).then_some(Self { text, members })
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
        Object::of_valid(self.get(name)?)
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

/// The string that a JSON text is, if it is one.
pub(crate) fn string(text: &str) -> Option<Cow<'_, str>> {
    let Text(string) = serde_json::from_str(text).ok()?;
    Some(string)
}

/// The name that this JSON text is. Most have nothing escaped in them.
fn key(text: &str) -> Option<Text<'_>> {
    match text.strip_prefix('"')?.strip_suffix('"')? {
        name if !name.contains('\\') => Some(Text(Cow::Borrowed(name))),
        _ => serde_json::from_str(text).ok(),
    }
}

/// The elements of a list that stands in a text that was read as JSON; nothing where it is no list.
pub(crate) fn elements(list: &str) -> Option<Vec<&str>> {
    let mut scan = Scan::new(list);
    let mut elements = Vec::new();
    scan.take(b'[').then_some(())?;
    if scan.take(b']') {
        return scan.is_at_end().then_some(elements);
    }
    loop {
        elements.push(scan.value()?);
        if !scan.take(b',') {
            return (scan.take(b']') && scan.is_at_end()).then_some(elements);
        }
    }
}

struct Members<'a>(Vec<Member<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(MembersVisitor).map(Members)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Vec<Member<'de>>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(4);
        while let Some((Text(name), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            members.push((name, value.get()));
        }
        Ok(members)
    }
}

/// A string that borrows where it can, which `Cow` alone does not inside a map.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(TextVisitor).map(Text)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use proptest::prelude::*;

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
        fn a_walk_through_valid_json_finds_what_a_reader_finds(text in json()) {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
            let (read, walked) = (Object::parse(&text), Object::of_valid(&text));
            prop_assert_eq!(read.map(|object| object.members), walked.map(|object| object.members));
            let read = serde_json::from_str::<Vec<&RawValue>>(&text).ok();
            let read = read.map(|list| list.into_iter().map(RawValue::get).collect::<Vec<_>>());
            prop_assert_eq!(read, elements(&text));
        }

        #[test]
        fn a_walk_ends_whatever_the_text_is(text in r#"[{}\[\]":,\\ a1ü]{0,24}"#) {
            let _ = (Object::of_valid(&text), elements(&text));
        }
    }
}
