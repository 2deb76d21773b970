//! A connection of HTTP/2, for many requests at once.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connection::{KEEPALIVE, Sending, Sent};

/// How many requests one connection carries. A server allows a hundred at least, as a rule (RFC 9113, 6.5.2); what is more
/// waits unsent, and behind streams that do not end it would wait for ever.
const MOST_AT_ONCE: usize = 64;

/// One user of an open connection, which a task of its own reads and writes. The connection is closed when there is none
/// left.
pub(super) struct Http2 {
    requests: http2::SendRequest<Full<Bytes>>,
    /// As many as there are.
    users: Arc<()>,
}

impl Http2 {
    pub(super) async fn over<S>(stream: S) -> hyper::Result<Self>
    where
        S: Read + Write + Unpin + Send + 'static,
    {
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new()).keep_alive_interval(KEEPALIVE).keep_alive_while_idle(true);
        let (requests, connection) = http.handshake(stream).await?;
        tokio::spawn(drive(connection));
        Ok(Self { requests, users: Arc::default() })
    }

    /// One more user.
    pub(super) fn shared(&self) -> Self {
        Self { requests: self.requests.clone(), users: Arc::clone(&self.users) }
    }

    /// Whether there is another user.
    pub(super) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.users) > 1
    }

    /// Whether it takes one more request, beside those of the others, as far as was noticed.
    pub(super) fn has_room(&self) -> bool {
        !self.is_closed() && Arc::strong_count(&self.users) <= MOST_AT_ONCE
    }

    /// As far as it was noticed.
    pub(super) fn is_closed(&self) -> bool {
        self.requests.is_closed()
    }

    /// Sends a request when what becomes of it is polled for.
    pub(super) fn send(&self, request: Sending) -> Sent {
        let mut requests = self.requests.clone();
        Box::pin(async move { requests.try_send_request(request).await })
    }
}

/// Reads from and writes to a connection until it is closed.
async fn drive(connection: impl Future<Output = hyper::Result<()>>) {
    if let Err(error) = connection.await {
        tracing::debug!(error = error.to_string(), "a connection to the relay broke off");
    }
}
