//! The connection to the relay: pooled, HTTP/1.1, or HTTP/2 where a relay on TLS offers it.

mod body;
mod connection;
mod http1;
mod http2;
mod pool;
mod target;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::TRANSFER_ENCODING;
use http::uri::Scheme;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use relay_mcp_core::{RelayFailure, Sent};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

use crate::headers;
use crate::token::{Bearer, TokenSource};
use body::Lease;
pub use body::{Incomplete, RelayBody};
use connection::{Connection, KEEPALIVE, Sending, Unanswered};
use pool::Pool;
use target::Target;

/// How often, and how many times, it is asked again when it does not answer.
const KEEPALIVE_AGAIN: (Duration, u32) = (Duration::from_secs(5), 3);

/// How long what was sent may stay without the other side's acknowledgement.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// A client for the relay's one endpoint. Cheap to clone.
#[derive(Clone)]
pub struct RelayClient(Arc<Inner>);

struct Inner {
    connector: HttpsConnector<HttpConnector>,
    /// For a name, a connection and its handshakes.
    connect_timeout: Duration,
    pool: Pool,
    endpoint: Target,
    token: TokenSource,
}

/// What will come of a request: the head of its answer. Boxed, since it is moved from place to place.
pub type Answer = Pin<Box<dyn Future<Output = Result<Response<RelayBody>, RelayFailure>> + Send>>;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum RelayClientError {
    /// Without roots no certificate can be checked.
    #[error("the system's root certificates, which an https relay needs, cannot be loaded: {0}")]
    NoRoots(#[source] std::io::Error),
    /// It is not the URL of a server.
    #[error("the relay's URL {0} names no host")]
    NoHost(Uri),
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
        let endpoint = Target::new(endpoint.clone()).ok_or(RelayClientError::NoHost(endpoint))?;
        Ok(Self(Arc::new(Inner { connector, connect_timeout, pool: Pool::default(), endpoint, token })))
    }

    /// Makes a request with the live token, which is sent when what comes back is polled. Gives the token that it
    /// carries, and how it will go.
    pub fn send(
        &self,
        method: Method,
        query: Option<&str>,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> (Option<Bearer>, Answer) {
        let token = self.0.token.current();
        headers::sign(&mut headers, token.as_ref());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        let target = query.map(|query| Box::new(self.0.endpoint.with(query)));
        (token, Arc::clone(&self.0).exchange(request, target))
    }

    /// Whether the token, read again, is another one than a refused call carried (B-2.7).
    #[must_use]
    pub fn has_other_token(&self, used: Option<&Bearer>) -> bool {
        self.0.token.differs_from(used)
    }
}

impl Inner {
    /// Sends a request over a connection that is open already, if there is one. One that was closed meanwhile, and
    /// does nothing of it, is passed over.
    fn exchange(self: Arc<Self>, request: Sending, target: Option<Box<Target>>) -> Answer {
        let Some(mut connection) = self.pool.take() else {
            return Box::pin(self.exchange_anew(request, target));
        };
        let mut sent = connection.send(request, target.as_deref().unwrap_or(&self.endpoint));
        Box::pin(async move {
            loop {
                let undone = match poll_fn(|context| connection.poll_sent(&mut sent, context)).await {
                    Ok(response) => return self.answered(response, connection),
                    Err(unanswered) => unanswered.undone()?,
                };
                let Some(next) = self.pool.take() else {
                    return Box::pin(self.exchange_anew(undone, target)).await;
                };
                connection = next;
                sent = connection.send(undone, target.as_deref().unwrap_or(&self.endpoint));
            }
        })
    }

    /// Sends a request over a new connection, or one that others use too.
    async fn exchange_anew(
        self: Arc<Self>,
        mut request: Sending,
        target: Option<Box<Target>>,
    ) -> Result<Response<RelayBody>, RelayFailure> {
        let target = target.as_deref().unwrap_or(&self.endpoint);
        loop {
            let opening = self.pool.open(Connection::open(self.connector.clone(), target));
            let opened = timeout(self.connect_timeout, opening).await;
            let opened = opened.map_err(|_| too_late(self.connect_timeout))?;
            let (mut connection, is_new) = opened.map_err(|error| failed(Sent::No, &*error))?;
            let mut sent = connection.send(request, target);
            match poll_fn(|context| connection.poll_sent(&mut sent, context)).await {
                Ok(response) => return self.answered(response, connection),
                // One that was opened for it is the last that is tried.
                Err(unanswered) if is_new => return Err(unanswered.into()),
                Err(unanswered) => request = unanswered.undone()?,
            }
        }
    }

    fn answered(
        &self,
        response: Response<Incoming>,
        connection: Connection,
    ) -> Result<Response<RelayBody>, RelayFailure> {
        let lease = Lease { connection, pool: self.pool.clone() };
        Ok(understood(response)?.map(|body| RelayBody::new(body, lease)))
    }
}

impl Unanswered {
    /// The request, where it may be sent again.
    fn undone(mut self) -> Result<Sending, RelayFailure> {
        self.undone.take().ok_or_else(|| self.into())
    }
}

impl From<Unanswered> for RelayFailure {
    fn from(unanswered: Unanswered) -> Self {
        let sent = if unanswered.undone.is_some() { Sent::No } else { Sent::Unknown };
        failed(sent, &unanswered.error)
    }
}

fn too_late(time: Duration) -> RelayFailure {
    RelayFailure { sent: Sent::No, reason: format!("no connection within {time:?}") }
}

fn failed(sent: Sent, error: &dyn Error) -> RelayFailure {
    RelayFailure { sent, reason: root_cause(error) }
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
