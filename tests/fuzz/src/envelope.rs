//! The JSON-RPC envelope: what is read out of a text is what stands there, and what is changed in it changes nothing
//! else. `serde_json`'s own values are the other opinion.

use std::collections::BTreeMap;

use relay_mcp_core::jsonrpc::{
    Id, Malformed, Message, Object, Parsed, Response, around_member, error_response, quoted, remove_member,
    result_response, set_member,
};
use relay_mcp_core::mcp::Era;
use serde_json::Value;
use serde_json::value::RawValue;

/// Reads a text as a message, changes it, and answers it.
///
/// # Panics
/// When something does not hold.
pub fn check(bytes: &[u8]) {
    let whole: Option<&RawValue> = serde_json::from_slice(bytes).ok();
    let parsed = match Parsed::parse(bytes) {
        Ok(parsed) => parsed,
        Err(Malformed::NotJson) => {
            assert!(whole.is_none_or(|_| !names_are_text(bytes)), "B-1.5: it is JSON");
            return;
        }
        Err(Malformed::NotAnObject) => {
            let is_object = whole.is_some_and(|whole| whole.get().starts_with('{'));
            assert!(whole.is_some() && (!is_object || !names_are_text(bytes)), "B-1.5: it is an object");
            return;
        }
    };
    let object = &parsed.envelope;
    assert_eq!(object.text().as_bytes(), bytes, "nothing of the text is lost");
    check_members(object);
    check_message(&parsed);
    check_changes(object);
    check_answers(&parsed);
    check_response(object.text());
    let _ = Era::of_params(parsed.params());
}

/// Whether every name of the object is Unicode: one that is half a character has no text.
fn names_are_text(bytes: &[u8]) -> bool {
    serde_json::from_slice::<BTreeMap<String, &RawValue>>(bytes).is_ok()
}

/// Members stand in the text in their order, and the last of a name counts.
fn check_members(object: &Object<'_>) {
    let text = object.text();
    let mut end = 0;
    let mut last = BTreeMap::new();
    for (name, value) in object.members() {
        let start = value.as_ptr() as usize - text.as_ptr() as usize;
        assert!(start > end, "a value behind the one before");
        end = start + value.len();
        assert_eq!(&text[start..end], value, "a value is a piece of the text");
        last.insert(name.to_owned(), value);
    }
    let other: BTreeMap<String, &RawValue> = serde_json::from_str(text).expect("what is read is an object");
    assert_eq!(last.len(), other.len());
    for (name, value) in &last {
        assert_eq!(object.get(name), Some(*value));
        assert_eq!(other[name].get(), *value, "the last of a name counts");
        assert_eq!(object.present(name), Some(*value).filter(|value| *value != "null"));
        let string = serde_json::from_str::<String>(value).ok();
        assert_eq!(object.string(name).map(String::from), string);
        let is_object = value.starts_with('{') && names_are_text(value.as_bytes());
        assert_eq!(object.object(name).map(|object| object.text()), is_object.then_some(*value));
    }
}

fn check_message(parsed: &Parsed<'_>) {
    let method = parsed.envelope.string("method");
    match &parsed.message {
        Message::Request { id, method: said } => {
            assert_eq!((Some(id.text()), Some(said)), (parsed.envelope.get("id"), method.as_ref()));
        }
        Message::Notification { method: said } => {
            assert_eq!((parsed.envelope.get("id"), Some(said)), (None, method.as_ref()));
        }
        Message::Response => assert_eq!(method, None),
    }
}

