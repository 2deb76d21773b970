//! A JSON object as the spans of its members.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

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

/// The string that a JSON text is, if it is one.
pub(crate) fn string(text: &str) -> Option<Cow<'_, str>> {
    let Text(string) = serde_json::from_str(text).ok()?;
    Some(string)
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
}
