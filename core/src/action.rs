//! What the machine wants done. A host does it, in order, and decides nothing.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::headers::{Header, HeaderEdit};
use crate::ids::{CallId, CommandId, ExchangeId, Ticket};
use crate::input::Method;
use crate::observation::Observation;
use crate::record::Change;
use crate::status::Reply;

/// One thing to do.
///
/// Every exchange gets exactly one last action: [`Answer`](Self::Answer), [`Splice`](Self::Splice),
/// [`AnswerEnd`](Self::AnswerEnd) or [`Abort`](Self::Abort); or its answer is [passed](crate::Input::Passed) on. Until
/// then the host keeps the agent's request, because a call may still refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a request to the relay, with the live token.
    Call {
        /// The machine's name for it.
        call: CallId,
        /// What to send.
        request: RelayRequest,
        /// Whom a [plain](crate::headers::is_plain) answer is for. The host may pass one on as it would for a
        /// [`Splice`](Self::Splice), and say [`Passed`](crate::Input::Passed) in place of
        /// [`RelayHead`](crate::Input::RelayHead).
        pass_to: Option<ExchangeId>,
    },
    /// Hand the relay's answer to the agent as it is and as it comes (B-2.3). The last action of the
    /// exchange, and the last that the machine wants to hear of the call.
    Splice {
        /// Whose answer.
        call: CallId,
        /// Who gets it.
        exchange: ExchangeId,
        /// Changes to the relay's headers.
        edits: Vec<HeaderEdit>,
    },
    /// Feed the relay's answer to the machine, chunk by chunk. Its head is kept until [`Cancel`](Self::Cancel),
    /// since an [`AnswerHead::OfCall`] may come after its end.
    Read {
        /// Whose answer.
        call: CallId,
    },
    /// Forget a call: close its connection, drop its answer, or, where that was read to its end, its head.
    /// Nothing more is reported of it.
    Cancel {
        /// The call that nobody needs any more.
        call: CallId,
    },
    /// Answer the agent, whole.
    Answer {
        /// Who is answered.
        exchange: ExchangeId,
        /// Status and headers.
        head: AnswerHead,
        /// The body.
        body: Bytes,
    },
    /// Begin an answer whose body follows in pieces. Sent at once, before there is any body.
    AnswerHead {
        /// Who is answered.
        exchange: ExchangeId,
        /// Status and headers.
        head: AnswerHead,
    },
    /// The next piece of an answer that was begun.
    AnswerChunk {
        /// Who is answered.
        exchange: ExchangeId,
        /// The bytes, as they go out.
        bytes: Bytes,
    },
    /// An answer that was begun is complete.
    AnswerEnd {
        /// Who was answered.
        exchange: ExchangeId,
    },
    /// Break the exchange off: the relay broke its answer off, or the agent went away.
    Abort {
        /// The exchange that is over.
        exchange: ExchangeId,
    },
    /// Store these changes, all or none, and acknowledge the ticket after the sync.
    Persist {
        /// The machine's name for the batch.
        ticket: Ticket,
        /// What changes.
        changes: Vec<Change>,
    },
    /// Answer a command.
    Reply {
        /// Which command.
        command: CommandId,
        /// The answer.
        reply: Reply,
    },
    /// Something worth a log line or a metric. Holds no argument, token or secret (B-8.2).
    Observe(Observation),
}

/// A request to the relay's one endpoint. The host adds the address and the token, asks for
/// `Accept-Encoding: identity` and takes care of `Host` and `Content-Length` (B-2.1, B-2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayRequest {
    /// The HTTP method.
    pub method: Method,
    /// Where the headers start from.
    pub headers: CallHeaders,
    /// Changes to those headers, applied in order.
    pub edits: Vec<HeaderEdit>,
    /// The query, without `?`.
    pub query: Option<String>,
    /// The body.
    pub body: CallBody,
}

/// The headers that a call starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallHeaders {
    /// The end-to-end headers of the agent's request, as they came (B-2.1).
    OfExchange(ExchangeId),
    /// These and no others.
    Own(Vec<Header>),
}

/// The body of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallBody {
    /// None.
    Empty,
    /// The agent's, byte for byte.
    OfExchange(ExchangeId),
    /// These bytes.
    Bytes(Bytes),
}

/// Status and headers of an answer to the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerHead {
    /// Ours.
    Own {
        /// The HTTP status.
        status: u16,
        /// The headers; the host adds `Content-Length` or chunks.
        headers: Vec<Header>,
    },
    /// The relay's status and end-to-end headers, less those that describe the body's length.
    OfCall {
        /// Whose head.
        call: CallId,
        /// Changes to the headers.
        edits: Vec<HeaderEdit>,
    },
}

impl AnswerHead {
    /// A head of ours with one content type.
    #[must_use]
    pub fn own(status: u16, content_type: &str) -> Self {
        Self::Own { status, headers: alloc::vec![Header::new("content-type", content_type)] }
    }
}
