//! How calls end: who learns that one was answered, came to nothing, or was refused for its token.

use alloc::string::{String, ToString};

use super::{Answered, Down, Facts, Purpose};
use crate::ids::CallId;
use crate::jsonrpc::{Id, Response, code};
use crate::proxy::Proxy;

impl Proxy {
    /// Nothing came back from the relay itself.
    pub(super) fn on_down(&mut self, purpose: Purpose, down: &Down) {
        self.on_relay_failure(&purpose, down);
        self.undelivered(purpose, down);
    }

    /// Whoever waits for a call with this purpose learns that it came to nothing.
    pub(crate) fn undelivered(&mut self, purpose: Purpose, down: &Down) {
        match purpose {
            Purpose::Pass(exchange) => self.respond_unreachable(exchange, down.sent, &down.reason),
            Purpose::Initialized(exchange) => self.on_initialized_undelivered(exchange),
            Purpose::Ping(exchange) => self.respond_result(exchange, "{}"),
            Purpose::Greet(exchange) => self.greet_from_memory(exchange),
            Purpose::Discover(exchange, _) => self.discover_from_memory(exchange),
            Purpose::List(exchange, cursor) => self.list_from_memory(exchange, cursor.as_deref(), down),
            Purpose::Write => self.on_write_undelivered(down),
            Purpose::Deliver(place) => self.on_delivery_undelivered(place, down),
            Purpose::Open(session) | Purpose::Opened(session) => self.on_session_unreachable(&session, down),
            Purpose::Listen(stream) => self.on_upstream_broken(stream),
            Purpose::Fetch => self.on_fetch_failed(&down.reason),
            Purpose::Probe | Purpose::Close => {}
        }
    }

    /// An answer was read to its end.
    pub(super) fn on_answered(&mut self, call: CallId, purpose: Purpose, facts: Facts, answered: Answered) {
        match purpose {
            Purpose::Greet(exchange) => self.on_greeted(exchange, call, facts, answered),
            Purpose::Discover(exchange, probe) => self.on_discovered(exchange, probe, call, facts, answered),
            Purpose::List(exchange, cursor) => self.on_listed(exchange, call, cursor, facts, answered),
            Purpose::Write => self.on_write_answered(call, facts, answered),
            Purpose::Deliver(place) => self.on_delivery_answered(place, &facts, &answered),
            Purpose::Open(session) => self.on_session_answered(&session, facts, &answered),
            Purpose::Listen(stream) => self.on_upstream_broken(stream),
            Purpose::Fetch => self.on_fetched(facts.status, &answered),
            Purpose::Pass(_)
            | Purpose::Initialized(_)
            | Purpose::Ping(_)
            | Purpose::Opened(_)
            | Purpose::Probe
            | Purpose::Close => {}
        }
    }

    /// Whoever waits for a call with this purpose learns that the token was refused.
    pub(crate) fn refused(&mut self, purpose: Purpose, words: &Words) {
        match purpose {
            Purpose::Discover(exchange, _) if !self.is_relay_modern() => self.answer_not_modern(exchange),
            Purpose::Pass(exchange)
            | Purpose::Initialized(exchange)
            | Purpose::Ping(exchange)
            | Purpose::Greet(exchange)
            | Purpose::Discover(exchange, _)
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
    pub(super) fn on_acknowledged(&mut self, purpose: Purpose) {
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
pub(super) fn relay_error(body: &[u8]) -> Words {
    let response = core::str::from_utf8(body).ok().and_then(Response::parse);
    let own = || Words { code: code::TOKEN_REFUSED, message: "relay refused the token".into(), data: None };
    let Some(response) = response else { return own() };
    let (Some(code), Some(message)) = (response.error_code(), response.error_message()) else { return own() };
    let error = response.error.and_then(crate::jsonrpc::Object::parse);
    Words { code, message, data: error.and_then(|error| error.get("data").map(ToString::to_string)) }
}

/// The id in the text of a response, for those who must answer under another one.
pub(crate) fn with_id(response: &str, id: &Id) -> Option<String> {
    Some(crate::jsonrpc::set_member(&Response::parse(response)?.envelope, "id", id.text()))
}
