//! The body of an answer: whole, or as it is made.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use super::recorded::Watch;

/// The relay broke its answer off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("broken off on purpose")
    }
}

impl std::error::Error for Broken {}

/// Where the pieces of an answer go; a full channel is back-pressure.
pub(super) type Pieces = mpsc::Sender<Result<Bytes, Broken>>;

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Outgoing {
    Whole(Option<Bytes>),
    Made { pieces: mpsc::Receiver<Result<Bytes, Broken>>, watch: Option<Watch> },
}

impl Outgoing {
    #[must_use]
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()).filter(|bytes| !bytes.is_empty()))
    }

    /// A body whose pieces come through a channel.
    #[must_use]
    pub(super) fn made(watch: Watch) -> (Self, Pieces) {
        let (sender, pieces) = mpsc::channel(1);
        (Self::Made { pieces, watch: Some(watch) }, sender)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Made { pieces, watch } => {
                let piece = std::task::ready!(pieces.poll_recv(context));
                if piece.is_none()
                    && let Some(watch) = watch.take()
                {
                    watch.answered();
                }
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Made { .. } => SizeHint::default(),
        }
    }
}
