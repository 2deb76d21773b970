//! One connection to the relay: HTTP/1.1, or HTTP/2 where a relay on TLS offers it.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::{Connection as _, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower_service::Service;

use super::target::Target;

/// What is sent: a request whose body is here, whole.
pub(super) type Sending = Request<Full<Bytes>>;

/// How often a quiet connection is asked whether it still is one, so that a stream or a long call whose path
/// died in silence comes to its end.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(20);

/// An open connection.
pub(super) enum Connection {
    /// For one request after the other.
    Http1(http1::SendRequest<Full<Bytes>>),
    /// For any number of requests at once; a clone is the same one.
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// What becomes of a request: the head of its answer.
type Sent = Pin<Box<dyn Future<Output = Result<Response<Incoming>, TrySendError<Sending>>> + Send>>;

/// Why there is no connection.
type CannotConnect = Box<dyn Error + Send + Sync>;

impl Connection {
    /// Connects to the relay.
    pub(super) async fn open(
        mut connector: HttpsConnector<HttpConnector>,
        target: &Target,
    ) -> Result<Self, CannotConnect> {
        let stream = connector.call(target.absolute().clone()).await?;
        if stream.connected().is_negotiated_h2() {
            let mut http = http2::Builder::new(TokioExecutor::new());
            http.timer(TokioTimer::new()).keep_alive_interval(KEEPALIVE).keep_alive_while_idle(true);
            let (connection, driven) = http.handshake(stream).await?;
            drive(driven);
            Ok(Self::Http2(connection))
        } else {
            let (connection, driven) = http1::handshake(stream).await?;
            drive(driven);
            Ok(Self::Http1(connection))
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.is_closed(),
            Self::Http2(connection) => connection.is_closed(),
        }
    }

    /// Whether it takes a request, once it has done with the one before. It takes none any more when it is closed.
    pub(super) async fn is_ready(&mut self) -> bool {
        match self {
            Self::Http1(connection) => connection.is_ready() || connection.ready().await.is_ok(),
            Self::Http2(connection) => connection.ready().await.is_ok(),
        }
    }

    /// Sends a request, and waits for the head of its answer. A request that was not sent comes back with the error.
    pub(super) fn send(&mut self, mut request: Sending, target: &Target) -> Sent {
        match self {
            Self::Http1(connection) => {
                target.address_http1(&mut request);
                Box::pin(connection.try_send_request(request))
            }
            Self::Http2(connection) => {
                target.address_http2(&mut request);
                Box::pin(connection.try_send_request(request))
            }
        }
    }
}

/// Reads from and writes to a connection until it is closed.
fn drive(mut connection: impl Future<Output = hyper::Result<()>> + Send + Unpin + 'static) {
    tokio::spawn(async move {
        // Where it is: awaited itself, it would be moved within the task, which would hold room for two of it.
        if let Err(error) = (&mut connection).await {
            tracing::debug!(error = error.to_string(), "a connection to the relay broke off");
        }
    });
}
