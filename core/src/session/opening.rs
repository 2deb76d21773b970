//! Opening, opening again, ending (B-1.6, B-3.4, B-6.1).

use alloc::format;
use alloc::string::String;

use super::{OWN_PREFIX, Session, State};
use crate::call::{Answered, Down, Errand, Facts, Purpose, Words, is_passing};
use crate::headers::{Header, HeaderEdit, PROTOCOL_VERSION, SESSION_ID};
use crate::ids::ExchangeId;
use crate::input::{Method, Sent};
use crate::jsonrpc::{Object, Response, code};
use crate::mcp::LATEST_LEGACY;
use crate::observation::Observation;
use crate::proxy::Proxy;
use crate::record::Change;

const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

impl Proxy {
    /// The relay greeted the agent, under this session id or none. Gives the id that the agent will hold,
    /// unless it was told one already: SDKs open their event stream only when there is one (B-11).
    pub(crate) fn begin_session(&mut self, exchange: ExchangeId, relay_id: Option<String>) -> String {
        let told = self.sessions.told(exchange).or_else(|| relay_id.clone());
        let id = told.unwrap_or_else(|| self.own_session_id());
        self.add_session(id.clone(), exchange, State::Open(relay_id), false);
        id
    }

    /// The agent was greeted from memory: its session gets a name of ours, unless the agent was told one
    /// already, and is opened when there is something to forward (B-3.4).
    pub(crate) fn begin_session_unopened(&mut self, exchange: ExchangeId) -> String {
        let id = self.sessions.told(exchange).unwrap_or_else(|| self.own_session_id());
        self.add_session(id.clone(), exchange, State::Unopened, true);
        id
    }

    pub(crate) fn own_session_id(&mut self) -> String {
        format!("{OWN_PREFIX}{}", self.random.uuid())
    }

    fn add_session(&mut self, id: String, exchange: ExchangeId, state: State, greeted_here: bool) {
        let expected = self.sessions.expected.remove(&exchange);
        let params = expected.map_or_else(|| "{}".into(), |expected| expected.params);
        let last_used = self.now;
        // A relay that gives the same id again greets whoever waits under it, too.
        let waiting = self.sessions.take_waiting(&id);
        let session =
            Session { params, state, greeted_here, ended: false, last_used, waiting: alloc::vec::Vec::new() };
        self.sessions.known.insert(id.clone(), session);
        self.store_session(&id);
        waiting.into_iter().for_each(|errand| self.send(errand));
        self.make_room_for_sessions(&id);
    }

    /// The relay's side of a session is not as it should be: it is opened anew when it is needed.
    pub(crate) fn unopen_session(&mut self, id: &str) {
        if let Some(session) = self.sessions.known.get_mut(id)
            && let State::Open(_) = session.state
        {
            session.state = State::Unopened;
            self.store_session(id);
        }
    }

    /// Sends an errand as soon as its session is open; opens it, unless somebody already does.
    pub(crate) fn open_session_for(&mut self, errand: Errand) {
        let Some(id) = errand.session.clone() else { return };
        let Some(session) = self.sessions.known.get_mut(&id) else { return };
        session.waiting.push(errand);
        if session.state != State::Unopened {
            return;
        }
        session.state = State::Opening(None);
        let errand = Errand::own_request(Purpose::Open(id), "initialize", session.params.clone());
        self.send(errand);
    }

    /// The relay answered our `initialize`: it is told `initialized`, as the protocol asks.
    pub(crate) fn on_session_answered(&mut self, id: &str, facts: Facts, answered: &Answered) {
        let response = match answered {
            Answered::Whole(body) => core::str::from_utf8(body).ok().and_then(Response::parse),
            Answered::TooLarge => None,
        };
        let Some(result) = response.as_ref().and_then(|response| response.result) else {
            let said = response.and_then(|response| response.error_message());
            let said = said.unwrap_or_else(|| format!("HTTP status {}", facts.status));
            return self.on_session_rejected(id, &facts, &said);
        };
        let version = Object::parse(result).and_then(|result| result.string("protocolVersion"));
        let version = version.map_or_else(|| LATEST_LEGACY.into(), String::from);
        let Some(session) = self.sessions.known.get_mut(id) else { return };
        session.state = State::Opening(facts.session.clone());
        let mut errand = Errand::own(Purpose::Opened(id.into()), INITIALIZED);
        errand.edits.push(HeaderEdit::Set(Header::new(PROTOCOL_VERSION, version)));
        errand.edits.extend(facts.session.map(|relay| HeaderEdit::Set(Header::new(SESSION_ID, relay))));
        self.send(errand);
    }

