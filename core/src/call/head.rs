//! The head of an answer: whether it is one, and what becomes of the rest: sent again, spliced or read.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Down, Facts, Loss, Purpose, Reading};
use crate::action::Action;
use crate::headers::{self, CONTENT_TYPE, Header, HeaderEdit, RETRY_AFTER, SESSION_ID};
use crate::ids::{CallId, ExchangeId};
use crate::input::{RelayHead, Sent};
use crate::mcp::sse::EVENT_STREAM;
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
                let down = Down { sent: Sent::Unknown, loss: Loss::Away, reason, retry_after };
                self.on_down(call.errand.purpose, &down);
            }
            return;
        }
        self.on_relay_answered(call);
        self.rearm(call);
        match head.status {
            401 | 403 if head.token_changed && self.send_again_with_token(call) => {}
            404 if self.send_again_in_new_session(call) => {}
            401 => self.on_token_refused(call, head),
            _ => self.take_answer(call, head),
        }
    }

    /// A plain answer went to whom it was for.
    pub(crate) fn on_passed(&mut self, call: CallId) {
        let exchange = self.calls.get(&call).and_then(|known| known.errand.purpose.passes_to());
        if let Some(exchange) = exchange {
            self.on_relay_answered(call);
            self.end_passed(call, exchange);
        }
    }

    /// The relay refused a token that is not the live one any more: once more with that (B-2.7).
    fn send_again_with_token(&mut self, call: CallId) -> bool {
        if self.calls.get(&call).is_none_or(|known| known.errand.tried.token) {
            return false;
        }
        let Some(mut known) = self.cancel(call) else { return false };
        known.errand.tried.token = true;
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
            Purpose::Listen(stream) => !self.may_lose_upstream_session(stream),
            Purpose::Deliver(place) if known.errand.tried.session => {
                return self.deliver_again_in_new_session(call, place);
            }
            _ => known.errand.tried.session,
        };
        if is_retried || matches!(known.errand.purpose, Purpose::Close | Purpose::Opened(_)) {
            return false;
        }
        if !self.sessions.lose(session, relay_session) {
            return false;
        }
        let Some(mut known) = self.cancel(call) else { return false };
        if let Purpose::Listen(stream) = known.errand.purpose {
            self.on_upstream_session_lost(stream);
            return true;
        }
        known.errand.tried.session = true;
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
                self.read(call, head, false);
                self.limit_time(call);
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
            Purpose::Greet(exchange) | Purpose::List(exchange, _) if !is_success => Some(*exchange),
            Purpose::Pass(_) | Purpose::Initialized(_) | Purpose::Ping(_) => known.errand.purpose.passes_to(),
            Purpose::Greet(_)
            | Purpose::List(..)
            | Purpose::Discover(..)
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
                self.on_upstream_open(stream, call);
                return self.read(call, head, true);
            }
            403 => self.on_upstream_refused(stream),
            status if is_passing(status) => self.on_upstream_broken(stream),
            _ => self.on_upstream_absent(stream),
        }
        self.cancel(call);
    }

    fn read(&mut self, call: CallId, head: &RelayHead, is_stream: bool) {
        let facts = Facts {
            status: head.status,
            session: headers::value(&head.headers, SESSION_ID).map(String::from),
            retry_after: retry_after(head),
            edits: self.session_edits(call, head),
            event: None,
        };
        if let Some(known) = self.calls.get_mut(&call) {
            known.reading = Some(Reading::new(facts, self.now, is_stream));
            self.actions.push(Action::Read { call });
        }
    }

    fn splice(&mut self, call: CallId, exchange: ExchangeId, head: &RelayHead) {
        let edits = self.session_edits(call, head);
        self.end_passed(call, exchange);
        self.actions.push(Action::Splice { call, exchange, edits });
    }

    /// The host has the rest of the answer to itself.
    fn end_passed(&mut self, call: CallId, exchange: ExchangeId) {
        self.take_call(call);
        self.sessions.forget_expected(exchange);
        self.exchanges.remove(&exchange);
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
}

fn is_stream(head: &RelayHead) -> bool {
    let content_type = headers::value(&head.headers, CONTENT_TYPE).unwrap_or_default();
    content_type.get(..EVENT_STREAM.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(EVENT_STREAM))
}

/// Whether a status says nothing of what was asked, only that it was not the time for it (B-5.8).
pub(crate) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..)
}

/// The relay's wish for a pause, in seconds; hosts turn dates into seconds. An hour at the most.
pub(crate) fn retry_after(head: &RelayHead) -> Option<Duration> {
    let seconds: u64 = headers::value(&head.headers, RETRY_AFTER)?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(3600)))
}
