//! What can happen to the machine.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::headers::Header;
use crate::ids::{CallId, CommandId, ExchangeId, Ticket};

/// One thing that happened. An id that the machine does not know is a race, never an error: it is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Time has passed. Early and late ticks are harmless.
    Tick,
    /// The agent sent a request that the [door](crate::door) admitted, and its body has arrived whole.
    Request {
        /// The host's name for this request and its answer.
        exchange: ExchangeId,
        /// What the agent sent.
        request: AgentRequest,
    },
    /// The agent went away before its exchange had its last action.
    AgentGone {
        /// The exchange that nobody waits for any more.
        exchange: ExchangeId,
    },
    /// The relay began to answer a call. The machine decides at once: splice, read or cancel.
    RelayHead {
        /// The call that is answered.
        call: CallId,
        /// Status and the headers that concern the machine.
        head: RelayHead,
    },
    /// A plain answer to a call went to whom it was to be [passed to](crate::Action::Call): both are over. It comes
    /// with the next input, before it, and within a quarter of a second with a [`Tick`](Self::Tick) if there is none; never
    /// alone, since no timer fires between them.
    Passed {
        /// The call that was answered.
        call: CallId,
    },
    /// A piece of an answer that the machine [reads](crate::Action::Read).
    RelayChunk {
        /// The call that is answered.
        call: CallId,
        /// The bytes as they came; any chunking is the same answer.
        bytes: Bytes,
    },
    /// The answer of a call is complete, read or spliced.
    RelayEnd {
        /// The call that is over.
        call: CallId,
    },
    /// A call came to nothing, before or in the middle of its answer.
    RelayFailed {
        /// The call that is over.
        call: CallId,
        /// What went wrong.
        failure: RelayFailure,
    },
    /// Every ticket up to and including this one, unless reported failed, is on disk and synced.
    Durable {
        /// The last ticket that is durable.
        through: Ticket,
    },
    /// The unacknowledged tickets up to and including this one were not stored, none of them.
    StoreFailed {
        /// The last ticket that was lost.
        through: Ticket,
        /// What the store said, as a sentence.
        reason: String,
    },
    /// The runner asks for something (B-8.1); answered by [`Action::Reply`](crate::Action::Reply).
    Command {
        /// The host's name for the question.
        command: CommandId,
        /// What is asked.
        request: Command,
    },
}

/// A request of the agent: an HTTP message to the one endpoint (B-1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRequest {
    /// GET, POST or DELETE.
    pub method: Method,
    /// The query of the request target, without `?`.
    pub query: Option<String>,
    /// The headers that [concern the machine](crate::headers::concerning_request), in order.
    /// The host keeps all of them, and sends along what crosses (B-2.1).
    pub headers: Vec<Header>,
    /// The body as it came; empty for GET and DELETE.
    pub body: Bytes,
}

/// The methods that the endpoint knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Opens the legacy event stream (B-7.1).
    Get,
    /// Carries one JSON-RPC message.
    Post,
    /// Ends a legacy session (B-1.6).
    Delete,
}

/// How the relay began its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayHead {
    /// The HTTP status.
    pub status: u16,
    /// The headers that [concern the machine](crate::headers::concerning_answer), in order.
    pub headers: Vec<Header>,
    /// The host read the token again, after a 401 or 403, and it is not the one that this call carried
    /// (B-2.7). False for every other status.
    pub token_changed: bool,
}

/// Why a call has no answer, or only the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayFailure {
    /// Whether the relay may have seen the request.
    pub sent: Sent,
    /// A sentence fragment such as `connection refused`; never a token, an argument or a secret.
    pub reason: String,
}

/// Whether a failed request may have reached the relay (OUTBOX G3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// No byte of it left: it was not executed.
    No,
    /// Some of it left: nobody here can know.
    Unknown,
}

/// What the runner can ask (B-8.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Set flags of the agent's context; flags that are not named keep their value.
    SetContext(Vec<(String, bool)>),
    /// Fetch the relay's menu again with the live token (B-4.7). Answered when that is done.
    Refresh,
    /// The host's token is another one now: a queue that paused for it goes on (B-5.8).
    TokenChanged,
    /// How things are.
    Status,
    /// All writes in the outbox, oldest first.
    ListOutbox,
    /// One write, whole.
    ShowWrite(String),
    /// Queue a dead letter again, under the same key, behind what is queued.
    RetryWrite(String),
    /// Remove a write for good.
    DiscardWrite(String),
    /// Shut down: end the streams, take no new work; what is in flight may finish (B-8.4).
    Drain,
}
