//! How calls go: what the head of an answer decides, and who learns of the rest.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::reading::answers;
use super::{Answered, Call, Down, Facts, Purpose, Reading, own_id};
use crate::action::{Action, AnswerHead};
use crate::headers::{self, CONTENT_TYPE, Header, HeaderEdit, RETRY_AFTER, SESSION_ID};
use crate::ids::{CallId, ExchangeId};
use crate::input::{RelayFailure, RelayHead, Sent};
use crate::jsonrpc::{Id, Response, code};
use crate::mcp::sse::{EVENT_STREAM, Event};
use crate::observation::Observation;
use crate::proxy::Proxy;

/// The statuses of a gateway whose relay is away (BEHAVIOUR, *Down*).
const GATEWAY_STATUSES: [u16; 3] = [502, 503, 504];

impl Proxy {
    pub(crate) fn on_relay_head(&mut self, call: CallId, head: &RelayHead) {
        if !self.calls.contains_key(&call) {
            return;
        }
        if GATEWAY_STATUSES.contains(&head.status) {
            if let Some(call) = self.cancel(call) {
                let reason = format!("the relay's gateway answered {}", head.status);
                let retry_after = retry_after(head);
                let down = Down { sent: Sent::Unknown, reason, retry_after };
                self.on_down(call.errand.purpose, &down);
            }
            return;
        }
        self.on_relay_answered(self.calls.get(&call).is_some_and(|known| known.errand.purpose.is_forward()));
        self.rearm(call);
        match head.status {
            401 | 403 if head.token_changed && self.send_again_with_token(call) => {}
            404 if self.send_again_in_new_session(call) => {}
            401 => self.on_token_refused(call, head),
            _ => self.take_answer(call, head),
        }
    }

    /// The relay refused a token that is not the live one any more: once more with that (B-2.7).
    fn send_again_with_token(&mut self, call: CallId) -> bool {
        if self.calls.get(&call).is_none_or(|known| known.errand.token_retried) {
            return false;
        }
        let Some(mut known) = self.cancel(call) else { return false };
        known.errand.token_retried = true;
        self.send(known.errand);
        true
    }

    /// The relay forgot the session, so it did nothing: once more in a new one (B-6.1).
    fn send_again_in_new_session(&mut self, call: CallId) -> bool {
        let Some(known) = self.calls.get(&call) else { return false };
        let (Some(session), Some(relay_session)) = (&known.errand.session, &known.relay_session) else {
            return false;
        };
        let is_retried = match known.errand.purpose {
            Purpose::Listen(stream) => self.is_upstream_retried(stream),
            _ => known.errand.session_retried,
        };
        if is_retried || matches!(known.errand.purpose, Purpose::Close | Purpose::Opened(_)) {
            return false;
        }
        if !self.sessions.lose(session, relay_session) {
            return false;
        }
        let Some(mut known) = self.cancel(call) else { return false };
        if let Purpose::Listen(stream) = known.errand.purpose {
            self.forget_events(stream);
            self.open_upstream(stream);
            return true;
        }
        known.errand.session_retried = true;
        self.send(known.errand);
        true
    }

    /// 401, and there is no other token: the relay's own words are read for those who wait (B-2.7).
    fn on_token_refused(&mut self, call: CallId, head: &RelayHead) {
        self.observe(Observation::TokenRefused);
        let Some(known) = self.calls.get(&call) else { return };
        match known.errand.purpose {
            Purpose::Deliver(place) => {
                self.cancel(call);
                self.on_delivery_unauthorized(place, head.status);
            }
            Purpose::Probe | Purpose::Close => {
                self.cancel(call);
            }
            _ => {
                self.limit_time(call);
                self.read(call, head, false);
                if let Some(reading) = self.calls.get_mut(&call).and_then(|known| known.reading.as_mut()) {
                    reading.refused = true;
                }
            }
        }
    }

