//! One stream from server to agent, spoken into by a test.

use bytes::Bytes;

use super::body::Pieces;

/// The relay's end of a stream.
#[derive(Clone, Debug)]
pub struct Mouth(Pieces);

impl Mouth {
    pub(super) fn of(streams: &[(String, Pieces)], name: &str) -> Option<Self> {
        let found = streams.iter().rev().find(|(of, stream)| of == name && !stream.is_closed());
        found.map(|(_, stream)| Self(stream.clone()))
    }

    /// Says this, word by word, as soon as what was said before is on its way. Whether anybody listens.
    pub async fn say(&self, text: String) -> bool {
        self.0.send(Ok(Bytes::from(text))).await.is_ok()
    }

    /// Whether nobody listens any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.is_closed()
    }
}
