//! The relay's side of a stream: opened for the agent's, opened again when it breaks, closed with it (B-7.1,
//! B-7.2).

use alloc::string::String;
use core::time::Duration;

use super::Kind;
use crate::ids::{CallId, ExchangeId};
use crate::jsonrpc::{Message, Parsed};
use crate::mcp::sse::Event;
use crate::proxy::Proxy;
use crate::status::Why;
use crate::time::{Timestamp, doubled, millis};

/// The bound of the first wait before a broken stream is opened again; doubled each time, up to the
/// configured bound of the probe's wait.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// How often in a row a relay may know nothing of a session that it gave: more than that says that it has no stream
/// there.
const MOST_LOST_SESSIONS: u32 = 3;

/// What a relay may ask for with `retry` at the most.
const MOST_RETRY: Duration = Duration::from_secs(60);

/// The relay's stream behind one of the agent's.
#[derive(Clone, Debug, Default)]
pub(super) struct Upstream {
    call: Option<CallId>,
    /// Since when it is open.
    open_since: Option<Timestamp>,
    /// It was open before: what the relay said since then was not heard.
    has_gap: bool,
    last_event: LastEvent,
    failures: u32,
    /// How long the relay wants to be left alone between two streams (SSE, `retry`).
    retry: Duration,
    /// How often in a row it was asked for in a session that the relay had forgotten (B-6.1).
    lost_sessions: u32,
    /// The relay has no such stream.
    is_absent: bool,
}

/// Where the relay's next stream goes on.
#[derive(Clone, Debug, Default)]
pub(super) enum LastEvent {
    /// Where the agent asked for.
    #[default]
    AsAsked,
    /// After this event.
    After(String),
    /// Nowhere: the relay forgot what came before.
    Forgotten,
}

impl Proxy {
    /// Asks the relay for its stream.
    pub(crate) fn open_upstream(&mut self, exchange: ExchangeId) {
        let Some(stream) = self.streams.open.get(&exchange) else { return };
        if self.draining || stream.upstream.is_absent || stream.upstream.call.is_some() {
            return;
        }
        let errand = match &stream.kind {
            Kind::Legacy(_) => self.legacy_upstream(exchange, &stream.upstream.last_event),
            Kind::Modern(_) => self.modern_upstream(exchange),
        };
        if let Some(errand) = errand {
            self.send(errand);
        }
    }

    /// The call for the relay's stream was sent.
    pub(crate) fn on_upstream_called(&mut self, exchange: ExchangeId, call: CallId) {
        let Some(stream) = self.streams.open.get_mut(&exchange) else { return };
        stream.upstream.call = Some(call);
        // A modern agent waits for its acknowledgement, so its relay must begin to answer in time. A legacy
        // relay may keep the head until it has an event.
        if matches!(stream.kind, Kind::Modern(_)) {
            self.limit_time(call);
        }
    }

    /// The relay has such a stream.
    pub(crate) fn on_upstream_open(&mut self, exchange: ExchangeId, call: CallId) {
        self.timers.clear(Why::CallTimeout(call));
        let Some(stream) = self.streams.open.get_mut(&exchange) else { return };
        stream.upstream.lost_sessions = 0;
        stream.upstream.open_since = Some(self.now);
        if core::mem::take(&mut stream.upstream.has_gap) {
            // A relay that closes every stream at once is asked less and less often.
            let wait = doubled(FIRST_WAIT, stream.upstream.failures).min(self.config.paused_retry);
            self.fetch_after_gap(wait);
        }
    }

    /// Whether one more session may help.
    pub(crate) fn may_lose_upstream_session(&self, exchange: ExchangeId) -> bool {
        let lost = self.streams.open.get(&exchange).map(|stream| stream.upstream.lost_sessions);
        lost.is_some_and(|lost| lost < MOST_LOST_SESSIONS)
    }

    /// The relay has no such stream, and says so: the agent's goes on without (B-7.1).
    pub(crate) fn on_upstream_absent(&mut self, exchange: ExchangeId) {
        if let Some(stream) = self.streams.open.get_mut(&exchange) {
            stream.upstream.call = None;
            stream.upstream.is_absent = true;
            self.acknowledge_alone(exchange);
        }
    }

    /// The relay's stream broke, or did not open: it is opened again, and the agent sees nothing of it.
    pub(crate) fn on_upstream_broken(&mut self, exchange: ExchangeId) {
        if let Some(stream) = self.streams.open.get_mut(&exchange) {
            // The relay may be another one by then.
            stream.upstream.lost_sessions = 0;
        }
        self.open_upstream_later(exchange);
    }

    fn open_upstream_later(&mut self, exchange: ExchangeId) {
        let Some(stream) = self.streams.open.get_mut(&exchange) else { return };
        stream.upstream.call = None;
        if let Some(since) = stream.upstream.open_since.take() {
            stream.upstream.has_gap = true;
            if self.now.since(since) >= self.config.probe_every {
                stream.upstream.failures = 0;
            }
        }
        let most = doubled(FIRST_WAIT, stream.upstream.failures).min(self.config.probe_every);
        stream.upstream.failures = stream.upstream.failures.saturating_add(1);
        let wait = Duration::from_millis(self.random.up_to(millis(most))).max(stream.upstream.retry);
        self.timers.set(Why::Upstream(exchange), self.now + wait);
        self.acknowledge_ahead(exchange);
    }

