//! The body of an answer of the relay, which holds the connection that it comes over.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::connection::Connection;
use super::pool::Pool;

/// A body, as it comes. Read to its end it gives its connection back; dropped before, it closes it, unless others use it too.
pub struct RelayBody {
    body: Incoming,
    lease: Option<Lease>,
}

/// An answer is not all here, and no more of it will come.
#[derive(Debug, thiserror::Error)]
pub enum Incomplete {
    /// Its connection broke off, or what came is no HTTP.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// It came to an end that is none.
    #[error("it ended too early")]
    Ended,
}

/// A connection that is needed until the body has come.
pub(super) struct Lease {
    pub(super) connection: Connection,
    pub(super) pool: Pool,
}

impl std::fmt::Debug for RelayBody {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.body.fmt(out)
    }
}

impl RelayBody {
    pub(super) fn new(body: Incoming, lease: Lease) -> Self {
        let mut body = Self { body, lease: Some(lease) };
        body.give_back_at_the_end(false);
        body
    }

    fn give_back_at_the_end(&mut self, is_over: bool) {
        if !is_over && !self.body.is_end_stream() {
            return;
        }
        if let Some(Lease { connection, pool }) = self.lease.take() {
            pool.take_back(connection);
        }
    }
}

impl Body for RelayBody {
    type Data = Bytes;
    type Error = Incomplete;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Incomplete>>> {
        let Self { body, lease } = &mut *self;
        let body = Pin::new(body);
        let polled = match lease {
            Some(lease) => lease.connection.poll_frame(body, context),
            None => body.poll_frame(context).map_err(Incomplete::Http),
        };
        if !matches!(polled, Poll::Pending | Poll::Ready(Some(Err(_)))) {
            self.give_back_at_the_end(matches!(polled, Poll::Ready(None)));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
