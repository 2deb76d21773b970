//! What the ids of exchanges, calls and commands stand for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::relay_client::RelayBody;
use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Response};
use relay_mcp_core::{CallId, Command, CommandId, ExchangeId, Method, Reply};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::answer::Pipe;
use super::by_id::ById;
use super::way_back::{CallHere, WayBack};

/// All that is under way.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) exchanges: ById<ExchangeId, Box<Exchange>>,
    pub(super) calls: ById<CallId, Call>,
    pub(super) questions: BTreeMap<CommandId, Asked>,
    last_id: u64,
}

/// A request of the agent, kept until its last action because calls may refer to it.
pub(super) struct Exchange {
    pub(super) method: Method,
    /// As they came, the agent's credentials among them: what goes on of them is chosen for each call.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) reply: ReplyTo,
}

/// Where an exchange's answer goes.
pub(super) enum ReplyTo {
    /// Nothing of it was sent yet.
    Head(WayBack),
    /// It has begun.
    Body(Arc<Pipe>),
}

/// A question of the runner.
pub(super) struct Asked {
    pub(super) command: Command,
    pub(super) reply: oneshot::Sender<Reply>,
    /// The machine failed over it once.
    pub(super) was_repeated: bool,
}

/// A request to the relay.
pub(super) struct Call {
    pub(super) place: Place,
    pub(super) answer: Answer,
    /// Whom a plain answer is for.
    pub(super) pass_to: Option<ExchangeId>,
}

/// Where a call is made.
pub(super) enum Place {
    /// Where the agent's request waits for it.
    Here(CallHere),
    /// In a task of its own.
    Task(AbortHandle),
}

/// How far a call's answer is.
pub(super) enum Answer {
    /// There is none yet.
    Awaited,
    /// Its head is here, and the machine decides what becomes of the rest.
    Begun(Box<Response<RelayBody>>),
    /// The machine reads it.
    Read {
        /// Kept for the agent's answer.
        head: Box<Parts>,
        /// Until whoever made the call takes it up.
        body: Option<RelayBody>,
    },
}

impl Tables {
    /// A new id, for an exchange or a command: later than all others, whatever becomes of the machine.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}
