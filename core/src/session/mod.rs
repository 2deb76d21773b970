//! Legacy sessions (B-6): the id that the agent holds, and the one that the relay knows at this moment.

mod opening;
mod record;

use alloc::string::String;
use alloc::vec::Vec;

use crate::call::Errand;
use crate::ids::ExchangeId;
use crate::jsonrpc::Object;
use crate::map::Map;
use crate::time::Timestamp;

pub(crate) use record::{key, recovered};

/// What ids of our own begin with. The relay never heard of them.
const OWN_PREFIX: &str = "relay-mcp-proxy-";

/// All sessions, by the id that the agent holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    known: Map<String, Session>,
    /// What is known of those whose `initialize` is not answered yet.
    expected: Map<ExchangeId, Expected>,
}

/// A session before its `initialize` is answered.
#[derive(Clone, Debug)]
struct Expected {
    /// What the agent says of itself, a JSON text.
    params: String,
    /// The id that the agent was told in the head of an answer that began before the response.
    told: Option<String>,
}

/// A session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The `params` of the agent's `initialize`, a JSON text: with them it can be opened again (B-6.1).
    params: String,
    /// The relay's side of it.
    state: State,
    /// It was greeted while the relay was away, so that the proxy itself says `initialized` (B-3.4).
    greeted_here: bool,
    /// The agent ended it (B-1.6). Kept for the writes that are still queued, and so that its id is refused.
    ended: bool,
    last_used: Timestamp,
    /// What waits until it is open.
    waiting: Vec<Errand>,
}

/// The relay's side of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// The relay does not know it, or not any more.
    Unopened,
    /// The proxy is opening it; once the relay greeted, this is the id that it gave.
    Opening(Option<String>),
    /// The relay knows it by this id; by none, where it keeps no sessions.
    Open(Option<String>),
}

/// How a request gets to the relay's side of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The session is not ours to know: the id goes as it is.
    AsItIs,
    /// The relay keeps no sessions: no id.
    Stateless,
    /// The relay knows it by this id.
    Relay(String),
    /// It has to be opened first.
    Unopened,
}

/// What is known of an id that an agent presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// A session of ours.
    Live,
    /// Not ours; the relay may know it.
    Foreign,
    /// It has ended, or nobody can know it any more.
    Ended,
}

impl Sessions {
    /// Keeps what the agent says of itself until its `initialize` is answered.
    pub(crate) fn expect(&mut self, exchange: ExchangeId, params: String) {
        self.expected.insert(exchange, Expected { params, told: None });
    }

    /// The agent was told this id, and holds it whatever becomes of the answer.
    pub(crate) fn tell(&mut self, exchange: ExchangeId, id: String) {
        if let Some(expected) = self.expected.get_mut(&exchange) {
            expected.told = Some(id);
        }
    }

    fn told(&self, exchange: ExchangeId) -> Option<String> {
        self.expected.get(&exchange)?.told.clone()
    }

    /// That `initialize` came to nothing.
    pub(crate) fn forget_expected(&mut self, exchange: ExchangeId) {
        self.expected.remove(&exchange);
    }

    /// The revision that the agent asked for in its `initialize`.
    pub(crate) fn expected_version(&self, exchange: ExchangeId) -> Option<String> {
        let params = Object::parse(&self.expected.get(&exchange)?.params)?;
        Some(params.string("protocolVersion")?.into_owned())
    }

    /// What is known of this id; a live session counts as used.
    pub(crate) fn look_up(&mut self, id: &str, now: Timestamp) -> Known {
        match self.known.get_mut(id) {
            Some(session) if session.ended => Known::Ended,
            Some(session) => {
                session.last_used = now;
                Known::Live
            }
            None if id.starts_with(OWN_PREFIX) => Known::Ended,
            None => Known::Foreign,
        }
    }

    /// How a request of this session gets to the relay.
    pub(crate) fn route(&self, id: &str) -> Route {
        match self.known.get(id).map(|session| &session.state) {
            None => Route::AsItIs,
            Some(State::Open(Some(relay))) => Route::Relay(relay.clone()),
            Some(State::Open(None)) => Route::Stateless,
            Some(State::Unopened | State::Opening(_)) => Route::Unopened,
        }
    }

    /// The relay does not know `relay_id` any more. False where we do not know how to open the session again.
    pub(crate) fn lose(&mut self, id: &str, relay_id: &str) -> bool {
        let Some(session) = self.known.get_mut(id) else { return false };
        if session.state == State::Open(Some(relay_id.into())) {
            session.state = State::Unopened;
        }
        true
    }

    /// Whether the agent was greeted while the relay was away.
    pub(crate) fn was_greeted_here(&self, id: &str) -> bool {
        self.known.get(id).is_some_and(|session| session.greeted_here)
    }

    /// The session that was used last, to speak for the agent.
    pub(crate) fn latest(&self) -> Option<String> {
        let live = self.known.iter().filter(|(_, session)| !session.ended);
        live.max_by_key(|(_, session)| session.last_used).map(|(id, _)| id.clone())
    }

    /// This id, if it is one of ours: of others nothing is kept, since there may be any number of them.
    pub(crate) fn own(&self, id: Option<&str>) -> Option<String> {
        id.filter(|id| self.known.contains_key(*id)).map(String::from)
    }

    /// Whether the agent may use this id.
    pub(crate) fn is_live(&self, id: &str) -> bool {
        self.known.get(id).is_some_and(|session| !session.ended)
    }

    /// How many sessions are kept for the agent.
    pub(crate) fn count(&self) -> usize {
        self.known.values().filter(|session| !session.ended).count()
    }

    /// Drops the requests of an exchange that wait for a session, and its expected hello.
    pub(crate) fn forget_waiting(&mut self, exchange: ExchangeId) {
        self.expected.remove(&exchange);
        for session in self.known.values_mut() {
            session.waiting.retain(|errand| errand.purpose.exchange() != Some(exchange));
        }
    }

    fn take_waiting(&mut self, id: &str) -> Vec<Errand> {
        self.known.get_mut(id).map(|session| core::mem::take(&mut session.waiting)).unwrap_or_default()
    }

    /// What waits for this session, whose opening came to nothing.
    fn give_up(&mut self, id: &str) -> Vec<Errand> {
        if let Some(session) = self.known.get_mut(id) {
            session.state = State::Unopened;
        }
        self.take_waiting(id)
    }
}
