//! The way through the door: the head is checked before the body is read (B-1.3).

use std::borrow::Cow;
use std::sync::Arc;

use super::body::Budget;
use super::{Server, body};
use crate::driver::{Admitted, AgentBody, Room};
use crate::headers;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, ORIGIN,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use relay_mcp_core::door::{Knock, Refusal};
use relay_mcp_core::{Machine, Method};

impl<M: Machine + Send + 'static> Server<M> {
    /// Lets a request in, body and all, or says why not.
    pub(super) async fn admit(&self, request: Request<Incoming>) -> Result<(Admitted, Room), Refusal> {
        let (head, incoming) = request.into_parts();
        let method = match self.knock(&head) {
            Ok(method) => method,
            Err(refusal) => {
                body::discard(incoming);
                return Err(refusal);
            }
        };
        let place = match method {
            Method::Get => None,
            Method::Post | Method::Delete => match Arc::clone(&self.places).try_acquire_owned() {
                Ok(place) => Some(place),
                Err(_) => {
                    body::discard(incoming);
                    return Err(Refusal::TooManyRequests);
                }
            },
        };
        let (body, bytes) = match method {
            Method::Get | Method::Delete => {
                body::discard(incoming);
                (bytes::Bytes::new(), None)
            }
            Method::Post => {
                let budget = Budget::new(&self.bytes, self.limits.max_body_bytes);
                body::read(incoming, budget, self.limits.body_timeout).await?
            }
        };
        let query = head.uri.query().map(String::from);
        Ok((Admitted { method, query, headers: head.headers, body }, Room { request: place, bytes }))
    }

    fn knock(&self, head: &http::request::Parts) -> Result<Method, Refusal> {
        let authority = head.uri.authority().map(|authority| authority.as_str().as_bytes());
        let host = one(&head.headers, &HOST);
        let origin = one(&head.headers, &ORIGIN);
        let authorization = one(&head.headers, &AUTHORIZATION);
        let content_encoding =
            transfer_coding(&head.headers).or_else(|| one(&head.headers, &CONTENT_ENCODING));
        let content_length = one(&head.headers, &CONTENT_LENGTH);
        // A target in absolute form names the host too: two names are no name of ours.
        let names = [host.as_deref(), authority];
        let host = match names {
            [Some(host), Some(authority)] if !host.eq_ignore_ascii_case(authority) => None,
            [host, authority] => host.or(authority),
        };
        self.door.admit(&Knock {
            method: head.method.as_str(),
            path: head.uri.path(),
            host,
            origin: origin.as_deref(),
            has_secret: authorization.is_some_and(|value| self.secret.opens(&value)),
            content_encoding: content_encoding.as_deref(),
            content_length: content_length.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok()),
        })
    }
}

/// The value of a header; several of them joined, which no check of the door lets pass.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, [u8]>> {
    let mut values = headers.get_all(name).iter();
    let mut joined = Cow::Borrowed(values.next()?.as_bytes());
    for value in values {
        joined.to_mut().extend_from_slice(b", ");
        joined.to_mut().extend_from_slice(value.as_bytes());
    }
    Some(joined)
}

/// What a body is coded in beside chunks, once, which the server takes off again. The rest would be handed on as if
/// it were the body itself.
fn transfer_coding(headers: &HeaderMap) -> Option<Cow<'_, [u8]>> {
    one(headers, &TRANSFER_ENCODING).filter(|coding| !coding.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

/// The answer to a request that was not let in.
pub(super) fn refuse(refusal: Refusal) -> Response<AgentBody> {
    let mut response = Response::new(AgentBody::whole(refusal.body()));
    *response.status_mut() = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::FORBIDDEN);
    response.headers_mut().extend(refusal.headers().iter().filter_map(headers::parsed));
    // Where such a body ends is for nobody to guess.
    if matches!(refusal, Refusal::EncodedBody | Refusal::BodyTooSlow | Refusal::BodyBroken) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
