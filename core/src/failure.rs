//! What the agent is told where the machine itself failed, as a component may: a pure function, since there is
//! no machine to ask.

use alloc::format;

use bytes::Bytes;

use crate::action::AnswerHead;
use crate::exchange::delivered;
use crate::headers::{Header, RETRY_AFTER};
use crate::input::{Method, Sent};
use crate::jsonrpc::{self, Id, Malformed, Message, Parsed, code};

/// How soon the agent may try again, in seconds.
const SOON: &str = "1";

/// The answer to a request that the machine will not answer any more. `sent` says whether the relay may have
/// seen it, or the store may hold it; it is [`Sent::No`] where no step took it.
///
/// A JSON-RPC request gets an error under its own id, with HTTP 200, since clients hide the body of a 5xx
/// (B-2.5, B-9.1). A `server/discover` gets what clients fall back from (B-3.5), a body that is no message what
/// it always gets (B-1.5). A notification or a response gets 202, as while the relay is away (B-2.5); but not
/// `notifications/initialized`, since an agent that goes on from there would work in a session that the relay
/// may not have opened: 503, as for GET and DELETE.
#[must_use]
pub fn answer(method: Method, body: &[u8], sent: Sent) -> (AnswerHead, Bytes) {
    let parsed = match method {
        Method::Post => Parsed::parse(body),
        Method::Get | Method::Delete => return unavailable(sent),
    };
    match parsed.map(|parsed| parsed.message) {
        Err(why) => malformed(why),
        Ok(Message::Request { method, .. }) if method == "server/discover" => {
            error(400, None, code::NOT_MODERN, sentence(sent), None)
        }
        Ok(Message::Request { id, .. }) => {
            error(200, Some(&id), code::INTERNAL_ERROR, sentence(sent), Some(delivered(sent)))
        }
        Ok(Message::Notification { method }) if method == "notifications/initialized" => unavailable(sent),
        Ok(Message::Notification { .. } | Message::Response) => {
            (AnswerHead::Own { status: 202, headers: alloc::vec![] }, Bytes::new())
        }
    }
}

/// The answer to a body that is no message (B-1.5).
pub(crate) fn malformed(why: Malformed) -> (AnswerHead, Bytes) {
    let code = match why {
        Malformed::NotJson => code::PARSE_ERROR,
        Malformed::NotAnObject => code::INVALID_REQUEST,
    };
    error(400, None, code, &format!("{why}"), None)
}

fn unavailable(sent: Sent) -> (AnswerHead, Bytes) {
    let headers =
        alloc::vec![Header::new("content-type", "application/json"), Header::new(RETRY_AFTER, SOON)];
    let body = jsonrpc::error_response(None, code::INTERNAL_ERROR, sentence(sent), Some(delivered(sent)));
    (AnswerHead::Own { status: 503, headers }, body)
}

fn error(status: u16, id: Option<&Id>, code: i64, message: &str, data: Option<&str>) -> (AnswerHead, Bytes) {
    (AnswerHead::own(status, "application/json"), jsonrpc::error_response(id, code, message, data))
}

fn sentence(sent: Sent) -> &'static str {
    match sent {
        Sent::No => "the proxy failed and is put to work again; nothing was sent or queued: try again",
        Sent::Unknown => {
            "the proxy failed while it worked on this and is put to work again; whether this was sent or \
             queued is not known: look before you try again"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &AnswerHead) -> u16 {
        match head {
            AnswerHead::Own { status, .. } => *status,
            AnswerHead::OfCall { .. } => panic!("{head:?}"),
        }
    }

    fn answered(method: Method, body: &str, sent: Sent) -> (u16, alloc::string::String) {
        let (head, body) = answer(method, body.as_bytes(), sent);
        (status(&head), core::str::from_utf8(&body).unwrap().into())
    }

    #[test]
    fn b_9_1_a_request_gets_an_error_under_its_own_id() {
        for id in ["1", "1.0", r#""a""#, "null"] {
            let request = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call"}}"#);
            for (sent, said) in [(Sent::No, "no"), (Sent::Unknown, "unknown")] {
                let (status, body) = answered(Method::Post, &request, sent);
                assert_eq!(status, 200);
                assert!(
                    body.starts_with(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32603,"#))
                );
                assert!(body.ends_with(&format!(r#","data":{{"delivered":"{said}"}}}}}}"#)), "{body}");
            }
        }
    }

    #[test]
    fn what_wants_no_response_is_told_by_its_status() {
        let notification =
            |method: &str| format!(r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{{}}}}"#);
        for (method, body, status) in [
            (Method::Post, notification("progress"), 202),
            (Method::Post, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.into(), 202),
            (Method::Post, notification("initialized"), 503),
            (Method::Get, "".into(), 503),
            (Method::Delete, "".into(), 503),
        ] {
            assert_eq!(answered(method, &body, Sent::Unknown).0, status, "{method:?} {body}");
        }
    }

    #[test]
    fn b_3_5_discover_gets_what_clients_fall_back_from() {
        let (status, body) = answered(Method::Post, r#"{"id":7,"method":"server/discover"}"#, Sent::No);
        assert_eq!(status, 400);
        assert!(body.starts_with(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"#), "{body}");
    }

    #[test]
    fn b_1_5_a_body_that_is_no_message_gets_what_it_always_gets() {
        assert!(answered(Method::Post, "[{}]", Sent::No).1.contains("-32600"));
        assert!(answered(Method::Post, "{", Sent::No).1.contains("-32700"));
        assert_eq!(answered(Method::Post, "{", Sent::No).0, 400);
    }
}
