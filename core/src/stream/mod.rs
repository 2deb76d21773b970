//! Server to agent (B-7): the agent's event streams, each fed by the proxy and, where the relay has one, by
//! the relay's own stream.

mod legacy;
mod modern;
mod upstream;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;

use crate::action::AnswerHead;
use crate::headers::Header;
use crate::ids::ExchangeId;
use crate::jsonrpc::{self, Id, code};
use crate::map::Map;
use crate::mcp::sse;
use crate::menu::Viewer;
use crate::proxy::Proxy;
use crate::status::Why;

use upstream::Upstream;

const LIST_CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

/// The open streams.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {
    open: Map<ExchangeId, Stream>,
}

/// One stream.
#[derive(Clone, Debug)]
struct Stream {
    kind: Kind,
    upstream: Upstream,
}

/// How a stream was asked for.
#[derive(Clone, Debug)]
enum Kind {
    /// GET, in this session or in none (B-7.1).
    Legacy(Option<String>),
    /// `subscriptions/listen` (B-7.2).
    Modern(Subscription),
}

/// What a modern agent subscribed to.
#[derive(Clone, Debug)]
struct Subscription {
    /// The id of its request, which every message on the stream names.
    id: Id,
    /// Whether it wants to hear of changes of the menu.
    wants_tools: bool,
    /// What it asked for, a JSON text.
    filter: String,
    /// It was told which part of that it gets: before, nothing else may be sent.
    is_acknowledged: bool,
}

impl Streams {
    pub(crate) fn count(&self) -> usize {
        self.open.len()
    }

    /// Whether a stream of this session is open.
    pub(crate) fn has(&self, session: &str) -> bool {
        self.open.values().any(|stream| stream.is_of(session))
    }

    fn of_session(&self, session: &str) -> Vec<ExchangeId> {
        self.open.iter().filter(|(_, stream)| stream.is_of(session)).map(|(id, _)| *id).collect()
    }

    /// The streams on which this viewer hears of its menu.
    fn of(&self, viewer: &Viewer) -> Vec<ExchangeId> {
        self.open.iter().filter(|(_, stream)| stream.tells(viewer)).map(|(id, _)| *id).collect()
    }
}

impl Stream {
    fn is_of(&self, session: &str) -> bool {
        matches!(&self.kind, Kind::Legacy(Some(of)) if of == session)
    }

    fn tells(&self, viewer: &Viewer) -> bool {
        match (&self.kind, viewer) {
            (Kind::Legacy(session), Viewer::Legacy(viewer)) => session == viewer,
            (Kind::Modern(subscription), Viewer::Modern) => {
                subscription.wants_tools && subscription.is_acknowledged
            }
            (Kind::Legacy(_), Viewer::Modern) | (Kind::Modern(_), Viewer::Legacy(_)) => false,
        }
    }
}

impl Proxy {
    /// Opens a stream, unless there are too many (B-1.7). Whether it is open.
    fn open_stream(&mut self, exchange: ExchangeId, kind: Kind) -> bool {
        if self.streams.count() >= self.config.limits.streams {
            self.refuse_stream(exchange);
            return false;
        }
        self.streams.open.insert(exchange, Stream { kind, upstream: Upstream::default() });
        self.begin_answer(exchange, stream_head());
        self.timers.set_at_latest(Why::Keepalive, self.now + self.config.keepalive);
        true
    }

    fn refuse_stream(&mut self, exchange: ExchangeId) {
        let sentence = "too many event streams are open (--max-streams): close one first";
        let id = self.id_of(exchange);
        let body = jsonrpc::error_response(id.as_ref(), code::INVALID_REQUEST, sentence, None);
        let headers =
            alloc::vec![Header::new("content-type", "application/json"), Header::new("retry-after", "1")];
        self.answer(exchange, AnswerHead::Own { status: 429, headers }, body);
    }

    /// Tells this viewer's streams that its menu has changed; says how many there were.
    pub(crate) fn tell_streams(&mut self, viewer: &Viewer) -> usize {
        let streams = self.streams.of(viewer);
        for stream in &streams {
            let event = match self.streams.open.get(stream).map(|stream| &stream.kind) {
                Some(Kind::Modern(subscription)) => subscription.list_changed(),
                Some(Kind::Legacy(_)) | None => sse::event(LIST_CHANGED),
            };
            self.answer_chunk(*stream, event);
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

    /// The agent left a stream: the relay's is closed too.
    pub(crate) fn close_stream(&mut self, exchange: ExchangeId) {
        if let Some(stream) = self.streams.open.remove(&exchange) {
            self.close_upstream(exchange, &stream.upstream);
        }
    }

    /// The session has ended, and its streams with it.
    pub(crate) fn end_streams_of(&mut self, session: &str) {
        let ended = self.streams.of(&Viewer::Legacy(Some(session.into())));
        for stream in ended {
            self.end_stream(stream);
        }
    }

    /// Shutdown: all streams end, those of modern agents with a result (B-7.2, B-8.4).
    pub(crate) fn end_streams(&mut self) {
        let streams: Vec<ExchangeId> = self.streams.open.keys().copied().collect();
        for stream in streams {
            self.end_stream(stream);
        }
    }

    fn end_stream(&mut self, exchange: ExchangeId) {
        let Some(stream) = self.streams.open.remove(&exchange) else { return };
        self.close_upstream(exchange, &stream.upstream);
        if let Kind::Modern(subscription) = &stream.kind {
            self.answer_chunk(exchange, subscription.end());
        }
        self.answer_end(exchange);
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
