//! Who may speak to the control listener (B-8.1).

use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use relay_mcp_core::door::{Secret, is_loopback};

use super::problem::Problem;

/// What keeps others out.
pub(super) enum Guard {
    /// The mode of the socket: whoever can open it may speak.
    FileMode,
    /// A bearer secret, and for browsers a loopback `Host` and `Origin`, against DNS rebinding.
    Bearer(Secret),
}

impl Guard {
    /// Lets a request in, or says why not, before its body is read.
    pub(super) fn admit(&self, head: &Parts) -> Result<(), Problem> {
        let secret = match self {
            Self::FileMode => return Ok(()),
            Self::Bearer(secret) => secret,
        };
        let host = head.uri.authority().map(http::uri::Authority::as_str);
        if !host.or_else(|| the_only(&head.headers, &header::HOST)).is_some_and(is_local) {
            return Err(Problem::ForeignHost);
        }
        if head.headers.contains_key(header::ORIGIN)
            && !the_only(&head.headers, &header::ORIGIN).is_some_and(is_local_origin)
        {
            return Err(Problem::ForeignOrigin);
        }
        let authorization = head.headers.get(header::AUTHORIZATION);
        if !authorization.is_some_and(|value| secret.opens(value.as_bytes())) {
            return Err(Problem::Unauthorized);
        }
        Ok(())
    }
}

fn the_only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok())?
}

fn is_local_origin(origin: &str) -> bool {
    origin
        .split_once("://")
        .is_some_and(|(scheme, host)| matches!(scheme, "http" | "https") && is_local(host))
}

/// Whether `name`, `name:port` or `[address]:port` is this machine.
fn is_local(host: &str) -> bool {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            is_loopback(name)
        }
        _ => is_loopback(host),
    }
}