    /// Splices the answer, or reads it where a rule needs to.
    fn take_answer(&mut self, call: CallId, head: &RelayHead) {
        let Some(known) = self.calls.get(&call) else { return };
        let is_success = (200..300).contains(&head.status);
        if let Purpose::Listen(stream) = known.errand.purpose {
            return self.take_upstream(call, stream, head);
        }
        let exchange = match &known.errand.purpose {
            Purpose::Pass(exchange) | Purpose::Ping(exchange) => Some(*exchange),
            Purpose::Greet(exchange) | Purpose::List(exchange, _) if !is_success => Some(*exchange),
            Purpose::Greet(_)
            | Purpose::List(..)
            | Purpose::Discover(_)
            | Purpose::Write
            | Purpose::Deliver(_)
            | Purpose::Open(_)
            | Purpose::Listen(_)
            | Purpose::Fetch => None,
            Purpose::Opened(_) | Purpose::Probe | Purpose::Close => {
                if let Some(known) = self.cancel(call) {
                    self.on_acknowledged(known.errand.purpose);
                }
                return;
            }
        };
        if let Some(exchange) = exchange {
            return self.splice(call, exchange, head);
        }
        self.read(call, head, is_success && is_stream(head));
    }

    /// The relay's side of a stream: there is one, there is none, or there may be one later.
    fn take_upstream(&mut self, call: CallId, stream: ExchangeId, head: &RelayHead) {
        match head.status {
            200..300 if is_stream(head) => {
                self.on_upstream_open(stream);
                return self.read(call, head, true);
            }
            408 | 425 | 429 | 500.. => self.on_upstream_broken(stream),
            _ => self.on_upstream_absent(stream),
        }
        self.cancel(call);
    }

    fn read(&mut self, call: CallId, head: &RelayHead, is_stream: bool) {
        let facts = Facts {
            status: head.status,
            session: headers::value(&head.headers, SESSION_ID).map(String::from),
            told_session: None,
            retry_after: retry_after(head),
            edits: self.session_edits(call, head),
            event: None,
        };
        if let Some(known) = self.calls.get_mut(&call) {
            known.reading = Some(Reading::new(facts, is_stream));
            self.actions.push(Action::Read { call });
        }
    }

    fn splice(&mut self, call: CallId, exchange: ExchangeId, head: &RelayHead) {
        let edits = self.session_edits(call, head);
        self.take_call(call);
        self.sessions.forget_expected(exchange);
        self.exchanges.remove(&exchange);
        self.actions.push(Action::Splice { call, exchange, edits });
    }