fn check_changes(object: &Object<'_>) {
    let names: Vec<String> = object.members().map(|(name, _)| name.to_owned()).take(4).collect();
    for name in names.iter().map(String::as_str).chain(["id", "params", "\"\u{7}ü"]) {
        let set = set_member(object, name, "[1 , {}]");
        let changed = Object::parse(&set).expect("an object stays one");
        assert_eq!(changed.get(name), Some("[1 , {}]"));
        check_rest(object, &changed, name);

        let removed = remove_member(object, name);
        let changed = Object::parse(&removed).expect("an object stays one");
        assert_eq!(changed.get(name), None);
        let left: Vec<_> = object.members().filter(|(of, _)| *of != name).collect();
        assert_eq!(changed.members().collect::<Vec<_>>(), left);
    }
    let values: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "\"new\"")).collect();
    let distinct: BTreeMap<&str, &str> = values.into_iter().collect();
    let values: Vec<(&str, &str)> = distinct.into_iter().collect();
    let Some(name) = names.first() else { return };
    let around = around_member(object, name, &values).expect("a member that is there");
    let replaced = around.join("\"new\"");
    let changed = Object::parse(&replaced).expect("an object stays one");
    assert_eq!(changed.members().count(), object.members().count());
    for (name, value) in object.members() {
        let is_new = values.iter().any(|(new, _)| *new == name);
        assert_eq!(changed.get(name), if is_new { Some("\"new\"") } else { object.get(name) }, "{value}");
    }
}

/// Every member but the last of this name is as it was.
fn check_rest(before: &Object<'_>, after: &Object<'_>, name: &str) {
    let had = before.get(name).is_some();
    assert_eq!(after.members().count(), before.members().count() + usize::from(!had));
    for ((old, value), (new, changed)) in before.members().zip(after.members()) {
        assert_eq!(old, new);
        assert!(value == changed || old == name, "{old} is as it was");
    }
    let strange = before.text().split(before.get(name).unwrap_or("}")).next().unwrap_or_default();
    assert!(had || after.text().starts_with(strange.trim_end_matches('}').trim_end()), "the beginning stays");
}

/// What we answer is one JSON-RPC response with the id that was asked with, whatever that was.
fn check_answers(parsed: &Parsed<'_>) {
    let Message::Request { id, method } = &parsed.message else { return };
    let result = parsed.envelope.get("params").unwrap_or("null");
    let answer = result_response(id, result);
    let read = Response::parse(core::str::from_utf8(&answer).expect("UTF-8")).expect("a response");
    assert!(read.answers(id) && read.result == Some(result) && read.error.is_none());

    let answer = error_response(Some(id), -32_002, method, Some(result));
    let read = Response::parse(core::str::from_utf8(&answer).expect("UTF-8")).expect("a response");
    assert!(read.answers(id) && read.result.is_none());
    assert_eq!((read.error_code(), read.error_message().as_deref()), (Some(-32_002), Some(&**method)));
    assert_eq!(serde_json::from_str::<String>(&quoted(method)).ok().as_deref(), Some(&**method));

    // An id of another type is another id (1 is not "1").
    let other = quoted(id.text());
    assert!(!result_answers(&other, id), "{id:?} is not {other}");
}

fn result_answers(id: &str, asked: &Id) -> bool {
    Response::parse(&format!(r#"{{"id":{id},"result":1}}"#)).is_some_and(|response| response.answers(asked))
}

fn check_response(text: &str) {
    let Some(response) = Response::parse(text) else { return };
    assert!(response.result.is_some() != response.error.is_some(), "a result or an error");
    if let Some(id) = response.envelope.get("id") {
        assert!(response.answers(&Id::new(id.to_owned())));
    }
    if let Some(code) = response.error_code() {
        let error: Value = serde_json::from_str(response.error.unwrap_or_default()).unwrap_or_default();
        // As numbers: `-0` is 0.
        assert!(error.is_null() || error["code"].as_f64() == Some(code as f64));
    }
    if response.result.is_some() {
        let changed = response.with_result("{\"a\":1}");
        let read = Response::parse(&changed).expect("still a response");
        assert_eq!(read.result, Some("{\"a\":1}"));
        assert_eq!(read.envelope.get("id"), response.envelope.get("id"));
    }
}
