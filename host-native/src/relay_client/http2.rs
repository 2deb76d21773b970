//! A connection of HTTP/2, for many requests at once.

use std::error::Error;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connection::{KEEPALIVE, Sending, Sent, Unanswered};
use crate::bell::Bell;

/// How many requests one connection carries. A server allows a hundred at least, as a rule (RFC 9113, 6.5.2); what is more
/// waits unsent, and behind streams that do not end it would wait for ever.
const MOST_AT_ONCE: u32 = 64;

/// And as long as it has answered nothing, so that it may not have said how many it allows.
const UNTIL_KNOWN: usize = 16;

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
    /// How many requests at once the relay allowed when it was last looked at.
    allowed: AtomicUsize,
    /// What it allows has come: it says that before it answers (RFC 9113, 3.4).
    has_answered: AtomicBool,
    /// A request was refused, or waited for in vain: nobody else is to wait here, since it may be about to be closed, or its
    /// path may have died in silence.
    is_doubtful: AtomicBool,
    /// Heard by the task that drives it.
    bell: Bell,
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
        let allowed = AtomicUsize::new(UNTIL_KNOWN);
        let (has_answered, is_doubtful, bell) = <(AtomicBool, AtomicBool, Bell)>::default();
        let known = Arc::new(Known { allowed, has_answered, is_doubtful, bell: bell.clone() });
        tokio::spawn(drive(connection, bell, Arc::downgrade(&known)));
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
        let known = Arc::downgrade(&self.known);
        Box::pin(async move {
            let waiting = Waiting(known);
            let again = request.clone();
            let answered = requests.try_send_request(request).await.map_err(Unanswered::from);
            let refused = answered.as_ref().err().is_some_and(|unanswered| was_refused(&unanswered.error));
            if !refused {
                waiting.end();
                return answered;
            }
            answered.map_err(|unanswered| Unanswered { undone: Some(again), ..unanswered })
        })
    }
}

/// Whether the relay says that it did nothing of a request (RFC 9113, 8.7): by a reset, or by going away before it.
fn was_refused(error: &hyper::Error) -> bool {
    let said = error.source().and_then(|error| error.downcast_ref::<h2::Error>());
    said.is_some_and(|said| {
        said.is_remote() && (said.is_go_away() || said.reason() == Some(h2::Reason::REFUSED_STREAM))
    })
}

/// Somebody waits for an answer. Dropped before its end, that leaves doubt.
struct Waiting(Weak<Known>);

impl Waiting {
    /// An answer came, or the connection has ended.
    fn end(mut self) {
        if let Some(known) = std::mem::take(&mut self.0).upgrade() {
            known.has_answered.store(true, Ordering::Relaxed);
            known.bell.ring();
        }
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
async fn drive<S>(
    mut connection: http2::Connection<S, Full<Bytes>, TokioExecutor>,
    bell: Bell,
    known: Weak<Known>,
) where
    S: Read + Write + Unpin + Send + 'static,
{
    let ended = poll_fn(|context| {
        let polled = bell.poll(&mut connection, context);
        if let Some(known) = known.upgrade().filter(|known| known.has_answered.load(Ordering::Relaxed)) {
            known.allowed.store(connection.current_max_send_streams(), Ordering::Relaxed);
        }
        polled
    });
    if let Err(error) = ended.await {
        tracing::debug!(error = error.to_string(), "a connection to the relay broke off");
    }
}
