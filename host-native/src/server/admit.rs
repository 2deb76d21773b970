//! The way through the door: the head is checked before the body is read (B-1.3).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::body::{Budget, Reading};
use super::{Server, body};
use crate::bell::Bell;
use crate::driver::{Admitted, AgentBody, Room};
use crate::headers;
use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, ORIGIN,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use relay_mcp_core::door::{Knock, Refusal};
use relay_mcp_core::{Machine, Method};
use tokio::sync::OwnedSemaphorePermit;

/// A request whose head was let in.
pub(super) struct Entering {
    method: Method,
    query: Option<String>,
    headers: HeaderMap,
    place: Option<OwnedSemaphorePermit>,
    /// Its body, where one is read.
    body: Option<Reading>,
}

impl Entering {
    /// Comes in, body and all. The bell is that of the connection that it comes over.
    pub(super) async fn whole(&mut self, within: Duration, bell: &Bell) -> Result<(Admitted, Room), Refusal> {
        let (body, bytes) = match &mut self.body {
            Some(body) => body.whole(within, bell).await?,
            None => (Bytes::new(), None),
        };
        let (query, headers) = (self.query.take(), std::mem::take(&mut self.headers));
        let admitted = Admitted { method: self.method, query, headers, body };
        Ok((admitted, Room { request: self.place.take(), bytes }))
    }
}

impl<M: Machine + Send + 'static> Server<M> {
    /// Lets a request in, or says why not.
    pub(super) fn admit(&self, request: Request<Incoming>) -> Result<Entering, Refusal> {
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
        let body = match method {
            Method::Get | Method::Delete => {
                body::discard(incoming);
                None
            }
            Method::Post => {
                Some(Reading::new(incoming, Budget::new(&self.bytes, self.limits.max_body_bytes)))
            }
        };
        let query = head.uri.query().map(String::from);
        Ok(Entering { method, query, headers: head.headers, place, body })
    }

    fn knock(&self, head: &http::request::Parts) -> Result<Method, Refusal> {
        let authority = head.uri.authority().map(|authority| authority.as_str().as_bytes());
        let names = [&HOST, &ORIGIN, &AUTHORIZATION, &TRANSFER_ENCODING, &CONTENT_ENCODING, &CONTENT_LENGTH];
        let [host, origin, authorization, transfer_encoding, content_encoding, content_length] =
            values(&head.headers, names);
        let content_encoding = transfer_encoding.filter(|coding| is_left_on(coding)).or(content_encoding);
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

/// The value of each of these headers; several of one are joined, which is no name, origin, secret or coding of ours,
/// and no length.
fn values<'a, const N: usize>(headers: &'a HeaderMap, names: [&HeaderName; N]) -> [Option<Cow<'a, [u8]>>; N] {
    let mut values = [const { None }; N];
    for (name, value) in headers {
        let Some(at) = names.iter().position(|wanted| *wanted == name) else { continue };
        let value = value.as_bytes();
        values[at] = Some(values[at].take().map_or(Cow::Borrowed(value), |first| joined(first, value)));
    }
    values
}

fn joined<'a>(mut first: Cow<'a, [u8]>, next: &[u8]) -> Cow<'a, [u8]> {
    first.to_mut().extend_from_slice(b", ");
    first.to_mut().extend_from_slice(next);
    first
}

/// Whether a body comes in another coding than chunks, once, which the server takes off again. It would be handed on
/// as if it were the body itself.
fn is_left_on(transfer_encoding: &[u8]) -> bool {
    !transfer_encoding.trim_ascii().eq_ignore_ascii_case(b"chunked")
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
