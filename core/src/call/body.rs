//! The body of an answer that is read: one JSON text, or events that go on to the agent as they come until
//! one of them is the response.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::outcome::relay_error;
use super::reading::answers;
use super::{Answered, Call, Down, Loss, Purpose, Reading};
use crate::action::AnswerHead;
use crate::headers::{Header, HeaderEdit, SESSION_ID};
use crate::ids::{CallId, ExchangeId};
use crate::input::{RelayFailure, Sent};
use crate::mcp::sse::Event;
use crate::proxy::Proxy;
use crate::time::millis;

/// A text that comes in drops may take so many times the relay's timeout. A stream may take as long as it
/// brings events; comments are none.
const MOST_TIMEOUTS: u32 = 6;

impl Proxy {
    pub(crate) fn on_relay_chunk(&mut self, call: CallId, bytes: &Bytes) {
        let limit = self.config.limits.answer_bytes;
        let patience = self.config.relay_timeout * MOST_TIMEOUTS;
        let Some(reading) = self.calls.get_mut(&call).and_then(|known| known.reading.as_mut()) else {
            return;
        };
        self.relay.heard(self.now);
        if reading.settled {
            return;
        }
        let events = reading.feed(bytes);
        let is_progress = match reading.is_stream() {
            true => events.iter().any(|event| event.data.as_deref().is_some_and(|data| !data.is_empty())),
            false => self.now.since(reading.begun) < patience,
        };
        if reading.held() > limit {
            return self.on_too_large(call);
        }
        if is_progress {
            self.rearm(call);
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
        let id = match &known.errand.purpose {
            Purpose::Write => self.lane.flight_id(),
            _ => exchange.map_or(known.own_id.clone(), |exchange| self.id_of(exchange)),
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
        if let Purpose::Greet(exchange) = known.errand.purpose {
            let id = facts.session.unwrap_or_else(|| self.own_session_id());
            edits.push(HeaderEdit::Set(Header::new(SESSION_ID, id.clone())));
            self.sessions.tell(exchange, id);
        }
        edits
    }

    pub(crate) fn on_relay_end(&mut self, call: CallId) {
        let reading = self.calls.get_mut(&call).and_then(|known| known.reading.as_mut());
        if let Some(event) = reading.and_then(Reading::finish) {
            self.on_event(call, &event);
        }
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
            let down = Down { sent: Sent::Unknown, loss: Loss::Broken, reason, retry_after: None };
            return self.on_down(purpose, &down);
        }
        let facts = reading.facts.clone();
        let body = reading.into_rest();
        self.on_answered(call, purpose, facts, Answered::Whole(body));
    }

    pub(crate) fn on_relay_failed(&mut self, call: CallId, failure: RelayFailure) {
        let Some(known) = self.take_call(call) else { return };
        let RelayFailure { sent, reason } = failure;
        let loss = match sent {
            Sent::No => Loss::Away,
            Sent::Unknown => Loss::Broken,
        };
        if loss == Loss::Broken && self.send_again_on_new_connection(&known) {
            return;
        }
        let has_head = known.reading.is_some();
        let down = Down { sent, loss, reason, retry_after: None };
        if self.hold_refused(&known, &down) {
            return;
        }
        self.on_broken_off(*known, &down);
        if has_head {
            self.release(call);
        }
    }

    pub(crate) fn on_call_timeout(&mut self, call: CallId) {
        let Some(known) = self.cancel(call) else { return };
        let patience = known.patience(&self.config);
        let reason = format!("no answer within {} ms", millis(patience));
        let down = Down { sent: Sent::Unknown, loss: Loss::Silent, reason, retry_after: None };
        self.on_broken_off(*known, &down);
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
}
