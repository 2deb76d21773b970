//! Exchanges: what the agent asked, and how it is answered. Each gets exactly one last action (B-9.1).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::action::{Action, AnswerHead};
use crate::call::Facts;
use crate::failure;
use crate::headers::{self, Header, SESSION_ID};
use crate::ids::{CallId, ExchangeId};
use crate::input::{AgentRequest, Method, Sent};
use crate::jsonrpc::{self, Id, Malformed, Message, Parsed, code};
use crate::mcp::{Era, sse};
use crate::proxy::Proxy;
use crate::session::Known;
use crate::write_ahead::Held;

/// What must be known of a request until it is answered.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// The id of its JSON-RPC request; a notification, a response, a GET and a DELETE have none.
    pub(crate) id: Option<Id>,
    pub(crate) era: Era,
    pub(crate) query: Option<String>,
    /// Its headers that concern the machine.
    pub(crate) headers: Vec<Header>,
    /// Its answer has begun, as a stream of events.
    pub(crate) begun: bool,
}

impl Exchange {
    /// The session id that the agent presented.
    pub(crate) fn session(&self) -> Option<&str> {
        headers::value(&self.headers, SESSION_ID)
    }

    /// Whether this is the session id that the agent presented, and no other beside it.
    pub(crate) fn names_session(&self, id: &str) -> bool {
        let mut given = self.headers.iter().filter(|header| header.name == SESSION_ID);
        given.next().is_some_and(|header| header.value == id) && given.next().is_none()
    }
}

impl Proxy {
    pub(crate) fn on_request(&mut self, exchange: ExchangeId, request: AgentRequest) {
        let AgentRequest { method, query, headers, body } = request;
        let known = Exchange { id: None, era: Era::Legacy, query, headers, begun: false };
        self.exchanges.insert(exchange, known);
        match method {
            Method::Get => self.on_get(exchange),
            Method::Delete => self.on_delete(exchange),
            Method::Post => match Parsed::parse(&body) {
                Ok(parsed) => self.on_message(exchange, &parsed),
                Err(why) => self.answer_malformed(exchange, why),
            },
        }
    }

    fn on_message(&mut self, exchange: ExchangeId, parsed: &Parsed<'_>) {
        let params = parsed.params();
        let era = Era::of_params(params);
        if let Some(known) = self.exchanges.get_mut(&exchange) {
            known.era = era;
            if let Message::Request { id, .. } = &parsed.message {
                known.id = Some(id.clone());
            }
        }
        let is_hello = matches!(&parsed.message, Message::Request { method, .. } if method == "initialize");
        if !is_hello && self.refuse_lost_session(exchange) {
            return;
        }
        match &parsed.message {
            Message::Request { method, .. } => match method.as_ref() {
                "initialize" => self.greet(exchange, parsed),
                "server/discover" => self.discover(exchange, params),
                "tools/list" => self.list(exchange, params),
                "tools/call" => self.call_tool(exchange, parsed, params),
                "ping" => self.ping(exchange),
                "subscriptions/listen" if era == Era::Modern => self.listen(exchange, params),
                _ => self.pass(exchange),
            },
            Message::Notification { method } if method == "notifications/initialized" => {
                self.on_initialized(exchange);
            }
            Message::Notification { .. } | Message::Response => self.pass(exchange),
        }
    }

    /// Whether the request names a session that has ended; then it was answered (B-1.6).
    pub(crate) fn refuse_lost_session(&mut self, exchange: ExchangeId) -> bool {
        let Some(known) = self.exchanges.get(&exchange).filter(|known| known.era == Era::Legacy) else {
            return false;
        };
        let Some(session) = known.session() else { return false };
        match self.sessions.look_up(session, self.now) {
            Known::Live | Known::Foreign => false,
            Known::Ended => {
                let body = jsonrpc::error_response(
                    known.id.as_ref(),
                    code::AUTH_LEGACY,
                    "session not found: it has ended; send initialize again",
                    None,
                );
                self.answer_json(exchange, 404, body);
                true
            }
        }
    }

    pub(crate) fn on_agent_gone(&mut self, exchange: ExchangeId) {
        if self.ahead.drop_answer(exchange) {
            self.actions.push(Action::Abort { exchange });
            return self.on_not_shown(exchange);
        }
        if !self.exchanges.contains_key(&exchange) || self.leave_writes(exchange) {
            return;
        }
        self.close_stream(exchange);
        self.sessions.forget_waiting(exchange);
        self.forget_held(exchange);
        let call = self.calls.iter().find(|(_, call)| call.errand.purpose.exchange() == Some(exchange));
        if let Some(call) = call.map(|(call, _)| *call) {
            self.cancel(call);
        }
        self.abort(exchange);
    }

    /// Answers an exchange whole, with a head of ours.
    pub(crate) fn answer_json(&mut self, exchange: ExchangeId, status: u16, body: Bytes) {
        self.answer(exchange, AnswerHead::own(status, "application/json"), body);
    }

    /// Answers an exchange without a body.
    pub(crate) fn answer_empty(&mut self, exchange: ExchangeId, status: u16) {
        self.answer(exchange, AnswerHead::Own { status, headers: Vec::new() }, Bytes::new());
    }

