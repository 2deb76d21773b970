//! Who may come in (B-1): decided from the head of a request, before any body is read.
//!
//! The door never sees the agent's secret: the host, which holds it, compares it and says whether it was shown.

#[cfg(test)]
mod tests;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use subtle::ConstantTimeEq;

use crate::headers::Header;
use crate::input::Method;
use crate::jsonrpc::{self, code};

/// The one path of the endpoint (B-1.1).
pub const PATH: &str = "/mcp";

/// What the agent presents to be let in. Shown nowhere, compared in constant time.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// This secret.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// Whether an `Authorization` value is this secret as a bearer token; the scheme in any case (B-1.3).
    #[must_use]
    pub fn opens(&self, authorization: &[u8]) -> bool {
        let (scheme, credentials) = authorization.split_at(authorization.len().min("Bearer ".len()));
        scheme.eq_ignore_ascii_case(b"Bearer ") && is_same_secret(credentials.trim_ascii(), self.0.as_bytes())
    }
}

/// Looks at all that was presented, whatever it finds: how long that takes tells how much was presented, and nothing of
/// the secret (B-1.3).
fn is_same_secret(presented: &[u8], secret: &[u8]) -> bool {
    let mut is_same = presented.len().ct_eq(&secret.len());
    for (presented, secret) in words(presented).zip(words(secret).cycle()) {
        is_same &= presented.ct_eq(&secret);
    }
    is_same.into()
}

/// Eight bytes at a time, the last of them filled up with zeros.
fn words(text: &[u8]) -> impl Iterator<Item = u64> + Clone {
    text.chunks(8).map(|bytes| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_ne_bytes(word)
    })
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// The door's configuration.
#[derive(Clone, Debug)]
pub struct Door {
    /// Names for `Host` beside the loopback ones, with or without a port.
    pub allowed_hosts: Vec<String>,
    /// Values for `Origin` beside the loopback ones, such as `https://app.example`.
    pub allowed_origins: Vec<String>,
    /// The largest body, in bytes (B-1.7).
    pub body_limit: usize,
}

/// What the door looks at: the head of an HTTP request. A header that came several times is handed in as
/// one value, joined with `, `.
#[derive(Clone, Copy, Debug)]
pub struct Knock<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The path of the target, without query.
    pub path: &'a str,
    /// `Host`, or the authority of the target.
    pub host: Option<&'a [u8]>,
    /// `Origin`.
    pub origin: Option<&'a [u8]>,
    /// Whether `Authorization` is the agent's secret: [`Secret::opens`].
    pub has_secret: bool,
    /// `Content-Encoding`.
    pub content_encoding: Option<&'a [u8]>,
    /// `Content-Length`, where it is known.
    pub content_length: Option<u64>,
}

impl Door {
    /// Lets a request in, or says why not; the checks are in the order of B-1.3.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn admit(&self, knock: &Knock<'_>) -> Result<Method, Refusal> {
        if knock.path != PATH {
            return Err(Refusal::UnknownPath);
        }
        if !knock.host.is_some_and(|host| self.knows_host(host)) {
            return Err(Refusal::ForeignHost);
        }
        if !knock.origin.is_none_or(|origin| self.knows_origin(origin)) {
            return Err(Refusal::ForeignOrigin);
        }
        if !knock.has_secret {
            return Err(Refusal::Unauthorized);
        }
        let method = match knock.method {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "DELETE" => Method::Delete,
            _ => return Err(Refusal::UnknownMethod),
        };
        if !knock.content_encoding.is_none_or(|coding| coding.eq_ignore_ascii_case(b"identity")) {
            return Err(Refusal::EncodedBody);
        }
        if knock.content_length.is_some_and(|length| length > self.body_limit as u64) {
            return Err(Refusal::BodyTooLarge { limit: self.body_limit });
        }
        Ok(method)
    }

    fn knows_host(&self, host: &[u8]) -> bool {
        let Ok(host) = core::str::from_utf8(host) else { return false };
        let name = without_port(host);
        is_loopback(name)
            || self.allowed_hosts.iter().any(|allowed| is_same(allowed, host) || is_same(allowed, name))
    }

    fn knows_origin(&self, origin: &[u8]) -> bool {
        let Ok(origin) = core::str::from_utf8(origin) else { return false };
        let loopback = origin.split_once("://").is_some_and(|(scheme, host)| {
            matches!(scheme, "http" | "https") && is_loopback(without_port(host))
        });
        loopback || self.allowed_origins.iter().any(|allowed| is_same(allowed, origin))
    }
}

fn is_same(allowed: &str, given: &str) -> bool {
    allowed.eq_ignore_ascii_case(given)
}

/// `name:port` or `[address]:port` without the port; anything else as it is.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a name or address, without port, is this machine's own.
#[must_use]
pub fn is_loopback(name: &str) -> bool {
    let bracketed = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    name.eq_ignore_ascii_case("localhost")
        || name.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
        || bracketed
            .and_then(|address| address.parse().ok())
            .is_some_and(|address: Ipv6Addr| address.is_loopback())
}

