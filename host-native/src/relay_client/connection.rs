//! One connection to the relay: HTTP/1.1, or HTTP/2 where a relay on TLS offers it.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http2};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::{Connection as _, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower_service::Service;

use super::http1::Http1;
use super::target::Target;

/// What is sent: a request whose body is here, whole.
pub(super) type Sending = Request<Full<Bytes>>;

/// How often a quiet connection is asked whether it still is one, so that a stream or a long call whose path
/// died in silence comes to its end.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(20);

/// An open connection.
pub(super) enum Connection {
    /// For one request after the other.
    Http1(Http1),
    /// For any number of requests at once; a clone is the same one.
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// What becomes of a request.
pub(super) type Sent = Pin<Box<dyn Future<Output = Answered> + Send>>;

/// The head of its answer, or why there is none, with the request where it was not sent.
pub(super) type Answered = Result<Response<Incoming>, TrySendError<Sending>>;

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
            tokio::spawn(drive(driven));
            Ok(Self::Http2(connection))
        } else {
            Ok(Self::Http1(Http1::over(stream).await?))
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.is_closed(),
            Self::Http2(connection) => connection.is_closed(),
        }
    }

    /// Nobody uses it for now.
    pub(super) fn rest(&mut self) {
        match self {
            Self::Http1(connection) => connection.rest(),
            Self::Http2(_) => {}
        }
    }

    /// Closes it, unless others use it too.
    pub(super) fn close(self) {
        match self {
            Self::Http1(connection) => connection.close(),
            Self::Http2(_) => {}
        }
    }

    /// Waits until it takes a request, or ends.
    pub(super) fn poll_ready(&mut self, context: &Context<'_>) -> Poll<()> {
        match self {
            Self::Http1(connection) => connection.poll_ready(context),
            Self::Http2(_) => Poll::Ready(()),
        }
    }

    /// Whether it takes a request: it is open, as far as was noticed, and has done with the one before.
    pub(super) fn is_ready(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.is_ready(),
            Self::Http2(connection) => connection.is_ready(),
        }
    }

    /// Sends a request when what becomes of it is [polled](Self::poll_sent) for.
    pub(super) fn send(&mut self, mut request: Sending, target: &Target) -> Sent {
        match self {
            Self::Http1(connection) => {
                target.address_http1(&mut request);
                connection.send(request)
            }
            Self::Http2(connection) => {
                target.address_http2(&mut request);
                let mut connection = connection.clone();
                Box::pin(async move { connection.try_send_request(request).await })
            }
        }
    }

    /// What became of a request that is sent here.
    pub(super) fn poll_sent(&mut self, sent: &mut Sent, context: &mut Context<'_>) -> Poll<Answered> {
        match self {
            Self::Http1(connection) => connection.poll_sent(sent, context),
            Self::Http2(_) => sent.as_mut().poll(context),
        }
    }

    /// The next of an answer's body.
    pub(super) fn poll_frame(
        &mut self,
        body: Pin<&mut Incoming>,
        context: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        match self {
            Self::Http1(connection) => connection.poll_frame(body, context),
            Self::Http2(_) => body.poll_frame(context),
        }
    }
}

/// Reads from and writes to a connection until it is closed.
async fn drive(connection: impl Future<Output = hyper::Result<()>>) {
    if let Err(error) = connection.await {
        tracing::debug!(error = error.to_string(), "a connection to the relay broke off");
    }
}
