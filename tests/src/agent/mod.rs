//! An MCP agent that speaks plain HTTP and JSON-RPC.

pub mod ask;
pub mod events;
pub mod line;
pub mod raw;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

pub use self::ask::Ask;
pub use self::events::{Event, Events, Frame};
pub use self::line::Line;
pub use self::raw::Raw;
pub use crate::http1::Answer;

/// The modern revision.
pub const MODERN: &str = "2026-07-28";
/// The legacy revision that the agent asks for.
pub const LEGACY: &str = "2025-11-25";
/// What every agent accepts.
pub const ACCEPT: &str = "application/json, text/event-stream";

/// The era in which an agent speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    Legacy,
    Modern,
}

/// An agent. Clones share the session and the ids.
#[derive(Clone, Debug)]
pub struct Agent {
    address: String,
    path: String,
    secret: Option<String>,
    era: Era,
    session: Arc<Mutex<Option<String>>>,
    ids: Arc<AtomicU64>,
}

impl Agent {
    /// A legacy agent of the endpoint `http://127.0.0.1:port/path`.
    ///
    /// # Panics
    /// When that is no such URL.
    #[must_use]
    pub fn of(url: &str, secret: Option<&str>) -> Self {
        let rest = url.strip_prefix("http://").expect("an http URL");
        let (address, path) = rest.split_once('/').expect("a URL with a path");
        Self {
            address: address.to_owned(),
            path: format!("/{path}"),
            secret: secret.map(str::to_owned),
            era: Era::Legacy,
            session: Arc::default(),
            ids: Arc::new(AtomicU64::new(1)),
        }
    }

    /// The same endpoint, spoken to in the modern way.
    #[must_use]
    pub fn modern(&self) -> Self {
        Self { era: Era::Modern, session: Arc::default(), ..self.clone() }
    }

    /// Another legacy agent of the same endpoint, with no session yet.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { era: Era::Legacy, session: Arc::default(), ..self.clone() }
    }

    /// `127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The session that the relay, or the proxy, gave it.
    ///
    /// # Panics
    /// Never, while nobody panics.
    #[must_use]
    pub fn session(&self) -> Option<String> {
        self.session.lock().unwrap().clone()
    }

    /// Takes a session for its own.
    ///
    /// # Panics
    /// Never, while nobody panics.
    pub fn set_session(&self, session: Option<String>) {
        *self.session.lock().unwrap() = session;
    }

    /// A request with this agent's secret and session, and nothing else.
    #[must_use]
    pub fn ask(&self, method: &str) -> Ask {
        let mut ask = Ask::new(method, &self.address, &self.path);
        if let Some(secret) = &self.secret {
            ask = ask.header("authorization", &format!("Bearer {secret}"));
        }
        if let Some(session) = self.session() {
            ask = ask.header("mcp-session-id", &session);
        }
        ask
    }

    /// A POST of these bytes, with the headers that every client sends.
    #[must_use]
    pub fn post(&self, body: impl Into<bytes::Bytes>) -> Ask {
        let ask = self.ask("POST").header("content-type", "application/json").header("accept", ACCEPT);
        ask.body(body)
    }

    /// A POST of a request in this agent's era, not sent yet.
    #[must_use]
    pub fn request(&self, method: &str, params: &Value) -> Ask {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        self.request_with_id(&json!(id), method, params)
    }

    /// The same with an id of the test's choice.
    #[must_use]
    pub fn request_with_id(&self, id: &Value, method: &str, params: &Value) -> Ask {
        match self.era {
            Era::Legacy => {
                let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
                let ask = self.post(body.to_string());
                if self.session().is_some() { ask.header("mcp-protocol-version", LEGACY) } else { ask }
            }
            Era::Modern => {
                let params = with_meta(params);
                let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
                let ask = self
                    .post(body.to_string())
                    .header("mcp-protocol-version", MODERN)
                    .header("mcp-method", method);
                match params["name"].as_str() {
                    Some(name) => ask.header("mcp-name", name),
                    None => ask,
                }
            }
        }
    }

    /// A request and its answer.
    pub async fn call(&self, method: &str, params: Value) -> Answer {
        self.request(method, &params).send().await
    }

    /// A notification and its answer.
    pub async fn notify(&self, method: &str) -> Answer {
        self.post(json!({"jsonrpc": "2.0", "method": method}).to_string()).send().await
    }

    /// `initialize` alone; keeps the session id.
    pub async fn initialize(&self) -> Answer {
        self.set_session(None);
        let answer = self.call("initialize", initialize_params()).await;
        self.set_session(answer.header("mcp-session-id").map(str::to_owned));
        answer
    }

    /// The whole legacy handshake; the hello's result.
    ///
    /// # Panics
    /// When it fails.
    pub async fn greet(&self) -> Value {
        let result = self.initialize().await.result();
        let answer = self.notify("notifications/initialized").await;
        assert!(matches!(answer.status, 200 | 202), "{}: {}", answer.status, answer.text());
        result
    }

    /// `server/discover`.
    pub async fn discover(&self) -> Answer {
        self.call("server/discover", json!({})).await
    }

    /// `tools/list`.
    pub async fn tools_list(&self) -> Answer {
        self.call("tools/list", json!({})).await
    }

    /// The names in the menu.
    pub async fn menu(&self) -> Vec<String> {
        names(&self.tools_list().await.result())
    }

    /// A call of a tool, not sent yet. `arguments` is a JSON text.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn tool(&self, tool: &str, arguments: &str) -> Ask {
        let arguments: Value = serde_json::from_str(arguments).expect("arguments in JSON");
        self.request("tools/call", &json!({"name": tool, "arguments": arguments}))
    }

    /// A call of a tool and its answer. `arguments` is a JSON text.
    pub async fn tools_call(&self, tool: &str, arguments: &str) -> Answer {
        self.tool(tool, arguments).send().await
    }

    /// The legacy stream from server to agent, not opened yet.
    #[must_use]
    pub fn stream(&self) -> Ask {
        self.ask("GET").header("accept", "text/event-stream")
    }

    /// Opens the legacy stream from server to agent.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn listen(&self) -> Events {
        let events = self.stream().open().await;
        assert_eq!(events.status, 200, "a stream is opened");
        events
    }
}

/// What this agent says in `initialize`; odd on purpose, so that a test can know it again.
#[must_use]
pub fn initialize_params() -> Value {
    json!({
        "protocolVersion": LEGACY,
        "capabilities": {"roots": {"listChanged": true}, "x-odd": [1, 2]},
        "clientInfo": {"name": "plain-agent", "version": "0.1", "title": "The plain agent"}
    })
}

/// The names of the tools in a result of `tools/list`.
///
/// # Panics
/// When it is no such result.
#[must_use]
pub fn names(result: &Value) -> Vec<String> {
    let tools = result["tools"].as_array().unwrap_or_else(|| panic!("no tools in {result}"));
    tools.iter().map(|tool| tool["name"].as_str().expect("a tool's name").to_owned()).collect()
}

fn with_meta(params: &Value) -> Value {
    let mut params = params.clone();
    let meta = &mut params["_meta"];
    meta["io.modelcontextprotocol/protocolVersion"] = json!(MODERN);
    meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "plain-agent", "version": "0.1"});
    meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
    params
}
