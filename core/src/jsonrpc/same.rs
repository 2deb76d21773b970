//! Whether two JSON texts say the same.

use alloc::borrow::ToOwned;
use alloc::collections::BinaryHeap;
use alloc::string::String;
use alloc::vec::Vec;

use super::object::{Object, elements, string};

/// How deep texts are compared. What is nested deeper is the same only where it is written the same.
const DEEPEST: usize = 128;

/// Whether two JSON texts say the same: members in whatever order, the last of a name; characters escaped or not;
/// numbers by their value.
pub(crate) fn says_the_same(one: &str, other: &str) -> bool {
    is_same(one, other, DEEPEST)
}

fn is_same(one: &str, other: &str, depth: usize) -> bool {
    if one == other {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    let begin = |text: &str| text.bytes().next();
    match (begin(one), begin(other)) {
        (Some(b'{'), Some(b'{')) => both(one, other, members, |(name, one), (known, other)| {
            name == known && is_same(one, other, depth)
        }),
        (Some(b'['), Some(b'[')) => both(one, other, elements, |one, other| is_same(one, other, depth)),
        (Some(b'"'), Some(b'"')) => string(one).is_some_and(|one| string(other) == Some(one)),
        (Some(b'-' | b'0'..=b'9'), Some(b'-' | b'0'..=b'9')) => {
            Number::of(one).is_some_and(|one| Number::of(other) == Some(one))
        }
        _ => false,
    }
}

/// Whether what both texts consist of is the same, part by part.
fn both<'a, T>(
    one: &'a str,
    other: &'a str,
    parts: fn(&'a str) -> Option<Vec<T>>,
    is_same: impl Fn(&T, &T) -> bool,
) -> bool {
    let (Some(one), Some(other)) = (parts(one), parts(other)) else { return false };
    one.len() == other.len() && one.iter().zip(&other).all(|(one, other)| is_same(one, other))
}

/// The members of an object by their names, the last of each.
fn members(text: &str) -> Option<Vec<(String, &str)>> {
    let object = Object::parse(text)?;
    let places = object.members().enumerate().map(|(place, (name, value))| (name.to_owned(), place, value));
    // A heap sorts as fast as any, and with the least code.
    let sorted = places.collect::<BinaryHeap<(String, usize, &str)>>().into_sorted_vec();
    let mut members: Vec<(String, &str)> = Vec::with_capacity(sorted.len());
    for (name, _, value) in sorted {
        match members.last_mut() {
            Some(known) if known.0 == name => known.1 = value,
            _ => members.push((name, value)),
        }
    }
    Some(members)
}

/// The value of a number, exactly: `0.` and these digits, times ten to the power.
#[derive(PartialEq, Eq)]
struct Number {
    is_negative: bool,
    /// Neither begins nor ends with a zero; zero has none.
    digits: String,
    power: i64,
}

impl Number {
    fn of(text: &str) -> Option<Self> {
        let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
        let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: String = [whole, fraction].concat();
        let significant = digits.trim_start_matches('0');
        let zeros = digits.len() - significant.len();
        let digits = significant.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { is_negative: false, digits, power: 0 });
        }
        let point = i64::try_from(whole.len()).ok()? - i64::try_from(zeros).ok()?;
        Some(Self { is_negative, digits, power: power.parse::<i64>().ok()?.checked_add(point)? })
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn texts_are_the_same_whose_values_are() {
        let same = [
            ("1", "1.0"),
            ("100", "1e2"),
            ("100", "0.1E+3"),
            ("0.05", "5e-2"),
            ("0", "-0.0e9"),
            ("-1.50", "-15e-1"),
            (r#"{"a":1,"b":[2]}"#, r#" {"b":[ 2.0 ],"a":1}"#.trim()),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (r#"{"\u0061":"\n"}"#, r#"{"a":"\u000A"}"#),
            ("[ ]", "[]"),
        ];
        for (one, other) in same {
            assert!(says_the_same(one, other) && says_the_same(other, one), "{one} {other}");
        }
    }

    #[test]
    fn texts_are_not_the_same_whose_values_are_not() {
        let other = [
            ("1", "-1"),
            ("1", "10"),
            ("1", "\"1\""),
            ("0.5", "0.05"),
            ("1e5", "1e-5"),
            ("null", "false"),
            ("[1]", "[1,1]"),
            (r#"{"a":1}"#, r#"{"a":2}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":1}"#),
            (r#"{"a":1}"#, r#"{"b":1}"#),
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
            ("{}", "[]"),
            ("9007199254740993", "9007199254740992"),
        ];
        for (one, other) in other {
            assert!(!says_the_same(one, other) && !says_the_same(other, one), "{one} {other}");
        }
    }

    #[test]
    fn what_is_nested_too_deeply_is_compared_as_it_is_written() {
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(says_the_same(&deep("1"), &deep("1")));
        assert!(!says_the_same(&deep("1"), &deep("1.0")));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-3..3_i64).prop_map(Value::from),
            "[ab\n]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[ab]{0,1}", inner, 0..3)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_the_equality_of_serde_json(one in values(), other in values()) {
            let (one_text, pretty, other_text) = (format!("{one}"), format!("{one:#}"), format!("{other:#}"));
            prop_assert!(says_the_same(&one_text, &pretty));
            prop_assert_eq!(says_the_same(&one_text, &other_text), one == other);
        }
    }
}