/// Why a request is not let in, before the machine sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// B-1.1: 404.
    #[error("not found: the only endpoint here is {PATH}")]
    UnknownPath,
    /// B-1.3: 403.
    #[error("this Host is not served here: use a loopback name, or allow it with --allow-host")]
    ForeignHost,
    /// B-1.3: 403.
    #[error("this Origin may not call: allow it with --allow-origin")]
    ForeignOrigin,
    /// B-1.3: 401, the seed's words.
    #[error("proxy auth required")]
    Unauthorized,
    /// B-1.1: 405.
    #[error("method not allowed: use GET, POST or DELETE")]
    UnknownMethod,
    /// 415.
    #[error("a request body must not be compressed")]
    EncodedBody,
    /// B-1.5: 413.
    #[error("the request body is larger than the limit of {limit} bytes (--max-body-bytes)")]
    BodyTooLarge {
        /// In bytes.
        limit: usize,
    },
    /// B-1.7: 408.
    #[error("the request head did not arrive in time (--head-timeout)")]
    HeadTooSlow,
    /// B-1.7: 408.
    #[error("the request body did not arrive in time (--body-timeout)")]
    BodyTooSlow,
    /// 400: shorter than it was announced, or not in chunks as HTTP has them.
    #[error("the request body ends too early, or its chunks are malformed")]
    BodyBroken,
    /// B-1.7: 503.
    #[error("too many requests at once (--max-requests): try again in a second")]
    TooManyRequests,
    /// B-1.7: 503.
    #[error("too many connections at once (--max-connections): try again in a second")]
    TooManyConnections,
    /// B-1.7: 503.
    #[error("too many bytes of requests at once (--max-inflight-bytes): try again in a second")]
    TooManyBytes,
    /// B-8.4: 503.
    #[error("the proxy is shutting down")]
    ShuttingDown,
}

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::UnknownPath => 404,
            Self::ForeignHost | Self::ForeignOrigin => 403,
            Self::Unauthorized => 401,
            Self::UnknownMethod => 405,
            Self::EncodedBody => 415,
            Self::BodyTooLarge { .. } => 413,
            Self::HeadTooSlow | Self::BodyTooSlow => 408,
            Self::BodyBroken => 400,
            Self::TooManyRequests | Self::TooManyConnections | Self::TooManyBytes | Self::ShuttingDown => 503,
        }
    }

    /// The headers of the answer.
    #[must_use]
    pub fn headers(self) -> Vec<Header> {
        let mut headers = alloc::vec![Header::new("content-type", self.content_type())];
        match self {
            Self::Unauthorized => headers.push(Header::new("www-authenticate", "Bearer")),
            Self::UnknownMethod => headers.push(Header::new("allow", "GET, POST, DELETE")),
            Self::TooManyRequests | Self::TooManyConnections | Self::TooManyBytes | Self::ShuttingDown => {
                headers.push(Header::new("retry-after", "1"));
            }
            Self::EncodedBody => headers.push(Header::new("accept-encoding", "identity")),
            Self::UnknownPath
            | Self::ForeignHost
            | Self::ForeignOrigin
            | Self::BodyTooLarge { .. }
            | Self::HeadTooSlow
            | Self::BodyTooSlow
            | Self::BodyBroken => {}
        }
        headers
    }

    /// The body of the answer: a JSON-RPC error with id null, but plain text where no MCP client speaks.
    #[must_use]
    pub fn body(self) -> Bytes {
        let sentence = format!("{self}");
        match self {
            Self::UnknownPath | Self::UnknownMethod => Bytes::from(sentence),
            Self::EncodedBody
            | Self::BodyTooLarge { .. }
            | Self::HeadTooSlow
            | Self::BodyTooSlow
            | Self::BodyBroken => jsonrpc::error_response(None, code::INVALID_REQUEST, &sentence, None),
            Self::ForeignHost
            | Self::ForeignOrigin
            | Self::Unauthorized
            | Self::TooManyRequests
            | Self::TooManyConnections
            | Self::TooManyBytes
            | Self::ShuttingDown => jsonrpc::error_response(None, code::AUTH_LEGACY, &sentence, None),
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::UnknownPath | Self::UnknownMethod => "text/plain; charset=utf-8",
            _ => "application/json",
        }
    }
}

/// A secret that is safe to hold: long enough, and visible ASCII so that it survives a header.
///
/// # Errors
/// A sentence that says what is wrong with it, without showing it.
pub fn check_secret(secret: &str) -> Result<Secret, &'static str> {
    if secret.len() < 16 {
        return Err("a secret needs at least 16 characters");
    }
    if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a secret may hold visible ASCII characters only, no spaces");
    }
    Ok(Secret(secret.to_owned()))
}
