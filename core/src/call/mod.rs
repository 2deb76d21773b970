//! Calls to the relay: each is made for a purpose, and every answer is told by how the call went.

mod body;
mod head;
mod hold;
mod outcome;
mod reading;
mod send;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::action::{CallBody, CallHeaders};
use crate::config::Config;
use crate::headers::{Header, HeaderEdit};
use crate::hello::Probe;
use crate::ids::ExchangeId;
use crate::input::{Method, Sent};
use crate::jsonrpc::Id;
use crate::outbox::Place;
use crate::time::doubled;

pub(crate) use head::is_passing;
pub(crate) use hold::Held;
pub(crate) use outcome::{Words, with_id};
pub(crate) use reading::{Facts, Reading};

/// A request to the relay, before it is sent and while it may be sent again.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    pub(crate) purpose: Purpose,
    pub(crate) method: Method,
    pub(crate) headers: CallHeaders,
    pub(crate) edits: Vec<HeaderEdit>,
    pub(crate) query: Option<String>,
    pub(crate) body: CallBody,
    /// What the body asks, where it is a request of the proxy's own: method, and params as a JSON text. Each
    /// time that it is sent it bears another id.
    pub(crate) own_request: Option<(&'static str, String)>,
    /// The session that it belongs to, by the id that the agent holds.
    pub(crate) session: Option<String>,
    pub(crate) tried: Tried,
}

/// The second tries that an errand had: one of each kind is enough.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tried {
    /// With another token (B-2.7).
    pub(crate) token: bool,
    /// In a new session (B-6.1).
    pub(crate) session: bool,
    /// On another connection.
    pub(crate) connection: bool,
    /// After a wait for a relay that was being started again.
    pub(crate) restart: bool,
    /// How often in a row it was given up for want of an answer: each time it gets twice as long.
    pub(crate) given_up: u32,
}

/// Why a call is made: who learns how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The agent's message, passed through (B-2).
    Pass(ExchangeId),
    /// The agent's `notifications/initialized`, without which its session is not open (B-3.4).
    Initialized(ExchangeId),
    /// The agent's `ping`, which is answered here when the relay is away (B-2.8).
    Ping(ExchangeId),
    /// The agent's `initialize` (B-3.1).
    Greet(ExchangeId),
    /// The agent's `server/discover` (B-3.5).
    Discover(ExchangeId, Probe),
    /// The agent's `tools/list`, with its cursor (B-4.1).
    List(ExchangeId, Option<String>),
    /// The live write of the lane (B-5.5).
    Write,
    /// A write of the outbox (B-5.8).
    Deliver(Place),
    /// `initialize` of a session that the proxy opens (B-3.4, B-6.1).
    Open(String),
    /// `notifications/initialized` of that session.
    Opened(String),
    /// The relay's side of a stream of the agent (B-7).
    Listen(ExchangeId),
    /// A page of the proxy's own fetch of the menu (B-4.7).
    Fetch,
    /// Asks a relay that is down, or may be, whether it is there (OUTBOX G6).
    Probe,
    /// Ends a session at the relay, as well as may be (B-1.6).
    Close,
}

/// A call under way.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) errand: Errand,
    /// The relay's session id that it was sent with.
    pub(crate) relay_session: Option<String>,
    /// The id of a request of the proxy's own.
    pub(crate) own_id: Option<Id>,
    /// The answer, where the machine reads it.
    pub(crate) reading: Option<Reading>,
}

impl Call {
    /// How long the relay may take to begin the answer, or to go on with one that is read.
    fn patience(&self, config: &Config) -> Duration {
        match (&self.errand.purpose, &self.reading) {
            (Purpose::Pass(_), None) => config.call_timeout,
            (_, None) => doubled(config.relay_timeout, self.errand.tried.given_up)
                .min(config.call_timeout.max(config.relay_timeout)),
            (_, Some(_)) => config.relay_timeout,
        }
    }
}

/// Nothing came back from the relay itself.
#[derive(Clone, Debug)]
pub(crate) struct Down {
    pub(crate) sent: Sent,
    pub(crate) loss: Loss,
    pub(crate) reason: String,
    pub(crate) retry_after: Option<Duration>,
}