    /// Answers an exchange whole; where a stream has begun, with its last event.
    pub(crate) fn answer(&mut self, exchange: ExchangeId, head: AnswerHead, body: Bytes) {
        if self.has_begun(exchange) {
            let event = sse::event(core::str::from_utf8(&body).unwrap_or_default());
            return self.finish(exchange, event);
        }
        if self.exchanges.remove(&exchange).is_some() {
            self.send_or_hold(Action::Answer { exchange, head, body });
        }
    }

    /// Ends an answer that has begun, with its last piece.
    fn finish(&mut self, exchange: ExchangeId, bytes: Bytes) {
        if self.exchanges.remove(&exchange).is_some() {
            self.send_or_hold(Action::AnswerChunk { exchange, bytes });
            self.send_or_hold(Action::AnswerEnd { exchange });
        }
    }

    /// Write-ahead: what this step learned is durable before the agent can build on it.
    fn send_or_hold(&mut self, answer: Action) {
        match self.ahead.ticket_of_answer() {
            None => self.actions.push(answer),
            Some(_) => self.ahead.hold(Held::Answer(answer)),
        }
    }

    /// Answers a request with a JSON-RPC response of ours, in whatever form its answer has begun.
    pub(crate) fn respond(&mut self, exchange: ExchangeId, response: Bytes) {
        self.answer_json(exchange, 200, response);
    }

    /// Answers a request as a call was answered: under its head, and in an event where it is a stream.
    pub(crate) fn respond_as(&mut self, exchange: ExchangeId, call: CallId, facts: Facts, response: Bytes) {
        let body = match &facts.event {
            Some(event) => event.with_data(core::str::from_utf8(&response).unwrap_or_default()),
            None => response,
        };
        if self.has_begun(exchange) {
            return self.finish(exchange, body);
        }
        self.answer(exchange, AnswerHead::OfCall { call, edits: facts.edits }, body);
    }

    /// Whether the answer to this exchange has begun, as a stream of events.
    pub(crate) fn has_begun(&self, exchange: ExchangeId) -> bool {
        self.exchanges.get(&exchange).is_some_and(|known| known.begun)
    }

    /// Answers a request with a result of ours.
    pub(crate) fn respond_result(&mut self, exchange: ExchangeId, result: &str) {
        let Some(id) = self.id_of(exchange) else { return self.answer_empty(exchange, 202) };
        self.respond(exchange, jsonrpc::result_response(&id, result));
    }

    /// Answers a request with an error of ours; `data` is a JSON text. What is no request gets 202.
    pub(crate) fn respond_error(
        &mut self,
        exchange: ExchangeId,
        code: i64,
        message: &str,
        data: Option<&str>,
    ) {
        let Some(id) = self.id_of(exchange) else { return self.answer_empty(exchange, 202) };
        self.respond(exchange, jsonrpc::error_response(Some(&id), code, message, data));
    }

    /// Says that the relay is away, in the words of the agent's era (B-2.5, B-2.6).
    pub(crate) fn respond_unreachable(&mut self, exchange: ExchangeId, sent: Sent, reason: &str) {
        let era = self.exchanges.get(&exchange).map_or(Era::Legacy, |known| known.era);
        let code = match era {
            Era::Legacy => code::UNREACHABLE_LEGACY,
            Era::Modern => code::UNREACHABLE_MODERN,
        };
        self.respond_error(exchange, code, &format!("relay unreachable: {reason}"), Some(delivered(sent)));
    }

    /// Begins an answer that comes in pieces.
    pub(crate) fn begin_answer(&mut self, exchange: ExchangeId, head: AnswerHead) {
        let Some(known) = self.exchanges.get_mut(&exchange) else { return };
        known.begun = true;
        self.actions.push(Action::AnswerHead { exchange, head });
    }

    /// The next piece.
    pub(crate) fn answer_chunk(&mut self, exchange: ExchangeId, bytes: Bytes) {
        if self.exchanges.contains_key(&exchange) {
            self.actions.push(Action::AnswerChunk { exchange, bytes });
        }
    }

    /// The end of such an answer.
    pub(crate) fn answer_end(&mut self, exchange: ExchangeId) {
        if self.exchanges.remove(&exchange).is_some() {
            self.actions.push(Action::AnswerEnd { exchange });
        }
    }

    /// Breaks an exchange off.
    pub(crate) fn abort(&mut self, exchange: ExchangeId) {
        if self.exchanges.remove(&exchange).is_some() {
            self.actions.push(Action::Abort { exchange });
        }
    }

    /// The id of the exchange's request.
    pub(crate) fn id_of(&self, exchange: ExchangeId) -> Option<Id> {
        self.exchanges.get(&exchange)?.id.clone()
    }

    fn answer_malformed(&mut self, exchange: ExchangeId, why: Malformed) {
        let (head, body) = failure::malformed(why);
        self.answer(exchange, head, body);
    }
}

/// The `data` of an error that leaves open whether the relay saw the request (B-2.5).
pub(crate) fn delivered(sent: Sent) -> &'static str {
    match sent {
        Sent::No => r#"{"delivered":"no"}"#,
        Sent::Unknown => r#"{"delivered":"unknown"}"#,
    }
}
