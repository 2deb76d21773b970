//! How things are, as the runner is told (B-8.2, B-10).

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::context::Context;
use crate::mcp::Era;
use crate::time::Timestamp;

/// The answer to a [`Command`](crate::Command).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done, and durable where that matters.
    Done,
    /// How things are.
    Status(Status),
    /// The writes in the outbox, oldest first.
    Outbox(Vec<WriteSummary>),
    /// One write, whole.
    Write(WriteDetail),
    /// There is no write with this key.
    UnknownWrite,
    /// It could not be done; the sentence says why.
    Refused(String),
}

/// How things are with one agent's proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The relay, as far as it is known.
    pub relay: RelayStatus,
    /// The outbox.
    pub outbox: OutboxStatus,
    /// How many event streams of the agent are open.
    pub streams: usize,
    /// How many legacy sessions are kept.
    pub sessions: usize,
    /// The agent's context.
    pub context: Context,
    /// The menu that the relay last returned, divided by the rules.
    pub tools: ToolsStatus,
}

/// What is known of the relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RelayStatus {
    /// Up, down, or not known yet.
    pub state: RelayState,
    /// For how long, in milliseconds.
    pub since_ms: u64,
    /// The newest era that it was seen to speak.
    pub era: Option<Era>,
}

/// Whether the relay answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RelayState {
    /// It answered, and nothing shows that it is away since.
    Up,
    /// It is away: it refused a call, or did not answer a ping.
    Down,
    /// It has not been heard of yet.
    Unknown,
}

/// The outbox in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxStatus {
    /// Writes that wait for delivery.
    pub depth: usize,
    /// The bytes of all writes, dead letters included.
    pub bytes: usize,
    /// How long the oldest waiting write has waited, in milliseconds.
    pub oldest_age_ms: Option<u64>,
    /// Writes that the relay refused for good.
    pub dead_letters: usize,
    /// Whether delivery waits for another token.
    pub paused: bool,
}

/// The relay's menu, divided by the rules, in the relay's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolsStatus {
    /// Shown to the agent.
    pub visible: Vec<String>,
    /// Not shown to it.
    pub hidden: Vec<String>,
}

/// A write in the outbox, without what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteSummary {
    /// The idempotency key.
    pub key: String,
    /// The tool that it calls.
    pub tool: String,
    /// Waiting or dead.
    pub state: WriteState,
    /// How often it was sent by this run of the proxy.
    pub attempts: u32,
    /// When it was accepted, in milliseconds since the Unix epoch.
    pub enqueued_at: u64,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WriteState {
    /// It waits for delivery.
    Queued,
    /// The relay refused it for good.
    Dead,
}

/// A write in the outbox, with what it says: for the runner's eyes, never for logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub summary: WriteSummary,
    /// The `params` of the call as they are sent, a JSON text.
    pub params: String,
    /// What the relay answered when it refused it, a JSON text or a sentence.
    pub relay_answer: Option<String>,
}

/// Why the host must step the machine again, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wakeup {
    /// Not before this.
    pub at: Timestamp,
    /// What is due then.
    pub why: Why,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// A call has waited long enough for the beginning of its answer.
    CallTimeout(crate::ids::CallId),
    /// The head of the outbox is tried again.
    Delivery,
    /// A relay that is down, or may be, is asked whether it is there.
    Probe,
    /// What a relay refused that was there until just now is waited for no longer.
    Restart,
    /// The menu, whose last fetch the relay refused, is fetched again.
    Menu,
    /// The relay's side of a stream is opened again.
    Upstream(crate::ids::ExchangeId),
    /// Open streams get their comment.
    Keepalive,
    /// Changes that the store refused are written again.
    StoreRetry,
}
