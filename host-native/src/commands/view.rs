//! What the commands read of the API's answers. Members that are not named here are ignored: a newer proxy
//! may say more.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `GET /v1/status`.
#[derive(Deserialize)]
pub(super) struct Status {
    pub(super) version: String,
    pub(super) engine: String,
    pub(super) relay: Relay,
    pub(super) outbox: Outbox,
    pub(super) streams: u64,
    #[serde(default)]
    pub(super) sessions: u64,
    pub(super) context: BTreeMap<String, bool>,
    pub(super) tools: Tools,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Relay {
    pub(super) url: String,
    pub(super) state: String,
    pub(super) since_ms: u64,
    pub(super) era: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outbox {
    pub(super) depth: u64,
    pub(super) bytes: u64,
    pub(super) oldest_age_ms: Option<u64>,
    pub(super) dead_letters: u64,
    pub(super) paused: bool,
}

#[derive(Deserialize)]
pub(super) struct Tools {
    pub(super) visible: Vec<String>,
    pub(super) hidden: Vec<String>,
}

/// `PUT /v1/context`.
#[derive(Deserialize)]
pub(super) struct Context {
    pub(super) context: BTreeMap<String, bool>,
}

/// `POST /v1/refresh`.
#[derive(Deserialize)]
pub(super) struct Refreshed {
    pub(super) tools: Tools,
}

/// `GET /v1/outbox`.
#[derive(Deserialize)]
pub(super) struct Entries {
    pub(super) entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) tool: String,
    pub(super) state: String,
    pub(super) attempts: u64,
    pub(super) enqueued_at: u64,
    pub(super) last_error: Option<String>,
}

/// `GET /v1/outbox/KEY`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Write {
    #[serde(flatten)]
    pub(super) entry: Entry,
    pub(super) params: String,
    pub(super) relay_answer: Option<String>,
}
