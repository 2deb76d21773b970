//! Changes to a JSON text that leave every other byte as it was.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::object::Object;
use super::response::quoted;

/// The text of `object` with this member: its value replaced where the name is there, else added last.
#[must_use]
pub fn set_member(object: &Object<'_>, name: &str, value: &str) -> String {
    if let Some(old) = object.get(name) {
        return splice_into(object.text(), object.span(old), value);
    }
    let text = object.text().trim_end();
    let end = text.len() - 1;
    let comma = if object.members().next().is_some() { "," } else { "" };
    [&text[..end], comma, &quoted(name), ":", value, &text[end..]].concat()
}

/// The text of `object` before the value of this name and behind it, with other values for these names.
#[must_use]
pub fn around_member(object: &Object<'_>, name: &str, values: &[(&str, &str)]) -> Option<[String; 2]> {
    let gap = object.span(object.get(name)?);
    Some([0..gap.start, gap.end..object.text().len()].map(|part| replaced(object, part, values)))
}

/// A part of the text of `object` with other values for the names whose values stand in it.
fn replaced(object: &Object<'_>, part: Range<usize>, values: &[(&str, &str)]) -> String {
    let mut found: Vec<(Range<usize>, &str)> = Vec::with_capacity(values.len());
    for (name, value) in values {
        let Some(span) = object.get(name).map(|old| object.span(old)) else { continue };
        if part.start <= span.start && span.end <= part.end {
            let at = found.partition_point(|(before, _)| before.start < span.start);
            found.insert(at, (span, value));
        }
    }
    let longer: usize = found.iter().map(|(_, value)| value.len()).sum();
    let mut text = String::with_capacity(part.len() + longer);
    let mut done = part.start;
    for (span, value) in found {
        text.push_str(&object.text()[done..span.start]);
        text.push_str(value);
        done = span.end;
    }
    text.push_str(&object.text()[done..part.end]);
    text
}

/// The object's text without the members of this name. Written anew from the members, since commas move.
#[must_use]
pub fn remove_member(object: &Object<'_>, name: &str) -> String {
    if object.get(name).is_none() {
        return object.text().into();
    }
    let mut text = String::with_capacity(object.text().len());
    text.push('{');
    for (key, value) in object.members().filter(|(key, _)| *key != name) {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&quoted(key));
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    text
}

/// `text` with `range` replaced.
#[must_use]
pub fn splice_into(text: &str, range: Range<usize>, replacement: &str) -> String {
    let mut spliced = String::with_capacity(text.len() - range.len() + replacement.len());
    spliced.push_str(&text[..range.start]);
    spliced.push_str(replacement);
    spliced.push_str(&text[range.end..]);
    spliced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object<'_> {
        Object::parse(text).unwrap()
    }

    #[test]
    fn a_member_is_set_and_the_rest_stays_as_it_was() {
        assert_eq!(set_member(&object("{ }"), "k", "1"), r#"{ "k":1}"#);
        assert_eq!(set_member(&object(r#"{"a" : 1.0}"#), "k", "true"), r#"{"a" : 1.0,"k":true}"#);
        assert_eq!(set_member(&object(r#" {"k": [1] ,"a":2} "#), "k", "0"), r#" {"k": 0 ,"a":2} "#);
    }

    #[test]
    fn what_stands_around_a_member_is_as_it_was_but_for_other_values() {
        let text = r#" {"b" : 2,"a":1, "c":[3] } "#;
        let values = [("a", "10"), ("x", "0"), ("b", "{}"), ("c", "3")];
        let around = |name| around_member(&object(text), name, &values);
        assert_eq!(around("a").unwrap(), [r#" {"b" : {},"a":"#, r#", "c":3 } "#]);
        assert_eq!(around("b").unwrap(), [r#" {"b" : "#, r#","a":10, "c":3 } "#]);
        assert_eq!(around("x"), None);
    }

    #[test]
    fn a_member_is_removed_wherever_it_stands() {
        assert_eq!(remove_member(&object(r#"{"a":1,"k":2,"b":"x"}"#), "k"), r#"{"a":1,"b":"x"}"#);
        assert_eq!(remove_member(&object(r#"{"k":1,"k":2}"#), "k"), "{}");
        assert_eq!(remove_member(&object(r#"{ "a":1 }"#), "k"), r#"{ "a":1 }"#);
    }
}
