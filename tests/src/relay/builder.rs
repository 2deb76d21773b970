//! What kind of relay a test wants.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::behaviour::{Behaviour, Speaks};
use super::ledger::Ledger;
use super::{Relay, Shared, Tls, port, server};

/// A relay that does not run yet.
#[derive(Clone, Debug, Default)]
pub struct RelayBuilder(Behaviour);

impl RelayBuilder {
    /// Each legacy agent needs a session.
    #[must_use]
    pub fn keeps_sessions(mut self) -> Self {
        self.0.sessions = true;
        self
    }

    /// It speaks these eras.
    #[must_use]
    pub fn speaks(mut self, eras: Speaks) -> Self {
        self.0.speaks = eras;
        self
    }

    /// It answers requests with event streams.
    #[must_use]
    pub fn answers_in_sse(mut self) -> Self {
        self.0.sse = true;
        self
    }

    /// GET opens a stream from server to agent.
    #[must_use]
    pub fn streams(mut self) -> Self {
        self.0.stream = true;
        self
    }

    /// Only this token opens.
    #[must_use]
    pub fn requires(mut self, token: &str) -> Self {
        self.0.token = Some(token.to_owned());
        self
    }

    /// This menu, each tool a JSON text.
    #[must_use]
    pub fn offers(mut self, tools: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.tools = tools.into_iter().map(Into::into).collect();
        self
    }

    /// So many tools on a page.
    #[must_use]
    pub fn pages_of(mut self, tools: usize) -> Self {
        self.0.page = Some(tools);
        self
    }

    /// These members beside `tools`, a JSON text such as `"x":1`.
    #[must_use]
    pub fn lists_also(mut self, members: &str) -> Self {
        self.0.list_extra = Some(members.to_owned());
        self
    }

    /// An agent with this token sees only these tools.
    #[must_use]
    pub fn shows(mut self, token: &str, tools: &[&str]) -> Self {
        let tools = tools.iter().map(|tool| (*tool).to_owned()).collect();
        self.0.scopes.insert(token.to_owned(), tools);
        self
    }

    /// It is on TLS.
    #[must_use]
    pub fn on(mut self, tls: Tls) -> Self {
        self.0.tls = Some(tls);
        self
    }

    /// Any other wish.
    #[must_use]
    pub fn with(mut self, wish: impl FnOnce(&mut Behaviour)) -> Self {
        wish(&mut self.0);
        self
    }

    /// Listens.
    pub async fn start(self) -> Relay {
        let listener = port::listen_anywhere().await;
        self.run(listener, Ledger::default())
    }

    /// Does not listen yet: connections are refused until [`Relay::start_again`].
    pub async fn start_down(self) -> Relay {
        let relay = self.start().await;
        relay.stop().await;
        relay
    }

    /// Listens on this port and keeps its applied writes in this file.
    ///
    /// # Panics
    /// When the port is taken or the file cannot be used.
    #[must_use]
    pub fn start_with_journal(self, port: u16, journal: &Path) -> Relay {
        let listener = port::listen(port).expect("the relay's port is free");
        self.run(listener, Ledger::from_file(journal))
    }

    fn run(self, listener: tokio::net::TcpListener, ledger: Ledger) -> Relay {
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(self.0),
            ledger: Mutex::new(ledger),
            ..Shared::default()
        });
        let listening = Mutex::new(Some(server::listen(listener, shared.clone())));
        Relay { shared, address, listening }
    }
}
