//! The envelope of a message.

use core::str;

use bytes::Bytes;

use super::object::{Object, is_json};

/// The id of a request, as the JSON text that stands there: `1` is not `"1"`, and `1.0` stays `1.0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(pub(crate) Bytes);

impl Id {
    /// The id that is written so.
    #[must_use]
    pub fn new(text: impl Into<Bytes>) -> Self {
        Self(text.into())
    }

    /// The JSON text.
    #[must_use]
    pub fn text(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or("null")
    }
}

/// Why a body is no message (B-1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Answered with 400 and -32700.
    #[error("the body is not JSON in UTF-8")]
    NotJson,
    /// Answered with 400 and -32600; batches too, in every revision.
    #[error("the body must be one JSON-RPC object; batches are not supported")]
    NotAnObject,
}

/// A message, as far as the proxy looks into it.
#[derive(Clone, Debug)]
pub struct Parsed<'a> {
    /// What kind of message it is.
    pub message: Message<'a>,
    /// Its members.
    pub envelope: Object<'a>,
    params: Option<Object<'a>>,
}

/// The kinds of message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Has an id and a method, and wants an answer.
    Request {
        /// Its id.
        id: Id,
        /// Its method.
        method: alloc::borrow::Cow<'a, str>,
    },
    /// Has a method and no id.
    Notification {
        /// Its method.
        method: alloc::borrow::Cow<'a, str>,
    },
    /// Has no method: an answer to a request of the relay, or nothing that we know.
    Response,
}

impl<'a> Parsed<'a> {
    /// Looks into a body.
    ///
    /// # Errors
    /// When it is not JSON, or not an object.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let text = str::from_utf8(body).map_err(|_| Malformed::NotJson)?;
        let Some((envelope, params)) = Object::parse_with_params(text) else {
            return Err(if is_json(text) { Malformed::NotAnObject } else { Malformed::NotJson });
        };
        let id = envelope.get("id").map(|id| Id(Bytes::copy_from_slice(id.as_bytes())));
        let message = match (envelope.string("method"), id) {
            (Some(method), Some(id)) => Message::Request { id, method },
            (Some(method), None) => Message::Notification { method },
            (None, _) => Message::Response,
        };
        Ok(Self { message, envelope, params })
    }

    /// The members of `params`, where it is an object.
    #[must_use]
    pub fn params(&self) -> Option<&Object<'a>> {
        self.params.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_null_is_an_id() {
        let parsed = Parsed::parse(br#"{"id":null,"method":"ping"}"#).unwrap();
        assert_eq!(parsed.message, Message::Request { id: Id::new("null"), method: "ping".into() });
    }

    #[test]
    fn b_1_5_what_is_not_an_object_is_told_from_what_is_not_json() {
        for (body, why) in [
            (&b"[{}]"[..], Malformed::NotAnObject),
            (b"1", Malformed::NotAnObject),
            (b"{", Malformed::NotJson),
            (b"", Malformed::NotJson),
            (b"{}x", Malformed::NotJson),
            (b"{\"a\":\"\xff\"}", Malformed::NotJson),
        ] {
            assert_eq!(Parsed::parse(body).unwrap_err(), why);
        }
    }

    #[test]
    fn deep_nesting_is_read_without_recursion() {
        let deep = alloc::format!(
            r#"{{"id":1,"method":"x","params":{}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(Parsed::parse(deep.as_bytes()).is_ok());
    }
}
