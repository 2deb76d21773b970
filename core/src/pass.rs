//! What passes through as it is (B-2).

use alloc::string::String;

use crate::call::{Errand, Purpose};
use crate::exchange::Exchange;
use crate::ids::ExchangeId;
use crate::mcp::Era;
use crate::proxy::Proxy;

impl Proxy {
    /// Passes a message through (B-2.1).
    pub(crate) fn pass(&mut self, exchange: ExchangeId) {
        self.forward(exchange, Purpose::Pass(exchange));
    }

    /// A `ping`, which a legacy agent gets answered even while the relay is away (B-2.8). The modern era has
    /// none.
    pub(crate) fn ping(&mut self, exchange: ExchangeId) {
        let era = self.exchanges.get(&exchange).map_or(Era::Legacy, |known| known.era);
        match era {
            Era::Legacy => self.forward(exchange, Purpose::Ping(exchange)),
            Era::Modern => self.pass(exchange),
        }
    }

    /// `notifications/initialized`: where the proxy itself opens the session at the relay, it says this
    /// there, and once is enough (B-3.4).
    pub(crate) fn on_initialized(&mut self, exchange: ExchangeId) {
        let session = self.exchanges.get(&exchange).and_then(Exchange::session);
        if session.is_some_and(|session| self.sessions.was_greeted_here(session)) {
            return self.answer_empty(exchange, 202);
        }
        self.forward(exchange, Purpose::Initialized(exchange));
    }

    /// The relay greeted the agent and never heard `initialized`: it greets once more, before anything else
    /// is said in that session.
    pub(crate) fn on_initialized_undelivered(&mut self, exchange: ExchangeId) {
        let session = self.exchanges.get(&exchange).and_then(|known| known.session().map(String::from));
        if let Some(session) = session {
            self.unopen_session(&session);
        }
        self.answer_empty(exchange, 202);
    }

    /// Sends the agent's message to the relay, in the agent's session.
    pub(crate) fn forward(&mut self, exchange: ExchangeId, purpose: Purpose) {
        let Some(known) = self.exchanges.get(&exchange) else { return };
        let session = known.session().filter(|_| known.era == Era::Legacy).map(String::from);
        let query = known.query.clone();
        self.send(Errand::of_exchange(purpose, exchange, query).in_session(session));
    }
}
