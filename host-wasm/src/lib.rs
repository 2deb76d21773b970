//! The sidecar with its core in a sandbox: the same host as `host-native`, and in place of the native machine
//! the component of `wit/` under wasmtime, which is granted nothing and not trusted.
//!
//! [`Sandbox`] compiles a component and says what it may use; [`ComponentMachine`] is one machine in it.

mod bindings;
mod cache;
mod contract;
mod entry;
mod inbound;
mod limits;
mod machine;
mod outbound;
mod sandbox;
mod wasi;
mod watch;

use bindings::exports::relay::mcp_proxy::machine as wit;
pub use cache::Cache;
pub use contract::Breach;
pub use limits::Limits;
pub use machine::{ComponentMachine, Fault};
pub use sandbox::{Refusal, Sandbox};
