//! A connection of HTTP/2, for many requests at once.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
    /// There are as many users as this has.
    known: Arc<Known>,
}

/// What is known of a connection.
struct Known {
    /// How many requests at once the relay allows.
    allowed: AtomicUsize,
    /// Somebody waited in vain, or no longer: nobody else is to wait on it, since its path may have died in silence.
    is_doubtful: AtomicBool,
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
        let allowed = AtomicUsize::new(connection.current_max_send_streams());
        let known = Arc::new(Known { allowed, is_doubtful: AtomicBool::new(false) });
        tokio::spawn(drive(connection, Arc::downgrade(&known)));
        Ok(Self { requests, known })
    }

    /// One more user.
    pub(super) fn shared(&self) -> Self {
        Self { requests: self.requests.clone(), known: Arc::clone(&self.known) }
    }

    /// Whether there is another user.
    pub(super) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.known) > 1
    }

    /// Whether it takes one more request, beside those of the others, as far as was noticed.
    pub(super) fn has_room(&self) -> bool {
        let allowed = self.known.allowed.load(Ordering::Relaxed).min(MOST_AT_ONCE as usize);
        self.takes_requests() && Arc::strong_count(&self.known) <= allowed
    }

    /// Whether it is open and in no doubt, as far as was noticed.
    pub(super) fn takes_requests(&self) -> bool {
        !self.requests.is_closed() && !self.known.is_doubtful.load(Ordering::Relaxed)
    }

    /// Sends a request when what becomes of it is polled for.
    pub(super) fn send(&self, request: Sending) -> Sent {
        let mut requests = self.requests.clone();
        let waiting = Waiting(Arc::downgrade(&self.known));
        Box::pin(async move {
            let answered = requests.try_send_request(request).await;
            waiting.end();
            answered
        })
    }
}

/// Somebody waits for an answer. Dropped before its end, that leaves doubt.
struct Waiting(Weak<Known>);

impl Waiting {
    fn end(mut self) {
        self.0 = Weak::new();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(known) = self.0.upgrade() {
            known.is_doubtful.store(true, Ordering::Relaxed);
        }
    }
}

/// Reads from and writes to a connection until it is closed.
async fn drive<S>(mut connection: http2::Connection<S, Full<Bytes>, TokioExecutor>, known: Weak<Known>)
where
    S: Read + Write + Unpin + Send + 'static,
{
    let ended = poll_fn(|context| {
        let polled = Pin::new(&mut connection).poll(context);
        if let Some(known) = known.upgrade() {
            known.allowed.store(connection.current_max_send_streams(), Ordering::Relaxed);
        }
        polled
    });
    if let Err(error) = ended.await {
        tracing::debug!(error = error.to_string(), "a connection to the relay broke off");
    }
}