    /// Where the relay names its session in an answer, the agent gets the name that it knows (B-6.1).
    fn session_edits(&self, call: CallId, head: &RelayHead) -> Vec<HeaderEdit> {
        let session = self.calls.get(&call).and_then(|known| known.errand.session.as_ref());
        match (session, headers::value(&head.headers, SESSION_ID)) {
            (Some(session), Some(named)) if session != named => {
                alloc::vec![HeaderEdit::Set(Header::new(SESSION_ID, session.clone()))]
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn on_relay_chunk(&mut self, call: CallId, bytes: &Bytes) {
        let limit = self.config.limits.answer_bytes;
        self.rearm(call);
        let Some(reading) = self.calls.get_mut(&call).and_then(|known| known.reading.as_mut()) else {
            return;
        };
        if reading.settled {
            return;
        }
        let events = reading.feed(bytes);
        if reading.held() > limit {
            return self.on_too_large(call);
        }
        for event in events {
            self.on_event(call, &event);
        }
    }

    /// There is more of an answer than is read.
    fn on_too_large(&mut self, call: CallId) {
        let Some(known) = self.cancel(call) else { return };
        let Some(reading) = known.reading else { return };
        match reading.refused {
            true => self.refused(known.errand.purpose, &relay_error(b"")),
            false => self.on_answered(call, known.errand.purpose, reading.facts, Answered::TooLarge),
        }
    }

    /// An event of an answer: the response that is waited for, or something that goes on to the agent.
    fn on_event(&mut self, call: CallId, event: &Event) {
        let Some(known) = self.calls.get(&call) else { return };
        let Some(reading) = &known.reading else { return };
        if reading.settled || reading.refused {
            return;
        }
        if let Purpose::Listen(stream) = known.errand.purpose {
            return self.on_upstream_event(stream, event);
        }
        let exchange = match &known.errand.purpose {
            Purpose::Write => self.lane.flight_origin(),
            purpose => purpose.exchange(),
        };
        let own = own_id();
        let id = match &known.errand.purpose {
            Purpose::Write => self.lane.flight_id(),
            _ => exchange.map_or(Some(own), |exchange| self.id_of(exchange)),
        };
        if id.is_some_and(|id| answers(event, &id)) {
            return self.on_response_event(call, event);
        }
        if let Some(exchange) = exchange {
            self.pass_event(call, exchange, event);
        }
    }

    /// The response came in an event, and goes on in one.
    fn on_response_event(&mut self, call: CallId, event: &Event) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        let Some(reading) = &mut known.reading else { return };
        reading.settled = true;
        let (purpose, mut facts) = (known.errand.purpose.clone(), reading.facts.clone());
        facts.event = Some(event.clone());
        let response = Bytes::from(event.data.clone().unwrap_or_default());
        self.on_answered(call, purpose, facts, Answered::Whole(response));
    }

    /// Something else came before the response, such as progress.
    fn pass_event(&mut self, call: CallId, exchange: ExchangeId, event: &Event) {
        if !self.exchanges.get(&exchange).is_some_and(|known| known.begun) {
            let edits = self.edits_of_begun(call);
            self.begin_answer(exchange, AnswerHead::OfCall { call, edits });
        }
        self.answer_chunk(exchange, event.raw.clone());
    }

    /// The header edits of an answer that begins before its response is there. A hello must name its session
    /// by then.
    fn edits_of_begun(&mut self, call: CallId) -> Vec<HeaderEdit> {
        let Some(known) = self.calls.get(&call) else { return Vec::new() };
        let Some(facts) = known.reading.as_ref().map(|reading| reading.facts.clone()) else {
            return Vec::new();
        };
        let mut edits = facts.edits;
        if matches!(known.errand.purpose, Purpose::Greet(_)) {
            let id = facts.session.unwrap_or_else(|| self.own_session_id());
            edits.push(HeaderEdit::Set(Header::new(SESSION_ID, id.clone())));
            if let Some(reading) = self.calls.get_mut(&call).and_then(|known| known.reading.as_mut()) {
                reading.facts.told_session = Some(id);
            }
        }
        edits
    }

    pub(crate) fn on_relay_end(&mut self, call: CallId) {
        let Some(mut known) = self.take_call(call) else { return };
        if let Some(reading) = known.reading.take().filter(|reading| !reading.settled) {
            self.on_read(call, known.errand.purpose.clone(), reading);
        }
        self.release(call);
    }

    /// An answer was read to its end, and nothing was settled by an event of it.
    fn on_read(&mut self, call: CallId, purpose: Purpose, reading: Reading) {
        if reading.refused {
            let words = relay_error(&reading.into_rest());
            return self.refused(purpose, &words);
        }
        if let Purpose::Listen(stream) = purpose {
            return self.on_upstream_broken(stream);
        }
        if reading.is_stream() {
            let reason = String::from("the relay's event stream ended without the response");
            return self.on_down(purpose, &Down { sent: Sent::Unknown, reason, retry_after: None });
        }
        let facts = reading.facts.clone();
        let body = reading.into_rest();
        self.on_answered(call, purpose, facts, Answered::Whole(body));
    }

    pub(crate) fn on_relay_failed(&mut self, call: CallId, failure: RelayFailure) {
        let Some(known) = self.take_call(call) else { return };
        let has_head = known.reading.is_some();
        self.on_broken_off(known, &Down { sent: failure.sent, reason: failure.reason, retry_after: None });
        if has_head {
            self.release(call);
        }
    }

    pub(crate) fn on_call_timeout(&mut self, call: CallId) {
        let Some(known) = self.cancel(call) else { return };
        let reason = format!("no answer within {} ms", self.config.relay_timeout.as_millis());
        self.on_broken_off(known, &Down { sent: Sent::Unknown, reason, retry_after: None });
    }

    /// No more of an answer comes. That says nothing where it told already what there was to know, and nothing
    /// of the relay's health where it is the end of a stream.
    fn on_broken_off(&mut self, call: Call, down: &Down) {
        match (call.errand.purpose, &call.reading) {
            (_, Some(reading)) if reading.settled => {}
            (purpose, Some(reading)) if reading.refused => self.refused(purpose, &relay_error(b"")),
            (Purpose::Listen(stream), Some(_)) => self.on_upstream_broken(stream),
            (purpose, _) => self.on_down(purpose, down),
        }
    }

    /// Nothing came back from the relay itself.
    fn on_down(&mut self, purpose: Purpose, down: &Down) {
        self.on_relay_failure(&down.reason);
        self.undelivered(purpose, down);
    }

    /// Whoever waits for a call with this purpose learns that it came to nothing.
    pub(crate) fn undelivered(&mut self, purpose: Purpose, down: &Down) {
        match purpose {
            Purpose::Pass(exchange) => self.respond_unreachable(exchange, down.sent, &down.reason),
            Purpose::Ping(exchange) => self.respond_result(exchange, "{}"),
            Purpose::Greet(exchange) => self.greet_from_memory(exchange),
            Purpose::Discover(exchange) => self.discover_from_memory(exchange),
            Purpose::List(exchange, cursor) => self.list_from_memory(exchange, cursor.as_deref(), down),
            Purpose::Write => self.on_write_undelivered(down),
            Purpose::Deliver(place) => self.on_delivery_failed(place, &down.reason, down.retry_after),
            Purpose::Open(session) | Purpose::Opened(session) => self.on_session_unreachable(&session, down),
            Purpose::Listen(stream) => self.on_upstream_broken(stream),
            Purpose::Fetch => self.on_fetch_failed(&down.reason),
            Purpose::Probe => self.probe_later(),
            Purpose::Close => {}
        }
    }

    /// An answer was read to its end.
    fn on_answered(&mut self, call: CallId, purpose: Purpose, facts: Facts, answered: Answered) {
        match purpose {
            Purpose::Greet(exchange) => self.on_greeted(exchange, call, facts, answered),
            Purpose::Discover(exchange) => self.on_discovered(exchange, call, facts, answered),
            Purpose::List(exchange, cursor) => self.on_listed(exchange, call, cursor, facts, answered),
            Purpose::Write => self.on_write_answered(call, facts, answered),
            Purpose::Deliver(place) => self.on_delivery_answered(place, &facts, &answered),
            Purpose::Open(session) => self.on_session_answered(&session, facts, &answered),
            Purpose::Listen(stream) => self.on_upstream_broken(stream),
            Purpose::Fetch => self.on_fetched(facts.status, &answered),
            Purpose::Pass(_) | Purpose::Ping(_) | Purpose::Opened(_) | Purpose::Probe | Purpose::Close => {}
        }
    }

    /// Whoever waits for a call with this purpose learns that the token was refused.
    pub(crate) fn refused(&mut self, purpose: Purpose, words: &Words) {
        match purpose {
            Purpose::Discover(exchange) if !self.is_relay_modern() => self.answer_not_modern(exchange),
            Purpose::Pass(exchange)
            | Purpose::Ping(exchange)
            | Purpose::Greet(exchange)
            | Purpose::Discover(exchange)
            | Purpose::List(exchange, _) => {
                self.sessions.forget_expected(exchange);
                self.respond_error(exchange, words.code, &words.message, words.data.as_deref());
            }
            Purpose::Write => self.on_write_refused(words),
            Purpose::Deliver(place) => self.on_delivery_unauthorized(place, 401),
            Purpose::Open(session) | Purpose::Opened(session) => self.on_session_refused(&session, words),
            Purpose::Listen(stream) => self.on_upstream_refused(stream),
            Purpose::Fetch => self.on_fetch_failed(&words.message),
            Purpose::Probe | Purpose::Close => {}
        }
    }

    /// The answers that nobody reads: that there is one is all.
    fn on_acknowledged(&mut self, purpose: Purpose) {
        if let Purpose::Opened(session) = purpose {
            self.on_session_open(&session);
        }
    }
}

/// A JSON-RPC error to hand on.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) data: Option<String>,
}

/// The relay's own JSON-RPC error where it sent one, else ours (B-2.7).
fn relay_error(body: &[u8]) -> Words {
    let response = core::str::from_utf8(body).ok().and_then(Response::parse);
    let own = || Words { code: code::TOKEN_REFUSED, message: "relay refused the token".into(), data: None };
    let Some(response) = response else { return own() };
    let (Some(code), Some(message)) = (response.error_code(), response.error_message()) else { return own() };
    let error = response.error.and_then(crate::jsonrpc::Object::parse);
    Words { code, message, data: error.and_then(|error| error.get("data").map(ToString::to_string)) }
}

fn is_stream(head: &RelayHead) -> bool {
    let content_type = headers::value(&head.headers, CONTENT_TYPE).unwrap_or_default();
    content_type.get(..EVENT_STREAM.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(EVENT_STREAM))
}

/// The relay's wish for a pause, in seconds; hosts turn dates into seconds. An hour at the most.
pub(crate) fn retry_after(head: &RelayHead) -> Option<Duration> {
    let seconds: u64 = headers::value(&head.headers, RETRY_AFTER)?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(3600)))
}

/// The id in the text of a response, for those who must answer under another one.
pub(crate) fn with_id(response: &str, id: &Id) -> Option<String> {
    Some(crate::jsonrpc::set_member(&Response::parse(response)?.envelope, "id", id.text()))
}
