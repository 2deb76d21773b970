//! Where a request goes: the relay's one endpoint, with the agent's query.

use http::Uri;
use http::header::{HOST, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};

use super::connection::Sending;

/// The endpoint, in the forms in which HTTP names it.
#[derive(Clone)]
pub(super) struct Target {
    /// `http://relay.example:8080/api/mcp`
    absolute: Uri,
    /// `/api/mcp` (RFC 9112, 3.2.1).
    origin: Uri,
    /// `relay.example:8080` (RFC 9112, 3.2).
    host: HeaderValue,
}

impl Target {
    /// This endpoint. Nothing for one without a host.
    pub(super) fn new(absolute: Uri) -> Option<Self> {
        let host = HeaderValue::from_str(&host(absolute.authority()?, absolute.scheme())).ok()?;
        Some(Self { origin: origin(&absolute), absolute, host })
    }

    pub(super) fn absolute(&self) -> &Uri {
        &self.absolute
    }

    /// The endpoint with the agent's query behind its own, if it has one.
    pub(super) fn with(&self, query: &str) -> Self {
        let mut parts = self.absolute.clone().into_parts();
        let own = parts.path_and_query.as_ref().map_or("/", PathAndQuery::as_str);
        let joint = if own.contains('?') { '&' } else { '?' };
        let Ok(path_and_query) = PathAndQuery::try_from(format!("{own}{joint}{query}")) else {
            return self.clone();
        };
        parts.path_and_query = Some(path_and_query);
        let absolute = Uri::from_parts(parts).unwrap_or_else(|_| self.absolute.clone());
        Self { origin: origin(&absolute), absolute, host: self.host.clone() }
    }

    pub(super) fn address_http1(&self, request: &mut Sending) {
        *request.uri_mut() = self.origin.clone();
        request.headers_mut().insert(HOST, self.host.clone());
    }

    pub(super) fn address_http2(&self, request: &mut Sending) {
        *request.uri_mut() = self.absolute.clone();
        // From where it was to be sent first, perhaps.
        request.headers_mut().remove(HOST);
    }
}

/// Without the port where that goes without saying, and without a user's name.
fn host(authority: &Authority, scheme: Option<&Scheme>) -> String {
    let usual = if scheme == Some(&Scheme::HTTPS) { 443 } else { 80 };
    match authority.port_u16() {
        Some(port) if port != usual => format!("{}:{port}", authority.host()),
        _ => authority.host().to_owned(),
    }
}

fn origin(absolute: &Uri) -> Uri {
    absolute.path_and_query().cloned().map_or_else(|| Uri::from_static("/"), Uri::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the machine, or the agent, says as a query leads nowhere else.
    #[test]
    fn b_2_1_a_query_changes_neither_the_relay_nor_the_path() {
        for endpoint in ["http://relay.example:8080/api/mcp", "http://relay.example/mcp?key=1"] {
            let endpoint: Uri = endpoint.parse().unwrap();
            let target = Target::new(endpoint.clone()).unwrap();
            assert_eq!(target.absolute(), &endpoint);
            for query in [
                "",
                "a=b",
                "?a=b",
                "/../other",
                "../../other",
                "@elsewhere.example/",
                "http://elsewhere.example/",
                "//elsewhere.example",
                "#/other",
                "a\r\nhost: elsewhere.example",
                " HTTP/1.1\r\nhost: elsewhere.example\r\n\r\n",
                "\0",
                "ü",
            ] {
                let with = target.with(query);
                assert_eq!(with.host, target.host);
                assert_eq!(with.origin.to_string(), with.absolute.path_and_query().unwrap().as_str());
                let target = with.absolute();
                assert_eq!(target.scheme(), endpoint.scheme(), "{query:?}");
                assert_eq!(target.authority(), endpoint.authority(), "{query:?}");
                assert_eq!(target.path(), endpoint.path(), "{query:?}");
                let own = endpoint.query().unwrap_or_default();
                assert!(target.query().unwrap_or_default().starts_with(own), "{query:?}");
                assert!(!target.to_string().contains(['\r', '\n', ' ', '#', '\0']), "{query:?}: {target}");
            }
        }
    }

    #[test]
    fn the_host_is_named_as_http_wants_it() {
        for (endpoint, host) in [
            ("http://relay.example/mcp", "relay.example"),
            ("http://relay.example:80/mcp", "relay.example"),
            ("https://relay.example:443/mcp", "relay.example"),
            ("https://relay.example:80/mcp", "relay.example:80"),
            ("http://relay.example:8080", "relay.example:8080"),
            ("http://[::1]:8080/mcp", "[::1]:8080"),
            ("http://user:password@relay.example:8080/mcp", "relay.example:8080"),
        ] {
            assert_eq!(Target::new(endpoint.parse().unwrap()).unwrap().host, host, "{endpoint}");
        }
        assert!(Target::new("/mcp".parse().unwrap()).is_none());
    }

    /// RFC 9113, 8.3.1: the authority of the target says it there.
    #[test]
    fn a_request_that_goes_another_way_names_the_host_as_that_way_does() {
        let target = Target::new("https://relay.example:443/mcp".parse().unwrap()).unwrap();
        let mut request = Sending::default();
        target.address_http1(&mut request);
        assert_eq!(
            (request.uri().path(), request.headers()[HOST].as_bytes()),
            ("/mcp", &b"relay.example"[..])
        );
        target.address_http2(&mut request);
        assert_eq!(request.uri(), target.absolute());
        assert!(request.headers().is_empty());
    }
}
