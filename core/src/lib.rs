//! The machine of relay-mcp-proxy: everything that the sidecar decides, and nothing that it does.
//!
//! An MCP agent talks to its relay through the proxy. This crate is the proxy without the world: no sockets,
//! no files, no clock, no threads; the compiler sees to that (`no_std`). A *host* tells it what happened and
//! does what it says:
//!
//! ```text
//!            agent                         host                          relay
//!              │   HTTP request    ┌──────────────────┐    HTTP request    │
//!              ├──────────────────►│ door → Input     ├───────────────────►│
//!              │                   │   step(now, …)   │                    │
//!              │◄──────────────────┤ Action →         │◄───────────────────┤
//!              │   answer          └────────┬─────────┘    answer          │
//!                                     records│▲ durable
//!                                            ▼│
//!                                          store
//! ```
//!
//! - [`door`] lets a request in or not, from its head alone. The host asks it directly, and compares the secret.
//! - [`Proxy::open`] makes the machine from the stored [`Record`]s; a first start is the recovery of nothing.
//! - [`Proxy::step`] takes an [`Input`] and gives [`Action`]s, to be done in their order. It is total: no input
//!   is an error, and an id that it does not know is a race.
//! - [`Proxy::next_wakeup`] says when to step with [`Input::Tick`] even if nothing happens.
//! - [`failure`] says what the agent is told where an engine that runs the machine has failed.
//!
//! Whoever starts a thing names it: the host names exchanges (a request of the agent and its answer) and
//! commands (of the runner), the machine names calls (to the relay) and tickets (for the store). Randomness
//! comes from one seed, time from the host, so the same inputs give the same actions, and a run can be
//! recorded, replayed and compared.
//!
//! # Driving it
//!
//! A write while the relay is away: the agent is told "queued" only after the store said that it is durable.
//!
//! ```
//! use relay_mcp_core::*;
//!
//! let mut now = Timestamp(1_000);
//! let mut proxy = Proxy::open(Config::default(), [7; 32], now, Vec::new())?;
//!
//! // The agent calls a tool that may be queued …
//! let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call",
//!                "params":{"name":"relay_send_message","arguments":{"text":"hello"}}}"#;
//! let request = AgentRequest { method: Method::Post, query: None, headers: vec![], body: body.into() };
//! let actions = proxy.step(now, Input::Request { exchange: ExchangeId(1), request });
//! let [Action::Call { call, .. }] = &actions[..] else { panic!("{actions:?}") };
//!
//! // … the relay is away, so the write is to be stored, and the agent hears nothing yet …
//! let failure = RelayFailure { sent: Sent::No, reason: "connection refused".into() };
//! let actions = proxy.step(now, Input::RelayFailed { call: *call, failure });
//! let Some(Action::Persist { ticket, changes }) = actions.last() else { panic!("{actions:?}") };
//! assert_eq!(changes[0].key().kind, RecordKind::Write);
//! assert!(!actions.iter().any(|action| matches!(action, Action::Answer { .. })));
//!
//! // … and once it is durable, the agent gets its receipt.
//! now = Timestamp(1_004);
//! let actions = proxy.step(now, Input::Durable { through: *ticket });
//! let receipt = actions.iter().find_map(|action| match action {
//!     Action::Answer { body, .. } => std::str::from_utf8(body).ok(),
//!     _ => None,
//! });
//! assert!(receipt.is_some_and(|receipt| receipt.contains(r#""queued":true"#)));
//! # Ok::<(), OpenError>(())
//! ```
//!
//! Rules are cited by their number in the contract (`B-5.4`); `G` numbers are the outbox's guarantees.
#![no_std]

extern crate alloc;

mod action;
mod call;
mod command;
mod config;
mod context;
pub mod door;
mod exchange;
pub mod failure;
mod glob;
pub mod headers;
mod health;
mod hello;
mod ids;
mod input;
pub mod jsonrpc;
mod machine;
mod map;
pub mod mcp;
pub mod menu;
mod observation;
mod outbox;
mod own_id;
mod pass;
mod proxy;
mod random;
mod record;
mod recovery;
mod relay;
mod session;
mod status;
mod stream;
mod time;
mod timers;
mod write_ahead;

pub use action::{Action, AnswerHead, CallBody, CallHeaders, RelayRequest};
pub use config::{Backoff, Config, Limits, MenuRule};
pub use context::Context;
pub use glob::Glob;
pub use ids::{CallId, CommandId, ExchangeId, Ticket};
pub use input::{AgentRequest, Command, Input, Method, RelayFailure, RelayHead, Sent};
pub use machine::Machine;
pub use observation::Observation;
pub use proxy::Proxy;
pub use record::{Change, FORMAT, Record, RecordKey, RecordKind};
pub use recovery::OpenError;
pub use status::{
    OutboxStatus, RelayState, RelayStatus, Reply, Status, ToolsStatus, Wakeup, Why, WriteDetail, WriteState,
    WriteSummary,
};
pub use time::Timestamp;
