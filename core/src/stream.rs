//! The agent's legacy event streams (B-7.1).

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;

use crate::action::AnswerHead;
use crate::headers::Header;
use crate::ids::ExchangeId;
use crate::jsonrpc::{self, code};
use crate::mcp::sse;
use crate::proxy::Proxy;
use crate::status::Why;

const LIST_CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

/// The open streams, each with the session that it belongs to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {
    open: BTreeMap<ExchangeId, Option<String>>,
}

impl Streams {
    pub(crate) fn count(&self) -> usize {
        self.open.len()
    }

    /// Whether a stream of this session is open.
    pub(crate) fn has(&self, session: &str) -> bool {
        self.open.values().any(|of| of.as_deref() == Some(session))
    }

    /// The streams of this session; those without a session where it is `None`.
    fn of(&self, session: Option<&str>) -> Vec<ExchangeId> {
        self.open.iter().filter(|(_, of)| of.as_deref() == session).map(|(stream, _)| *stream).collect()
    }
}

impl Proxy {
    /// GET: opens an event stream.
    pub(crate) fn on_get(&mut self, exchange: ExchangeId) {
        if self.refuse_lost_session(exchange) {
            return;
        }
        if self.streams.count() >= self.config.limits.streams {
            return self.refuse_stream(exchange);
        }
        let session = self.exchanges.get(&exchange).and_then(|known| known.session.clone());
        self.streams.open.insert(exchange, session.clone());
        self.begin_answer(exchange, stream_head());
        self.answer_chunk(exchange, sse::comment("connected"));
        self.timers.set_at_latest(Why::Keepalive, self.now + self.config.keepalive);
        self.begin_view(session.as_deref());
        self.tell_changes();
    }

    fn refuse_stream(&mut self, exchange: ExchangeId) {
        let sentence = "too many event streams are open (--max-streams): close one first";
        let body = jsonrpc::error_response(None, code::INVALID_REQUEST, sentence, None);
        let headers =
            alloc::vec![Header::new("content-type", "application/json"), Header::new("retry-after", "1")];
        self.answer(exchange, AnswerHead::Own { status: 429, headers }, body);
    }

    /// Tells the streams of this session that the menu has changed; says how many there were.
    pub(crate) fn tell_streams(&mut self, session: Option<&str>) -> usize {
        let streams = self.streams.of(session);
        for stream in &streams {
            self.answer_chunk(*stream, sse::event(LIST_CHANGED));
        }
        streams.len()
    }

    pub(crate) fn keep_streams_alive(&mut self) {
        let streams: Vec<ExchangeId> = self.streams.open.keys().copied().collect();
        let comment: Bytes = sse::comment("keepalive");
        for stream in &streams {
            self.answer_chunk(*stream, comment.clone());
        }
        if !streams.is_empty() {
            self.timers.set(Why::Keepalive, self.now + self.config.keepalive);
        }
    }

    /// The agent left a stream.
    pub(crate) fn close_stream(&mut self, exchange: ExchangeId) {
        self.streams.open.remove(&exchange);
    }

    /// The session has ended, and its streams with it.
    pub(crate) fn end_streams_of(&mut self, session: &str) {
        for stream in self.streams.of(Some(session)) {
            self.streams.open.remove(&stream);
            self.answer_end(stream);
        }
    }

    /// Shutdown: all streams end (B-8.4).
    pub(crate) fn end_streams(&mut self) {
        for (stream, _) in core::mem::take(&mut self.streams.open) {
            self.answer_end(stream);
        }
    }
}

/// The head of an event stream, sent before there is any event.
fn stream_head() -> AnswerHead {
    let headers = [
        ("content-type", sse::EVENT_STREAM),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
    ];
    AnswerHead::Own {
        status: 200,
        headers: headers.map(|(name, value)| Header::new(name, value.to_string())).into(),
    }
}
