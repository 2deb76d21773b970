//! Request bodies: read whole, within a size and a time (B-1.5, B-1.7).

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use relay_mcp_core::door::Refusal;
use tokio::time::timeout;

/// How much of a refused body is read and thrown away, so that the client gets to read the refusal instead
/// of a reset connection.
const MOST_DISCARDED: usize = 8 << 20;
/// And for how long.
const DISCARD_WITHIN: Duration = Duration::from_secs(5);

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(body: Incoming, limit: usize, within: Duration) -> Result<Bytes, Refusal> {
    let Ok(read) = timeout(within, collect(body, limit)).await else { return Err(Refusal::BodyTooSlow) };
    read
}

async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    let mut pieces: Vec<Bytes> = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        // A body that breaks off is the agent going away: nobody reads the refusal.
        let Ok(data) = frame.map_err(|_| Refusal::BodyTooSlow)?.into_data() else { continue };
        length += data.len();
        if length > limit {
            discard(body);
            return Err(Refusal::BodyTooLarge { limit });
        }
        pieces.push(data);
    }
    Ok(joined(pieces, length))
}

/// One piece is passed on as it is, so that small bodies are never copied.
fn joined(mut pieces: Vec<Bytes>, length: usize) -> Bytes {
    if pieces.len() <= 1 {
        return pieces.pop().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(length);
    for piece in pieces {
        whole.extend_from_slice(&piece);
    }
    whole.freeze()
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
