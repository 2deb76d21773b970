//! The bodies of answers to the agent: whole, spliced from the relay, or fed by the machine.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::relay_client::{Incomplete, RelayBody};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::lock;

/// How much may wait for a reader that is slow, in bytes. A reader that lets more pile up is cut off, and
/// delays nobody else (B-7.4).
const MOST_WAITING: usize = 1 << 20;

/// The body of an answer to the agent.
pub struct AgentBody {
    kind: Kind,
    /// Its share of what may be under way at once; given back when the answer has been sent.
    room: Option<Room>,
    /// An event stream of the proxy's own, which lasts; those have a limit of their own.
    is_own_stream: bool,
}

/// A request's share of what may be under way at once (B-1.7).
pub struct Room {
    /// One of the requests.
    pub request: Option<OwnedSemaphorePermit>,
    /// The bytes of its body, which is kept until the last action that may refer to it.
    pub bytes: Option<OwnedSemaphorePermit>,
}

enum Kind {
    Whole(Full<Bytes>),
    Spliced(RelayBody),
    Fed(Arc<Pipe>, Departure),
}

/// Called once when the agent goes away in the middle of an answer.
type OnGone = Box<dyn FnOnce() + Send + Sync>;

/// Notices that a body is dropped before its end.
struct Departure(Option<OnGone>);

impl Drop for Departure {
    fn drop(&mut self) {
        if let Some(on_gone) = self.0.take() {
            on_gone();
        }
    }
}

impl AgentBody {
    /// These bytes.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        Self { kind: Kind::Whole(Full::new(bytes)), room: None, is_own_stream: false }
    }

    /// The relay's, frame by frame, at the pace of the slower side (B-2.3).
    pub(super) fn spliced(body: RelayBody) -> Self {
        Self { kind: Kind::Spliced(body), room: None, is_own_stream: false }
    }

    /// What comes through this pipe.
    pub(super) fn fed(
        pipe: Arc<Pipe>,
        is_own_stream: bool,
        on_gone: impl FnOnce() + Send + Sync + 'static,
    ) -> Self {
        Self { kind: Kind::Fed(pipe, Departure(Some(Box::new(on_gone)))), room: None, is_own_stream }
    }

    /// Counts as a request under way until it has been sent; a stream of the proxy's own is none (B-1.7).
    pub fn hold(&mut self, mut room: Room) {
        room.request = room.request.filter(|_| !self.is_own_stream);
        self.room = Some(room);
    }

    /// Has the connection cut when the answer breaks off: a connection whose reader does not read never gets
    /// to see the end of a body.
    pub fn cut_with(&self, connection: &Arc<Notify>) {
        if let Kind::Fed(pipe, _) = &self.kind {
            pipe.cut_with(connection);
        }
    }
}

/// The answer broke off: the connection is closed, so that the agent does not take it for complete.
#[derive(Debug, thiserror::Error)]
pub enum BrokenOff {
    /// The relay's answer broke off.
    #[error("the relay's answer broke off: {0}")]
    Relay(#[from] Incomplete),
    /// The machine broke the exchange off, or the agent reads too slowly.
    #[error("the answer was broken off")]
    Here,
}

impl Body for AgentBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match &mut self.kind {
            Kind::Whole(full) => Pin::new(full).poll_frame(context).map_err(|never| match never {}),
            Kind::Spliced(body) => Pin::new(body).poll_frame(context).map_err(BrokenOff::Relay),
            Kind::Fed(pipe, departure) => {
                let polled = pipe.poll(context);
                if !matches!(polled, Poll::Pending | Poll::Ready(Some(Ok(_)))) {
                    departure.0 = None;
                }
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(full) => full.is_end_stream(),
            Kind::Spliced(body) => body.is_end_stream(),
            Kind::Fed(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(full) => full.size_hint(),
            Kind::Spliced(body) => body.size_hint(),
            Kind::Fed(..) => SizeHint::default(),
        }
    }
}

/// From the machine to a body: bounded, and never waited for.
#[derive(Default)]
pub(super) struct Pipe(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Bytes>,
    waiting_bytes: usize,
    end: Option<End>,
    reader: Option<Waker>,
    /// Closes the connection.
    cut: Option<Arc<Notify>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Complete,
    Broken,
}

impl Pipe {
    /// Puts bytes in. A piece that finds others waiting must fit beside them, else all is broken off; false
    /// then.
    pub(super) fn put(&self, bytes: Bytes) -> bool {
        let mut state = lock(&self.0);
        if state.end.is_some() {
            return true;
        }
        if !state.waiting.is_empty() && state.waiting_bytes + bytes.len() > MOST_WAITING {
            state.close(End::Broken);
            return false;
        }
        state.waiting_bytes += bytes.len();
        state.waiting.push_back(bytes);
        state.wake();
        true
    }

    /// Nothing more comes; what waits is still read.
    pub(super) fn end(&self) {
        lock(&self.0).close(End::Complete);
    }

    /// Nothing more comes, and what came is not all.
    pub(super) fn break_off(&self) {
        lock(&self.0).close(End::Broken);
    }

    fn cut_with(&self, connection: &Arc<Notify>) {
        let mut state = lock(&self.0);
        state.cut = Some(Arc::clone(connection));
        if state.end == Some(End::Broken) {
            connection.notify_one();
        }
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let mut state = lock(&self.0);
        if state.end == Some(End::Broken) {
            return Poll::Ready(Some(Err(BrokenOff::Here)));
        }
        if let Some(bytes) = state.waiting.pop_front() {
            state.waiting_bytes -= bytes.len();
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if state.end.is_some() {
            return Poll::Ready(None);
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl State {
    fn close(&mut self, end: End) {
        if self.end.is_none() {
            self.end = Some(end);
            if end == End::Broken {
                self.waiting = VecDeque::new();
                self.waiting_bytes = 0;
                if let Some(connection) = &self.cut {
                    connection.notify_one();
                }
            }
            self.wake();
        }
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn b_7_4_a_reader_that_lets_too_much_pile_up_loses_its_connection_and_what_waits() {
        let pipe = Pipe::default();
        let connection = Arc::new(Notify::new());
        pipe.cut_with(&connection);
        assert!(pipe.put(Bytes::from(vec![0; 2 * MOST_WAITING])), "one large piece is no pile");
        assert!(!pipe.put(Bytes::from_static(b"x")));
        connection.notified().await;
        assert!(lock(&pipe.0).waiting.is_empty());
    }
}
