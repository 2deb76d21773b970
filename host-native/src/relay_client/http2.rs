//! A connection of HTTP/2, for many requests at once.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connection::{KEEPALIVE, Sending, Sent};

/// How many requests one connection carries. A server allows a hundred at least, as a rule (RFC 9113, 6.5.2); what is more
/// waits unsent, and behind streams that do not end it would wait for ever.
const MOST_AT_ONCE: u32 = 64;

/// How much of an answer may wait here for one who reads it slowly, in bytes.
const WINDOW: u32 = 128 << 10;

/// One user of an open connection, which a task of its own reads and writes. The connection is closed when there is none
/// left.
pub(super) struct Http2 {
    requests: http2::SendRequest<Full<Bytes>>,
    /// There are as many as this has. It holds how many requests at once the relay allows, as far as that is known.
    users: Arc<AtomicUsize>,
}

impl Http2 {
    pub(super) async fn over<S>(stream: S) -> hyper::Result<Self>
    where
        S: Read + Write + Unpin + Send + 'static,
    {
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .keep_alive_interval(KEEPALIVE)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(WINDOW)
            // Those that wait leave room for the others.
            .initial_connection_window_size(MOST_AT_ONCE * WINDOW);
        let (requests, connection) = http.handshake(stream).await?;
        let users = Arc::new(AtomicUsize::new(connection.current_max_send_streams()));
        tokio::spawn(drive(connection, Arc::downgrade(&users)));
        Ok(Self { requests, users })
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
        let allowed = self.users.load(Ordering::Relaxed).min(MOST_AT_ONCE as usize);
        !self.is_closed() && Arc::strong_count(&self.users) <= allowed
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
async fn drive<S>(
    mut connection: http2::Connection<S, Full<Bytes>, TokioExecutor>,
    allowed: Weak<AtomicUsize>,
) where
    S: Read + Write + Unpin + Send + 'static,
{
    let ended = poll_fn(|context| {
        let polled = Pin::new(&mut connection).poll(context);
        if let Some(allowed) = allowed.upgrade() {
            allowed.store(connection.current_max_send_streams(), Ordering::Relaxed);
        }
        polled
    });
    if let Err(error) = ended.await {
        tracing::debug!(error = error.to_string(), "a connection to the relay broke off");
    }
}
