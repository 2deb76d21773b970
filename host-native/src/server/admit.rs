//! The way through the door: the head is checked before the body is read (B-1.3).

use std::borrow::Cow;
use std::sync::Arc;

use super::body::Budget;
use super::{Server, body};
use crate::driver::{Admitted, AgentBody, Room};
use crate::headers;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderName, ORIGIN};
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
        let content_encoding = one(&head.headers, &CONTENT_ENCODING);
        let content_length = one(&head.headers, &CONTENT_LENGTH);
        // A target in absolute form names the host too, and both must be ours.
        if let Some(authority) = authority
            && host.as_ref().is_some_and(|host| !host.eq_ignore_ascii_case(authority))
        {
            return Err(Refusal::ForeignHost);
        }
        self.door.admit(&Knock {
            method: head.method.as_str(),
            path: head.uri.path(),
            host: host.as_deref().or(authority),
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

/// The answer to a request that was not let in.
pub(super) fn refuse(refusal: Refusal) -> Response<AgentBody> {
    let mut response = Response::new(AgentBody::whole(refusal.body()));
    *response.status_mut() = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::FORBIDDEN);
    response.headers_mut().extend(refusal.headers().iter().filter_map(headers::parsed));
    response
}