/// How a call came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Nobody took it: refused, answered by a gateway in the relay's place, or not tried at all.
    Away,
    /// The connection broke before the answer was complete.
    Broken,
    /// There was no answer in its time.
    Silent,
}

/// How a call went whose answer was read to its end.
#[derive(Clone, Debug)]
pub(crate) enum Answered {
    /// This, which should be a JSON-RPC response: whoever reads it sees.
    Whole(Bytes),
    /// More than is read.
    TooLarge,
}

impl Errand {
    /// A request of the agent, as it is (B-2.1).
    pub(crate) fn of_exchange(purpose: Purpose, exchange: ExchangeId, query: Option<String>) -> Self {
        let (headers, body) = (CallHeaders::OfExchange(exchange), CallBody::OfExchange(exchange));
        Self { query, ..Self::post(purpose, headers, body) }
    }

    /// A message of the proxy's own.
    pub(crate) fn own(purpose: Purpose, body: impl Into<Bytes>) -> Self {
        let headers = alloc::vec![
            Header::new("content-type", "application/json"),
            Header::new("accept", "application/json, text/event-stream"),
        ];
        Self::post(purpose, CallHeaders::Own(headers), CallBody::Bytes(body.into()))
    }

    fn post(purpose: Purpose, headers: CallHeaders, body: CallBody) -> Self {
        Self {
            purpose,
            method: Method::Post,
            headers,
            edits: Vec::new(),
            query: None,
            body,
            own_request: None,
            session: None,
            tried: Tried::default(),
        }
    }

    /// A request of the proxy's own; `params` is a JSON text.
    pub(crate) fn own_request(purpose: Purpose, method: &'static str, params: impl Into<String>) -> Self {
        Self { own_request: Some((method, params.into())), ..Self::own(purpose, "") }
    }

    /// The same in this session.
    pub(crate) fn in_session(mut self, session: Option<String>) -> Self {
        self.session = session;
        self
    }
}

impl Purpose {
    /// The exchange that waits for this call alone.
    pub(crate) fn exchange(&self) -> Option<ExchangeId> {
        match self {
            Self::Pass(exchange)
            | Self::Initialized(exchange)
            | Self::Ping(exchange)
            | Self::Greet(exchange)
            | Self::Discover(exchange, _)
            | Self::List(exchange, _)
            | Self::Listen(exchange) => Some(*exchange),
            Self::Write
            | Self::Deliver(_)
            | Self::Open(_)
            | Self::Opened(_)
            | Self::Fetch
            | Self::Probe
            | Self::Close => None,
        }
    }

    /// The exchange that gets the relay's answer as it is.
    pub(crate) fn passes_to(&self) -> Option<ExchangeId> {
        match self {
            Self::Pass(exchange) | Self::Initialized(exchange) | Self::Ping(exchange) => Some(*exchange),
            Self::Greet(_)
            | Self::Discover(..)
            | Self::List(..)
            | Self::Write
            | Self::Deliver(_)
            | Self::Open(_)
            | Self::Opened(_)
            | Self::Listen(_)
            | Self::Fetch
            | Self::Probe
            | Self::Close => None,
        }
    }

    /// Whether it carries a message of the agent, and no write: those have their own order.
    pub(crate) fn is_forward(&self) -> bool {
        self.exchange().is_some() && !matches!(self, Self::Listen(_))
    }

    /// Whether the relay must begin to answer in time. It may keep the head of a stream until it has an event.
    fn is_timed(&self) -> bool {
        !matches!(self, Self::Listen(_))
    }

    /// Whether the agent waits for it, and gets an answer of ours while the relay is away.
    fn is_of_the_agent(&self) -> bool {
        self.is_forward() || *self == Self::Write
    }

    /// Whether it may reach the relay twice and do no more than once. A write is not among them: it has a
    /// key, and the outbox (OUTBOX G3).
    fn is_repeatable(&self) -> bool {
        match self {
            Self::Initialized(_)
            | Self::Ping(_)
            | Self::Greet(_)
            | Self::Discover(..)
            | Self::List(..)
            | Self::Open(_)
            | Self::Opened(_)
            | Self::Fetch
            | Self::Probe => true,
            Self::Pass(_) | Self::Write | Self::Deliver(_) | Self::Listen(_) | Self::Close => false,
        }
    }
}
