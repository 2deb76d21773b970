//! The connection to the relay: pooled, HTTP/1.1, or HTTP/2 where a relay on TLS offers it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::TRANSFER_ENCODING;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use relay_mcp_core::{RelayFailure, Sent};
use rustls::{ClientConfig, RootCertStore};

use crate::headers;
use crate::token::TokenSource;

/// Shorter than the five seconds after which common servers close an idle connection, so that a request
/// hardly ever meets a connection that is just being closed (PEERS 8).
const IDLE_CONNECTION: Duration = Duration::from_secs(4);

/// How often a quiet connection is asked whether it still is one, so that a stream or a long call whose path
/// died in silence comes to its end.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// How often, and how many times, it is asked again when it does not answer.
const KEEPALIVE_AGAIN: (Duration, u32) = (Duration::from_secs(5), 3);

/// How long what was sent may stay without the other side's acknowledgement.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// A client for the relay's one endpoint. Cheap to clone.
#[derive(Clone)]
pub struct RelayClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    endpoint: Uri,
    token: TokenSource,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum RelayClientError {
    /// Without roots no certificate can be checked.
    #[error("the system's root certificates, which an https relay needs, cannot be loaded: {0}")]
    NoRoots(#[source] std::io::Error),
}

impl RelayClient {
    /// A client for this endpoint that reads its token at each request (B-2.2).
    ///
    /// # Errors
    /// When the relay is on https and the system has no root certificates.
    pub fn new(
        endpoint: Uri,
        token: TokenSource,
        connect_timeout: Duration,
    ) -> Result<Self, RelayClientError> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(connect_timeout));
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE_AGAIN.0));
        tcp.set_keepalive_retries(Some(KEEPALIVE_AGAIN.1));
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        let connector = if endpoint.scheme() == Some(&Scheme::HTTPS) {
            let tls = HttpsConnectorBuilder::new().with_native_roots().map_err(RelayClientError::NoRoots)?;
            tls.https_or_http().enable_all_versions().wrap_connector(tcp)
        } else {
            HttpsConnectorBuilder::new()
                .with_tls_config(without_roots())
                .https_or_http()
                .enable_http1()
                .wrap_connector(tcp)
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .timer(TokioTimer::new())
            .http2_keep_alive_interval(KEEPALIVE)
            .http2_keep_alive_while_idle(true)
            .build(connector);
        Ok(Self { client, endpoint, token })
    }

    /// Sends a request with the live token. Gives the token that it carried, and how it went.
    pub async fn send(
        &self,
        method: Method,
        query: Option<&str>,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> (Option<Arc<str>>, Result<Response<Incoming>, RelayFailure>) {
        let token = self.token.current();
        headers::sign(&mut headers, token.as_deref());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.target(query);
        *request.headers_mut() = headers;
        let answer = self.client.request(request).await.map_err(|error| RelayFailure {
            sent: if error.is_connect() { Sent::No } else { Sent::Unknown },
            reason: root_cause(&error),
        });
        (token, answer.and_then(understood))
    }

    /// Whether the token, read again, is another one than a refused call carried (B-2.7).
    #[must_use]
    pub fn has_other_token(&self, used: Option<&Arc<str>>) -> bool {
        self.token.differs_from(used)
    }

    /// The endpoint with the agent's query behind its own, if it has one.
    fn target(&self, query: Option<&str>) -> Uri {
        let Some(query) = query else { return self.endpoint.clone() };
        let mut parts = self.endpoint.clone().into_parts();
        let own = parts.path_and_query.as_ref().map_or("/", PathAndQuery::as_str);
        let joint = if own.contains('?') { '&' } else { '?' };
        let Ok(target) = PathAndQuery::try_from(format!("{own}{joint}{query}")) else {
            return self.endpoint.clone();
        };
        parts.path_and_query = Some(target);
        Uri::from_parts(parts).unwrap_or_else(|_| self.endpoint.clone())
    }
}

/// Nothing that is no answer is taken for one: what follows a switch of protocols is no HTTP, and a body in a coding
/// that nobody took off is not the body.
fn understood(answer: Response<Incoming>) -> Result<Response<Incoming>, RelayFailure> {
    let codings = answer.headers().get_all(TRANSFER_ENCODING);
    let mut codings = codings.iter().filter(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    let reason = if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        "it switched protocols, which nobody asked for"
    } else if codings.next().is_some() {
        "its answer has a transfer coding that nobody asked for"
    } else {
        return Ok(answer);
    };
    Err(RelayFailure { sent: Sent::Unknown, reason: reason.to_owned() })
}

/// For a relay on plain http: loading the system's roots would cost every start for nothing.
fn without_roots() -> ClientConfig {
    ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}

/// What went wrong in the end, such as `connection refused`. Libraries wrap that in several layers.
#[must_use]
pub fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let text = cause.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::TokenOrigin;

    #[tokio::test]
    async fn b_9_6_a_failure_tells_what_happened_and_nothing_of_the_token() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let endpoint = format!("http://{nobody}/api/mcp").parse().unwrap();
        let token = TokenSource::fixed(Some("the-token"));
        let client = RelayClient::new(endpoint, token, Duration::from_secs(5)).unwrap();
        let (_, answer) = client.send(Method::POST, None, HeaderMap::new(), Bytes::new()).await;
        let failure = answer.unwrap_err();
        assert_eq!((failure.sent, failure.reason.as_str()), (Sent::No, "connection refused"));
    }

    /// What the machine, or the agent, says as a query leads nowhere else.
    #[test]
    fn b_2_1_a_query_changes_neither_the_relay_nor_the_path() {
        for endpoint in ["http://relay.example:8080/api/mcp", "http://relay.example/mcp?key=1"] {
            let endpoint: Uri = endpoint.parse().unwrap();
            let token = TokenSource::open(&TokenOrigin::None).unwrap();
            let client = RelayClient::new(endpoint.clone(), token, Duration::from_secs(1)).unwrap();
            assert_eq!(client.target(None), endpoint);
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
                let target = client.target(Some(query));
                assert_eq!(target.scheme(), endpoint.scheme(), "{query:?}");
                assert_eq!(target.authority(), endpoint.authority(), "{query:?}");
                assert_eq!(target.path(), endpoint.path(), "{query:?}");
                let own = endpoint.query().unwrap_or_default();
                assert!(target.query().unwrap_or_default().starts_with(own), "{query:?}");
                assert!(!target.to_string().contains(['\r', '\n', ' ', '#', '\0']), "{query:?}: {target}");
            }
        }
    }
}