    /// The relay heard `initialized`: the session is open, and what waited for it goes.
    pub(crate) fn on_session_open(&mut self, id: &str) {
        let Some(session) = self.sessions.known.get_mut(id) else { return };
        let State::Opening(relay_id) = &session.state else { return };
        session.state = State::Open(relay_id.clone());
        self.store_session(id);
        self.observe(Observation::SessionReopened);
        for errand in self.sessions.take_waiting(id) {
            // Streams are asked for anew, below.
            if !matches!(errand.purpose, Purpose::Listen(_)) {
                self.send(errand);
            }
        }
        self.renew_upstreams(id);
        self.fetch_what_was_missed();
        self.close_if_done_with(id);
    }

    /// The relay was away when the session was to be opened: nothing of what waits was sent.
    pub(crate) fn on_session_unreachable(&mut self, id: &str, down: &Down) {
        let was_refused = down.sent == Sent::No;
        let down = Down { sent: Sent::No, ..down.clone() };
        for errand in self.sessions.give_up(id) {
            let left = if was_refused { self.hold(errand) } else { Some(errand) };
            if let Some(errand) = left {
                self.undelivered(errand.purpose, &down);
            }
        }
    }

    /// The relay refused the token when the session was to be opened.
    pub(crate) fn on_session_refused(&mut self, id: &str, words: &Words) {
        for errand in self.sessions.give_up(id) {
            self.refused(errand.purpose, words);
        }
    }

    /// The relay refused to open the session: those who wait are told what it said.
    fn on_session_rejected(&mut self, id: &str, facts: &Facts, said: &str) {
        let reason = format!("the relay refused to open the session: {said}");
        self.observe(Observation::SessionFailed { reason: reason.clone() });
        let words = Words { code: code::INTERNAL_ERROR, message: reason, data: None };
        for errand in self.sessions.give_up(id) {
            match errand.purpose {
                Purpose::Deliver(place) => self.on_delivery_unopened(place, facts, &words.message),
                Purpose::Listen(stream) if is_passing(facts.status) => self.on_upstream_broken(stream),
                purpose => self.refused(purpose, &words),
            }
        }
    }

    /// DELETE: the session ends here and, as well as may be, at the relay (B-1.6).
    pub(crate) fn on_delete(&mut self, exchange: ExchangeId) {
        let session = self.exchanges.get(&exchange).and_then(|known| known.session().map(String::from));
        if let Some(id) = session {
            self.end_session(&id);
        }
        self.answer_empty(exchange, 204);
    }

    fn end_session(&mut self, id: &str) {
        let relay_id = match self.sessions.known.get_mut(id) {
            Some(session) if session.ended => None,
            Some(session) => {
                session.ended = true;
                match &session.state {
                    State::Open(relay_id) => {
                        let relay_id = relay_id.clone();
                        session.state = State::Unopened;
                        relay_id
                    }
                    // What waits for it still goes; it is closed after that.
                    State::Opening(_) | State::Unopened => None,
                }
            }
            None => Some(id.into()),
        };
        self.store_session(id);
        self.end_streams_of(id);
        self.menus.forget_view(id);
        self.remove_record_of_view(id);
        if let Some(relay_id) = relay_id {
            self.close_at_relay(relay_id);
        }
    }

    /// A session that the agent has ended was opened for writes that were queued: once they are delivered it
    /// is closed. The queue is looked through only for such a one, not for each write.
    pub(crate) fn close_if_done_with(&mut self, id: &str) {
        let Some(session) = self.sessions.known.get_mut(id).filter(|session| session.ended) else { return };
        if self.outbox.uses_session(id) {
            return;
        }
        if let State::Open(Some(relay_id)) = &session.state {
            let relay_id = relay_id.clone();
            session.state = State::Unopened;
            self.close_at_relay(relay_id);
        }
    }

    fn close_at_relay(&mut self, relay_id: String) {
        let mut errand = Errand::own(Purpose::Close, "");
        errand.method = Method::Delete;
        errand.body = crate::action::CallBody::Empty;
        errand.headers = crate::action::CallHeaders::Own(alloc::vec![Header::new(SESSION_ID, relay_id)]);
        self.send(errand);
    }

    /// Ends the sessions that were idle longest, so that they do not pile up (PEERS 7). The newest stays, and
    /// those that somebody listens to, waits for, or has writes queued in.
    fn make_room_for_sessions(&mut self, newest: &str) {
        while self.sessions.known.len() > self.config.limits.sessions {
            let idle = self.sessions.known.iter().filter(|(id, session)| {
                let is_used = self.streams.has(id) || self.outbox.uses_session(id);
                *id != newest && session.waiting.is_empty() && !is_used
            });
            let Some(id) = idle.min_by_key(|(_, session)| (!session.ended, session.last_used)) else {
                return;
            };
            let id = id.0.clone();
            self.end_session(&id);
            self.sessions.known.remove(&id);
            self.ahead.append(Change::Remove(super::key(&id)));
        }
    }
}
