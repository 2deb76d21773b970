//! One connection to the relay: HTTP/1.1, or HTTP/2 where a relay on TLS offers it.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::{Connection as _, HttpConnector};
use tower_service::Service;

use super::body::Incomplete;
use super::http1::Http1;
use super::http2::Http2;
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
    /// For many at once.
    Http2(Http2),
}

/// What becomes of a request.
pub(super) type Sent = Pin<Box<dyn Future<Output = Answered> + Send>>;

/// The head of its answer, or why there is none.
pub(super) type Answered = Result<Response<Incoming>, Unanswered>;

/// A request that gets no answer.
pub(super) struct Unanswered {
    pub(super) error: hyper::Error,
    /// The request, where the relay does nothing of it: it may be sent again.
    pub(super) undone: Option<Sending>,
}

impl From<TrySendError<Sending>> for Unanswered {
    fn from(mut error: TrySendError<Sending>) -> Self {
        let undone = error.take_message();
        Self { error: error.into_error(), undone }
    }
}

/// Why there is no connection.
type CannotConnect = Box<dyn Error + Send + Sync>;

impl Connection {
    /// Connects to the relay.
    pub(super) async fn open(
        mut connector: HttpsConnector<HttpConnector>,
        target: &Target,
    ) -> Result<Self, CannotConnect> {
        let stream = connector.call(target.absolute().clone()).await?;
        Ok(if stream.connected().is_negotiated_h2() {
            Self::Http2(Http2::over(stream).await?)
        } else {
            Self::Http1(Http1::over(stream).await?)
        })
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
                connection.send(request)
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
        mut body: Pin<&mut Incoming>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Incomplete>>> {
        match self {
            Self::Http1(connection) => {
                Poll::Ready(ready!(connection.poll_frame(body, context)).map(|read| Ok(read?)))
            }
            Self::Http2(_) => match ready!(body.as_mut().poll_frame(context)) {
                Some(read) => Poll::Ready(Some(Ok(read?))),
                // The relay may break it off and say that nothing is wrong.
                None => Poll::Ready((!body.is_end_stream()).then_some(Err(Incomplete::Ended))),
            },
        }
    }
}
