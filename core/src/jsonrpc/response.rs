//! Responses: those that we write, and those of the relay that we must read.

use alloc::format;
use alloc::string::String;

use bytes::Bytes;

use super::message::Id;
use super::object::Object;
use super::same::says_the_same;
use super::scan::needs_escapes;

/// A response of the relay, as spans.
#[derive(Clone, Debug)]
pub struct Response<'a> {
    /// Its members.
    pub envelope: Object<'a>,
    /// The text of `result`, where it has one and no error.
    pub result: Option<&'a str>,
    /// The text of `error`, where it has one.
    pub error: Option<&'a str>,
}

impl<'a> Response<'a> {
    /// The response that this text is: an object with a result or an error and no method.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        Self::of(Object::parse(text)?)
    }

    /// The same, where its result may be `known`, which was parsed before: that is not looked over again.
    pub(crate) fn parse_knowing(text: &'a str, known: &[u8]) -> Option<Self> {
        Self::of(Object::parse_knowing(text, "result", known)?)
    }

    fn of(envelope: Object<'a>) -> Option<Self> {
        if envelope.get("method").is_some() {
            return None;
        }
        let error = envelope.present("error");
        let result = envelope.get("result").filter(|_| error.is_none());
        (error.is_some() || result.is_some()).then_some(Self { envelope, result, error })
    }

    /// Whether it answers the request with this id: a relay may write `1.0` as `1`, and escape other characters.
    #[must_use]
    pub fn answers(&self, id: &Id) -> bool {
        self.envelope.get("id").is_some_and(|given| says_the_same(given, id.text()))
    }

    /// The code of its error.
    #[must_use]
    pub fn error_code(&self) -> Option<i64> {
        Object::parse(self.error?)?.get("code")?.parse().ok()
    }

    /// The message of its error.
    #[must_use]
    pub fn error_message(&self) -> Option<String> {
        Some(Object::parse(self.error?)?.string("message")?.into_owned())
    }

    /// The text of the whole response with another result.
    #[must_use]
    pub fn with_result(&self, result: &str) -> String {
        super::set_member(&self.envelope, "result", result)
    }
}

/// A response of ours that carries this result, a JSON text.
#[must_use]
pub fn result_response(id: &Id, result: &str) -> Bytes {
    Bytes::from([r#"{"jsonrpc":"2.0","id":"#, id.text(), r#","result":"#, result, "}"].concat())
}

/// A response of ours that carries an error; `id` is null where there is none, `data` is a JSON text.
#[must_use]
pub fn error_response(id: Option<&Id>, code: i64, message: &str, data: Option<&str>) -> Bytes {
    let id = id.map_or("null", Id::text);
    let data = data.map(|data| format!(r#","data":{data}"#)).unwrap_or_default();
    let message = quoted(message);
    Bytes::from(format!(
        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}{data}}}}}"#
    ))
}

/// `text` as a JSON string.
#[must_use]
pub fn quoted(text: &str) -> String {
    if needs_escapes(text) {
        // To write a string into a string does not fail.
        return serde_json::to_string(text).unwrap_or_else(|_| r#""""#.into());
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    quoted.push_str(text);
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_quoted_text_is_what_json_makes_of_it(text in "[ -~]*|[\\x00-\\x7f]*|.*") {
            prop_assert_eq!(quoted(&text), serde_json::to_string(&text).unwrap());
        }
    }
}
