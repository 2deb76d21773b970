//! Request bodies: read whole, within a size and a time (B-1.5, B-1.7).

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use relay_mcp_core::door::Refusal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::bell::Bell;

/// How much of a refused body is read and thrown away, so that the client gets to read the refusal instead
/// of a reset connection.
const MOST_DISCARDED: usize = 8 << 20;
/// And for how long.
const DISCARD_WITHIN: Duration = Duration::from_secs(5);

/// Bytes are counted by this many, so that a body of a few costs no more than its turn.
pub(super) const UNIT: usize = 1 << 10;

/// How large a body may be: by itself, and beside all others.
pub(super) struct Budget {
    all: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
    limit: usize,
}

impl Budget {
    /// At most `limit` bytes, of what is left of all.
    pub(super) fn new(all: &Arc<Semaphore>, limit: usize) -> Self {
        Self { all: Arc::clone(all), taken: None, limit }
    }

    /// Takes as much as a body of this length needs. It is taken as it comes, so that who announces much and sends
    /// nothing keeps nobody out.
    fn take(&mut self, length: usize) -> Result<(), Refusal> {
        if length > self.limit {
            return Err(Refusal::BodyTooLarge { limit: self.limit });
        }
        let taken = self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = length.div_ceil(UNIT).saturating_sub(taken);
        let wanted = u32::try_from(wanted).map_err(|_| Refusal::TooManyBytes)?;
        let more = Arc::clone(&self.all).try_acquire_many_owned(wanted);
        let more = more.map_err(|_| Refusal::TooManyBytes)?;
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            nothing => *nothing = Some(more),
        }
        Ok(())
    }
}

/// A body that is read, as far as the budget goes.
pub(super) struct Reading {
    /// Until it was read, or refused.
    body: Option<Incoming>,
    budget: Budget,
    pieces: Pieces,
}

/// A body, and what it has taken of the budget.
type Whole = (Bytes, Option<OwnedSemaphorePermit>);

impl Reading {
    pub(super) fn new(body: Incoming, budget: Budget) -> Self {
        let pieces = Pieces::announced(body.size_hint().exact());
        Self { body: Some(body), budget, pieces }
    }

    /// Reads it to its end. The bell is that of the connection that it comes over.
    pub(super) async fn whole(&mut self, within: Duration, bell: &Bell) -> Result<Whole, Refusal> {
        // A small one is here already, and needs no time, nor another turn of the connection.
        let mut now = |context: &mut Context<'_>| bell.quietly(|| self.read(context));
        if let Poll::Ready(whole) = poll_fn(|context| Poll::Ready(now(context))).await {
            if whole.is_err() {
                // The connection goes on with what is left of it.
                bell.ring();
            }
            return whole;
        }
        // Apart, since what few need would be part of every request.
        let whole = Box::pin(timeout(within, poll_fn(|context| self.read(context))));
        whole.await.unwrap_or(Err(Refusal::BodyTooSlow))
    }

    fn read(&mut self, context: &mut Context<'_>) -> Poll<Result<Whole, Refusal>> {
        while let Some(body) = &mut self.body
            && let Some(frame) = ready!(Pin::new(body).poll_frame(context))
        {
            // Trailers are nobody's business: they were not there when the door was opened.
            let Ok(data) = frame.map_err(|_| Refusal::BodyBroken)?.into_data() else { continue };
            if let Err(refusal) = self.budget.take(self.pieces.length() + data.len()) {
                if let Some(body) = self.body.take() {
                    discard(body);
                }
                return Poll::Ready(Err(refusal));
            }
            self.pieces.add(data);
        }
        self.body = None;
        Poll::Ready(Ok((std::mem::take(&mut self.pieces).whole(), self.budget.taken.take())))
    }
}

/// What has come of a body. One piece is passed on as it is, so that small bodies are never copied; more are put
/// together as they come, since a piece of one byte kept by itself takes some forty times its room.
#[derive(Default)]
struct Pieces {
    first: Bytes,
    joined: BytesMut,
    /// How long it is to be, where that was said, or nothing.
    announced: usize,
}

/// Room is made for what was announced, but for no more than so many times what has come: that is what counts against the
/// budget, and who announces much and sends little gets little.
const AHEAD: usize = 4;

impl Pieces {
    /// Of a body that is announced with this length.
    fn announced(length: Option<u64>) -> Self {
        let announced = length.and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        Self { announced, ..Self::default() }
    }

    fn length(&self) -> usize {
        self.first.len().max(self.joined.len())
    }

    fn add(&mut self, piece: Bytes) {
        if self.length() == 0 {
            self.first = piece;
            return;
        }
        let first = std::mem::take(&mut self.first);
        if self.joined.is_empty() {
            self.joined.reserve(self.announced.min(AHEAD * (first.len() + piece.len())));
        }
        self.joined.extend_from_slice(&first);
        self.joined.extend_from_slice(&piece);
    }

    fn whole(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.freeze() }
    }
}

/// Reads what is left of a body that nobody wants, up to a bound.
pub(super) fn discard(mut body: Incoming) {
    if body.is_end_stream() {
        return;
    }
    tokio::spawn(timeout(DISCARD_WITHIN, async move {
        let mut discarded = 0;
        while let Some(Ok(frame)) = body.frame().await {
            discarded += frame.data_ref().map_or(0, Bytes::len);
            if discarded > MOST_DISCARDED {
                return;
            }
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_put_together_whatever_was_announced_and_get_no_more_room_than_they_earned() {
        for announced in [None, Some(0), Some(5), Some(9), Some(4 << 20), Some(u64::MAX)] {
            let mut pieces = Pieces::announced(announced);
            for piece in ["one", "", " and", " two"] {
                pieces.add(Bytes::from_static(piece.as_bytes()));
            }
            assert!(pieces.joined.capacity() <= 64, "{announced:?}: {}", pieces.joined.capacity());
            assert_eq!(pieces.whole(), "one and two", "{announced:?}");
        }
    }
}
