//! The machine of relay-mcp-proxy.
#![no_std]

extern crate alloc;

mod action;
mod call;
mod command;
mod config;
pub mod door;
mod exchange;
mod glob;
pub mod headers;
mod health;
mod hello;
mod ids;
mod input;
pub mod jsonrpc;
mod machine;
pub mod mcp;
pub mod menu;
mod observation;
mod outbox;
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