    /// The relay refused the token: it is asked again when there is another one, and slowly until then.
    pub(crate) fn on_upstream_refused(&mut self, exchange: ExchangeId) {
        let Some(stream) = self.streams.open.get_mut(&exchange) else { return };
        stream.upstream.call = None;
        self.timers.set(Why::Upstream(exchange), self.now + self.config.paused_retry);
        self.acknowledge_ahead(exchange);
    }

    /// The relay forgot the session: its next stream is one of a new session, which knows nothing of the old events.
    /// Where it has just done so already, it is given time to come to itself.
    pub(crate) fn on_upstream_session_lost(&mut self, exchange: ExchangeId) {
        let Some(stream) = self.streams.open.get_mut(&exchange) else { return };
        stream.upstream.call = None;
        stream.upstream.last_event = LastEvent::Forgotten;
        stream.upstream.lost_sessions += 1;
        match stream.upstream.lost_sessions {
            1 => self.open_upstream(exchange),
            _ => self.open_upstream_later(exchange),
        }
    }

    /// A session was opened at the relay, again or late: its streams begin there, with no events of another one.
    /// One that waits does not wait for long any more, since whatever it waits for may have passed.
    pub(crate) fn renew_upstreams(&mut self, session: &str) {
        for exchange in self.streams.of_session(session) {
            let Some(stream) = self.streams.open.get_mut(&exchange) else { continue };
            stream.upstream.last_event = LastEvent::Forgotten;
            let soon = self.now + self.config.probe_every.max(stream.upstream.retry);
            if let Some(call) = stream.upstream.call.take() {
                self.cancel(call);
            }
            match self.timers.is_set(Why::Upstream(exchange)) {
                true => self.timers.set_at_latest(Why::Upstream(exchange), soon),
                false => self.open_upstream(exchange),
            }
        }
    }

    /// An event of the relay's stream: passed on as it is, but for what is ours to tell.
    pub(crate) fn on_upstream_event(&mut self, exchange: ExchangeId, event: &Event) {
        let Some(stream) = self.streams.open.get_mut(&exchange) else { return };
        if event.data.as_deref().is_some_and(|data| !data.is_empty()) {
            stream.upstream.failures = 0;
        }
        if let Some(retry) = event.retry() {
            stream.upstream.retry = retry.min(MOST_RETRY);
        }
        if let Some(id) = event.id() {
            stream.upstream.last_event = LastEvent::After(id.into());
        }
        let is_modern = matches!(stream.kind, Kind::Modern(_));
        match event.data.as_deref().map_or(Said::Other, |data| said(data, is_modern)) {
            Said::MenuChanged => self.fetch_menus_anew(),
            Said::Acknowledged => {
                self.acknowledge_with(exchange, event.data.as_deref().unwrap_or_default());
            }
            // It begins anew as soon as the relay has closed it.
            Said::Ended => {}
            Said::Other => {
                self.acknowledge_ahead(exchange);
                self.answer_chunk(exchange, event.raw.clone());
            }
        }
    }

    /// Closes the relay's stream.
    pub(super) fn close_upstream(&mut self, exchange: ExchangeId, upstream: &Upstream) {
        self.timers.clear(Why::Upstream(exchange));
        self.sessions.forget_waiting(exchange);
        if let Some(call) = upstream.call {
            self.cancel(call);
        }
    }

    /// Opens all broken streams again at once: the relay is back.
    pub(crate) fn hurry_upstreams(&mut self) {
        let streams: alloc::vec::Vec<ExchangeId> = self.streams.open.keys().copied().collect();
        for stream in streams {
            if self.timers.is_set(Why::Upstream(stream)) {
                self.timers.set(Why::Upstream(stream), self.now);
            }
        }
    }
}

/// What an event of the relay's stream says, as far as it concerns the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// The relay's menu has changed; whether the agent's has too is for us to find out (B-4.6).
    MenuChanged,
    /// The relay's subscription is acknowledged; ours may be so already.
    Acknowledged,
    /// The relay's subscription has ended; ours has not.
    Ended,
    /// Anything else.
    Other,
}

fn said(data: &str, is_modern: bool) -> Said {
    let Ok(parsed) = Parsed::parse(data.as_bytes()) else { return Said::Other };
    match &parsed.message {
        Message::Notification { method } if method == "notifications/tools/list_changed" => Said::MenuChanged,
        Message::Notification { method }
            if is_modern && method == "notifications/subscriptions/acknowledged" =>
        {
            Said::Acknowledged
        }
        Message::Response if is_modern => Said::Ended,
        Message::Notification { .. } | Message::Response | Message::Request { .. } => Said::Other,
    }
}
