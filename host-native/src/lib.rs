//! The native host of relay-mcp-proxy.

pub mod cli;
pub mod client_config;
pub mod config;
pub mod handle;
pub mod secret;
pub mod settings;
pub mod store;
pub mod token;
