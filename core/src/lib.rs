//! The machine of relay-mcp-proxy.
#![no_std]

extern crate alloc;

mod action;
mod config;
pub mod door;
mod glob;
pub mod headers;
mod ids;
mod input;
pub mod jsonrpc;
mod machine;
pub mod mcp;
mod observation;
mod random;
mod record;
mod status;
mod time;

pub use action::{Action, AnswerHead, CallBody, CallHeaders, RelayRequest};
pub use config::{Backoff, Config, Limits, MenuRule};
pub use glob::Glob;
pub use ids::{CallId, CommandId, ExchangeId, Ticket};
pub use input::{AgentRequest, Command, Input, Method, RelayFailure, RelayHead, Sent};
pub use machine::Machine;
pub use observation::Observation;
pub use record::{Change, FORMAT, Record, RecordKey, RecordKind};
pub use status::{
    OutboxStatus, RelayState, RelayStatus, Reply, Status, ToolsStatus, Wakeup, Why, WriteDetail, WriteState,
    WriteSummary,
};
pub use time::Timestamp;
