//! What the ids of exchanges, calls and commands stand for.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Response};
use hyper::body::Incoming;
use relay_mcp_core::{CallId, CommandId, ExchangeId, Reply};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::answer::{AgentBody, Pipe};

/// All that is under way.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) exchanges: BTreeMap<ExchangeId, Exchange>,
    pub(super) calls: BTreeMap<CallId, Call>,
    pub(super) questions: BTreeMap<CommandId, oneshot::Sender<Reply>>,
    last_id: u64,
}

/// A request of the agent, kept until its last action because calls may refer to it.
pub(super) struct Exchange {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) reply: ReplyTo,
}

/// Where an exchange's answer goes.
pub(super) enum ReplyTo {
    /// Nothing of it was sent yet.
    Head(oneshot::Sender<Response<AgentBody>>),
    /// It has begun.
    Body(Arc<Pipe>),
}

/// A request to the relay.
pub(super) struct Call {
    pub(super) task: AbortHandle,
    pub(super) answer: Answer,
}

/// How far a call's answer is.
pub(super) enum Answer {
    /// There is none yet.
    Awaited,
    /// Its head is here, and the machine decides what becomes of the rest.
    Begun(Response<Incoming>),
    /// The machine reads it. The head is kept for the agent's answer.
    Read(Box<Parts>),
}

impl Tables {
    /// A new id, for an exchange or a command.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}
