//! A relay that does what a test tells it: an MCP server at `/api/mcp` with a port of its own.

pub mod behaviour;
mod body;
pub mod builder;
pub mod fault;
pub mod ledger;
mod mcp;
mod menu;
mod modern;
pub mod mouth;
pub mod port;
pub mod process;
pub mod recorded;
mod serve;
mod server;
mod session;
mod steps;
pub mod tls;
pub mod tools;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

pub use self::behaviour::{Behaviour, Speaks};
use self::body::{Broken, Pieces};
pub use self::builder::RelayBuilder;
pub use self::fault::{Canned, Fault, Gate, On, Step};
pub use self::ledger::{Ledger, Write};
pub use self::mouth::Mouth;
pub use self::process::RelayProcess;
pub use self::recorded::{Fate, Recorded};
use self::server::Listening;
pub use self::tls::{Authority, Tls};
use crate::wait::{until, until_async};

/// What all connections of a relay share; it outlives [`Relay::stop`].
#[derive(Debug, Default)]
struct Shared {
    behaviour: Mutex<Behaviour>,
    script: Mutex<fault::Script>,
    recorded: Mutex<Vec<Recorded>>,
    ledger: Mutex<Ledger>,
    sessions: Mutex<session::Sessions>,
    /// By the session that each is of; empty where there is none.
    streams: Mutex<Vec<(String, Pieces)>>,
    subscriptions: Mutex<Vec<(String, Pieces)>>,
    connections: AtomicUsize,
}

/// A relay.
#[derive(Debug)]
pub struct Relay {
    shared: Arc<Shared>,
    address: SocketAddr,
    listening: Mutex<Option<Listening>>,
}

impl Relay {
    /// A stateless legacy relay with the default menu, listening.
    pub async fn start() -> Self {
        Self::that().start().await
    }

    /// A relay of another kind.
    #[must_use]
    pub fn that() -> RelayBuilder {
        RelayBuilder::default()
    }

    /// `http://127.0.0.1:port`, or `https:` where it is on TLS.
    #[must_use]
    pub fn origin(&self) -> String {
        let is_on_tls = self.shared.behaviour.lock().unwrap().tls.is_some();
        format!("{}://{}", if is_on_tls { "https" } else { "http" }, self.address)
    }

