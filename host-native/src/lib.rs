//! The native host of relay-mcp-proxy.

pub mod handle;
pub mod settings;
pub mod token;
