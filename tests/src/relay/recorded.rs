//! What arrived at the relay.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Version};
use serde_json::Value;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Of HTTP.
    pub version: Version,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub at: Instant,
    fate: Arc<AtomicU8>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is being answered.
    Open,
    /// Its answer is out.
    Answered,
    /// Whoever sent it went away first, or the relay died.
    Abandoned,
}

const OPEN: u8 = 0;
const ANSWERED: u8 = 1;
const ABANDONED: u8 = 2;

impl Recorded {
    #[must_use]
    pub fn new(head: Parts, body: Bytes) -> Self {
        let target = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        Self {
            method: head.method.to_string(),
            target,
            version: head.version,
            headers: head.headers,
            body,
            at: Instant::now(),
            fate: Arc::default(),
        }
    }

    #[must_use]
    pub fn fate(&self) -> Fate {
        match self.fate.load(Ordering::SeqCst) {
            OPEN => Fate::Open,
            ANSWERED => Fate::Answered,
            _ => Fate::Abandoned,
        }
    }

    /// Abandons the request when it is dropped unfinished.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch(self.fate.clone())
    }

    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The token that came with it.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.header("mcp-session-id")
    }

    /// The body as JSON, `null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    #[must_use]
    pub fn rpc_method(&self) -> Option<String> {
        self.json()["method"].as_str().map(str::to_owned)
    }

    #[must_use]
    pub fn params(&self) -> Value {
        self.json()["params"].clone()
    }

    /// The tool that a `tools/call` names.
    #[must_use]
    pub fn tool(&self) -> Option<String> {
        let message = self.json();
        (message["method"] == "tools/call")
            .then(|| message["params"]["name"].as_str().map(str::to_owned))
            .flatten()
    }

    /// The idempotency key of a write, wherever it is.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        key_of(&self.params())
    }
}

/// The idempotency key in the params of a call.
#[must_use]
pub fn key_of(params: &Value) -> Option<String> {
    let argument = params["arguments"]["idempotencyKey"].as_str();
    let meta = params["_meta"]["agent-relay/idempotencyKey"].as_str();
    argument.or(meta).map(str::to_owned)
}

/// Knows whether a request was answered.
#[derive(Debug)]
pub struct Watch(Arc<AtomicU8>);

impl Watch {
    /// The answer is out.
    pub fn answered(self) {
        self.0.store(ANSWERED, Ordering::SeqCst);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.compare_exchange(OPEN, ABANDONED, Ordering::SeqCst, Ordering::SeqCst).ok();
    }
}
