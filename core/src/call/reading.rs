//! The answer of a call as the machine reads it: one JSON text, or a stream of events.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::headers::HeaderEdit;
use crate::jsonrpc::{Id, Response};
use crate::mcp::sse::{Decoder, Event};
use crate::time::Timestamp;

/// What the head of an answer told.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The session that the relay names.
    pub(crate) session: Option<String>,
    /// How long the relay wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// What to change in the head when it goes on to the agent.
    pub(crate) edits: Vec<HeaderEdit>,
    /// The event that the response came in, where the answer is a stream.
    pub(crate) event: Option<Event>,
}

/// An answer that is being read.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// What its head told.
    pub(crate) facts: Facts,
    /// When its head came.
    pub(crate) begun: Timestamp,
    /// The relay refused the token, and only its words are wanted (B-2.7).
    pub(crate) refused: bool,
    /// The response came in an event; what else comes is of no interest.
    pub(crate) settled: bool,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Text(BytesMut),
    Events(Decoder),
}

impl Reading {
    /// An answer with this head, written as one text or as events.
    pub(crate) fn new(facts: Facts, begun: Timestamp, is_stream: bool) -> Self {
        let body = if is_stream { Body::Events(Decoder::default()) } else { Body::Text(BytesMut::new()) };
        Self { facts, begun, refused: false, settled: false, body }
    }

    /// Takes the next bytes; gives the events that they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        match &mut self.body {
            Body::Text(text) => {
                text.extend_from_slice(bytes);
                Vec::new()
            }
            Body::Events(decoder) => decoder.feed(bytes),
        }
    }

    /// The event that is complete with the end of the answer.
    pub(crate) fn finish(&mut self) -> Option<Event> {
        match &mut self.body {
            Body::Text(_) => None,
            Body::Events(decoder) => decoder.finish(),
        }
    }

    /// How many bytes are held.
    pub(crate) fn held(&self) -> usize {
        match &self.body {
            Body::Text(text) => text.len(),
            Body::Events(decoder) => decoder.held(),
        }
    }

    /// Whether it is a stream of events.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.body, Body::Events(_))
    }

    /// The text, at the end of the answer; what is left of an event where it is a stream.
    pub(crate) fn into_rest(self) -> Bytes {
        match self.body {
            Body::Text(text) => text.freeze(),
            Body::Events(mut decoder) => decoder.rest(),
        }
    }
}

/// Whether an event carries the response to this request.
pub(crate) fn answers(event: &Event, id: &Id) -> bool {
    event.data.as_deref().and_then(Response::parse).is_some_and(|response| response.answers(id))
}
