//! A connection of HTTP/1.1, for one request after the other.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::unconstrained;

use super::connection::{Answered, Sending, Sent};
use crate::bell::Bell;
use crate::gathered::Gathered;

/// What it is spoken over.
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A relay that sends faster than it is read keeps nobody else waiting for longer than so many reads take.
const MOST_IN_A_ROW: u8 = 8;

/// An open connection. Whoever waits for an answer reads from it and writes to it: a task of its own would come to each
/// half of a request after all others that are ready, when what belongs to the request is in no cache any more.
pub(super) struct Http1 {
    requests: http1::SendRequest<Full<Bytes>>,
    /// Until it has ended.
    open: Option<Box<http1::Connection<Gathered<Stream>, Full<Bytes>>>>,
    /// Heard by whoever waits.
    bell: Bell,
    /// How often a body was read from one after the other, without having to wait.
    in_a_row: u8,
}

impl Http1 {
    pub(super) async fn over(stream: Stream) -> hyper::Result<Self> {
        let (requests, connection) = http1::handshake(Gathered::over(stream)).await?;
        Ok(Self { requests, open: Some(Box::new(connection)), bell: Bell::default(), in_a_row: 0 })
    }

    /// As far as it was noticed.
    pub(super) fn is_closed(&self) -> bool {
        self.open.is_none() || self.requests.is_closed()
    }

    /// Whether it takes a request, as far as was noticed.
    pub(super) fn is_ready(&self) -> bool {
        self.requests.is_ready()
    }

    /// Waits until it takes a request, or ends.
    pub(super) fn poll_ready(&mut self, context: &Context<'_>) -> Poll<()> {
        self.go_on(context);
        if self.is_ready() || self.open.is_none() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Sends a request when what becomes of it is [polled](Self::poll_sent) for.
    pub(super) fn send(&mut self, request: Sending) -> Sent {
        // Whatever is left of its turn: nobody would wake it.
        let sent = unconstrained(self.requests.try_send_request(request));
        Box::pin(async move { Ok(sent.await?) })
    }

    pub(super) fn poll_sent(&mut self, sent: &mut Sent, context: &mut Context<'_>) -> Poll<Answered> {
        self.go_on(context);
        sent.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    /// The next of an answer's body: what is here already, before more is read. Whoever gets some of it asks for the next,
    /// or drops the connection.
    pub(super) fn poll_frame(
        &mut self,
        mut body: Pin<&mut Incoming>,
        context: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let mut next = || body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop()));
        let here = self.bell.quietly(&mut next);
        if here.is_ready() {
            return here;
        }
        if self.in_a_row == MOST_IN_A_ROW {
            self.in_a_row = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.go_on(context);
        let read = self.bell.quietly(next);
        self.in_a_row = if read.is_ready() { self.in_a_row + 1 } else { 0 };
        read
    }

    /// Nobody waits, and nobody is woken by what happens to it.
    pub(super) fn rest(&mut self) {
        self.in_a_row = 0;
        self.bell.leave();
    }

    /// Closes it, and tells the other side where that is done in words, as on TLS.
    pub(super) fn close(self) {
        drop(self.requests);
        if let Some(mut connection) = self.open {
            let _ = Pin::new(&mut connection).poll(&mut Context::from_waker(Waker::noop()));
        }
    }

    /// Reads and writes as far as that goes now. What comes of it is here at once, and needs to wake nobody.
    fn go_on(&mut self, context: &Context<'_>) {
        let Some(connection) = &mut self.open else { return };
        if let Poll::Ready(ended) = self.bell.poll(connection, context) {
            self.open = None;
            if let Err(error) = ended {
                tracing::debug!(error = error.to_string(), "a connection to the relay broke off");
            }
        }
    }
}