    /// The URL of the endpoint.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("{}/api/mcp", self.origin())
    }

    /// Dies: connections are broken, new ones refused. What it knows stays.
    ///
    /// # Panics
    /// When somebody else listens on its port.
    pub async fn stop(&self) {
        drop(self.listening.lock().unwrap().take());
        self.shared.streams.lock().unwrap().clear();
        self.shared.subscriptions.lock().unwrap().clear();
        let gone = async || (!server::is_listening(self.address).await).then_some(());
        until_async("the relay is gone", gone).await;
    }

    /// Comes back on the same port.
    ///
    /// # Panics
    /// When the port is taken.
    pub async fn start_again(&self) {
        let listener = until("the relay's port is free", || port::listen(self.address.port())).await;
        *self.listening.lock().unwrap() = Some(server::listen(listener, self.shared.clone()));
    }

    /// Changes what kind of relay it is, from the next request on.
    pub fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.behaviour.lock().unwrap());
    }

    /// Another menu, each tool a JSON text.
    pub fn set_tools(&self, tools: impl IntoIterator<Item = impl Into<String>>) {
        let tools = tools.into_iter().map(Into::into).collect();
        self.change(|behaviour| behaviour.tools = tools);
    }

    /// Only this token opens from here on; any when it is `None`.
    pub fn require_token(&self, token: Option<&str>) {
        self.change(|behaviour| behaviour.token = token.map(str::to_owned));
    }

    /// The next such request meets this fault.
    pub fn next(&self, on: On, fault: Fault) {
        self.next_n(1, on, fault);
    }

    /// The next `times` such requests meet this fault.
    pub fn next_n(&self, times: usize, on: On, fault: Fault) {
        self.shared.script.lock().unwrap().add(on, Some(times), fault);
    }

    /// All such requests meet this fault until [`Self::heal`].
    pub fn always(&self, on: On, fault: Fault) {
        self.shared.script.lock().unwrap().add(on, None, fault);
    }

    /// Nothing goes wrong from here on.
    pub fn heal(&self) {
        self.shared.script.lock().unwrap().clear();
    }

    /// Forgets all sessions, as a restart does.
    pub fn forget_sessions(&self) {
        self.shared.sessions.lock().unwrap().forget();
    }

    /// The sessions that it knows.
    pub fn sessions(&self) -> Vec<String> {
        self.shared.sessions.lock().unwrap().ids()
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.recorded.lock().unwrap().clone()
    }

    /// The POSTs of a JSON-RPC method so far.
    pub fn requests_of(&self, method: &str) -> Vec<Recorded> {
        self.requests()
            .into_iter()
            .filter(|request| request.rpc_method().as_deref() == Some(method))
            .collect()
    }

    /// The requests with an HTTP method so far.
    pub fn requests_by(&self, method: &str) -> Vec<Recorded> {
        self.requests().into_iter().filter(|request| request.method == method).collect()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.shared.recorded.lock().unwrap().clear();
    }

    /// The first POST of a JSON-RPC method, once it is there.
    pub async fn request_of(&self, method: &str) -> Recorded {
        until(&format!("{method} reaches the relay"), || self.requests_of(method).into_iter().next()).await
    }

    /// Each write that arrived, duplicates included, in order.
    pub fn arrivals(&self) -> Vec<Write> {
        self.shared.ledger.lock().unwrap().arrivals.clone()
    }

    /// Each write that was applied, in order.
    pub fn applied(&self) -> Vec<Write> {
        self.shared.ledger.lock().unwrap().applied.clone()
    }

    /// `arguments.text` of each write that was applied, in order.
    pub fn applied_texts(&self) -> Vec<String> {
        self.applied().iter().map(Write::text).collect()
    }

    /// The applied writes, once there are so many.
    pub async fn applied_are(&self, count: usize) -> Vec<Write> {
        until(&format!("{count} writes are applied"), || {
            Some(self.applied()).filter(|all| all.len() >= count)
        })
        .await
    }

    /// How many streams from server to agent are open.
    pub fn open_streams(&self) -> usize {
        let mut streams = self.shared.streams.lock().unwrap();
        streams.retain(|(_, stream)| !stream.is_closed());
        streams.len()
    }

    /// How many connections to it are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The open stream of this session, or of the subscription whose request had this id as it is spelled.
    #[must_use]
    pub fn mouth(&self, name: &str) -> Option<Mouth> {
        let all = [&self.shared.streams, &self.shared.subscriptions];
        all.iter().find_map(|streams| Mouth::of(&streams.lock().unwrap(), name))
    }

    /// Says this to every open stream, word by word.
    pub async fn say(&self, text: &str) {
        let streams = self.shared.streams.lock().unwrap().clone();
        for (_, stream) in streams {
            stream.send(Ok(Bytes::from(text.to_owned()))).await.ok();
        }
    }

    /// Sends a notification to every open stream and, tagged, to every subscription.
    pub async fn notify(&self, method: &str) {
        self.say(&format!("data: {{\"jsonrpc\":\"2.0\",\"method\":\"{method}\"}}\n\n")).await;
        let subscriptions = self.shared.subscriptions.lock().unwrap().clone();
        for (id, stream) in subscriptions {
            let event = format!(
                "data: {{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"params\":{{\"_meta\":{{\"io.modelcontextprotocol/subscriptionId\":{id}}}}}}}\n\n"
            );
            stream.send(Ok(Bytes::from(event))).await.ok();
        }
    }

    /// Breaks every open stream and subscription off.
    pub async fn break_streams(&self) {
        let streams = std::mem::take(&mut *self.shared.streams.lock().unwrap());
        let subscriptions = std::mem::take(&mut *self.shared.subscriptions.lock().unwrap());
        for (_, stream) in streams.into_iter().chain(subscriptions) {
            stream.send(Err(Broken)).await.ok();
        }
    }
}
